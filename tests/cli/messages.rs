//! Messages: places in modules, codes and `--explain`, flags as C compilers spell them, `-v`.

use crate::{ANSWER, FIB};
use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use test_kit::folder::Folder;
use test_kit::{target, tool, trials};
use wasm2native::report::code::Code;

pub fn trials() -> Vec<Trial> {
    trials!["messages":
        text_is_shown_with_line_and_column,
        binaries_are_shown_with_instructions,
        control_characters_are_shown_and_not_sent,
        codes_are_explained,
        errors_have_codes,
        modules_for_other_hosts_are_recognized,
        the_ending_of_the_output_is_its_form,
        spellings_of_c_compilers_are_understood,
        flags_are_never_read_as_clusters,
        headers_and_macros_of_c_sources,
        each_v_tells_more,
        traps_tell_what_was_accessed_and_called,
        copies_and_fills_tell_where_they_end,
        accesses_that_are_compared_tell_their_address,
        names_are_demangled_and_both_ends_of_a_deep_stack_are_shown,
        an_exhausted_c_stack_is_the_modules_own,
        options_at_run_time_are_listed_and_suggested,
        a_missing_grant_is_told_once_and_only_after_a_failure,
        failing_scripts_tell_values_with_types,
    ]
}

fn text_is_shown_with_line_and_column() {
    let folder = Folder::with(&[("a.wat", "(module\n (func (export \"main\") (result i32)\n   (i64.const 1)))")]);
    let error = folder.wasm2native(&["a.wat"]).fails(1, &["expected i32, found i64\n", " --> a.wat:3:5\n"]);
    assert!(error.stderr.contains("3 |    (i64.const 1)))\n  |     ^^^^^^^^^^^\n"), "{error:#?}");
    assert!(!error.stderr.contains("offset"), "{error:#?}");
    // A reader of the library's errors sees the same message without the lines.
    folder.write("b.wat", "(module (func\n  (i32.cnst 1)))");
    folder
        .wasm2native(&["b.wat"])
        .fails(1, &["error: b.wat: unknown operator or unexpected token\n", " --> b.wat:2:4\n"]);
    // Imports, short forms and several functions don't shift the place.
    folder.write(
        "c.wat",
        "(module\n (import \"env\" \"f\" (func))\n (func $a (export \"a\") (i32.const 1) drop)\n (func $b (export \"main\")\n  \
         (drop (block (result i32)\n    (br 0 (f32.const 1)))))\n (memory (export \"m\") 1) (global i32 (i32.const 1)))",
    );
    folder
        .wasm2native(&["c.wat"])
        .fails(1, &["function 2 (`b`): type mismatch: expected i32, found f32\n", " --> c.wat:6:6\n"]);
}

/// A function whose second operand has a wrong type, or, with an `opcode`, another instruction.
fn wrong_binary(opcode: u8) -> Vec<u8> {
    let body = [0x41, 1, 0x42, 2, opcode, 0x1a, 0x0b];
    let head = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x07\x08\x01\x04main\0\0\x0a\x0a\x01\x08\0";
    [&head[..], &body].concat()
}

fn binaries_are_shown_with_instructions() {
    let folder = Folder::empty();
    folder.write("a.wasm", wrong_binary(0x6a));
    let error = folder
        .wasm2native(&["a.wasm"])
        .fails(1, &["a.wasm: invalid module: function 0 (`main`): ", "(at offset 0x25)\n"]);
    let shown = " | 0x23    i64.const 2\n | 0x25    i32.add\n |         ^^^^^^^\n | 0x26    drop\n";
    assert!(error.stderr.contains(shown), "{error:#?}");
    folder.write("b.wasm", wrong_binary(0xff));
    let error = folder.wasm2native(&["b.wasm"]).fails(1, &["illegal opcode: 0xff (at offset 0x25)\n"]);
    let shown = " | 0x1d  0a 01 08 00 41 01 42 02 ff 1a 0b\n |                               ^^\n";
    assert!(error.stderr.contains(shown), "{error:#?}");
    // An offset beyond the end.
    folder.write("c.wasm", &wrong_binary(0x6a)[..20]);
    folder.wasm2native(&["c.wasm"]).fails(1, &["c.wasm: invalid module: "]);
}

