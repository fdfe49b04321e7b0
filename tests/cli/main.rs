//! The command line: what users type, what they read, and which files are there afterwards.
//!
//! Each test has a folder of its own, an environment without surprises and a cache inside the
//! folder. `cargo test --test cli -- GROUP` runs the tests of a file.

mod address;
mod assembly;
mod build;
mod cache;
mod cmake;
mod commands;
mod cot;
mod depfile;
mod durable;
mod effort;
mod ends;
mod foreign;
mod function_cache;
mod generator;
mod globals;
mod grants;
mod inspect;
mod json;
mod link;
mod link_errors;
mod memory;
mod messages;
mod pages;
mod placement;
mod print;
mod profile;
mod prototypes;
#[cfg(feature = "remote-cache")]
mod remote_cache;
mod run;
mod script;
mod segments;
mod shim;
mod small;
mod special;
mod stages;
mod streams;
mod target;
mod usage;

use anyhow::{Result, bail};
use std::path::Path;
use std::process::Command;
use test_kit::process::outcome;
use test_kit::trial::Skip;

fn main() {
    let groups = [
        address::trials(),
        assembly::trials(),
        build::trials(),
        cache::trials(),
        cmake::trials(),
        commands::trials(),
        cot::trials(),
        depfile::trials(),
        durable::trials(),
        effort::trials(),
        ends::trials(),
        foreign::trials(),
        function_cache::trials(),
        generator::trials(),
        globals::trials(),
        grants::trials(),
        inspect::trials(),
        json::trials(),
        link::trials(),
        link_errors::trials(),
        memory::trials(),
        messages::trials(),
        pages::trials(),
        placement::trials(),
        print::trials(),
        profile::trials(),
        prototypes::trials(),
        #[cfg(feature = "remote-cache")]
        remote_cache::trials(),
        run::trials(),
        script::trials(),
        segments::trials(),
        shim::trials(),
        small::trials(),
        special::trials(),
        stages::trials(),
        streams::trials(),
        target::trials(),
        usage::trials(),
    ];
    test_kit::trial::run(groups.into_iter().flatten());
}

/// Mounts an empty file system in memory.
///
/// # Errors
/// [`Skip`], where this is not permitted.
fn mount(folder: &Path, options: &str) -> Result<()> {
    let mounted = outcome(Command::new("mount").args(["-t", "tmpfs", "-o", options, "none"]).arg(folder));
    if mounted.status != 0 {
        bail!(Skip::Reason("file systems can't be mounted here".to_owned()));
    }
    Ok(())
}

fn unmount(folder: &Path) {
    outcome(Command::new("umount").arg(folder)).succeeds();
}

/// Exits with 42.
pub const ANSWER: &str = r#"(module (func (export "main") (result i32) (i32.const 42)))"#;

/// Does not validate: a result is missing.
pub const INVALID: &str = r#"(module (func $half (export "main") (result i32)))"#;

/// `fib`, for `--invoke`.
pub const FIB: &str = r#"(module
  (func $fib (export "fib") (param i32) (result i32)
    (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))
      (then (local.get 0))
      (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
                     (call $fib (i32.sub (local.get 0) (i32.const 2))))))))"#;

/// Prints its arguments, each ended by a zero byte; their number is the exit status.
pub const ARGS: &str = r#"(module
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (drop (call $sizes (i32.const 0) (i32.const 4)))
    (drop (call $get (i32.const 1024) (i32.const 4096)))
    (i32.store (i32.const 8) (i32.const 4096))
    (i32.store (i32.const 12) (i32.load (i32.const 4)))
    (drop (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 16)))
    (call $exit (i32.load (i32.const 0)))))"#;

/// Prints its environment, likewise.
pub fn env() -> String {
    ARGS.replace("args_", "environ_")
}

/// Prints the name of its first directory; the exit status is the error number, 8 if it has none.
pub const DIR: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_dir_name" (func $name (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start") (local $error i32)
    (local.set $error (call $prestat (i32.const 3) (i32.const 0)))
    (if (local.get $error) (then (call $exit (local.get $error))))
    (drop (call $name (i32.const 3) (i32.const 1024) (i32.load (i32.const 4))))
    (i32.store (i32.const 8) (i32.const 1024))
    (i32.store (i32.const 12) (i32.load (i32.const 4)))
    (drop (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 16)))))"#;
