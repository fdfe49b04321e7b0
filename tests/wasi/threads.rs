//! Threads that share descriptors: one that waits does not stop the others, and the end of the
//! program from nothing.

use crate::driver::{Built, build};
use anyhow::Result;
use libtest_mimic::Trial;
use std::io::{Read, Write};
use std::path::Path;
use std::process::Stdio;
use test_kit::fixture::Fixture;
use test_kit::process;
use test_kit::process::outcome;
use test_kit::toolchain;
use test_kit::trial::trial;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("threads/right-sum-every-time", right_sum_every_time),
        trial("threads/right-sum-in-c-every-time", right_sum_in_c_every_time),
        trial("threads/one-waits-for-input", one_waits_for_input),
        trial("threads/end-while-one-waits", end_while_one_waits),
        trial("threads/descriptor-closed-under-a-reader", closed_under_a_reader),
        trial("threads/many", many),
    ]
}

/// A race would show in some of the runs.
fn right_sum_every_time() {
    let text = include_str!("../../fixtures/thread/sum.wat");
    let program = build("sum.wat", text, &["--invoke", "f"]);
    for run in 0..20 {
        let outcome = outcome(&mut process::program(&program.path));
        assert_eq!(outcome.stdout, "10000000\n8000\n0\n7\n", "run {run}: {outcome:?}");
    }
}

/// The same by what clang makes of C: locks, conditions and thread-local variables.
fn right_sum_in_c_every_time() -> Result<()> {
    toolchain::require()?;
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/c/threads.c");
    let fixture = Fixture::read(&fixture).expect("it is a fixture");
    let program = build("threads.wasm", toolchain::compile(&fixture).expect("clang compiles it"), &[]);
    let expected = fixture.expected("stdout").expect("it prints something");
    for run in 0..20 {
        let outcome = outcome(&mut process::program(&program.path));
        assert_eq!(outcome.stdout, expected, "run {run}: {outcome:?}");
    }
    Ok(())
}

const IMPORTS: &str = r#"
  (import "env" "memory" (memory 1 1 shared))
  (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (data (i32.const 1000) "ready\n")
  (func $say
    (i32.store (i32.const 16) (i32.const 1000))
    (i32.store (i32.const 20) (i32.const 6))
    (if (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24)) (then (unreachable))))
  ;; A byte of standard input.
  (func $hear (result i32)
    (i32.store (i32.const 32) (i32.const 2000))
    (i32.store (i32.const 36) (i32.const 1))
    (call $read (i32.const 0) (i32.const 32) (i32.const 1) (i32.const 40)))
  (func $pause (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const 100000000))))"#;

fn program(rest: &str) -> Built {
    build("threads.wat", format!("(module {IMPORTS} {rest})"), &[])
}

/// A thread waits in a read. Meanwhile the first writes, and later it gets what the thread has
/// read.
fn one_waits_for_input() {
    let program = program(
        r#"
  (func (export "wasi_thread_start") (param i32 i32)
    (if (call $hear) (then (unreachable)))
    (i32.atomic.store (i32.const 4) (i32.const 1))
    (drop (memory.atomic.notify (i32.const 4) (i32.const 1))))
  (func (export "_start")
    (drop (call $spawn (i32.const 0)))
    (call $pause)
    (call $say)
    (drop (memory.atomic.wait32 (i32.const 4) (i32.const 0) (i64.const -1)))
    (call $exit (i32.load8_u (i32.const 2000))))"#,
    );
    let mut child = start(&program);
    expect_ready(&mut child);
    child.stdin.take().expect("piped").write_all(b"A").expect("it reads");
    assert_eq!(process::finish(&mut child).expect("it ends").status, i32::from(b'A'));
}

/// The program ends, by the first thread's return and by `proc_exit`, although another thread waits
/// in a read, or the first does.
fn end_while_one_waits() {
    let waiting_thread = r#"
  (func (export "wasi_thread_start") (param i32 i32) (drop (call $hear)) (unreachable))
  (func (export "_start") (drop (call $spawn (i32.const 0))) (call $pause) (call $say)"#;
    let waiting_first = r#"
  (func (export "wasi_thread_start") (param i32 i32) (call $pause) (call $say) (call $exit (i32.const 9)))
  (func (export "_start") (drop (call $spawn (i32.const 0))) (drop (call $hear)) (unreachable)"#;
    let cases = [(format!("{waiting_thread})"), 0), (format!("{waiting_thread} (call $exit (i32.const 7)))"), 7)];
    for (text, status) in cases.into_iter().chain([(format!("{waiting_first})"), 9)]) {
        let program = program(&text);
        let mut child = start(&program);
        expect_ready(&mut child);
        // Waiting closes what it finds here, and a read would end.
        let _input = child.stdin.take();
        assert_eq!(process::finish(&mut child).expect("it ends").status, status, "{text}");
    }
}

/// A descriptor that is closed while a thread reads from it stays the reader's until the read ends.
fn closed_under_a_reader() {
    let program = program(
        r#"
  (func (export "wasi_thread_start") (param i32 i32)
    (if (call $hear) (then (call $exit (i32.const 3))))
    (call $exit (i32.load8_u (i32.const 2000))))
  (func (export "_start")
    (drop (call $spawn (i32.const 0)))
    (call $pause)
    (if (call $close (i32.const 0)) (then (call $exit (i32.const 4))))
    ;; 8: there is no such descriptor any more.
    (if (i32.ne (call $hear) (i32.const 8)) (then (call $exit (i32.const 5))))
    (call $say)
    (drop (memory.atomic.wait32 (i32.const 8) (i32.const 0) (i64.const -1))))"#,
    );
    let mut child = start(&program);
    expect_ready(&mut child);
    child.stdin.take().expect("piped").write_all(b"B").expect("it reads");
    assert_eq!(process::finish(&mut child).expect("it ends").status, i32::from(b'B'));
}

/// A thousand threads, one after the other and many at once: what has ended leaves nothing behind.
fn many() {
    let program = program(
        r#"
  (func (export "wasi_thread_start") (param i32 i32)
    (drop (i32.atomic.rmw.add (i32.const 4) (i32.const 1)))
    (drop (memory.atomic.notify (i32.const 4) (i32.const 1))))
  (func (export "_start") (local $n i32) (local $seen i32)
    (loop $next
      (if (i32.le_s (call $spawn (i32.const 0)) (i32.const 0)) (then (call $exit (i32.const 2))))
      ;; Never more than fifty at once.
      (loop $wait
        (local.set $seen (i32.atomic.load (i32.const 4)))
        (if (i32.gt_s (i32.sub (local.get $n) (local.get $seen)) (i32.const 50))
          (then
            (drop (memory.atomic.wait32 (i32.const 4) (local.get $seen) (i64.const -1)))
            (br $wait))))
      (br_if $next (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 1000))))
    (loop $rest
      (local.set $seen (i32.atomic.load (i32.const 4)))
      (if (i32.lt_u (local.get $seen) (i32.const 1000))
        (then
          (drop (memory.atomic.wait32 (i32.const 4) (local.get $seen) (i64.const -1)))
          (br $rest)))))"#,
    );
    outcome(&mut process::program(&program.path)).succeeds();
}

fn start(program: &Built) -> std::process::Child {
    let mut command = process::program(&program.path);
    process::spawn(command.stdin(Stdio::piped()).stdout(Stdio::piped())).expect("it starts")
}

fn expect_ready(child: &mut std::process::Child) {
    let mut line = [0; 6];
    child.stdout.as_mut().expect("piped").read_exact(&mut line).expect("it writes");
    assert_eq!(&line, b"ready\n");
}
