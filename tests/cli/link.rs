//! Programs that are linked with C: the C library that the compiler carries, and what the user
//! brings along.
//!
//! A test that needs a C compiler is ignored where there is none.

use crate::ANSWER;
use anyhow::Result;
use libtest_mimic::Trial;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;
use test_kit::folder::Folder;
use test_kit::process::{self, Outcome, outcome};
use test_kit::tool;
use test_kit::trials;

pub fn trials() -> Vec<Trial> {
    trials!["link":
        the_c_library_needs_no_toolchain,
        data_of_the_c_library_is_named_too,
        programs_without_c_stay_as_small,
        objects_archives_and_sources_are_linked_in,
        shared_libraries_and_linker_flags_bring_the_compiler_in,
        threads_callbacks_and_unwinding_work_in_a_static_program,
        without_a_compiler_what_needs_one_is_named,
        files_may_have_any_name,
        several_modules_are_linked_with_the_same_objects,
        imports_may_have_another_symbol,
        undefined_imports_trap_where_that_is_allowed,
        imports_from_c_are_allowed_by_name,
        run_builds_again_when_what_is_linked_changes,
        keep_shows_how_it_was_linked,
        a_signal_takes_away_what_a_compiler_works_with,
        nothing_stays_behind,
    ]
}

/// Calls the C library: stdio, whose buffer only an exit empties into a pipe, memory, sockets,
/// mathematics, and data.
const LIBRARY: &str = r#"(module
  (import "env" "putchar" (func $putchar (param i32) (result i32)))
  (import "env" "malloc" (func $malloc (param i64) (result i64)))
  (import "env" "memset" (func $memset (param i64 i32 i64) (result i64)))
  (import "env" "puts" (func $puts (param i64) (result i32)))
  (import "env" "socket" (func $socket (param i32 i32 i32) (result i32)))
  (import "env" "cbrt" (func $cbrt (param f64) (result f64)))
  (import "env" "environ" (global $environ i64))
  (func (export "main") (result i32) (local $text i64)
    (drop (call $putchar (i32.const 65)))
    (local.set $text (call $malloc (i64.const 4)))
    (drop (call $memset (local.get $text) (i32.const 66) (i64.const 3)))
    (drop (call $memset (i64.add (local.get $text) (i64.const 3)) (i32.const 0) (i64.const 1)))
    (drop (call $puts (local.get $text)))
    (if (i32.lt_s (call $socket (i32.const 1) (i32.const 1) (i32.const 0)) (i32.const 3)) (then unreachable))
    (if (i64.eqz (global.get $environ)) (then unreachable))
    (i32.trunc_f64_s (call $cbrt (f64.const 27)))))"#;

const HELPER: &str = r#"
#include <stdio.h>
#include "value.h"
int counter = 40;
__attribute__((constructor)) static void begin(void) { counter++; }
__attribute__((destructor)) static void end(void) { printf("end %d\n", counter); }
int helper(int x) { printf("helper %d\n", x); return x + VALUE; }
"#;

const CALLER: &str = r#"(module
  (import "env" "helper" (func $helper (param i32) (result i32)))
  (import "env" "counter" (global $counter (mut i32)))
  (func (export "main") (result i32)
    (global.set $counter (i32.add (global.get $counter) (i32.const 1)))
    (call $helper (i32.const 5))))"#;

/// What a program from [`CALLER`] and [`HELPER`] does.
const CALLED: (i32, &str) = (12, "helper 5\nend 42\n");

/// What follows every list of imports that nothing defines.
pub const HELP: &str = "help: C functions come from the C library and from objects and libraries on the command line; all else from other \
                        modules, with --module NAME=FILE\n\
                        help: --allow-undefined makes a trap of a call; -c makes an object with these as undefined symbols\n";

fn with_helper() -> Result<Folder> {
    tool::require("cc")?;
    let folder = Folder::with(&[("caller.wat", CALLER), ("helper.c", HELPER), ("value.h", "#define VALUE 7\n")]);
    folder.tool("cc", &["-c", "-fPIC", "helper.c"]);
    Ok(folder)
}

/// Status and standard output.
fn shown(outcome: &Outcome) -> (i32, &str) {
    (outcome.status, &outcome.stdout)
}

