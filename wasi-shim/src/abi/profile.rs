//! Profiles: how often each block of a program's functions ran. The records by which an
//! instrumented program knows its counters, and the text that it writes, which
//! `docs/profile.md` describes.
//!
//! Runtime and compiler read the text with the same code: the runtime to add to it, the compiler to
//! use it. It allocates nothing, for a program may write its profile from a signal handler.

use super::record::Padding;
use core::cmp::Ordering;
use core::sync::atomic::{AtomicU32, AtomicU64};

/// Environment variable with the file that a program adds its profile to, instead of that which was
/// chosen when it was built.
pub const FILE_VARIABLE: &str = "WASM2NATIVE_PROFILE_FILE";

/// The first line; the number is that of the form.
pub const HEADER: &[u8] = b"wasm2native profile 1\n";

/// First words of the lines.
pub const FUNCTION: &[u8] = b"function ";
pub const END: &[u8] = b"end ";

/// [`Profile::state`]: nothing was written, somebody is writing, it was written.
pub const NEW: u32 = 0;
pub const WRITING: u32 = 1;
pub const WRITTEN: u32 = 2;

record! {
    /// What a program or library knows of its counters. Writable data, only if there are some.
    pub struct Profile from ProfileFields {
        /// `w2n_profile_write`, so that other programs link none of it.
        pub write: Option<unsafe extern "C" fn(*const Profile)>,
        /// [`NEW`], [`WRITING`] or [`WRITTEN`].
        pub state: AtomicU32,
        pub padding: Padding<4>,
        /// Name of the file, zero-terminated.
        pub file: *const u8,
        /// Of each module with counters.
        pub modules: *const *const ProfileModule,
        pub n_modules: u64,
    }
}

record! {
    /// The counted functions of a module, by their index.
    pub struct ProfileModule from ProfileModuleFields {
        pub functions: *const CountedFunction,
        pub n_functions: u64,
    }
}

record! {
    /// A function that counts.
    pub struct CountedFunction from CountedFunctionFields {
        /// Its [`Key`] as it stands in a profile.
        pub key: *const u8,
        pub key_length: u64,
        pub counters: *const AtomicU64,
        pub n_counters: u64,
    }
}

/// What identifies a function, in the order of the lines of a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key<'t> {
    /// [`NONE`] for the main module; see [`escape`].
    pub module: &'t [u8],
    pub index: u32,
    /// [`NONE`] if it has none; see [`escape`].
    pub name: &'t [u8],
    /// Hash of its operators, as 16 hexadecimal digits.
    pub hash: &'t [u8],
}

/// In the place of a name.
pub const NONE: &[u8] = b"-";

/// The line of a function.
#[derive(Clone, Copy, Debug)]
pub struct Line<'t> {
    /// Counted from 1.
    pub number: u64,
    pub key: Key<'t>,
    /// [`Key`] as it is written.
    pub key_text: &'t [u8],
    /// Numbers between spaces, at least one.
    counts: &'t [u8],
}

impl<'t> Line<'t> {
    pub fn counts(&self) -> impl Iterator<Item = u64> + use<'t> {
        self.counts.split(|&byte| byte == b' ').map(|digits| number(digits).unwrap_or(0))
    }
}

/// What is wrong with a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    pub line: u64,
    pub what: &'static str,
}

/// Reads a profile, line by line.
pub struct Lines<'t> {
    rest: &'t [u8],
    /// Number of the line that is read next.
    line: u64,
    n_functions: u64,
    last: Option<Key<'t>>,
}

