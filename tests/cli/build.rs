//! `wasm2native INPUT`: names of outputs, several inputs, errors.

use crate::{ANSWER, ARGS, DIR, FIB, INVALID, env};
use anyhow::Result;
use libtest_mimic::Trial;
use object::{Object, ObjectSymbol};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use test_kit::folder::Folder;
use test_kit::process::{self, outcome, outcome_with_input};
use test_kit::trials;
use test_kit::{command, tool};

pub fn trials() -> Vec<Trial> {
    trials!["build":
        output_names_come_from_the_input,
        one_compilation_makes_several_outputs,
        an_input_beyond_the_format_is_refused_unread,
        text_forms_go_to_standard_output,
        binary_goes_down_a_pipe,
        programs_are_executable_and_run,
        every_level_gives_a_program,
        standard_input_is_a_dash,
        broken_input_is_status_1_and_leaves_nothing,
        a_failure_keeps_the_last_good_output,
        the_umask_may_forbid_to_read_the_output,
        many_inputs_one_bad,
        two_inputs_with_one_output_are_refused,
        the_input_is_never_overwritten,
        files_named_like_commands_and_flags,
        outputs_that_are_no_files_are_written_to,
        powers_are_closed_unless_given,
        the_same_input_gives_the_same_bytes,
        tiny_segments_far_apart_do_not_become_a_large_file,
        no_reader_of_debug_information_is_in_a_program,
    ]
}

fn output_names_come_from_the_input() {
    let cases: &[(&[&str], &str)] = &[
        (&["in/a.wat"], "a"),
        (&["in/a.wat", "-c"], "a.o"),
        (&["in/a.wat", "--emit", "obj"], "a.o"),
        (&["in/a.wat", "-S"], "a.s"),
        (&["in/a.wat", "--emit=asm"], "a.s"),
        (&["in/a.b.wat"], "a.b"),
        (&["in/a.wat", "-o", "x.y"], "x.y"),
        (&["in/a.wat", "--out-dir", "."], "a"),
        (&["in/a.wat", "--out-dir", ".", "--emit", "wat"], "a.wat"),
        (&["in/a.wat", "--out-dir", ".", "--emit", "clif"], "a.clif"),
    ];
    for (args, name) in cases {
        let folder = Folder::with(&[("in/a.wat", ANSWER), ("in/a.b.wat", ANSWER)]);
        folder.wasm2native(args).succeeds();
        assert_eq!(folder.list("."), ["in", name].map(String::from).into(), "{args:?}");
        assert_eq!(folder.list("in").len(), 2, "{args:?}");
    }
}

fn one_compilation_makes_several_outputs() {
    let cases: &[(&[&str], &[&str])] = &[
        (&["--emit", "exe,obj"], &["a", "a.o"]),
        (&["--emit", "obj,asm", "--emit", "clif"], &["a.o", "a.s", "a.clif"]),
        (&["--emit=obj=x/y.o,clif"], &["a.clif", "x"]),
        (&["--emit", "exe,obj,asm", "-o", "b.o"], &["b", "b.o", "b.s"]),
        (&["--emit", "exe,asm", "-o", "b-1.2"], &["b-1.2", "b-1.2.s"]),
        (&["--emit", "asm,obj=c", "-o", "b"], &["b.s", "c"]),
    ];
    for (args, names) in cases {
        let folder = Folder::with(&[("a.wat", ANSWER), ("x/keep", "")]);
        folder.wasm2native(&[&["-q"], *args, &["--", "a.wat"]].concat()).succeeds();
        let expected: std::collections::BTreeSet<_> =
            ["a.wat", "x"].iter().chain(*names).map(|name| name.to_string()).collect();
        assert_eq!(folder.list("."), expected, "{args:?}");
    }
    let folder = Folder::with(&[("a.wat", ANSWER), ("b.wat", ANSWER)]);
    let out = folder.wasm2native(&["a.wat", "--emit", "wat=-,obj"]).succeeds();
    assert!(out.stdout.starts_with("(module") && folder.path("a.o").exists());
    folder.wasm2native(&["a.wat", "--emit", "obj,obj=x"]).fails(2, &["`obj` twice"]);
    folder.wasm2native(&["a.wat", "--emit", "obj=x,asm=x"]).fails(2, &["would both become x"]);
    folder.wasm2native(&["a.wat", "--emit", "obj,asm", "-o", "-"]).fails(2, &["several outputs", "help: "]);
    folder.wasm2native(&["a.wat", "--emit", "obj="]).fails(2, &["file's name is missing"]);
    folder.wasm2native(&["a.wat", "b.wat", "--emit", "obj=x", "--out-dir", "."]).fails(2, &["one file for `obj`"]);
    folder.wasm2native(&["a.wat", "--emit", "obj=no/x"]).fails(1, &["can't write no/x"]);
    folder.wasm2native(&["a.wat", "b.wat", "--emit", "exe,obj", "--out-dir", "out"]).succeeds();
    assert_eq!(folder.list("out"), ["a", "a.o", "b", "b.o"].map(String::from).into());
}

