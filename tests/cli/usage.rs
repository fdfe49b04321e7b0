//! Help, version, wrong usage and messages.

use crate::{ANSWER, INVALID};
use libtest_mimic::Trial;
use test_kit::folder::Folder;
use test_kit::trials;

pub fn trials() -> Vec<Trial> {
    trials!["usage":
        help_is_short_or_long,
        commands_have_help,
        proposals_are_listed_and_enabled_by_name,
        targets_are_listed_and_refused_by_name,
        version_is_one_line_or_what_a_report_needs,
        without_arguments_help_and_status_2,
        wrong_usage_is_status_2,
        response_file_stands_for_its_words,
        silent_unless_asked,
        powers_without_program_are_pointed_out,
        color_is_for_terminals_or_on_demand,
    ]
}

fn help_is_short_or_long() {
    let folder = Folder::empty();
    let short = folder.wasm2native(&["-h"]).succeeds().stdout;
    let long = folder.wasm2native(&["--help"]).succeeds().stdout;
    for text in
        ["Usage: wasm2native [OPTIONS] INPUT", "Examples:", "--out-dir", "--dir", "-O <LEVEL>", "run ", "inspect "]
    {
        assert!(short.contains(text), "`{text}` is missing:\n{short}");
        assert!(long.contains(text), "`{text}` is missing:\n{long}");
    }
    assert!(long.lines().count() > short.lines().count());
    assert!(long.contains("WASM2NATIVE_OPTIONS") && long.contains("Exit status:"), "{long}");
}

fn commands_have_help() {
    let folder = Folder::empty();
    let run = folder.wasm2native(&["run", "--help"]).succeeds().stdout;
    assert!(
        run.contains("Usage: wasm2native run [OPTIONS] MODULE [ARGS]...") && run.contains("WASM2NATIVE_CACHE"),
        "{run}"
    );
    let inspect = folder.wasm2native(&["inspect", "--help"]).succeeds().stdout;
    assert!(inspect.contains("Usage: wasm2native inspect [OPTIONS] FILE..."), "{inspect}");
}

fn proposals_are_listed_and_enabled_by_name() {
    let folder = Folder::empty();
    let list = folder.wasm2native(&["--enable", "help"]).succeeds().stdout;
    for text in [
        "Standard, always on:",
        "  memory64 ",
        "Experimental",
        "  custom-page-sizes ",
        "  gc ",
        "Not supported:",
        "  stack-switching ",
    ] {
        assert!(list.contains(text), "`{text}` is missing:\n{list}");
    }
    assert_eq!(folder.wasm2native(&["run", "--enable=help"]).succeeds().stdout, list);
    folder.write("a.wat", "(module (memory 1 (pagesize 1)) (func (export \"_start\")))");
    folder.wasm2native(&["a.wat", "--enable", "threads,custom-page-sizes"]).succeeds();
    folder.wasm2native(&["a.wat"]).fails(1, &["--enable custom-page-sizes"]);
    folder.wasm2native(&["a.wat", "--enable", "stack-switching"]).fails(2, &["--enable help"]);
    folder.wasm2native(&["--enable", "threads"]).fails(2, &["INPUT"]);
}

fn targets_are_listed_and_refused_by_name() {
    let folder = Folder::empty();
    let list = folder.wasm2native(&["--target", "help"]).succeeds().stdout;
    for target in
        ["x86_64-unknown-linux-gnu", "s390x-unknown-linux-musl", "aarch64-apple-darwin", "x86_64-pc-windows-msvc"]
    {
        assert!(list.contains(target), "`{target}` is missing:\n{list}");
    }
    folder.write("a.wat", "(module (func (export \"_start\")))");
    folder.wasm2native(&["a.wat", "-c", "--target", "toaster-linux"]).fails(2, &["--target help"]);
    folder.wasm2native(&["a.wat", "-c", "--target", "i686-linux-gnu"]).fails(2, &["i686-linux-gnu", "--target help"]);
    for emit in ["exe", "staticlib", "sharedlib"] {
        folder
            .wasm2native(&["a.wat", "--emit", emit, "--target", "s390x-linux-gnu"])
            .fails(1, &["no runtime", "-c makes"]);
    }
    folder.wasm2native(&["a.wat", "-c", "--target", "riscv64-linux-gnu", "--cpu", "rv64gcv_zba"]).succeeds();
    for (target, cpu, text) in [
        ("riscv64-linux-gnu", "rv64i", "rv64g"),
        ("riscv64-linux-gnu", "rv64gcq", "rv64gcv"),
        ("aarch64-linux-gnu", "generic+warp", "`warp`"),
        ("s390x-linux-gnu", "z9", "z15"),
    ] {
        folder.wasm2native(&["a.wat", "-c", "--target", target, "--cpu", cpu]).fails(2, &[text]);
    }
    let listing = folder.wasm2native(&["a.wat", "--emit=listing", "--target", "aarch64-linux-gnu"]).succeeds().stdout;
    assert!(listing.contains("  ret"), "{listing}");
    for target in ["riscv64-linux-gnu", "x86_64-pc-windows-gnu", "aarch64-apple-darwin"] {
        let message = "--emit asm is for objects in ELF for x86-64 and aarch64\nhelp: --emit listing shows";
        folder.wasm2native(&["a.wat", "-S", "--target", target]).fails(1, &[message]);
    }
}

