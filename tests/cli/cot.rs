//! The command line of `cot`: what its users type, what they read, and which files are there
//! afterwards (section 25 of the language reference).

use crate::{Outcome, Place, outcome};
use std::collections::BTreeSet;
use std::process::{Command, Stdio};

/// Greets, and ends with 3.
const GREETING: &str = "fn main() i64 {\n    println(\"hi\")\n    return 3\n}\n";
const FAULTY: &str = "fn main() i64 { return missing }\n";

impl Place {
    pub fn cot_command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cot"));
        command.args(args).current_dir(self.path(".")).env_clear().env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
        command
    }

    fn cot(&self, args: &[&str]) -> Outcome {
        outcome(&mut self.cot_command(args))
    }

    fn greeting() -> Place {
        Place::with(&[("hi.cot", GREETING)])
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).expect("it was made")
    }
}

impl Outcome {
    /// Succeeds and says nothing.
    #[track_caller]
    fn succeeds_silently(self) {
        assert!(self.status == 0 && self.stdout.is_empty() && self.stderr.is_empty(), "{self:#?}");
    }
}

fn names<const N: usize>(all: [&str; N]) -> BTreeSet<String> {
    all.into_iter().map(str::to_owned).collect()
}

#[test]
fn a_file_alone_is_built_as_by_build() {
    let place = Place::greeting();
    for args in [&["hi.cot"][..], &["./hi.cot"], &["build", "hi.cot"], &["--release", "hi.cot"]] {
        place.cot(args).succeeds_silently();
        assert_eq!(place.list("cot-out"), names(["hi"]), "{args:?}");
        assert_eq!(place.program("cot-out/hi", &[]).fails(3, &[]).stdout, "hi\n");
        std::fs::remove_dir_all(place.path("cot-out")).expect("it is there");
    }
    assert_eq!(place.list("."), names(["hi.cot"]));
}

#[test]
fn output_is_named_exactly_and_nothing_else_is_kept() {
    let place = Place::greeting();
    for args in [&["hi.cot", "-o", "a"][..], &["build", "hi.cot", "-ob.exe"], &["-o", "c.wasm", "build.cot"]] {
        place.write("build.cot", GREETING);
        place.cot(args).succeeds_silently();
    }
    assert_eq!(place.list("."), names(["a", "b.exe", "build.cot", "c.wasm", "hi.cot"]));
    for program in ["a", "b.exe", "c.wasm"] {
        place.program(program, &[]).fails(3, &[]);
    }
}

#[test]
fn files_need_no_ending() {
    let place = Place::with(&[("program", GREETING), ("test", GREETING)]);
    place.cot(&["program"]).succeeds_silently();
    place.cot(&["build", "test"]).succeeds_silently();
    assert_eq!(place.list("cot-out"), names(["program", "test"]));
}

#[test]
fn targets_have_aliases_and_two_spellings() {
    let place = Place::greeting();
    let mut modules = Vec::new();
    for (target, output) in
        [("wasm32", "hi.wasm"), ("wasm", "hi.wasm"), ("wasm32-wasi", "hi.wasm"), ("wasi", "hi.wasm"), ("native", "hi")]
    {
        place.cot(&["build", "hi.cot", "--target", target]).succeeds_silently();
        let bytes = place.bytes(&format!("cot-out/{output}"));
        assert_eq!(place.list("cot-out"), names([output]), "{target}");
        std::fs::remove_dir_all(place.path("cot-out")).expect("it is there");
        place.cot(&["hi.cot", &format!("--target={target}"), "-o", "same"]).succeeds_silently();
        assert!(place.bytes("same") == bytes, "{target}");
        modules.push(bytes);
    }
    assert!(modules[0] == modules[1] && modules[2] == modules[3] && modules[0] != modules[2]);
    assert!(modules[..4].iter().all(|module| module.starts_with(b"\0asm")));
    assert!(modules[4].starts_with(b"\x7fELF"));
}

