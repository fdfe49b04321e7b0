//! Random modules of fixed seeds, and one that does not do the same everywhere.

use anyhow::{Context, Result, ensure};
use clap::Parser;
use test_kit::folder::Folder;
use test_kit::tool;
use test_kit::trial::is_full;
use wasm2native_fuzz::command::{Arguments, run};
use wasm2native_fuzz::examine::examine;
use wasm2native_fuzz::kind::{Kind, Subject};
use wasm2native_fuzz::shrink::{fixture, shrink};
use wasm2native_fuzz::variant::Choice;

/// Some modules of each kind by Cranelift; with `W2N_FULL=1` as many as there are in a minute, by
/// both generators.
pub fn random_modules_do_the_same() -> Result<()> {
    tool::require_command("qemu-aarch64")?;
    tool::require_command("aarch64-linux-gnu-gcc")?;
    let folder = Folder::empty();
    let out = folder.path("failures").display().to_string();
    let mut words = vec!["fuzz", "--no-shrink", "--minutes", "1", "--jobs", "2", "--out", &out];
    if !is_full() {
        words.extend(["--count", "20", "--variants", "cranelift"]);
    }
    ensure!(run(&Arguments::try_parse_from(words)?)?, "a module differs: see above");
    Ok(())
}

/// The sign of a NaN is the processor's. Without what makes it canonical, that is a difference.
pub fn a_difference_is_found_and_shrunk() -> Result<()> {
    tool::require_command("qemu-aarch64")?;
    tool::require_command("aarch64-linux-gnu-gcc")?;
    let text = r#"(module
      (memory 1)
      (global (mut i32) (i32.const 0))
      (func $divide (param f64) (result f64) (f64.div (local.get 0) (local.get 0)))
      (func $other (param i32) (result i32) (i32.mul (local.get 0) (i32.const 3)))
      (func $sign (result i64) (i64.reinterpret_f64 (call $divide (f64.const 0))))
      (export "sign" (func $sign)))"#;
    let subject = Subject::new(Kind::Smith, 0)?.with(wat::parse_str(text)?)?;
    let variants = Choice::new(&["aarch64-cranelift-O2-library".to_owned()]).all()[..1].to_vec();
    let examined = examine(&subject, &variants, false)?;
    let failure = examined.failures.first().context("the difference was not found")?;
    ensure!(failure.difference.what == "6", "another call differs: {failure:?}");
    let smallest = shrink(&subject, failure, 10)?;
    ensure!(smallest.wasm.len() < subject.wasm.len(), "it did not get smaller");
    let text = fixture(&smallest, failure)?;
    ensure!(text.contains("f64.div") && !text.contains("i32.mul"), "{text}");
    ensure!(text.contains(";;! run args=\"64\""), "{text}");
    Ok(())
}
