//! The one place that refers to what the compiler wrote: the program's description.

use crate::abi::{Image, Memory, Program};

unsafe extern "C" {
    // `abi::PROGRAM_SYMBOL`; an attribute can't name a constant.
    #[link_name = "w2n_program"]
    static PROGRAM: Program;
}

pub fn program() -> &'static Program {
    // SAFETY: the compiler defines the symbol as constant data of this layout; both include `abi.rs`.
    unsafe { &PROGRAM }
}

/// The modules' images, in the order of their instantiation.
pub fn images() -> impl Iterator<Item = &'static Image> {
    // SAFETY: the program holds `n_images` pointers to constant data.
    unsafe { slice(program().images, program().n_images).iter().map(|&image| &*image) }
}

/// A table of the image as a slice. A null pointer is an empty table.
///
/// # Safety
/// `start` is null or points at `length` constant values of the image.
pub unsafe fn slice<T>(start: *const T, length: u64) -> &'static [T] {
    if start.is_null() {
        return &[];
    }
    // SAFETY: see above; the image is never written and never unmapped.
    unsafe { std::slice::from_raw_parts(start, length as usize) }
}

/// The memories that belong to a module. Raw pointers, because translated code writes the sizes at any time.
pub fn memories(image: &Image) -> &'static [*mut Memory] {
    // SAFETY: the image holds `n_memories` pointers.
    unsafe { slice(image.memories, image.n_memories) }
}

/// The text of a zero-terminated string of the system or the image.
///
/// # Safety
/// `start` points at bytes ended by a zero that stay unchanged for as long as the program runs.
pub unsafe fn c_string(start: *const u8) -> &'static [u8] {
    // SAFETY: as required of the caller.
    unsafe { std::ffi::CStr::from_ptr(start.cast()) }.to_bytes()
}