fn control_characters_are_shown_and_not_sent() {
    let folder = Folder::empty();
    let module = |body: &str| {
        format!("(module (func $\"a\\1b[31mRED\\1b]0;title\\07\\n\" {body}) (func (export \"main\") (call 0)))")
    };
    folder.write("a.wat", module("(drop (i32.add))"));
    folder.write("b.wat", module("unreachable"));
    folder.write("c.wat", "(module (func (export \"main\") (call $\u{1b}[31m)))");
    folder.write("d.wat", "(module (import \"env\" \"\\1b[31mf\\n\" (func)) (func (export \"main\") (call 0)))");
    folder.builds(&["b.wat"]);
    let outcomes = [
        folder.wasm2native(&["a.wat"]).fails(1, &[r"(`a\u{1b}[31mRED\u{1b}]0;title\u{7}\n`)"]),
        folder.program("b", &[]).fails(134, &[r"a\u{1b}[31mRED\u{1b}]0;title\u{7}\n"]),
        folder.wasm2native(&["c.wat"]).fails(1, &["c.wat"]),
        folder.wasm2native(&["d.wat"]).fails(1, &[r"\u{1b}[31mf\n"]),
        folder.wasm2native(&["d.wat", "--print", "imports"]).succeeds(),
        folder.wasm2native(&["inspect", "b"]).succeeds(),
        folder.wasm2native(&["b.wat", "-vvv"]).succeeds(),
    ];
    for outcome in outcomes {
        for stream in [&outcome.stdout, &outcome.stderr] {
            assert!(!stream.as_bytes().iter().any(|byte| matches!(byte, 0x1b | 7)), "{outcome:#?}");
        }
    }
}

fn codes_are_explained() {
    let folder = Folder::empty();
    for code in Code::ALL {
        assert_eq!(folder.wasm2native(&["--explain", code.name()]).succeeds().stdout, code.explanation());
    }
    folder.wasm2native(&["--explain", "error[no-entry]"]).prints(Code::NoEntry.explanation());
    folder.wasm2native(&["--explain", "no-entri"]).fails(2, &["did you mean `no-entry`?"]);
    folder.wasm2native(&["--explain", "x"]).fails(2, &["the codes are: not-a-module, "]);
    let help = folder.wasm2native(&["--help"]).succeeds().stdout;
    assert!(Code::ALL.iter().all(|code| help.contains(code.name())), "{help}");
}

fn errors_have_codes() {
    let folder = Folder::with(&[
        ("import.wat", "(module (import \"env\" \"no_such_f\" (func)) (func (export \"main\") (call 0)))"),
        (
            "log.wat",
            "(module (import \"env\" \"pow\" (func (param i32))) (func (export \"main\") (call 0 (i32.const 1))))",
        ),
        ("switch.wat", "(module (type $f (func)) (type (cont $f)) (func (export \"main\")))"),
        ("page.wat", "(module (memory 1 (pagesize 1)) (func (export \"main\")))"),
        ("library.wat", "(module (func (export \"f\")))"),
        ("zero.wasm", "\0\0"),
        ("component.wasm", "\0asm\x0d\0\x01\0"),
        ("a.wat", ANSWER),
    ]);
    for (words, code) in [
        (&["import.wat"][..], "missing-import"),
        (&["log.wat"], "wrong-import"),
        (&["import.wat", "--module", "other=a.wat"], "missing-import"),
        (&["switch.wat"], "unsupported-proposal"),
        (&["page.wat"], "experimental-proposal"),
        (&["library.wat"], "no-entry"),
        (&["zero.wasm"], "not-a-module"),
        (&["component.wasm"], "component"),
        (&["a.wat", "--target", "s390x-linux-gnu"], "no-runtime"),
    ] {
        let last = format!("\nhelp: wasm2native --explain {code} says more\n");
        let error = folder.wasm2native(words).fails(1, &[&format!("error[{code}]: "), &last]);
        assert!(error.stderr.as_str().ends_with(&last), "{error:#?}");
    }
}

