//! The runtime: everything of a program that is not its own code.
//!
//! Comes in: [`abi::program::Program`], data that the compiler wrote. Goes out: the functions of
//! [`abi::builtin::Builtin`], `wasi_snapshot_preview1_*` and `wasi_unstable_*`, and the shims of
//! [`abi::shim`]. The core knows nothing of WASI: `entry` reaches it through
//! [`abi::program::Program::start_wasi`], so that a program without WASI links none of it. The core
//! does not allocate, and nothing in `trap` may, because it runs in signal handlers.
//!
//! This is the only crate of the project with `unsafe` code. Where threads meet, in shared
//! memories, there are locks; of WASI, of tables and of the program's description they know that
//! one thread alone uses them.
//!
//! The modules import only from those above them; `tests/tidy` checks that.

#[macro_use]
pub mod abi;

mod width;

mod system;

#[macro_use]
mod arch;

mod program;

mod text;

mod panic;

mod signature;

mod stack;

mod sites;

mod backtrace;

mod lines;

mod attempt;

mod options;

mod cpu;

mod profile;

mod crash;

mod interrupt;

mod trap;

mod access;

mod timeout;

mod budget;

mod table;

mod memory;

mod wait;

mod heap;

mod exception;

mod foreign;

mod format;

mod variadic;

mod formatted;

mod number;

mod script;

mod entry;

mod invoke;

mod reset;

mod library;

mod instance;

mod debugger;

mod wasi;

mod shim;
