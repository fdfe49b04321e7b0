//! WASI preview 1 and its predecessor `wasi_unstable`, on wasi-common.
//!
//! wasi-common is no longer maintained upstream. It is reached only through the rows of [`calls`], and each known fault of
//! it is corrected in one place: [`stdio`], [`sched`], [`clock`] and [`process`] replace parts of it, [`poll`], [`open`] and
//! [`sock`] prepare its work, [`outcome`] turns its fatal errors into numbers.

mod context;

mod outcome;

mod stdio;

mod sched;

mod random;

mod start;

mod poll;

mod process;

mod clock;

mod sock;

mod open;

mod calls;
