//! What knows the operating system.
//!
//! [`kernel`] is the file of the system that the runtime is built for; a port adds a file beside
//! `linux.rs` with the same names. This file has the address space, in whole pages of the machine:
//! no other file maps memory or changes its access. What all systems of POSIX have in common
//! (reading and writing, clocks, masks of signals) stands where it is used.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
pub mod kernel;

use std::ffi::c_int;

/// What may be done with pages.
#[derive(Clone, Copy)]
pub enum Access {
    None,
    Read,
    ReadWrite,
    /// Of code.
    Run,
}

impl Access {
    fn flags(self) -> c_int {
        match self {
            Access::None => libc::PROT_NONE,
            Access::Read => libc::PROT_READ,
            Access::ReadWrite => libc::PROT_READ | libc::PROT_WRITE,
            Access::Run => libc::PROT_READ | libc::PROT_EXEC,
        }
    }
}

/// So many bytes and what is missing to whole pages of the machine.
pub fn whole_pages(bytes: usize) -> Option<usize> {
    bytes.checked_next_multiple_of(kernel::page_size())
}

/// Whether addresses and lengths are whole pages of the machine.
fn are_whole<const N: usize>(numbers: [usize; N]) -> bool {
    let page = kernel::page_size();
    numbers.into_iter().all(|number| number.is_multiple_of(page))
}

/// New memory of at least so many bytes, all zero, for which the system answers.
pub fn map(bytes: usize, access: Access) -> Option<*mut u8> {
    map_with(std::ptr::null_mut(), bytes, access, 0)
}

/// New address space of at least so many bytes, all zero. The system finds memory for it when it is
/// used.
pub fn reserve(bytes: usize, access: Access) -> Option<*mut u8> {
    map_with(std::ptr::null_mut(), bytes, access, kernel::UNRESERVED)
}

/// The same at this address, of a whole page; nothing where something else already lies in it.
pub fn reserve_at(address: usize, bytes: usize, access: Access) -> Option<*mut u8> {
    let start = std::ptr::without_provenance_mut(address);
    let found = map_with(start, bytes, access, kernel::UNRESERVED | kernel::NOT_OVER_OTHERS)?;
    if found != start {
        // A system that does not know the flag takes the address for a wish.
        // SAFETY: nobody knows the memory yet.
        unsafe { unmap(found, bytes) };
        return None;
    }
    Some(found)
}

fn map_with(start: *mut u8, bytes: usize, access: Access, flags: c_int) -> Option<*mut u8> {
    let length = whole_pages(bytes)?;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | flags;
    // SAFETY: maps new memory.
    let start = unsafe { libc::mmap(start.cast(), length, access.flags(), flags, -1, 0) };
    (start != libc::MAP_FAILED).then_some(start.cast())
}

/// Takes [`map`] or [`reserve`] of so many bytes back.
///
/// # Safety
/// `start` comes from there, or is where a page of it begins, and nothing uses the pages any more.
pub unsafe fn unmap(start: *mut u8, bytes: usize) {
    if let Some(length) = whole_pages(bytes).filter(|_| are_whole([start.addr()])) {
        // SAFETY: as required of the caller.
        unsafe { libc::munmap(start.cast(), length) };
    }
}

/// Changes what may be done with pages. Says whether it could: it can't if the bytes are not whole
/// pages of the machine.
///
/// # Safety
/// The pages belong to the caller, and who uses them expects the change.
pub unsafe fn set_access(start: *mut u8, bytes: usize, access: Access) -> bool {
    // SAFETY: as required of the caller.
    are_whole([start.addr(), bytes]) && unsafe { libc::mprotect(start.cast(), bytes, access.flags()) == 0 }
}

/// Puts pages of a file in the place of others: what is written to them is not written to the file.
/// Says whether it could, as [`set_access`] does.
///
/// # Safety
/// The pages belong to the caller, and who uses them expects the change.
pub unsafe fn map_file(start: *mut u8, bytes: usize, file: kernel::MemoryFile, offset: usize) -> bool {
    let (access, flags) = (Access::ReadWrite.flags(), libc::MAP_PRIVATE | libc::MAP_FIXED);
    let Ok(place) = libc::off_t::try_from(offset) else { return false };
    // SAFETY: as required of the caller.
    are_whole([start.addr(), bytes, offset])
        && unsafe { libc::mmap(start.cast(), bytes, access, flags, file.descriptor, place) == start.cast() }
}

/// Drops what was written to pages: those of a file have its contents again, all others are zero.
/// Says whether it could, as [`set_access`] does.
///
/// # Safety
/// The pages belong to the caller, and who uses them expects the change.
pub unsafe fn forget(start: *mut u8, bytes: usize) -> bool {
    let [advice, of_locked] = kernel::FORGET;
    // SAFETY: as required of the caller.
    let forget = |advice| unsafe { libc::madvise(start.cast(), bytes, advice) == 0 };
    are_whole([start.addr(), bytes]) && (forget(advice) || forget(of_locked))
}

/// Moves `bytes` of pages to `target`, where there are `target_bytes`, which they replace: what
/// they have more is zero. Says whether it could, as [`set_access`] does.
///
/// # Safety
/// Both belong to the caller, and nothing refers to the pages at their old place.
pub unsafe fn move_pages(start: *mut u8, bytes: usize, target: *mut u8, target_bytes: usize) -> bool {
    // SAFETY: as required of the caller.
    are_whole([start.addr(), bytes, target.addr(), target_bytes])
        && unsafe { kernel::move_pages(start, bytes, target, target_bytes) }
}
