//! Format strings of `printf` and `scanf`: which arguments a format asks for (C17, 7.21.6.1 and
//! 7.21.6.2; POSIX for `%1$d`).
//!
//! The C library will read the same string. Where it and this file could understand it differently,
//! types would be confused: so what is not in the standards is refused, and so is what C libraries
//! disagree about.

/// C17, 5.2.4.1: 127 arguments in a function call.
pub const MOST_ARGUMENTS: usize = 127;

/// What a conversion takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Four bytes.
    Int,
    /// `long`, `size_t`, `ptrdiff_t`: as wide as an address in the module.
    Long {
        signed: bool,
    },
    /// Eight bytes.
    LongLong,
    Double,
    LongDouble,
    /// An address that is printed.
    Address,
    /// The address of a string that is read, of characters of so many bytes.
    Text {
        unit: u64,
        most: Most,
    },
    /// The address of so many bytes that C writes; it means as much to it as to the module.
    Store(u64),
    /// The address of a `long`, or of a pointer, that C writes.
    StoreLong {
        signed: bool,
    },
    /// The address of a `long double` that C writes.
    StoreLongDouble,
    /// The address of the so many bytes of a count of characters, which is written after the call:
    /// on its way C reads strings, and their ends must stay.
    Count(u64),
    /// The same, of a `long`.
    CountLong,
}

/// How many characters of a string are read at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Most {
    All,
    Constant(u64),
    /// As the argument with this number says.
    Argument(usize),
}

/// The arguments in their order.
pub struct Arguments {
    kinds: [Option<Kind>; MOST_ARGUMENTS],
    length: usize,
    /// Whether they are numbered: `%1$d`; unknown as long as there was none.
    numbered: Option<bool>,
}

/// A conversion that is refused: its text.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused<'a>(pub &'a [u8]);

/// Reads the format of a `printf`.
pub fn printf(format: &[u8]) -> Result<Arguments, Refused<'_>> {
    read(format, Reader::printf)
}

/// Reads the format of a `scanf`.
pub fn scanf(format: &[u8]) -> Result<Arguments, Refused<'_>> {
    read(format, Reader::scanf)
}

impl Arguments {
    /// In order. What no conversion asks for, between two that are asked for, is an `int`.
    pub fn kinds(&self) -> impl Iterator<Item = Kind> {
        self.kinds[..self.length].iter().map(|kind| kind.unwrap_or(Kind::Int))
    }

    /// Notes the next argument, or the one with that number; its place.
    fn add(&mut self, number: Option<usize>, kind: Kind) -> Option<usize> {
        if *self.numbered.get_or_insert(number.is_some()) != number.is_some() {
            return None;
        }
        let index = number.unwrap_or(self.length);
        let place = self.kinds.get_mut(index)?;
        match place {
            Some(other) if !is_same(*other, kind) => return None,
            _ => *place = Some(kind),
        }
        self.length = self.length.max(index.checked_add(1)?);
        Some(index)
    }
}

/// Whether both take the same argument in the same way.
fn is_same(a: Kind, b: Kind) -> bool {
    a == b || matches!((a, b), (Kind::Long { .. }, Kind::Long { .. }))
}

fn read<'a>(
    format: &'a [u8],
    conversion: fn(&mut Reader<'a>, &mut Arguments) -> Option<()>,
) -> Result<Arguments, Refused<'a>> {
    let mut arguments = Arguments { kinds: [None; MOST_ARGUMENTS], length: 0, numbered: None };
    let mut reader = Reader { rest: format };
    while let Some(start) = reader.rest.iter().position(|byte| *byte == b'%') {
        let text = &reader.rest[start..];
        reader.rest = &text[1..];
        if conversion(&mut reader, &mut arguments).is_none() {
            let length = text.len().saturating_sub(reader.rest.len());
            return Err(Refused(&text[..length]));
        }
    }
    Ok(arguments)
}

struct Reader<'a> {
    rest: &'a [u8],
}

/// The length modifiers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Length {
    None,
    Char,
    Short,
    Long,
    LongLong,
    /// `z` and `t`.
    Size,
    LongDouble,
}