#[test]
fn objects_are_made_for_every_target() {
    let place = Place::greeting();
    let machine = |bytes: &[u8]| u16::from_le_bytes([bytes[18], bytes[19]]);
    for (target, elf_machine) in [("amd64-linux", 62), ("x86_64-linux", 62), ("arm64-linux", 183)] {
        place.cot(&["hi.cot", "-o", "x.o", "--target", target]).succeeds_silently();
        let object = place.bytes("x.o");
        assert_eq!((&object[..4], machine(&object)), (&b"\x7fELF"[..], elf_machine), "{target}");
    }
    for (target, cpu) in [("arm64-macos", 0x0100_000C_u32), ("amd64-macos", 0x0100_0007)] {
        place.cot(&["hi.cot", "-o", "x.o", "--target", target]).succeeds_silently();
        assert_eq!(place.bytes("x.o")[..8], [0xFEED_FACF, cpu].map(u32::to_le_bytes).concat(), "{target}");
    }
    assert_eq!(place.list("."), names(["hi.cot", "x.o"]));
}

#[test]
fn programs_for_other_machines_are_refused_with_a_way_out() {
    let place = Place::greeting();
    for target in ["arm64-macos", "amd64-macos", "arm64-linux"] {
        if cfg!(target_arch = "aarch64") && target == "arm64-linux" {
            continue;
        }
        place.cot(&["hi.cot", "--target", target]).fails(1, &[target, "-o NAME.o"]);
        place.cot(&["run", "hi.cot", "--target", target]).fails(1, &["can't run"]);
        place.cot(&["check", "hi.cot", "--target", target]).succeeds();
    }
    assert_eq!(place.list("."), names(["hi.cot"]));
    place.cot(&["run", "hi.cot", "--target", "wasm32"]).fails(1, &["no host", "wasm32-wasi"]);
    place
        .cot(&["build", "hi.cot", "--target=toaster"])
        .fails(1, &["`toaster`", "native, wasm32, wasm32-wasi, amd64-linux"]);
}

#[test]
fn run_passes_arguments_and_the_exit_status() {
    let place = Place::with(&[(
        "args.cot",
        "import \"std/os\"\nfn main() i64 {\n    for i in 1..argsCount() { println(arg(i)) }\n    eprintln(\"end\")\n    \
         return argsCount() - 1\n}\n",
    )]);
    for target in ["native", "wasi"] {
        let outcome = place.cot(&["run", "args.cot", "--target", target, "--", "-x", "--help", "", "a b"]);
        assert_eq!((outcome.status, &outcome.stdout[..], &outcome.stderr[..]), (4, "-x\n--help\n\na b\n", "end\n"));
    }
    place.cot(&["run", "args.cot", "a"]).fails(1, &["'a'", "[-- <ARGS>...]"]);
    assert_eq!(place.list("."), names(["args.cot"]));
}

#[test]
fn status_is_the_programs_modulo_256() {
    let place = Place::empty();
    for (value, status) in [("0", 0), ("255", 255), ("256", 0), ("-1", 255), ("1000", 232)] {
        place.write("s.cot", &format!("fn main() i64 {{ return {value} }}\n"));
        assert_eq!(place.cot(&["run", "s.cot"]).status, status, "{value}");
    }
    place.write("s.cot", "fn main() void { @panic(\"no\") }\n");
    place.cot(&["run", "s.cot"]).fails(2, &["s.cot:1: panic: no"]);
}

