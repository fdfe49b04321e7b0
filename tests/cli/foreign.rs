//! Declarations of imported C functions: what is said of wrong ones, where they may stand, and
//! programs that live on C functions alone.

use anyhow::Result;
use libtest_mimic::Trial;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use test_kit::folder::Folder;
use test_kit::process::{self};
use test_kit::tool;
use test_kit::trials;

pub fn trials() -> Vec<Trial> {
    trials!["foreign":
        declarations_that_do_not_fit_say_why,
        addresses_that_c_would_take_for_its_own_are_told,
        a_format_does_not_make_vectors,
        declarations_stand_on_the_command_line_in_files_and_in_the_module,
        the_cache_knows_what_was_declared,
        c_gets_pointers_to_so_many_functions_and_no_more,
        a_module_serves_http_by_calls_of_the_c_library,
        build_systems_are_told_what_c_has_to_define,
        a_host_calls_back_into_a_library,
        objects_are_linked_by_others,
    ]
}

const WRITE: &str = r#"(module
  (import "env" "write" (func $write (param i32 i32 i64) (result i64)))
  (import "env" "f" (func $f (param f32)))
  (import "a b" "c:d" (func $odd))
  (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
  (memory 1)
  (memory (export "other") 1)
  (global (export "g") i32 (i32.const 0))
  (data (i32.const 16) "hello\0a")
  (func (export "_start")
    (drop (call $write (i32.const 1) (i32.const 16) (i64.const 6)))))"#;

fn declarations_that_do_not_fit_say_why() {
    let wasm_type = "the import `env.write` has the Wasm type (i32, i32, i64) -> i64";
    let cases: &[(&str, &[&str])] = &[
        ("env.write: (i32, ptr) -> i64", &["the declaration has 2 parameters, the import 3 parameters", wasm_type]),
        ("env.write: (f32, ptr, i64) -> i64", &["parameter 0: an `f32` can't be an i32", wasm_type]),
        ("env.write: (i32, ptr, i64)", &["the result: it is declared `void`", wasm_type]),
        ("env.write: (i32, ptr, i64) -> f64", &["the result: an `f64` can't be an i64"]),
        (
            "env.write: (i32, ptr as i64, i64) -> i64",
            &["parameter 1: it is declared `as i64`, and has the Wasm type i32"],
        ),
        ("env.write: (i32, ptr@third, i64) -> i64", &["no memory is called `third`"]),
        ("env.write: (i32, ptr@2, i64) -> i64", &["there is no memory 2; the module has 2"]),
        ("env.write: (i32, ptr@4294967295, i64) -> i64", &["there is no memory 4294967295; the module has 2"]),
        ("env.write: (i32, funcptr(())@4294967295, i64) -> i64", &["there is no table 4294967295; the module has 0"]),
        ("env.write: (i32, ptr[len=4294967295], i64) -> i64", &["there is no parameter 4294967295 for `len=`"]),
        ("env.write: (i32, ptr[size=18446744073709551616], i64) -> i64", &["expected a number of bytes"]),
        ("env.write: (i32, funcptr(()), i64) -> i64", &["no table of functions"]),
        ("env.write: (i32, ptr, i64) -> cstr", &["what comes from C is a plain `ptr`"]),
        ("env.write: (i32, ptr, ...) -> i64", &["the types of the variable arguments are unknown"]),
        ("env.write: (i32, cstr, ..., v128) -> i64", &["vectors and references can't be variable arguments"]),
        ("env.write: (i32, opaque[size=1], i64) -> i64", &["column 25: expected `kind=` or `last`"]),
        ("env.write: (i32, opaque[kind=], i64) -> i64", &["expected a word for what the pointer points to"]),
        ("env.write: (i32, ptr, i64) -> opaque[last]", &["the result: only what goes to C can be the last use"]),
        ("env.f: (ptr)", &["parameter 0: an integer or a pointer can't be an f32"]),
        ("env.f: (f32) -> i32, i32", &["column 20: expected the end of the line"]),
        ("env.wrte: (i32)", &["no function is imported as `env.wrte`; did you mean `env.write`?"]),
        ("env.other: ()", &["no function is imported as `env.other`; imported are"]),
        ("env.write (i32)", &["column 11: expected `:` and the signature"]),
        ("", &["--import wants a declaration"]),
        ("wasi_snapshot_preview1.sched_yield: () -> i32", &["WASI functions are the runtime's"]),
    ];
    let folder = Folder::with(&[("w.wat", WRITE)]);
    for (declaration, texts) in cases {
        let said = folder.wasm2native(&["w.wat", "--import", declaration, "-o", "w"]);
        said.fails(1, texts);
    }
    assert_eq!(folder.list("."), [String::from("w.wat")].into());
}