fn the_c_library_needs_no_toolchain() {
    let folder = Folder::with(&[("library.wat", LIBRARY)]);
    let mut command = folder.command(&["library.wat", "-o", "app"]);
    let built = outcome(command.env_clear().env("LC_ALL", "de_DE.UTF-8"));
    assert_eq!(
        (built.status, &built.stderr[..]),
        (
            0,
            "warning: uses of the C library are outside of the sandbox: cbrt, environ, malloc, memset, putchar, puts, \
             socket (--allow-import PATTERN says which are meant)\n"
        )
    );
    assert_eq!(shown(&folder.program("app", &[])), (3, "ABBB\n"));
    let inspected = folder.wasm2native(&["inspect", "app"]).succeeds().stdout;
    let rows: Vec<_> = inspected.lines().map(str::trim).collect();
    let first = rows.iter().position(|row| row.starts_with("uses C ")).expect("the row is there");
    assert_eq!(rows[first].split_whitespace().last(), Some("cbrt"));
    assert_eq!(rows[first + 1..first + 7], ["environ", "malloc", "memset", "putchar", "puts", "socket"]);
    assert_eq!(folder.list("."), ["app", "library.wat"].map(String::from).into());
}

/// Data is a way out of the sandbox as well as a call.
fn data_of_the_c_library_is_named_too() {
    let folder = Folder::with(&[(
        "data.wat",
        r#"(module (import "env" "environ" (global $environ (mut i64)))
             (func (export "main") (result i32) (i64.ne (global.get $environ) (i64.const 0))))"#,
    )]);
    let built = outcome(&mut folder.command(&["data.wat", "-o", "app"]));
    assert_eq!(built.status, 0);
    assert!(
        built.stderr.starts_with("warning: uses of the C library are outside of the sandbox: environ "),
        "{built:?}"
    );
    assert_eq!(shown(&folder.program("app", &[])), (1, ""));
    let inspected = folder.wasm2native(&["inspect", "app"]).succeeds().stdout;
    assert!(inspected.contains("uses C        environ"), "{inspected}");
    let allowed = outcome(&mut folder.command(&["data.wat", "--allow-import", "env.puts"]));
    assert_eq!(allowed.status, 1, "{}", allowed.stderr);
}

fn programs_without_c_stay_as_small() {
    let folder = Folder::with(&[("a.wat", ANSWER), ("library.wat", LIBRARY)]);
    folder.wasm2native(&["a.wat"]).succeeds();
    let inspected = folder.wasm2native(&["inspect", "a"]).succeeds().stdout;
    assert!(inspected.contains("uses C        none"), "{inspected}");
    // Nothing of the set for C is in it: unwinding tables are what tells the two apart.
    let bytes = std::fs::read(folder.path("a")).expect("it was built");
    let elf = goblin::elf::Elf::parse(&bytes).expect("it is an ELF file");
    let names = |elf: &goblin::elf::Elf| {
        elf.syms.iter().filter_map(|it| elf.strtab.get_at(it.st_name).map(str::to_owned)).collect::<Vec<_>>()
    };
    assert!(!names(&elf).iter().any(|name| name == "cbrt"));
    let frames = elf.section_headers.iter().find(|it| elf.shdr_strtab.get_at(it.sh_name) == Some(".eh_frame"));
    assert!(frames.is_none_or(|it| it.sh_size < 4096), "{frames:?}");
}

fn objects_archives_and_sources_are_linked_in() -> Result<()> {
    let folder = with_helper()?;
    folder.tool("ar", &["rcs", "libhelper.a", "helper.o"]);
    folder.tool("ar", &["rcsT", "libthin.a", "helper.o"]);
    folder.tool("ar", &["rcS", "libwithoutindex.a", "helper.o"]);
    std::fs::create_dir(folder.path("lib")).expect("folders can be made");
    std::fs::copy(folder.path("libhelper.a"), folder.path("lib/libelsewhere.a")).expect("files can be copied");
    let cases: &[&[&str]] = &[
        &["helper.o"],
        &["helper.c"],
        &["libhelper.a"],
        &["libthin.a"],
        &["libwithoutindex.a"],
        &["-L.", "-lhelper"],
        &["-L", "lib", "-l", "elsewhere", "-lm", "-lpthread"],
        &["-Llib", "-l:libelsewhere.a"],
    ];
    for linker in [&[][..], &["--linker", "cc"], &["--linker", "cc -static"]] {
        for files in cases {
            if !linker.is_empty() && files[0] == "libwithoutindex.a" {
                continue;
            }
            let args = [&["caller.wat", "-o", "app", "-s"], *files, linker].concat();
            let built = folder.wasm2native(&args).succeeds();
            assert_eq!(built.stderr, "", "{args:?}");
            assert_eq!(shown(&folder.program("app", &[])), CALLED, "{args:?}");
        }
    }
    Ok(())
}

