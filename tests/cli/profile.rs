//! `--profile-generate` and `--profile-use`: what is counted, how runs add up, which profiles are
//! refused, and what is made of one.

use crate::{ANSWER, ARGS};
use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use test_kit::folder::Folder;
use test_kit::process::{Outcome, outcome, program};
use test_kit::{tool, trials};

pub fn trials() -> Vec<Trial> {
    trials!["profile":
        every_point_is_counted,
        tables_and_handlers_are_counted,
        levels_generators_and_forms_count_the_same,
        threads_count_together,
        runs_add_up,
        runs_at_once_add_up,
        however_a_program_ends,
        modules_of_a_program_are_told_apart,
        a_host_writes_when_it_exits,
        the_user_chooses_the_file,
        what_cannot_be_written_is_one_line,
        changed_functions_are_left_out,
        a_function_keeps_its_counts_at_another_index,
        several_profiles_are_added,
        damaged_profiles_are_refused,
        cold_blocks_and_functions_are_laid_aside,
        without_cold_blocks_code_is_the_same,
        llvm_gets_weights,
        the_same_profile_gives_the_same_bytes,
        the_cache_of_functions_knows_profiles,
        the_cache_of_run_knows_profiles,
        other_systems_and_scripts_are_refused,
    ]
}

/// `$main` has a loop of 1000 rounds, of which one calls `$add`.
const LOOP: &str = r#"(module
  (func $add (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func $never (param i32) (result i32) (i32.mul (local.get 0) (i32.const 3)))
  (func $main (export "main") (result i32) (local $i i32) (local $sum i32)
    (loop $next
      (if (i32.eq (local.get $i) (i32.const 7))
        (then (local.set $sum (call $add (local.get $sum) (i32.const 42)))))
      (if (i32.gt_u (local.get $i) (i32.const 5000))
        (then (local.set $sum (call $never (local.get $sum)))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $i) (i32.const 1000))))
    (local.get $sum)))"#;

/// The counts of [`LOOP`], without hashes: entry and end; of `$main` also the loop, both ways of
/// each `if` and its end, the branch taken and not, the end of the loop.
const COUNTS: &str = "- 0 add 1 0\n- 1 never 0 0\n- 2 main 1 1000 1 999 1000 0 1000 1000 999 1 0 0\n";

/// A profile without hashes, which must be one.
#[track_caller]
fn counts(folder: &Folder, file: &str) -> String {
    let text = String::from_utf8(folder.read(file)).expect("a profile is text");
    let lines = text.strip_prefix("wasm2native profile 1\n").expect("the header");
    let (lines, end) = lines.split_at(lines.rfind("end ").expect("the end"));
    assert_eq!(end, format!("end {}\n", lines.lines().count()));
    let line = |line: &str| {
        let words: Vec<_> = line.split(' ').collect();
        let ["function", module, index, name, hash, counts @ ..] = &words[..] else { panic!("{line}") };
        assert_eq!(hash.len(), 16, "{line}");
        format!("{module} {index} {name} {}\n", counts.join(" "))
    };
    lines.lines().map(line).collect()
}

/// The program and its profile are there.
fn profiled(text: &str) -> Folder {
    let folder = Folder::with(&[("a.wat", text)]);
    folder.builds(&["a.wat", "--profile-generate", "-o", "a"]);
    folder.program("a", &[]);
    folder
}

fn every_point_is_counted() {
    let folder = Folder::with(&[("a.wat", LOOP)]);
    folder.builds(&["a.wat", "--profile-generate", "-o", "a"]);
    let out = folder.program("a", &[]);
    assert!(out.status == 42 && out.stderr.is_empty(), "{out:#?}");
    assert_eq!(counts(&folder, "a.profile"), COUNTS);
}

