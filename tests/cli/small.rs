//! What a program without C costs: bytes, system calls, and whole pages of any machine.

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use std::process::Command;
use test_kit::folder::Folder;
use test_kit::process::outcome;
use test_kit::trial::Skip;
use test_kit::{tool, trials};

pub fn trials() -> Vec<Trial> {
    trials!["small": programs_without_c_are_small, a_greeting_takes_few_system_calls, pages_may_be_larger]
}

const HELLO: &str = include_str!("../../fixtures/wasi/hello.wat");
const BARE: &str = r#"(module (memory 1) (func (export "main") (result i32) (i32.load (i32.const 0))))"#;

/// The most bytes of a stripped program. Those for aarch64 may have a tenth more.
const MOST: [(&str, &str, usize); 2] = [("bare.wat", BARE, 45_000), ("hello.wat", HELLO, 100_000)];

fn programs_without_c_are_small() -> Result<()> {
    let folder = Folder::empty();
    let list = folder.wasm2native(&["--target", "help"]).succeeds().stdout;
    let carried = |target: &&str| list.lines().any(|line| line.starts_with(*target) && line.contains("programs"));
    let targets = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"];
    let targets: Vec<_> = targets.into_iter().filter(carried).collect();
    ensure!(!targets.is_empty(), "the compiler has no runtime");
    for target in targets {
        for (name, text, most) in MOST {
            folder.write(name, text);
            folder.builds(&[name, "--strip", "--target", target, "-o", "program"]);
            let size = std::fs::metadata(folder.path("program"))?.len();
            let most = if target.starts_with("aarch64") { most + most / 10 } else { most };
            ensure!(size <= most as u64, "{name} for {target} has {size} bytes, more than {most}");
        }
    }
    Ok(())
}

fn a_greeting_takes_few_system_calls() -> Result<()> {
    tool::require("strace")?;
    let folder = Folder::with(&[("hello.wat", HELLO)]);
    folder.builds(&["hello.wat", "-o", "hello"]);
    let traced = outcome(Command::new("strace").arg(folder.path("hello")).env_clear());
    ensure!(traced.status == 0, "{traced:?}");
    let calls = traced.stderr.lines().count();
    ensure!(calls <= 24, "{calls} lines of strace:\n{}", traced.stderr);
    Ok(())
}

/// Memories of 32 and 64 bits with data near and far, whole pages of it, a table that grows, and an
/// exception.
const PAGES: &str = r#"(module
    (memory $m 4) (memory $wide i64 3 9)
    (data (memory $m) (i32.const 70000) "near") (data (memory $m) (i32.const 1) "first")
    (data (memory $wide) (i64.const 131072) "far")
    (data $whole (memory $m) (i32.const 131072) "PAGES")
    (table $t 10 funcref) (tag $e (param i32))
    (func (export "main") (result i32)
        (drop (memory.grow $m (i32.const 3))) (drop (memory.grow $wide (i64.const 1)))
        (drop (table.grow $t (ref.null func) (i32.const 100000)))
        (block $caught (result i32) (try_table (catch $e $caught) (throw $e (i32.const 0))) (unreachable))))"#;

/// Three threads after each other, with a shared memory that grows: each stack is mapped, guarded
/// and given back.
const THREADS: &str = r#"(module
    (import "env" "memory" (memory 1 9 shared))
    (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
    (global $mine (mut i32) (i32.const 7))
    (func (export "wasi_thread_start") (param i32 i32)
        (drop (memory.grow (i32.const 1)))
        (global.set $mine (local.get 1))
        (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))
        (drop (memory.atomic.notify (i32.const 0) (i32.const 1))))
    (func (export "_start") (local $n i32)
        (loop $next
            (if (i32.le_s (call $spawn (local.get $n)) (i32.const 0)) (then (unreachable)))
            (drop (memory.atomic.wait32 (i32.const 0) (local.get $n) (i64.const -1)))
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (br_if $next (i32.lt_u (local.get $n) (i32.const 3))))
        (if (i32.ne (memory.size) (i32.const 4)) (then (unreachable)))
        (if (i32.ne (i32.atomic.load (i32.const 0)) (i32.const 3)) (then (unreachable)))))"#;

/// QEMU tells a program for aarch64 that pages have 64 KiB, and lets it map smaller ones all the
/// same: what it asks for is what counts.
fn pages_may_be_larger() -> Result<()> {
    const PAGE: u64 = 64 << 10;
    const TARGET: &str = "aarch64-unknown-linux-gnu";
    tool::require("qemu-aarch64")?;
    let fixtures = [("all", PAGES), ("hello", HELLO), ("threads", THREADS)];
    let folder = Folder::empty();
    let list = folder.wasm2native(&["--target", "help"]).succeeds().stdout;
    if !list.lines().any(|line| line.starts_with(TARGET) && line.contains("programs")) {
        return Err(Skip::Reason(format!("this build carries no runtime for {TARGET}")).into());
    }
    let mut n_checked = 0;
    for (name, text) in fixtures {
        let file = format!("{name}.wat");
        folder.write(&file, text.replace("PAGES", &"x".repeat(70_000)));
        folder.builds(&[&file, "--target", TARGET, "-o", name]);
        let mut command = Command::new("qemu-aarch64");
        command.args(["-p", "65536", "-strace"]).arg(folder.path(name)).env_clear();
        let traced = outcome(&mut command);
        ensure!(traced.status == 0, "{traced:?}");
        for line in traced.stderr.lines() {
            let Some(numbers) = mapping(line) else { continue };
            n_checked += 1;
            for number in numbers? {
                ensure!(number % PAGE == 0, "{name}: {number:#x} is not of whole pages: {line}");
            }
        }
    }
    ensure!(n_checked >= 30, "only {n_checked} calls were seen");
    Ok(())
}

/// Addresses and lengths of a call that maps memory or changes its access, in a line of QEMU:
/// `12 mprotect(0x0000005500000000,65536,PROT_READ) = 0`.
fn mapping(line: &str) -> Option<Result<Vec<u64>>> {
    let (name, arguments) = line.split_once('(')?;
    let name = name.split_whitespace().last()?;
    let which: &[usize] = match name {
        "mmap" | "mprotect" | "munmap" => &[0, 1],
        "mremap" => &[0, 1, 2, 4],
        _ => return None,
    };
    let arguments: Vec<_> = arguments.split(')').next()?.split(',').map(str::trim).collect();
    let number = |nth: &usize| {
        let word = arguments.get(*nth).context("a call with few arguments")?;
        Ok(match *word {
            "NULL" => 0,
            word if word.starts_with("0x") => u64::from_str_radix(&word[2..], 16)?,
            // QEMU writes the low half of a length, with a sign.
            word => word.parse::<i64>()?.cast_unsigned(),
        })
    };
    Some(which.iter().map(number).collect::<Result<_>>().with_context(|| line.to_owned()))
}
