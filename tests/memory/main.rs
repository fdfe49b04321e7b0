//! `memmove`, `memset` and their like of the own C library, `wasi-shim/libc/src/memory/`: each size
//! at each alignment, with all registers that the processor has, on a processor that has fewer, and
//! on another one.
//!
//! They are compiled as they are in the runtime, with optimization, to the program `check.rs`, and
//! not by a name of the C library: so what they are compared with is not themselves.

use anyhow::{Result, ensure};
use libtest_mimic::Arguments;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use tempfile::TempDir;
use test_kit::trial::Skip;
use test_kit::{process, rust, tool, trials};

fn main() {
    let arguments = Arguments::from_args();
    let trials = trials!("memory":
        chosen_registers, narrow_registers, wide_registers,
        old_processor, system_without_avx, processor_without_avx512, another_processor,
        loops_stay_loops,
    );
    libtest_mimic::run(&arguments, trials).exit();
}

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().expect("there is a folder for files"));

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The program `check` for a target.
fn check(target: &str) -> Result<PathBuf> {
    let path = FOLDER.path().join(format!("check-{target}"));
    rust::program(&project().join("tests/memory/check.rs"), target, &path)?;
    Ok(path)
}

/// That for this machine.
fn native() -> Result<&'static PathBuf> {
    static PATH: LazyLock<std::result::Result<PathBuf, String>> = LazyLock::new(|| {
        let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        check(&target).map_err(|error| format!("{error:#}"))
    });
    PATH.as_ref().map_err(|error| anyhow::anyhow!("{error}"))
}

/// Runs the program, which prints a line for the width that it uses, if that can be chosen.
fn passes(mut command: Command, width: Option<&str>) -> Result<()> {
    let outcome = process::run(&mut command, b"")?.succeeds();
    if outcome.stdout.contains("no such registers") {
        return Err(Skip::Reason(outcome.stdout.trim().to_owned()).into());
    }
    ensure!(outcome.stdout.contains(" calls\n"), "{outcome:#?}");
    if let Some(width) = width {
        ensure!(outcome.stdout.lines().next() == Some(width), "{outcome:#?}");
    }
    Ok(())
}

fn natively(width: &str) -> Result<()> {
    let mut command = Command::new(native()?);
    command.arg(width);
    passes(command, None)
}

fn chosen_registers() -> Result<()> {
    natively("chosen")
}

fn narrow_registers() -> Result<()> {
    natively("narrow")
}

fn wide_registers() -> Result<()> {
    natively("wide")
}

/// On a processor of x86-64 that an emulator has.
fn emulated(processor: &str, width: &str) -> Result<()> {
    const EMULATOR: &str = "qemu-x86_64";
    if std::env::consts::ARCH != "x86_64" {
        return Err(Skip::Reason("the program is made for another processor".to_owned()).into());
    }
    tool::require(EMULATOR)?;
    let mut command = Command::new(EMULATOR);
    command.args(["-cpu", processor]).arg(native()?).args(["chosen", "few"]);
    passes(command, Some(width))
}

fn old_processor() -> Result<()> {
    emulated("Nehalem", "Narrow")
}

/// A system that does not keep the registers hides OSXSAVE.
fn system_without_avx() -> Result<()> {
    emulated("max,-xsave", "Narrow")
}

fn processor_without_avx512() -> Result<()> {
    emulated("max", "Wide")
}

fn another_processor() -> Result<()> {
    const EMULATOR: &str = "qemu-aarch64";
    tool::require(EMULATOR)?;
    let mut command = Command::new(EMULATOR);
    command.arg(check("aarch64-unknown-linux-gnu")?).args(["chosen", "few"]);
    passes(command, None)
}

/// A loop in `memcpy` that becomes a call of `memcpy` does not end.
fn loops_stay_loops() -> Result<()> {
    let root = std::fs::read_to_string(project().join("wasi-shim/libc/src/lib.rs"))?;
    ensure!(root.contains("#![no_builtins]"), "the crate permits calls in place of loops");
    Ok(())
}