fn tables_and_handlers_are_counted() {
    let folder = profiled(
        r#"(module (tag $e)
          (func $which (param i32) (result i32)
            (block (block (block (br_table 0 1 1 2 (local.get 0))) (return (i32.const 10))) (return (i32.const 20)))
            (i32.const 30))
          (func $throw (throw $e))
          (func (export "main") (result i32)
            (drop (call $which (i32.const 0))) (drop (call $which (i32.const 1))) (drop (call $which (i32.const 2)))
            (drop (call $which (i32.const 9)))
            (block $caught (try_table (catch $e $caught) (call $throw) (return (i32.const 1))))
            (i32.const 0)))"#,
    );
    // The ways of the table, then the ends: of each block, and of the function.
    let expected = "- 0 which 4 1 2 1 1 2 1 0\n- 1 throw 1 0\n- 2 main 1 1 0 1 0\n";
    assert_eq!(counts(&folder, "a.profile"), expected);
}

fn levels_generators_and_forms_count_the_same() -> Result<()> {
    let folder = Folder::with(&[("a.wat", LOOP)]);
    let mut manners = vec![vec!["-O0"], vec!["-Os"], vec!["--memory-base", "any"], vec!["--spectre-masks", "-j1"]];
    if tool::require("clang-19").is_ok() {
        manners.extend([vec!["--generator", "llvm"], vec!["--generator", "llvm", "-O0"]]);
    }
    folder.builds(&["a.wat", "--profile-generate", "-o", "a"]);
    folder.program("a", &[]);
    let usual = folder.read("a.profile");
    for manner in manners {
        folder.builds(&[&["a.wat", "--profile-generate=b.profile", "-o", "b"], &manner[..]].concat());
        assert_eq!(folder.program("b", &[]).status, 42);
        assert_eq!(folder.read("b.profile"), usual, "{manner:?}");
        std::fs::remove_file(folder.path("b.profile"))?;
    }
    Ok(())
}

/// Two threads, which enter a loop of 100,000 rounds each.
fn threads_count_together() {
    let folder = profiled(
        r#"(module
          (import "env" "memory" (memory 1 1 shared))
          (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
          (func $work (local $i i32)
            (loop $next
              (local.set $i (i32.add (local.get $i) (i32.const 1)))
              (br_if $next (i32.lt_u (local.get $i) (i32.const 100000)))))
          (func (export "wasi_thread_start") (param i32 i32)
            (call $work)
            (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))
            (drop (memory.atomic.notify (i32.const 0) (i32.const 1))))
          (func (export "_start")
            (drop (call $spawn (i32.const 0))) (drop (call $spawn (i32.const 0)))
            (call $work)
            (loop $wait
              (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const 1000000)))
              (br_if $wait (i32.ne (i32.atomic.load (i32.const 0)) (i32.const 2))))))"#,
    );
    let text = counts(&folder, "a.profile");
    assert!(text.contains("- 1 work 3 300000 299997 3 "), "{text}");
}

fn runs_add_up() {
    let folder = profiled(LOOP);
    folder.program("a", &[]);
    let doubled = "- 0 add 2 0\n- 1 never 0 0\n- 2 main 2 2000 2 1998 2000 0 2000 2000 1998 2 0 0\n";
    assert_eq!(counts(&folder, "a.profile"), doubled);
    // Sums stay at the largest number.
    let text = String::from_utf8(folder.read("a.profile")).expect("text");
    folder.write("a.profile", text.replace(" 2000 2 1998", &format!(" {} 2 1998", u64::MAX - 5)));
    folder.program("a", &[]);
    assert!(counts(&folder, "a.profile").contains(&format!("- 2 main 3 {} 3 2997 ", u64::MAX)));
    assert_eq!(folder.list(".").into_iter().filter(|name| name.contains("profile")).count(), 1);
}

fn runs_at_once_add_up() -> Result<()> {
    let folder = Folder::with(&[("a.wat", LOOP)]);
    folder.builds(&["a.wat", "--profile-generate", "-o", "a"]);
    let spawn = |_| program(folder.path("a")).current_dir(folder.path(".")).spawn();
    let children = (0..24).map(spawn).collect::<std::io::Result<Vec<_>>>()?;
    for mut child in children {
        assert_eq!(child.wait()?.code(), Some(42));
    }
    let expected = "- 0 add 24 0\n- 1 never 0 0\n- 2 main 24 24000 24 23976 24000 0 24000 24000 23976 24 0 0\n";
    assert_eq!(counts(&folder, "a.profile"), expected);
    Ok(())
}

