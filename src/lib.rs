//! `wasm2native`: WebAssembly to native executables, objects and libraries, ahead of time.
//!
//! The modules stand in pipeline order and import only from those above them; `tests/tidy.rs` holds
//! that. [`compile`] is the map: a line a stage, each a function from earlier values to a new one.
#![forbid(unsafe_op_in_unsafe_fn)]

pub mod cot;

#[path = "../wasi-shim/src/abi/mod.rs"]
pub mod abi;

pub mod number;

pub mod options;

pub mod progress;

pub mod stdio;

pub mod output;

pub mod embed;

pub mod scratch;

pub mod start;

pub mod script;

pub mod wasm;

pub mod resolve;

pub mod foreign;

pub mod analyze;

pub mod layout;

pub mod translate;

pub mod code;

pub mod codegen;

pub mod object;

pub mod header;

pub mod link;

pub mod driver;

pub mod cache;

pub mod inspect;
