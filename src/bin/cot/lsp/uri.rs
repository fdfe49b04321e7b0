//! Paths and the URIs that clients call them.

use lsp_types::Uri;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// The path that a URI names, if it names a file of this machine.
pub fn to_path(uri: &Uri) -> Option<PathBuf> {
    let rest = uri.as_str().strip_prefix("file://")?;
    let rest = rest.strip_prefix("localhost").unwrap_or(rest);
    if !rest.starts_with('/') {
        return None;
    }
    let rest = rest.split(['?', '#']).next()?;
    let mut bytes = rest.bytes();
    let mut path = Vec::new();
    while let Some(byte) = bytes.next() {
        let digit = |byte: Option<u8>| (byte? as char).to_digit(16);
        match byte {
            b'%' => {
                let (high, low) = (digit(bytes.next())?, digit(bytes.next())?);
                path.push(u8::try_from(high * 16 + low).ok()?);
            }
            byte => path.push(byte),
        }
    }
    (!path.contains(&0)).then(|| PathBuf::from(OsString::from_vec(path)))
}

/// The URI of an absolute path.
pub fn of_path(path: &Path) -> Option<Uri> {
    let mut text = "file://".to_owned();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'.' | b'_' | b'-' | b'~' => text.push(char::from(*byte)),
            byte if byte.is_ascii_alphanumeric() => text.push(char::from(*byte)),
            byte => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_come_back() {
        for path in ["/a/b.cot", "/with space/ä%/x.cot", "/"] {
            let uri = of_path(Path::new(path)).expect("it is a URI");
            assert_eq!(to_path(&uri).expect("it is a path"), Path::new(path));
        }
    }

    #[test]
    fn others_are_not_paths() {
        for uri in ["untitled:x", "http://a/b", "file://other/x", "file:///a%00b", "file:///a%2", "file:///a%zz"] {
            let path = uri.parse().ok().and_then(|uri| to_path(&uri));
            assert_eq!(path, None, "{uri}");
        }
    }
}