fn modules_for_other_hosts_are_recognized() {
    let folder = Folder::empty();
    for (import, code, what) in [
        ("\"wbg\" \"__wbg_log_1\"", "javascript-host", "wasm-bindgen made this module"),
        ("\"__wbindgen_placeholder__\" \"__wbindgen_describe\"", "javascript-host", "wasm-bindgen made this module"),
        ("\"./app_bg.js\" \"__wbindgen_throw\"", "javascript-host", "wasm-bindgen made this module"),
        ("\"gojs\" \"runtime.wasmExit\"", "javascript-host", "Go made this module"),
        ("\"go\" \"syscall/js.valueGet\"", "javascript-host", "Go made this module"),
        ("\"env\" \"emscripten_asm_const_int\"", "javascript-host", "Emscripten made this module"),
        ("\"env\" \"invoke_vii\"", "javascript-host", "Emscripten made this module"),
        ("\"wasi:cli/stdout@0.2.0\" \"get-stdout\"", "other-host", "WASI 0.2"),
        ("\"wasi_ephemeral_nn\" \"load\"", "other-host", "wasi-nn"),
        ("\"wasix_32v1\" \"proc_fork\"", "other-host", "WASIX"),
        ("\"env\" \"no_such_f\"", "missing-import", "--module NAME=FILE"),
    ] {
        folder.write("a.wat", format!("(module (import {import} (func)) (func (export \"_start\") (call 0)))"));
        folder.wasm2native(&["a.wat"]).fails(1, &[&format!("error[{code}]: "), "help: ", what]);
    }
}

fn the_ending_of_the_output_is_its_form() {
    let folder = Folder::with(&[("a.wat", FIB)]);
    folder.builds(&["a.wat", "-o", "x.a"]);
    folder.builds(&["a.wat", "-o", "x.so"]);
    folder.builds(&["a.wat", "-o", "libx.so.1"]);
    folder.builds(&["a.wat", "-o", "x.o"]);
    assert!(folder.read("x.a").starts_with(b"!<arch>\n"));
    // The type of an ELF file: 1 is an object, 3 is position-independent.
    let kind = |name: &str| folder.read(name)[16];
    assert_eq!([kind("x.so"), kind("libx.so.1"), kind("x.o")], [3, 3, 1]);
    // Flags come first.
    folder.builds(&["a.wat", "-c", "-o", "y.a"]);
    assert!(folder.read("y.a").starts_with(b"\x7fELF"));
    folder.wasm2native(&["a.wat", "-o", "y"]).fails(1, &["error[no-entry]: "]);
}

fn spellings_of_c_compilers_are_understood() {
    let folder = Folder::with(&[("a.wat", FIB)]);
    folder.builds(&["-shared", "-fPIC", "-pthread", "a.wat", "-o", "a.lib"]);
    assert_eq!(folder.read("a.lib")[16], 3);
    folder.builds(&["-static", "-O", "a.wat", "--invoke", "fib", "-o", "a"]);
    assert_eq!(folder.program("a", &["10"]).succeeds().stdout, "55\n");
    let fib = ["a.wat", "--invoke", "fib", "-o"];
    folder.builds(&[&["-g0"], &fib[..], &["plain"]].concat());
    folder.builds(&[&["-g", "-ggdb", "-gdwarf-5"], &fib[..], &["debug"]].concat());
    assert!(folder.read("debug").len() > folder.read("plain").len());
    folder.wasm2native(&["-help"]).succeeds();
    for (flag, help) in [
        ("-march=native", "--cpu CPU"),
        ("-std=c11", "CFLAGS"),
        ("-fno-strict-aliasing", "CFLAGS"),
        ("-Wall", "-Wl,WORDS"),
        ("-flto", "as a whole"),
        ("-gsplit-dwarf", "objcopy"),
        ("-no-pie", "position-independent"),
        ("-target", "--target TRIPLE"),
    ] {
        folder.wasm2native(&[flag, "a.wat"]).fails(2, &[&format!("error: {flag} is a flag of C compilers"), help]);
    }
}

fn flags_are_never_read_as_clusters() {
    let folder = Folder::with(&[("a.wat", ANSWER), ("words", "-shard a.wat")]);
    for flag in ["-shard", "-sS", "-cv", "-hello"] {
        folder.wasm2native(&[flag, "a.wat"]).fails(2, &[&format!("there is no flag {flag}: "), "--help"]);
    }
    folder.wasm2native(&["@words"]).fails(2, &["there is no flag -shard"]);
    // The program's own words are not ours.
    assert_eq!(folder.wasm2native(&["run", "a.wat", "-shard"]).status, 42);
}

