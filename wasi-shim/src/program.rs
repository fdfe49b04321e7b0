//! What the compiler wrote and the runtime knows of: the descriptions of a program and of libraries in this process.
//!
//! Comes in: [`Program`]s, each once. They are linked to each other and stay for as long as the process runs, so that a signal
//! handler can walk them without a lock.

use crate::abi::{Image, Memory, Program};
use std::sync::atomic::{AtomicPtr, Ordering};

/// The description that was added last; each refers to the one before it.
static LAST: AtomicPtr<Program> = AtomicPtr::new(std::ptr::null_mut());

/// The description of the executable.
static MAIN: AtomicPtr<Program> = AtomicPtr::new(std::ptr::null_mut());

/// Notes a description: from now on its code is known as translated.
pub fn add(program: &'static Program) {
    let address = std::ptr::from_ref(program).cast_mut();
    let add = |last| {
        program.next.store(last, Ordering::Relaxed);
        Some(address)
    };
    LAST.fetch_update(Ordering::AcqRel, Ordering::Acquire, add).expect("it always changes");
}

/// As [`add`], for the executable's own.
pub fn add_main(program: &'static Program) {
    add(program);
    MAIN.store(std::ptr::from_ref(program).cast_mut(), Ordering::Release);
}

/// The executable's description. Requires that there is one.
pub fn main() -> &'static Program {
    // SAFETY: `add_main` put a reference there.
    unsafe { MAIN.load(Ordering::Acquire).as_ref() }.expect("a program has noted its description")
}

/// All descriptions.
pub fn programs() -> impl Iterator<Item = &'static Program> {
    let mut next = LAST.load(Ordering::Acquire);
    std::iter::from_fn(move || {
        // SAFETY: null, or what `add` put there.
        let program = unsafe { next.as_ref() }?;
        next = program.next.load(Ordering::Relaxed);
        Some(program)
    })
}

/// The images of all modules that there are.
pub fn images() -> impl Iterator<Item = &'static Image> {
    programs().flat_map(images_of)
}

/// The images of a program's modules, in the order of their instantiation.
pub fn images_of(program: &'static Program) -> impl Iterator<Item = &'static Image> {
    // SAFETY: the program holds `n_images` pointers to constant data.
    unsafe { slice(program.images, program.n_images).iter().map(|&image| &*image) }
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
