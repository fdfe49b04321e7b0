//! Messages as they travel: a header that says how long the body is, and the body. What is not a
//! message is skipped.

use std::io::{self, BufRead, Read};

/// The longest message that is taken, in bytes.
const MOST: u64 = 64 << 20;

/// The longest line of a header that is looked at.
const LONGEST_LINE: u64 = 4096;

/// What arrived.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame {
    Body(Vec<u8>),
    /// Not a message, and why.
    Wrong(String),
}

/// The next message; none at the end.
///
/// # Errors
/// The system's.
pub fn read(reader: &mut impl BufRead) -> io::Result<Option<Frame>> {
    let mut length: Option<u64> = None;
    loop {
        let mut line = Vec::new();
        if reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            break;
        }
        if let Some((name, value)) = text.split_once(':')
            && name.trim().eq_ignore_ascii_case("content-length")
        {
            match value.trim().parse() {
                Ok(number) => length = Some(number),
                Err(_) => return Ok(Some(Frame::Wrong(format!("'{}' is not a length", value.trim())))),
            }
        }
    }
    let Some(length) = length else { return Ok(Some(Frame::Wrong("a header has no Content-Length".to_owned()))) };
    if length > MOST {
        io::copy(&mut reader.take(length), &mut io::sink())?;
        return Ok(Some(Frame::Wrong(format!("a message has {length} bytes; at most {MOST} are taken"))));
    }
    let mut body = Vec::new();
    let n_read = reader.take(length).read_to_end(&mut body)?;
    Ok((n_read as u64 == length).then_some(Frame::Body(body)))
}

/// A message with its header.
pub fn write(body: &str) -> Vec<u8> {
    format!("Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut bytes: &[u8]) -> Vec<Frame> {
        std::iter::from_fn(|| read(&mut bytes).expect("memory can be read")).collect()
    }

    #[test]
    fn what_is_not_a_message_is_skipped() {
        let bytes = b"rubbish\r\n\r\nContent-Length: x\r\nContent-Length: 2\r\nContent-Type: a\r\n\r\n{}content-length:3\n\n[1]";
        let frames = all(bytes);
        assert_eq!(frames.len(), 4, "{frames:?}");
        assert!(matches!(frames[0], Frame::Wrong(_)) && matches!(frames[1], Frame::Wrong(_)));
        assert_eq!(frames[2], Frame::Body(b"{}".to_vec()));
        assert_eq!(frames[3], Frame::Body(b"[1]".to_vec()));
    }

    #[test]
    fn a_message_that_is_too_long_takes_no_memory() {
        assert_eq!(all(b"Content-Length: 18446744073709551615\r\n\r\n{}").len(), 1);
        assert_eq!(all(b"Content-Length: 50\r\n\r\n{}"), []);
    }
}