fn headers_and_macros_of_c_sources() {
    let folder = Folder::with(&[
        ("a.wat", "(module (import \"env\" \"f\" (func (result i32))) (func (export \"main\") (result i32) (call 0)))"),
        ("include/f.h", "#define BASE 40\n"),
        ("f.c", "#include <f.h>\nint f(void) { return BASE + MORE + ONE; }\n"),
    ]);
    folder.builds(&["a.wat", "f.c", "-Iinclude", "-DMORE=1", "-D", "ONE", "-o", "a"]);
    assert_eq!(folder.program("a", &[]).status, 42);
    folder.wasm2native(&["a.wat", "f.c"]).fails(1, &["f.h"]);
}

fn each_v_tells_more() {
    let folder = Folder::with(&[("a.wat", FIB)]);
    let told =
        |flag: &str| folder.wasm2native(&[flag, "a.wat", "--invoke", "fib"]).succeeds().stderr.as_str().to_owned();
    let [some, more, most] = ["-v", "-vv", "-vvv"].map(told);
    assert!(some.contains("compile: ") && !some.contains(" bytes"), "{some}");
    assert!(
        more.contains(" bytes of code by ") && more.contains(" ms  compile\n") && !more.contains("`fib`"),
        "{more}"
    );
    assert!(most.contains("function 0 (`fib`): "), "{most}");
    assert!(some.lines().count() < more.lines().count() && more.lines().count() < most.lines().count());
}

/// The first line of what a program says that ends by a trap.
fn trap_of(folder: &Folder, text: &str) -> String {
    folder.write("t.wat", text);
    folder.builds(&["t.wat"]);
    let outcome = folder.program("t", &[]).fails(134, &["wasm backtrace:\n"]);
    outcome
        .stderr
        .lines()
        .next()
        .unwrap_or_default()
        .rsplit_once('/')
        .map_or(String::new(), |(_, line)| line.to_owned())
}

/// 64-bit memories and `--memory-checks`, with both generators and at all levels.
fn accesses_that_are_compared_tell_their_address() -> Result<()> {
    let folder = Folder::empty();
    let functions = |ty: &str, far: &str| {
        format!(
            r#"(module (memory $m {ty} 1 2) (memory $other {ty} 1) (global $sum (mut {ty}) ({ty}.const 0))
              (func (export "near") (param {ty}) (result i32) (i32.load offset=8 (local.get 0)))
              (func (export "far") (param {ty}) (result i64) (i64.load offset={far} (local.get 0)))
              (func (export "store") (param {ty}) (v128.store offset=4 (local.get 0) (v128.const i64x2 1 2)))
              (func (export "atomic") (param {ty}) (result i32) (i32.atomic.rmw.add offset=4 (local.get 0) (i32.const 1)))
              (func (export "other") (param {ty}) (result i32)
                (drop (memory.grow $m ({ty}.const 1))) (i32.load16_u $other (local.get 0)))
              (func (export "grown") (param {ty}) (result i32)
                (drop (memory.grow $m ({ty}.const 1))) (i32.load (local.get 0)))
              (func (export "loop") (param {ty}) (result i32) (local $n {ty})
                (loop (drop (i32.load (local.get $n)))
                  (br_if 0 ({ty}.lt_u (local.tee $n ({ty}.add (local.get $n) ({ty}.const 4096))) (local.get 0))))
                (i32.const 0)))"#
        )
    };
    // Function, argument, address, size of the memory.
    const WIDE: &[(&str, &str, &str, u32)] = &[
        ("near", "65528", "0x10000", 65536),
        ("near", "-8", "0xfffffffffffffff8 + 0x8", 65536),
        ("near", "-9", "0xffffffffffffffff", 65536),
        ("far", "5", "0x100000000005", 65536),
        ("far", "-1", "0xffffffffffffffff + 0x100000000000", 65536),
        ("store", "1048576", "0x100004", 65536),
        ("atomic", "70000", "0x11174", 65536),
        ("other", "65536", "0x10000", 65536),
        ("grown", "131072", "0x20000", 131072),
        ("loop", "1000000", "0x10000", 65536),
    ];
    const CHECKED: &[(&str, &str, &str, u32)] = &[
        ("near", "65528", "0x10000", 65536),
        ("near", "-8", "0x100000000", 65536),
        ("far", "-1", "0x1000f423f", 65536),
        ("store", "1048576", "0x100004", 65536),
        ("atomic", "70000", "0x11174", 65536),
        ("other", "65536", "0x10000", 65536),
        ("grown", "131072", "0x20000", 131072),
        ("loop", "1000000", "0x10000", 65536),
    ];
    folder.write("wide.wat", functions("i64", "0x100000000000"));
    folder.write("checked.wat", functions("i32", "1000000"));
    let mut flags = vec![vec!["-O0"], vec!["-O2"], vec!["-Os"], vec!["-O2", "--spectre-masks"]];
    if tool::require("clang-19").is_ok() && !target::is_foreign() {
        flags.push(vec!["--generator", "llvm"]);
    }
    for (input, more, rows) in [("wide.wat", None, WIDE), ("checked.wat", Some("--memory-checks"), CHECKED)] {
        for flags in &flags {
            for (function, argument, address, size) in rows {
                let common = [input, "--invoke", function, "-o", "t"];
                folder.builds(&[&common, &flags[..], more.as_slice()].concat());
                let said = folder.program("t", &[argument]);
                let wanted = format!("address {address}, and the memory has {size} bytes\n");
                ensure!(said.stderr.contains(&wanted), "{input} {flags:?} {function}({argument}): {said:?}");
            }
        }
    }
    Ok(())
}

