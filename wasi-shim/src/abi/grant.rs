//! A granted directory as users write it: the value of `--dir`.
//!
//! The compiler checks it on its command line, and the runtime reads it when a program starts. Both
//! print the same message about a text that is not a grant. The message says what to write instead,
//! in the user's own names.

use super::words::obeyed;

/// A directory that a program may use: `HOST[::GUEST[::ro]]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant<'a> {
    pub host: &'a [u8],
    /// The guest knows a directory by the host's name if no other is given.
    pub guest: &'a [u8],
    /// Nothing in it can be changed.
    pub read_only: bool,
}

/// Words that mean a mode in whichever place they are written. They are not taken for a guest's
/// name.
const READ_ONLY: [&[u8]; 3] = [b"ro", b"readonly", b"read-only"];
const READ_WRITE: [&[u8]; 3] = [b"rw", b"readwrite", b"read-write"];

impl<'a> Grant<'a> {
    /// # Errors
    /// What is wrong with the text, and what to write instead.
    pub fn parse(text: &'a [u8]) -> Result<Grant<'a>, String> {
        let (host, rest) = Name::parse(text)?;
        let host = host.bytes;
        let (guest, mode) = match rest {
            None => (Name { bytes: host, is_quoted: true }, None),
            Some(rest) => Name::parse(rest)?,
        };
        let Name { bytes: guest, is_quoted } = guest;
        match (host, guest, mode) {
            ([], ..) => Err("the directory's name is empty; the folder in which the program starts is `.`".to_owned()),
            (_, [], _) => Err(format!("the name after `::` is empty; {}", suggest(host, mode == Some(b"ro")))),
            (_, _, None | Some(b"ro")) if is_quoted => Ok(()),
            // A mode in the place of the name would open the directory for changes.
            (_, _, None) => check_name(host, guest),
            (_, _, Some(b"ro")) => check_colons(host, guest, "::ro"),
            (_, _, Some(mode)) => Err(wrong_mode(host, guest, mode)),
        }?;
        Ok(Grant { host, guest, read_only: mode.is_some() })
    }
}

/// A name of a directory, as it is written in a grant: plain, or between quotation marks of either
/// kind, and then it may contain `::`.
#[derive(Clone, Copy)]
pub struct Name<'a> {
    /// Without the marks.
    pub bytes: &'a [u8],
    /// Nothing in it is taken for a mode or a separator.
    pub is_quoted: bool,
}

impl<'a> Name<'a> {
    /// Splits a text into the first name and what follows the `::` after it. A plain name ends at
    /// the first `::`. A name in quotation marks ends at the same mark before `::` or before the
    /// end.
    ///
    /// # Errors
    /// When a quotation mark has no end.
    pub fn parse(text: &'a [u8]) -> Result<(Name<'a>, Option<&'a [u8]>), String> {
        let Some((&mark @ (b'"' | b'\''), inner)) = text.split_first() else {
            let (bytes, rest) = split(text);
            return Ok((Name { bytes, is_quoted: false }, rest));
        };
        for (end, &byte) in inner.iter().enumerate() {
            let (bytes, rest) = inner.split_at_checked(end).unwrap_or_default();
            let rest = match rest.split_first() {
                Some((_, [])) if byte == mark => None,
                Some((_, [b':', b':', rest @ ..])) if byte == mark => Some(rest),
                _ => continue,
            };
            return Ok((Name { bytes, is_quoted: true }, rest));
        }
        Err(UNCLOSED.to_owned())
    }

    /// The name as a grant must contain it: between quotation marks where it needs them. A name
    /// that contains both marks before `::` can't be written.
    pub fn write(name: &str) -> String {
        let mark = mark(name.as_bytes());
        format!("{mark}{name}{mark}")
    }
}

/// The mark around a name; empty where it needs none.
fn mark(name: &[u8]) -> &'static str {
    let is_plain = !matches!(name, [b'"' | b'\'' | b':', ..] | [.., b':']) && find_separator(name).is_none();
    match name.first() == Some(&b'"') || name.windows(3).any(|window| window == b"\"::") {
        _ if is_plain => "",
        true => "'",
        false => "\"",
    }
}

const UNCLOSED: &str = "a quotation mark has no end; a name that begins with one is written as `./NAME`";

/// What stands between the parts of a grant.
const SEPARATOR: &[u8] = b"::";

fn find_separator(text: &[u8]) -> Option<usize> {
    text.windows(SEPARATOR.len()).position(|window| window == SEPARATOR)
}

