//! Static and shared libraries in C and C++, and two of them in one process.

use crate::host;
use anyhow::Result;
use libtest_mimic::Trial;
use test_kit::trials;

pub fn trials() -> Vec<Trial> {
    trials!["library":
        a_static_library_serves_c,
        a_shared_library_serves_c,
        both_serve_cxx,
        libraries_are_the_same_bytes_every_time,
        two_libraries_live_in_one_process,
        powers_are_fixed_when_building,
        signals_are_the_hosts,
        memory_that_is_imported_is_made,
        a_reactor_is_initialized_once,
    ]
}

const VALUES: &str = "\
add before init 5
init 0 0
memory hello 65536
mixed 1099511627775.75
divmod 3 2
all -3 -3 -3.0 -3.0 -3
vectors 28
count 8 8
count 101
constants -5 0.5
origin 2.5
lanes 59
null 1
kept 1
apply 42 -21
log 42
ask 4.25
grow 1
size 131072
names 11 12 13 14 15 16
words 1 8
eight 1
";

fn a_static_library_serves_c() -> Result<()> {
    let folder = host("cc", &["values.wat", "values.c"])?;
    folder.builds(&["values.wat", "--emit", "staticlib,header"]);
    for flags in [&["-O0"][..], &["-O2"], &["-O2", "-static"], &["-no-pie"], &["-Wl,--gc-sections"]] {
        folder.cc(&[flags, &["values.c", "values.a", "-o", "values"]].concat());
        folder.program("values", &[]).prints(VALUES);
    }
    Ok(())
}

fn a_shared_library_serves_c() -> Result<()> {
    let folder = host("cc", &["values.wat", "values.c"])?;
    folder.builds(&["values.wat", "--emit", "sharedlib=libvalues.so,header"]);
    // The library calls functions of the program.
    for flags in [&["-O0"][..], &["-O2"], &["-no-pie"]] {
        folder
            .cc(&[flags, &["values.c", "-rdynamic", "-L.", "-lvalues", "-Wl,-rpath,$ORIGIN", "-o", "values"]].concat());
        folder.program("values", &[]).prints(VALUES);
    }
    Ok(())
}

fn both_serve_cxx() -> Result<()> {
    let folder = host("c++", &["values.wat", "values.c"])?;
    folder.builds(&["values.wat", "--emit", "staticlib,sharedlib,header"]);
    folder.cxx(&["-x", "c++", "values.c", "-x", "none", "values.a", "-o", "static"]);
    folder.program("static", &[]).prints(VALUES);
    folder.cxx(&[
        "-x",
        "c++",
        "values.c",
        "-x",
        "none",
        "-rdynamic",
        "values.so",
        "-Wl,-rpath,$ORIGIN",
        "-o",
        "shared",
    ]);
    folder.program("shared", &[]).prints(VALUES);
    Ok(())
}

fn libraries_are_the_same_bytes_every_time() -> Result<()> {
    let folder = host("cc", &["values.wat"])?;
    folder.builds(&["values.wat", "-j1", "--emit", "staticlib=1.a,sharedlib=1.so,header=1.h,rust=1.rs"]);
    std::fs::create_dir(folder.path("other")).expect("a folder can be made");
    folder.builds(&["values.wat", "-j2", "--emit", "staticlib=other/2.a,sharedlib=other/1.so,header=2.h,rust=2.rs"]);
    for (one, two) in [("1.a", "other/2.a"), ("1.so", "other/1.so"), ("1.h", "2.h"), ("1.rs", "2.rs")] {
        let read = |name: &str| std::fs::read(folder.path(name)).expect("it was built");
        assert!(read(one) == read(two), "{one}");
    }
    Ok(())
}

