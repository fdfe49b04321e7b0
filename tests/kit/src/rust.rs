//! Compiles a file of Rust to a program, for this machine or another processor.

use crate::trial::Skip;
use crate::{process, tool};
use anyhow::{Result, bail, ensure};
use std::path::Path;
use std::process::Command;

/// Compilers that are asked, in this order: the one that Cargo uses, and that of the distribution,
/// which may know targets that the former does not.
const COMPILERS: [&str; 2] = ["rustc", "/usr/bin/rustc"];

/// Linkers of other targets.
const LINKERS: [(&str, &str); 1] = [("aarch64-unknown-linux-gnu", "aarch64-linux-gnu-gcc")];

/// Makes an optimized static program of a file.
///
/// # Errors
/// [`Skip`] where no compiler knows the target or its linker is missing; the compiler's messages
/// where it refuses the file.
pub fn program(source: &Path, target: &str, output: &Path) -> Result<()> {
    let linker = LINKERS.iter().find(|(of, _)| *of == target).map(|(_, linker)| *linker);
    tool::require(linker.unwrap_or("cc"))?;
    let mut command = compiler(target)?;
    command.args(["-O", "--edition", "2024", "-Cpanic=abort", "-Ccodegen-units=1", "-Ctarget-feature=+crt-static"]);
    command.args(linker.map(|linker| format!("-Clinker={linker}")));
    let outcome = process::run(command.arg(source).arg("-o").arg(output), b"")?;
    ensure!(outcome.status == 0, "the compiler refused {}:\n{}", source.display(), outcome.stderr);
    Ok(())
}

/// A compiler that has the standard library of a target.
fn compiler(target: &str) -> Result<Command> {
    let own = std::env::var("RUSTC").ok();
    for compiler in own.as_deref().into_iter().chain(COMPILERS) {
        let mut command = Command::new(compiler);
        command.args(["--print", "target-libdir", "--target", target]);
        let Ok(outcome) = process::run(&mut command, b"") else { continue };
        if outcome.status == 0 && Path::new(outcome.stdout.trim()).exists() {
            let mut command = Command::new(compiler);
            command.args(["--target", target]);
            return Ok(command);
        }
    }
    bail!(Skip::Tool(format!("no Rust compiler has the target {target}: `rustup target add {target}`")))
}
