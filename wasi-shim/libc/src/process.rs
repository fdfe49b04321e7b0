//! The end of the process, its limits, and what the system says of itself.

use crate::arch::processor;
use crate::auxiliary::page_size;
use crate::errno::{call, set_errno, to_c};
use crate::signal::{self, raise};
use crate::word::Word;
use core::ffi::{c_char, c_int, c_long, c_void};
use core::ptr;

unsafe extern "C" {
    /// The linker's: functions that are called at the end, the last one first.
    static __fini_array_start: [extern "C" fn(); 0];
    static __fini_array_end: [extern "C" fn(); 0];
}

/// Ends the process after the functions that its objects have for that. Nothing is buffered here.
#[unsafe(no_mangle)]
pub extern "C" fn exit(status: c_int) -> ! {
    let start = (&raw const __fini_array_start).cast::<extern "C" fn()>();
    let mut place = (&raw const __fini_array_end).cast::<extern "C" fn()>();
    while place != start {
        place = place.wrapping_sub(1);
        // SAFETY: between the two ends are functions.
        unsafe { (*place)() };
    }
    _exit(status)
}

#[unsafe(no_mangle)]
pub extern "C" fn _exit(status: c_int) -> ! {
    // SAFETY: no memory is read or written.
    let _ = unsafe { call(libc::SYS_exit_group, [status.word()]) };
    processor::trap()
}

/// Ends the process by SIGABRT, also if that is blocked, ignored, or has a handler that returns.
#[unsafe(no_mangle)]
pub extern "C" fn abort() -> ! {
    raise(libc::SIGABRT);
    // SAFETY: nothing of the process matters any more.
    unsafe { signal::signal(libc::SIGABRT, libc::SIG_DFL) };
    signal::unblock(libc::SIGABRT);
    raise(libc::SIGABRT);
    processor::trap()
}

/// # Safety
/// As C's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getrlimit(resource: u32, limit: *mut libc::rlimit) -> c_int {
    // SAFETY: as required of the caller.
    to_c(unsafe { call(libc::SYS_prlimit64, [0, resource.word(), 0, limit.addr()]) })
}

/// # Safety
/// As C's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn setrlimit(resource: u32, limit: *const libc::rlimit) -> c_int {
    // SAFETY: as required of the caller.
    to_c(unsafe { call(libc::SYS_prlimit64, [0, resource.word(), limit.addr(), 0]) })
}

/// Values that the runtime asks for.
#[unsafe(no_mangle)]
pub extern "C" fn sysconf(name: c_int) -> c_long {
    match name {
        libc::_SC_PAGESIZE => c_long::of(page_size()),
        libc::_SC_THREAD_STACK_MIN => c_long::of(LEAST_STACK),
        _ => {
            set_errno(libc::EINVAL);
            -1
        }
    }
}

/// Bytes of the smallest stack of a thread, without its block.
pub const LEAST_STACK: usize = 16 << 10;

/// # Safety
/// As C's, for the operation.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn prctl(operation: c_int, a: usize, b: usize, c: usize, d: usize) -> c_int {
    // SAFETY: as required of the caller.
    to_c(unsafe { call(libc::SYS_prctl, [operation.word(), a, b, c, d]) })
}

/// # Safety
/// As the call wants it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn syscall(number: c_long, a: usize, b: usize, c: usize, d: usize, e: usize, f: usize) -> c_long {
    // SAFETY: as required of the caller.
    to_c(unsafe { call(number, [a, b, c, d, e, f]) })
}

/// There are no shared libraries, and so nothing is found in them.
#[unsafe(no_mangle)]
pub extern "C" fn dlsym(_library: *mut c_void, _name: *const c_char) -> *mut c_void {
    ptr::null_mut()
}
