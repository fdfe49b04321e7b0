//! Options of a program: words that grant it powers and set its limits.
//!
//! The compiler stores them in the program ([`Program::options`]), the user adds some in
//! [`OPTIONS_VARIABLE`], the runtime reads both, and `wasm2native inspect` reads the first.
//!
//! To add an option: a row of `settings!`, and its use wherever a match then lacks it.
//!
//! [`Program::options`]: super::program::Program::options
//! [`OPTIONS_VARIABLE`]: super::program::OPTIONS_VARIABLE

/// Declares [`Setting`]: a row for each option, with the value that follows it, if any; the form of
/// the value and what the option does, for [`HELP`].
macro_rules! settings {
    ($($(#[$attribute:meta])* $variant:ident $(($value:ident: $ty:ty))? = $name:literal, $form:literal, $help:literal;)*) => {
        /// One option with its value.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Setting<'a> {
            $($(#[$attribute])* $variant $(($ty))?,)*
        }

        /// Numbers of the options, in the order of [`HELP`].
        enum Number {
            $($variant,)*
        }

        /// All options, two lines each. The first begins with two blanks and the name.
        pub const HELP: &str = concat!($("  ", $name, $form, "\n    ", $help, "\n",)*);

        impl<'a> Setting<'a> {
            /// `word` is `--name` or `--name=value`. A value that is not in it is taken from
            /// `rest`.
            ///
            /// # Errors
            /// What is wrong, as the beginning of a message that ends with the word.
            pub fn parse(
                word: &'a [u8],
                rest: &mut impl Iterator<Item = &'a [u8]>,
            ) -> Result<Setting<'a>, &'static str> {
                let mut parts = word.splitn(2, |&byte| byte == b'=');
                let (name, inline) = (parts.next().unwrap_or_default(), parts.next());
                // No `position`: its check of the count would bring a path of std's into programs.
                let number = (0usize..).zip(names()).find(|(_, known)| name.strip_prefix(b"--") == Some(*known));
                let number = number.map(|(number, _)| number);
                match number.ok_or(UNKNOWN)? {
                    $(
                        number if number == Number::$variant as usize => {
                            let ($($value,)?) = Value::read(inline, rest)?;
                            Ok(Setting::$variant $(($value))?)
                        }
                    )*
                    _ => Err(UNKNOWN),
                }
            }

            /// The words that [`Setting::parse`] makes this setting of.
            pub fn words(self) -> Vec<String> {
                match self {
                    $(Setting::$variant $(($value))? => ($($value,)?).write($name),)*
                }
            }
        }
    };
}

settings! {
    /// A directory, as [`Grant`](super::grant::Grant) describes it.
    Dir(grant: &'a [u8]) = "--dir", " HOST[::GUEST[::ro]]", "see HOST as GUEST";
    /// The guest's name of the next of the trees that the program carries.
    Embed(guest: &'a [u8]) = "--embed", " GUEST", "see the next tree as GUEST";
    /// `NAME=VALUE`, or `NAME` for a variable whose value is that at run time.
    Env(variable: &'a [u8]) = "--env", " NAME[=VALUE]", "see this variable";
    InheritEnv = "--inherit-env", "", "see all variables";
    /// `null`, `zero` and `urandom` in `/dev`.
    Dev = "--dev", "", "see /dev/null, zero, urandom";
    /// An empty directory `/tmp` of the program's own, and the most bytes in it, if that is given.
    Tmp(bytes: Option<u64>) = "--tmp", "[=BYTES]", "have an empty /tmp";
    /// An address to listen at.
    TcpListen(address: &'a [u8]) = "--tcplisten", " ADDR:PORT", "listen there";
    /// The sockets that the program is started with.
    ListenFd = "--listenfd", "", "use inherited sockets";
    /// Most bytes that memories, tables and objects take together.
    MaxMemory(bytes: u64) = "--max-memory", " BYTES", "limit all memory: 64K, 16M, 2G";
    /// Most bytes that tables take.
    MaxTable(bytes: u64) = "--max-table", " BYTES", "limit tables";
    /// Most bytes that objects of garbage-collected types and exceptions take.
    MaxHeap(bytes: u64) = "--max-heap", " BYTES", "limit objects";
    /// What collections cost is printed at the end.
    GcStats = "--gc-stats", "", "tell of collections";
    /// A collection before each object.
    GcStress = "--gc-stress", "", "collect always";
    /// Most bytes of stack.
    MaxStack(bytes: u64) = "--max-stack", " BYTES", "limit the stack";
    /// The time after which a program ends, for [`parse_duration`].
    Timeout(duration: &'a [u8]) = "--timeout", " DURATION", "end after 500ms, 5s, 2m";
}

/// Most bytes in `/tmp` where nothing is said.
pub const DEFAULT_TMP: u64 = 64 << 20;

/// The directories of [`Setting::Dev`] and [`Setting::Tmp`], as the guest knows them.
pub const DEV: &str = "/dev";
pub const TMP: &str = "/tmp";

/// What is wrong with an option that there is not.
pub const UNKNOWN: &str = "unknown option";

/// The names of all options, without what they begin with.
fn names() -> impl Iterator<Item = &'static [u8]> {
    let lines = HELP.as_bytes().split(|&byte| byte == b'\n').filter_map(|line| line.strip_prefix(b"  --"));
    lines.map(|line| line.split(|byte| matches!(byte, b' ' | b'[')).next().unwrap_or_default())
}

/// The option whose name is nearest to a wrong one, if it is near enough to be what was meant.
#[cold]
pub fn nearest(word: &[u8]) -> Option<&'static [u8]> {
    const LONGEST: usize = 24;
    let name = word.split(|&byte| byte == b'=').next().unwrap_or_default();
    let mut best = None;
    for known in names() {
        let given = name.iter().position(|&byte| byte != b'-').map_or(&b""[..], |start| &name[start..]);
        if given.len() >= LONGEST {
            continue;
        }
        // Levenshtein's distance, a row of the table at a time.
        let mut row = [0u8; LONGEST];
        (0..).zip(&mut row).for_each(|(number, cell)| *cell = number);
        for (number, letter) in (1..).zip(known) {
            let mut corner = row[0];
            row[0] = number;
            for (column, other) in given.iter().enumerate() {
                let above = row[column.saturating_add(1)];
                let changed = corner.saturating_add(u8::from(letter != other));
                row[column.saturating_add(1)] = changed.min(above.saturating_add(1)).min(row[column].saturating_add(1));
                corner = above;
            }
        }
        let distance = row[given.len()];
        if usize::from(distance) <= known.len() / 3 && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, known));
        }
    }
    best.map(|(_, known)| known)
}

/// What follows an option: nothing, text, or a number of bytes.
trait Value<'a>: Sized {
    fn read(inline: Option<&'a [u8]>, rest: &mut impl Iterator<Item = &'a [u8]>) -> Result<Self, &'static str>;

    /// The words of the option with this name and value.
    fn write(self, name: &str) -> Vec<String>;
}

impl<'a> Value<'a> for () {
    fn read(inline: Option<&'a [u8]>, _: &mut impl Iterator<Item = &'a [u8]>) -> Result<(), &'static str> {
        inline.map_or(Ok(()), |_| Err(UNKNOWN))
    }

    fn write(self, name: &str) -> Vec<String> {
        vec![name.to_owned()]
    }
}

impl<'a> Value<'a> for (&'a [u8],) {
    #[inline(never)]
    fn read(inline: Option<&'a [u8]>, rest: &mut impl Iterator<Item = &'a [u8]>) -> Result<Self, &'static str> {
        Ok((inline.or_else(|| rest.next()).ok_or("a value is missing after")?,))
    }

    fn write(self, name: &str) -> Vec<String> {
        vec![name.to_owned(), String::from_utf8_lossy(self.0).into_owned()]
    }
}