fn copies_and_fills_tell_where_they_end() -> Result<()> {
    let folder = Folder::with(&[(
        "m.wat",
        r#"(module
            (memory $m 1) (memory $other 2) (memory $wide i64 1) (data $d "abc")
            (func (export "copy") (param i32 i32 i32) (memory.copy (local.get 0) (local.get 1) (local.get 2)))
            (func (export "short") (param i32 i32) (memory.copy (local.get 0) (local.get 1) (i32.const 16)))
            (func (export "fill") (param i32 i32)
              (drop (memory.grow $other (i32.const 1)))
              (memory.fill $other (local.get 0) (i32.const 7) (local.get 1)))
            (func (export "between") (param i32 i32 i32)
              (memory.copy $m $other (local.get 0) (local.get 1) (local.get 2)))
            (func (export "wide") (param i64 i64)
              (memory.fill $wide (local.get 0) (i32.const 7) (local.get 1)))
            (func (export "init") (param i32 i32 i32)
              (memory.init $d (local.get 0) (local.get 1) (local.get 2))))"#,
    )]);
    const ROWS: &[(&str, &[&str], &str)] = &[
        ("copy", &["65530", "0", "7"], ": it would end at address 0x10001, and the memory has 65536 bytes\n"),
        ("copy", &["0", "65530", "9"], ": it would end at address 0x10003, and the memory has 65536 bytes\n"),
        ("copy", &["-1", "0", "-1"], ": it would end at address 0x1fffffffe, and the memory has 65536 bytes\n"),
        ("short", &["-16", "0"], ": it would end at address 0x100000000, and the memory has 65536 bytes\n"),
        ("fill", &["196608", "1"], ": it would end at address 0x30001, and the memory has 196608 bytes\n"),
        ("between", &["65530", "0", "7"], "\n"),
        ("wide", &["65530", "7"], "\n"),
        ("init", &["0", "0", "4"], "\n"),
    ];
    let mut flags = vec![vec!["-O0"], vec!["-O2"], vec!["-O2", "--spectre-masks"]];
    if tool::require("clang-19").is_ok() && !target::is_foreign() {
        flags.push(vec!["--generator", "llvm"]);
    }
    for flags in &flags {
        for (function, arguments, end) in ROWS {
            folder.builds(&[&["m.wat", "--invoke", function, "-o", "t"], &flags[..]].concat());
            let said = folder.program("t", arguments);
            let wanted = format!("t: wasm trap: out of bounds memory access{end}wasm backtrace:");
            ensure!(said.stderr.contains(&wanted), "{flags:?} {function}({arguments:?}): {said:?}");
        }
    }
    Ok(())
}