fn version_is_one_line_or_what_a_report_needs() {
    let folder = Folder::empty();
    let version = concat!("wasm2native ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(folder.wasm2native(&["-V"]).succeeds().stdout, version);
    let long = folder.wasm2native(&["--version"]).succeeds().stdout;
    assert!(long.starts_with(version) && long.contains("host: ") && long.contains("cranelift: "), "{long}");
}

fn without_arguments_help_and_status_2() {
    Folder::empty().wasm2native(&[]).fails(2, &["Usage: wasm2native"]);
}

fn wrong_usage_is_status_2() {
    let cases: &[(&[&str], &str)] = &[
        (&["--bogus", "a.wat"], "unexpected argument '--bogus'"),
        (&["a.wat", "b.wat"], "--out-dir DIR"),
        (&["-v", "run", "a.wat"], "the command `run` must precede all flags"),
        (&["compile", "a.wat"], "compiling needs no command: wasm2native a.wat"),
        (&["a.wat", "--out-dir", "out", "-o", "b"], "cannot be used with"),
        (&["-c", "-S", "a.wat"], "cannot be used with"),
        (&["-q", "-v", "a.wat"], "cannot be used with"),
        (&["-O7", "a.wat"], "invalid value '7'"),
        (&["-j0", "a.wat"], "at least 1"),
        (&["--emit", "jar", "a.wat"], "possible values: exe, obj, staticlib, sharedlib, "),
        (&["--max-memory", "12X", "a.wat"], "such as 65536, 64K, 16M or 2G"),
        (&["--max-stack", "99999999999G", "a.wat"], "too large"),
        (&["--env", "=x", "a.wat"], "the variable's name is empty"),
        (&["--dir", "", "a.wat"], "the directory's name is empty"),
        (&["--dir", "x::", "a.wat"], "the name after `::` is empty"),
        (&["--dir", "x::ro", "a.wat"], "for a read-only grant write `x::x::ro` or `x::/x::ro`"),
        (&["--color", "blue", "a.wat"], "invalid value 'blue'"),
        (&["@nothing"], "can't read response file nothing"),
        (&["run"], "required"),
        (&["run", "--out-dir", "x", "a.wat"], "unexpected argument '--out-dir'"),
        (&["inspect"], "required"),
    ];
    let folder = Folder::with(&[("a.wat", ANSWER), ("b.wat", ANSWER)]);
    for (args, text) in cases {
        folder.wasm2native(args).fails(2, &["error: ", text]);
    }
    assert_eq!(folder.list("."), ["a.wat", "b.wat"].map(String::from).into());
}

fn response_file_stands_for_its_words() {
    let folder = Folder::with(&[("two words.wat", ANSWER), ("args", "-O0 -o app\n'two words'.wat\n")]);
    folder.wasm2native(&["@args"]).succeeds();
    assert_eq!(folder.program("app", &[]).status, 42);
    folder.write("args", "-o \"app");
    folder.wasm2native(&["@args"]).fails(2, &["response file args: a quote (\") is not closed"]);
}

fn silent_unless_asked() {
    let folder = Folder::with(&[("a.wat", ANSWER)]);
    let quiet = folder.wasm2native(&["a.wat"]).succeeds();
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
    let verbose = folder.wasm2native(&["-v", "a.wat"]).succeeds().stderr;
    assert!(verbose.contains("a.wat -> a\n") && verbose.contains("compile: "), "{verbose}");
    let timings = folder.wasm2native(&["--timings", "a.wat"]).succeeds().stderr;
    for stage in ["parse", "compile", "link", "total"] {
        assert_eq!(timings.lines().filter(|line| line.ends_with(&format!(" ms  {stage}"))).count(), 1, "{timings}");
    }
}

fn powers_without_program_are_pointed_out() {
    let folder = Folder::with(&[("a.wat", ANSWER)]);
    let loud = folder.wasm2native(&["-S", "--dir", ".", "a.wat"]).succeeds();
    assert!(loud.stderr.starts_with("warning: "), "{loud:?}");
    let quiet = folder.wasm2native(&["-q", "-S", "--dir", ".", "a.wat"]).succeeds();
    assert_eq!(quiet.stderr, "");
}

fn color_is_for_terminals_or_on_demand() {
    let folder = Folder::with(&[("a.wat", INVALID)]);
    assert!(folder.wasm2native(&["a.wat"]).stderr.starts_with("error: a.wat: "));
    assert!(folder.wasm2native(&["--color=always", "a.wat"]).stderr.starts_with("\x1b["));
}