impl<'a> Value<'a> for (u64,) {
    #[inline(never)]
    fn read(inline: Option<&'a [u8]>, rest: &mut impl Iterator<Item = &'a [u8]>) -> Result<Self, &'static str> {
        let (text,): (&[u8],) = Value::read(inline, rest)?;
        Ok((parse_bytes(text).map_err(|_| "not a number of bytes in")?,))
    }

    fn write(self, name: &str) -> Vec<String> {
        vec![name.to_owned(), self.0.to_string()]
    }
}

/// A number that may be missing stands in the same word.
impl<'a> Value<'a> for (Option<u64>,) {
    fn read(inline: Option<&'a [u8]>, rest: &mut impl Iterator<Item = &'a [u8]>) -> Result<Self, &'static str> {
        let Some(text) = inline else { return Ok((None,)) };
        let (bytes,): (u64,) = Value::read(Some(text), rest)?;
        Ok((Some(bytes),))
    }

    fn write(self, name: &str) -> Vec<String> {
        vec![self.0.map_or(name.to_owned(), |bytes| format!("{name}={bytes}"))]
    }
}

/// Milliseconds of a duration: `500ms`, `5s`, `2m`, `1h`, or `5`, which are seconds; and the number
/// and the unit in the text. `None` if it is not one, or too long.
#[cold]
pub fn parse_duration(text: &[u8]) -> Option<(u64, &[u8], &[u8])> {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let (unit, milliseconds): (&[u8], u64) = match unit {
        b"ms" => (unit, 1),
        b"s" | b"" => (b"s", 1000),
        b"m" => (b"min", 60_000),
        b"h" => (unit, 3_600_000),
        _ => return None,
    };
    let add = |number: u64, digit: &u8| number.checked_mul(10)?.checked_add(u64::from(digit.wrapping_sub(b'0')));
    let number = digits.iter().try_fold(0, add).filter(|_| !digits.is_empty())?;
    Some((number.checked_mul(milliseconds)?, digits, unit))
}

/// What is wrong with a number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrongBytes {
    NotANumber,
    TooLarge,
}

