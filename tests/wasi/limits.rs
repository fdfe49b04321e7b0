//! What a module can make grow, and where that ends: each kind of thing is taken until no more is
//! given, and the process stays as small as it was told to.
//!
//! The modules report numbers on standard output and then wait for the end of standard input, so
//! that the test can look at the process. Other rows of the table in SECURITY.md have their tests
//! beside what they limit.

use crate::driver::{Built, build};
use crate::numbers::errno::MFILE;
use libtest_mimic::Trial;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use test_kit::process;
use test_kit::trial::trial;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("limits/table-growth", table_growth),
        trial("limits/tables-step-by-step", tables_step_by_step),
        trial("limits/tables-without-a-limit", tables_without_a_limit),
        trial("limits/memories-and-tables-together", memories_and_tables_together),
        trial("limits/tables-of-threads", tables_of_threads),
        trial("limits/tables-of-threads-at-once", tables_of_threads_at_once),
        trial("limits/threads", threads),
        trial("limits/descriptors", descriptors),
        trial("limits/wide-memory-in-little-address-space", wide_memory_in_little_address_space),
    ]
}

/// What every module begins with: a memory, a way to report a number, and a way to wait.
const HEAD: &str = r#"
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (func $report (param $n i32)
    (i32.store (i32.const 16) (i32.const 24))
    (i32.store (i32.const 20) (i32.const 4))
    (i32.store (i32.const 24) (local.get $n))
    (if (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 28)) (then (unreachable))))
  ;; Until the end of the input.
  (func $wait
    (i32.store (i32.const 16) (i32.const 24))
    (i32.store (i32.const 20) (i32.const 4))
    (drop (call $read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 28))))"#;

const MEMORY: &str = r#"(memory (export "memory") 1)"#;

fn module(rest: &str) -> Built {
    build("limits.wat", format!("(module {HEAD} {MEMORY} {rest})"), &[])
}

/// A module with threads; `$join` waits until the counter at address 8 has come to a number.
fn module_with_threads(rest: &str) -> Built {
    let imports = r#"
  (import "env" "memory" (memory 1 1 shared))
  (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))"#;
    let join = r#"
  (func $count (drop (i32.atomic.rmw.add (i32.const 8) (i32.const 1))) (drop (memory.atomic.notify (i32.const 8) (i32.const -1))))
  (func $join (param $wanted i32) (local $seen i32)
    (loop $again
      (local.set $seen (i32.atomic.load (i32.const 8)))
      (if (i32.lt_s (local.get $seen) (local.get $wanted))
        (then
          (drop (memory.atomic.wait32 (i32.const 8) (local.get $seen) (i64.const -1)))
          (br $again)))))"#;
    build("limits.wat", format!("(module {imports} {HEAD} {join} {rest})"), &[])
}

/// A program that has reported and now waits.
struct Waiting {
    child: Child,
    reported: Vec<i32>,
}

impl Waiting {
    /// Starts the program and takes `n_reports` reports.
    fn start(mut command: Command, options: &str, n_reports: usize) -> Waiting {
        let command = command.env("WASM2NATIVE_OPTIONS", options).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = process::spawn(command).expect("it starts");
        let mut bytes = vec![0; 4 * n_reports];
        child.stdout.as_mut().expect("piped").read_exact(&mut bytes).expect("it reports");
        let reported = bytes.chunks_exact(4).map(|it| i32::from_le_bytes(it.try_into().expect("four bytes"))).collect();
        Waiting { child, reported }
    }

    /// Ends the program; the most memory that it has had at once, in bytes.
    fn peak(mut self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the system tells");
        let peak = line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10;
        assert_eq!(process::finish(&mut self.child).expect("it ends").status, 0);
        peak
    }
}

fn start(program: &Built, options: &str, n_reports: usize) -> Waiting {
    Waiting::start(process::program(&program.path), options, n_reports)
}

const MIB: u64 = 1 << 20;

/// What the process itself takes.
const OWN: u64 = 4 * MIB;

/// Ten million entries at a time, as often as that is possible.
fn table_growth() {
    let program = module(
        r#"
  (table 0 funcref)
  (func (export "_start") (local $n i32)
    (loop $again
      (drop (table.grow (ref.func $wait) (i32.const 10000000)))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $n) (i32.const 30))))
    (call $report (table.grow (ref.func $wait) (i32.const 10000000)))
    (call $report (table.size))
    (call $wait))
  (elem declare func $wait)"#,
    );
    let program = start(&program, "--max-memory 16M", 2);
    assert_eq!(program.reported, [-1, 0]);
    assert!(program.peak() < 16 * MIB);
}

