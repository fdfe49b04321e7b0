//! The Cot frontend: source files come in, the bytes of a WebAssembly module go out. It knows nothing of native code.
//!
//! Modules stand in pipeline order and import only from those above them.

pub mod source;

pub mod diagnostic;

pub mod types;

pub mod typed;

pub mod token;

pub mod scan;

pub mod ast;

pub mod parse;

pub mod library;

pub mod load;

//pub mod check;

pub mod ir;

pub mod ssa;

pub mod emit;

pub mod lower;

