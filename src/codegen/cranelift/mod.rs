//! Machine code by Cranelift: instruction selection, register allocation, emission.

pub mod sweep;
pub mod target;

mod dump;
mod frame;
mod function;
mod grown;
mod processor;
