//! The code generator LLVM: which clang it is, what is recorded of it, and what it refuses.

use crate::{ANSWER, FIB};
use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use std::os::unix::fs::PermissionsExt;
use test_kit::folder::Folder;
use test_kit::process::outcome;
use test_kit::{tool, trials};

pub fn trials() -> Vec<Trial> {
    trials!["generator":
        without_clang_there_is_advice,
        an_old_clang_is_named,
        a_clang_that_is_old_for_the_target_is_named,
        what_is_not_clang_is_refused,
        messages_of_clang_are_passed_on,
        the_program_names_its_compiler,
        the_bytes_do_not_depend_on_threads,
        the_text_for_clang_is_a_form_of_output,
        other_targets_are_refused,
        what_threads_may_change_is_read_once,
        references_do_not_cross_generators,
        linkers_see_that_tables_cross_generators,
        a_path_to_clang_is_for_llvm,
        features_of_the_processor_are_passed_on,
        rotations_are_for_all_processors,
        another_clang_builds_again,
        traps_can_be_exact,
        moved_accesses_trap_in_their_function,
        unrolled_loops_are_rolled_up,
    ]
}

const LLVM: [&str; 2] = ["--generator", "llvm"];

/// A folder with a module, and a clang that is a script.
fn with_clang(script: &str) -> Folder {
    let folder = Folder::with(&[("a.wat", ANSWER), ("clang", &format!("#!/bin/sh\n{script}\n"))]);
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder.path("clang"), executable).expect("the file is ours");
    folder
}

/// Nothing is left behind but the inputs.
fn assert_untouched(folder: &Folder, inputs: &[&str]) {
    let mut list = folder.list(".");
    list.remove("cache");
    assert_eq!(list, inputs.iter().map(|&name| name.to_owned()).collect());
}

fn without_clang_there_is_advice() {
    let folder = Folder::with(&[("a.wat", ANSWER)]);
    let mut command = folder.command(&["a.wat", "--generator", "llvm"]);
    let texts = ["needs clang 15 or newer on PATH, and there is none", "apt install clang-19", "--generator cranelift"];
    outcome(command.env("PATH", folder.path("."))).fails(2, &texts);
    assert_untouched(&folder, &["a.wat"]);
}

fn an_old_clang_is_named() {
    let folder = with_clang("echo Some clang version 14.0.6");
    let args = ["a.wat", "--generator", "llvm", "--clang", "./clang"];
    folder.wasm2native(&args).fails(2, &["Some clang version 14.0.6", "needs version 15 or newer"]);
    let mut command = folder.command(&args[..3]);
    outcome(command.env("PATH", folder.path("."))).fails(2, &["there is only Some clang version 14.0.6"]);
    assert_untouched(&folder, &["a.wat", "clang"]);
}

/// Older ones leave pages of large frames untouched, so that a frame may step over the guard.
fn a_clang_that_is_old_for_the_target_is_named() {
    let folder = with_clang("echo Some clang version 17.0.6");
    let args = ["a.wat", "-c", "--generator", "llvm", "--clang", "./clang", "--target", "aarch64-unknown-linux-gnu"];
    folder.wasm2native(&args).fails(2, &["Some clang version 17.0.6", "needs version 18 or newer"]);
    assert_untouched(&folder, &["a.wat", "clang"]);
}

fn what_is_not_clang_is_refused() {
    let folder = with_clang("echo gcc 14");
    for path in ["./clang", "./nothing", "a.wat"] {
        let args = ["a.wat", "--generator", "llvm", "--clang", path];
        folder.wasm2native(&args).fails(2, &["--clang names", "is not a clang that runs"]);
    }
    folder.wasm2native(&["a.wat", "--generator", "gcc"]).fails(2, &["invalid value 'gcc'", "llvm"]);
    assert_untouched(&folder, &["a.wat", "clang"]);
}

fn messages_of_clang_are_passed_on() {
    let folder = with_clang("[ $1 = --version ] && echo clang version 19.9 && exit\necho out of registers >&2; exit 3");
    let args = ["a.wat", "--generator", "llvm", "--clang", "./clang"];
    folder.wasm2native(&args).fails(1, &["a.wat: clang version 19.9 failed: out of registers"]);
    assert_untouched(&folder, &["a.wat", "clang"]);
}

