//! What AssemblyScript's standard library imports.
//!
//! A string is an address of UTF-16 units (little-endian); the four bytes before it hold its length
//! in bytes. 0 is null.

use crate::abi::trap::CODE_ABORT;
use crate::backtrace::Cause;
use crate::shim::caller::Caller;
use crate::text::{STDERR, STDOUT, Text};
use crate::trap::raise_here;
use std::fmt::Write;

/// More of a string is not shown in a message.
const MOST_SHOWN: u32 = 300;

/// Ends the program with a trap that says message and place: a failed assertion, an index out of
/// range, an error that was thrown.
pub fn abort(caller: &Caller, message: u32, file: u32, line: u32, column: u32) -> ! {
    let mut place = [0; 1024];
    let mut text = Text::into_buffer(&mut place);
    text.add("abort: ");
    add_string(caller, &mut text, message, MOST_SHOWN);
    text.add(" at ");
    match file {
        0 => text.add("line ").add_decimal(line.into()).add(", column "),
        _ => {
            add_string(caller, &mut text, file, MOST_SHOWN);
            text.add(":").add_decimal(line.into()).add(":")
        }
    };
    text.add_decimal(column.into());
    drop(text);
    abort_with(place.split(|&byte| byte == 0).next().unwrap_or_default())
}

/// The trap of a module that has called `abort`. The report of a trap has little room: a long
/// message precedes it.
#[inline(always)]
pub fn abort_with(message: &[u8]) -> ! {
    const ROOM: usize = 127;
    if message.len() > ROOM {
        Text::new(STDERR).add(message).add("\n");
    }
    raise_here(Cause { code: CODE_ABORT, message })
}

/// Random bits, for the generator behind `Math.random`.
pub fn seed(_: &Caller) -> f64 {
    let mut halves = [0u32; 2];
    let size = size_of_val(&halves);
    // SAFETY: a live variable of that size, for which all bits are valid.
    let n = unsafe { libc::getrandom(halves.as_mut_ptr().cast(), size, 0) };
    let [high, low] = halves.map(f64::from);
    // Where the system has none, any number will do: the generator is not one for secrets.
    if n.unsigned_abs() == size { high * 4_294_967_296.0 + low } else { 1.0 }
}

/// A message and up to five numbers on standard error.
#[expect(clippy::too_many_arguments, reason = "AssemblyScript's")]
pub fn trace(caller: &Caller, message: u32, n: u32, a0: f64, a1: f64, a2: f64, a3: f64, a4: f64) {
    let mut text = Text::new(STDERR);
    text.add("trace: ");
    add_string(caller, &mut text, message, u32::MAX);
    for (nth, value) in [a0, a1, a2, a3, a4].iter().take(n as usize).enumerate() {
        // Writing to a `Text` never fails.
        let _ = write!(text, "{}{value}", if nth == 0 { " " } else { ", " });
    }
    text.add("\n");
}

pub fn print(caller: &Caller, message: u32) {
    print_to(caller, STDOUT, message);
}

pub fn print_error(caller: &Caller, message: u32) {
    print_to(caller, STDERR, message);
}

fn print_to(caller: &Caller, descriptor: i32, message: u32) {
    let mut text = Text::new(descriptor);
    each_character(caller, message, u32::MAX, |character| {
        text.add(character.encode_utf8(&mut [0; 4]));
    });
    text.add("\n");
}

/// At most so many units of a string, without what could drive a terminal.
fn add_string(caller: &Caller, text: &mut Text, address: u32, most: u32) {
    let is_whole = each_character(caller, address, most, |character| {
        text.add_name(character.encode_utf8(&mut [0; 4]).as_bytes());
    });
    if !is_whole {
        text.add("...");
    }
}

/// Goes through at most so many units of a string. Whether that was all of it. A unit that is not
/// text becomes a replacement character.
fn each_character(caller: &Caller, address: u32, most: u32, mut take: impl FnMut(char)) -> bool {
    if address == 0 {
        return true;
    }
    // An address below 4 wraps round to one that no memory has.
    let n_units = caller.read_u32(address.wrapping_sub(4)) / 2;
    let shown = n_units.min(most);
    let start = caller.range(address, n_units.saturating_mul(2)).cast::<u16>();
    // SAFETY: `range` checked that all units are in the memory.
    let units = (0..shown as usize).map(|nth| unsafe { start.add(nth).read_unaligned() });
    for character in char::decode_utf16(units) {
        take(character.unwrap_or(char::REPLACEMENT_CHARACTER));
    }
    shown == n_units
}
