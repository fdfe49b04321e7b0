//! Attributes of threads: `pthread_attr_t`.

use crate::auxiliary::{value, whole_pages};
use crate::control::control;
use crate::process::{LEAST_STACK, getrlimit};
use crate::word::Word;
use core::ffi::{c_int, c_void};
use core::ptr;
use libc::{pthread_attr_t, pthread_t};

/// What is kept of them, in the place that C has for it.
#[repr(C)]
pub struct Attributes {
    /// Null, unless they are those of a thread.
    stack: *mut c_void,
    pub stack_size: usize,
}

const _: () = assert!(size_of::<Attributes>() <= size_of::<pthread_attr_t>());
const _: () = assert!(align_of::<Attributes>() <= align_of::<pthread_attr_t>());

/// What a thread gets that asks for nothing else. The system gives it when it is used.
pub const DEFAULT_STACK: usize = 8 << 20;

/// # Safety
/// As C's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_attr_init(place: *mut pthread_attr_t) -> c_int {
    // SAFETY: as required of the caller.
    unsafe { *place.cast() = Attributes { stack: ptr::null_mut(), stack_size: DEFAULT_STACK } };
    0
}

#[unsafe(no_mangle)]
pub extern "C" fn pthread_attr_destroy(_place: *mut pthread_attr_t) -> c_int {
    0
}

/// # Safety
/// As C's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_attr_setstacksize(place: *mut pthread_attr_t, size: usize) -> c_int {
    if size < LEAST_STACK {
        return libc::EINVAL;
    }
    // SAFETY: as required of the caller.
    unsafe { (*place.cast::<Attributes>()).stack_size = size };
    0
}

/// # Safety
/// As C's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_attr_getstack(
    place: *const pthread_attr_t,
    stack: *mut *mut c_void,
    size: *mut usize,
) -> c_int {
    // SAFETY: as required of the caller.
    unsafe {
        let attributes = &*place.cast::<Attributes>();
        *stack = attributes.stack;
        *size = attributes.stack_size;
    }
    0
}

/// The stack of a thread, without its guard.
///
/// # Safety
/// As C's: a thread that was not joined.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_getattr_np(thread: pthread_t, place: *mut pthread_attr_t) -> c_int {
    // SAFETY: as required of the caller.
    let control = unsafe { &*(thread as *const crate::control::Control) };
    let (stack, stack_size) = match control.mapping_size {
        0 => main_stack(),
        _ => (control.stack, control.stack_size),
    };
    // SAFETY: as required of the caller.
    unsafe { *place.cast() = Attributes { stack: stack as *mut c_void, stack_size } };
    0
}

/// The stack of the main thread: below the name of the program's file, which the kernel puts at its
/// very end, as large as the limit allows.
fn main_stack() -> (usize, usize) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: writes to a live variable.
    unsafe { getrlimit(libc::RLIMIT_STACK, &mut limit) };
    let end = value(libc::AT_EXECFN).and_then(|name| whole_pages(name.wrapping_add(1))).unwrap_or(usize::MAX);
    let size = usize::try_from(limit.rlim_cur).unwrap_or(usize::MAX).min(end);
    (end.wrapping_sub(size), size)
}

#[unsafe(no_mangle)]
pub extern "C" fn pthread_self() -> pthread_t {
    pthread_t::of(control().addr())
}
