//! The code generator Cranelift: instruction selection, register allocation, emission.

mod compared;
pub mod compiler;
mod debug;
pub mod isa;

mod clif;
mod frame;
pub mod function;
mod place;
mod processor;
mod unwind;

/// Of Cranelift.
pub const VERSION: &str = cranelift_codegen::VERSION;
