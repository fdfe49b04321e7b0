//! Sessions with gdb.

use crate::folder::Folder;
use crate::trial::Skip;
use crate::{process, target, tool};
use anyhow::{Result, bail};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

/// What gdb says when it does `commands`, one after the other. A program of another processor runs
/// in QEMU, to which gdb speaks by a socket: it is there already when it would be started.
///
/// # Errors
/// [`Skip`], if there is no gdb, or it must not run programs.
pub fn session(program: &Path, argument: &str, commands: &[&str]) -> Result<String> {
    tool::require("gdb")?;
    let mut command = tool::command("gdb");
    command.args(["-nx", "-batch", "-ex", "set width 0", "-ex", "set disable-randomization off"]);
    command.env("DEBUGINFOD_URLS", "").env("LC_ALL", "C");
    let _emulator = if target::is_foreign() {
        let folder = Folder::empty();
        let socket = folder.path("gdb");
        let mut emulator = process::program_with_flags(&["-g".as_ref(), socket.as_ref()], program);
        let emulator = Emulator(process::spawn(emulator.arg(argument).stdout(Stdio::null()).stderr(Stdio::null()))?);
        while !socket.exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
        command.arg("-ex").arg(format!("target remote {}", socket.display()));
        Some((emulator, folder))
    } else {
        None
    };
    for text in commands {
        command.args(["-ex", text]);
    }
    let outcome = process::run(command.arg("--args").arg(program).arg(argument), b"")?;
    let text = format!("{}{}", outcome.stdout, outcome.stderr);
    if text.contains("ptrace") {
        bail!(Skip::Reason("gdb can't run a program here: allow ptrace".to_owned()));
    }
    Ok(text)
}

/// An emulator that waits for gdb; it ends with the value.
struct Emulator(Child);

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What makes the program go on from its first instruction.
pub fn start() -> &'static str {
    if target::is_foreign() { "continue" } else { "run" }
}