fn shared_libraries_and_linker_flags_bring_the_compiler_in() -> Result<()> {
    let folder = with_helper()?;
    folder.tool("cc", &["-shared", "-o", "libhelper.so", "helper.o"]);
    for files in [&["libhelper.so"][..], &["-L.", "-lhelper"]] {
        let args = [&["caller.wat", "-o", "app", "-Wl,-rpath,$ORIGIN"], files].concat();
        folder.wasm2native(&args).succeeds();
        assert_eq!(shown(&folder.program("app", &[])), CALLED, "{args:?}");
    }
    // An archive is preferred, and then the program stays as it always is.
    folder.tool("ar", &["rcs", "libhelper.a", "helper.o"]);
    folder.wasm2native(&["caller.wat", "-o", "app", "-L.", "-lhelper"]).succeeds();
    std::fs::remove_file(folder.path("libhelper.so")).expect("it is there");
    assert_eq!(shown(&folder.program("app", &[])), CALLED);
    Ok(())
}

fn threads_callbacks_and_unwinding_work_in_a_static_program() -> Result<()> {
    let source = r#"
#include <execinfo.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
int counter;
static __thread int mine = 5;
static void *thread(void *argument) { mine += *(int *)argument; *(int *)argument = mine; pthread_exit(0); }
static int compare(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
__attribute__((noinline)) static int depth(int n) { void *frames[64]; return n ? depth(n - 1) + 1 : backtrace(frames, 64); }
int helper(int x) {
  int numbers[] = {3, 1, 2}, sum = 2;
  pthread_t id;
  qsort(numbers, 3, sizeof(int), compare);
  if (memcmp(numbers, (int[]){1, 2, 3}, sizeof numbers)) return 1;
  if (pthread_create(&id, 0, thread, &sum) || pthread_join(id, 0)) return 2;
  if (sum != 7 || mine != 5) return 3;
  /* helper and six of depth at least; those of the module and main, too */
  return depth(5) - 5 > 8 ? x : 4;
}
"#;
    tool::require("cc")?;
    let folder = Folder::with(&[("caller.wat", CALLER), ("helper.c", source)]);
    folder.tool("cc", &["-c", "-O1", "-fno-optimize-sibling-calls", "-fPIC", "helper.c"]);
    folder.wasm2native(&["caller.wat", "helper.o"]).succeeds();
    assert_eq!(folder.program("caller", &[]).status, 5);
    Ok(())
}

fn without_a_compiler_what_needs_one_is_named() {
    let folder = Folder::with(&[("caller.wat", CALLER), ("helper.c", HELPER)]);
    let build =
        |args: &[&str]| outcome(folder.command(&[&["caller.wat"], args].concat()).env("PATH", "").env_remove("CC"));
    build(&["helper.c"])
        .fails(1, &["error: helper.c: a C source needs a C compiler, and there is none", "help: ", "--linker"]);
    build(&["-Wl,-z,now"]).fails(1, &["error: a flag for the linker, -Wl,-z,now, needs a C compiler"]);
    build(&["--linker", "nocc -static"]).fails(1, &["error: --linker names `nocc`, and there is no such program"]);
    let mut named = folder.command(&["caller.wat", "helper.c"]);
    outcome(named.env("CC", "nocc")).fails(1, &["the environment variable CC names `nocc`"]);
}

fn files_may_have_any_name() {
    let folder = Folder::with(&[(
        "main.wat",
        r#"(module (import "x" "f" (func (param i32) (result i32)))
        (func (export "main") (result i32) (call 0 (i32.const 9))))"#,
    )]);
    folder.object("x");
    let odd = [&b"-x.o"[..], b"@x.o", b"\xc3\xbc b.o", b"\xff.o", b"a'b\"\\.o", b"object0.o", b"<runtime>"];
    for name in odd.map(OsStr::from_bytes) {
        std::fs::copy(folder.path("x.o"), folder.path(name)).expect("files can be copied");
        for (nth, place_of_output) in [OsStr::new("app"), OsStr::from_bytes(b"out\xff")].into_iter().enumerate() {
            let mut command = folder.command(&["-o"]);
            command.arg(place_of_output).arg("--").arg("main.wat");
            // `@FILE` is a response file.
            let hidden = std::path::Path::new(".").join(name);
            command.arg(if name == "@x.o" { hidden.as_os_str() } else { name });
            let built = outcome(&mut command);
            assert_eq!((built.status, &built.stderr[..]), (0, ""), "{name:?} {nth}");
            assert_eq!(outcome(&mut process::program(folder.path(place_of_output))).status, 9, "{name:?}");
        }
    }
}

