//! Stages 5 to 7: CLIF to [`crate::code::Code`]. One folder per code generator; nothing outside of
//! it knows how machine code is made.
// Numbers that a module chooses are checked; see `tests/tidy.rs`.
#![deny(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss
)]

pub mod cranelift;

pub mod stub;