fn however_a_program_ends() {
    let body = |body: &str| {
        format!(
            r#"(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32))) (memory (export "memory") 1)
              (tag $e) (func $deep (call $deep) (call $deep))
              (func (export "_start") (drop (i32.load (i32.const 8))) {body}))"#
        )
    };
    let ends = [
        ("", 0, "end"),
        ("(call $exit (i32.const 7))", 7, ""),
        ("(unreachable)", 134, "wasm trap: unreachable"),
        ("(drop (i32.load (i32.const 65533)))", 134, "out of bounds memory access"),
        ("(drop (i32.div_s (i32.const 1) (i32.load (i32.const 0))))", 134, "divide by zero"),
        ("(throw $e)", 134, "uncaught exception"),
        ("(call $deep)", 134, "call stack exhausted"),
    ];
    let mut manners = vec![&[][..]];
    if tool::require("clang-19").is_ok() {
        manners.push(&["--generator", "llvm"]);
    }
    for manner in manners {
        for (end, status, message) in ends {
            let folder = Folder::with(&[("a.wat", &body(end))]);
            folder.builds(&[&["a.wat", "--profile-generate", "-o", "a"], manner].concat());
            let out = folder.program("a", &[]);
            assert!(out.status == status && (message == "end" || out.stderr.contains(message)), "{end}: {out:#?}");
            let text = counts(&folder, "a.profile");
            let main = text.lines().last().expect("a line");
            assert!(main.starts_with("- 2 _start 1 ") || main.starts_with("- 1 _start 1 "), "{end}: {text}");
        }
    }
}

fn modules_of_a_program_are_told_apart() {
    let folder = Folder::with(&[
        (
            "main.wat",
            r#"(module (import "my lib" "f" (func $f (result i32))) (func (export "main") (result i32)
            (drop (call $f)) (call $f)))"#,
        ),
        ("lib.wat", r#"(module (func $"odd % name" (export "f") (result i32) (i32.const 5)))"#),
    ]);
    folder.builds(&["main.wat", "--module", "my lib=lib.wat", "--profile-generate", "-o", "a"]);
    assert_eq!(folder.program("a", &[]).status, 5);
    let expected = "- 1 main 1 0\nmy%20lib 0 odd%20%25%20name 2 0\n";
    assert_eq!(counts(&folder, "main.profile"), expected);
    folder.builds(&["main.wat", "--module", "my lib=lib.wat", "--profile-use", "main.profile", "-o", "b"]);
    assert_eq!(folder.program("b", &[]).status, 5);
}

fn a_host_writes_when_it_exits() -> Result<()> {
    tool::require("cc")?;
    let host = r#"#include "lib.h"
        int main(void) { for (int i = 0; i < 3; i++) if (lib_main() != 42) return 1; return 0; }"#;
    let folder = Folder::with(&[("lib.wat", LOOP), ("host.c", host)]);
    let emit = "staticlib,sharedlib,header,obj";
    folder.builds(&["lib.wat", "--profile-generate", "--emit", emit]);
    for library in ["lib.a", "./lib.so"] {
        folder.cc(&["-pthread", "host.c", library, "-Wl,-rpath,$ORIGIN", "-o", "host"]);
        let out = folder.program("host", &[]);
        assert!(out.status == 0 && out.stderr.is_empty(), "{out:#?}");
        let tripled = "- 0 add 3 0\n- 1 never 0 0\n- 2 main 3 3000 3 2997 3000 0 3000 3000 2997 3 0 0\n";
        assert_eq!(counts(&folder, "lib.profile"), tripled, "{library}");
        std::fs::remove_file(folder.path("lib.profile"))?;
    }
    Ok(())
}

