//! What a process can learn or do only with `unsafe` code, for the commands of `wasm2native`:
//! whether a standard stream was closed from the start, and what happens when memory runs out.
//!
//! The compiler has no other module with such code, so this one stands outside of its folder.
#![allow(unsafe_code)]
#![deny(clippy::undocumented_unsafe_blocks)]

pub mod memory;
pub mod streams;
