//! The command: see `command`.

use std::process::ExitCode;

fn main() -> ExitCode {
    wasm2native_fuzz::command::main()
}