fn the_program_names_its_compiler() -> Result<()> {
    tool::require("clang-19")?;
    let folder = Folder::with(&[("a.wat", ANSWER)]);
    folder.builds(&["a.wat", "-o", "usual"]);
    folder.builds(&[&["a.wat", "-o", "a"], &LLVM[..]].concat());
    assert_eq!(folder.program("a", &[]).status, 42);
    let names_clang = |program: &str| {
        let bytes = folder.read(program);
        bytes.windows(14).any(|bytes| bytes == b"clang version ")
    };
    assert!(names_clang("a") && !names_clang("usual"));
    Ok(())
}

/// Enough functions for several units.
fn the_bytes_do_not_depend_on_threads() -> Result<()> {
    tool::require("clang-19")?;
    let body = "(i32.rotl (i32.add (local.get 0) (i32.const 77)) (local.get 0))".repeat(20);
    let adds = "i32.xor ".repeat(19);
    let function = |number: usize| {
        format!("(func (export \"f{number}\") (param i32) (result i32) {body} {adds} i32.const {number} i32.add)")
    };
    let functions: String = (0..300).map(function).collect();
    let folder = Folder::with(&[("a.wat", &format!("(module {functions})"))]);
    folder.wasm2native(&[&["a.wat", "-O0", "--emit", "llvm-ir", "-o", "a.ll"], &LLVM[..]].concat()).succeeds();
    let text = String::from_utf8(folder.read("a.ll")).expect("it is text");
    assert!(text.matches("target triple").count() > 1, "one unit of {} bytes", text.len());
    for threads in ["1", "16"] {
        let name = format!("a{threads}.o");
        folder.builds(&[&["a.wat", "-O0", "-c", "-o", &name, "-j", threads], &LLVM[..]].concat());
    }
    assert!(folder.read("a1.o") == folder.read("a16.o"));
    Ok(())
}

fn the_text_for_clang_is_a_form_of_output() -> Result<()> {
    tool::require("clang-19")?;
    let folder = Folder::with(&[("fib.wat", FIB)]);
    let text =
        folder.wasm2native(&["fib.wat", "--generator", "llvm", "--emit", "llvm-ir", "-o", "-"]).succeeds().stdout;
    assert!(text.contains("define hidden ") && text.contains("!DILocation("), "{text}");
    folder.wasm2native(&["fib.wat", "--emit", "llvm-ir"]).fails(1, &["needs --generator llvm"]);
    Ok(())
}

fn other_targets_are_refused() {
    let folder = Folder::with(&[("a.wat", ANSWER)]);
    for target in ["riscv64gc-unknown-linux-gnu", "aarch64-apple-darwin", "x86_64-pc-windows-msvc"] {
        let args = ["a.wat", "-c", "--generator", "llvm", "--target", target];
        folder.wasm2native(&args).fails(2, &["for x86-64 and aarch64 Linux only", "--generator cranelift", target]);
    }
    assert_untouched(&folder, &["a.wat"]);
}

/// To LLVM, a value that another thread may be writing is another one at each use, unless it is
/// frozen: a check and the access after it must agree.
fn what_threads_may_change_is_read_once() -> Result<()> {
    tool::require("clang-19")?;
    let folder = Folder::empty();
    for (memory, is_frozen) in [("(memory 1 1 shared)", true), ("(memory 1 1)", false)] {
        let load = "(i32.add (i32.load (i32.const 0)) (i32.load8_u (i32.const 4)))";
        folder.write("a.wat", format!("(module {memory} (func (export \"main\") (result i32) {load}))"));
        let args = ["a.wat", "--generator", "llvm", "--emit", "llvm-ir", "-o", "-"];
        let text = folder.wasm2native(&args).succeeds().stdout;
        let count = |word: &str| text.lines().filter(|line| line.contains(word)).count();
        // What is atomic has one value.
        let n_loads = count(" = load ") - count(" = load atomic ");
        assert!(n_loads >= 2, "{text}");
        assert_eq!(count(" = freeze "), if is_frozen { n_loads } else { 0 }, "{text}");
    }
    Ok(())
}