fn addresses_that_c_would_take_for_its_own_are_told() {
    let module = |ty: &str| {
        format!(
            "(module (import \"env\" \"puts\" (func $puts (param {ty}) (result i32))) (import \"env\" \"abs\" (func $abs (param i32) \
             (result i32))) (memory 1) (data (i32.const 16) \"hi\\00\") (func (export \"_start\") (drop (call $puts ({ty}.const 16))) \
             (drop (call $abs (i32.const 1)))))"
        )
    };
    let folder = Folder::with(&[("p.wat", &module("i32")), ("q.wat", &module("i64"))]);
    let help = "\nhelp: --imports libc says which numbers are addresses of the module; C would take them for its own in puts\n";
    let said = folder.wasm2native(&["p.wat"]).succeeds().stderr;
    assert!(said.contains("outside of the sandbox: abs, puts (") && said.ends_with(help), "{said}");
    // Numbers of 64 bits may be addresses of C's.
    let said = folder.wasm2native(&["q.wat"]).succeeds().stderr;
    assert!(said.contains("outside of the sandbox: abs, puts (") && !said.contains("help"), "{said}");
    assert_eq!(folder.wasm2native(&["p.wat", "--imports", "libc"]).succeeds().stderr, "");
    assert_eq!(folder.program("p", &[]).succeeds().stdout, "hi\n");
    std::fs::write(folder.path("bad.o"), b"\x7fELF\xff").expect("files can be written");
    folder.wasm2native(&["p.wat", "--imports", "bad.o"]).fails(2, &["it is not text; declarations are lines such as"]);
}

fn a_format_does_not_make_vectors() {
    let module =
        "(module (import \"env\" \"f\" (func (param i32 i32) (result v128))) (memory 1) (func (export \"_start\")))";
    let folder = Folder::with(&[("v.wat", module)]);
    let said = folder.wasm2native(&["v.wat", "-c", "--import", "env.f: (cstr, ...) -> v128"]);
    said.fails(1, &["the result: a function with a format can't return a vector"]);
}

