//! The product as users have it: the commands `wasm2native` and `cot`.

use crate::{generator, target};
use std::path::PathBuf;
use std::process::Command;
use wasm2native::abi::words;

/// The command `wasm2native`.
pub fn wasm2native() -> Command {
    command("wasm2native")
}

/// As [`wasm2native`](fn@wasm2native), for a program that is run here, on the tests'
/// [`target`] and by their [`generator`].
pub fn for_programs() -> Command {
    let mut command = wasm2native();
    command.args(target::words());
    command.args(generator::words());
    command
}

/// Flags that fixtures and the specification's suite are compiled with besides their own, which
/// prevail: `W2N_FLAGS="-O0"`.
pub fn flags() -> Vec<String> {
    let text = std::env::var("W2N_FLAGS").unwrap_or_default();
    words::list(&text).expect("W2N_FLAGS is quoted as in a shell")
}

/// The command `cot`.
pub fn cot() -> Command {
    command("cot")
}

/// `cot build`, for a program that is run here, likewise.
pub fn cot_build() -> Command {
    let mut command = cot();
    command.arg("build").args(target::cot_words());
    command
}

/// Cargo says where its commands are. A suite that was started without Cargo finds them above
/// itself.
fn command(name: &str) -> Command {
    let told = std::env::var_os(format!("CARGO_BIN_EXE_{name}"));
    Command::new(told.map_or_else(|| ancestor(2).join(name), PathBuf::from))
}

/// A folder for what is worth keeping between two runs.
pub fn scratch() -> PathBuf {
    ancestor(3).join("tmp")
}

/// A folder above this program, which is `target/PROFILE/deps/NAME`.
fn ancestor(n: usize) -> PathBuf {
    let program = std::env::current_exe().expect("the system knows what runs");
    program.ancestors().nth(n).expect("Cargo puts it three folders deep").to_owned()
}
