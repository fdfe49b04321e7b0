//! Test scripts: what is recognized as one, and what fails in it without the rest.

use libtest_mimic::Trial;
use test_kit::folder::Folder;
use test_kit::trials;

pub fn trials() -> Vec<Trial> {
    trials!["script":
        commands_make_a_script,
        text_that_looks_like_commands_is_a_module,
        a_script_without_a_module_says_so,
        a_script_becomes_a_program_and_nothing_else,
        what_is_beyond_a_limit_fails_alone,
        references_of_another_kind_fail_alone,
    ]
}

const MODULE: &str = r#"(module (func (export "f")) (func (export "fails") unreachable))"#;

/// What a script's program says at its end, if the text is recognized as a script.
fn summary(text: &str) -> String {
    let folder = Folder::with(&[("a.wast", text)]);
    folder.wasm2native(&["a.wast"]).succeeds();
    let out = folder.program("a", &[]);
    out.stdout.lines().last().unwrap_or_default().to_owned()
}

fn commands_make_a_script() {
    let cases = [
        (r#"MODULE (invoke "f")"#, 0),
        (r#"MODULE ( invoke "f")"#, 0),
        ("MODULE (\n  invoke \"f\")", 0),
        (
            r#"MODULE (;(;x;);)(;y;) ( ;; z
            invoke "f")"#,
            0,
        ),
        (r#"( module (func (export "f"))) (invoke "f")"#, 0),
        ("(\n\nmodule (func (export \"f\")))\n(assert_return (invoke \"f\"))", 1),
        (
            r#";; (module (; ( "
            MODULE ( assert_trap (invoke "fails") "unreachable")"#,
            1,
        ),
        (r#"MODULE ( register "m") ( assert_return (invoke "f"))"#, 1),
        (r#"(module binary "\00asm\01\00\00\00") (invoke "f")"#, 0),
        (r#"(module quote "(func (export \"f\"))") (assert_return (invoke "f"))"#, 1),
        (r#"(module definition $d (func (export "f"))) (module instance $i $d) (assert_return (invoke "f"))"#, 1),
        (r#"(module quote "(func (export \"f\"))")"#, 0),
        ("\u{feff}MODULE (invoke \"f\")", 0),
        ("(module) (module)", 0),
        (r#"(assert_malformed (module quote "(") "unexpected end") MODULE"#, 1),
    ];
    for (text, n_assertions) in cases {
        let text = text.replace("MODULE", MODULE);
        let failed = i32::from(text.contains("binary"));
        assert_eq!(summary(&text), format!("{n_assertions} passed, {failed} failed"), "{text}");
    }
}

fn text_that_looks_like_commands_is_a_module() {
    let cases = [
        r#";; (module) (module) (invoke "f") (assert_return)
           (module (func (export "_start")))"#,
        r#"(; (invoke "f") ;) (module (; (module) (assert_return) ;) (func (export "_start")))"#,
        r#"(module (func (export "(invoke)")) (func (export "(module (assert_")) (func (export "_start")))"#,
        r#"(module $invoke (func $assert_return (export "_start")) (func $quote) (func (export "register") (call $quote)))"#,
        r#"(module $name binary "\00asm\01\00\00\00\01\04\01\60\00\00\03\02\01\00\07\0a\01\06_start\00\00\0a\04\01\02\00\0b")"#,
        r#"(func (export "_start"))"#,
    ];
    for text in cases {
        let folder = Folder::with(&[("a.wat", text)]);
        folder.wasm2native(&["a.wat"]).succeeds();
        let out = folder.program("a", &[]);
        assert!(out.status == 0 && out.stdout.is_empty(), "{text}\n{out:?}");
    }
}

fn a_script_without_a_module_says_so() {
    let folder = Folder::with(&[("a.wast", r#"(invoke "f") (module)"#)]);
    folder.wasm2native(&["a.wast"]).fails(1, &["a.wast: line 1: there is no module yet"]);
    folder.write("b.wast", r#"(module (func (export "f"))) (invoke $other "f")"#);
    folder.wasm2native(&["b.wast"]).fails(1, &["b.wast: line 1: there is no module $other"]);
}

fn a_script_becomes_a_program_and_nothing_else() {
    let folder = Folder::with(&[("a.wast", &format!("{MODULE} (invoke \"f\")"))]);
    folder.wasm2native(&["a.wast", "-c"]).fails(1, &["a.wast: a test script becomes a program"]);
}

/// Each with what the message says.
fn what_is_beyond_a_limit_fails_alone() {
    let cases = [
        ("(memory i64 0x8000_0000)", "address space"),
        ("(table 20_000_000 funcref)", "20000000 elements"),
        ("(table i64 0x1000_0000_0000_0000 funcref)", "elements"),
        ("(type $f (func)) (type (cont $f))", "stack switching"),
        ("(import \"nobody\" \"f\" (func))", "nothing defines the import"),
        ("(func (call $nobody))", "nobody"),
        ("(func (result i32))", "type mismatch"),
    ];
    for (field, message) in cases {
        let text = format!(
            r#"(module $first (func (export "f") (result i32) (i32.const 1)))
               (module $large {field} (func (export "g")))
               (register "large" $large)
               (module (import "large" "g" (func)))
               (assert_return (invoke $first "f") (i32.const 1))
               (module $last (func (export "f") (result i32) (i32.const 2)))
               (assert_return (invoke "f") (i32.const 2))"#
        );
        let folder = Folder::with(&[("a.wast", &text)]);
        folder.wasm2native(&["a.wast"]).succeeds();
        let out = folder.program("a", &[]);
        let lines: Vec<_> = out.stdout.lines().collect();
        assert_eq!(lines.len(), 3, "{field}: {out:?}");
        assert!(lines[0].starts_with("line 2: ") && lines[0].contains(message), "{field}: {out:?}");
        assert!(lines[1].starts_with("line 4: "), "{field}: {out:?}");
        assert!(lines[2] == "2 passed, 2 failed" && out.status == 1, "{field}: {out:?}");
    }
}

fn references_of_another_kind_fail_alone() {
    let text = r#"(module (type $s (struct)) (func (export "f") (param anyref) (result anyref) (local.get 0))
          (func (export "g") (result i32) (i32.const 8)) (func (export "h") (result anyref) (struct.new $s)))
        (assert_return (invoke "f" (ref.host 1)) (ref.host 1))
        (assert_return (invoke "g") (ref.struct))
        (assert_return (invoke "h") (ref.array))
        (assert_return (invoke "h") (ref.struct))"#;
    let folder = Folder::with(&[("a.wast", text)]);
    folder.wasm2native(&["a.wast"]).succeeds();
    let out = folder.program("a", &[]);
    let begins: Vec<_> = out.stdout.lines().map(|line| line.split(':').next().unwrap_or_default()).collect();
    assert_eq!(begins, ["line 4", "line 5", "2 passed, 2 failed"], "{out:?}");
}