fn the_user_chooses_the_file() {
    let folder = Folder::with(&[("a.wat", LOOP)]);
    folder.builds(&["a.wat", "--profile-generate=first", "-o", "a"]);
    folder.program("a", &[]);
    assert_eq!(counts(&folder, "first"), COUNTS);
    folder.program_with("a", &[], &[("WASM2NATIVE_PROFILE_FILE", "second")]);
    assert_eq!(counts(&folder, "second"), COUNTS);
    assert_eq!(counts(&folder, "first"), COUNTS);
    // Nothing is read from what is not a file, and nothing replaces it.
    let out = folder.program_with("a", &[], &[("WASM2NATIVE_PROFILE_FILE", "/dev/null")]);
    assert!(out.status == 42 && out.stderr.is_empty(), "{out:#?}");
    let out = folder.program_with("a", &[], &[("WASM2NATIVE_PROFILE_FILE", "/dev/stdout")]);
    assert!(out.stdout.starts_with("wasm2native profile 1\nfunction - 0 add "), "{out:#?}");
    // Options and `run` have nothing to do with it.
    let out = outcome(folder.command(&["run", "--profile-generate", "a.wat"]).current_dir(folder.path(".")));
    assert!(test_kit::target::triple().is_some() || out.status == 42 && counts(&folder, "a.profile") == COUNTS);
}

fn what_cannot_be_written_is_one_line() -> Result<()> {
    let folder = Folder::with(&[("a.wat", LOOP), ("text", "my letter\n")]);
    folder.builds(&["a.wat", "--profile-generate=no/such/folder", "-o", "a"]);
    let complains = |out: Outcome, why: &str| {
        let line = format!("can't write the profile `{why}\n");
        assert!(out.status == 42 && out.stderr.ends_with(&line) && out.stderr.lines().count() == 1, "{out:#?}");
    };
    complains(folder.program("a", &[]), "no/such/folder`: No such file or directory");
    let to = |file: &str| folder.program_with("a", &[], &[("WASM2NATIVE_PROFILE_FILE", file)]);
    complains(to("text"), "text`: line 1: this is not a profile");
    assert_eq!(folder.read("text"), b"my letter\n");
    complains(to("."), ".`: Is a directory");
    folder.device("full");
    complains(to("full"), "full`: No space left on device");
    to("b.profile");
    let text = String::from_utf8(folder.read("b.profile"))?;
    folder.write("b.profile", text.replace(" 1000 1 999", " 1000 1"));
    complains(to("b.profile"), "b.profile`: line 4: a function has another number of counts");
    folder.write("b.profile", &text[..text.len() - 3]);
    complains(to("b.profile"), "b.profile`: line 5: the profile is cut off");
    assert!(!folder.list(".").iter().any(|name| name.contains("new")), "{:?}", folder.list("."));
    std::fs::create_dir(folder.path("locked"))?;
    std::fs::set_permissions(folder.path("locked"), Permissions::from_mode(0o500))?;
    if !test_kit::target::is_foreign() {
        let mut limited = Command::new("sh");
        limited.args(["-c", "ulimit -f 0 && exec ./a"]).env("WASM2NATIVE_PROFILE_FILE", "large");
        complains(outcome(limited.current_dir(folder.path("."))), "large`: File too large");
    }
    if !rustix::process::getuid().is_root() {
        complains(to("locked/a"), "locked/a`: Permission denied");
    }
    Ok(())
}

fn changed_functions_are_left_out() {
    let folder = profiled(LOOP);
    let args = ["a.wat", "--profile-use", "a.profile", "--emit", "clif", "-o", "a.clif"];
    let build = |text: String| {
        folder.write("a.wat", text);
        let out = folder.wasm2native(&args);
        assert_eq!(out.status, 0, "{out:#?}");
        out.stderr
    };
    // Constants and calls may change.
    assert_eq!(build(LOOP.replace("i32.const 42", "i32.const 43").replace("call $never", "call $never ")), "");
    let warning = "the profile has no counts for 1 of 3 functions: they have changed since";
    let out = build(LOOP.replace("i32.mul", "i32.sub"));
    assert!(out.contains(warning) && out.lines().count() == 1, "{out}");
    let out =
        build(LOOP.replace("(local.get $sum)))\"", "(i32.clz (local.get $sum))))").replace("i32.lt_u", "i32.le_u"));
    assert!(out.contains(warning) && out.lines().count() == 1, "{out}");
    let out = build(ANSWER.to_owned());
    assert!(out.contains("no counts for 1 of 1 functions: they have changed since, or it is that of another"), "{out}");
}

