//! The command line of `cot`: what its users type, what they read, and which files are there
//! afterwards (section 25 of the language reference).

use anyhow::Result;
use libtest_mimic::Trial;
use std::collections::BTreeSet;
use test_kit::folder::Folder;
use test_kit::process::outcome;
use test_kit::tool;
use test_kit::trials;

pub fn trials() -> Vec<Trial> {
    trials!["cot":
        a_file_alone_is_built_as_by_build,
        output_is_named_exactly_and_nothing_else_is_kept,
        files_need_no_ending,
        targets_have_aliases_and_two_spellings,
        objects_are_made_for_every_target,
        programs_for_other_machines_are_refused_with_a_way_out,
        run_passes_arguments_and_the_exit_status,
        status_is_the_programs_modulo_256,
        test_has_flags_and_counts_failures,
        check_names_the_file_and_makes_nothing,
        errors_leave_no_output_and_no_trace,
        inputs_that_can_not_be_read_are_named,
        outputs_that_can_not_be_written_are_named,
        wrong_words_are_refused_with_suggestions,
        stages_are_printed_or_written,
        help_and_version_are_no_errors,
        cot_json_names_the_main_file,
        cot_json_is_read_strictly,
        safe_projects_are_found_upwards_from_the_file,
        c_sources_are_compiled_with_c_flags,
        standard_library_can_be_replaced,
        init_makes_projects_that_work,
        tasks_are_shell_commands,
        benches_say_how_often_and_how_fast,
        fmt_rewrites_checks_or_prints,
        lint_warns_by_number,
    ]
}

/// Greets, and ends with 3.
const GREETING: &str = "fn main() i64 {\n    println(\"hi\")\n    return 3\n}\n";
const FAULTY: &str = "fn main() i64 { return missing }\n";

fn greeting() -> Folder {
    Folder::with(&[("hi.cot", GREETING)])
}

fn names<const N: usize>(all: [&str; N]) -> BTreeSet<String> {
    all.into_iter().map(str::to_owned).collect()
}

fn a_file_alone_is_built_as_by_build() {
    let folder = greeting();
    for args in [&["hi.cot"][..], &["./hi.cot"], &["build", "hi.cot"], &["--release", "hi.cot"]] {
        folder.cot(args).succeeds_silently();
        assert_eq!(folder.list("cot-out"), names(["hi"]), "{args:?}");
        assert_eq!(folder.program("cot-out/hi", &[]).fails(3, &[]).stdout, "hi\n");
        std::fs::remove_dir_all(folder.path("cot-out")).expect("it is there");
    }
    assert_eq!(folder.list("."), names(["hi.cot"]));
}

fn output_is_named_exactly_and_nothing_else_is_kept() {
    let folder = greeting();
    for args in [&["hi.cot", "-o", "a"][..], &["build", "hi.cot", "-ob.exe"], &["-o", "c.wasm", "build.cot"]] {
        folder.write("build.cot", GREETING);
        folder.cot(args).succeeds_silently();
    }
    assert_eq!(folder.list("."), names(["a", "b.exe", "build.cot", "c.wasm", "hi.cot"]));
    for program in ["a", "b.exe", "c.wasm"] {
        folder.program(program, &[]).fails(3, &[]);
    }
}

fn files_need_no_ending() {
    let folder = Folder::with(&[("program", GREETING), ("test", GREETING)]);
    folder.cot(&["program"]).succeeds_silently();
    folder.cot(&["build", "test"]).succeeds_silently();
    assert_eq!(folder.list("cot-out"), names(["program", "test"]));
}

fn targets_have_aliases_and_two_spellings() {
    let folder = greeting();
    let mut modules = Vec::new();
    for (target, output) in
        [("wasm32", "hi.wasm"), ("wasm", "hi.wasm"), ("wasm32-wasi", "hi.wasm"), ("wasi", "hi.wasm"), ("native", "hi")]
    {
        folder.cot(&["build", "hi.cot", "--target", target]).succeeds_silently();
        let bytes = folder.read(&format!("cot-out/{output}"));
        assert_eq!(folder.list("cot-out"), names([output]), "{target}");
        std::fs::remove_dir_all(folder.path("cot-out")).expect("it is there");
        folder.cot(&["hi.cot", &format!("--target={target}"), "-o", "same"]).succeeds_silently();
        assert!(folder.read("same") == bytes, "{target}");
        modules.push(bytes);
    }
    assert!(modules[0] == modules[1] && modules[2] == modules[3] && modules[0] != modules[2]);
    assert!(modules[..4].iter().all(|module| module.starts_with(b"\0asm")));
    assert!(modules[4].starts_with(b"\x7fELF"));
}