fn an_input_beyond_the_format_is_refused_unread() {
    let folder = Folder::with(&[]);
    // Offsets in a module have 32 bits. The file has no blocks, and is not read.
    for (length, message) in
        [(1 << 32, "larger than the 4294967295 bytes"), (1 << 40, "larger than the 4294967295 bytes")]
    {
        let file = std::fs::File::create(folder.path("a.wasm")).expect("it can be made");
        file.set_len(length).expect("it can be long");
        folder.wasm2native(&["a.wasm"]).fails(1, &["can't read a.wasm: it is ", message]);
    }
    assert_eq!(folder.list(".").len(), 1);
}

fn text_forms_go_to_standard_output() {
    let folder = Folder::with(&[("a.wat", ANSWER)]);
    assert!(folder.wasm2native(&["a.wat", "--emit", "wat"]).succeeds().stdout.starts_with("(module"));
    assert!(folder.wasm2native(&["a.wat", "--emit", "clif"]).succeeds().stdout.contains("function "));
    assert!(folder.wasm2native(&["a.wat", "-S", "-o", "-"]).succeeds().stdout.contains("ret"));
    assert_eq!(folder.list(".").len(), 1);
}

fn binary_goes_down_a_pipe() {
    let folder = Folder::with(&[("a.wat", ANSWER)]);
    let object = folder.wasm2native(&["-c", "a.wat", "-o", "-"]).succeeds();
    assert!(object.stdout.starts_with("\x7fELF"));
    assert_eq!(folder.list(".").len(), 1);
}

fn programs_are_executable_and_run() {
    let folder = Folder::with(&[("a.wat", ANSWER), ("args.wat", ARGS), ("fib.wat", FIB)]);
    folder.wasm2native(&["a.wat"]).succeeds();
    assert_eq!(folder.program("a", &[]).status, 42);
    folder.wasm2native(&["args.wat", "-s"]).succeeds();
    let out = folder.program("args", &["--help", "x y"]);
    assert!(out.status == 3 && out.stdout.ends_with("args\0--help\0x y\0"), "{out:?}");
    folder.wasm2native(&["fib.wat", "--invoke", "fib"]).succeeds();
    assert_eq!(folder.program("fib", &["20"]).stdout, "6765\n");
}

fn every_level_gives_a_program() {
    let folder = Folder::with(&[("a.wat", ANSWER)]);
    for level in ["-O0", "-O1", "-O2", "-O3", "-Os", "-Oz", "-O"] {
        folder.wasm2native(&[level, "-j2", "a.wat", "-o", "app"]).succeeds();
        assert_eq!(folder.program("app", &[]).status, 42, "{level}");
    }
    // As with clang, the last one counts.
    folder.wasm2native(&["-O0", "-O2", "a.wat", "-o", "app", "-o", "last"]).succeeds();
    assert!(folder.path("last").exists());
}