/// A number of bytes: `65536`, `64K`, `16M`, `2G`, the units being powers of 1024.
///
/// # Errors
/// When the text is not one.
#[cold]
pub fn parse_bytes(text: &[u8]) -> Result<u64, WrongBytes> {
    let (digits, unit) = match text {
        [digits @ .., b'k' | b'K'] => (digits, 1 << 10),
        [digits @ .., b'm' | b'M'] => (digits, 1 << 20),
        [digits @ .., b'g' | b'G'] => (digits, 1 << 30),
        _ => (text, 1),
    };
    let (mut number, mut is_too_large) = (0u64, false);
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return Err(WrongBytes::NotANumber);
        }
        let next = number.checked_mul(10).and_then(|number| number.checked_add(digit.into()));
        is_too_large |= next.is_none();
        number = next.unwrap_or(0);
    }
    match number.checked_mul(unit).filter(|_| !is_too_large) {
        _ if digits.is_empty() => Err(WrongBytes::NotANumber),
        number => number.ok_or(WrongBytes::TooLarge),
    }
}

#[cfg(test)]
mod tests {
    use super::{Setting, WrongBytes, nearest, parse_bytes, parse_duration};

    #[test]
    fn settings_are_read_as_they_were_written() {
        let settings = [
            Setting::Dir(b"a::b::ro"),
            Setting::Embed(b"/data"),
            Setting::Env(b"A=1=2"),
            Setting::InheritEnv,
            Setting::Dev,
            Setting::Tmp(None),
            Setting::Tmp(Some(1 << 20)),
            Setting::TcpListen(b"[::1]:80"),
            Setting::ListenFd,
            Setting::MaxMemory(1 << 20),
            Setting::MaxTable(0),
            Setting::MaxHeap(3 << 20),
            Setting::GcStats,
            Setting::GcStress,
            Setting::MaxStack(u64::MAX),
            Setting::Timeout(b"5s"),
        ];
        let words: Vec<String> = settings.into_iter().flat_map(Setting::words).collect();
        let mut rest = words.iter().map(String::as_bytes);
        for setting in settings {
            let word = rest.next().expect("there are words for each");
            assert_eq!(Setting::parse(word, &mut rest), Ok(setting));
        }
        assert_eq!(rest.next(), None);
    }

    #[test]
    fn what_is_wrong_with_a_setting_is_said() {
        let parse = |words: &[&'static str]| {
            let mut rest = words.iter().map(|word| word.as_bytes());
            Setting::parse(rest.next().unwrap_or_default(), &mut rest)
        };
        assert_eq!(parse(&["--env=A=1"]), Ok(Setting::Env(b"A=1")));
        assert_eq!(parse(&["--max-stack", "64k"]), Ok(Setting::MaxStack(65536)));
        assert_eq!(parse(&["--env"]), Err("a value is missing after"));
        assert_eq!(parse(&["--max-table", "x"]), Err("not a number of bytes in"));
        assert_eq!(parse(&["--inherit-env=1"]), Err("unknown option"));
        assert_eq!(parse(&["--tmp=64k"]), Ok(Setting::Tmp(Some(65536))));
        assert_eq!(parse(&["--tmp", "64k"]), Ok(Setting::Tmp(None)));
        assert_eq!(parse(&["--tmp="]), Err("not a number of bytes in"));
        assert_eq!(parse(&["--other"]), Err("unknown option"));
    }

    #[test]
    fn near_options_are_found() {
        for (word, name) in [
            ("--dirr", Some("dir")),
            ("-dir", Some("dir")),
            ("dir", Some("dir")),
            ("--max-memroy=1", Some("max-memory")),
            ("--inherit_env", Some("inherit-env")),
            ("--listen-fd", Some("listenfd")),
            ("--frobnicate", None),
            ("", None),
            ("--a-word-that-is-longer-than-any-name", None),
        ] {
            assert_eq!(nearest(word.as_bytes()), name.map(str::as_bytes), "{word}");
        }
    }

    #[test]
    fn durations_have_units() {
        let cases = [
            ("500ms", Some(500)),
            ("5s", Some(5000)),
            ("5", Some(5000)),
            ("0s", Some(0)),
            ("2m", Some(120_000)),
            ("1h", Some(3_600_000)),
            ("18446744073709551615ms", Some(u64::MAX)),
            ("18446744073709551616ms", None),
            ("18446744073709551615s", None),
            ("", None),
            ("s", None),
            ("-1s", None),
            ("1.5s", None),
            ("5 s", None),
            ("5d", None),
        ];
        for (text, milliseconds) in cases {
            assert_eq!(parse_duration(text.as_bytes()).map(|it| it.0), milliseconds, "{text}");
        }
    }

    #[test]
    fn bytes_have_units() {
        let cases: [(&str, Result<u64, WrongBytes>); 8] = [
            ("65536", Ok(65536)),
            ("64K", Ok(65536)),
            ("1m", Ok(1 << 20)),
            ("2G", Ok(2 << 30)),
            ("", Err(WrongBytes::NotANumber)),
            ("K", Err(WrongBytes::NotANumber)),
            ("-1", Err(WrongBytes::NotANumber)),
            ("17179869184G", Err(WrongBytes::TooLarge)),
        ];
        for (text, number) in cases {
            assert_eq!(parse_bytes(text.as_bytes()), number, "{text}");
        }
    }
}
