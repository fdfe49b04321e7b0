//! What a process can learn or do only with `unsafe` code, for the commands of `wasm2native`, which
//! have none: whether a standard stream was closed from the start, and what happens when memory
//! runs out.

pub mod memory;
pub mod streams;
