//! Unpacking of embedded files: linked into programs that carry some, which reach it through
//! [`Program::unpack`](crate::abi::program::Program::unpack).

use crate::abi::program::Packed;
use miniz_oxide::inflate::decompress_slice_iter_to_slice;

/// What [`w2n_unpack`] is.
pub type Unpack = unsafe extern "C" fn(*const Packed) -> i32;

/// Unpacks a block. Returns 0 if it was one of that length.
///
/// # Safety
/// Both places have so many bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn w2n_unpack(packed: *const Packed) -> i32 {
    // SAFETY: as required of the caller.
    let (stored, place) = unsafe {
        let Packed { stored, stored_length, place, length } = *packed;
        (std::slice::from_raw_parts(stored, stored_length), std::slice::from_raw_parts_mut(place, length))
    };
    i32::from(decompress_slice_iter_to_slice(place, std::iter::once(stored), false, true).is_err())
}
