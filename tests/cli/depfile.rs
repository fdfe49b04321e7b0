//! `--depfile`: the rule names every file that was read, so that make does again what is to be
//! done.

use crate::ANSWER;
use anyhow::Result;
use libtest_mimic::Trial;
use std::time::{Duration, SystemTime};
use test_kit::folder::Folder;
use test_kit::{tool, trials};

pub fn trials() -> Vec<Trial> {
    trials!["depfile":
        a_rule_lies_beside_the_result,
        the_rule_names_all_that_was_read,
        the_rule_names_what_a_library_was_made_of,
        make_reads_any_name,
        a_rule_replaces_nothing,
    ]
}

fn rule(folder: &Folder, file: &str) -> String {
    String::from_utf8(folder.read(file)).expect("these names are UTF-8")
}

fn a_rule_lies_beside_the_result() {
    let folder = Folder::with(&[("a.wat", ANSWER), ("b.wat", ANSWER), ("out/x", "")]);
    for (args, file, text) in [
        (&["a.wat", "-MD"][..], "a.d", "a: \\\n  a.wat\n"),
        (&["a.wat", "-MD", "-c", "-o", "out/a.o"], "out/a.d", "out/a.o: \\\n  a.wat\n"),
        (&["a.wat", "-MD", "-MF", "deps"], "deps", "a: \\\n  a.wat\n"),
        (&["a.wat", "-MFmore"], "more", "a: \\\n  a.wat\n"),
        (&["a.wat", "--depfile-name", "long", "--emit", "staticlib,header"], "long", "a.a a.h: \\\n  a.wat\n"),
        (&["a.wat", "b.wat", "--out-dir", "bin", "--depfile"], "bin/b.d", "bin/b: \\\n  b.wat\n"),
    ] {
        folder.wasm2native(args).succeeds();
        assert_eq!(rule(&folder, file), text, "{args:?}");
    }
}

fn the_rule_names_all_that_was_read() {
    let folder = Folder::with(&[
        ("other.wat", r#"(module (func (export "one") (result i32) (i32.const 1)))"#),
        ("my.imports", "env.help: () -> i32\nenv.f: (i32) -> i32\n"),
        ("tree/sub/file", "text"),
        ("number.h", "#define NUMBER 3\n"),
        ("help.c", "#include \"number.h\"\nint help(void) { return NUMBER; }\n"),
        (
            "a.wat",
            r#"(module
              (import "other" "one" (func $one (result i32)))
              (import "env" "help" (func $help (result i32)))
              (import "env" "f" (func $f (param i32) (result i32)))
              (import "wasi_snapshot_preview1" "sched_yield" (func (result i32)))
              (func (export "main") (result i32) (call $f (i32.add (call $one) (call $help)))))"#,
        ),
    ]);
    folder.write("object.wat", r#"(module (func (export "f") (param i32) (result i32) (local.get 0)))"#);
    folder.wasm2native(&["-c", "object.wat", "--import-symbol", "x.y=z", "--prefix", "env", "-o", "env.o"]).succeeds();
    let args = "a.wat help.c env.o --import-symbol env.f=env_f --module other=other.wat --imports my.imports \
                --embed tree::/tree -MD";
    folder.wasm2native(&args.split_whitespace().collect::<Vec<_>>()).succeeds();
    assert_eq!(folder.program("a", &[]).status, 4);
    let text = rule(&folder, "a.d");
    let names: Vec<_> = text.lines().skip(1).map(|line| line.trim_matches([' ', '\\'])).collect();
    let own: Vec<_> = names.iter().copied().filter(|name| !name.starts_with('/')).collect();
    let all = ["a.wat", "env.o", "help.c", "my.imports", "number.h", "other.wat", "tree", "tree/sub", "tree/sub/file"];
    assert_eq!(own, all, "{text}");
}

fn the_rule_names_what_a_library_was_made_of() {
    let folder = Folder::with(&[
        ("a.wat", r#"(module (import "env" "help" (func $help (result i32))) (export "again" (func $help)))"#),
        ("help.c", "int help(void) { return 3; }\n"),
    ]);
    folder.wasm2native(&["a.wat", "help.c", "--emit", "sharedlib=a.so", "-MD"]).succeeds();
    let text = rule(&folder, "a.d");
    assert!(text.starts_with("a.so: \\\n") && text.contains("  a.wat \\\n  help.c\n"), "{text}");
}

/// Make starts the command again exactly if a file of the rule is younger than the result.
fn make_reads_any_name() -> Result<()> {
    tool::require_command("make")?;
    let folder = Folder::empty();
    for name in ["plain", "two words", "a#b", "$dollar", "back\\slash", "slash\\ space", "percent%", "tab\tbed"] {
        let source = format!("{name}.wat");
        folder.write(&source, ANSWER);
        folder.wasm2native(&[&source, "-o", "result", "-MF", "rule"]).succeeds();
        folder.write("Makefile", "result: ; @echo again\n\ninclude rule\n");
        let ages = |source_age: u64| {
            for (file, age) in [(&source[..], source_age), ("result", 100)] {
                let file = std::fs::File::open(folder.path(file)).expect("it is there");
                file.set_modified(SystemTime::now() - Duration::from_secs(age)).expect("it is ours");
            }
            folder.tool("make", &["--no-print-directory"]).stdout.to_string()
        };
        assert!(ages(200).contains("up to date"), "{name}");
        assert_eq!(ages(50), "again\n", "{name}");
    }
    folder.write("line\nbreak.wat", ANSWER);
    folder.wasm2native(&["line\nbreak.wat", "-o", "x", "-MD"]).fails(1, &["line\\nbreak.wat has a line break"]);
    Ok(())
}

fn a_rule_replaces_nothing() {
    let folder = Folder::with(&[("a.wat", ANSWER), ("b.wat", ANSWER)]);
    folder.wasm2native(&["a.wat", "-o", "x.d", "-MD"]).fails(2, &["x.d would be both"]);
    folder.wasm2native(&["a.wat", "-MF", "a.wat"]).fails(2, &["a.wat is the input"]);
    folder.wasm2native(&["a.wat", "b.wat", "--out-dir", "o", "-MF", "x"]).fails(2, &["2 inputs, but -MF names one"]);
    folder.wasm2native(&["a.wat", "-MF"]).fails(2, &["--depfile-name"]);
}