#[test]
fn test_has_flags_and_counts_failures() {
    let place = Place::with(&[
        ("lib.cot", "test \"of the import\" { @assert(true) }\n"),
        (
            "t.cot",
            "import \"lib\"\ntest \"adds\" { @assertEq(1 + 1, 2) }\ntest \"fails\" { @assertEq(1, 2) }\n\
             test \"fails too\" { @assert(false) }\nfn main() i64 { return nosuch() }\n",
        ),
    ]);
    // `main` is not looked at… but for its names.
    place.cot(&["test", "t.cot"]).fails(1, &["undefined", "nosuch"]);
    let text = String::from_utf8(place.bytes("t.cot")).expect("UTF-8").replace("nosuch()", "0");
    place.write("t.cot", &text);
    let all =
        place.cot(&["test", "t.cot"]).fails(2, &["of the import", "\"adds\" ... ok", "FAILED | 2 passed | 2 failed"]);
    assert!(all.stdout.is_empty() && !all.stderr.contains('\x1b'), "{all:#?}");
    let filtered = place.cot(&["test", "t.cot", "--filter=add"]).succeeds().stderr;
    assert!(filtered.contains("ok | 1 passed") && !filtered.contains("fails"), "{filtered}");
    place.cot(&["test", "t.cot", "--filter", "zebra"]).fails(0, &["zebra"]);
    for flag in ["-x", "--fail-fast"] {
        place.cot(&["test", "t.cot", flag]).fails(1, &["FAILED | 2 passed | 1 failed"]);
    }
    for flag in ["-v", "--verbose"] {
        place.cot(&["test", "t.cot", flag, "--filter=add", "--release"]).fails(0, &["Test t.cot"]);
    }
    place.cot(&["test", "t.cot", "--target=wasi", "--filter=add"]).fails(0, &["1 passed"]);
    assert_eq!(place.list("."), names(["lib.cot", "t.cot"]));
}

#[test]
fn check_names_the_file_and_makes_nothing() {
    let place = Place::with(&[("hi.cot", GREETING), ("bad.cot", FAULTY), ("lib.cot", "fn f() i64 { return 1 }\n")]);
    for file in ["hi.cot", "lib.cot"] {
        let outcome = place.cot(&["check", file]).succeeds();
        assert_eq!((outcome.stdout, outcome.stderr), (String::new(), format!("Check {file}\n")));
    }
    place.cot(&["check", "bad.cot"]).fails(1, &["Check bad.cot\n", "bad.cot:1:24: error[E301]"]);
    assert_eq!(place.list("."), names(["bad.cot", "hi.cot", "lib.cot"]));
}

#[test]
fn errors_leave_no_output_and_no_trace() {
    let place = Place::with(&[("bad.cot", FAULTY), ("old", "old"), ("lib.cot", "fn f() i64 { return 1 }\n")]);
    let before = place.list(".");
    for command in ["build", "run", "test", "check"] {
        let outcome = place.cot(&[command, "bad.cot"]).fails(1, &["bad.cot:1:24: error[E301]", "missing"]);
        assert!(outcome.stdout.is_empty(), "{outcome:#?}");
    }
    place.cot(&["bad.cot", "-o", "old"]).fails(1, &["E301"]);
    place.cot(&["lib.cot", "-o", "old"]).fails(1, &["lib.cot", "'main'"]);
    place.cot(&["lib.cot"]).fails(1, &["'main'"]);
    place.write("undefined.cot", "extern fn nosuch() i64\nfn main() i64 { return nosuch() }\n");
    let undefined = place.cot(&["undefined.cot"]).fails(1, &["nosuch", "c_sources"]);
    assert!(!undefined.stderr.contains("--"), "it names flags of another command: {undefined:#?}");
    std::fs::remove_file(place.path("undefined.cot")).expect("it is there");
    assert_eq!(place.list("."), before);
    assert_eq!(place.bytes("old"), b"old");
    // What is exported needs no `main` where something else runs it.
    place.write("lib.cot", "export fn f() i64 { return 1 }\n");
    place.cot(&["lib.cot", "--target=wasm32", "-o", "lib.wasm"]).succeeds_silently();
    place.cot(&["lib.cot", "-o", "lib.o"]).succeeds_silently();
    place.cot(&["lib.cot", "-o", "old"]).fails(1, &["lib.cot", "'main'"]);
}

