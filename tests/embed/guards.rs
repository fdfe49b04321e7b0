//! The page before a memory and before a table's entries: no one can access it, wherever they lie.

use crate::host;
use anyhow::Result;
use goblin::elf::Elf;
use libtest_mimic::Trial;
use test_kit::{target, trials};

pub fn trials() -> Vec<Trial> {
    trials!["guards":
        what_lies_before_memories_and_tables_is_inaccessible,
        tables_of_threads_are_guarded_and_given_back,
    ]
}

/// Tables of every kind: constant, written, without entries at the start, and one that grows.
const MODULE: &str = r#"(module
    (memory (export "memory") 1)
    (type $f (func (result i32)))
    (table $constant 3 funcref)
    (table $written 3 funcref)
    (table $empty 3 externref)
    (table $grown 2 funcref)
    (elem (table $constant) (i32.const 0) func $one)
    (elem (table $written) (i32.const 1) func $one)
    (func $one (result i32) (i32.const 1))
    (func (export "call") (param i32) (result i32) (call_indirect $constant (type $f) (local.get 0)))
    (func (export "write") (param i32)
        (table.set $written (local.get 0) (ref.null func))
        (table.set $empty (local.get 0) (ref.null extern)))
    (func (export "grow") (result i32)
        (drop (call_indirect $written (type $f) (i32.const 1)))
        (drop (table.grow $grown (ref.func $one) (i32.const 1000)))
        (drop (table.grow $grown (ref.func $one) (i32.const 100000)))
        (i32.add (call_indirect $grown (type $f) (i32.const 1001))
                 (call_indirect $grown (type $f) (i32.const 101001)))))"#;

fn what_lies_before_memories_and_tables_is_inaccessible() -> Result<()> {
    let folder = host("cc", &["guards.c"])?;
    folder.write("m.wat", MODULE);
    folder.builds(&["m.wat", "--emit", "staticlib,header"]);
    folder.cc(&["guards.c", "m.a", "-o", "guards"]);
    let bytes = std::fs::read(folder.path("guards")).expect("it was built");
    let elf = Elf::parse(&bytes).expect("it is ELF");
    let value = |name: &str| {
        let symbol = elf.syms.iter().find(|symbol| elf.strtab.get_at(symbol.st_name) == Some(name));
        symbol.unwrap_or_else(|| panic!("there is a symbol {name}")).st_value
    };
    let mut arguments = vec![value("main").to_string()];
    arguments.extend((0..4).map(|table| value(&format!("w2n.entries.{table}")).to_string()));
    arguments.push(format!("*{}", value("w2n.table.3")));
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let entries = "entries: 0 0 1\n".repeat(4);
    folder.program("guards", &arguments).prints(&format!("memory: 0 0 1\n{entries}table: 0 0 1\n"));
    Ok(())
}

/// Each thread looks at its own table, which has 100,000 entries. The result is 1 if all saw what
/// they should, and the address space did not grow with the number of threads.
const THREADS: &str = r#"(module
    (import "env" "memory" (memory 1 1 shared))
    (import "env" "check" (func $check (result i32)))
    (import "env" "pages" (func $pages (result i32)))
    (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
    (table $t 100000 funcref)
    (func $look
        (table.set $t (i32.const 99999) (ref.null func))
        (drop (i32.atomic.rmw.add (i32.const 4) (call $check))))
    (func (export "wasi_thread_start") (param i32 i32)
        (call $look)
        (i32.atomic.store (i32.const 8) (i32.const 1))
        (drop (memory.atomic.notify (i32.const 8) (i32.const 1))))
    (func $run (param $n i32)
        (loop $next
            (i32.atomic.store (i32.const 8) (i32.const 0))
            (drop (call $spawn (i32.const 0)))
            (drop (memory.atomic.wait32 (i32.const 8) (i32.const 0) (i64.const -1)))
            (local.set $n (i32.sub (local.get $n) (i32.const 1)))
            (br_if $next (local.get $n))))
    (func (export "f") (result i32 i32) (local $before i32)
        (call $look)
        (call $run (i32.const 50))
        (local.set $before (call $pages))
        (call $run (i32.const 400))
        (i32.atomic.load (i32.const 4))
        (i32.lt_s (i32.sub (call $pages) (local.get $before)) (i32.const 40000))))"#;

/// `DELTA` is the distance from the table up to the thread pointer.
const CHECK: &str = r#"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
static int is_readable(const char *byte) {
  int ends[2];
  if (pipe(ends)) return -1;
  int result = write(ends[1], byte, 1) == 1;
  close(ends[0]), close(ends[1]);
  return result;
}
int check(void) {
  const char *table = (const char *)__builtin_thread_pointer() - atol(getenv("DELTA"));
  const char *entries = *(const char *const *)table;
  return !is_readable(entries - 65536) && !is_readable(entries - 1) && is_readable(entries);
}
int pages(void) {
  int n = -1;
  FILE *file = fopen("/proc/self/statm", "r");
  if (file) fscanf(file, "%d", &n), fclose(file);
  return n;
}
"#;

fn tables_of_threads_are_guarded_and_given_back() -> Result<()> {
    let folder = host("cc", &[])?;
    folder.write("t.wat", THREADS);
    folder.write("check.c", CHECK);
    folder.cc(&["-c", "-fPIC", "-Wno-unused-result", "check.c"]);
    folder.builds(&["t.wat", "check.o", "--invoke", "f", "--allow-import", "env.*", "-o", "t"]);
    let bytes = std::fs::read(folder.path("t")).expect("it was built");
    let elf = Elf::parse(&bytes).expect("it is ELF");
    let is_table = |symbol: &goblin::elf::Sym| elf.strtab.get_at(symbol.st_name) == Some("w2n.table.0");
    let table = elf.syms.iter().find(is_table).expect("the table has a symbol").st_value;
    let is_tls = |header: &&goblin::elf::ProgramHeader| header.p_type == goblin::elf::program_header::PT_TLS;
    let tls = elf.program_headers.iter().find(is_tls).expect("threads have variables");
    let delta = match target::processor() {
        // Variables begin after two words of the thread pointer (variant I of ELF's TLS).
        "aarch64" => -((16u64.next_multiple_of(tls.p_align) + table).cast_signed()),
        // Variables end at the thread pointer (variant II).
        _ => (tls.p_memsz.next_multiple_of(tls.p_align) - table).cast_signed(),
    };
    folder.program_with("t", &[], &[("DELTA", &delta.to_string())]).prints("451\n1\n");
    Ok(())
}
