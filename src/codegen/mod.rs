//! Stages 5 to 7: CLIF to [`crate::code::Code`]. One folder per code generator; nothing outside of it knows how machine
//! code is made.

pub mod cranelift;

pub mod stub;