/// A library whose memory belongs to it alone.
fn counter(step: u32) -> String {
    format!(
        "(module (memory (export \"memory\") 1) (data (i32.const 0) \"{step}\")
           (func (export \"next\") (result i32)
             (i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (i32.const {step}))) (i32.load (i32.const 8)))
           (func (export \"fail\") unreachable))"
    )
}

fn two_libraries_live_in_one_process() -> Result<()> {
    let folder = host("cc", &["two.c"])?;
    folder.write("one.wat", counter(1));
    folder.write("ten.wat", counter(10));
    for module in ["one.wat", "ten.wat"] {
        folder.builds(&[module, "--emit", "staticlib,sharedlib,header"]);
    }
    let rpath = "-Wl,-rpath,$ORIGIN";
    for libraries in [["one.a", "ten.a"], ["one.so", "ten.so"], ["one.a", "ten.so"], ["one.so", "ten.a"]] {
        folder.cc(&[&["two.c", "-o", "two", rpath][..], &libraries].concat());
        folder.program("two", &[]).prints("1 10 2 20\n1: unreachable\n1: unreachable\n3 30\n1 1\n");
    }
    Ok(())
}

fn powers_are_fixed_when_building() -> Result<()> {
    let folder = host("cc", &["environ.c"])?;
    folder.write(
        "guest.wat",
        r#"(module
             (import "wasi_snapshot_preview1" "environ_sizes_get" (func $sizes (param i32 i32) (result i32)))
             (import "wasi_snapshot_preview1" "environ_get" (func $get (param i32 i32) (result i32)))
             (import "wasi_snapshot_preview1" "args_sizes_get" (func $args (param i32 i32) (result i32)))
             (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
             (memory (export "memory") 1)
             (func (export "variables") (result i32)
               (drop (call $sizes (i32.const 0) (i32.const 4)))
               (drop (call $get (i32.const 64) (i32.const 1024)))
               (i32.load (i32.const 0)))
             (func (export "arguments") (result i32) (drop (call $args (i32.const 0) (i32.const 4))) (i32.load (i32.const 0)))
             (func (export "leave") (param i32) (call $exit (local.get 0))))"#,
    );
    folder.builds(&["guest.wat", "--env", "A=b", "--emit", "staticlib=guest.a,header"]);
    folder.builds(&[
        "guest.wat",
        "--fixed-powers",
        "--prefix",
        "closed",
        "--emit",
        "staticlib=closed.a,header=closed.h",
    ]);
    folder.cc(&["environ.c", "guest.a", "closed.a", "-o", "environ"]);
    let run = |options| folder.program_with("environ", &[], &[("WASM2NATIVE_OPTIONS", options), ("HOSTS", "secret")]);
    run("").prints("1 A=b\n0\n1 argument\nexit 101 5\n");
    run("--env C=d").prints("2 A=b\n0\n1 argument\nexit 101 5\n");
    let out = run("--frobnicate");
    assert!(out.stdout.starts_with("init 103\n") && out.stderr.contains("unknown option `--frobnicate`"), "{out:#?}");
    Ok(())
}

fn signals_are_the_hosts() -> Result<()> {
    let folder = host("cc", &[])?;
    folder.write(
        "guest.wat",
        r#"(module
             (import "wasi_snapshot_preview1" "proc_raise" (func $raise (param i32) (result i32)))
             (memory (export "memory") 1)
             (func (export "raise") (param i32) (result i32) (call $raise (local.get 0))))"#,
    );
    folder.write(
        "main.c",
        "#include \"guest.h\"\n#include <signal.h>\n#include <stdio.h>\n\
         static volatile int n_caught;\n\
         static void count(int number) { (void)number; n_caught++; }\n\
         int main(void) {\n\
           for (int number = 1; number <= 64; number++) signal(number, count);\n\
           signal(SIGPIPE, SIG_IGN);\n\
           for (int number = 0; number <= 255; number++) {\n\
             int answer = (int)guest_raise(number);\n\
             if (answer != (number <= 30 ? 58 : 28)) printf(\"%d gives %d\\n\", number, answer);\n\
           }\n\
           printf(\"%d %d\\n\", n_caught, signal(SIGPIPE, SIG_IGN) == SIG_IGN);\n\
           return 0;\n\
         }\n",
    );
    folder.builds(&["guest.wat", "--emit", "staticlib,header"]);
    folder.cc(&["main.c", "guest.a", "-o", "main"]);
    // 58 is `notsup`, 28 is `inval`.
    folder.program("main", &[]).prints("0 1\n");
    Ok(())
}

fn memory_that_is_imported_is_made() -> Result<()> {
    let folder = host("cc", &[])?;
    folder.write("m.wat", r#"(module (import "env" "memory" (memory 2)) (data (i32.const 3) "x"))"#);
    folder.write(
        "main.c",
        "#include \"m.h\"\n#include <stdio.h>\n\
         int main(void) { printf(\"%zu %c\\n\", m_memory_size(), ((char *)m_memory())[3]); return 0; }\n",
    );
    folder.builds(&["m.wat", "--emit", "staticlib,header"]);
    folder.cc(&["main.c", "m.a", "-o", "main"]);
    folder.program("main", &[]).prints("131072 x\n");
    Ok(())
}

/// Whether the host calls `_initialize`, once or again, or not at all; and again after a reset.
fn a_reactor_is_initialized_once() -> Result<()> {
    const MODULE: &str = r#"(module (memory (export "memory") 1) (global $n (mut i32) (i32.const 0))
        (func (export "_initialize")
          (if (global.get $n) (then (unreachable)))
          (global.set $n (i32.add (global.get $n) (i32.const 1))))
        (func (export "count") (result i32) (global.get $n)))"#;
    const HOST: &str = r#"#include "it.h"
        #include <stdio.h>
        int main(int argc, char **argv) {
          for (int i = 1; i < argc && argv[i]; i++) it__initialize();
          int first = it_count();
          it__initialize();
          printf("%d %d", first, it_count());
          int reset = it_reset();
          it__initialize();
          printf(" %d %d\n", reset, it_count());
        }"#;
    let folder = host("cc", &[])?;
    folder.write("it.wat", MODULE);
    folder.write("host.c", HOST);
    folder.builds(&["it.wat", "--emit", "staticlib,header"]);
    folder.cc(&["host.c", "it.a", "-o", "host"]);
    for args in [&[][..], &["once"], &["twice", "twice"]] {
        folder.program("host", args).prints("1 1 0 1\n");
    }
    Ok(())
}