/// As many entries as there can be, a few at a time: of functions (16 bytes each) and of other
/// references (8 bytes).
const STEP_BY_STEP: &str = r#"
  (table $f 0 funcref)
  (table $r 0 externref)
  (elem declare func $wait)
  (func (export "_start")
    (loop $again (br_if $again (i32.ne (table.grow $f (ref.func $wait) (i32.const 1000)) (i32.const -1))))
    (loop $again (br_if $again (i32.ne (table.grow $r (ref.null extern) (i32.const 10)) (i32.const -1))))
    (call $report (table.size $f))
    (call $report (table.size $r))
    ;; All of it can be used.
    (if (table.size $f)
      (then (table.set $f (i32.sub (table.size $f) (i32.const 1)) (ref.func $wait))))
    (call $wait))"#;

fn tables_step_by_step() {
    let program = module(STEP_BY_STEP);
    for (options, limit) in [
        ("--max-memory 16M", 16 * MIB - 65536),
        ("--max-table 16M", 16 * MIB),
        ("--max-memory 64M --max-table 8M", 8 * MIB),
        ("--max-memory 8M --max-table 64M", 8 * MIB - 65536),
        ("--max-table 0", 0),
    ] {
        let program = start(&program, options, 2);
        let bytes = 16 * program.reported[0] as u64 + 8 * program.reported[1] as u64;
        assert!(bytes <= limit, "{options}: {bytes}");
        assert!(bytes + 64 * 1024 > limit, "{options}: {bytes}");
        let peak = program.peak();
        assert!(peak < limit + OWN, "{options}: {peak}");
    }
}

/// Together at most 1 GiB; what holds nothing but null takes no room before it is used.
fn tables_without_a_limit() {
    let program = module(
        r#"
  (table $f 0 funcref)
  (table $r 0 externref)
  (func (export "_start")
    (call $report (table.grow $f (ref.null func) (i32.const 0x4000001)))
    (call $report (table.grow $f (ref.null func) (i32.const 0x3fff000)))
    (call $report (table.grow $r (ref.null extern) (i32.const 8193)))
    (call $report (table.grow $r (ref.null extern) (i32.const 8192)))
    (call $report (table.grow $f (ref.null func) (i32.const 1)))
    (call $wait))"#,
    );
    let program = start(&program, "", 5);
    assert_eq!(program.reported, [-1, 0, -1, 0, -1]);
    assert!(program.peak() < 16 * MIB);
}

/// What one takes is not there for the other.
fn memories_and_tables_together() {
    let program = module(
        r#"
  (memory $other 1)
  (table $r 0 externref)
  (func (export "_start")
    ;; 1 MiB are sixteen pages, of which two are taken.
    (call $report (memory.grow (i32.const 15)))
    (call $report (memory.grow (i32.const 3)))
    (call $report (memory.grow $other (i32.const 12)))
    (call $report (memory.grow $other (i32.const 3)))
    (call $report (table.grow $r (ref.null extern) (i32.const 65537)))
    (call $report (table.grow $r (ref.null extern) (i32.const 65536)))
    (call $report (memory.grow (i32.const 1)))
    (call $report (memory.grow (i32.const 0)))
    (call $wait))"#,
    );
    let program = start(&program, "--max-memory 1M", 8);
    assert_eq!(program.reported, [-1, 1, -1, 1, -1, 0, -1, 4]);
    assert!(program.peak() < MIB + OWN);
}

/// Every thread has its own tables. What one thread leaves there, the next one finds.
fn tables_of_threads() {
    let program = module_with_threads(
        r#"
  (table $f 1 funcref)
  (elem declare func $wait)
  (func (export "wasi_thread_start") (param i32 i32)
    ;; 10 MiB
    (if (i32.eq (table.grow $f (ref.func $wait) (i32.const 655359)) (i32.const 1))
      (then (drop (i32.atomic.rmw.add (i32.const 4) (i32.const 1)))))
    (call $count))
  (func (export "_start") (local $n i32)
    (loop $again
      (if (i32.le_s (call $spawn (i32.const 0)) (i32.const 0)) (then (unreachable)))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (call $join (local.get $n))
      ;; The thread may have to clean up yet.
      (drop (memory.atomic.wait32 (i32.const 12) (i32.const 0) (i64.const 20000000)))
      (br_if $again (i32.lt_s (local.get $n) (i32.const 20))))
    (call $report (i32.atomic.load (i32.const 4)))
    (call $wait))"#,
    );
    let program = start(&program, "--max-memory 16M", 1);
    assert_eq!(program.reported, [20]);
    assert!(program.peak() < 16 * MIB + OWN);
}

