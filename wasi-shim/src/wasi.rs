//! WASI preview 1 and its predecessor `wasi_unstable`.
//!
//! The guest is not trusted. [`guest`] turns its numbers into checked pointers. [`beneath`] keeps
//! its paths inside of what was granted, and away from what [`exposed`] lists. [`descriptor`] and
//! [`rights`] know what may be done with which descriptor. The other modules are WASI's functions,
//! which say what to ask the system for. [`calls`] lists them all.

pub mod errno;

mod types;

pub mod rights;

mod unpack;

mod embedded;

mod volume;

mod devices;

mod tree;

mod descriptor;

mod granted;

mod host_stream;

mod config;

mod exposed;

mod beneath;

pub mod context;

pub mod guest;

mod trace;

mod refused;

mod args;

mod clock;

pub mod stat;

pub mod path;

pub mod file;

pub mod directory;

mod random;

mod process;

mod sock;

mod poll;

mod start;

mod listen;

mod extra;

mod calls;

mod threads;
