//! Types of functions in messages, from the names that the compiler gives to signatures, those of
//! `wasm::structure`: `il.d` is `(i32, i64) -> f64`.

use crate::abi::table::SIGNATURE_PREFIX;
use crate::program::c_string;
use crate::text::Text;

/// Adds the type that a signature stands for; its name, where that is a hash or one of several
/// types that refer to each other.
pub fn add(text: &mut Text, signature: &[u8]) {
    let name = own_part(name_of(signature));
    let mut depth = 0u32;
    let mut dot = None;
    for (place, byte) in name.iter().enumerate() {
        match byte {
            b'(' | b'[' | b'{' => depth = depth.saturating_add(1),
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b'.' if depth == 0 => dot = Some(place),
            b'#' | b':' => {
                text.add_name(name);
                return;
            }
            _ => {}
        }
    }
    let (parameters, results) = name.split_at(dot.unwrap_or(name.len()));
    add_list(text.add("("), parameters);
    text.add(")");
    let results = results.get(1..).unwrap_or_default();
    if !results.is_empty() {
        let is_one = results.len() == 1;
        add_list(text.add(if is_one { " -> " } else { " -> (" }), results);
        text.add(if is_one { "" } else { ")" });
    }
}

/// The name without what says that it is a signature's.
pub fn name_of(signature: &[u8]) -> &[u8] {
    signature.strip_prefix(SIGNATURE_PREFIX.as_bytes()).unwrap_or(signature)
}

/// What remains of a name without its supertype, and the mark of a type that may have subtypes.
fn own_part(name: &[u8]) -> &[u8] {
    let Some(rest) = name.strip_prefix(b"<") else { return name.strip_prefix(b"~").unwrap_or(name) };
    let mut depth = 0u32;
    let end = rest.iter().position(|byte| {
        match byte {
            b'(' | b'[' | b'{' => depth = depth.saturating_add(1),
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0
    });
    let rest = end.and_then(|end| rest.get(end.saturating_add(1)..)).unwrap_or(name);
    rest.strip_prefix(b"~").unwrap_or(rest)
}

/// Value types, separated by commas.
fn add_list(text: &mut Text, names: &[u8]) {
    let mut depth = 0u32;
    let mut is_next = false;
    for byte in names {
        if depth == 0 {
            text.add(if is_next { ", " } else { "" });
            is_next = *byte != b'!';
        }
        let name = match byte {
            b'i' => "i32",
            b'l' => "i64",
            b'f' => "f32",
            b'd' => "f64",
            b'v' => "v128",
            b'r' => "funcref",
            b'e' => "externref",
            b'x' => "exnref",
            b'n' => "nullexnref",
            b'a' => "anyref",
            b'q' => "eqref",
            b'j' => "i31ref",
            b's' => "structref",
            b't' => "arrayref",
            b'N' => "nullref",
            b'R' => "nullfuncref",
            b'E' => "nullexternref",
            b'!' => "non-null ",
            _ => "",
        };
        match byte {
            b'(' | b'[' => depth = depth.saturating_add(1),
            b')' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        match name {
            name if depth == 0 && !name.is_empty() => text.add(name),
            _ => text.add([*byte]),
        };
    }
}

/// How many supertypes a type can have (`wasmparser` allows 63).
const MOST_SUPERTYPES: usize = 64;

/// The first byte of a name that says: after the name, at the next multiple of 8, lies the address
/// of the supertype's signature.
const HAS_SUPERTYPE: u8 = b'<';

/// [`crate::abi::builtin::Builtin::SignatureMatches`]: 1 if the first is the second or a subtype.
///
/// # Safety
/// Both are signatures of the compiler's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_signature_matches(found: *const u8, expected: *const u8) -> i32 {
    let mut at = found;
    for _ in 0..=MOST_SUPERTYPES {
        if at == expected {
            return 1;
        }
        // SAFETY: as required of the caller.
        unsafe {
            if at.is_null() || name_of(c_string(at)).first() != Some(&HAS_SUPERTYPE) {
                break;
            }
            let end = at.addr().wrapping_add(c_string(at).len()).wrapping_add(1);
            at = *at.with_addr(end.next_multiple_of(8)).cast::<*const u8>();
        }
    }
    0
}