/// No thread begins whose tables have no room: 6 is `again`.
fn tables_of_threads_at_once() {
    let program = module_with_threads(
        r#"
  (table $f 300000 funcref)
  (func (export "wasi_thread_start") (param i32 i32)
    (call $count)
    (drop (memory.atomic.wait32 (i32.const 12) (i32.const 0) (i64.const -1))))
  (func (export "_start")
    (table.set $f (i32.const 0) (ref.null func))
    ;; Of 16 MiB each table takes a little less than five.
    (call $report (i32.gt_s (call $spawn (i32.const 0)) (i32.const 0)))
    (call $report (i32.gt_s (call $spawn (i32.const 0)) (i32.const 0)))
    (call $report (call $spawn (i32.const 0)))
    (call $join (i32.const 2))
    (call $report (table.grow $f (ref.null func) (i32.const 300000)))
    (call $wait))"#,
    );
    let program = start(&program, "--max-memory 16M", 4);
    assert_eq!(program.reported, [1, 1, -6, -1]);
    assert!(program.peak() < 16 * MIB + OWN);
}

/// At most 1024 at once, of which each waits. Then all end, and there is room for others.
fn threads() {
    let program = module_with_threads(
        r#"
  (func (export "wasi_thread_start") (param i32 i32)
    (drop (memory.atomic.wait32 (i32.const 12) (i32.const 0) (i64.const -1)))
    (call $count))
  (func $spawn_all (result i32) (local $n i32)
    (loop $again
      (if (i32.gt_s (call $spawn (i32.const 0)) (i32.const 0))
        (then
          (local.set $n (i32.add (local.get $n) (i32.const 1)))
          (br_if $again (i32.lt_s (local.get $n) (i32.const 5000))))))
    (local.get $n))
  (func (export "_start") (local $n i32)
    (local.set $n (call $spawn_all))
    (call $report (local.get $n))
    (call $report (call $spawn (i32.const 0)))
    (i32.atomic.store (i32.const 12) (i32.const 1))
    (drop (memory.atomic.notify (i32.const 12) (i32.const -1)))
    (call $join (local.get $n))
    (drop (memory.atomic.wait32 (i32.const 32) (i32.const 0) (i64.const 100000000)))
    (call $report (i32.gt_s (call $spawn (i32.const 0)) (i32.const 0)))
    (call $wait))"#,
    );
    let program = start(&program, "--max-stack 1M", 3);
    assert_eq!(program.reported[1..], [-6, 1]);
    // A system may give fewer.
    assert!((1..=1024).contains(&program.reported[0]), "{}", program.reported[0]);
    assert!(program.peak() < 64 * MIB);
}

/// However many the system would give; those of embedded files cost it nothing.
fn descriptors() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    std::fs::write(folder.path().join("file"), "contents").expect("files can be written");
    let text = format!(
        r#"(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  {HEAD} {MEMORY}
  (data (i32.const 100) "file")
  (func (export "_start") (local $errno i32)
    (loop $again
      (local.set $errno
        (call $open (i32.const 3) (i32.const 0) (i32.const 100) (i32.const 4) (i32.const 0)
          (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 200)))
      (br_if $again (i32.eqz (local.get $errno))))
    (call $report (i32.load (i32.const 200)))
    (call $report (local.get $errno))
    (call $wait)))"#
    );
    let program = build("limits.wat", text, &[&format!("--embed={}::/data", folder.path().display())]);
    // As many as there may be for this test: only the system's administrator raises the hard limit.
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -n 131072 2>/dev/null || ulimit -n $(ulimit -Hn); exec \"$@\"", "sh"]);
    shell.args(process::program_words(&program.path));
    let program = Waiting::start(shell, "", 2);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", program.child.id())).expect("it runs");
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).expect("the system tells");
    let limit: i32 = line.split_whitespace().next().and_then(|limit| limit.parse().ok()).expect("a number");
    assert_eq!(program.reported, [limit.min(1 << 16) - 1, MFILE as i32]);
    assert!(program.peak() < 32 * MIB);
}

/// A memory of 64 bits that got less address space than was planned for it does not grow beyond
/// that, into what lies above, whatever limit the user has set.
fn wide_memory_in_little_address_space() {
    let program = module(
        r#"
  (memory $first i64 1)
  (memory $second i64 1)
  (func (export "_start")
    ;; 700 GiB: the first has so much address space, the second has not.
    (call $report (i32.wrap_i64 (memory.grow $second (i64.const 11468800))))
    (call $report (i32.wrap_i64 (memory.grow $second (i64.const 1))))
    (i64.store $first (i64.const 0) (i64.const 1))
    (i64.store $second (i64.const 65536) (i64.const 1))
    (call $wait))"#,
    );
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("ulimit -v {}; exec \"$@\"", 1700 << 20), "sh"]);
    shell.args(process::program_words(&program.path));
    let program = Waiting::start(shell, "--max-memory 1M", 2);
    assert_eq!(program.reported, [-1, 1]);
    assert!(program.peak() < 16 * MIB);
}
