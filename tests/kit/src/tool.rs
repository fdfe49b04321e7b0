//! Programs of the machine that some tests need: compilers, debuggers, emulators.

use crate::target;
use crate::trial::Skip;
use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::Mutex;

/// Tools and the Debian packages that have them.
const PACKAGES: [(&str, &str); 26] = [
    ("aarch64-linux-gnu-g++", "g++-aarch64-linux-gnu"),
    ("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu"),
    ("aarch64-linux-gnu-objdump", "binutils-aarch64-linux-gnu"),
    ("/usr/bin/rustc", "rustc-web libstd-rust-web-dev:arm64"),
    ("ar", "binutils"),
    ("c++", "g++"),
    ("cc", "gcc"),
    ("chromium", "chromium"),
    ("clang-19", "clang-19"),
    ("cmake", "cmake"),
    ("fish", "fish"),
    ("gdb", "gdb"),
    ("gdb-multiarch", "gdb-multiarch"),
    ("ld64.lld-19", "lld-19"),
    ("lldb", "lldb"),
    ("make", "make"),
    ("man", "man-db"),
    ("mount", "mount"),
    ("node", "nodejs"),
    ("perf", "linux-perf"),
    ("qemu-aarch64", "qemu-user"),
    ("qemu-x86_64", "qemu-user"),
    ("redis-server", "redis-server"),
    ("setpriv", "util-linux"),
    ("strace", "strace"),
    ("zsh", "zsh"),
];

/// The compiler for C programs of the target that tests run on: `cc`, Debian's cross compiler
/// (`aarch64-linux-gnu-gcc`), or the words of the environment variable `W2N_CC`; `W2N_CXX` and
/// `W2N_RUSTC` likewise.
pub fn cc() -> Command {
    command("cc")
}

/// A tool for files of the target: of a compiler, a debugger and the like it is another one for
/// each processor.
pub fn command(tool: &str) -> Command {
    let words = words(tool);
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    command
}

/// The words that start such a tool.
pub fn words(tool: &str) -> Vec<String> {
    let variable = match tool {
        "cc" => "W2N_CC",
        "c++" => "W2N_CXX",
        "rustc" => "W2N_RUSTC",
        _ => return vec![name(tool)],
    };
    let text = std::env::var(variable).unwrap_or_else(|_| name(tool));
    text.split_ascii_whitespace().map(str::to_owned).collect()
}

/// What Debian calls it.
fn name(tool: &str) -> String {
    let cross = |name: &str| format!("{}-linux-gnu-{name}", target::processor());
    match (tool, target::triple()) {
        (_, Some(triple)) if target::is_foreign() => match tool {
            "cc" => cross("gcc"),
            "c++" => cross("g++"),
            "objdump" => cross("objdump"),
            "gdb" => "gdb-multiarch".to_owned(),
            // That of the package `rustc-web`, beside which other targets' libraries install.
            "rustc" => format!("/usr/bin/rustc --target {triple} -Clinker={}", cross("gcc")),
            _ => tool.to_owned(),
        },
        _ => tool.to_owned(),
    }
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

/// Requires a tool for files of the target.
///
/// # Errors
/// [`Skip`], which names the package to install.
pub fn require(tool: &str) -> Result<(), Skip> {
    require_command(&words(tool)[0])
}

/// Requires a command of this machine.
///
/// # Errors
/// As [`require`].
pub fn require_command(tool: &str) -> Result<(), Skip> {
    if is_available(tool) {
        return Ok(());
    }
    let package = PACKAGES.iter().find(|(known, _)| *known == tool).map(|(_, package)| *package);
    let hint = package.map(|package| format!(": `apt-get install {package}`")).unwrap_or_default();
    Err(Skip::Tool(format!("there is no `{tool}` on this machine{hint}")))
}
