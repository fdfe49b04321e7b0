//! The parts that the test suites and benchmarks share.
//!
//! A crate and not a module: it is compiled once for all of them, and what one of them does not
//! use is not dead code. Modules are in order: each uses those above it.

pub mod target;

pub mod generator;

pub mod manifest;

pub mod trial;

pub mod tool;

pub mod process;

pub mod rust;

pub mod browser;

pub mod command;

pub mod folder;

pub mod gdb;

pub mod text;

pub mod directive;

pub mod fixture;

pub mod toolchain;

pub mod product;

pub mod trap;

pub mod dice;

pub mod calls;
pub mod globals;
pub mod loops;
pub mod reference;

pub mod observe;

pub mod smith;