#[test]
fn inputs_that_can_not_be_read_are_named() {
    let place = Place::greeting();
    std::fs::create_dir(place.path("folder.cot")).expect("folders can be made");
    for command in ["build", "run", "test", "check"] {
        place.cot(&[command, "nosuch.cot"]).fails(1, &["error: can't read nosuch.cot: No such file"]);
        place.cot(&[command, "folder.cot"]).fails(1, &["error: can't read folder.cot: Is a directory"]);
        place.cot(&[command]).fails(1, &["no file", "cot.json"]);
    }
    place.cot(&["nosuch.cot"]).fails(1, &["can't read nosuch.cot"]);
    place.cot(&["nosuch"]).fails(1, &["nosuch"]);
    assert_eq!(place.list("."), names(["folder.cot", "hi.cot"]));
}

#[test]
fn outputs_that_can_not_be_written_are_named() {
    let place = Place::greeting();
    std::fs::create_dir(place.path("folder")).expect("folders can be made");
    for target in ["native", "wasm32"] {
        place.cot(&["hi.cot", "-o", "no/hi", "--target", target]).fails(1, &["can't write no/hi", "no folder no"]);
        place.cot(&["hi.cot", "-o", "folder", "--target", target]).fails(1, &["can't write folder"]);
        place
            .cot(&["hi.cot", "-o", "hi.cot", "--target", target])
            .fails(1, &["hi.cot", "replace the program's source"]);
    }
    place.cot(&["hi.cot", "-o", ""]).fails(1, &["-o"]);
    place.write("cot-out", "a file");
    place.cot(&["hi.cot"]).fails(1, &["can't write cot-out/hi"]);
    assert_eq!(place.bytes("hi.cot"), GREETING.as_bytes());
    assert_eq!(place.bytes("cot-out"), b"a file");
    assert_eq!(place.list("."), names(["cot-out", "folder", "hi.cot"]));
}

#[test]
fn wrong_words_are_refused_with_suggestions() {
    let place = Place::greeting();
    place.cot(&["biuld", "hi.cot"]).fails(1, &["biuld", "'build'"]);
    place.cot(&["hi.cot", "--relaese"]).fails(1, &["--relaese", "--release"]);
    place.cot(&["hi.cot", "--targe=wasm"]).fails(1, &["--target"]);
    place.cot(&["hi.cot", "--target"]).fails(1, &["--target"]);
    place.cot(&["hi.cot", "other.cot"]).fails(1, &["other.cot"]);
    place.cot(&["build", "hi.cot", "--emit=vapour"]).fails(1, &["vapour", "tokens, ast, ir, ssa, wat, wasm"]);
    place.cot(&[]).fails(1, &["Usage: cot"]);
    assert_eq!(place.list("."), names(["hi.cot"]));
}

#[test]
fn stages_are_printed_or_written() {
    let place = Place::greeting();
    for (stage, text) in
        [("tokens", "Identifier"), ("ast", "(fn main"), ("ir", "main"), ("ssa", "main"), ("wat", "(module")]
    {
        let outcome = place.cot(&["build", "hi.cot", "--emit", stage]).succeeds();
        assert!(outcome.stdout.contains(text) && outcome.stderr.is_empty(), "{stage}: {outcome:#?}");
        place.cot(&["hi.cot", "--emit", stage, "-o", stage]).succeeds_silently();
        assert_eq!(String::from_utf8_lossy(&place.bytes(stage)), outcome.stdout);
    }
    place.cot(&["hi.cot", "--emit=wasm", "--target=wasm32", "-o", "hi.wasm"]).succeeds_silently();
    assert!(place.bytes("hi.wasm").starts_with(b"\0asm"));
}

