//! `--timeout`: programs end after a time, whatever they do then.

use anyhow::Result;
use libtest_mimic::Trial;
use std::process::Command;
use std::time::Instant;
use test_kit::folder::Folder;
use test_kit::process::{Outcome, is_emulated, outcome, program, program_words, run_without_input};
use test_kit::trials;

pub fn trials() -> Vec<Trial> {
    trials!["timeout":
        whatever_a_program_does,
        nothing_in_the_process_prevents_it,
        the_last_one_counts,
        programs_without_wasi,
        what_is_wrong_is_said,
    ]
}

/// Each exported function does something else that does not end.
const MODULE: &str = r#"(module
    (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
    (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
    (import "env" "memory" (memory 1 1 shared))
    (export "memory" (memory 0))
    (func $spin (export "spin") (loop $on (br $on)))
    (func $inner (param i32) (loop $on (br $on)))
    (func $catch (export "catch")
        (loop $on (block $caught (try_table (catch_all $caught) (call $inner (i32.const 1)))) (br $on)))
    (func $sleep (export "sleep")
        (i32.store (i32.const 16) (i32.const 1))
        (i64.store (i32.const 24) (i64.const 3600_000_000_000))
        (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128))))
    (func $read (export "read")
        (i32.store (i32.const 0) (i32.const 1024))
        (i32.store (i32.const 4) (i32.const 16))
        (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 128))))
    (func $wait (export "wait") (drop (memory.atomic.wait32 (i32.const 512) (i32.const 0) (i64.const -1))))
    (func (export "wasi_thread_start") (param i32 i32) (loop $on (br $on)))
    (func $threads (export "threads") (drop (call $spawn (i32.const 0))) (call $wait)))"#;

fn folder() -> Folder {
    Folder::with(&[("all.wat", MODULE)])
}

fn run(words: &[&str], options: &str) -> Outcome {
    outcome(Command::new(words[0]).args(&words[1..]).env("WASM2NATIVE_OPTIONS", options))
}

fn whatever_a_program_does() -> Result<()> {
    let folder = folder();
    // An emulator takes its time before the program's code begins.
    let (duration, words) = if is_emulated() { ("3s", "3 s") } else { ("300ms", "300 ms") };
    for name in ["spin", "catch", "sleep", "read", "wait", "threads"] {
        folder.builds(&["all.wat", "--invoke", name, "--timeout", duration, "-o", name]);
        let start = Instant::now();
        let out = run_without_input(&mut program(folder.path(name)))?;
        let took = start.elapsed();
        let expected = format!("error: timeout after {words}\nwasm backtrace:\n    0: ");
        assert!(out.status == 134 && out.stderr.starts_with(&expected), "{name} {out:#?}");
        let of = if name == "threads" { "wait" } else { name };
        assert!(out.stderr.ends_with(&format!(" {of}\n")) || name == "threads", "{name} {out:#?}");
        assert!((300..20_000).contains(&took.as_millis()), "{name} took {took:?}");
    }
    Ok(())
}

/// A mask and limits that the program is started with.
fn nothing_in_the_process_prevents_it() -> Result<()> {
    let folder = folder();
    folder.builds(&["all.wat", "--invoke", "spin", "--timeout", "1h", "-o", "spin"]);
    let program: Vec<String> =
        program_words(folder.path("spin")).into_iter().map(|it| it.to_string_lossy().into_owned()).collect();
    let program: Vec<&str> = program.iter().map(String::as_str).collect();
    let limited = ["prlimit", "--sigpending=0", "--nofile=16", "--stack=262144"];
    let ignored = ["sh", "-c", "trap '' ALRM; \"$@\"", "sh"];
    let blocked = ["env", "--block-signal=ALRM"];
    let ways: &[&[&str]] = if is_emulated() { &[&ignored] } else { &[&limited, &ignored, &blocked] };
    for way in ways {
        let out = run(&[way, &program[..]].concat(), "--timeout 200ms");
        assert!(out.status == 134 && out.stderr.starts_with("error: timeout after 200 ms\n"), "{way:?} {out:#?}");
    }
    Ok(())
}

fn the_last_one_counts() -> Result<()> {
    let folder = folder();
    folder.builds(&["all.wat", "--invoke", "spin", "--timeout=1h", "-o", "spin"]);
    folder.program_with("spin", &[], &[("WASM2NATIVE_OPTIONS", "--timeout=0.1s")]).fails(2, &["is not a duration"]);
    let out = folder.program_with("spin", &[], &[("WASM2NATIVE_OPTIONS", "--timeout=100ms")]);
    out.fails(134, &["error: timeout after 100 ms\n"]);
    // Programs that end in time are as they were; and 0 is no limit.
    folder.write("quick.wat", "(module (func (export \"main\") (result i32) (i32.const 7)))");
    folder.builds(&["quick.wat", "--timeout", "2s", "-o", "quick"]);
    let out = folder.program("quick", &[]);
    assert_eq!((out.status, out.stderr.as_str()), (7, ""), "{out:#?}");
    assert_eq!(folder.program_with("quick", &[], &[("WASM2NATIVE_OPTIONS", "--timeout=0")]).status, 7);
    if !is_emulated() {
        // The signal from somebody else is what it would be without.
        let out = run(
            &["sh", "-c", "\"$0\" & sleep 0.2; kill -ALRM $!; wait $!", &folder.path("spin").to_string_lossy()],
            "",
        );
        assert_eq!((out.status, out.stderr.contains("timeout")), (142, false), "{out:#?}");
    }
    let shown = folder.wasm2native(&["inspect", "spin", "quick"]).succeeds().stdout;
    assert!(shown.contains("at most 1 h (--timeout)") && shown.contains("at most 2 s (--timeout)"), "{shown}");
    Ok(())
}

fn programs_without_wasi() -> Result<()> {
    let folder = Folder::with(&[("spin.wat", "(module (func $on (export \"main\") (loop $on (br $on))))")]);
    folder.builds(&["spin.wat", "-o", "bare"]);
    let variable = [("WASM2NATIVE_OPTIONS", "--timeout 100ms")];
    folder.program_with("bare", &[], &variable).fails(2, &["WASM2NATIVE_OPTIONS: unknown option `--timeout`"]);
    folder.builds(&["spin.wat", "--timeout", "1m", "-o", "spin"]);
    let out = folder.program_with("spin", &[], &variable);
    out.fails(134, &["error: timeout after 100 ms\nwasm backtrace:\n    0: on\n"]);
    if !is_emulated() {
        let out = folder.wasm2native(&["run", "--timeout", "200ms", "spin.wat"]);
        // On a busy machine before the first function.
        out.fails(134, &["error: timeout after 200 ms\n"]);
    }
    // C that sleeps.
    folder.write(
        "c.wat",
        "(module (import \"env\" \"sleep\" (func $sleep (param i32) (result i32)))
        (func $main (export \"main\") (drop (call $sleep (i32.const 60)))))",
    );
    folder.builds(&["c.wat", "--timeout", "200ms", "--allow-import", "env.sleep", "-o", "c"]);
    folder.program("c", &[]).fails(134, &["error: timeout after 200 ms\n"]);
    Ok(())
}

fn what_is_wrong_is_said() -> Result<()> {
    let folder = folder();
    for wrong in ["5x", "", "-1s", "99999999999999999999s"] {
        folder.wasm2native(&["all.wat", &format!("--timeout={wrong}")]).fails(2, &["expected a duration"]);
    }
    let out = folder.wasm2native(&["all.wat", "--timeout", "5s", "-c"]);
    out.fails(2, &["--timeout is for programs", "--interruptible"]);
    Ok(())
}