fn traps_tell_what_was_accessed_and_called() {
    let folder = Folder::empty();
    let access = trap_of(
        &folder,
        r#"(module (memory 2) (func (export "main") (drop (i32.load offset=8 (i32.const 0x20000)))))"#,
    );
    assert_eq!(access, "t: wasm trap: out of bounds memory access: address 0x20008, and the memory has 131072 bytes");
    let call = |expected: &str, found: &str| {
        trap_of(
            &folder,
            &format!(
                "(module (type $a (func {expected})) (table 2 funcref) (elem (i32.const 0) $f) (func $f {found} unreachable)
                 (func (export \"main\") (call_indirect (type $a) (i32.const 0)) unreachable))"
            ),
        )
    };
    let start = "t: wasm trap: indirect call type mismatch: ";
    assert_eq!(call("(result i64)", "(param f32)"), format!("{start}expected () -> i64, found (f32)"));
    let (many, refs) = ("(result i32 v128 f64)", "(param i64 externref funcref) (result externref)");
    let text = format!("{start}expected () -> (i32, v128, f64), found (i64, externref, funcref) -> externref");
    assert_eq!(call(many, refs), text);
}

fn names_are_demangled_and_both_ends_of_a_deep_stack_are_shown() {
    let folder = Folder::empty();
    folder.write(
        "a.wat",
        r#"(module (func $_ZN2ns3BoxIiE3getEi unreachable) (func $_RNvCs1234_7mycrate3foo (call 0))
          (func (export "main") (call 1)))"#,
    );
    folder.builds(&["a.wat"]);
    folder.program("a", &[]).fails(134, &[" - ns::Box<int>::get(int)\n", " - mycrate::foo\n", " - main\n"]);
    folder.write(
        "b.wat",
        r#"(module (func $outer (export "main") (call $r (i32.const 98)))
          (func $r (param i32) (if (local.get 0) (then (call $r (i32.sub (local.get 0) (i32.const 1))))) (unreachable)))"#,
    );
    folder.builds(&["b.wat"]);
    let out = folder.program("b", &[]).fails(134, &["   23: ", "\n  ... 68 frames ...\n   92: ", "   99: "]);
    assert!(out.stderr.as_str().ends_with(" - outer\n") && out.stderr.lines().count() == 2 + 32 + 1, "{out:#?}");
}

fn an_exhausted_c_stack_is_the_modules_own() {
    let folder = Folder::empty();
    // As clang makes it: the variable is written late, and the stack begins below the data.
    let module = |frame: u32, address: &str| {
        format!(
            r#"(module (memory 2) (data (i32.const 65536) "data")
              (global $__stack_pointer (mut i32) (i32.const 65536))
              (func $f (param i32) (local $sp i32)
                (local.set $sp (i32.sub (global.get $__stack_pointer) (i32.const {frame})))
                (i32.store {address} (local.get 0))
                (global.set $__stack_pointer (local.get $sp))
                (call $f (i32.add (local.get 0) (i32.const 1)))
                (global.set $__stack_pointer (i32.add (local.get $sp) (i32.const {frame}))))
              (func (export "main") (call $f (i32.const 0))))"#
        )
    };
    for frame in [64, 5008, 100_000] {
        let trap = trap_of(&folder, &module(frame, "(local.get $sp)"));
        assert!(
            trap.contains(": the module's own C stack is exhausted; ") && trap.contains("-Wl,-z,stack-size="),
            "{trap}"
        );
    }
    // Of other accesses it says nothing.
    for address in ["(i32.const -4)", "(i32.const 0x30000)"] {
        let trap = trap_of(&folder, &module(64, address));
        assert!(trap.contains(": address 0x"), "{trap}");
    }
}

