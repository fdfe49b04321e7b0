//! `wasm2native`: WebAssembly to native executables, objects and libraries, ahead of time.
//!
//! The modules stand in pipeline order, and each imports only from those above it; `tests/tidy`
//! holds that. [`driver::pipeline`] has the stages, a method each, from earlier values to a new
//! one: read, parse, resolve, declare, analyze, look up, lay out, compile, write, link. A program,
//! a library and a test script are three lists over them.
#![forbid(unsafe_op_in_unsafe_fn)]

#[path = "../wasi-shim/guard/mod.rs"]
pub mod guard;

pub mod cot;

#[path = "../wasi-shim/src/abi/mod.rs"]
pub mod abi;

pub mod runtime_target;

pub mod runtime_file;

pub mod number;

pub mod options;

pub mod progress;

pub mod stdio;

pub mod output;

pub mod manual;

pub mod depfile;

pub mod embed;

pub mod scratch;

pub mod start;

pub mod report;

pub mod script;

pub mod wasm;

pub mod debug;

pub mod resolve;

pub mod shims;

pub mod foreign;

pub mod analyze;

pub mod profile;

pub mod layout;

pub mod unit;

pub mod translate;

pub mod code;

pub mod codegen;

pub mod object;

pub mod listing;

pub mod page;

pub mod header;

pub mod link;

pub mod driver;

pub mod cache;

pub mod inspect;
