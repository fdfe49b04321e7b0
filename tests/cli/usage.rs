//! Help, version, wrong usage and messages.

use crate::{ANSWER, INVALID, Place};

#[test]
fn help_is_short_or_long() {
    let place = Place::empty();
    let short = place.wasm2native(&["-h"]).succeeds().stdout;
    let long = place.wasm2native(&["--help"]).succeeds().stdout;
    for text in
        ["Usage: wasm2native [OPTIONS] INPUT", "Examples:", "--out-dir", "--dir", "-O <LEVEL>", "run ", "inspect "]
    {
        assert!(short.contains(text), "`{text}` is missing:\n{short}");
        assert!(long.contains(text), "`{text}` is missing:\n{long}");
    }
    assert!(long.lines().count() > short.lines().count());
    assert!(long.contains("WASM2NATIVE_OPTIONS") && long.contains("Exit status:"), "{long}");
}

#[test]
fn commands_have_help() {
    let place = Place::empty();
    let run = place.wasm2native(&["run", "--help"]).succeeds().stdout;
    assert!(
        run.contains("Usage: wasm2native run [OPTIONS] MODULE [ARGS]...") && run.contains("WASM2NATIVE_CACHE"),
        "{run}"
    );
    let inspect = place.wasm2native(&["inspect", "--help"]).succeeds().stdout;
    assert!(inspect.contains("Usage: wasm2native inspect PROGRAM..."), "{inspect}");
}

#[test]
fn proposals_are_listed_and_enabled_by_name() {
    let place = Place::empty();
    let list = place.wasm2native(&["--enable", "help"]).succeeds().stdout;
    for text in
        ["Standard, always on:", "  memory64 ", "Experimental", "  custom-page-sizes ", "Not supported:", "  gc "]
    {
        assert!(list.contains(text), "`{text}` is missing:\n{list}");
    }
    assert_eq!(place.wasm2native(&["run", "--enable=help"]).succeeds().stdout, list);
    place.write("a.wat", "(module (memory 1 (pagesize 1)) (func (export \"_start\")))");
    place.wasm2native(&["a.wat", "--enable", "threads,custom-page-sizes"]).succeeds();
    place.wasm2native(&["a.wat"]).fails(1, &["--enable custom-page-sizes"]);
    place.wasm2native(&["a.wat", "--enable", "gc"]).fails(2, &["--enable help"]);
    place.wasm2native(&["--enable", "threads"]).fails(2, &["INPUT"]);
}

#[test]
fn targets_are_listed_and_refused_by_name() {
    let place = Place::empty();
    let list = place.wasm2native(&["--target", "help"]).succeeds().stdout;
    for target in
        ["x86_64-unknown-linux-gnu", "s390x-unknown-linux-musl", "aarch64-apple-darwin", "x86_64-pc-windows-msvc"]
    {
        assert!(list.contains(target), "`{target}` is missing:\n{list}");
    }
    place.write("a.wat", "(module (func (export \"_start\")))");
    place.wasm2native(&["a.wat", "-c", "--target", "toaster-linux"]).fails(2, &["--target help"]);
    place.wasm2native(&["a.wat", "-c", "--target", "i686-linux-gnu"]).fails(2, &["i686-linux-gnu", "--target help"]);
    for emit in ["exe", "staticlib", "sharedlib"] {
        place
            .wasm2native(&["a.wat", "--emit", emit, "--target", "aarch64-linux-gnu"])
            .fails(1, &["no runtime", "-c makes"]);
    }
    place.wasm2native(&["a.wat", "-c", "--target", "riscv64-linux-gnu", "--cpu", "rv64gcv_zba"]).succeeds();
    for (target, cpu, text) in [
        ("riscv64-linux-gnu", "rv64i", "rv64g"),
        ("riscv64-linux-gnu", "rv64gcq", "rv64gcv"),
        ("aarch64-linux-gnu", "generic+warp", "`warp`"),
        ("s390x-linux-gnu", "z9", "z15"),
    ] {
        place.wasm2native(&["a.wat", "-c", "--target", target, "--cpu", cpu]).fails(2, &[text]);
    }
    let listing = place.wasm2native(&["a.wat", "-S", "-o", "-", "--target", "aarch64-linux-gnu"]).succeeds().stdout;
    assert!(listing.contains("  ret"), "{listing}");
}

#[test]
fn version_is_one_line_or_what_a_report_needs() {
    let place = Place::empty();
    let version = concat!("wasm2native ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(place.wasm2native(&["-V"]).succeeds().stdout, version);
    let long = place.wasm2native(&["--version"]).succeeds().stdout;
    assert!(long.starts_with(version) && long.contains("host: ") && long.contains("cranelift: "), "{long}");
}

#[test]
fn without_arguments_help_and_status_2() {
    Place::empty().wasm2native(&[]).fails(2, &["Usage: wasm2native"]);
}

#[test]
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
    let place = Place::with(&[("a.wat", ANSWER), ("b.wat", ANSWER)]);
    for (args, text) in cases {
        place.wasm2native(args).fails(2, &["error: ", text]);
    }
    assert_eq!(place.list("."), ["a.wat", "b.wat"].map(String::from).into());
}

#[test]
fn response_file_stands_for_its_words() {
    let place = Place::with(&[("two words.wat", ANSWER), ("args", "-O0 -o app\n'two words'.wat\n")]);
    place.wasm2native(&["@args"]).succeeds();
    assert_eq!(place.program("app", &[]).status, 42);
    place.write("args", "-o \"app");
    place.wasm2native(&["@args"]).fails(2, &["response file args: a quote (\") is not closed"]);
}

#[test]
fn silent_unless_asked() {
    let place = Place::with(&[("a.wat", ANSWER)]);
    let quiet = place.wasm2native(&["a.wat"]).succeeds();
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
    let verbose = place.wasm2native(&["-v", "a.wat"]).succeeds().stderr;
    assert!(verbose.contains("a.wat -> a\n") && verbose.contains("compile: "), "{verbose}");
    let timings = place.wasm2native(&["--timings", "a.wat"]).succeeds().stderr;
    for stage in ["parse", "compile", "link", "total"] {
        assert_eq!(timings.lines().filter(|line| line.ends_with(&format!(" ms  {stage}"))).count(), 1, "{timings}");
    }
}

#[test]
fn powers_without_program_are_pointed_out() {
    let place = Place::with(&[("a.wat", ANSWER)]);
    let loud = place.wasm2native(&["-S", "--dir", ".", "a.wat"]).succeeds();
    assert!(loud.stderr.starts_with("warning: "), "{loud:?}");
    let quiet = place.wasm2native(&["-q", "-S", "--dir", ".", "a.wat"]).succeeds();
    assert_eq!(quiet.stderr, "");
}

#[test]
fn color_is_for_terminals_or_on_demand() {
    let place = Place::with(&[("a.wat", INVALID)]);
    assert!(place.wasm2native(&["a.wat"]).stderr.starts_with("error: a.wat: "));
    assert!(place.wasm2native(&["--color=always", "a.wat"]).stderr.starts_with("\x1b["));
}