fn objects_are_made_for_every_target() {
    let folder = greeting();
    let machine = |bytes: &[u8]| u16::from_le_bytes([bytes[18], bytes[19]]);
    for (target, elf_machine) in [("amd64-linux", 62), ("x86_64-linux", 62), ("arm64-linux", 183)] {
        folder.cot(&["hi.cot", "-o", "x.o", "--target", target]).succeeds_silently();
        let object = folder.read("x.o");
        assert_eq!((&object[..4], machine(&object)), (&b"\x7fELF"[..], elf_machine), "{target}");
    }
    for (target, cpu) in [("arm64-macos", 0x0100_000C_u32), ("amd64-macos", 0x0100_0007)] {
        folder.cot(&["hi.cot", "-o", "x.o", "--target", target]).succeeds_silently();
        assert_eq!(folder.read("x.o")[..8], [0xFEED_FACF, cpu].map(u32::to_le_bytes).concat(), "{target}");
    }
    assert_eq!(folder.list("."), names(["hi.cot", "x.o"]));
}

fn programs_for_other_machines_are_refused_with_a_way_out() {
    let folder = greeting();
    for target in ["arm64-macos", "amd64-macos", "arm64-linux"] {
        if cfg!(target_arch = "aarch64") && target == "arm64-linux" {
            continue;
        }
        // Programs for arm64 Linux are made where the compiler has a runtime: see `target.rs`.
        if target != "arm64-linux" {
            folder.cot(&["hi.cot", "--target", target]).fails(1, &[target, "-o NAME.o"]);
        }
        folder.cot(&["run", "hi.cot", "--target", target]).fails(1, &["can't run"]);
        folder.cot(&["check", "hi.cot", "--target", target]).succeeds();
    }
    assert_eq!(folder.list("."), names(["hi.cot"]));
    folder.cot(&["run", "hi.cot", "--target", "wasm32"]).fails(1, &["no host", "wasm32-wasi"]);
    folder
        .cot(&["build", "hi.cot", "--target=toaster"])
        .fails(1, &["`toaster`", "native, wasm32, wasm32-wasi, amd64-linux"]);
}

fn run_passes_arguments_and_the_exit_status() {
    let folder = Folder::with(&[(
        "args.cot",
        "import \"std/os\"\nfn main() i64 {\n    for i in 1..argsCount() { println(arg(i)) }\n    eprintln(\"end\")\n    \
         return argsCount() - 1\n}\n",
    )]);
    for target in ["native", "wasi"] {
        let outcome = folder.cot(&["run", "args.cot", "--target", target, "--", "-x", "--help", "", "a b"]);
        assert_eq!((outcome.status, &outcome.stdout[..], &outcome.stderr[..]), (4, "-x\n--help\n\na b\n", "end\n"));
    }
    folder.cot(&["run", "args.cot", "a"]).fails(2, &["'a'", "[-- <ARGS>...]"]);
    assert_eq!(folder.list("."), names(["args.cot"]));
}

fn status_is_the_programs_modulo_256() {
    let folder = Folder::empty();
    for (value, status) in [("0", 0), ("255", 255), ("256", 0), ("-1", 255), ("1000", 232)] {
        folder.write("s.cot", format!("fn main() i64 {{ return {value} }}\n"));
        assert_eq!(folder.cot(&["run", "s.cot"]).status, status, "{value}");
    }
    folder.write("s.cot", "fn main() void { @panic(\"no\") }\n");
    folder.cot(&["run", "s.cot"]).fails(2, &["s.cot:1: panic: no"]);
}