fn a_function_keeps_its_counts_at_another_index() {
    let folder = profiled(LOOP);
    folder.write("a.wat", LOOP.replace("(func $add", "(func $first (export \"first\")) (func $add"));
    let out = folder.wasm2native(&["a.wat", "--profile-use", "a.profile", "--emit", "clif", "-o", "a.clif"]);
    assert!(out.stderr.contains("no counts for 1 of 4 functions"), "{out:#?}");
}

fn several_profiles_are_added() -> Result<()> {
    tool::require("clang-19")?;
    let folder = profiled(LOOP);
    let uses = ["--profile-use", "a.profile", "--profile-use", "a.profile"];
    let emit = ["a.wat", "--generator", "llvm", "--emit", "llvm-ir", "-o", "a.ll"];
    folder.builds(&[&emit[..], &uses].concat());
    let text = String::from_utf8(folder.read("a.ll"))?;
    ensure!(text.contains("!\"branch_weights\", i32 3, i32 1999}"), "{text}");
    folder.wasm2native(&["a.wat", "--profile-use", "a.profile", "--profile-generate"]).fails(2, &["cannot be used"]);
    Ok(())
}

fn damaged_profiles_are_refused() -> Result<()> {
    let folder = profiled(LOOP);
    let text = String::from_utf8(folder.read("a.profile"))?;
    let refused = |text: &[u8], line: u32, what: &str| {
        folder.write("bad", text);
        let out = folder.wasm2native(&["a.wat", "--profile-use", "bad", "-o", "b"]);
        let errors = out.stderr.lines().count();
        assert!(
            out.status == 2 && errors == 1 && out.stderr.contains(&format!("bad:{line}: {what}")),
            "{what}: {out:#?}"
        );
    };
    refused(b"", 1, "this is not a profile");
    refused(b"\0asm\x01\0\0\0", 1, "this is not a profile");
    refused(text.replace("profile 1", "profile 2").as_bytes(), 1, "this profile has the form of another version");
    for end in 22..text.len() {
        let line = text[..end].matches('\n').count() + 1;
        refused(&text.as_bytes()[..end], u32::try_from(line)?, "the profile is cut off");
    }
    let counts = "expected counts of 64 bits";
    refused(text.replace(" 1000 1 ", " 18446744073709551616 1 ").as_bytes(), 4, counts);
    refused(text.replace(" 1000 1 ", " 1000  1 ").as_bytes(), 4, counts);
    refused(text.replace(" 1000 1 ", " -1 1 ").as_bytes(), 4, counts);
    refused(text.replace(" 1000 1 ", " 01 1 ").as_bytes(), 4, counts);
    let key = "expected module, index, name and hash";
    refused(text.replace("- 2 main", "- 4294967296 main").as_bytes(), 4, key);
    refused(text.replace("main ", "main z").as_bytes(), 4, key);
    refused(text.replace("function - 1", "- 1").as_bytes(), 3, "expected the line of a function");
    refused(text.replace("- 1 never", "- 2 never").as_bytes(), 4, "the functions are not in order");
    refused(text.replace("end 3", "end 2").as_bytes(), 5, "the profile has another number of functions");
    refused(format!("{text}x\n").as_bytes(), 5, "something follows the end");
    folder.wasm2native(&["a.wat", "--profile-use", "nothing", "-o", "b"]).fails(2, &["nothing", "can't read it"]);
    // Another number of counts is another function.
    folder.write("bad", text.replace(" 1000 1 999", " 1000 1"));
    let out = folder.wasm2native(&["a.wat", "--profile-use", "bad", "-o", "b"]);
    assert!(out.status == 0 && out.stderr.contains("no counts for 1 of 3 functions"), "{out:#?}");
    Ok(())
}