fn standard_input_is_a_dash() {
    let folder = Folder::empty();
    assert_eq!(outcome_with_input(&mut folder.command(&["-", "-o", "app"]), ANSWER).status, 0);
    assert_eq!(folder.program("app", &[]).status, 42);
    assert_eq!(outcome_with_input(&mut folder.command(&["-"]), ANSWER).status, 0);
    assert_eq!(folder.program("a.out", &[]).status, 42);
    outcome_with_input(&mut folder.command(&["-"]), INVALID).fails(1, &["error: <stdin>: "]);
}

fn broken_input_is_status_1_and_leaves_nothing() {
    let cases: &[(&str, &[&str])] = &[
        (INVALID, &["error: in.wat: ", "half", " --> in.wat:1:10\n"]),
        ("(module", &["error: in.wat: "]),
        ("", &["error[not-a-module]: in.wat: the file is empty"]),
        ("\x7fELF\0", &["error[not-a-module]: in.wat: ", "neither"]),
        ("\0asm\u{1}\0\0", &["error: in.wat: "]),
        ("(module)", &["nothing to run", "-c"]),
        (
            r#"(module (import "env" "f" (func)) (func (export "main") (call 0)))"#,
            &["nothing defines", "env", "help: "],
        ),
    ];
    for (text, messages) in cases {
        let folder = Folder::with(&[("in.wat", text)]);
        let out = folder.wasm2native(&["in.wat"]).fails(1, messages);
        assert!(out.stderr.starts_with("error") && out.stdout.is_empty(), "{out:?}");
        assert_eq!(folder.list("."), ["in.wat"].map(String::from).into());
    }
    let folder = Folder::with(&[("a.wat", ANSWER)]);
    folder
        .wasm2native(&["a.wat", "-o", "no/app"])
        .fails(1, &["error: can't write no/app: no: No such file or directory"]);
    Folder::empty().wasm2native(&["nothing.wasm"]).fails(1, &["error: can't read nothing.wasm: No such file"]);
}

fn a_failure_keeps_the_last_good_output() {
    let folder = Folder::with(&[("a.wat", ANSWER)]);
    folder.wasm2native(&["a.wat"]).succeeds();
    folder.write("a.wat", INVALID);
    folder.wasm2native(&["a.wat"]).fails(1, &[]);
    assert_eq!(folder.program("a", &[]).status, 42);
}

/// Only others than root notice that they may not read a file, or not pass the folder above.
fn the_umask_may_forbid_to_read_the_output() -> Result<()> {
    let folder = Folder::with(&[("open/a.wat", ANSWER)]);
    std::fs::copy(command::wasm2native().get_program(), folder.path("open/compiler"))?;
    std::fs::set_permissions(folder.path("."), Permissions::from_mode(0o700))?;
    std::fs::set_permissions(folder.path("open"), Permissions::from_mode(0o777))?;
    let nobody: &[&str] = match rustix::process::getuid().is_root() {
        true => &["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"],
        false => &["env"],
    };
    if nobody.len() > 1 {
        tool::require("setpriv")?;
    }
    for (umask, status) in [("0444", 42), ("0777", 126)] {
        for number in 0..2 {
            let script = format!("umask {umask}; ./compiler a.wat -o out || exit 9; ./out 2>/dev/null");
            let mut command = Command::new(nobody[0]);
            command.args(&nobody[1..]).args(["sh", "-c", &script]).current_dir(folder.path("open"));
            outcome(&mut command).fails(status, &[]);
            assert_eq!(
                folder.list("open"),
                ["a.wat", "compiler", "out"].map(String::from).into(),
                "{umask}, time {number}"
            );
        }
        std::fs::remove_file(folder.path("open/out"))?;
    }
    Ok(())
}

