//! Answers and messages for programs: `inspect --json`, `--print … --json`, `--message-format
//! json`; and `inspect` of modules.

use crate::{ANSWER, INVALID};
use libtest_mimic::Trial;
use serde_json::Value;
use test_kit::folder::Folder;
use test_kit::trials;

pub fn trials() -> Vec<Trial> {
    trials!["json":
        a_program_is_an_object,
        a_module_says_what_it_needs,
        a_module_is_an_object,
        features_are_what_a_module_cannot_do_without,
        answers_for_build_systems_are_arrays,
        messages_are_objects,
        licenses_are_printed,
    ]
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

const MODULE: &str = r#"(module
  (import "env" "puts" (func $puts (param i32) (result i32)))
  (import "my \"lib\"" "f\t" (func (param i64)))
  (import "env" "table" (table 1 2 funcref))
  (memory (export "memory") 1 16)
  (global (export "count") (mut i64) (i64.const 0))
  (func $one (export "one") (result i32) (i32.const 1))
  (func $large (export "two \u{7}words") (param i32) (result i32)
    (i32.extend8_s (i32.add (local.get 0) (call $puts (i32.add (i32.const 1) (local.get 0))))))
  (data (i32.const 0) "some data"))"#;

fn a_program_is_an_object() {
    let folder = Folder::with(&[("a.wat", ANSWER), ("b.wat", ANSWER)]);
    folder.wasm2native(&["a.wat", "--dir", "x::y::ro", "--max-memory", "1M"]).succeeds();
    folder.wasm2native(&["b.wat", "--emit", "sharedlib=b.so"]).succeeds();
    let text = folder.wasm2native(&["inspect", "--json", "a", "b.so"]).succeeds().stdout;
    let lines: Vec<_> = text.lines().map(parse).collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert_eq!((&lines[0]["file"], &lines[0]["kind"]), (&"a".into(), &"program".into()));
    assert_eq!(lines[0]["dirs"][0], serde_json::json!({ "host": "x", "guest": "y", "read_only": true }));
    assert_eq!((&lines[0]["max_memory"], &lines[0]["entry"]), (&(1 << 20).into(), &"main".into()));
    assert_eq!((&lines[1]["kind"], &lines[1]["entry"]), (&"library".into(), &"b".into()));
}

fn a_module_says_what_it_needs() {
    let folder = Folder::with(&[("m.wat", MODULE)]);
    let text = folder.wasm2native(&["inspect", "m.wat"]).succeeds().stdout;
    for row in [
        "needs         mutable-globals, sign-extension",
        "imports       from `env`:",
        "                puts: function (i32) -> i32",
        "                table: table 1 2 funcref",
        "                f\\t: function (i64)",
        "exports       memory: memory 1 16",
        "two \\u{7}words: function (i32) -> i32",
        "memories      1 pages of 65536 bytes, at most 16",
        "tables        1 2 funcref, imported",
        "functions     2 defined, 2 imported",
        "bytes  function 3 `large`",
        "bytes  name (custom)",
    ] {
        assert!(text.contains(row), "`{row}` is missing:\n{text}");
    }
    assert!(!text.contains('\u{7}'), "{text}");
    folder.write("wrong.wasm", b"\0asm\x01\0\0\0\x01\x7f");
    folder.wasm2native(&["inspect", "wrong.wasm"]).fails(1, &["wrong.wasm: malformed module", "offset"]);
}

fn a_module_is_an_object() {
    let folder = Folder::with(&[("m.wat", MODULE)]);
    let module = parse(&folder.wasm2native(&["inspect", "--json", "m.wat"]).succeeds().stdout);
    assert_eq!(module["kind"], "module");
    assert_eq!(module["imports"][1]["module"], "my \"lib\"");
    assert_eq!(module["imports"][1]["type"], "(i64)");
    assert_eq!(module["exports"][3]["name"], "two \u{7}words");
    assert_eq!(module["memories"][0]["maximum"], 16);
    assert_eq!(module["largest_functions"][0]["name"], "large");
    let sizes = module["sections"].as_array().expect("it is an array").iter();
    let data = sizes.clone().find(|section| section["name"] == "data").expect("there is data");
    // Count, flags, offset expression and length precede the nine bytes.
    assert_eq!(data["size"], 15);
}

