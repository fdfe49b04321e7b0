//! The message of a cast that fails.

use crate::abi::object::{ABSTRACT_TYPES, HOST_WORD, IMMEDIATE, KIND_HOST, TypeRecord};
use crate::abi::trap::Trap;
use crate::backtrace::Cause;
use crate::program::c_string;
use crate::text::Text;
use crate::trap;

/// Bytes of a name in the message, which has 127 at most.
const LONGEST_NAME: usize = 40;

/// [`crate::abi::builtin::Builtin::CastFailure`].
///
/// # Safety
/// `wanted` is a type's record, and `reference` null, an immediate or an object; or a number in
/// [`ABSTRACT_TYPES`], and `reference` a value of that hierarchy.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_cast_failure(reference: u64, wanted: *const TypeRecord) -> ! {
    let expected = ABSTRACT_TYPES.get(wanted.addr()).copied();
    let mut text = Text::into_buffer(&mut []);
    text.add(Trap::CastFailure.message()).add(": found ");
    // SAFETY: as required of the caller.
    unsafe {
        match reference {
            0 => _ = text.add("null"),
            _ if expected == Some("func") => _ = text.add("a function of another type"),
            _ if reference & IMMEDIATE == 0 => add_type(&mut text, *(reference as *const *const TypeRecord)),
            _ if reference & HOST_WORD == 0 => _ = text.add("i31"),
            _ => _ = text.add("a word of the host"),
        }
        text.add(", expected ");
        match expected {
            Some(name) => _ = text.add(name),
            None => add_type(&mut text, wanted),
        }
    }
    trap::raise_here(Cause { code: Trap::CastFailure as i32, message: text.line() })
}

/// # Safety
/// `record` is null or a type's record.
unsafe fn add_type(text: &mut Text, record: *const TypeRecord) {
    // SAFETY: as required of the caller.
    let Some(record) = (unsafe { record.as_ref() }) else {
        text.add("another type");
        return;
    };
    // SAFETY: null, or text that a zero byte ends.
    let name = if record.name.is_null() { b"" } else { unsafe { c_string(record.name) } };
    match name {
        b"" => _ = text.add("type ").add_decimal(record.index.into()),
        name if record.kind == KIND_HOST => _ = text.add(name),
        name => add_name(text, name),
    }
}

/// Both names are to fit.
fn add_name(text: &mut Text, name: &[u8]) {
    text.add_name(&name[..name.len().min(LONGEST_NAME)]);
    if name.len() > LONGEST_NAME {
        text.add("...");
    }
}