#[test]
fn help_and_version_are_no_errors() {
    let place = Place::empty();
    let general = place.cot(&["help"]).succeeds().stdout;
    assert_eq!(general, place.cot(&["--help"]).succeeds().stdout);
    for command in ["build", "run", "test", "check"] {
        assert!(general.contains(&format!("\n  {command} ")), "{general}");
        let help = place.cot(&["help", command]).succeeds().stdout;
        assert!(help.contains(&format!("Usage: cot {command} [OPTIONS]")) && help.contains("--target"), "{help}");
        assert_eq!(help, place.cot(&[command, "--help"]).succeeds().stdout);
    }
    let version = place.cot(&["version"]).succeeds().stdout;
    assert!(version.starts_with("cot ") && version.lines().count() == 1, "{version}");
    assert_eq!(version, place.cot(&["--version"]).succeeds().stdout);
    place.cot(&["help", "nosuch"]).fails(1, &["nosuch"]);
}

#[test]
fn cot_json_names_the_main_file() {
    let place = Place::with(&[
        (
            "cot.json",
            r#"{"name": "demo", "version": "1", "main": "src/app.cot", "colour": ["red"], "tasks": {"a": "b"}}"#,
        ),
        ("src/app.cot", "fn main() i64 { return 7 }\ntest \"t\" { @assert(true) }\n"),
    ]);
    place.cot(&["build"]).succeeds_silently();
    assert_eq!(place.list("cot-out"), names(["app"]));
    place.cot(&["run"]).fails(7, &[]);
    place.cot(&["test"]).fails(0, &["1 passed"]);
    place.cot(&["check"]).fails(0, &["Check src/app.cot"]);
    place.cot(&["build", "-o", "x", "--target=wasi"]).succeeds_silently();
}

#[test]
fn cot_json_is_read_strictly() {
    let place = Place::greeting();
    for (text, complaint) in [
        ("{\"main\": ", "cot.json is not JSON"),
        ("[]", "cot.json is not a JSON object"),
        ("{}", "cot.json has no \"main\""),
        ("{\"main\": 5}", "\"main\" is not a string"),
        ("{\"main\": \"no.cot\"}", "can't read no.cot"),
        ("{\"main\": \"hi.cot\", \"safe\": 1}", "\"safe\" is neither true nor false"),
        ("{\"main\": \"hi.cot\", \"libs\": \"m\"}", "\"libs\" is not a list of strings"),
        ("{\"main\": \"hi.cot\", \"c_sources\": [1]}", "\"c_sources\" is not a list of strings"),
        ("{\"main\": \"hi.cot\", \"c_sources\": [\"no.c\"]}", "no.c: can't read it"),
    ] {
        place.write("cot.json", text);
        place.cot(&["build"]).fails(1, &[complaint]);
    }
    assert_eq!(place.list("."), names(["cot.json", "hi.cot"]));
}

