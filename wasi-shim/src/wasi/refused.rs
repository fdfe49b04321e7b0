//! What a program says when it fails after it looked for files, and nothing was granted to it.
//!
//! C libraries ask for granted directories before they take a path, and where there is none, the
//! path never gets here. Some ask at every start, before they read the arguments: that says
//! nothing.

use crate::abi::program::{OPTIONS_VARIABLE, Program};
use crate::program;
use crate::text::message;
use crate::wasi::guest::Guest;
use std::sync::atomic::{AtomicBool, Ordering};

/// The descriptor of the first directory that is granted.
const FIRST: u32 = 3;

static HAS_STARTED: AtomicBool = AtomicBool::new(false);

/// The guest reads its arguments or its environment.
pub fn started() {
    HAS_STARTED.store(true, Ordering::Relaxed);
}

/// The guest asks for granted directories: there is none with this number.
pub fn asked(guest: &Guest, number: u32) {
    if HAS_STARTED.load(Ordering::Relaxed) {
        opened(guest, number);
    }
}

/// The guest opens a file in a directory that there is not.
pub fn opened(guest: &Guest, number: u32) {
    if number == FIRST && program::main().is_some_and(|main| std::ptr::eq(main, guest.program)) {
        // A later call changes nothing.
        let _ = program::AT_FAILURE.set(tell);
    }
}

/// Says which option would have helped.
#[cold]
fn tell() {
    let is_fixed = program::main().is_none_or(|program: &Program| program.fixed_powers != 0);
    let mut text = message();
    text.add("note: no directory is granted to this program, so it finds no files; ");
    match is_fixed {
        true => text.add("build it with --dir HOST::GUEST"),
        false => text.add(OPTIONS_VARIABLE).add("=\"--dir .\" grants the current one"),
    };
    text.add("\n");
}