/// A library of which others get functions.
const REFERENCES: &str = r#"(module
    (table (export "t") 2 funcref)
    (elem (i32.const 0) $add $multiply)
    (func $add (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
    (func $multiply (param i32) (result i32) (i32.mul (local.get 0) (i32.const 3)))
    (func (export "get") (param i32) (result funcref) (table.get (local.get 0))))"#;

/// Calls a function of the library, by `call_indirect` or `return_call_indirect`.
fn caller(call: &str) -> String {
    format!(
        r#"(module
            (import "lib" "get" (func $get (param i32) (result funcref)))
            (type $f (func (param i32) (result i32)))
            (table $t 1 funcref)
            (func (export "answer") (result i32)
                (table.set (i32.const 0) (call $get (i32.const 1)))
                ({call} (type $f) (i32.const 14) (i32.const 0))))"#
    )
}

fn references_do_not_cross_generators() {
    let files =
        [("lib.wat", REFERENCES), ("a.wat", &caller("call_indirect")), ("tail.wat", &caller("return_call_indirect"))];
    let folder = Folder::with(&files);
    folder.builds(&["-c", "lib.wat", "-o", "c.o"]);
    folder.builds(&["-c", "lib.wat", "-o", "l.o", "--generator", "llvm"]);
    let answers = |module: &str, object: &str, generator: &str| {
        folder.builds(&[module, object, "--invoke", "answer", "--generator", generator, "-o", "app"]);
        folder.program("app", &[]).prints("42\n");
    };
    answers("a.wat", "c.o", "cranelift");
    answers("tail.wat", "c.o", "cranelift");
    answers("a.wat", "l.o", "llvm");
    let differ = |module: &str, object: &str, generator: &str, ours: &str, theirs: &str| {
        let args = [module, object, "--invoke", "answer", "--generator", generator, "-o", "no"];
        let place = format!("`lib_get`: the module was made by {ours}, {object} by {theirs}");
        folder.wasm2native(&args).fails(1, &[&place, "help: make all of them with the same --generator"]);
        assert!(!folder.path("no").exists());
    };
    differ("a.wat", "l.o", "cranelift", "cranelift", "llvm");
    differ("a.wat", "c.o", "llvm", "llvm", "cranelift");
    differ("tail.wat", "c.o", "llvm", "llvm-tailcc", "cranelift");
    differ("tail.wat", "l.o", "llvm", "llvm-tailcc", "llvm");
}

/// Objects with a table in common are linked by others.
fn linkers_see_that_tables_cross_generators() {
    let user = r#"(module
        (import "lib" "t" (table 2 funcref))
        (type $f (func (param i32) (result i32)))
        (func (export "answer") (result i32) (call_indirect (type $f) (i32.const 14) (i32.const 1))))"#;
    let host = "int user_init(void); int user_answer(void); int main(void) { return user_init() ? 1 : user_answer(); }";
    let folder = Folder::with(&[("lib.wat", REFERENCES), ("user.wat", user), ("host.c", host)]);
    folder.builds(&["--emit", "runtime=rt.o"]);
    for generator in ["cranelift", "llvm"] {
        for module in ["lib", "user"] {
            let (input, output) = (format!("{module}.wat"), format!("{module}-{generator}.o"));
            folder.builds(&["-c", &input, "-o", &output, "--generator", generator]);
        }
    }
    for user in ["cranelift", "llvm"] {
        for lib in ["cranelift", "llvm"] {
            let objects = [format!("user-{user}.o"), format!("lib-{lib}.o")];
            let mut command = tool::command("cc");
            command.args(["host.c", &objects[0], &objects[1], "rt.o", "-lm", "-o", "app"]);
            command.current_dir(folder.path("."));
            if user == lib {
                outcome(&mut command).succeeds();
                assert_eq!(folder.program("app", &[]).status, 42);
            } else {
                outcome(&mut command).fails(1, &["lib_t.w2n_one_generator"]);
            }
        }
    }
}

fn a_path_to_clang_is_for_llvm() {
    let folder = Folder::with(&[("a.wat", ANSWER)]);
    folder.wasm2native(&["a.wat", "--clang", "clang-19"]).fails(2, &["--clang", "--generator llvm"]);
    assert_untouched(&folder, &["a.wat"]);
}