fn features_are_what_a_module_cannot_do_without() {
    let folder = Folder::empty();
    for (text, features) in [
        ("(module (func (export \"f\")))", &[][..]),
        ("(module (func (param v128)))", &["simd"]),
        ("(module (memory i64 1))", &["memory64"]),
        ("(module (memory 1) (memory 1))", &["multi-memory"]),
        ("(module (memory 1 1 shared))", &["threads"]),
        ("(module (func $f (return_call $f)))", &["tail-call"]),
        ("(module (type $s (struct)) (func (param (ref $s))))", &["gc", "reference-types"]),
        ("(module (memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 0))))", &["bulk-memory"]),
        ("(module (tag))", &["exception-handling"]),
        ("(module (memory 1 (pagesize 1)))", &["custom-page-sizes"]),
    ] {
        folder.write("m.wat", text);
        let module = parse(&folder.wasm2native(&["inspect", "--json", "m.wat"]).succeeds().stdout);
        let needed: Vec<_> = module["features"].as_array().expect("it is an array").to_vec();
        let mut needed: Vec<_> = needed.iter().map(|it| it.as_str().expect("it is text")).collect();
        needed.sort_unstable();
        assert_eq!(needed, features, "{text}");
    }
}

fn answers_for_build_systems_are_arrays() {
    let folder = Folder::with(&[("m.wat", MODULE)]);
    let answer = |args: &[&str]| parse(&folder.wasm2native(args).succeeds().stdout);
    let imports = answer(&["--print", "imports", "--json", "m.wat"]);
    assert_eq!(imports[0]["definer"], "the C library");
    assert_eq!((&imports[1]["name"], &imports[1]["module"]), (&"f\t".into(), &"my \"lib\"".into()));
    let exports = answer(&["--print", "exports", "--json", "m.wat"]);
    let one = exports.as_array().expect("it is an array").iter().find(|row| row["name"] == "one");
    assert_eq!(one.expect("it is exported")["declaration"], "int32_t m_one(void);");
    assert!(exports.as_array().expect("it is an array").iter().any(|row| row["name"].is_null()));
    assert_eq!(
        answer(&["--print", "link-args", "--json", "-lm"])[0].as_str().map(|it| it.starts_with('-')),
        Some(true)
    );
    assert!(answer(&["--print", "runtime-symbols", "--json"])[0]["symbol"].is_string());
    folder.wasm2native(&["--json", "m.wat"]).fails(2, &["--print"]);
}

fn messages_are_objects() {
    let folder = Folder::with(&[("a.wat", ANSWER), ("wrong.wat", INVALID)]);
    let json = |args: &[&str]| {
        let said = folder.wasm2native(&[args, &["--message-format", "json"]].concat()).stderr;
        said.lines().map(parse).collect::<Vec<_>>()
    };
    assert!(json(&["a.wat"]).is_empty());
    let [error] = &json(&["wrong.wat"])[..] else { panic!("one error is one line") };
    assert_eq!(error["level"], "error");
    assert!(error["message"].as_str().is_some_and(|it| it.starts_with("wrong.wat: ")), "{error}");
    let [error] = &json(&["a.wat", "wrong.wat"])[..] else { panic!("one error is one line") };
    assert!(error["help"][0].as_str().is_some_and(|it| it.contains("--out-dir")), "{error}");
    let [warning] = &json(&["-S", "--dir", ".", "a.wat"])[..] else { panic!("one warning is one line") };
    assert_eq!(warning["level"], "warning");
    let lines = json(&["a.wat", "--timings", "-v"]);
    assert!(lines.iter().any(|it| it["level"] == "timing" && it["stage"] == "link" && it["milliseconds"].is_f64()));
    assert!(lines.iter().any(|it| it["level"] == "info"));
    folder.wasm2native(&["a.wat", "--message-format", "xml"]).fails(2, &["invalid value 'xml'"]);
}

fn licenses_are_printed() {
    let text = Folder::empty().wasm2native(&["--licenses"]).succeeds().stdout;
    for part in ["LGPL-2.1-or-later", "GCC Runtime Library Exception", "* rustix ", "* dlmalloc ", "Apache License"] {
        assert!(text.contains(part), "`{part}` is missing");
    }
    assert!(!text.contains("cranelift"), "that is no part of programs");
}