impl Reader<'_> {
    /// `% [n$] [flags] [width] [.precision] [length] conversion`, after the `%`.
    fn printf(&mut self, arguments: &mut Arguments) -> Option<()> {
        if self.got(b'%') {
            return Some(());
        }
        let number = self.number()?;
        while self.rest.first().is_some_and(|byte| b"-+ #0'".contains(byte)) {
            self.rest = &self.rest[1..];
        }
        self.count(arguments)?;
        let precision = if self.got(b'.') { self.count(arguments)? } else { Most::All };
        let length = self.length();
        let kind = match (self.next()?, length) {
            (b'd' | b'i', length) => integer(length, true)?,
            (b'o' | b'u' | b'x' | b'X', length) => integer(length, false)?,
            (b'a' | b'A' | b'e' | b'E' | b'f' | b'F' | b'g' | b'G', Length::None | Length::Long) => Kind::Double,
            (b'a' | b'A' | b'e' | b'E' | b'f' | b'F' | b'g' | b'G', Length::LongDouble) => Kind::LongDouble,
            (b'c', Length::None | Length::Long) | (b'C', Length::None) => Kind::Int,
            (b's', Length::None) => Kind::Text { unit: 1, most: precision },
            (b's', Length::Long) | (b'S', Length::None) => Kind::Text { unit: 4, most: precision },
            (b'p', Length::None) => Kind::Address,
            (b'n', length) => match store(length, true)? {
                Kind::Store(size) => Kind::Count(size),
                _ => Kind::CountLong,
            },
            // No argument: the text of `errno`.
            (b'm', Length::None) if number.is_none() => return Some(()),
            _ => return None,
        };
        arguments.add(number, kind).map(drop)
    }

    /// `% [n$] [*] [width] [length] conversion`, after the `%`.
    fn scanf(&mut self, arguments: &mut Arguments) -> Option<()> {
        if self.got(b'%') {
            return Some(());
        }
        let number = self.number()?;
        let is_dropped = self.got(b'*');
        // C libraries take a width of 0 for none.
        let width = self.digits()?.filter(|width| *width > 0);
        let length = self.length();
        let kind = match (self.next()?, length) {
            (b'd' | b'i', length) => store(length, true)?,
            (b'o' | b'u' | b'x' | b'X', length) => store(length, false)?,
            // Old C libraries take `%as` for another spelling of `%ms`.
            (b'a', _) if self.rest.first().is_some_and(|byte| b"sS[".contains(byte)) => return None,
            (b'a' | b'A' | b'e' | b'E' | b'f' | b'F' | b'g' | b'G', length) => match length {
                Length::None => Kind::Store(4),
                Length::Long => Kind::Store(8),
                Length::LongDouble => Kind::StoreLongDouble,
                _ => return None,
            },
            (b'c', length) => Kind::Store(width.unwrap_or(1).checked_mul(unit(length)?)?),
            (b'C', Length::None) => Kind::Store(width.unwrap_or(1).checked_mul(4)?),
            // Without a width, as far as it goes: C code that does so trusts its input.
            (b's', length) => Kind::Store(width.map_or(Some(1), |width| text_size(width, unit(length)?))?),
            (b'S', Length::None) => Kind::Store(width.map_or(Some(1), |width| text_size(width, 4))?),
            (b'[', length) => {
                self.set()?;
                Kind::Store(width.map_or(Some(1), |width| text_size(width, unit(length)?))?)
            }
            (b'p', Length::None) => Kind::StoreLong { signed: false },
            (b'n', length) => store(length, true)?,
            _ => return None,
        };
        match is_dropped {
            true if number.is_some() => None,
            true => Some(()),
            false => arguments.add(number, kind).map(drop),
        }
    }

    /// The set after `[`, up to its end: a `]` that comes first belongs to it.
    fn set(&mut self) -> Option<()> {
        self.got(b'^');
        self.got(b']');
        let end = self.rest.iter().position(|byte| *byte == b']')?;
        (_, self.rest) = self.rest.split_at(end);
        self.got(b']');
        Some(())
    }

    /// `n$`, if there is one: the number of the argument, from 0.
    #[expect(clippy::option_option, reason = "the outer one is a refusal")]
    fn number(&mut self) -> Option<Option<usize>> {
        let start = self.rest;
        match (self.digits()?, self.got(b'$')) {
            (Some(number), true) => Some(Some(usize::try_from(number).ok()?.checked_sub(1)?)),
            _ => {
                self.rest = start;
                Some(None)
            }
        }
    }

    /// A width or a precision: digits, an argument, or nothing.
    fn count(&mut self, arguments: &mut Arguments) -> Option<Most> {
        let start = self.rest;
        if self.got(b'*') {
            let number = self.number()?;
            return Some(Most::Argument(arguments.add(number, Kind::Int)?));
        }
        let digits = self.digits()?;
        Some(Most::Constant(if std::ptr::eq(start, self.rest) { 0 } else { digits? }))
    }

    /// A decimal number that an `int` can hold.
    #[expect(clippy::option_option, reason = "the outer one is a refusal")]
    fn digits(&mut self) -> Option<Option<u64>> {
        let n_digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if n_digits == 0 {
            return Some(None);
        }
        let (digits, rest) = self.rest.split_at(n_digits);
        self.rest = rest;
        let value =
            digits.iter().try_fold(0u64, |value, digit| value.checked_mul(10)?.checked_add((digit & 15).into()));
        value.filter(|value| *value <= i32::MAX as u64).map(Some)
    }

    fn length(&mut self) -> Length {
        match () {
            () if self.got(b'h') => {
                if self.got(b'h') {
                    Length::Char
                } else {
                    Length::Short
                }
            }
            () if self.got(b'l') => {
                if self.got(b'l') {
                    Length::LongLong
                } else {
                    Length::Long
                }
            }
            () if self.got(b'j') || self.got(b'q') => Length::LongLong,
            () if self.got(b'z') || self.got(b't') => Length::Size,
            () if self.got(b'L') => Length::LongDouble,
            () => Length::None,
        }
    }

    fn got(&mut self, byte: u8) -> bool {
        let got = self.rest.first() == Some(&byte);
        if got {
            self.rest = &self.rest[1..];
        }
        got
    }

    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }
}

fn integer(length: Length, signed: bool) -> Option<Kind> {
    match length {
        Length::None | Length::Char | Length::Short => Some(Kind::Int),
        Length::Long | Length::Size => Some(Kind::Long { signed }),
        Length::LongLong => Some(Kind::LongLong),
        Length::LongDouble => None,
    }
}

fn store(length: Length, signed: bool) -> Option<Kind> {
    match length {
        Length::None => Some(Kind::Store(4)),
        Length::Char => Some(Kind::Store(1)),
        Length::Short => Some(Kind::Store(2)),
        Length::Long | Length::Size => Some(Kind::StoreLong { signed }),
        Length::LongLong => Some(Kind::Store(8)),
        Length::LongDouble => None,
    }
}

/// Bytes of a string of so many characters, with the one that ends it.
fn text_size(width: u64, unit: u64) -> Option<u64> {
    width.checked_add(1)?.checked_mul(unit)
}

/// Bytes of a character.
fn unit(length: Length) -> Option<u64> {
    match length {
        Length::None => Some(1),
        Length::Long => Some(4),
        _ => None,
    }
}
