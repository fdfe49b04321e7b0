//! Pages of HTML, in a browser: they show what they should, report no error and load nothing.

use crate::ANSWER;
use anyhow::Result;
use libtest_mimic::Trial;
use serde_json::Value;
use test_kit::browser::Browser;
use test_kit::folder::Folder;
use test_kit::trials;
use wasm2native::page::treemap;

pub fn trials() -> Vec<Trial> {
    trials!["pages":
        a_treemap_has_every_byte_once,
        a_treemap_is_shown_and_searched,
        a_time_line_has_stages_and_functions,
        pages_are_closed,
    ]
}

/// A module with names that HTML would obey.
const MODULE: &str = r#"(module
  (func $_ZN5alpha3one17h0123456789abcdefE (export "a") (param i32) (result i32) (i32.mul (local.get 0) (local.get 0)))
  (func $_ZN5alpha3two17h0123456789abcdefE (export "b") (param i32) (result i32) (i32.div_s (local.get 0) (i32.const 7)))
  (func $"</script><img src=x onerror=alert(1)>" (export "c") (param i32) (result i32) (i32.rem_u (local.get 0) (i32.const 7)))
  (memory 1) (data (i32.const 8) "abc")
  (func $start (export "main") (drop (call 0 (i32.const 1))) (drop (call 1 (i32.const 2))) (drop (call 2 (i32.const 3)))))"#;

fn a_treemap_has_every_byte_once() {
    let folder = Folder::with(&[("m.wat", MODULE)]);
    for args in [&["-o", "m"][..], &["--strip", "-o", "m"], &["--emit", "sharedlib=m"]] {
        folder.wasm2native(&[&["m.wat"], args].concat()).succeeds();
        let bytes = folder.read("m");
        let tree = treemap::tree(&bytes).expect("it can be read");
        assert_eq!(tree.size, bytes.len() as u64, "{args:?}");
        let names = names(&tree);
        let has_names = !args.contains(&"--strip");
        assert_eq!(names.iter().any(|name| name == "alpha::one"), has_names, "{args:?}: {names:?}");
    }
}

/// Names of the leaves; sizes of inner nodes are sums.
fn names(node: &treemap::Node) -> Vec<String> {
    if node.children.is_empty() {
        return vec![node.name.clone()];
    }
    assert_eq!(node.children.iter().map(|child| child.size).sum::<u64>(), node.size, "{}", node.name);
    node.children.iter().flat_map(names).collect()
}

fn a_treemap_is_shown_and_searched() -> Result<()> {
    let folder = Folder::with(&[("m.wat", MODULE)]);
    folder.wasm2native(&["m.wat", "--dir", "data::/data::ro"]).succeeds();
    folder.wasm2native(&["inspect", "m", "--html", "m.html"]).succeeds();
    let mut browser = Browser::open(&folder.path("m.html"))?;
    let text = browser.evaluate("document.body.innerText")?.to_string();
    for part in ["module", "runtime and C library", "data as /data (read-only)", "KiB"] {
        assert!(text.contains(part), "`{part}` is missing: {text}");
    }
    let found = browser.evaluate("search.value = 'alpha::'; light(); document.getElementById('found').textContent")?;
    assert!(found.as_str().is_some_and(|it| it.starts_with("2 found, ")), "{found}");
    browser.screenshot("treemap")?;
    assert_eq!(browser.evaluate("search.value = 'onerror'; light(); document.images.length")?, 0);
    browser.evaluate("search.value = ''; light()")?;
    let n_all = browser.evaluate("map.children.length")?;
    browser.click("#map .group .leaf, #map .group ~ .group")?;
    browser.wait("document.getElementById('crumbs').textContent.includes('›')")?;
    assert!(browser.evaluate("map.children.length")? != n_all);
    assert_eq!(browser.complaints(), [""; 0]);
    Ok(())
}

fn a_time_line_has_stages_and_functions() -> Result<()> {
    let folder = Folder::with(&[("m.wat", MODULE)]);
    let said = folder.wasm2native(&["m.wat", "-j2", "--timings=t.html"]).succeeds();
    assert_eq!(said.stderr, "");
    let page = String::from_utf8(folder.read("t.html")).expect("a page is text");
    let json = page.split("id=\"data\">").nth(1).and_then(|rest| rest.split("</script>").next());
    let data: Value = serde_json::from_str(json.expect("it has data"))?;
    let stages: Vec<_> = data["stages"].as_array().expect("an array").iter().map(|it| it["name"].clone()).collect();
    assert!(["parse", "compile", "link"].iter().all(|name| stages.contains(&Value::from(*name))), "{stages:?}");
    let spans = data["threads"].as_array().expect("an array").iter().flat_map(|it| it.as_array().expect("an array"));
    let spans: Vec<_> = spans.collect();
    assert!(spans.iter().any(|span| span["name"].as_str().is_some_and(|it| it.contains("alpha"))), "{spans:?}");
    let compile = data["stages"].as_array().expect("an array").iter().find(|it| it["name"] == "compile");
    let [from, to] = ["start", "end"].map(|key| compile.and_then(|it| it[key].as_f64()).expect("a number"));
    // Times are taken one after the other: a millisecond covers that.
    let is_inside =
        |span: &&&Value| span["start"].as_f64() >= Some(from - 1.0) && span["end"].as_f64() <= Some(to + 1.0);
    assert_eq!(spans.iter().filter(is_inside).count(), spans.len(), "{data}");
    let mut browser = Browser::open(&folder.path("t.html"))?;
    let text = browser.evaluate("document.body.innerText")?.to_string();
    assert!(text.contains("Slowest functions") && text.contains("compile"), "{text}");
    browser.screenshot("timeline")?;
    assert_eq!(browser.complaints(), [""; 0]);
    Ok(())
}

/// Without a browser: no page refers to anything outside of itself.
fn pages_are_closed() {
    let folder = Folder::with(&[("a.wat", ANSWER)]);
    folder.wasm2native(&["a.wat", "--timings=time.html"]).succeeds();
    folder.wasm2native(&["inspect", "a", "--html", "map.html"]).succeeds();
    for page in ["time.html", "map.html"] {
        let text = String::from_utf8(folder.read(page)).expect("a page is text");
        assert!(text.contains("default-src 'none'"), "{page}");
        for word in ["http://", "https://", "<script src", "@import", "url("] {
            assert!(!text.contains(word), "{page} has `{word}`");
        }
    }
    folder.wasm2native(&["inspect", "a", "a", "--html", "x"]).fails(2, &["--html shows one program"]);
}