fn many_inputs_one_bad() {
    let folder = Folder::with(&[("a.wat", ANSWER), ("bad.wat", INVALID), ("c.wat", ANSWER)]);
    let out = folder.wasm2native(&["a.wat", "bad.wat", "nothing.wat", "c.wat", "--out-dir", "x/out"]);
    let out = out.fails(1, &["error: bad.wat: ", "can't read nothing.wat"]);
    assert!(out.stderr.ends_with("error: 2 of 4 inputs failed:\n  bad.wat\n  nothing.wat\n"), "{}", out.stderr);
    assert_eq!(folder.list("x/out"), ["a", "c"].map(String::from).into());
    assert_eq!(folder.program("x/out/c", &[]).status, 42);
}

fn two_inputs_with_one_output_are_refused() {
    let folder = Folder::with(&[("a.wat", ANSWER), ("b/a.wat", ANSWER)]);
    folder
        .wasm2native(&["a.wat", "b/a.wat", "--out-dir", "out"])
        .fails(2, &["a.wat and b/a.wat would both become out/a"]);
    assert!(!folder.path("out").exists());
}

fn the_input_is_never_overwritten() {
    let folder = Folder::with(&[("app", ANSWER), ("a.wat", ANSWER), ("dir/a.wat", ANSWER)]);
    std::os::unix::fs::symlink("a.wat", folder.path("link")).expect("links can be made");
    let cases: &[&[&str]] = &[
        &["app"],
        &["a.wat", "-o", "a.wat"],
        &["a.wat", "-o", "./a.wat"],
        &["a.wat", "-o", "link"],
        &["dir/a.wat", "--out-dir", "dir", "--emit", "wat"],
    ];
    for args in cases {
        folder.wasm2native(args).fails(2, &["is the input", "help: ", "-o FILE"]);
    }
    folder.wasm2native(&["a.wat", "-o", "dir"]).fails(2, &["dir is a directory"]);
    for name in ["app", "a.wat", "dir/a.wat", "link"] {
        assert_eq!(std::fs::read_to_string(folder.path(name)).expect("it is still there"), ANSWER);
    }
}

fn files_named_like_commands_and_flags() {
    let folder = Folder::with(&[("run", ANSWER), ("-x.wat", ANSWER)]);
    for args in [&["./run", "-o", "app"][..], &["-o", "app", "--", "run"], &["-o", "app", "--", "-x.wat"]] {
        folder.wasm2native(args).succeeds();
        assert_eq!(folder.program("app", &[]).status, 42);
        std::fs::remove_file(folder.path("app")).expect("it was built");
    }
}

fn outputs_that_are_no_files_are_written_to() {
    let folder = Folder::with(&[("a.wat", ANSWER)]);
    assert!(outcome(std::process::Command::new("mkfifo").arg(folder.path("pipe"))).status == 0);
    let reader = std::thread::spawn({
        let pipe = folder.path("pipe");
        move || std::fs::read(pipe).expect("it can be read")
    });
    folder.wasm2native(&["-c", "a.wat", "-o", "pipe"]).succeeds();
    use std::os::unix::fs::FileTypeExt;
    assert!(std::fs::symlink_metadata(folder.path("pipe")).expect("it is there").file_type().is_fifo());
    assert!(reader.join().expect("it reads").starts_with(b"\x7fELF"));
}

