//! What programs in Cot import: the end of a program that failed, and the place of it.

use crate::abi::trap::{CODE_ABORT, FATAL_EXIT_STATUS};
use crate::arch::processor::Registers;
use crate::attempt;
use crate::backtrace::{self, Cause};
use crate::program;
use crate::shim::caller::Caller;
use crate::text::{STDERR, Text};
use std::ffi::CStr;

/// Ends the program with a message and the places of the functions that are active.
pub fn panic(caller: &Caller, message: u32, length: u32) -> ! {
    let mut room = [0; 256];
    let mut start = Text::into_buffer(&mut room);
    caller.add_bytes(&mut start, message, length.min(255));
    drop(start);
    let start = room.split(|&byte| byte == 0).next().unwrap_or_default();
    let report = backtrace::report(Cause { code: CODE_ABORT, message: start }, Registers::here());
    attempt::give_up(&report);
    let mut text = Text::new(STDERR);
    caller.add_bytes(&mut text, message, length);
    text.add("\n");
    backtrace::add_places(&mut text, &report);
    drop(text);
    program::write_profiles();
    // SAFETY: does not return.
    unsafe { libc::_exit(FATAL_EXIT_STATUS) }
}

/// Writes where the innermost function is whose source is known, as `path:line`: how many bytes
/// that is, 0 if it is not known or too long.
pub fn place(caller: &Caller, to: u32, room: u32) -> u32 {
    let report = backtrace::report(Cause { code: CODE_ABORT, message: b"" }, Registers::here());
    let Some(line) = report.frames.iter().map(|frame| frame.source).find(|source| source.line != 0) else { return 0 };
    let mut bytes = [0; 512];
    let mut text = Text::into_buffer(&mut bytes);
    // SAFETY: the report has the name of a file there.
    text.add_name(unsafe { CStr::from_ptr(line.file) }.to_bytes()).add(":").add_decimal(line.line.into());
    drop(text);
    let place = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
    let Some(length) = u32::try_from(place.len()).ok().filter(|length| *length <= room) else { return 0 };
    let start = caller.range(to, length);
    // SAFETY: `range` checked the place; the source is a variable of this function.
    unsafe { start.copy_from_nonoverlapping(place.as_ptr(), place.len()) };
    length
}