fn test_has_flags_and_counts_failures() {
    let folder = Folder::with(&[
        ("lib.cot", "test \"of the import\" { @assert(true) }\n"),
        (
            "t.cot",
            "import \"lib\"\ntest \"adds\" { @assertEq(1 + 1, 2) }\ntest \"fails\" { @assertEq(1, 2) }\n\
             test \"fails too\" { @assert(false) }\nfn main() i64 { return nosuch() }\n",
        ),
    ]);
    // `main` is not looked at… but for its names.
    folder.cot(&["test", "t.cot"]).fails(1, &["undefined", "nosuch"]);
    let text = String::from_utf8(folder.read("t.cot")).expect("UTF-8").replace("nosuch()", "0");
    folder.write("t.cot", &text);
    let all =
        folder.cot(&["test", "t.cot"]).fails(2, &["of the import", "\"adds\" ... ok", "FAILED | 2 passed | 2 failed"]);
    assert!(all.stdout.is_empty() && !all.stderr.contains('\x1b'), "{all:#?}");
    let filtered = folder.cot(&["test", "t.cot", "--filter=add"]).succeeds().stderr;
    assert!(filtered.contains("ok | 1 passed") && !filtered.contains("fails"), "{filtered}");
    folder.cot(&["test", "t.cot", "--filter", "zebra"]).fails(0, &["zebra"]);
    for flag in ["-x", "--fail-fast"] {
        folder.cot(&["test", "t.cot", flag]).fails(1, &["FAILED | 2 passed | 1 failed"]);
    }
    for flag in ["-v", "--verbose"] {
        folder.cot(&["test", "t.cot", flag, "--filter=add", "--release"]).fails(0, &["Test t.cot"]);
    }
    folder.cot(&["test", "t.cot", "--target=wasi", "--filter=add"]).fails(0, &["1 passed"]);
    assert_eq!(folder.list("."), names(["lib.cot", "t.cot"]));
}

fn check_names_the_file_and_makes_nothing() {
    let folder = Folder::with(&[("hi.cot", GREETING), ("bad.cot", FAULTY), ("lib.cot", "fn f() i64 { return 1 }\n")]);
    for file in ["hi.cot", "lib.cot"] {
        let outcome = folder.cot(&["check", file]).succeeds();
        assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), ("", &*format!("Check {file}\n")));
    }
    folder.cot(&["check", "bad.cot"]).fails(1, &["Check bad.cot\n", "bad.cot:1:24: error[E301]"]);
    assert_eq!(folder.list("."), names(["bad.cot", "hi.cot", "lib.cot"]));
}

fn errors_leave_no_output_and_no_trace() {
    let folder = Folder::with(&[("bad.cot", FAULTY), ("old", "old"), ("lib.cot", "fn f() i64 { return 1 }\n")]);
    let before = folder.list(".");
    for command in ["build", "run", "test", "check"] {
        let outcome = folder.cot(&[command, "bad.cot"]).fails(1, &["bad.cot:1:24: error[E301]", "missing"]);
        assert!(outcome.stdout.is_empty(), "{outcome:#?}");
    }
    folder.cot(&["bad.cot", "-o", "old"]).fails(1, &["E301"]);
    folder.cot(&["lib.cot", "-o", "old"]).fails(1, &["lib.cot", "'main'"]);
    folder.cot(&["lib.cot"]).fails(1, &["'main'"]);
    folder.write("undefined.cot", "extern fn nosuch() i64\nfn main() i64 { return nosuch() }\n");
    let undefined = folder.cot(&["undefined.cot"]).fails(1, &["nosuch", "c_sources"]);
    assert!(!undefined.stderr.contains("--"), "it names flags of another command: {undefined:#?}");
    std::fs::remove_file(folder.path("undefined.cot")).expect("it is there");
    assert_eq!(folder.list("."), before);
    assert_eq!(folder.read("old"), b"old");
    // What is exported needs no `main` where something else runs it.
    folder.write("lib.cot", "export fn f() i64 { return 1 }\n");
    folder.cot(&["lib.cot", "--target=wasm32", "-o", "lib.wasm"]).succeeds_silently();
    folder.cot(&["lib.cot", "-o", "lib.o"]).succeeds_silently();
    folder.cot(&["lib.cot", "-o", "old"]).fails(1, &["lib.cot", "'main'"]);
}

fn inputs_that_can_not_be_read_are_named() {
    let folder = greeting();
    std::fs::create_dir(folder.path("folder.cot")).expect("folders can be made");
    for command in ["build", "run", "test", "check"] {
        folder.cot(&[command, "nosuch.cot"]).fails(1, &["error: can't read nosuch.cot: No such file"]);
        folder.cot(&[command, "folder.cot"]).fails(1, &["error: can't read folder.cot: Is a directory"]);
        folder.cot(&[command]).fails(1, &["no file", "cot.json"]);
    }
    folder.cot(&["nosuch.cot"]).fails(1, &["can't read nosuch.cot"]);
    folder.cot(&["nosuch"]).fails(2, &["nosuch"]);
    assert_eq!(folder.list("."), names(["folder.cot", "hi.cot"]));
}