fn declarations_stand_on_the_command_line_in_files_and_in_the_module() {
    let good = "env.write: (i32, ptr[len=2], u64) -> isize";
    let file = format!(
        "# the C library\n\n{good}  # POSIX\nenv.read: (i32, ptr[len=2], usize) -> isize\n\"a b\".\"c:d\"=odd: ()\n"
    );
    let folder = Folder::with(&[
        ("w.wat", WRITE),
        ("libc.imports", &file),
        ("bad.imports", "\nenv.f: (f32)\nenv.write: (int)\n"),
    ]);
    let said = folder.wasm2native(&["w.wat", "--imports", "libc.imports"]).succeeds();
    // Declared functions are meant; the user is told of others.
    assert_eq!(said.stderr, "");
    assert_eq!(folder.program("w", &[]).succeeds().stdout, "hello\n");
    folder
        .wasm2native(&["w.wat", "--imports", "bad.imports"])
        .fails(1, &["bad.imports:3: column 13: `int` is not a type here; it is written `i32`"]);
    folder.wasm2native(&["w.wat", "--imports", "none.imports"]).fails(2, &["none.imports", "can't read it"]);
    // A file may declare more than is imported; what looks misspelt is worth a line.
    folder.write("near.imports", "env.wite: (i32, ptr[len=2], u64) -> isize\n");
    let said = folder.wasm2native(&["w.wat", "--imports", "near.imports", "-c"]).succeeds();
    assert!(
        said.stderr.contains("near.imports:1: no function is imported as `env.wite`; did you mean `env.write`?"),
        "{said:#?}"
    );
    // A line is more particular than a file.
    let line = "env.write=nobody_defines_this: (i32, ptr, i64) -> i64";
    folder.wasm2native(&["w.wat", "--imports", "libc.imports", "--import", line]).fails(1, &["`env.write`"]);
    // Unlike a file, a line must be of use.
    folder.wasm2native(&["w.wat", "--import", good, "--import", good]).fails(1, &["an earlier declaration"]);
    folder.write(
        "s.wat",
        WRITE.replace("(module\n", "(module (@custom \"wasm2native.imports\" \"\\nenv.write: (i32)\\n\")\n"),
    );
    folder
        .wasm2native(&["s.wat"])
        .fails(1, &["s.wat: custom section wasm2native.imports, line 2: the declaration has 1 parameter"]);
}

fn the_cache_knows_what_was_declared() {
    let folder = Folder::with(&[("w.wat", WRITE), ("a.imports", "env.write: (i32, ptr[len=2], u64) -> isize\n")]);
    let run = || folder.wasm2native(&["run", "-q", "--imports", "a.imports", "w.wat"]);
    assert_eq!(run().succeeds().stdout, "hello\n");
    folder.write("a.imports", "env.write: (i32, ptr[size=65536], u64) -> isize\n");
    run().fails(134, &["out of bounds memory access"]);
}

fn c_gets_pointers_to_so_many_functions_and_no_more() {
    let mut module = r#"(module
      (import "env" "atexit" (func $atexit (param i32) (result i32)))
      (memory 1)
      (table 2000 funcref)
      (func $start (export "_start") (local $i i32)
        (loop $next
          (drop (call $atexit (local.get $i)))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $next (i32.lt_u (local.get $i) (i32.const 1025)))))"#
        .to_owned();
    for index in 0..1025 {
        write!(module, "(func $f{index}) (elem (i32.const {index}) $f{index})").expect("a string takes everything");
    }
    module.push(')');
    let folder = Folder::with(&[("many.wat", &module), ("few.wat", &module.replace("1025", "1024"))]);
    let declaration = "env.atexit: (funcptr(())) -> i32";
    folder.wasm2native(&["many.wat", "--import", declaration]).succeeds();
    folder.program("many", &[]).fails(134, &["too many function pointers: C holds 1024 to different functions"]);
    folder.wasm2native(&["few.wat", "--import", declaration]).succeeds();
    folder.program("few", &[]).succeeds();
}

