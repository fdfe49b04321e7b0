//! Imports are C functions by name and type: another function of the C library is refused, and so
//! is a C source that defines an import with another type.

use anyhow::Result;
use libtest_mimic::Trial;
use test_kit::folder::Folder;
use test_kit::process::{Outcome, outcome, program};
use test_kit::{tool, trials};

pub fn trials() -> Vec<Trial> {
    trials!["prototypes":
        other_functions_of_the_c_library_are_refused,
        functions_of_the_c_library_fit_by_their_class,
        a_source_with_another_type_does_not_compile,
        a_source_may_say_the_same_type_in_other_words,
        a_crash_in_an_import_is_told_by_its_name,
    ]
}

/// A module that imports a function and calls it with zeros.
fn module(name: &str, ty: &str) -> String {
    format!(
        r#"(module (import "env" "{name}" (func $f {ty})) (memory (export "memory") 1)
             (func (export "main") (unreachable)) (func (export "use") {ty} (unreachable)) (elem declare func $f)
             (global (export "g") funcref (ref.func $f)))"#
    )
}

/// Of types that no shim has.
fn other_functions_of_the_c_library_are_refused() {
    for (name, ty, shown, prototype) in [
        ("log", "(param i32 i64)", "(i32, i64)", "(f64) -> f64"),
        ("time", "(result f64)", "() -> f64", "(ptr) -> i64"),
        ("pow", "(param i32 i32) (result i32)", "(i32, i32) -> i32", "(f64, f64) -> f64"),
        ("abort", "(param i32 i32 i32)", "(i32, i32, i32)", "()"),
        ("printf", "(result i32)", "() -> i32", "(cstr, ...) -> i32"),
        ("write", "(param i32 i32) (result i32)", "(i32, i32) -> i32", "(i32, ptr, usize) -> isize"),
        ("sinf", "(param f64) (result f32)", "(f64) -> f32", "(f32) -> f32"),
    ] {
        let folder = Folder::with(&[("a.wat", &module(name, ty))]);
        let told = [
            &format!(
                "`env.{name}` of type {shown}: `{name}` of the C library is another function, of type {prototype}"
            )[..],
            &format!("--import-symbol 'env.{name}=SYMBOL'"),
            &format!("--import 'env.{name}: "),
        ];
        folder.wasm2native(&["a.wat", "-o", "a"]).fails(1, &told);
    }
}

/// Addresses are `i32`s of modules for wasm32 and `i64`s of others; what takes variable arguments
/// takes any; and both ways out lead out.
fn functions_of_the_c_library_fit_by_their_class() {
    for (name, ty) in [
        ("pow", "(param f64 f64) (result f64)"),
        ("puts", "(param i32) (result i32)"),
        ("puts", "(param i64) (result i32)"),
        ("time", "(param i32) (result i64)"),
        ("printf", "(param i32 f64 i64) (result i32)"),
        ("qsort", "(param i32 i32 i32 i32)"),
        ("memcpy", "(param i64 i64 i64) (result i64)"),
    ] {
        let folder = Folder::with(&[("a.wat", &module(name, ty))]);
        folder.wasm2native(&["a.wat", "-o", "a"]).succeeds();
    }
    let folder = Folder::with(&[("a.wat", &module("log", "(param f64) (result f32)"))]);
    folder.wasm2native(&["a.wat", "-o", "a"]).fails(1, &["is another function"]);
    folder.wasm2native(&["a.wat", "-o", "a", "--import-symbol", "env.log=logf"]).fails(1, &["`logf` of the C library"]);
    folder.wasm2native(&["a.wat", "-o", "a", "--import-symbol", "env.log=getpgid"]).succeeds();
    folder.wasm2native(&["a.wat", "-o", "a", "--import", "env.log: (f64) -> f32"]).succeeds();
    folder.write("own.c", "float log(double x) { return x; }\n");
    folder.wasm2native(&["a.wat", "own.c", "-o", "a"]).succeeds();
}

/// Calls `helper` with 40 and 2, and reads `counter`.
const CALLER: &str = r#"(module (import "env" "helper" (func $helper (param i32 i64 f64) (result i32)))
  (import "env" "counter" (global $counter (mut i32)))
  (func (export "main") (result i32)
    (i32.add (call $helper (i32.const 40) (i64.const 2) (f64.const 3)) (global.get $counter))))"#;

fn build(sources: &str, flags: &[&str]) -> (Folder, Outcome) {
    let folder = Folder::with(&[("a.wat", CALLER), ("b.c", sources)]);
    let out = folder.wasm2native(&[&["a.wat", "b.c", "-o", "a"], flags].concat());
    (folder, out)
}