fn several_modules_are_linked_with_the_same_objects() {
    let text = |number: u32| {
        format!(
            r#"(module (import "x" "f" (func (param i32) (result i32))) (func (export "main") (result i32) (call 0 (i32.const {number}))))"#
        )
    };
    let folder = Folder::with(&[("a.wat", &text(3)), ("b.wat", &text(4))]);
    folder.object("x");
    folder.wasm2native(&["a.wat", "x.o", "b.wat", "--out-dir", "out"]).succeeds();
    assert_eq!((folder.program("out/a", &[]).status, folder.program("out/b", &[]).status), (3, 4));
    folder.wasm2native(&["x.o"]).fails(2, &["<INPUT> is missing: x.o is not a module"]);
    folder
        .wasm2native(&["-c", "a.wat", "x.o"])
        .fails(2, &["x.o: objects and libraries are linked into programs and shared libraries only"]);
    let object = folder.wasm2native(&["-c", "a.wat", "--allow-undefined"]).succeeds();
    assert!(object.stderr.starts_with("warning: -l, -L, ") && object.stderr.contains("have no effect"), "{object:?}");
    folder.wasm2native(&["a.wat", "x.o", "-o", "x.o"]).fails(2, &["x.o is the input, and would be overwritten"]);
}

fn imports_may_have_another_symbol() {
    let folder = Folder::with(&[(
        "a.wat",
        r#"(module (import "some.module" "=" (func (param i32) (result i32)))
        (func (export "main") (result i32) (call 0 (i32.const -6))))"#,
    )]);
    folder.wasm2native(&["a.wat", "--import-symbol", "some.module.==abs", "-q"]).succeeds();
    assert_eq!(folder.program("a", &[]).status, 6);
    let text = folder.wasm2native(&["inspect", "a"]).succeeds().stdout;
    assert!(text.contains("uses C        abs as some.module.=\n"), "{text}");
    let object = folder.wasm2native(&["-c", "a.wat", "--import-symbol", "some.module.==abs", "-o", "-"]);
    assert!(object.status == 0 && object.stdout.contains("\0abs\0"));
    let unused =
        folder.wasm2native(&["a.wat", "--import-symbol", "some.module.==abs", "--import-symbol", "x.y=z"]).succeeds();
    assert!(unused.stderr.contains("warning: --import-symbol x.y: no module imports that"), "{}", unused.stderr);
    folder.write("b.wat", r#"(module (import "b" "f" (func)) (func (export "f") (call 0)))"#);
    folder
        .wasm2native(&["-c", "b.wat"])
        .fails(1, &["error: b.wat: import `b.f` and export `f` both become the symbol `b_f`", "help: "]);
    for wrong in ["abs", "env=abs", "env.f=", "env.f=a b", "env.f=1"] {
        folder.wasm2native(&["a.wat", "--import-symbol", wrong]).fails(2, &["--import-symbol"]);
    }
}

