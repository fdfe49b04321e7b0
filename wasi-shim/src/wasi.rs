//! WASI preview 1 and its predecessor `wasi_unstable`.
//!
//! The guest is not trusted. [`guest`] turns its numbers into checked pointers. [`beneath`] keeps
//! its paths inside of what was granted, and away from what [`exposed`] lists. [`descriptor`] and
//! [`rights`] know what may be done with which descriptor. The other modules are WASI's functions,
//! which say what to ask the system for. [`calls`] lists them all.

mod errno;

mod types;

mod rights;

mod unpack;

mod embedded;

mod descriptor;

mod exposed;

mod beneath;

mod context;

mod guest;

mod args;

mod clock;

mod stat;

mod path;

mod file;

mod directory;

mod random;

mod process;

mod sock;

mod poll;

mod start;

mod calls;

mod threads;
