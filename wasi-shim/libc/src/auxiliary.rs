//! What the kernel hands over at the start: environment and auxiliary vector.

use crate::errno::set_errno;
use crate::word::Word;
use core::ffi::{c_char, c_ulong};
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

/// Variables of the environment, and a null pointer after them.
#[unsafe(no_mangle)]
pub static environ: AtomicPtr<*const c_char> = AtomicPtr::new(ptr::null_mut());

/// Pairs of a type and a value, up to the type `AT_NULL`.
static VECTOR: AtomicPtr<[usize; 2]> = AtomicPtr::new(ptr::null_mut());

/// Notes both: the vector stands after the environment.
///
/// # Safety
/// The environment as it is on the stack of a new process.
pub unsafe fn set(environment: *mut *const c_char) {
    environ.store(environment, Ordering::Relaxed);
    let mut end = environment;
    // SAFETY: a null pointer is at the end.
    while !unsafe { *end }.is_null() {
        end = end.wrapping_add(1);
    }
    VECTOR.store(end.wrapping_add(1).cast(), Ordering::Relaxed);
}

/// A value of the vector.
pub fn value(wanted: c_ulong) -> Option<usize> {
    let mut place = VECTOR.load(Ordering::Relaxed);
    loop {
        // SAFETY: the vector stays, and ends with AT_NULL.
        let [kind, value] = unsafe { *place };
        match c_ulong::of(kind) {
            it if it == wanted => return Some(value),
            libc::AT_NULL => return None,
            _ => place = place.wrapping_add(1),
        }
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn getauxval(wanted: c_ulong) -> c_ulong {
    c_ulong::of(value(wanted).unwrap_or_else(|| {
        set_errno(libc::ENOENT);
        0
    }))
}

pub fn page_size() -> usize {
    value(libc::AT_PAGESZ).unwrap_or(4096)
}

/// So many bytes and what is missing to whole pages.
pub fn whole_pages(bytes: usize) -> Option<usize> {
    bytes.checked_next_multiple_of(page_size())
}
