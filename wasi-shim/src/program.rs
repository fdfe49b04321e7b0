//! What the compiler wrote and the runtime knows of: the descriptions of a program and of libraries
//! in this process.
//!
//! Comes in: [`Program`]s, each once. They are linked to each other and stay for as long as the
//! process runs, so that a signal handler can walk them without a lock. Libraries that bring a
//! runtime each meet in [`Shared`].

use crate::abi::image::Image;
use crate::abi::memory::{LEADING_GUARD, Memory};
use crate::abi::program::{Program, Shared, VERSION};
use crate::abi::record::Padding;
use crate::width::usize_of;
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

unsafe extern "C" {
    // `abi::program::SHARED_SYMBOL`; an attribute can't name a constant.
    #[link_name = "w2n_shared"]
    static SHARED: Shared;
}

/// In place of [`SHARED`], if that is of another version.
static OWN: Shared = Shared {
    version: VERSION,
    padding: Padding::ZERO,
    programs: AtomicPtr::new(std::ptr::null_mut()),
    main: AtomicPtr::new(std::ptr::null_mut()),
    attempt: AtomicUsize::new(0),
};

pub fn shared() -> &'static Shared {
    // SAFETY: the compiler defines the symbol as data of this layout, or of a later one that begins
    // with the version.
    unsafe { if SHARED.version == VERSION { &SHARED } else { &OWN } }
}

/// Notes a description: from now on its code is known as translated.
pub fn add(program: &'static Program) {
    let address = std::ptr::from_ref(program).cast_mut();
    let programs = &shared().programs;
    let mut last = programs.load(Ordering::Acquire);
    loop {
        program.next.store(last, Ordering::Relaxed);
        match programs.compare_exchange(last, address, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => return,
            Err(other) => last = other,
        }
    }
}

/// As [`add`], for the executable's own.
pub fn add_main(program: &'static Program) {
    add(program);
    shared().main.store(std::ptr::from_ref(program).cast_mut(), Ordering::Release);
}

/// The description of the executable, if it is one of ours.
pub fn main() -> Option<&'static Program> {
    // SAFETY: null, or what `add_main` put there.
    unsafe { shared().main.load(Ordering::Acquire).as_ref() }
}

/// All descriptions.
pub fn programs() -> impl Iterator<Item = &'static Program> {
    let mut next = shared().programs.load(Ordering::Acquire);
    std::iter::from_fn(move || {
        // SAFETY: null, or what `add` put there.
        let program = unsafe { next.as_ref() }?;
        next = program.next.load(Ordering::Relaxed);
        Some(program)
    })
}

/// What a program says when it ends with a failure, once something was noted that explains it.
pub static AT_FAILURE: OnceLock<fn()> = OnceLock::new();

/// What a program says when it ends, in whichever way, once there is something to say.
pub static AT_END: OnceLock<fn()> = OnceLock::new();

/// Calls [`AT_END`].
pub fn tell_end() {
    if let Some(tell) = AT_END.get() {
        tell();
    }
}

/// Calls [`AT_FAILURE`].
pub fn explain_failure() {
    if let Some(explain) = AT_FAILURE.get() {
        explain();
    }
}

/// Whether traps are reported in the words of another language, see [`Program::fatal_errors`].
pub fn has_fatal_errors() -> bool {
    programs().any(|program| program.fatal_errors != 0)
}

/// Writes the profiles of programs that count, before the process ends in a way that skips what
/// objects have for its exit.
pub fn write_profiles() {
    tell_end();
    for program in programs() {
        // SAFETY: null, or data of the program.
        if let Some(profile) = unsafe { program.profile.as_ref() }
            && let Some(write) = profile.write
        {
            // SAFETY: the runtime's own function, with the profile that it belongs to.
            unsafe { write(profile) };
        }
    }
}

/// The images of all modules that there are.
pub fn images() -> impl Iterator<Item = &'static Image> {
    programs().flat_map(images_of)
}

/// The images of a program's modules, in the order of their instantiation.
pub fn images_of(program: &'static Program) -> impl Iterator<Item = &'static Image> + Clone {
    // SAFETY: the program holds `n_images` pointers to constant data.
    unsafe { slice(program.images, program.n_images).iter().map(|&image| &*image) }
}

/// Whether code of a library is active on the part of a stack between two addresses.
pub fn is_entered(stack: &Range<usize>) -> bool {
    programs().any(|program| stack.contains(&program.entered.load(Ordering::Relaxed)))
}

/// Notes that calls of exports are over whose frames lie in this part of the stack.
pub fn leave(stack: &Range<usize>) {
    for program in programs() {
        loop {
            let entered = program.entered.load(Ordering::Relaxed);
            if !stack.contains(&entered) {
                break;
            }
            // SAFETY: an export put the address of a word of its frame there: a place on this
            // stack, in use or not any more.
            let around = unsafe { *(entered as *const usize) };
            // What a host has cut off in its own way may be anything; but what is around lies
            // above.
            program.entered.store(if around > entered { around } else { 0 }, Ordering::Relaxed);
        }
    }
}

/// Whose code lies at an address, and the module in it; for other code the first program's first
/// module.
pub fn at(address: usize) -> (&'static Program, Option<&'static Image>) {
    for program in programs() {
        if let Some(image) = images_of(program).find(|image| image.contains(address)) {
            return (program, Some(image));
        }
    }
    let first = programs().last().expect("code runs, so its program was noted");
    (first, images_of(first).next())
}

// SAFETY: what the pointers lead to is constant, or is written by translated code alone; what the
// runtime changes is atomic.
unsafe impl Sync for Program {}

impl Image {
    /// Whether a code address lies in this module's code.
    pub fn contains(&self, address: usize) -> bool {
        (address.wrapping_sub(self.text as usize) as u64) < self.text_length
    }
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
    unsafe { std::slice::from_raw_parts(start, usize_of(length)) }
}

/// The memories that belong to a module. Raw pointers, because translated code writes the sizes at
/// any time.
pub fn memories(image: &Image) -> &'static [*mut Memory] {
    // SAFETY: the image holds `n_memories` pointers.
    unsafe { slice(image.memories, image.n_memories) }
}

/// The memory whose reservation an address lies in, or just before it.
pub fn memory_of(address: usize) -> Option<*const Memory> {
    images().flat_map(memories).map(|&memory| memory.cast_const()).find(|memory| {
        // SAFETY: the images' memories stay, and once there is code to run these fields don't
        // change.
        let (base, reserved) = unsafe { ((**memory).base.addr(), usize_of((**memory).reserved)) };
        address >= base.saturating_sub(usize_of(LEADING_GUARD)) && address < base.saturating_add(reserved)
    })
}

/// The text of a zero-terminated string of the system or the image.
///
/// # Safety
/// `start` points at bytes ended by a zero that stay unchanged for as long as the program runs.
pub unsafe fn c_string(start: *const u8) -> &'static [u8] {
    // SAFETY: as required of the caller.
    unsafe { std::ffi::CStr::from_ptr(start.cast()) }.to_bytes()
}