#[test]
fn safe_projects_are_found_upwards_from_the_file() {
    let program = "struct P { x: i64 }\nfn add(p: P) void { p.x += 1 }\nfn main() i64 {\n    var p = P { x: 4 }\n    add(p)\n    \
                   return p.x\n}\n";
    let place = Place::with(&[("a/b/p.cot", program), ("a/cot.json", r#"{"safe": true}"#)]);
    place.cot(&["run", "a/b/p.cot"]).fails(5, &[]);
    place.write("cot.json", r#"{"safe": false}"#);
    place.cot(&["run", "a/b/p.cot"]).fails(1, &["E200"]);
}

#[test]
fn c_sources_are_compiled_with_c_flags() {
    let place = Place::with(&[
        ("p.cot", "extern fn twice(n: i64) i64\nfn main() i64 { return twice(21) }\n"),
        ("twice.c", "long twice(long n) { return FACTOR * n; }\n"),
        ("cot.json", r#"{"main": "p.cot", "c_sources": ["twice.c"], "c_flags": ["-DFACTOR=2"]}"#),
    ]);
    if place.compile(&["--version"]) {
        place.cot(&["run"]).fails(42, &[]);
    }
}

#[test]
fn standard_library_can_be_replaced() {
    let place = Place::with(&[
        ("own/answer.cot", "fn answer() i64 { return 42 }\n"),
        ("p.cot", "import \"std/answer\"\nfn main() i64 { return answer() }\n"),
    ]);
    place.cot(&["run", "p.cot"]).fails(1, &["std/answer"]);
    let mut command = place.cot_command(&["run", "p.cot"]);
    outcome(command.env("COT_STDLIB", place.path("own"))).fails(42, &[]);
    std::fs::rename(place.path("own"), place.path("stdlib")).expect("it is there");
    place.cot(&["run", "p.cot"]).fails(42, &[]);
}

#[test]
fn init_makes_projects_that_work() {
    let place = Place::empty();
    place.cot(&["init", "demo"]).succeeds();
    assert_eq!(place.list("demo"), names([".gitignore", "cot.json", "src"]));
    let run = |folder: &str, args: &[&str]| outcome(place.cot_command(args).current_dir(place.path(folder)));
    assert_eq!(run("demo", &["run"]).succeeds().stdout, "Hello, world!\n");
    run("demo", &["test", "src/main_test.cot"]).fails(0, &["1 passed"]);
    std::fs::create_dir(place.path("lib")).expect("folders can be made");
    run("lib", &["init", "--lib"]).succeeds();
    assert_eq!(place.list("lib/src"), names(["lib.cot", "lib_test.cot"]));
    run("lib", &["check"]).succeeds();
    run("lib", &["test", "src/lib_test.cot"]).fails(0, &["1 passed"]);
    assert!(run("lib", &["info"]).succeeds().stdout.contains("lib 0.1.0"));
    // Nothing is overwritten.
    place.write("lib/src/lib.cot", "changed");
    run("lib", &["init", "--lib"]).fails(1, &["there already"]);
    assert_eq!(place.bytes("lib/src/lib.cot"), b"changed");
}

#[test]
fn tasks_are_shell_commands() {
    let place = Place::with(&[("cot.json", r#"{"tasks": {"hello": "echo hello | tr h j", "fail": "exit 9"}}"#)]);
    assert_eq!(place.cot(&["task", "hello"]).succeeds().stdout, "jello\n");
    place.cot(&["task", "fail"]).fails(9, &[]);
    place.cot(&["task", "nosuch"]).fails(1, &["nosuch", "hello"]);
    assert!(place.cot(&["task"]).succeeds().stdout.contains("fail: exit 9\n"));
    place.write("cot.json", r#"{"tasks": ["a"]}"#);
    place.cot(&["task", "a"]).fails(1, &["\"tasks\""]);
    Place::empty().cot(&["task", "a"]).fails(1, &["cot.json"]);
}

#[test]
fn benches_say_how_often_and_how_fast() {
    let place = Place::with(&[(
        "b.cot",
        "var n: i64 = 0\nbench \"one\" { n += 1 }\nbench \"two\" { n += 2 }\nfn main() i64 { return nothing }\n",
    )]);
    place.cot(&["bench", "b.cot"]).fails(1, &["nothing"]);
    let text = String::from_utf8(place.bytes("b.cot")).expect("UTF-8").replace("nothing", "0");
    place.write("b.cot", &text);
    for target in ["native", "wasi"] {
        let outcome = place.cot(&["bench", "b.cot", "--n=50", "--target", target]).succeeds();
        let words: Vec<_> = outcome.stderr.lines().map(|line| line.split(", ").next().unwrap_or_default()).collect();
        assert_eq!(words, ["bench \"one\" ... 50 iterations", "bench \"two\" ... 50 iterations"], "{outcome:#?}");
        assert!(outcome.stdout.is_empty() && outcome.stderr.ends_with(" ns/op\n"), "{outcome:#?}");
    }
    let timed = place.cot(&["bench", "b.cot", "--filter=two"]).succeeds().stderr;
    assert!(timed.starts_with("bench \"two\"") && timed.lines().count() == 1, "{timed}");
    place.cot(&["bench", "b.cot", "--filter=zebra"]).fails(0, &["zebra"]);
    place.cot(&["bench", "b.cot", "--n=0"]).fails(1, &["--n"]);
}

#[test]
fn fmt_rewrites_checks_or_prints() {
    let ugly = "fn main() i64 { let x=1;return x }\n";
    let pretty = "fn main() i64 {\n    var x = 1\n    return x\n}\n";
    let place = Place::with(&[("src/ugly.cot", ugly), ("src/deep/pretty.cot", pretty), ("src/no.txt", ugly)]);
    assert_eq!(place.cot(&["fmt", "src/ugly.cot", "--stdout"]).succeeds().stdout, pretty);
    let check = place.cot(&["fmt", "--check", "src"]).fails(1, &[]);
    assert_eq!((&check.stdout[..], &check.stderr[..]), ("src/ugly.cot\n", ""));
    assert_eq!(place.bytes("src/ugly.cot"), ugly.as_bytes());
    place.cot(&["fmt", "src"]).succeeds_silently();
    assert_eq!(place.bytes("src/ugly.cot"), pretty.as_bytes());
    assert_eq!(place.bytes("src/no.txt"), ugly.as_bytes());
    place.cot(&["fmt", "src", "--check"]).succeeds_silently();
    // What is faulty stays, and does not keep others from being formatted.
    place.write("src/bad.cot", "fn main( {\n");
    place.write("src/ugly.cot", ugly);
    place.cot(&["fmt", "src"]).fails(1, &["src/bad.cot:1:10: error[E203]"]);
    assert_eq!(place.bytes("src/bad.cot"), b"fn main( {\n");
    assert_eq!(place.bytes("src/ugly.cot"), pretty.as_bytes());
    place.cot(&["fmt", "nosuch.cot"]).fails(1, &["can't read nosuch.cot"]);
    place.cot(&["fmt"]).fails(1, &["<PATH>"]);
}

#[test]
fn lint_warns_by_number() {
    // Each line of this program that is to be warned of says so.
    let program = "const top = 3
fn f(a: i64, b: i64, _c: i64) i64 { // W002
    var unused = 1 // W001
    var written = 2 // W001
    written = 3
    const top = 4 // W003
    const length = 2
    var room: [length]i64 = .{}
    for i in 0..3 {
        var b = i // W003
        room[0] += b
    }
    if (b > 0) {} else { return top + room[0] } // W005
    while (true) {
        break
        println(\"never\") // W004
    }
    for i in 0..3 {
        // This comment says why.
    }
    return 1
    println(\"never\") // W004
}
trait Named { fn name(self: *Self, long: bool) string }
struct P { x: i64 }
impl Named for P { fn name(self: *P, long: bool) string { return \"p\" } }
fn main() i64 {
    const k = 4
    return (fn(z: i64) i64 { return k })(f(1, 2, 3))
}
";
    let place = Place::with(&[("l.cot", program), ("clean.cot", GREETING), ("bad.cot", FAULTY)]);
    let outcome = place.cot(&["lint", "l.cot"]).fails(1, &["unused variable 'unused'"]);
    let warned: Vec<_> = outcome.stderr.lines().filter(|line| line.contains("warning[")).collect();
    let wanted = program.lines().enumerate().filter_map(|(at, line)| Some((at + 1, line.split_once("// W")?.1)));
    let wanted: Vec<_> = wanted.collect();
    assert_eq!(warned.len(), wanted.len(), "{warned:#?}");
    for (line, (number, code)) in warned.iter().zip(wanted) {
        assert!(line.starts_with(&format!("l.cot:{number}:")) && line.contains(&format!("warning[W{code}]")), "{line}");
    }
    place.cot(&["lint", "clean.cot"]).succeeds_silently();
    place.cot(&["lint", "bad.cot"]).fails(1, &["error[E301]"]);
}
