//! Names of functions as their source has them. Comes in: a name as compilers of Rust and C++ write
//! it. Goes out: what `rustfilt` and `c++filt` print, without hashes and types of results.

use cpp_demangle::{DemangleOptions, Symbol};
use std::borrow::Cow;
use std::fmt::{self, Write};

/// Demangled names are cut nowhere: one that would be longer stays as it is. Short names can stand
/// for very long ones.
const LONGEST: usize = 1000;

/// The name in the source; the name itself if it is not mangled.
pub fn demangle(name: &str) -> Cow<'_, str> {
    rust(name).or_else(|| cxx(name)).map_or(Cow::Borrowed(name), Cow::Owned)
}

fn rust(name: &str) -> Option<String> {
    let symbol = rustc_demangle::try_demangle(name).ok()?;
    let mut text = Limited::default();
    write!(text, "{symbol:#}").ok()?;
    Some(text.0)
}

fn cxx(name: &str) -> Option<String> {
    if !name.starts_with("_Z") {
        return None;
    }
    let symbol = Symbol::new(name).ok()?;
    let mut text = Limited::default();
    symbol.structured_demangle(&mut text, &DemangleOptions::new().no_return_type()).ok()?;
    Some(text.0)
}

/// Text of at most [`LONGEST`] bytes.
#[derive(Default)]
struct Limited(String);

impl Write for Limited {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len().saturating_add(text.len()) > LONGEST {
            return Err(fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, demangle};

    #[test]
    fn names_of_both_languages_are_demangled() {
        assert_eq!(demangle("_ZN2ns3BoxIiE3getEi"), "ns::Box<int>::get(int)");
        assert_eq!(demangle("_RNvCs1234_7mycrate3foo"), "mycrate::foo");
        assert_eq!(demangle("_ZN4core3fmt5write17h0123456789abcdefE"), "core::fmt::write");
        for name in ["main", "_start", "_Z", "_R", "", "_ZN", "café"] {
            assert_eq!(demangle(name), name);
        }
    }

    #[test]
    fn names_that_explode_stay_as_they_are() {
        // Each `S…_` is a pair of the substitution before it.
        let mut name = "_Z1fSt4pairIiiE".to_owned();
        for number in 0..20 {
            let before = if number == 0 { "S_".to_owned() } else { format!("S{}_", char::from(b'0' + number - 1)) };
            name.push_str(&format!("St4pairI{before}{before}E"));
        }
        assert!(demangle(&name).len() <= LONGEST.max(name.len()));
        let deep = format!("_Z1f{}i", "P".repeat(100_000));
        assert!(demangle(&deep).len() <= LONGEST.max(deep.len()));
    }
}
