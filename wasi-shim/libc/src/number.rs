//! The numbers of process and thread.

use crate::control::control;
use crate::errno::call;
use crate::word::Word;
use core::ffi::c_int;
use core::sync::atomic::Ordering;

#[unsafe(no_mangle)]
pub extern "C" fn getpid() -> c_int {
    // SAFETY: only tells a number.
    unsafe { call(libc::SYS_getpid, []) }.map_or(0, c_int::of)
}

/// The kernel wrote the number of a thread that was created here; that of the main thread is noted
/// when it was asked for.
#[unsafe(no_mangle)]
pub extern "C" fn gettid() -> c_int {
    // SAFETY: the block of the running thread.
    let place = unsafe { &(*control()).number };
    let mut number = place.load(Ordering::Relaxed);
    if number == 0 {
        // SAFETY: only tells a number.
        number = unsafe { call(libc::SYS_gettid, []) }.map_or(0, u32::of);
        place.store(number, Ordering::Relaxed);
    }
    number.cast_signed()
}
