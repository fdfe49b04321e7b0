//! Libraries in the hands of real compilers: C, C++ and Rust programs are compiled, linked with
//! what wasm2native made, and run.
//!
//! Programs and modules stand in `host/`. Each prints what it saw, and a test compares that with
//! what it ought to see. Where a machine has no C compiler, a test says so and passes.

mod dynamic;
mod guards;
mod header;
mod library;
mod place;
mod rust;
mod threads;
mod traps;
mod wrap;
mod zlib;

#[path = "../support/mod.rs"]
mod support;

use support::toolchain;
