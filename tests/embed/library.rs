//! Static and shared libraries in C and C++, and two of them in one process.

use crate::place::Place;

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

#[test]
fn a_static_library_serves_c() {
    let Some(place) = Place::with("cc", &["values.wat", "values.c"]) else { return };
    place.wasm2native(&["values.wat", "--emit", "staticlib,header"]);
    for flags in [&["-O0"][..], &["-O2"], &["-O2", "-static"], &["-no-pie"], &["-Wl,--gc-sections"]] {
        place.cc(&[flags, &["values.c", "values.a", "-o", "values"]].concat());
        place.run("values", &[]).prints(VALUES);
    }
}

#[test]
fn a_shared_library_serves_c() {
    let Some(place) = Place::with("cc", &["values.wat", "values.c"]) else { return };
    place.wasm2native(&["values.wat", "--emit", "sharedlib=libvalues.so,header"]);
    // The library calls functions of the program.
    for flags in [&["-O0"][..], &["-O2"], &["-no-pie"]] {
        place
            .cc(&[flags, &["values.c", "-rdynamic", "-L.", "-lvalues", "-Wl,-rpath,$ORIGIN", "-o", "values"]].concat());
        place.run("values", &[]).prints(VALUES);
    }
}

#[test]
fn both_serve_cxx() {
    let Some(place) = Place::with("c++", &["values.wat", "values.c"]) else { return };
    place.wasm2native(&["values.wat", "--emit", "staticlib,sharedlib,header"]);
    place.cxx(&["-x", "c++", "values.c", "-x", "none", "values.a", "-o", "static"]);
    place.run("static", &[]).prints(VALUES);
    place.cxx(&["-x", "c++", "values.c", "-x", "none", "-rdynamic", "values.so", "-Wl,-rpath,$ORIGIN", "-o", "shared"]);
    place.run("shared", &[]).prints(VALUES);
}

#[test]
fn libraries_are_the_same_bytes_every_time() {
    let Some(place) = Place::with("cc", &["values.wat"]) else { return };
    place.wasm2native(&["values.wat", "-j1", "--emit", "staticlib=1.a,sharedlib=1.so,header=1.h,rust=1.rs"]);
    std::fs::create_dir(place.path("other")).expect("a folder can be made");
    place.wasm2native(&[
        "values.wat",
        "-j2",
        "--emit",
        "staticlib=other/2.a,sharedlib=other/1.so,header=2.h,rust=2.rs",
    ]);
    for (one, two) in [("1.a", "other/2.a"), ("1.so", "other/1.so"), ("1.h", "2.h"), ("1.rs", "2.rs")] {
        let read = |name: &str| std::fs::read(place.path(name)).expect("it was built");
        assert!(read(one) == read(two), "{one}");
    }
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

#[test]
fn two_libraries_live_in_one_process() {
    let Some(place) = Place::with("cc", &["two.c"]) else { return };
    place.write("one.wat", counter(1));
    place.write("ten.wat", counter(10));
    for module in ["one.wat", "ten.wat"] {
        place.wasm2native(&[module, "--emit", "staticlib,sharedlib,header"]);
    }
    let rpath = "-Wl,-rpath,$ORIGIN";
    for libraries in [["one.a", "ten.a"], ["one.so", "ten.so"], ["one.a", "ten.so"], ["one.so", "ten.a"]] {
        place.cc(&[&["two.c", "-o", "two", rpath][..], &libraries].concat());
        place.run("two", &[]).prints("1 10 2 20\n1: unreachable\n1: unreachable\n3 30\n1 1\n");
    }
}

#[test]
fn powers_are_fixed_when_building() {
    let Some(place) = Place::with("cc", &["environ.c"]) else { return };
    place.write(
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
    place.wasm2native(&["guest.wat", "--env", "A=b", "--emit", "staticlib=guest.a,header"]);
    place.wasm2native(&[
        "guest.wat",
        "--fixed-powers",
        "--prefix",
        "closed",
        "--emit",
        "staticlib=closed.a,header=closed.h",
    ]);
    place.cc(&["environ.c", "guest.a", "closed.a", "-o", "environ"]);
    let run = |options| place.run_with("environ", &[], &[("WASM2NATIVE_OPTIONS", options), ("HOSTS", "secret")]);
    run("").prints("1 A=b\n0\n1 argument\nexit 101 5\n");
    run("--env C=d").prints("2 A=b\n0\n1 argument\nexit 101 5\n");
    let out = run("--frobnicate");
    assert!(out.stdout.starts_with("init 103\n") && out.stderr.contains("unknown option `--frobnicate`"), "{out:#?}");
}

#[test]
fn signals_are_the_hosts() {
    let Some(place) = Place::with("cc", &[]) else { return };
    place.write(
        "guest.wat",
        r#"(module
             (import "wasi_snapshot_preview1" "proc_raise" (func $raise (param i32) (result i32)))
             (memory (export "memory") 1)
             (func (export "raise") (param i32) (result i32) (call $raise (local.get 0))))"#,
    );
    place.write(
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
    place.wasm2native(&["guest.wat", "--emit", "staticlib,header"]);
    place.cc(&["main.c", "guest.a", "-o", "main"]);
    // 58 is `notsup`, 28 is `inval`.
    place.run("main", &[]).prints("0 1\n");
}

#[test]
fn memory_that_is_imported_is_made() {
    let Some(place) = Place::with("cc", &[]) else { return };
    place.write("m.wat", r#"(module (import "env" "memory" (memory 2)) (data (i32.const 3) "x"))"#);
    place.write(
        "main.c",
        "#include \"m.h\"\n#include <stdio.h>\n\
         int main(void) { printf(\"%zu %c\\n\", m_memory_size(), ((char *)m_memory())[3]); return 0; }\n",
    );
    place.wasm2native(&["m.wat", "--emit", "staticlib,header"]);
    place.cc(&["main.c", "m.a", "-o", "main"]);
    place.run("main", &[]).prints("131072 x\n");
}
