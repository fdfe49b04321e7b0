//! Programs of the machine that some tests need: compilers, debuggers, emulators.

use crate::trial::Skip;
use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::Mutex;

/// Tools and the Debian packages that have them.
const PACKAGES: [(&str, &str); 8] = [
    ("ar", "binutils"),
    ("c++", "g++"),
    ("cc", "gcc"),
    ("gdb", "gdb"),
    ("mount", "mount"),
    ("node", "nodejs"),
    ("qemu-x86_64", "qemu-user"),
    ("setpriv", "util-linux"),
];

/// The compiler for C programs of the target that tests run on: `cc`, or the words of the
/// environment variable `W2N_CC` (`aarch64-linux-gnu-gcc`).
pub fn cc() -> Command {
    let text = std::env::var("W2N_CC").unwrap_or_else(|_| "cc".to_owned());
    let mut words = text.split_ascii_whitespace();
    let mut command = Command::new(words.next().unwrap_or("cc"));
    command.args(words);
    command
}

/// What was found, by tool.
static FOUND: Mutex<BTreeMap<String, bool>> = Mutex::new(BTreeMap::new());

/// Whether `tool --version` runs and succeeds.
pub fn is_available(tool: &str) -> bool {
    let mut found = FOUND.lock().expect("nothing panics with the lock");
    let ask = || {
        let mut command = Command::new(tool);
        command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    *found.entry(tool.to_owned()).or_insert_with(ask)
}

/// Requires a tool.
///
/// # Errors
/// [`Skip`], which names the package to install.
pub fn require(tool: &str) -> Result<(), Skip> {
    if is_available(tool) {
        return Ok(());
    }
    let package = PACKAGES.iter().find(|(known, _)| *known == tool).map(|(_, package)| *package);
    let hint = package.map(|package| format!(": `apt-get install {package}`")).unwrap_or_default();
    Err(Skip::Tool(format!("there is no `{tool}` on this machine{hint}")))
}
