//! The product as users have it: the commands `wasm2native` and `cot`.

use crate::{generator, target};
use std::path::PathBuf;
use std::process::Command;

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