/// A branch that is not taken in 100 calls, between two parts of the function; and one that is.
const RARE: &str = r#"(module
  (func $cold (param i32) (result i32) (i32.const 77777))
  (func $f (param i32) (result i32)
    (if (result i32) (i32.ne (local.get 0) (i32.const 1000))
      (then (i32.const 22222))
      (else (i32.add (call $cold (local.get 0)) (i32.const 11111)))))
  (func $g (param i32) (result i32) (i32.const 3))
  (func (export "main") (result i32) (local $i i32)
    (loop $next
      (drop (call $f (local.get $i)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $i) (i32.const 100))))
    (i32.add (call $g (i32.const 1)) (i32.const 39))))"#;

/// As [`RARE`], with a function that stands before all others by its place in the module.
const FIRST: &str = r#"(module
  (func $cold (param i32) (result i32) (i32.const 77777))
  (func $f (param i32) (result i32)
    (if (result i32) (i32.ne (local.get 0) (i32.const 1000)) (then (i32.const 22222)) (else (i32.const 11111))))
  (func (export "main") (result i32) (local $i i32)
    (loop $next
      (drop (call $f (local.get $i)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $i) (i32.const 100))))
    (if (i32.gt_u (local.get $i) (i32.const 1000)) (then (drop (call $cold (local.get $i)))))
    (i32.const 42)))"#;

fn cold_blocks_and_functions_are_laid_aside() {
    let folder = profiled(FIRST);
    let asm = |flags: &[&str]| {
        folder.builds(&[&["a.wat", "--emit", "listing", "-o", "a.s"], flags].concat());
        String::from_utf8(folder.read("a.s")).expect("text")
    };
    // The constants as the listings of x86-64 and aarch64 have them.
    let place = |text: &str, forms: [&str; 2]| {
        let found = forms.iter().find_map(|form| text.find(form));
        found.unwrap_or_else(|| panic!("none of {forms:?} is in\n{text}"))
    };
    let (never, ever, unused) = (["$0x2B67,", "#11111"], ["$0x56CE,", "#22222"], ["$0x12FD1,", "#12241"]);
    let usual = asm(&[]);
    let with = asm(&["--profile-use", "a.profile"]);
    assert!(place(&usual, never) < place(&usual, ever), "{usual}");
    assert!(place(&with, never) > place(&with, ever), "{with}");
    assert!(place(&usual, unused) < place(&usual, ever), "{usual}");
    // Listings of other processors are in the order of the module.
    if test_kit::target::processor() == "x86_64" {
        assert!(place(&with, unused) > place(&with, ever), "{with}");
    }
    folder.builds(&["a.wat", "--profile-use", "a.profile", "-o", "b"]);
    assert_eq!(folder.program("b", &[]).status, 42);
}

/// What is counted has blocks of its own. Code that uses the counts has not.
fn without_cold_blocks_code_is_the_same() {
    let folder = profiled(
        r#"(module (func (export "main") (result i32) (local $i i32) (local $n i32)
          (loop $next
            (block $b (block $a (br_table $a $b $b (i32.rem_u (local.get $i) (i32.const 4))))
              (local.set $n (i32.add (local.get $n) (i32.const 1))))
            (if (i32.and (local.get $i) (i32.const 1)) (then (local.set $n (i32.mul (local.get $n) (i32.const 3)))))
            (block $c (br_if $c (i32.and (local.get $i) (i32.const 2))) (local.set $n (i32.const 5)))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $next (i32.lt_u (local.get $i) (i32.const 40))))
          (local.get $n)))"#,
    );
    let clif = |flags: &[&str]| {
        folder.builds(&[&["a.wat", "--emit", "clif", "-o", "a.clif"], flags].concat());
        folder.read("a.clif")
    };
    assert_eq!(clif(&[]), clif(&["--profile-use", "a.profile"]));
    assert_ne!(clif(&[]), clif(&["--profile-generate"]));
}