fn a_source_with_another_type_does_not_compile() -> Result<()> {
    tool::require("cc")?;
    for (function, variable) in [
        ("int helper(int a, long b) { return a + b; }", "int counter;"),
        ("double helper(int a, long b, double c) { return a; }", "int counter;"),
        ("int helper(double a, long b, double c) { return a; }", "int counter;"),
        ("int helper(int a, int b, double c) { return a; }", "int counter;"),
        ("int helper(int a, long b, float c) { return a; }", "int counter;"),
        ("int helper(char *a, long b, double c) { return *a; }", "int counter;"),
        ("void helper(int a, long b, double c) {}", "int counter;"),
    ] {
        let (_, out) = build(&format!("{function}\n{variable}\n"), &[]);
        out.fails(1, &["b.c: it defines an import of the module with another type", "'helper'", "b.c:1:"]);
    }
    let (_, out) = build("int helper(int a, long b, double c) { return a; }\nfloat counter;\n", &[]);
    out.fails(1, &["'counter'", "b.c:2:", "extern int32_t counter;"]);
    // A declaration says how the values cross, to whatever C takes.
    let declared = ["--import", "env.helper: (i8, i64, f64) -> i8"];
    build("signed char helper(signed char a, long b, double c) { return a; }\nint counter;\n", &declared).1.succeeds();
    Ok(())
}

fn a_source_may_say_the_same_type_in_other_words() -> Result<()> {
    tool::require("cc")?;
    for (function, variable) in [
        ("int helper(int a, long b, double c) { return a + b; }", "int counter;"),
        ("unsigned helper(unsigned a, unsigned long b, double c) { return a + b; }", "unsigned counter;"),
        ("int helper(unsigned a, long long b, double c) { return a + b; }", "int counter;"),
        ("int helper(int a, unsigned long long b, double c) { return a + b; }", "int counter;"),
        (
            "#define _GNU_SOURCE\n#include <stdint.h>\n#include <stdio.h>\n#include <string.h>\n\
             uint32_t helper(int32_t a, uint64_t b, double c) { return a + b + (uint32_t)(long)strchrnul(\"\", 1) * 0; }",
            "uint32_t counter;",
        ),
    ] {
        let (folder, out) = build(&format!("{function}\n{variable}\n"), &[]);
        out.succeeds();
        let ran = outcome(program(folder.path("a")).env_clear());
        assert_eq!(ran.status, 42, "{function}: {ran:?}");
    }
    Ok(())
}

/// The process ends by the signal, as C's do.
fn a_crash_in_an_import_is_told_by_its_name() -> Result<()> {
    tool::require("cc")?;
    let module = r#"(module (import "env" "fine" (func $fine (param i32) (result i32)))
      (import "host" "boom" (func $boom (param i32) (result i32)))
      (memory (export "memory") 1)
      (func $deep (param i32) (result i32) (call $fine (local.get 0)))
      (func $caller (param i32) (result i32) (i32.add (call $deep (local.get 0)) (call $boom (local.get 0))))
      (func (export "main") (result i32) (i32.add (call $caller (i32.const 3)) (i32.const 1))))"#;
    let source = r#"#include <string.h>
      static volatile char sink;
      int fine(int n) { char room[2000]; memset(room, n, sizeof room); sink = room[n]; return sink; }
      __attribute__((noinline)) static int inner(int n) { char room[3000]; sink = room[n]; return *(volatile int *)(long)n; }
      int host_boom(int n) { return inner(n) + 1; }
    "#;
    let folder = Folder::with(&[("a.wat", module), ("b.c", source)]);
    let told = "the imported function `host.boom` crashed (SIGSEGV), called by `caller` at 0x";
    for flags in [&["-O2"][..], &["-O0"], &["-O2", "-fno-omit-frame-pointer"], &["-O2", "-shared"]] {
        let file = if flags.contains(&"-shared") { "libb.so" } else { "b.o" };
        let form = if flags.contains(&"-shared") { "-fPIC" } else { "-c" };
        folder.tool("cc", &[flags, &[form, "-fPIC", "-w", "b.c", "-o", file]].concat());
        let rest = if flags.contains(&"-shared") { &["-Wl,-rpath,."][..] } else { &[] };
        folder.wasm2native(&[&["a.wat", file, "-o", "a"], rest].concat()).succeeds();
        let out = outcome(program(folder.path("a")).current_dir(folder.path(".")).env_clear());
        assert!(out.status == -11 && out.stderr.contains(told), "{flags:?}: {out:?}");
        assert_eq!(out.stderr.lines().count(), 1, "{out:?}");
    }
    Ok(())
}