impl<'t> Lines<'t> {
    /// # Errors
    /// When the text does not begin as a profile does.
    pub fn new(text: &'t [u8]) -> Result<Lines<'t>, Fault> {
        match text.strip_prefix(HEADER) {
            Some(rest) => Ok(Lines { rest, line: 2, n_functions: 0, last: None }),
            None if text.starts_with(b"wasm2native profile ") => {
                Err(Fault { line: 1, what: "this profile has the form of another version" })
            }
            None => Err(Fault { line: 1, what: "this is not a profile" }),
        }
    }

    /// The next function; `None` at the end.
    ///
    /// # Errors
    /// When the line is damaged, or the text ends before the profile does.
    pub fn read(&mut self) -> Result<Option<Line<'t>>, Fault> {
        let fault = |what| Fault { line: self.line, what };
        let end = self.rest.iter().position(|&byte| byte == b'\n').ok_or(fault("the profile is cut off"))?;
        let (line, rest) = (&self.rest[..end], self.rest.get(end.saturating_add(1)..).unwrap_or_default());
        if let Some(n_functions) = line.strip_prefix(END) {
            return match number(n_functions) {
                Some(number) if number == self.n_functions && rest.is_empty() => Ok(None),
                Some(number) if number == self.n_functions => Err(fault("something follows the end of the profile")),
                _ => Err(fault("the profile has another number of functions")),
            };
        }
        let line = line.strip_prefix(FUNCTION).ok_or(fault("expected the line of a function, or the end"))?;
        let line = parse(line, self.line).map_err(fault)?;
        if self.last.is_some_and(|last| last >= line.key) {
            return Err(fault("the functions are not in order"));
        }
        self.last = Some(line.key);
        self.rest = rest;
        self.line = self.line.saturating_add(1);
        self.n_functions = self.n_functions.saturating_add(1);
        Ok(Some(line))
    }
}

/// A line without its first word.
fn parse(text: &[u8], line: u64) -> Result<Line<'_>, &'static str> {
    const WORDS: usize = 4;
    let mut spaces = (0..text.len()).filter(|&at| text[at] == b' ');
    let end = spaces.nth(WORDS - 1).ok_or("the line of a function is too short")?;
    let (key_text, counts) = (&text[..end], text.get(end.saturating_add(1)..).unwrap_or_default());
    let key = key(key_text).ok_or("expected module, index, name and hash of a function")?;
    if counts.split(|&byte| byte == b' ').any(|digits| number(digits).is_none()) {
        return Err("expected counts of 64 bits, with a space between them");
    }
    Ok(Line { number: line, key, key_text, counts })
}

/// A key from its text.
pub fn key(text: &[u8]) -> Option<Key<'_>> {
    let mut words = text.split(|&byte| byte == b' ');
    let (module, index, name, hash) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let index = u32::try_from(number(index)?).ok()?;
    let is_hash = hash.len() == 16 && hash.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let is_complete = words.next().is_none() && !module.is_empty() && !name.is_empty() && is_hash;
    is_complete.then_some(Key { module, index, name, hash })
}

/// A number in decimal digits, without zeros before it.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 1 && digits[0] == b'0' {
        return None;
    }
    digits.iter().try_fold(0u64, |number, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit <= 9)?;
        number.checked_mul(10)?.checked_add(digit.into())
    })
}

/// A name as a word of the text: what is not printable ASCII, a space, `%`, and a name that looks
/// like [`NONE`], as hexadecimal digits after a `%`. `%` alone is an empty name.
pub fn escape(name: &[u8], mut put: impl FnMut(u8)) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    if name.is_empty() {
        put(b'%');
    }
    for &byte in name {
        if byte.is_ascii_graphic() && byte != b'%' && name != NONE {
            put(byte);
        } else {
            put(b'%');
            put(DIGITS[usize::from(byte >> 4)]);
            put(DIGITS[usize::from(byte & 15)]);
        }
    }
}

/// What comes first of two texts in order.
pub fn earlier(one: Option<Key>, other: Option<Key>) -> Ordering {
    match (one, other) {
        (Some(one), Some(other)) => one.cmp(&other),
        // Nothing comes last.
        (one, other) => other.is_some().cmp(&one.is_some()),
    }
}
