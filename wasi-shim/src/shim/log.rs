//! `log` and `print` of modules that have no library: a line on standard output. What is printed
//! follows from the type: a number, or the text of which address and length are passed.

use crate::shim::caller::Caller;
use crate::text::{STDOUT, Text};
use std::fmt::Display;
use std::fmt::Write;

pub fn text(caller: &Caller, address: u32, length: u32) {
    let mut text = Text::new(STDOUT);
    caller.add_bytes(&mut text, address, length);
    text.add("\n");
}

pub fn i32(_: &Caller, value: u32) {
    line(value.cast_signed());
}

pub fn i64(_: &Caller, value: u64) {
    line(value.cast_signed());
}

pub fn f32(_: &Caller, value: f32) {
    line(value);
}

pub fn f64(_: &Caller, value: f64) {
    line(value);
}

fn line(value: impl Display) {
    let mut text = Text::new(STDOUT);
    // Writing to a `Text` never fails.
    let _ = writeln!(text, "{value}");
}
