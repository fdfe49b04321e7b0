//! Random modules under our compiler and under other engines. docs/fuzzing.md has the whole.
//!
//! Modules are in order: each uses those above it.

mod grammar;

pub mod cases;

pub mod kind;

pub mod observed;

mod reference;

mod interpreter;

pub mod variant;

mod native;

pub mod examine;

pub mod shrink;

mod tally;

pub mod command;