fn undefined_imports_trap_where_that_is_allowed() {
    let folder = Folder::with(&[(
        "a.wat",
        r#"(module
        (import "env" "missing one" (func $f (param i32 f64) (result i64 i64)))
        (import "env" "abs" (func $abs (param i32) (result i32)))
        (table funcref (elem $f))
        (func (export "fine") (result i32) (call $abs (i32.const -3)))
        (func $caller (export "direct") (call $f (i32.const 1) (f64.const 2)) drop drop)
        (func (export "indirect") (call_indirect (param i32 f64) (result i64 i64) (i32.const 1) (f64.const 2) (i32.const 0)) drop drop))"#,
    )]);
    let build = |entry: &str| folder.wasm2native(&["a.wat", "-q", "--allow-undefined", "--invoke", entry]).succeeds();
    build("fine");
    assert_eq!(folder.program("a", &[]).stdout, "3\n");
    for entry in ["direct", "indirect"] {
        build(entry);
        let out = folder.program("a", &[]);
        assert_eq!(out.status, 134, "{out:?}");
        assert!(
            out.stderr.contains(": wasm trap: undefined import env.missing one called\nwasm backtrace:\n"),
            "{out:?}"
        );
    }
    // Data can't be left out, and what others define is not.
    folder.write(
        "a.wat",
        r#"(module (import "env" "no" (global i32)) (func (export "main") (result i32) (global.get 0)))"#,
    );
    folder.wasm2native(&["a.wat", "--allow-undefined"]).fails(1, &["immutable global of type i32 `env.no`"]);
}

fn imports_from_c_are_allowed_by_name() {
    let folder = Folder::with(&[("library.wat", LIBRARY), ("a.wat", ANSWER)]);
    let all = ["--allow-import", "env.*"];
    assert_eq!(folder.wasm2native(&[&["library.wat"][..], &all].concat()).succeeds().stderr, "");
    let named = ["env.put*", "env.m??[a-z]*", "env.socket", "env.cbrt", "env.environ"]
        .map(|it| ["--allow-import", it])
        .concat();
    assert_eq!(folder.wasm2native(&[&["library.wat"], &named[..]].concat()).succeeds().stderr, "");
    folder.wasm2native(&["library.wat", "--allow-import", "env.put*", "--allow-import", "env.[!s]?*r*"]).fails(
        1,
        &[
            "error[import-not-allowed]: library.wat: no --allow-import covers what the module imports from C:\n",
            ":\n  `env.malloc`\n  `env.memset`\n  `env.socket`\nhelp: ",
        ],
    );
    folder.wasm2native(&["a.wat", "--allow-import", "nothing"]).succeeds();
    folder.wasm2native(&["a.wat", "--allow-import", "[a"]).fails(2, &["--allow-import"]);
}

fn run_builds_again_when_what_is_linked_changes() -> Result<()> {
    let folder = with_helper()?;
    let run = |args: &[&str]| {
        let out = folder.wasm2native(&[&["run", "-v"][..], args].concat());
        assert_eq!((out.status, out.stdout.contains("helper 5")), (out.status, true), "{out:?}");
        (out.status, out.stderr.contains("built into the cache"))
    };
    assert_eq!(run(&["helper.c", "caller.wat", "helper.c"]), (12, true));
    assert_eq!(run(&["helper.c", "caller.wat"]), (12, false));
    folder.write("value.h", "#define VALUE 8\n");
    assert_eq!(run(&["helper.c", "caller.wat"]), (13, true));
    assert_eq!(run(&["helper.o", "caller.wat"]), (12, true));
    folder.tool("cc", &["-c", "helper.c"]);
    assert_eq!(run(&["helper.o", "caller.wat"]), (13, true));
    folder.tool("ar", &["rcs", "libhelper.a", "helper.o"]);
    assert_eq!(run(&["-L.", "-lhelper", "caller.wat"]), (13, true));
    assert_eq!(run(&["-L.", "-lhelper", "caller.wat"]), (13, false));
    Ok(())
}

fn keep_shows_how_it_was_linked() -> Result<()> {
    let folder = Folder::with(&[("a.wat", ANSWER)]);
    let said = folder.wasm2native(&["a.wat", "--keep"]).succeeds().stderr;
    assert!(said.starts_with("ld -m elf_x86_64 -static -pie ") && said.contains("'<module 0>' '<runtime>'"), "{said}");
    tool::require("cc")?;
    let said = folder.wasm2native(&["a.wat", "--keep", "-Wl,-z,now", "--linker", "cc -static"]).succeeds().stderr;
    assert!(said.starts_with("/") && said.contains("cc -static -o ") && said.ends_with(" -Wl,-z,now\n"), "{said}");
    assert_eq!(folder.program("a", &[]).status, 42);
    Ok(())
}