fn llvm_gets_weights() -> Result<()> {
    tool::require("clang-19")?;
    let folder = profiled(RARE);
    let llvm = ["a.wat", "--generator", "llvm", "--profile-use", "a.profile"];
    folder.builds(&[&llvm[..], &["--emit", "llvm-ir", "-o", "a.ll"]].concat());
    let text = String::from_utf8(folder.read("a.ll"))?;
    for what in [
        "!prof !{!\"branch_weights\", i32 101, i32 1}",
        "!prof !{!\"branch_weights\", i32 100, i32 2}",
        "cold !dbg",
        "inlinehint !dbg",
        "!prof !{!\"function_entry_count\", i64 100}",
        "!{!\"MaxFunctionCount\", i64 100}",
    ] {
        ensure!(text.contains(what), "no {what} in\n{text}");
    }
    folder.builds(&[&llvm[..], &["-o", "b"]].concat());
    assert_eq!(folder.program("b", &[]).status, 42);
    folder.builds(&["a.wat", "--generator", "llvm", "--emit", "llvm-ir", "-o", "plain.ll"]);
    let plain = String::from_utf8(folder.read("plain.ll"))?;
    ensure!(!plain.contains("function_entry_count") && !plain.contains("ProfileSummary"), "{plain}");
    Ok(())
}

fn the_same_profile_gives_the_same_bytes() {
    let folder = profiled(LOOP);
    let mut generators = vec![&["--generator", "cranelift"]];
    if tool::require("clang-19").is_ok() {
        generators.push(&["--generator", "llvm"]);
    }
    for generator in generators {
        for flags in [["--profile-use", "a.profile"], ["--profile-generate", "--strip"]] {
            for (jobs, name) in [("-j1", "one"), ("-j16", "many")] {
                folder.builds(&[&["a.wat", jobs, "-o", name][..], &flags[..], &generator[..]].concat());
            }
            assert_eq!(folder.read("one"), folder.read("many"), "{generator:?} {flags:?}");
        }
    }
}

fn the_cache_of_functions_knows_profiles() {
    let folder = profiled(RARE);
    let build = |flags: &[&str], name: &str| {
        let out = folder.wasm2native(&[&["a.wat", "-c", "-v", "-o", name], flags].concat());
        assert_eq!(out.status, 0, "{out:#?}");
        let line = out.stderr.lines().find_map(|line| line.split_once("cache: ")).map(|(_, line)| line.to_owned());
        (folder.read(name), line.unwrap_or_default())
    };
    let (plain, _) = build(&["--cache", "functions"], "plain");
    let used = ["--profile-use", "a.profile"];
    let (fresh, _) = build(&used, "fresh");
    let cached = [&used[..], &["--cache", "functions"]].concat();
    for found in ["0 functions found, 4 compiled", "4 functions found, 0 compiled"] {
        let (bytes, line) = build(&cached, "cached");
        assert!(bytes == fresh && line.starts_with(found), "{line}");
    }
    assert_ne!(plain, fresh);
    let (_, line) = build(&["--profile-generate", "--cache", "functions"], "counting");
    assert_eq!(line, "", "code that counts is not kept");
}

fn the_cache_of_run_knows_profiles() {
    let folder = profiled(RARE);
    let run = || folder.wasm2native(&["run", "-v", "--profile-use", "a.profile", "a.wat"]);
    for expected in ["built into the cache", "from the cache"] {
        let out = run();
        assert!(out.status == 42 && out.stderr.contains(expected), "{out:#?}");
    }
    folder.program("a", &[]);
    let out = run();
    assert!(out.status == 42 && out.stderr.contains("built into the cache"), "{out:#?}");
}

fn other_systems_and_scripts_are_refused() {
    let folder = Folder::with(&[("a.wat", ARGS), ("a.wast", r#"(module (func (export "f"))) (invoke "f")"#)]);
    for target in ["aarch64-apple-darwin", "x86_64-pc-windows-msvc"] {
        let out = folder.wasm2native(&["a.wat", "-c", "--profile-generate", "--target", target]);
        assert!(out.status == 2 && out.stderr.contains("--profile-generate needs a runtime"), "{out:#?}");
    }
    let out = folder.wasm2native(&["a.wast", "--profile-generate", "-o", "a"]);
    assert!(out.status == 1 && out.stderr.contains("a test script is not profiled"), "{out:#?}");
}
