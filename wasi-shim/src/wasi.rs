//! WASI preview 1 and its predecessor `wasi_unstable`, on wasi-common.
//!
//! wasi-common is no longer maintained upstream. It is reached only through the rows of [`calls`], and each known fault of
//! it is corrected in one place: [`stdio`] and [`sched`] replace parts of it, [`errno`] turns its fatal errors into numbers.

mod context;

mod errno;

mod stdio;

mod sched;

mod random;

mod start;

mod poll;

mod process;

mod clock;

mod calls;