/// The text before the first `::`, and the text after it.
fn split(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    let at = find_separator(text);
    let parts = at.and_then(|at| text.split_at_checked(at));
    parts.map_or((text, None), |(first, rest)| (first, rest.strip_prefix(SEPARATOR)))
}

fn is_one_of(word: &[u8], words: &[&[u8]]) -> bool {
    words.iter().any(|known| known.eq_ignore_ascii_case(word))
}

/// Refuses a guest's name, given without a mode, that looks like one.
#[cold]
fn check_name(host: &[u8], guest: &[u8]) -> Result<(), String> {
    let word = without_colons(guest);
    let is_read_only = is_one_of(word, &READ_ONLY);
    if is_read_only || is_one_of(word, &READ_WRITE) {
        let kind = if is_read_only { "read-only" } else { "read-write" };
        let (suggestion, host, word) = (suggest(host, is_read_only), show(host), show(word));
        return Err(format!(
            "`{word}` is in the place of the guest's name; for a {kind} grant {suggestion}; \
             for a read-write grant with that name write `{host}::/{word}` or `{host}::./{word}`"
        ));
    }
    check_colons(host, guest, "")
}

/// Refuses a guest's name that begins with a colon: one too many was typed.
fn check_colons(host: &[u8], guest: &[u8], end: &str) -> Result<(), String> {
    match without_colons(guest) {
        word if word.len() == guest.len() => Ok(()),
        [] => Err(format!("the name after `::` is empty; {}", suggest(host, !end.is_empty()))),
        word => Err(format!("only two colons separate the names; write `{}::{}{end}`", show(host), show(word))),
    }
}

fn without_colons(name: &[u8]) -> &[u8] {
    name.iter().position(|&byte| byte != b':').and_then(|at| name.get(at..)).unwrap_or_default()
}

fn wrong_mode(host: &[u8], guest: &[u8], mode: &[u8]) -> String {
    // Without a mode, a guest's name such as `ro` is refused.
    let plain = if check_name(host, guest).is_ok() { show(guest) } else { show(&[b"/", guest].concat()) };
    let (host, guest, shown) = (show(host), show(guest), show(mode));
    let read_only = format!("`{host}::{guest}::ro`");
    let read_write = format!("`{host}::{plain}`");
    if mode.is_empty() {
        format!("nothing follows the second `::`; write {read_write}, or read-only {read_only}")
    } else if is_one_of(mode, &READ_ONLY) {
        format!("the mode `{shown}` is written `ro`: {read_only}")
    } else if is_one_of(mode, &READ_WRITE) {
        format!("a grant is read-write without `{shown}`; write {read_write}")
    } else if find_separator(mode).is_some() {
        format!(
            "a grant is HOST::GUEST::ro, and after {read_only} nothing follows; a name with `::` in it is written \
             between quotation marks"
        )
    } else {
        format!("after the second `::` only `ro` is known, not `{shown}`; write {read_write}, or read-only {read_only}")
    }
}

/// How to grant a directory whose name for the guest is missing: by the same name, and by the last
/// part of it.
fn suggest(host: &[u8], read_only: bool) -> String {
    let end = if read_only { "::ro" } else { "" };
    let last = host.split(|&byte| byte == b'/').rfind(|part| !part.is_empty()).unwrap_or_default();
    let last = if last == b"." || last == b".." { &[][..] } else { last };
    let last = show(&[b"/", last].concat());
    let host = show(host);
    let same = if read_only { format!("{host}::{host}") } else { host.clone() };
    let second = format!("{host}::{last}");
    if same == second {
        return format!("write `{same}{end}`");
    }
    format!("write `{same}{end}` or `{second}{end}`")
}

/// A name for messages, as a grant contains it: what could drive a terminal is escaped.
#[inline(never)]
fn show(name: &[u8]) -> String {
    let mark = mark(name);
    let mut text = mark.as_bytes().to_vec();
    let mut rest = name;
    while let [first, ..] = *rest {
        let length = obeyed(rest);
        let digit = |number: u8| if number < 10 { b'0' | number } else { b'W'.wrapping_add(number) };
        match length {
            0 => text.push(first),
            1 => text.extend_from_slice(&[b'\\', b'u', b'{', digit(first >> 4), digit(first & 15), b'}']),
            _ => text.push(b'?'),
        }
        rest = rest.get(length.max(1)..).unwrap_or_default();
    }
    text.extend_from_slice(mark.as_bytes());
    String::from_utf8_lossy(&text).into_owned()
}