fn a_signal_takes_away_what_a_compiler_works_with() {
    const CLANG: &str = "#!/bin/sh\n[ $1 = --version ] && echo clang version 19.0 && exit\nexec sleep 3\n";
    let folder =
        Folder::with(&[("a.wat", ANSWER), ("b.c", ""), ("slow", "#!/bin/sh\nexec sleep 3\n"), ("clang", CLANG)]);
    std::fs::create_dir(folder.path("tmp")).expect("folders can be made");
    for script in ["slow", "clang"] {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(folder.path(script), mode).expect("it is ours");
    }
    for (signal, status) in [("INT", -2), ("TERM", -15), ("HUP", -1)] {
        for args in [
            &["a.wat", "-o", "a", "--linker", "./slow"][..],
            &["a.wat", "b.c", "-o", "a", "--linker", "./slow"],
            &["a.wat", "-o", "a", "--generator", "llvm", "--clang", "./clang"],
        ] {
            let direct = folder.command(args);
            // Where the tests run in the background, signals may be ignored, which would be passed
            // on.
            let mut command = Command::new("env");
            command.arg("--default-signal=INT,TERM,HUP").arg(direct.get_program()).args(direct.get_args());
            command.env_clear().envs(direct.get_envs().filter_map(|(name, value)| Some((name, value?))));
            command.env("TMPDIR", folder.path("tmp")).current_dir(folder.path("."));
            let mut child = command.spawn().expect("the command starts");
            while folder.list("tmp").is_empty() {
                assert!(child.try_wait().expect("it is ours").is_none(), "it ended too early");
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            let id = child.id().to_string();
            assert_eq!(outcome(Command::new("kill").args(["-s", signal, &id])).status, 0);
            assert_eq!(process::finish(&mut child).expect("it ends").status, status);
            assert!(folder.list("tmp").is_empty(), "{signal}");
        }
    }
}

fn nothing_stays_behind() -> Result<()> {
    let function = "(func (param i64) (result i64) (i64.mul (local.get 0) (i64.const 3)))".repeat(4000);
    let large = format!(
        r#"(module (func (export "main") (call $n)) (func $n) (memory 1) (data (i32.const 0) "x") {function}
        (table funcref (elem {})))"#,
        (2..4002).map(|n| format!("{n} ")).collect::<String>()
    );
    let folder = Folder::with(&[("large.wat", &large), ("caller.wat", CALLER)]);
    std::fs::create_dir(folder.path("tmp")).expect("folders can be made");
    let command = |args: &[&str]| {
        let mut command = folder.command(args);
        command.env("TMPDIR", folder.path("tmp"));
        command
    };
    let files = || folder.list(".").into_iter().chain(folder.list("tmp")).collect::<Vec<_>>();
    let before = files();
    for milliseconds in [5, 20, 40, 60, 80, 100, 130, 160, 200, 250] {
        let mut child = command(&["large.wat", "-o", "app"]).spawn().expect("the command starts");
        std::thread::sleep(std::time::Duration::from_millis(milliseconds));
        child.kill().expect("it can be killed");
        process::finish(&mut child).expect("it ends");
        let after = files().into_iter().filter(|name| name != "app").collect::<Vec<_>>();
        assert_eq!(before, after, "killed after {milliseconds} ms");
    }
    outcome(&mut command(&["caller.wat", "-o", "app2"])).fails(1, &["nothing defines"]);
    let _ = std::fs::remove_file(folder.path("app"));
    assert_eq!(before, files());
    tool::require("cc")?;
    outcome(&mut command(&["caller.wat", "-o", "app2", "--linker", "cc"])).fails(1, &["nothing defines"]);
    outcome(&mut command(&["large.wat", "-o", "app", "-Wl,--no-such-flag"])).fails(1, &["can't link", "no-such-flag"]);
    assert_eq!(before, files());
    Ok(())
}
