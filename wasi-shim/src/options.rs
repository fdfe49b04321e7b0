//! Options of the running program: those fixed when it was built, then those in
//! `WASM2NATIVE_OPTIONS`.
//!
//! Comes in: [`Program::options`], each option and value ended by a zero byte, and the environment.
//! Goes out: a walk over [`Setting`]s in order, so that a later one can override an earlier. The
//! variable is ignored in programs with fixed powers and when the system says that the user who
//! started the program must not steer it (set-user-id).

use crate::abi::program::{EntryKind, OPTIONS_VARIABLE, Program};
use crate::abi::setting::{self, HELP, Setting, UNKNOWN};
use crate::abi::words::{self, Piece};
use crate::attempt::fail;
use crate::program::{c_string, slice};
use crate::system::{self, Access, kernel};
use crate::text::{STDOUT, Text, USAGE_EXIT_STATUS, message};
use std::sync::atomic::Ordering;

/// Both sources, ready to be walked any number of times.
#[derive(Clone, Copy)]
pub struct Options {
    fixed: &'static [u8],
    /// The variable's words, each ended by a zero byte.
    variable: &'static [u8],
    /// A program that can't end after some time does not know the option.
    knows_timeout: bool,
    /// A library's process does not end because its options are listed.
    is_library: bool,
}

impl Options {
    #[cold]
    pub fn read(program: &Program, envp: *const *const u8) -> Options {
        Options {
            is_library: program.kind == EntryKind::Library as u8,
            // The process of a library is its host's, and so is the variable.
            knows_timeout: program.timeout.is_some() || program.kind == EntryKind::Library as u8,
            // SAFETY: `options_length` bytes of constant data.
            fixed: unsafe { slice(program.options, program.options_length) },
            variable: match find_variable(envp, OPTIONS_VARIABLE.as_bytes()) {
                Some(text) if program.fixed_powers == 0 && !kernel::is_privileged() => split(text),
                _ => &[],
            },
        }
    }

    /// Calls `take` with each setting in order. Stops the program at the first that can't be
    /// understood.
    #[inline(never)]
    pub fn each(&self, take: &mut dyn FnMut(Setting<'static>)) {
        for (source, text) in [("its built-in options", self.fixed), (OPTIONS_VARIABLE, self.variable)] {
            let mut words = text.split_inclusive(|&byte| byte == 0).map(|word| word.strip_suffix(&[0]).unwrap_or(word));
            while let Some(word) = words.next() {
                if word == b"--help" && !self.is_library {
                    help();
                }
                let setting = match Setting::parse(word, &mut words) {
                    Ok(Setting::Timeout(_)) if !self.knows_timeout => Err(UNKNOWN),
                    setting => setting,
                };
                match setting {
                    Ok(setting) => take(setting),
                    Err(problem) => {
                        let mut text = message();
                        text.add(source).add(": ").add(problem).add(" `").add_name(word).add("`");
                        if problem == UNKNOWN {
                            match setting::nearest(word) {
                                Some(near) => text.add(" (did you mean `--").add(near).add("`?)"),
                                None => text.add("; --help lists all"),
                            };
                        }
                        fail(text, USAGE_EXIT_STATUS)
                    }
                }
            }
        }
    }
}

/// Notes one of the bits of [`Program::gc`].
pub fn note_option(program: &Program, bit: u8) {
    program.gc.fetch_or(bit, Ordering::Relaxed);
}

/// Prints what the variable takes, and ends the program.
#[cold]
fn help() -> ! {
    let mut text = Text::new(STDOUT);
    text.add(OPTIONS_VARIABLE).add(" takes, quoted as in a shell:\n").add(HELP);
    drop(text);
    // SAFETY: does not return; nothing of the program has run.
    unsafe { libc::_exit(0) }
}

/// The value of an environment variable.
pub fn find_variable(envp: *const *const u8, name: &[u8]) -> Option<&'static [u8]> {
    variables(envp).find_map(|variable| variable.strip_prefix(name)?.strip_prefix(b"="))
}

/// The environment, as `NAME=VALUE`.
pub fn variables(envp: *const *const u8) -> impl Iterator<Item = &'static [u8]> {
    let mut next = envp;
    std::iter::from_fn(move || {
        // SAFETY: `envp` is an array of pointers to strings, ended by null, as C's `main` receives
        // it.
        unsafe {
            if next.is_null() || (*next).is_null() {
                return None;
            }
            let variable = c_string(*next);
            next = next.add(1);
            Some(variable)
        }
    })
}

/// The words of a text, each ended by a zero byte.
fn split(text: &[u8]) -> &'static [u8] {
    let words = leak(text.len().saturating_mul(2).saturating_add(1));
    let mut used = 0usize;
    let split = words::split(text, |piece| {
        words[used] = match piece {
            Piece::Byte(byte) => byte,
            Piece::End => 0,
        };
        used = used.saturating_add(1);
    });
    if split.is_err() {
        let mut text = message();
        text.add(OPTIONS_VARIABLE).add(": a quotation mark has no end");
        fail(text, USAGE_EXIT_STATUS)
    }
    &words[..used]
}

/// Zeroed bytes that are never given back. They are mapped, so that a program that allocates
/// nothing else has no allocator.
fn leak(size: usize) -> &'static mut [u8] {
    let Some(start) = system::map(size, Access::ReadWrite) else {
        let mut text = message();
        text.add("out of memory");
        fail(text, 1)
    };
    // SAFETY: new memory of `size` bytes that no one else knows.
    unsafe { std::slice::from_raw_parts_mut(start, size) }
}