fn outputs_that_can_not_be_written_are_named() {
    let folder = greeting();
    std::fs::create_dir(folder.path("folder")).expect("folders can be made");
    for target in ["native", "wasm32"] {
        folder.cot(&["hi.cot", "-o", "no/hi", "--target", target]).fails(1, &["can't write no/hi", "no folder no"]);
        folder.cot(&["hi.cot", "-o", "folder", "--target", target]).fails(1, &["can't write folder"]);
        folder
            .cot(&["hi.cot", "-o", "hi.cot", "--target", target])
            .fails(1, &["hi.cot", "replace the program's source"]);
    }
    folder.cot(&["hi.cot", "-o", ""]).fails(2, &["-o"]);
    folder.write("cot-out", "a file");
    folder.cot(&["hi.cot"]).fails(1, &["can't write cot-out/hi"]);
    assert_eq!(folder.read("hi.cot"), GREETING.as_bytes());
    assert_eq!(folder.read("cot-out"), b"a file");
    assert_eq!(folder.list("."), names(["cot-out", "folder", "hi.cot"]));
}

fn wrong_words_are_refused_with_suggestions() {
    let folder = greeting();
    folder.cot(&["biuld", "hi.cot"]).fails(2, &["biuld", "'build'"]);
    folder.cot(&["hi.cot", "--relaese"]).fails(2, &["--relaese", "--release"]);
    folder.cot(&["hi.cot", "--targe=wasm"]).fails(2, &["--target"]);
    folder.cot(&["hi.cot", "--target"]).fails(2, &["--target"]);
    folder.cot(&["hi.cot", "other.cot"]).fails(2, &["other.cot"]);
    folder.cot(&["build", "hi.cot", "--emit=vapour"]).fails(2, &["vapour", "tokens, ast, ir, ssa, wat, wasm"]);
    folder.cot(&[]).fails(2, &["Usage: cot"]);
    assert_eq!(folder.list("."), names(["hi.cot"]));
}

fn stages_are_printed_or_written() {
    let folder = greeting();
    for (stage, text) in
        [("tokens", "Identifier"), ("ast", "(fn main"), ("ir", "main"), ("ssa", "main"), ("wat", "(module")]
    {
        let outcome = folder.cot(&["build", "hi.cot", "--emit", stage]).succeeds();
        assert!(outcome.stdout.contains(text) && outcome.stderr.is_empty(), "{stage}: {outcome:#?}");
        folder.cot(&["hi.cot", "--emit", stage, "-o", stage]).succeeds_silently();
        assert_eq!(folder.read(stage), outcome.stdout.as_bytes());
    }
    folder.cot(&["hi.cot", "--emit=wasm", "--target=wasm32", "-o", "hi.wasm"]).succeeds_silently();
    assert!(folder.read("hi.wasm").starts_with(b"\0asm"));
}

fn help_and_version_are_no_errors() {
    let folder = Folder::empty();
    let general = folder.cot(&["help"]).succeeds().stdout;
    assert_eq!(general, folder.cot(&["--help"]).succeeds().stdout);
    for command in ["build", "run", "test", "check"] {
        assert!(general.contains(&format!("\n  {command} ")), "{general}");
        let help = folder.cot(&["help", command]).succeeds().stdout;
        assert!(help.contains(&format!("Usage: cot {command} [OPTIONS]")) && help.contains("--target"), "{help}");
        assert_eq!(help, folder.cot(&[command, "--help"]).succeeds().stdout);
    }
    let version = folder.cot(&["version"]).succeeds().stdout;
    assert!(version.starts_with("cot ") && version.lines().count() == 1, "{version}");
    assert_eq!(version, folder.cot(&["--version"]).succeeds().stdout);
    folder.cot(&["help", "nosuch"]).fails(2, &["nosuch"]);
}

fn cot_json_names_the_main_file() {
    let folder = Folder::with(&[
        (
            "cot.json",
            r#"{"name": "demo", "version": "1", "main": "src/app.cot", "colour": ["red"], "tasks": {"a": "b"}}"#,
        ),
        ("src/app.cot", "fn main() i64 { return 7 }\ntest \"t\" { @assert(true) }\n"),
    ]);
    folder.cot(&["build"]).succeeds_silently();
    assert_eq!(folder.list("cot-out"), names(["app"]));
    folder.cot(&["run"]).fails(7, &[]);
    folder.cot(&["test"]).fails(0, &["1 passed"]);
    folder.cot(&["check"]).fails(0, &["Check src/app.cot"]);
    folder.cot(&["build", "-o", "x", "--target=wasi"]).succeeds_silently();
}

