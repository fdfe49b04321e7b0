//! Threads in a runtime that ThreadSanitizer checks: those of a program (`races.wat`), and those of
//! a host that has instances of a library (`instances.c`). It must report no data race.
//!
//! Translated code is not checked: what modules do to their memories is their own affair. Calls of
//! WASI copy what lies in them, so each thread of `races.wat` hands over bytes of its own.

use crate::sanitizer::Sanitizer;
use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use test_kit::folder::Folder;
use test_kit::process::Outcome;
use test_kit::trials;

pub fn trials() -> Vec<Trial> {
    trials!["races": are_found, threads_of_a_program, instances_on_threads]
}

/// Handlers of faults are the runtime's.
const OPTIONS: &str = "handle_segv=0:handle_sigbus=0:handle_sigill=0:handle_sigfpe=0:use_sigaltstack=0";

fn run(folder: &Folder, options: &str) -> Outcome {
    folder.program_with(
        "host",
        &["one", "two"],
        &[("TSAN_OPTIONS", OPTIONS), ("WASM2NATIVE_OPTIONS", options), ("PATH", "/usr/bin:/bin")],
    )
}

/// The checks are there.
fn are_found() -> Result<()> {
    const WRONG: &str = "#include <pthread.h>\nvoid __tsan_write4(void *);\nint x;\n\
        void *change(void *data) { __tsan_write4(&x); return data; }\n\
        int main(void) { pthread_t one; pthread_create(&one, 0, change, 0); __tsan_write4(&x);\n\
        return pthread_join(one, 0); }\n";
    Sanitizer::Thread.require()?;
    let folder = Folder::with(&[("wrong.c", WRONG)]);
    Sanitizer::Thread.link(&folder, &["wrong.c"], "host")?;
    let outcome = run(&folder, "");
    ensure!(outcome.stderr.contains("data race"), "{outcome:#?}");
    Ok(())
}

/// WASI, waiting, notifying, growing and starting threads, all at once, in five runs each.
fn threads_of_a_program() -> Result<()> {
    Sanitizer::Thread.require()?;
    for flags in [&[][..], &["--trace"], &["--max-memory", "16M"]] {
        let folder = Folder::with(&[("races.wat", include_str!("races.wat"))]);
        std::fs::create_dir(folder.path("dir"))?;
        // `races.o` stays, and is linked with the checked runtime.
        let form = ["races.wat", "--memory-base", "any", "--keep", "-o", "races"];
        folder.wasm2native(&[&form[..], flags].concat()).succeeds();
        Sanitizer::Thread.link(&folder, &["races.o"], "host")?;
        for _ in 0..5 {
            let outcome = run(&folder, "--dir dir --tmp=16M --env A=B");
            ensure!(outcome.status == 0 && !outcome.stderr.contains("ThreadSanitizer"), "{flags:?}: {outcome:#?}");
        }
    }
    Ok(())
}

/// Instances are made, called, interrupted, reset and given back on several threads.
fn instances_on_threads() -> Result<()> {
    Sanitizer::Thread.require()?;
    let folder = Folder::with(&[("lib.wat", include_str!("instances.wat")), ("host.c", include_str!("instances.c"))]);
    folder.builds(&["lib.wat", "--instances", "--interruptible", "--tmp=1M", "--emit", "obj=lib.o,header=lib.h"]);
    Sanitizer::Thread.link(&folder, &["host.c", "lib.o"], "host")?;
    for _ in 0..5 {
        let outcome = run(&folder, "");
        ensure!(outcome.stdout == "done\n" && outcome.status == 0 && outcome.stderr.is_empty(), "{outcome:#?}");
    }
    Ok(())
}