fn features_of_the_processor_are_passed_on() {
    let module = r#"(module (func (export "f") (param i64 i64) (result i64)
        (i64.and (local.get 0) (i64.xor (local.get 1) (i64.const -1)))))"#;
    let folder = Folder::with(&[("a.wat", module)]);
    let listing =
        |cpu: &str| folder.wasm2native(&["--emit=listing", "a.wat", "--generator", "llvm", "--cpu", cpu]).succeeds();
    assert!(!listing("x86-64-v2").stdout.contains("andn"));
    assert!(listing("x86-64-v2+bmi1+bmi2").stdout.contains("andn"));
    // Each is known to clang.
    listing("x86-64+sse41+sse42+cmpxchg16b+popcnt+lzcnt+avx+avx2+fma+avx512f");
    folder.wasm2native(&["-c", "a.wat", "--generator", "llvm", "--cpu", "x86-64+nothing"]).fails(2, &["`nothing`"]);
}

/// By default LLVM makes a double shift of a rotation by a constant, which is slow on processors of
/// AMD's.
fn rotations_are_for_all_processors() -> Result<()> {
    tool::require("clang-19")?;
    let module = r#"(module (func (export "f") (param i32) (result i32) (i32.rotl (local.get 0) (i32.const 8))))"#;
    let folder = Folder::with(&[("a.wat", module)]);
    for cpu in ["x86-64-v2", "x86-64-v2+avx", "x86-64-v3"] {
        let args =
            ["--emit=listing", "a.wat", "--generator", "llvm", "--target", "x86_64-unknown-linux-gnu", "--cpu", cpu];
        let listing = folder.wasm2native(&args).succeeds().stdout;
        assert!(!listing.contains("shld") && (listing.contains("rol") || listing.contains("rorx")), "{cpu}: {listing}");
    }
    Ok(())
}

/// `run` keeps programs, and the clang that made one counts.
fn another_clang_builds_again() {
    let folder = with_clang("echo $* >> log; test $1 = --version && cat version || exec clang-19 \"$@\"");
    let n_compiled = |version: &str| {
        folder.write("version", format!("Some clang version {version}\n"));
        let args = ["run", "--generator", "llvm", "--clang", "./clang", "a.wat"];
        assert_eq!(folder.wasm2native(&args).status, 42);
        let log = String::from_utf8(folder.read("log")).expect("words");
        log.lines().filter(|line| line.contains("-x ir")).count()
    };
    assert_eq!(n_compiled("19.0.0"), 1);
    assert_eq!(n_compiled("19.0.0"), 1);
    assert_eq!(n_compiled("19.0.1"), 2);
}

/// What a host sees after a trap: the store before it is done, and the one after it is not.
fn traps_can_be_exact() {
    let module = r#"(module
        (memory 1)
        (global $state (export "state") (mut i32) (i32.const 0))
        (func (export "load") (param i32) (result i32)
            (local $loaded i32)
            (global.set $state (i32.const 1))
            (local.set $loaded (i32.load (local.get 0)))
            (global.set $state (i32.const 2))
            (local.get $loaded))
        (func (export "drop") (param i32)
            (drop (i32.mul (i32.load (local.get 0)) (i32.const 0)))
            (global.set $state (i32.const 3))))"#;
    let host = r#"
        #include "m.h"
        #include <stdio.h>
        static void load(void *at) { m_load(*(int *)at); }
        static void drop(void *at) { m_drop(*(int *)at); }
        int main(void) {
            int outside = 1 << 20;
            int first = w2n_try(load, &outside, 0), after_first = m_state;
            int second = w2n_try(drop, &outside, 0), after_second = m_state;
            printf("%d %d %d %d\n", first != 0, after_first, second != 0, after_second);
        }"#;
    let folder = Folder::with(&[("m.wat", module), ("host.c", host)]);
    let printed = |flags: &[&str]| {
        folder.builds(&[&["m.wat", "--emit", "staticlib,header"], flags].concat());
        folder.cc(&["host.c", "m.a", "-lm", "-lpthread", "-o", "host"]);
        folder.program("host", &[]).succeeds().stdout
    };
    assert_eq!(printed(&[]), "1 1 1 1\n");
    assert_eq!(printed(&["--exact-traps"]), "1 1 1 1\n");
    assert_eq!(printed(&["--generator", "llvm", "--exact-traps"]), "1 1 1 1\n");
    // Otherwise the flag would be of no use.
    assert_ne!(printed(&LLVM), "1 1 1 1\n");
}

