//! Shims: what the runtime has for imports of other toolchains. Which import gets one, and who
//! comes first. What each does is shown by `fixtures/shim`.

use libtest_mimic::Trial;
use test_kit::folder::Folder;
use test_kit::tool;
use test_kit::trials;

pub fn trials() -> Vec<Trial> {
    trials!["shim":
        inspect_and_print_name_shims,
        no_shim_refuses_them,
        name_and_type_decide,
        what_the_user_gives_comes_first,
        files_that_are_linked_come_first,
        libraries_leave_them_to_the_host,
        only_programs_with_shims_carry_them,
    ]
}

const ABORT: &str = r#"(module
  (import "env" "abort" (func $abort (param i32 i32 i32 i32)))
  (import "env" "emscripten_get_now" (func $now (result f64)))
  (memory (export "memory") 1)
  (func (export "main") (drop (call $now)) (call $abort (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 2))))"#;

fn inspect_and_print_name_shims() {
    let folder = Folder::with(&[("a.wat", ABORT)]);
    folder.builds(&["a.wat"]);
    for strip in [&[][..], &["-s"]] {
        folder.builds(&[&["a.wat"][..], strip].concat());
        let text = folder.wasm2native(&["inspect", "a"]).succeeds().stdout;
        let row =
            "  uses shims    env.abort (AssemblyScript), env.emscripten_get_now (Emscripten)\n  uses C        none\n";
        assert!(text.contains(row), "{text}");
    }
    let text = folder.wasm2native(&["a.wat", "--print", "imports"]).succeeds().stdout;
    let definers: Vec<_> = text.lines().map(|line| line.rsplit('\t').next().expect("there is a last column")).collect();
    assert_eq!(definers, ["the runtime", "the runtime"], "{text}");
    // What a built program calls of C is nothing.
    assert_eq!(folder.wasm2native(&["a", "--print", "imports"]).succeeds().stdout.as_str(), "");
    folder.program("a", &[]).fails(134, &["wasm trap: abort:  at line 1, column 2", "main"]);
}

fn no_shim_refuses_them() {
    let folder = Folder::with(&[("a.wat", ABORT)]);
    let refused = [
        "function `env.abort` of type (i32, i32, i32, i32): --no-shim refuses what the runtime has for it",
        "function `env.emscripten_get_now` of type () -> f64: --no-shim refuses what the runtime has for it",
    ];
    folder.wasm2native(&["a.wat", "--no-shim"]).fails(1, &refused);
    folder.wasm2native(&["run", "a.wat"]).fails(134, &["abort:"]);
    // The cache of `run` does not confuse the two.
    folder.wasm2native(&["run", "--no-shim", "a.wat"]).fails(1, &refused);
    let text = folder.wasm2native(&["a.wat", "--no-shim", "--print", "imports"]).succeeds().stdout;
    assert!(!text.contains("the runtime"), "{text}");
}

/// Another type or another module is not a shim's.
fn name_and_type_decide() {
    for import in [
        r#""env" "seed" (func (result f32))"#,
        r#""env" "seed" (func (param i32) (result f64))"#,
        r#""env" "seed" (func)"#,
        r#""other" "seed" (func (result f64))"#,
        r#""env" "emscripten_notify_memory_growth" (func (param i64))"#,
        r#""env" "emscripten_get_now" (func (result f64 f64))"#,
    ] {
        let text = format!(r#"(module (import {import}) (func (export "main") unreachable) (export "f" (func 0)))"#);
        let folder = Folder::with(&[("a.wat", &text)]);
        folder.builds(&["a.wat"]);
        let text = format!(r#"(module (import {import}) (export "f" (func 0)) (export "main" (func 0)))"#);
        folder.write("b.wat", text);
        folder.wasm2native(&["b.wat", "--invoke", "f"]).fails(1, &["nothing defines what the module imports"]);
    }
}

/// A declaration, or another symbol, means a function of C.
fn what_the_user_gives_comes_first() {
    let text = r#"(module (import "env" "abort" (func $abort)) (func (export "main") (call $abort)))"#;
    let folder = Folder::with(&[("a.wat", text)]);
    folder.builds(&["a.wat"]);
    folder.program("a", &[]).fails(134, &["wasm trap: abort"]);
    let sigabrt = -6;
    for flags in [["--import", "env.abort: ()"], ["--imports", "libc"], ["--import-symbol", "env.abort=abort"]] {
        folder.wasm2native(&[&["a.wat"][..], &flags].concat()).succeeds();
        let outcome = folder.program("a", &[]);
        assert_eq!(outcome.status, sigabrt, "{flags:?}: {outcome:?}");
        assert!(!outcome.stderr.contains("trap"), "{outcome:?}");
    }
    let other = r#"(module (func (export "abort")))"#;
    folder.write("other.wat", other);
    folder.builds(&["a.wat", "--module", "env=other.wat"]);
    folder.program("a", &[]).succeeds();
}

fn files_that_are_linked_come_first() -> anyhow::Result<()> {
    tool::require("cc")?;
    let module = r#"(module (import "env" "seed" (func $seed (result f64))) (import "env" "print" (func $print (param i32)))
        (func (export "main") (call $print (i32.trunc_f64_s (call $seed)))))"#;
    let source = "double seed(void) { return 42; }\n";
    let folder = Folder::with(&[("a.wat", module), ("mine.c", source)]);
    folder.builds(&["a.wat", "mine.c"]);
    folder.program("a", &[]).succeeds().prints("42\n");
    let text = folder.wasm2native(&["inspect", "a"]).succeeds().stdout;
    assert!(text.contains("  uses shims    env.print (freestanding modules)\n  uses C        seed\n"), "{text}");
    // An archive has it, too, and is taken for it.
    folder.cc(&["-c", "mine.c", "-o", "mine.o"]);
    folder.silent_tool("ar", &["rcs", "libmine.a", "mine.o"]);
    folder.builds(&["a.wat", "-L.", "-lmine"]);
    folder.program("a", &[]).succeeds().prints("42\n");
    folder
        .wasm2native(&["a.wat", "mine.c", "--no-shim"])
        .fails(1, &["function `env.print` of type (i32): --no-shim refuses"]);
    Ok(())
}

fn libraries_leave_them_to_the_host() {
    let folder = Folder::with(&[("a.wat", ABORT)]);
    folder.wasm2native(&["a.wat", "--emit", "header=-"]).succeeds();
    let header = folder.wasm2native(&["a.wat", "--emit", "header=-"]).succeeds().stdout;
    assert!(header.contains("abort"), "{header}");
}

/// Nothing else of them is in a program.
fn only_programs_with_shims_carry_them() {
    let one = r#"(module (import "env" "seed" (func $seed (result f64)))
        (func (export "main") (drop (call $seed))))"#;
    let folder = Folder::with(&[("none.wat", crate::ANSWER), ("one.wat", one)]);
    for (name, expected) in [("none", &[][..]), ("one", &["w2n_shim_as_seed"])] {
        folder.builds(&[&format!("{name}.wat")]);
        let map = folder.wasm2native(&[&format!("{name}.wat"), "--emit", "link-map=-"]).succeeds().stdout;
        let words = map.split_whitespace().filter(|word| word.starts_with("w2n_shim_"));
        assert_eq!(words.collect::<Vec<_>>(), expected, "{map}");
    }
}
