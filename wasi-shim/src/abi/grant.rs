//! A granted directory as users write it: the value of `--dir`.
//!
//! The compiler checks it on its command line, and the runtime reads it when a program starts. Both
//! print the same message about a text that is not a grant. The message says what to write instead,
//! in the user's own names.

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
        let (host, rest) = split(text);
        let (guest, mode) = rest.map_or((host, None), split);
        match (host, guest, rest, mode) {
            ([], ..) => Err("the directory's name is empty; the folder in which the program starts is `.`".to_owned()),
            (_, [], ..) => Err(format!("the name after `::` is empty; {}", suggest(host, mode == Some(b"ro")))),
            // A mode in the place of the name would open the directory for changes.
            (_, _, Some(_), None) => check_name(host, guest).map(|()| Grant { host, guest, read_only: false }),
            (_, _, _, None) => Ok(Grant { host, guest, read_only: false }),
            (_, _, _, Some(b"ro")) => {
                check_colons(host, guest, "::ro").map(|()| Grant { host, guest, read_only: true })
            }
            (_, _, _, Some(mode)) => Err(wrong_mode(host, guest, mode)),
        }
    }
}

/// The text before the first `::`, and the text after it.
fn split(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    let at = text.windows(2).position(|window| window == b"::");
    let parts = at.and_then(|at| text.split_at_checked(at));
    parts.map_or((text, None), |(first, rest)| (first, rest.strip_prefix(b"::")))
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
    let slash = if check_name(host, guest).is_ok() { "" } else { "/" };
    let (host, guest, shown) = (show(host), show(guest), show(mode));
    let read_only = format!("`{host}::{guest}::ro`");
    let read_write = format!("`{host}::{slash}{guest}`");
    if mode.is_empty() {
        format!("nothing follows the second `::`; write {read_write}, or read-only {read_only}")
    } else if is_one_of(mode, &READ_ONLY) {
        format!("the mode `{shown}` is written `ro`: {read_only}")
    } else if is_one_of(mode, &READ_WRITE) {
        format!("a grant is read-write without `{shown}`; write {read_write}")
    } else if mode.windows(2).any(|window| window == b"::") {
        format!("a grant is HOST::GUEST::ro, and no name contains `::`; after {read_only} nothing follows")
    } else {
        format!("after the second `::` only `ro` is known, not `{shown}`; write {read_write}, or read-only {read_only}")
    }
}

/// How to grant a directory whose name for the guest is missing: by the same name, and by the last
/// part of it.
fn suggest(host: &[u8], read_only: bool) -> String {
    let end = if read_only { "::ro" } else { "" };
    let last = host.split(|&byte| byte == b'/').rfind(|part| !part.is_empty()).unwrap_or_default();
    let last = if last == b"." || last == b".." { "".into() } else { show(last) };
    let host = show(host);
    let same = if read_only { format!("{host}::{host}") } else { host.clone() };
    let second = format!("{host}::/{last}");
    if same == second {
        return format!("write `{same}{end}`");
    }
    format!("write `{same}{end}` or `{second}{end}`")
}

/// A name for messages: what could drive a terminal is escaped.
fn show(name: &[u8]) -> String {
    let mut text = String::new();
    for letter in String::from_utf8_lossy(name).chars() {
        match letter {
            '\'' | '"' | '\\' => text.push(letter),
            _ => text.extend(letter.escape_debug()),
        }
    }
    text
}
