//! What the test harnesses share: fixtures, processes with a time limit, the C compiler, wasmtime
//! as the reference.
//!
//! Each harness is its own program and uses a part of this; hence the `allow`.
#![allow(dead_code)]

pub mod directive;

pub mod fixture;

pub mod text;

pub mod process;

pub mod toolchain;

pub mod product;

pub mod reference;

pub mod trap;

pub mod smith;
