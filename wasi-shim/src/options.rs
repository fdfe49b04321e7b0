//! Options of the running program: those fixed when it was built, then those in
//! `WASM2NATIVE_OPTIONS`.
//!
//! Comes in: [`Program::options`], each option and value ended by a zero byte, and the environment.
//! Goes out: a walk over [`Setting`]s in order, so that a later one can override an earlier. The
//! variable is ignored in programs with fixed powers and when the system says that the user who
//! started the program must not steer it (set-user-id).
//!
//! To add an option: a variant of [`Setting`], a row in [`Setting::parse`], and its use where it
//! matters.

use crate::abi::program::{OPTIONS_VARIABLE, Program};
use crate::attempt::fail;
use crate::program::{c_string, slice};
use crate::system::kernel;
use crate::text::{USAGE_EXIT_STATUS, message};

/// One option with its value.
#[derive(Clone, Copy)]
pub enum Setting {
    /// `--dir HOST[::GUEST[::ro]]`
    Dir(&'static [u8]),
    /// `--embed GUEST`: the next of the trees that the program carries.
    Embed(&'static [u8]),
    /// `--env NAME[=VALUE]`
    Env(&'static [u8]),
    /// `--inherit-env`
    InheritEnv,
    /// `--max-memory BYTES`
    MaxMemory(u64),
    /// `--max-table BYTES`
    MaxTable(u64),
    /// `--max-stack BYTES`
    MaxStack(u64),
}

/// Both sources, ready to be walked any number of times.
#[derive(Clone, Copy)]
pub struct Options {
    fixed: &'static [u8],
    /// The variable's words, each ended by a zero byte.
    variable: &'static [u8],
}

impl Options {
    pub fn read(program: &Program, envp: *const *const u8) -> Options {
        Options {
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
    pub fn each(&self, mut take: impl FnMut(Setting)) {
        for (source, text) in [("its built-in options", self.fixed), (OPTIONS_VARIABLE, self.variable)] {
            let mut words = text.split_inclusive(|&byte| byte == 0).map(|word| word.strip_suffix(&[0]).unwrap_or(word));
            while let Some(word) = words.next() {
                match Setting::parse(word, &mut words) {
                    Ok(setting) => take(setting),
                    Err(problem) => {
                        let mut text = message();
                        text.add(source).add(": ").add(problem).add(" `").add_name(word).add("`");
                        fail(text, USAGE_EXIT_STATUS)
                    }
                }
            }
        }
    }
}

impl Setting {
    /// `word` is `--name` or `--name=value`; a value that is not in it is taken from `rest`.
    fn parse(word: &'static [u8], rest: &mut impl Iterator<Item = &'static [u8]>) -> Result<Setting, &'static str> {
        let mut parts = word.splitn(2, |&byte| byte == b'=');
        let (name, inline) = (parts.next().unwrap_or_default(), parts.next());
        let mut value = || inline.or_else(|| rest.next()).ok_or("a value is missing after");
        Ok(match name {
            b"--dir" => Setting::Dir(value()?),
            b"--embed" => Setting::Embed(value()?),
            b"--env" => Setting::Env(value()?),
            b"--inherit-env" if inline.is_none() => Setting::InheritEnv,
            b"--max-memory" => Setting::MaxMemory(parse_bytes(value()?)?),
            b"--max-table" => Setting::MaxTable(parse_bytes(value()?)?),
            b"--max-stack" => Setting::MaxStack(parse_bytes(value()?)?),
            _ => return Err("unknown option"),
        })
    }
}

/// A number of bytes, with an optional `K`, `M` or `G` for powers of 1024.
fn parse_bytes(text: &[u8]) -> Result<u64, &'static str> {
    let (digits, unit) = match text {
        [digits @ .., b'k' | b'K'] => (digits, 1 << 10),
        [digits @ .., b'm' | b'M'] => (digits, 1 << 20),
        [digits @ .., b'g' | b'G'] => (digits, 1 << 30),
        _ => (text, 1),
    };
    let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u64>().ok());
    number.and_then(|number| number.checked_mul(unit)).ok_or("not a number of bytes in")
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

/// Splits text into words the way a shell does: at white space, with `'…'`, `"…"` and `\`.
fn split(text: &[u8]) -> &'static [u8] {
    // One zero byte for each word, and at least one byte of each word is in `text`: twice the
    // length is enough.
    let words = leak(text.len().saturating_mul(2).saturating_add(1));
    let mut used = 0;
    let mut in_word = false;
    let mut quote = 0;
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        words[used] = match byte {
            b'\'' | b'"' if quote == 0 => {
                (quote, in_word) = (byte, true);
                continue;
            }
            _ if byte == quote => {
                quote = 0;
                continue;
            }
            b' ' | b'\t' | b'\n' if quote == 0 && !in_word => continue,
            b' ' | b'\t' | b'\n' if quote == 0 => 0,
            b'\\' if quote != b'\'' => bytes.next().unwrap_or(b'\\'),
            _ => byte,
        };
        in_word = words[used] != 0;
        used = used.saturating_add(1);
    }
    if quote != 0 {
        let mut text = message();
        text.add(OPTIONS_VARIABLE).add(": a quotation mark has no end");
        fail(text, USAGE_EXIT_STATUS)
    }
    // The array is zeroed: the byte that ends an unended word is there already.
    &words[..used.saturating_add(in_word.into())]
}

/// Zeroed bytes that are never given back.
fn leak(size: usize) -> &'static mut [u8] {
    // SAFETY: a new allocation of `size` bytes, zeroed, that nobody else knows.
    unsafe {
        let start = libc::calloc(size, 1).cast::<u8>();
        if start.is_null() {
            let mut text = message();
            text.add("out of memory");
            fail(text, 1);
        }
        std::slice::from_raw_parts_mut(start, size)
    }
}
