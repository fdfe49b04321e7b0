//! `wasm2native inspect`: what a program was given can be read from the program.

use crate::{ANSWER, ARGS, FIB};
use libtest_mimic::Trial;
use test_kit::folder::Folder;
use test_kit::trials;

pub fn trials() -> Vec<Trial> {
    trials!["inspect":
        a_program_tells_what_it_was_given,
        own_directories_and_sockets_are_told,
        values_are_shown_and_not_obeyed,
        a_closed_program_has_nothing,
        objects_have_a_limit,
        long_names_are_cut,
        other_files_get_a_clear_answer,
    ]
}

/// The rows of a description, without their alignment.
fn rows(text: &str) -> Vec<String> {
    text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

fn a_program_tells_what_it_was_given() {
    let folder = Folder::with(&[("args.wat", ARGS)]);
    let flags = "args.wat -o app --dir .::/data --dir /tmp --dir /usr::/usr::ro --env A=b --env HOME --inherit-env \
                 --max-memory 16M --max-table 1M --max-heap 4M --max-stack 64K --fixed-powers --cpu x86-64-v3";
    let flags: Vec<&str> = flags.split_whitespace().collect();
    folder.wasm2native(&flags).succeeds();
    let expected = [
        "app",
        "runs _start (WASI)",
        "directories . as /data",
        "/tmp",
        "/usr (read-only)",
        "environment A=b",
        "HOME (the value it has at run time)",
        "everything it is started with (--inherit-env)",
        "calls WASI args_get, args_sizes_get, fd_write, proc_exit",
        "uses C none",
        "memory 65536 bytes at the start, at most 4294967296",
        "at most 16777216 bytes",
        "tables at most 1048576 bytes",
        "objects at most 4194304 bytes",
        "stack at most 65536 bytes",
        "at run time nothing more can be granted (--fixed-powers: WASM2NATIVE_OPTIONS is ignored)",
        "processor x86-64 with avx, avx2, bmi1, bmi2, cmpxchg16b, fma, lzcnt, popcnt, sse3, sse41, sse42, ssse3",
    ];
    assert_eq!(rows(&folder.wasm2native(&["inspect", "app"]).succeeds().stdout), expected);
    folder.wasm2native(&[&flags[..], &["--strip"]].concat()).succeeds();
    assert_eq!(rows(&folder.wasm2native(&["inspect", "app"]).succeeds().stdout), expected);
}

fn own_directories_and_sockets_are_told() {
    let folder = Folder::with(&[("args.wat", ARGS)]);
    folder.builds(&["args.wat", "-o", "app", "--dev", "--tmp", "--tcplisten", "127.0.0.1:80", "--listenfd"]);
    let text = rows(&folder.wasm2native(&["inspect", "app"]).succeeds().stdout);
    let expected = [
        "directories /dev with null, urandom and zero (--dev)",
        "/tmp of its own, at most 67108864 bytes (--tmp)",
        "listens at the sockets that it is started with (--listenfd)",
        "at 127.0.0.1:80",
        "environment none",
    ];
    assert_eq!(text[2..7], expected, "{text:#?}");
    folder.builds(&["args.wat", "-o", "app", "--tmp=16K"]);
    let text = folder.wasm2native(&["inspect", "app"]).succeeds().stdout;
    assert!(text.contains("/tmp of its own, at most 16384 bytes"), "{text}");
    for (flag, message) in [
        ("--tmp=x", "expected a number of bytes"),
        ("--tcplisten=8080", "expected ADDR:PORT, such as 127.0.0.1:8080"),
        ("--tcplisten=localhost:80", "expected ADDR:PORT"),
    ] {
        folder.wasm2native(&["args.wat", flag]).fails(2, &[message]);
        folder.wasm2native(&["run", flag, "args.wat"]).fails(2, &[message]);
    }
}

/// Who looks at a program does not obey it.
fn values_are_shown_and_not_obeyed() {
    let folder = Folder::with(&[("args.wat", ARGS)]);
    let value = "A=\"b\" \x1b[2J\n  runs main\u{202e}\\";
    folder.wasm2native(&["args.wat", "-o", "app", "--env", value, "--dir", ".::/d\x07::ro"]).succeeds();
    let text = rows(&folder.wasm2native(&["inspect", "app"]).succeeds().stdout);
    assert!(text.contains(&r#"environment A="b" \u{1b}[2J\n runs main\u{202e}\\"#.to_owned()), "{text:#?}");
    assert!(text.contains(&r"directories . as /d\u{7} (read-only)".to_owned()), "{text:#?}");
}

fn objects_have_a_limit() {
    let folder = Folder::with(&[(
        "o.wat",
        "(module (type $s (struct)) (func (export \"main\") (result i32) (ref.is_null (struct.new $s))))",
    )]);
    for (flags, expected) in [
        (&[][..], "objects no limit of its own"),
        (&["--max-memory", "8M"], "objects as much as memory may"),
        (&["--max-memory", "8M", "--max-heap", "1M"], "objects at most 1048576 bytes"),
    ] {
        folder.wasm2native(&[&["o.wat"], flags].concat()).succeeds();
        let text = rows(&folder.wasm2native(&["inspect", "o"]).succeeds().stdout);
        assert!(text.contains(&expected.to_owned()), "{text:#?}");
        let json = folder.wasm2native(&["inspect", "--json", "o"]).succeeds().stdout.to_string();
        assert!(json.contains("\"has_objects\":true"), "{json}");
    }
}

/// Compilers of Dart and MoonBit import constants of strings, by names that are the strings.
fn long_names_are_cut() {
    let name = "ü".repeat(5000);
    let module = format!("(module (import \"'\" \"{name}\" (global externref)))");
    let folder = Folder::with(&[("long.wat", &module)]);
    let text = folder.wasm2native(&["inspect", "long.wat"]).succeeds().stdout.to_string();
    assert!(text.contains(&format!("{}…", "ü".repeat(200))) && !text.contains(&"ü".repeat(201)), "{text}");
    let json = folder.wasm2native(&["inspect", "--json", "long.wat"]).succeeds().stdout.to_string();
    assert!(json.contains(&name), "{json}");
}

fn a_closed_program_has_nothing() {
    let folder = Folder::with(&[("a.wat", ANSWER), ("fib.wat", FIB)]);
    let expected = [
        "a",
        "runs main",
        "directories none",
        "environment none",
        "calls WASI none",
        "uses C none",
        "memory no limit of its own",
        "tables at most 1073741824 bytes",
        "stack no limit of its own",
        "at run time WASM2NATIVE_OPTIONS in the environment can grant more",
        "processor x86-64 with cmpxchg16b, popcnt, sse3, sse41, sse42, ssse3",
    ];
    for strip in [&[][..], &["-s"]] {
        folder.wasm2native(&[&["a.wat"][..], strip].concat()).succeeds();
        assert_eq!(rows(&folder.wasm2native(&["inspect", "a"]).succeeds().stdout), expected, "{strip:?}");
    }
    folder.wasm2native(&["a.wat", "--max-memory", "1M"]).succeeds();
    let text = rows(&folder.wasm2native(&["inspect", "a"]).succeeds().stdout);
    assert!(text.contains(&"tables as much as memory may".to_owned()), "{text:#?}");
    folder.wasm2native(&["--invoke", "fib", "fib.wat"]).succeeds();
    let text = folder.wasm2native(&["inspect", "fib"]).succeeds().stdout;
    assert!(text.contains("fib (--invoke: "), "{text}");
}

fn other_files_get_a_clear_answer() {
    let folder =
        Folder::with(&[("a.wat", ANSWER), ("text", "text"), ("a.wasm", "\0asm\u{1}\0\0\0"), ("elf", "\x7fELF")]);
    folder.wasm2native(&["-c", "a.wat"]).succeeds();
    let not_ours = "not a program built by wasm2native";
    folder.wasm2native(&["inspect", "text"]).fails(1, &["error: text: ", not_ours]);
    folder.wasm2native(&["inspect", "elf"]).fails(1, &["error: elf: ", not_ours]);
    folder.wasm2native(&["inspect", env!("CARGO_BIN_EXE_wasm2native")]).fails(1, &[not_ours]);
    folder.wasm2native(&["inspect", "a.wasm", "--html", "x"]).fails(1, &["shows programs", "help: "]);
    folder.wasm2native(&["inspect", "a.o"]).fails(1, &["this is an object"]);
    folder.wasm2native(&["inspect", "nothing"]).fails(1, &["error: can't read nothing: No such file"]);
}