fn cot_json_is_read_strictly() {
    let folder = greeting();
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
        folder.write("cot.json", text);
        folder.cot(&["build"]).fails(1, &[complaint]);
    }
    assert_eq!(folder.list("."), names(["cot.json", "hi.cot"]));
}

fn safe_projects_are_found_upwards_from_the_file() {
    let program = "struct P { x: i64 }\nfn add(p: P) void { p.x += 1 }\nfn main() i64 {\n    var p = P { x: 4 }\n    add(p)\n    \
                   return p.x\n}\n";
    let folder = Folder::with(&[("a/b/p.cot", program), ("a/cot.json", r#"{"safe": true}"#)]);
    folder.cot(&["run", "a/b/p.cot"]).fails(5, &[]);
    folder.write("cot.json", r#"{"safe": false}"#);
    folder.cot(&["run", "a/b/p.cot"]).fails(1, &["E200"]);
}

fn c_sources_are_compiled_with_c_flags() -> Result<()> {
    let folder = Folder::with(&[
        ("p.cot", "extern fn twice(n: i64) i64\nfn main() i64 { return twice(21) }\n"),
        ("twice.c", "long twice(long n) { return FACTOR * n; }\n"),
        ("cot.json", r#"{"main": "p.cot", "c_sources": ["twice.c"], "c_flags": ["-DFACTOR=2"]}"#),
    ]);
    tool::require("cc")?;
    folder.cot(&["run"]).fails(42, &[]);
    Ok(())
}

fn standard_library_can_be_replaced() {
    let folder = Folder::with(&[
        ("own/answer.cot", "fn answer() i64 { return 42 }\n"),
        ("p.cot", "import \"std/answer\"\nfn main() i64 { return answer() }\n"),
    ]);
    folder.cot(&["run", "p.cot"]).fails(1, &["std/answer"]);
    let mut command = folder.cot_command(&["run", "p.cot"]);
    outcome(command.env("COT_STDLIB", folder.path("own"))).fails(42, &[]);
    std::fs::rename(folder.path("own"), folder.path("stdlib")).expect("it is there");
    folder.cot(&["run", "p.cot"]).fails(42, &[]);
}

fn init_makes_projects_that_work() {
    let folder = Folder::empty();
    folder.cot(&["init", "demo"]).succeeds();
    assert_eq!(folder.list("demo"), names([".gitignore", "cot.json", "src"]));
    let run = |name: &str, args: &[&str]| outcome(folder.cot_command(args).current_dir(folder.path(name)));
    assert_eq!(run("demo", &["run"]).succeeds().stdout, "Hello, world!\n");
    run("demo", &["test", "src/main_test.cot"]).fails(0, &["1 passed"]);
    std::fs::create_dir(folder.path("lib")).expect("folders can be made");
    run("lib", &["init", "--lib"]).succeeds();
    assert_eq!(folder.list("lib/src"), names(["lib.cot", "lib_test.cot"]));
    run("lib", &["check"]).succeeds();
    run("lib", &["test", "src/lib_test.cot"]).fails(0, &["1 passed"]);
    assert!(run("lib", &["info"]).succeeds().stdout.contains("lib 0.1.0"));
    // Nothing is overwritten.
    folder.write("lib/src/lib.cot", "changed");
    run("lib", &["init", "--lib"]).fails(1, &["there already"]);
    assert_eq!(folder.read("lib/src/lib.cot"), b"changed");
}

fn tasks_are_shell_commands() {
    let folder = Folder::with(&[("cot.json", r#"{"tasks": {"hello": "echo hello | tr h j", "fail": "exit 9"}}"#)]);
    assert_eq!(folder.cot(&["task", "hello"]).succeeds().stdout, "jello\n");
    folder.cot(&["task", "fail"]).fails(9, &[]);
    folder.cot(&["task", "nosuch"]).fails(1, &["nosuch", "hello"]);
    assert!(folder.cot(&["task"]).succeeds().stdout.contains("fail: exit 9\n"));
    folder.write("cot.json", r#"{"tasks": ["a"]}"#);
    folder.cot(&["task", "a"]).fails(1, &["\"tasks\""]);
    Folder::empty().cot(&["task", "a"]).fails(1, &["cot.json"]);
}

fn benches_say_how_often_and_how_fast() {
    let folder = Folder::with(&[(
        "b.cot",
        "var n: i64 = 0\nbench \"one\" { n += 1 }\nbench \"two\" { n += 2 }\nfn main() i64 { return nothing }\n",
    )]);
    folder.cot(&["bench", "b.cot"]).fails(1, &["nothing"]);
    let text = String::from_utf8(folder.read("b.cot")).expect("UTF-8").replace("nothing", "0");
    folder.write("b.cot", &text);
    for target in ["native", "wasi"] {
        let outcome = folder.cot(&["bench", "b.cot", "--n=50", "--target", target]).succeeds();
        let words: Vec<_> = outcome.stderr.lines().map(|line| line.split(", ").next().unwrap_or_default()).collect();
        assert_eq!(words, ["bench \"one\" ... 50 iterations", "bench \"two\" ... 50 iterations"], "{outcome:#?}");
        assert!(outcome.stdout.is_empty() && outcome.stderr.ends_with(" ns/op\n"), "{outcome:#?}");
    }
    let timed = folder.cot(&["bench", "b.cot", "--filter=two"]).succeeds().stderr;
    assert!(timed.starts_with("bench \"two\"") && timed.lines().count() == 1, "{timed}");
    folder.cot(&["bench", "b.cot", "--filter=zebra"]).fails(0, &["zebra"]);
    folder.cot(&["bench", "b.cot", "--n=0"]).fails(2, &["--n"]);
}

fn fmt_rewrites_checks_or_prints() {
    let ugly = "fn main() i64 { let x=1;return x }\n";
    let pretty = "fn main() i64 {\n    var x = 1\n    return x\n}\n";
    let folder = Folder::with(&[("src/ugly.cot", ugly), ("src/deep/pretty.cot", pretty), ("src/no.txt", ugly)]);
    assert_eq!(folder.cot(&["fmt", "src/ugly.cot", "--stdout"]).succeeds().stdout, pretty);
    let check = folder.cot(&["fmt", "--check", "src"]).fails(1, &[]);
    assert_eq!((&check.stdout[..], &check.stderr[..]), ("src/ugly.cot\n", ""));
    assert_eq!(folder.read("src/ugly.cot"), ugly.as_bytes());
    folder.cot(&["fmt", "src"]).succeeds_silently();
    assert_eq!(folder.read("src/ugly.cot"), pretty.as_bytes());
    assert_eq!(folder.read("src/no.txt"), ugly.as_bytes());
    folder.cot(&["fmt", "src", "--check"]).succeeds_silently();
    // What is faulty stays, and does not keep others from being formatted.
    folder.write("src/bad.cot", "fn main( {\n");
    folder.write("src/ugly.cot", ugly);
    folder.cot(&["fmt", "src"]).fails(1, &["src/bad.cot:1:10: error[E203]"]);
    assert_eq!(folder.read("src/bad.cot"), b"fn main( {\n");
    assert_eq!(folder.read("src/ugly.cot"), pretty.as_bytes());
    folder.cot(&["fmt", "nosuch.cot"]).fails(1, &["can't read nosuch.cot"]);
    folder.cot(&["fmt"]).fails(2, &["<PATH>"]);
}

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
    let folder = Folder::with(&[("l.cot", program), ("clean.cot", GREETING), ("bad.cot", FAULTY)]);
    let outcome = folder.cot(&["lint", "l.cot"]).fails(1, &["unused variable 'unused'"]);
    let warned: Vec<_> = outcome.stderr.lines().filter(|line| line.contains("warning[")).collect();
    let wanted = program.lines().enumerate().filter_map(|(at, line)| Some((at + 1, line.split_once("// W")?.1)));
    let wanted: Vec<_> = wanted.collect();
    assert_eq!(warned.len(), wanted.len(), "{warned:#?}");
    for (line, (number, code)) in warned.iter().zip(wanted) {
        assert!(line.starts_with(&format!("l.cot:{number}:")) && line.contains(&format!("warning[W{code}]")), "{line}");
    }
    folder.cot(&["lint", "clean.cot"]).succeeds_silently();
    folder.cot(&["lint", "bad.cot"]).fails(1, &["error[E301]"]);
}