/// Answers one request after the other, until one asks for `/quit`. It calls nothing but functions
/// of the C library.
const SERVER: &str = r#"(module
  (import "env" "socket" (func $socket (param i32 i32 i32) (result i32)))
  (import "env" "bind" (func $bind (param i32 i32 i32) (result i32)))
  (import "env" "getsockname" (func $getsockname (param i32 i32 i32) (result i32)))
  (import "env" "htons" (func $htons (param i32) (result i32)))
  (import "env" "listen" (func $listen (param i32 i32) (result i32)))
  (import "env" "accept" (func $accept (param i32 i32 i32) (result i32)))
  (import "env" "read" (func $read (param i32 i32 i32) (result i32)))
  (import "env" "write" (func $write (param i32 i32 i32) (result i32)))
  (import "env" "close" (func $close (param i32) (result i32)))
  (import "env" "dprintf" (func $print_port (param i32 i32 i32) (result i32)))
  (import "env" "dprintf" (func $answer (param i32 i32 i32 i32) (result i32)))
  (import "env" "strncmp" (func $strncmp (param i32 i32 i32) (result i32)))
  (import "env" "memmem" (func $memmem (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; struct sockaddr_in: AF_INET, any port, 127.0.0.1
  (data (i32.const 16) "\02\00\00\00\7f\00\00\01")
  (data (i32.const 32) "\10\00\00\00")
  (data (i32.const 48) "%d\0a\00")
  (data (i32.const 64) "GET /quit \00")
  (data (i32.const 80) "\0d\0a\0d\0a\00")
  (data (i32.const 96) "HTTP/1.1 200 OK\0d\0aContent-Type: text/plain\0d\0aContent-Length: %d\0d\0aConnection: close\0d\0a\0d\0a%s\00")
  (data (i32.const 256) "Hello from WebAssembly\0a\00")
  (func $must (param i32) (result i32)
    (if (i32.lt_s (local.get 0) (i32.const 0)) (then unreachable))
    (local.get 0))
  (func (export "_start") (local $listener i32) (local $client i32) (local $length i32)
    (local.set $listener (call $must (call $socket (i32.const 2) (i32.const 1) (i32.const 0))))
    (drop (call $must (call $bind (local.get $listener) (i32.const 16) (i32.const 16))))
    (drop (call $must (call $listen (local.get $listener) (i32.const 8))))
    (drop (call $must (call $getsockname (local.get $listener) (i32.const 16) (i32.const 32))))
    (drop (call $print_port (i32.const 1) (i32.const 48) (call $htons (i32.load16_u (i32.const 18)))))
    (loop $serve
      (local.set $client (call $must (call $accept (local.get $listener) (i32.const 0) (i32.const 0))))
      (local.set $length (i32.const 0))
      ;; The request ends with an empty line.
      (loop $more
        (local.set $length (i32.add (local.get $length)
          (call $must (call $read (local.get $client) (i32.add (i32.const 1024) (local.get $length)) (i32.const 4096)))))
        (br_if $more (i32.eqz (call $memmem (i32.const 1024) (local.get $length) (i32.const 80) (i32.const 4)))))
      (drop (call $answer (local.get $client) (i32.const 96) (i32.const 23) (i32.const 256)))
      (drop (call $close (local.get $client)))
      (br_if $serve (call $strncmp (i32.const 1024) (i32.const 64) (i32.const 10)))))
)"#;

const SERVER_IMPORTS: &str = "env.socket: (i32, i32, i32) -> i32
env.bind: (i32, ptr[len=2], u32) -> i32
env.getsockname: (i32, ptr[len=*2], ptr[size=4]) -> i32
env.htons: (u16) -> u16
env.listen: (i32, i32) -> i32
env.accept: (fd: i32, ptr[len=*length], length: ptr[size=4]) -> i32
env.read: (fd: i32, buffer: ptr[len=n], n: usize) -> isize
env.write: (i32, ptr[len=2], usize) -> isize
env.close: (i32) -> i32
env.dprintf: (i32, cstr, ..., i32) -> i32
env.dprintf: (i32, cstr, ..., i32, cstr) -> i32
env.strncmp: (cstr, cstr, usize) -> i32
env.memmem: (ptr[len=1], usize, ptr[len=3], usize) -> ptr
";

fn a_module_serves_http_by_calls_of_the_c_library() {
    let folder = Folder::with(&[("server.wat", SERVER), ("libc.imports", SERVER_IMPORTS)]);
    folder.wasm2native(&["server.wat", "--imports", "libc.imports"]).succeeds();
    let mut command = process::program(folder.path("server"));
    let mut server = process::spawn(command.stdout(Stdio::piped())).expect("the server starts");
    let mut line = String::new();
    BufReader::new(server.stdout.as_mut().expect("it is piped")).read_line(&mut line).expect("it prints its port");
    let port: u16 = line.trim().parse().expect("the port is a number");
    for path in ["/", "/a/longer/path", "/quit"] {
        let mut client = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
        // In two pieces, as the network may deliver it.
        write!(client, "GET {path} HTTP/1.1\r\nHost: localhost\r\n").expect("it reads");
        client.flush().expect("it reads");
        write!(client, "Accept: */*\r\n\r\n").expect("it reads");
        let mut answer = String::new();
        client.read_to_string(&mut answer).expect("it answers");
        let (head, body) = answer.split_once("\r\n\r\n").expect("head and body");
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("Content-Length: 23\r\n"), "{head}");
        assert_eq!(body, "Hello from WebAssembly\n");
    }
    assert_eq!(process::finish(&mut server).expect("it ends").status, 0);
}

fn build_systems_are_told_what_c_has_to_define() {
    let folder = Folder::with(&[("server.wat", SERVER), ("libc.imports", SERVER_IMPORTS)]);
    let printed =
        folder.wasm2native(&["server.wat", "--imports", "libc.imports", "--print", "imports"]).succeeds().stdout;
    for line in [
        "env\tread\tfunction\t(i32, i32, i32) -> i32\tread\tint64_t read(int32_t, void *, uint64_t);\tthe C library\n",
        "env\tdprintf\tfunction\t(i32, i32, i32) -> i32\tdprintf\tint32_t dprintf(int32_t, const char *, ...);\tthe C library\n",
    ] {
        assert!(printed.contains(line), "{printed}");
    }
    folder.write(
        "sort.wat",
        "(module (import \"env\" \"qsort\" (func (param i32 i32 i32 i32))) (memory 1) (table 0 funcref)
        (type (func (param i32 i32) (result i32))) (func (export \"_start\")))",
    );
    let printed = folder.wasm2native(&["sort.wat", "--imports", "libc", "--print", "imports"]).succeeds().stdout;
    assert!(printed.contains("void qsort(void *, uint64_t, uint64_t, int32_t (*)(void *, void *));"), "{printed}");
}

/// Gives C a function of its own to keep, and is itself called by C.
const LIBRARY: &str = r#"(module
  (import "env" "keep" (func $keep (param i32)))
  (memory (export "memory") 1)
  (table funcref (elem $add))
  (func $add (param i32 i32) (result i32) (i32.add (i32.load (local.get 0)) (local.get 1)))
  (func (export "start") (i32.store (i32.const 64) (i32.const 40)) (call $keep (i32.const 0))))"#;

const HOST: &str = "#include <stdio.h>
int lib_init(void);
void lib_start(void);
void *lib_memory(void);
int w2n_try(void (*function)(void *), void *data, void *report);
static int (*kept)(int *, int);
void keep(int (*f)(int *, int)) { kept = f; }
static void call(void *p) { printf(\"%d\\n\", kept(p, 2)); }
int main(void) {
  if (lib_init()) return 1;
  lib_start();
  call((char *)lib_memory() + 64);
  int outside;
  printf(\"%d\\n\", w2n_try(call, &outside, 0));
}
";

fn a_host_calls_back_into_a_library() -> Result<()> {
    tool::require("cc")?;
    let folder = Folder::with(&[("lib.wat", LIBRARY), ("host.c", HOST)]);
    let declaration = "env.keep: (funcptr((ptr, i32) -> i32))";
    folder.wasm2native(&["lib.wat", "--import", declaration, "--emit", "staticlib=lib.a"]).succeeds();
    folder.tool("cc", &["host.c", "lib.a", "-o", "host", "-lm"]);
    assert_eq!(folder.program("host", &[]).succeeds().stdout, "42\n15\n");
    Ok(())
}

fn objects_are_linked_by_others() -> Result<()> {
    // The C compiler links the same declarations, and finds the same symbols.
    tool::require("cc")?;
    let folder = Folder::with(&[("w.wat", WRITE)]);
    let declaration = "env.write: (i32, ptr[len=2], u64) -> isize";
    folder.wasm2native(&["w.wat", "--import", declaration, "--linker", "cc", "-o", "w"]).succeeds();
    assert_eq!(folder.program("w", &[]).succeeds().stdout, "hello\n");
    Ok(())
}
