//! The address space.

use crate::errno::{call, to_c};
use crate::word::Word;
use core::ffi::{c_int, c_void};
use core::ptr;

/// New memory, all zero, for reading and writing, or nothing. The length is a multiple of a page.
pub fn map(length: usize, flags: c_int) -> Option<*mut u8> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | flags;
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: new memory.
    let start = unsafe { mmap(ptr::null_mut(), length, access, flags, -1, 0) };
    (start != libc::MAP_FAILED).then_some(start.cast())
}

/// # Safety
/// As C's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mmap(
    address: *mut c_void,
    length: usize,
    access: c_int,
    flags: c_int,
    descriptor: c_int,
    offset: i64,
) -> *mut c_void {
    let numbers = [address.addr(), length, access.word(), flags.word(), descriptor.word(), offset.word()];
    // SAFETY: as required of the caller.
    to_c::<usize>(unsafe { call(libc::SYS_mmap, numbers) }) as *mut c_void
}

/// # Safety
/// As C's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn munmap(address: *mut c_void, length: usize) -> c_int {
    // SAFETY: as required of the caller.
    to_c(unsafe { call(libc::SYS_munmap, [address.addr(), length]) })
}

/// # Safety
/// As C's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mprotect(address: *mut c_void, length: usize, access: c_int) -> c_int {
    // SAFETY: as required of the caller.
    to_c(unsafe { call(libc::SYS_mprotect, [address.addr(), length, access.word()]) })
}

/// # Safety
/// As C's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mremap(
    old: *mut c_void,
    old_length: usize,
    length: usize,
    flags: c_int,
    new: *mut c_void,
) -> *mut c_void {
    let numbers = [old.addr(), old_length, length, flags.word(), new.addr()];
    // SAFETY: as required of the caller.
    to_c::<usize>(unsafe { call(libc::SYS_mremap, numbers) }) as *mut c_void
}

/// # Safety
/// As C's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn madvise(address: *mut c_void, length: usize, advice: c_int) -> c_int {
    // SAFETY: as required of the caller.
    to_c(unsafe { call(libc::SYS_madvise, [address.addr(), length, advice.word()]) })
}
