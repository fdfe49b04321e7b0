//! Pages of HTML, in a browser: they show what they should, report no error and load nothing.

use crate::ANSWER;
use anyhow::Result;
use libtest_mimic::Trial;
use serde_json::Value;
use test_kit::browser::Browser;
use test_kit::folder::Folder;
use test_kit::{tool, trials};
use wasm2native::options::Options;
use wasm2native::page::explore::Positions;
use wasm2native::page::treemap;
use wasm2native::progress::Silent;
use wasm2native::wasm::input::Input;

pub fn trials() -> Vec<Trial> {
    trials!["pages":
        a_treemap_has_every_byte_once,
        a_treemap_has_each_address_once,
        a_treemap_is_shown_and_searched,
        a_time_line_has_stages_and_functions,
        pages_are_closed,
        exploring_lights_an_operator_in_all_forms,
        exploring_shows_the_source,
        exploring_finds_functions_by_name,
        exploring_shows_some_functions,
        exploring_shows_other_processors,
        a_large_module_is_explored,
        exploring_is_for_what_can_be_compiled,
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

/// The C library has several functions at one address.
fn a_treemap_has_each_address_once() {
    let folder = Folder::with(&[("a.wat", crate::ARGS)]);
    folder.wasm2native(&["a.wat"]).succeeds();
    let names = names(&treemap::tree(&folder.read("a")).expect("it can be read"));
    let copies = names.iter().filter(|name| ["memcpy", "memmove"].contains(&name.as_str()));
    assert_eq!(copies.count(), 1, "{names:?}");
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
    browser.click_until(
        "#map .group .leaf, #map .group ~ .group",
        "document.getElementById('crumbs').textContent.includes('›')",
    )?;
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
    folder.wasm2native(&["explore", "a.wat", "-o", "code.html"]).succeeds();
    for page in ["time.html", "map.html", "code.html"] {
        let text = String::from_utf8(folder.read(page)).expect("a page is text");
        assert!(text.contains("default-src 'none'"), "{page}");
        for word in ["http://", "https://", "<script src", "@import", "url("] {
            assert!(!text.contains(word), "{page} has `{word}`");
        }
    }
    folder.wasm2native(&["inspect", "a", "a", "--html", "x"]).fails(2, &["--html shows one program"]);
}

/// Pretends that each operator comes from the line of its offset, in one of two files.
struct Invented;

impl Positions for Invented {
    fn files(&self) -> Vec<(String, Option<String>)> {
        let text = (1..=300).map(|number| format!("line {number} <b>")).collect::<Vec<_>>().join("\n");
        vec![("first.c".to_owned(), Some(text)), ("second.c".to_owned(), None)]
    }

    fn find(&self, wasm_offset: u32) -> Option<(u32, u32)> {
        (wasm_offset < 300).then_some((0, wasm_offset))
    }
}

fn explore(text: &str, positions: Option<&dyn Positions>, options: &Options) -> Result<Folder> {
    let input = Input { name: "m.wat".to_owned(), bytes: text.into() };
    let page = wasm2native::driver::explore::page(&input, options, &[], positions, &Silent)?;
    let folder = Folder::empty();
    folder.write("m.html", page);
    Ok(folder)
}

/// Texts of the lines that are lit in a pane.
fn lit(browser: &mut Browser, pane: &str) -> Result<Vec<String>> {
    let script = format!("[...document.querySelectorAll('#{pane} .lit')].map((line) => line.textContent.trim())");
    Ok(serde_json::from_value(browser.evaluate(&script)?)?)
}

fn exploring_lights_an_operator_in_all_forms() -> Result<()> {
    let folder = explore(MODULE, Some(&Invented), &Options::default())?;
    let mut browser = Browser::open(&folder.path("m.html"))?;
    let text = browser.evaluate("document.body.innerText")?.to_string();
    for part in ["alpha::one", "i32.mul", "imul", "block0", "functions"] {
        assert!(text.contains(part), "`{part}` is missing: {text}");
    }
    // The text form's line of the multiplication.
    browser.evaluate(
        "[...document.querySelectorAll('#wat .line')].find((it) => it.textContent.includes('i32.mul')).id = 'wanted'",
    )?;
    browser.click_until("#wanted", "document.querySelectorAll('#code .lit').length > 0")?;
    assert_eq!(lit(&mut browser, "wat")?, ["i32.mul"]);
    let clif = lit(&mut browser, "clif")?;
    assert!(clif.iter().any(|line| line.contains("imul")), "{clif:?}");
    assert!(!clif.iter().any(|line| line.contains("return")), "{clif:?}");
    let code = lit(&mut browser, "code")?;
    assert!(!code.is_empty() && code.iter().all(|line| line.contains("imul") || line.contains("mov")), "{code:?}");
    let source = lit(&mut browser, "source")?;
    assert!(source.len() == 1 && source[0].ends_with("<b>"), "{source:?}");
    browser.screenshot("explore")?;
    // And back, from a line of the source.
    browser.evaluate("for (const pane of Object.values(panes)) { pane.lit = () => false; pane.draw(); }")?;
    browser.evaluate(
        "[...document.querySelectorAll('#source .line')].find((it) => it.number + 1 === \
         view.positions.find(([offset]) => offset === view.wat.find(([, text]) => text.includes('i32.mul'))[0])[2]).id = 'line'",
    )?;
    browser.click_until("#line", "document.querySelectorAll('#wat .lit').length > 0")?;
    assert_eq!(lit(&mut browser, "wat")?, ["i32.mul"]);
    assert_eq!(browser.complaints(), [""; 0]);
    Ok(())
}

/// The source of a module with DWARF, if it lies below the current directory: a module names what
/// it likes.
fn exploring_shows_the_source() -> Result<()> {
    tool::require_command("clang-19")?;
    let source = Folder::with(&[("twice.c", "int twice(int number) {\n  return number * 2; /* here */\n}\n")]);
    let flags = ["--target=wasm32", "-nostdlib", "-g", "-O1", "-Wl,--no-entry,--export=twice", "twice.c", "-o", "m"];
    source.tool("clang-19", &flags).succeeds();
    let elsewhere = Folder::empty();
    elsewhere.write("m", source.read("m"));
    for (folder, is_shown) in [(&source, true), (&elsewhere, false)] {
        folder.wasm2native(&["explore", "m", "-o", "m.html"]).succeeds();
        let mut browser = Browser::open(&folder.path("m.html"))?;
        browser.evaluate("search.value = 'twice'; find()")?;
        browser.click_until("#names .line", "document.getElementById('function').textContent === 'twice'")?;
        let text = browser.evaluate("document.getElementById('source').innerText")?.to_string();
        assert_eq!(text.contains("/* here */"), is_shown, "{text}");
        assert_eq!(browser.complaints(), [""; 0]);
    }
    Ok(())
}

fn exploring_finds_functions_by_name() -> Result<()> {
    let folder = explore(MODULE, None, &Options::default())?;
    let mut browser = Browser::open(&folder.path("m.html"))?;
    assert_eq!(browser.evaluate("document.getElementById('source').hidden")?, true);
    browser.evaluate("search.value = 'ALPHA::two'; find()")?;
    let shown = browser.evaluate("[...document.querySelectorAll('#names .line')].map((it) => it.textContent)")?;
    assert_eq!(shown, serde_json::json!(["alpha::two"]));
    browser.click_until("#names .line", "document.getElementById('function').textContent === 'alpha::two'")?;
    browser.wait("document.getElementById('code').innerText.includes('sar')")?;
    browser.evaluate("search.value = 'onerror'; find()")?;
    browser.click_until("#names .line", "document.getElementById('function').textContent.includes('onerror')")?;
    assert_eq!(browser.evaluate("document.images.length")?, 0);
    assert_eq!(browser.complaints(), [""; 0]);
    Ok(())
}

/// Those that are asked for, and no others.
fn exploring_shows_some_functions() -> Result<()> {
    let folder = Folder::with(&[("m.wat", MODULE)]);
    folder.wasm2native(&["explore", "m.wat", "--function", "alpha::t*", "-o", "m.html"]).succeeds();
    let mut browser = Browser::open(&folder.path("m.html"))?;
    browser.evaluate("search.value = ''; find()")?;
    let shown = browser.evaluate("[...document.querySelectorAll('#names .line')].map((it) => it.textContent)")?;
    assert_eq!(shown, serde_json::json!(["alpha::two"]));
    assert_eq!(browser.complaints(), [""; 0]);
    let said = ["m.wat: no function has a name like `nothing*`"];
    folder.wasm2native(&["explore", "m.wat", "--function", "nothing*", "-o", "other.html"]).fails(1, &said);
    folder.wasm2native(&["explore", "m.wat", "--function", "a**b", "-o", "other.html"]).fails(2, &["a**b"]);
    assert!(!folder.path("other.html").exists());
    Ok(())
}

/// Another processor has the generator's listing.
fn exploring_shows_other_processors() -> Result<()> {
    let options = Options { target: Some("riscv64gc-unknown-linux-gnu".to_owned()), ..Options::default() };
    let folder = explore(MODULE, None, &options)?;
    let mut browser = Browser::open(&folder.path("m.html"))?;
    browser.wait("document.getElementById('code').innerText.includes('mulw')")?;
    assert_eq!(browser.complaints(), [""; 0]);
    Ok(())
}

/// A module whose page is large opens at once all the same.
fn a_large_module_is_explored() -> Result<()> {
    // Wasm of about 5 MB, or, without W2N_FULL, a tenth: functions of some hundred operators each.
    let n_functions = if test_kit::trial::is_full() { 4000 } else { 400 };
    let body =
        "(local.set 0 (i32.xor (i32.mul (local.get 0) (i32.const 0x9e3779b1)) (i32.rotl (local.get 1) (local.get 0))))";
    let function = |number: usize| {
        format!(
            "(func $f{number} (export \"f{number}\") (param i32 i32) (result i32) {} (local.get 0))",
            body.repeat(80)
        )
    };
    let text = format!("(module {})", (0..n_functions).map(function).collect::<String>());
    let wasm = wat::parse_str(&text)?;
    assert!(wasm.len() > n_functions * 1300, "{}", wasm.len());
    let folder = Folder::empty();
    folder.write("large.wasm", &wasm);
    folder.wasm2native(&["explore", "large.wasm"]).succeeds();
    let size = folder.read("large.html").len();
    assert!(size < n_functions * 15_000, "{size} bytes");
    let mut browser = Browser::open(&folder.path("large.html"))?;
    let search = browser.evaluate(
        "(() => { const start = performance.now(); search.value = 'f399'; find(); return performance.now() - start; })()",
    )?;
    let search = search.as_f64().expect("a number");
    // The limits are 3 s and 200 ms. They are not asserted: a busy machine takes longer.
    println!("page {size} bytes, shown after {:?}, search {search} ms", browser.took);
    let first = browser.evaluate("document.querySelector('#names .line').textContent")?;
    assert_eq!(first, "f399");
    browser.click_until("#names .line", "document.getElementById('function').textContent === 'f399'")?;
    assert_eq!(browser.complaints(), [""; 0]);
    Ok(())
}

fn exploring_is_for_what_can_be_compiled() {
    let folder = Folder::with(&[("a.wat", ANSWER), ("wrong.wat", crate::INVALID)]);
    folder.wasm2native(&["explore", "a.wat"]).succeeds();
    assert!(folder.list(".").contains("a.html"));
    folder.wasm2native(&["explore", "wrong.wat"]).fails(1, &["wrong.wat: invalid module"]);
    folder.wasm2native(&["explore"]).fails(2, &["<MODULE>"]);
    folder.wasm2native(&["explore", "a.wat", "-o", "no/a.html"]).fails(1, &["no/a.html"]);
    assert!(!folder.list(".").contains("wrong.html"));
}
