//! `--trace`: a program prints its calls of WASI, and another one does not.

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use test_kit::folder::Folder;
use test_kit::trials;

pub fn trials() -> Vec<Trial> {
    trials!["trace":
        calls_are_printed_with_what_they_do,
        threads_and_both_snapshots,
        what_is_linked_instead_is_not_traced,
        only_programs,
    ]
}

/// Opens a file whose name has a line break, reads and writes, and ends with a call that traps.
const MODULE: &str = r#"(module
    (import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_prestat_dir_name" (func $name (param i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "path_open"
        (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_seek" (func $seek (param i32 i64 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_tell" (func $tell (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
    (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "\10\00\00\00\05\00\00\00\20\00\00\00\02\00\00\00")
    (data (i32.const 16) "hello")
    (data (i32.const 32) "!\n")
    (data (i32.const 48) "a\n\1b\"\c3\a4")
    (func (export "_start")
        (drop (call $sizes (i32.const 100) (i32.const 104)))
        (drop (call $name (i32.const 3) (i32.const 400) (i32.const 1)))
        (drop (call $open (i32.const 3) (i32.const 1) (i32.const 48) (i32.const 6) (i32.const 9)
            (i64.const 102) (i64.const 0) (i32.const 1) (i32.const 108)))
        (drop (call $write (i32.load (i32.const 108)) (i32.const 0) (i32.const 2) (i32.const 112)))
        (drop (call $seek (i32.load (i32.const 108)) (i64.const -2) (i32.const 2) (i32.const 120)))
        (drop (call $read (i32.load (i32.const 108)) (i32.const 0) (i32.const 1) (i32.const 112)))
        (drop (call $tell (i32.load (i32.const 108)) (i32.const 120)))
        (drop (call $close (i32.const 77)))
        (drop (call $random (i32.const 200) (i32.const 8)))
        (call $exit (i32.const 3))))"#;

const LINES: &str = r#"fd_prestat_dir_name(3, ".") = 0
path_open(3, symlink_follow, "a\n\x1b\"ä", creat|trunc, 0x66, 0x0, append) = 0 (4)
fd_write(4, [5 bytes at 0x10, 2 bytes at 0x20]) = 0 (7)
fd_seek(4, -2, end) = 0 (5)
fd_read(4, [5 bytes at 0x10]) = 0 (2)
fd_tell(4) = 0 (7)
fd_close(77) = 8 (badf)
random_get([8 bytes at 0xc8]) = 0
proc_exit(3)
"#;

fn calls_are_printed_with_what_they_do() -> Result<()> {
    let folder = Folder::with(&[("app.wat", MODULE), ("trap.wat", TRAP)]);
    folder.builds(&["app.wat", "--dir", ".", "--trace"]);
    let out = folder.program("app", &[]).fails(3, &[]);
    let (sizes, rest) = out.stderr.split_once('\n').unwrap_or_default();
    ensure!(sizes.starts_with("args_sizes_get() = 0 (1, "), "{sizes}");
    ensure!(rest == LINES, "{rest}");
    std::fs::remove_file(folder.path("a\n\x1b\"ä"))?;
    folder.builds(&["app.wat", "--dir", ".", "-o", "quiet"]);
    let out = folder.program("quiet", &[]).fails(3, &[]);
    ensure!(out.stderr.is_empty(), "{out:?}");
    let run = ["run", "--dir", ".", "--trace", "--argv0", "app", "app.wat"];
    let out = folder.wasm2native(&run).fails(3, &[]);
    ensure!(out.stderr == format!("args_sizes_get() = 0 (1, 4)\n{LINES}"), "{}", out.stderr);
    // A pointer that leads out of the memory is not followed for the line either.
    folder.builds(&["trap.wat", "--trace"]);
    let out = folder.program("trap", &[]).fails(134, &[]);
    let line = "path_unlink_file(3, [9 bytes at 0xffffff00]) = trap: out of bounds memory access in a WASI call\n";
    ensure!(out.stderr.starts_with(line), "{}", out.stderr);
    Ok(())
}

const TRAP: &str = r#"(module
    (import "wasi_snapshot_preview1" "path_unlink_file" (func $unlink (param i32 i32 i32) (result i32)))
    (memory 1)
    (func (export "_start") (drop (call $unlink (i32.const 3) (i32.const -256) (i32.const 9)))))"#;

const THREADS: &str = r#"(module
    (import "wasi_unstable" "sched_yield" (func $yield (result i32)))
    (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
    (import "env" "memory" (memory 1 1 shared))
    (func (export "wasi_thread_start") (param i32 i32)
        (i32.atomic.store (i32.const 0) (i32.const 1))
        (drop (memory.atomic.notify (i32.const 0) (i32.const 1))))
    (func (export "_start")
        (drop (call $yield))
        (drop (call $spawn (i32.const 256)))
        (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1)))))"#;

fn threads_and_both_snapshots() -> Result<()> {
    let folder = Folder::with(&[("app.wat", THREADS)]);
    folder.builds(&["app.wat", "--trace"]);
    let out = folder.program("app", &[]).succeeds();
    ensure!(out.stderr == "sched_yield() = 0\nthread-spawn(0x100) = 1\n", "{}", out.stderr);
    Ok(())
}

fn what_is_linked_instead_is_not_traced() -> Result<()> {
    let module = r#"(module
        (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
        (memory 1)
        (func (export "main") (result i32)
            (drop (call $yield)) (call $random (i32.const 0) (i32.const 0))))"#;
    let source = "int wasi_snapshot_preview1_random_get(int buf, int length) { return 9; }";
    let folder = Folder::with(&[("app.wat", module), ("own.c", source)]);
    folder.builds(&["app.wat", "own.c", "--trace"]);
    let out = folder.program("app", &[]).fails(9, &[]);
    ensure!(out.stderr == "sched_yield() = 0\n", "{}", out.stderr);
    Ok(())
}

fn only_programs() -> Result<()> {
    let folder = Folder::with(&[("app.wat", MODULE)]);
    folder.wasm2native(&["app.wat", "-c", "--trace"]).fails(2, &["--trace is for programs"]);
    Ok(())
}