/// LLVM moves the first load of a loop to the block before it, and the load's line is lost.
fn moved_accesses_trap_in_their_function() -> Result<()> {
    tool::require("clang-19")?;
    let module = r#"(module (memory 1)
        (func $sum (param $at i32) (result i64) (local $h i64) (local $end i32)
            (local.set $end (i32.add (local.get $at) (i32.const 4096)))
            (loop $next
                (local.set $h (i64.mul (i64.xor (local.get $h) (i64.load (local.get $at))) (i64.const 0x100000001b3)))
                (br_if $next (i32.ne (local.tee $at (i32.add (local.get $at) (i32.const 8))) (local.get $end))))
            (local.get $h))
        (func $walk (param $b i32) (param $end i32) (param $i i32) (result i64) (local $before i32)
            (loop $next
                (f64.store (i32.add (local.get $b) (local.get $i))
                    (f64.add (f64.load (i32.add (local.get $b) (local.get $i))) (f64.const 1.5)))
                (local.set $before (local.get $i))
                (local.set $i (i32.add (local.get $i) (i32.const 24)))
                (br_if $next (i32.le_s (local.get $before) (local.get $end))))
            (call $sum (i32.const 0)))
        (func (export "f") (param $n i32) (result i64)
            (if (i32.eq (local.get $n) (i32.const 0)) (then (return (call $sum (i32.const 61440)))))
            (if (i32.eq (local.get $n) (i32.const 1))
                (then (return (call $walk (i32.const -2048) (i32.const 300) (i32.const 0)))))
            (if (i32.eq (local.get $n) (i32.const 2)) (then (return (call $sum (i32.const 8)))))
            (i64.const 0)))"#;
    let folder = Folder::with(&[("m.wat", module)]);
    folder.builds(&[&["m.wat", "--invoke", "f", "--exact-traps", "-o", "m"], &LLVM[..]].concat());
    let outcome = folder.program("m", &["1"]);
    ensure!(outcome.status == 134, "{outcome:?}");
    let functions = outcome.stderr.lines().filter_map(|line| Some(line.split_once(" - ")?.1));
    ensure!(functions.eq(["walk", "f"]), "{}", outcome.stderr);
    Ok(())
}

/// A body twice, as producers unroll it: the fast version has it once for LLVM, and twice for
/// Cranelift, beside the loop as it was.
fn unrolled_loops_are_rolled_up() -> Result<()> {
    tool::require("clang-19")?;
    let copy = |at: u32| {
        format!("(f64.store offset={at} (local.get $p) (f64.add (f64.load offset={at} (local.get $p)) (f64.const 1)))")
    };
    let module = format!(
        "(module (memory 1) (func (export \"f\") (param $p i32) (param $end i32)
           (loop {} {}
             (br_if 0 (i32.ne (local.tee $p (i32.add (local.get $p) (i32.const 16))) (local.get $end))))))",
        copy(0),
        copy(8)
    );
    let folder = Folder::with(&[("a.wat", &module)]);
    let stores = |args: &[&str]| {
        let args = [&["a.wat", "-o", "-"], args].concat();
        let text = folder.wasm2native(&args).succeeds().stdout;
        let is_store =
            |line: &&str| ["store double", "store volatile double", "store user2"].iter().any(|it| line.contains(it));
        text.lines().filter(is_store).count()
    };
    const IR: [&str; 4] = ["--generator", "llvm", "--emit", "llvm-ir"];
    assert_eq!(stores(&IR), 3);
    assert_eq!(stores(&[&IR[..], &["-Os"]].concat()), 2);
    assert_eq!(stores(&[&IR[..], &["--exact-traps"]].concat()), 2);
    const CLIF: [&str; 2] = ["--emit", "clif"];
    let in_clif = |flags: &[&str]| stores(&[&CLIF[..], flags].concat());
    assert_eq!((in_clif(&[]), in_clif(&["-O0"]), in_clif(&["-Os"])), (4, 2, 2));
    Ok(())
}