fn powers_are_closed_unless_given() {
    let folder = Folder::with(&[("dir.wat", DIR), ("env.wat", &env())]);
    folder.wasm2native(&["dir.wat", "env.wat", "--out-dir", "closed"]).succeeds();
    let flags = ["--dir", ".::/data", "--env", "A=b c", "--env", "B"];
    folder.wasm2native(&[&["dir.wat", "env.wat", "--out-dir", "open"][..], &flags].concat()).succeeds();
    folder.wasm2native(&["dir.wat", "-o", "fixed", "--fixed-powers"]).succeeds();
    let run = |program: &str| {
        let mut command = process::program(folder.path(program));
        let out = outcome(command.current_dir(folder.path(".")).env_clear().env("B", "2").env("C", "3"));
        (out.status, out.stdout.to_string())
    };
    assert_eq!(run("closed/dir"), (8, String::new()));
    assert_eq!(run("closed/env"), (0, String::new()));
    assert_eq!(run("open/dir"), (0, "/data".to_owned()));
    assert_eq!(run("open/env"), (2, "A=b c\0B=2\0".to_owned()));
    let granted = |program: &str| {
        let mut command = process::program(folder.path(program));
        outcome(command.current_dir(folder.path(".")).env_clear().env("WASM2NATIVE_OPTIONS", "--dir '.::/late'")).stdout
    };
    assert_eq!(granted("closed/dir"), "/late");
    assert_eq!(granted("fixed"), "");
}

fn the_same_input_gives_the_same_bytes() {
    // Short and long functions take turns: the long ones are compiled first.
    let function = |nth: usize| {
        let rest = "(local.set 0 (i32.mul (local.get 0) (local.get 0)))".repeat(nth % 7 * 20);
        format!("(func (export \"f{nth}\") (param i32) (result i32) {rest} (local.get 0))")
    };
    let functions: String = (0..100).map(function).collect();
    let folder = Folder::with(&[("many.wat", &format!("(module {functions})"))]);
    let build = |jobs| {
        folder.builds(&["many.wat", "-c", "-o", "out.o", jobs]);
        folder.read("out.o")
    };
    let one = build("-j1");
    for jobs in ["-j2", "-j5", "-j16"] {
        assert!(build(jobs) == one, "{jobs}");
    }
    let symbols = object::File::parse(&*one).expect("an object");
    let address = |nth| {
        let name = format!("many_f{nth}");
        symbols.symbol_by_name(&name).unwrap_or_else(|| panic!("no {name}")).address()
    };
    // In the order of the module.
    assert!((1..100).all(|nth| address(nth - 1) < address(nth)));
}

fn tiny_segments_far_apart_do_not_become_a_large_file() {
    let segments: String = (0..4000).map(|nth| format!("(data (i32.const {}) \"x\")", nth * 65_000)).collect();
    let look = "(i32.load8_u (i32.const 259935000))";
    let folder = Folder::with(&[(
        "m.wat",
        &format!("(module (memory 4000) {segments} (func (export \"f\") (result i32) {look}))"),
    )]);
    folder.wasm2native(&["m.wat", "--invoke", "f", "-o", "m"]).succeeds();
    let size = folder.path("m").metadata().expect("it was built").len();
    // A page for each, the gaps that are filled, and the runtime: not 260 MB.
    assert!(size < (4000 << 12) + (16 << 20) + (4 << 20), "{size}");
    assert_eq!(folder.program("m", &[]).stdout, "120\n");
}

/// The standard library's own panics read debug information, larger than all of WASI. The build
/// script of the runtime leads them elsewhere.
fn no_reader_of_debug_information_is_in_a_program() -> Result<()> {
    let folder = Folder::with(&[("hello.wat", include_str!("../../fixtures/wasi/hello.wat"))]);
    folder.wasm2native(&["hello.wat", "-o", "hello"]).succeeds();
    let data = std::fs::read(folder.path("hello"))?;
    let file = object::File::parse(&*data)?;
    let names: Vec<_> = file.symbols().filter_map(|symbol| symbol.name().ok()).collect();
    assert!(names.contains(&"w2n_panic"), "the program has no symbols of the runtime");
    for word in ["gimli4read", "addr2line", "backtrace_rs", "panic_with_hook", "rust_oom"] {
        // The last part of a name is the crate that made an instance of another's function.
        let found: Vec<_> = names.iter().filter(|name| name.contains(word) && !name.ends_with(word)).collect();
        assert!(found.is_empty(), "{found:?}");
    }
    Ok(())
}
