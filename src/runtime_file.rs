//! The file that holds the runtime of one target: the build script writes it, and this program
//! carries it, or reads it where the user has one.
//!
//! A head of lines, then the parts, one after the other:
//!
//! ```text
//! wasm2native runtime
//! target aarch64-unknown-linux-gnu
//! interface 0.1.0 5d41402a
//! part runtime.o 76543
//! part libraries.a 98765
//!
//! ```
//!
//! An empty line ends the head; the numbers are lengths in bytes. Parts are compressed, each by
//! itself. The interface is the version of this package and a checksum of the contract between code
//! and runtime: a runtime of another interface can't be linked. The build script includes this
//! file.
// The build script uses one part of it, and this crate the other.
#![allow(dead_code)]

use std::borrow::Cow;
use std::ops::Range;

const MAGIC: &str = "wasm2native runtime\n";

/// What a file says about itself, and where its parts are.
pub struct RuntimeFile {
    /// As rustc names it.
    pub target: String,
    pub interface: String,
    parts: Vec<(String, Range<usize>)>,
    bytes: Cow<'static, [u8]>,
}

impl RuntimeFile {
    /// Nothing if it is not such a file, or a damaged one.
    pub fn read(bytes: Cow<'static, [u8]>) -> Option<RuntimeFile> {
        let head_end = bytes.windows(2).position(|pair| pair == b"\n\n")?.checked_add(2)?;
        let head = std::str::from_utf8(bytes.get(..head_end)?).ok()?.strip_prefix(MAGIC)?;
        let mut file =
            RuntimeFile { target: String::new(), interface: String::new(), parts: Vec::new(), bytes: Cow::default() };
        let mut start = head_end;
        for line in head.lines().take_while(|line| !line.is_empty()) {
            match line.split_once(' ')? {
                ("target", name) => file.target = name.to_owned(),
                ("interface", name) => file.interface = name.to_owned(),
                ("part", part) => {
                    let (name, length) = part.split_once(' ')?;
                    let end = start.checked_add(length.parse().ok()?)?;
                    file.parts.push((name.to_owned(), start..end));
                    start = end;
                }
                _ => return None,
            }
        }
        file.bytes = bytes;
        (start == file.bytes.len() && !file.target.is_empty()).then_some(file)
    }

    /// The compressed bytes of a part.
    pub fn part(&self, name: &str) -> Option<&[u8]> {
        let (_, range) = self.parts.iter().find(|(part, _)| part == name)?;
        self.bytes.get(range.clone())
    }

    /// The whole file.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// A file of these parts, which are compressed.
pub fn write(target: &str, interface: &str, parts: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut head = format!("{MAGIC}target {target}\ninterface {interface}\n");
    for (name, bytes) in parts {
        head.push_str(&format!("part {name} {}\n", bytes.len()));
    }
    head.push('\n');
    let mut file = head.into_bytes();
    parts.iter().for_each(|(_, bytes)| file.extend(bytes));
    file
}

#[cfg(test)]
mod tests {
    use super::{RuntimeFile, write};

    #[test]
    fn what_is_written_is_read_and_nothing_else_is() {
        let parts = [("a.o".to_owned(), b"one".to_vec()), ("b".to_owned(), Vec::new()), ("c".to_owned(), vec![7])];
        let bytes = write("some-target", "1 2", &parts);
        let read = |bytes: &[u8]| RuntimeFile::read(bytes.to_vec().into());
        let file = read(&bytes).expect("it is such a file");
        assert_eq!((&file.target[..], &file.interface[..]), ("some-target", "1 2"));
        assert_eq!(
            ["a.o", "b", "c", "d"].map(|name| file.part(name)),
            [Some(&b"one"[..]), Some(b""), Some(&[7]), None]
        );

        for length in 0..bytes.len() {
            assert!(read(&bytes[..length]).is_none(), "{length} bytes are not all");
        }
        let text = String::from_utf8(bytes).expect("the parts are ASCII");
        for wrong in ["", "-1", "4", "18446744073709551615", "99999999999999999999"] {
            assert!(read(text.replace("a.o 3", &format!("a.o {wrong}")).as_bytes()).is_none(), "{wrong}");
        }
        for (known, other) in [("runtime", "archive"), ("part", "piece"), ("target some-target\n", "")] {
            assert!(read(text.replacen(known, other, 1).as_bytes()).is_none(), "{other}");
        }
    }
}