fn options_at_run_time_are_listed_and_suggested() {
    let folder = Folder::with(&[("a.wat", ANSWER)]);
    folder.builds(&["a.wat"]);
    let with = |options: &str| folder.program_with("a", &[], &[("WASM2NATIVE_OPTIONS", options)]);
    let help = with("--help").succeeds().stdout;
    for option in ["  --dir HOST[::GUEST[::ro]]\n", "  --max-memory BYTES\n", "  --timeout DURATION\n"] {
        assert!(help.contains(option), "{help}");
    }
    with("--max-memroy 1M").fails(2, &["unknown option `--max-memroy` (did you mean `--max-memory`?)"]);
    with("--frobnicate").fails(2, &["unknown option `--frobnicate`; --help lists all"]);
    folder.builds(&["a.wat", "--fixed-powers"]);
    assert_eq!(with("--help").status, 42);
}

fn a_missing_grant_is_told_once_and_only_after_a_failure() {
    let module = |status: u32| {
        format!(
            r#"(module
              (import "wasi_snapshot_preview1" "path_open"
                (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
              (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
              (memory (export "memory") 1) (data (i32.const 0) "notes")
              (func $try (drop (call $open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 5) (i32.const 0)
                (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 64))))
              (func (export "_start") (call $try) (call $try) (call $exit (i32.const {status}))))"#
        )
    };
    let folder = Folder::with(&[("bad.wat", &module(7)), ("good.wat", &module(0))]);
    folder.builds(&["bad.wat"]);
    folder.builds(&["good.wat"]);
    let note =
        "note: no directory is granted to this program, so it finds no files; WASM2NATIVE_OPTIONS=\"--dir .\" grants";
    let out = folder.program("bad", &[]).fails(7, &[note]);
    assert_eq!(out.stderr.lines().count(), 1, "{out:#?}");
    assert_eq!(folder.program("good", &[]).succeeds().stderr, "");
    let granted = folder.program_with("bad", &[], &[("WASM2NATIVE_OPTIONS", "--dir .")]);
    assert_eq!((granted.status, granted.stderr.as_str()), (7, ""));
    folder.builds(&["bad.wat", "--fixed-powers"]);
    folder.program("bad", &[]).fails(7, &["; build it with --dir HOST::GUEST\n"]);
}

fn failing_scripts_tell_values_with_types() {
    let folder = Folder::empty();
    folder.write(
        "t.wast",
        r#"(module (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
          (func (export "f") (result f64 i64) (f64.const 1.5) (i64.const -1)) (func (export "t") (unreachable))
          (func (export "n") (result f32) (f32.const nan:0x200000)) (global (export "g") i32 (i32.const 5))
          (func (export "v") (result v128) (v128.const i32x4 1 2 3 4)))
(assert_return (invoke "add" (i32.const 1) (i32.const -2)) (i32.const 4))
(assert_return (invoke "f") (f64.const 2.5) (i64.const -1))
(assert_trap (invoke "t") "integer divide by zero")
(assert_trap (invoke "add" (i32.const 1) (i32.const 2)) "unreachable")
(assert_return (invoke "n") (f32.const nan:canonical))
(assert_return (get "g") (i32.const 6))
(assert_return (invoke "t") (i32.const 6))
(assert_return (invoke "v") (v128.const i32x4 1 2 3 5))
"#,
    );
    folder.builds(&["t.wast"]);
    let out = folder.program("t", &[]);
    let expected = "line 5: add (i32.const 1) (i32.const -2): (i32.const -1) instead of (i32.const 4)\n\
        line 6: f: (f64.const 1.5) (i64.const -1) instead of (f64.const 2.5) (i64.const -1)\n\
        line 7: t: trap: unreachable, instead of: integer divide by zero\n\
        line 8: add (i32.const 1) (i32.const 2): returned instead of: unreachable\n\
        line 9: n: (f32.const nan:0x200000) instead of (f32.const nan:canonical)\n\
        line 10: global g: (i32.const 5) instead of (i32.const 6)\n\
        line 11: t: trap: unreachable, instead of (i32.const 6)\n\
        line 12: v: (v128.const i32x4 0x1 0x2 0x3 0x4) instead of (v128.const i32x4 0x1 0x2 0x3 0x5)\n\
        0 passed, 8 failed\n";
    assert_eq!((out.status, out.stdout.as_str()), (1, expected));
    folder.write("e.wast", "(module (func (export \"f\")))\n(invoke \"f\")\n");
    folder.builds(&["e.wast"]);
    assert_eq!(folder.program("e", &[]).succeeds().stdout, "0 passed, 0 failed\n");
}
