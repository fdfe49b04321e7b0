//! `memcpy`, `memmove`, `memset`, `memcmp`, `bcmp` and `strlen`.
//!
//! Blocks of 64 bytes or more are moved by the widest registers there are, which [`choose`] asks
//! for at the start; until then by those that each processor has. The crate is `no_builtins`: the
//! compiler would make calls of `memcpy` of the very loops that `memcpy` consists of.

mod vector;

mod copy;

mod fill;

#[path = "arch/registers/mod.rs"]
mod registers;

mod block;

mod compare;

pub use registers::processor::choose;

/// # Safety
/// As in C; and the places may overlap.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".text.memory.copy")]
pub unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, n: usize) -> *mut u8 {
    // SAFETY: the caller's.
    unsafe { block::copy(to, from, n) }
}

/// # Safety
/// As in C.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".text.memory.copy")]
pub unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, n: usize) -> *mut u8 {
    // SAFETY: the caller's.
    unsafe { block::copy(to, from, n) }
}

/// # Safety
/// As in C.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".text.memory.fill")]
pub unsafe extern "C" fn memset(to: *mut u8, value: i32, n: usize) -> *mut u8 {
    let [byte, ..] = value.to_le_bytes();
    // SAFETY: the caller's.
    unsafe { block::fill(to, byte, n) }
}

/// # Safety
/// As in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memcmp(left: *const u8, right: *const u8, n: usize) -> i32 {
    // SAFETY: the caller's.
    unsafe { compare::compare(left, right, n) as i32 }
}

/// # Safety
/// As in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bcmp(left: *const u8, right: *const u8, n: usize) -> i32 {
    // SAFETY: the caller's.
    unsafe { compare::compare(left, right, n) as i32 }
}

/// # Safety
/// As in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strlen(text: *const u8) -> usize {
    // SAFETY: the caller's.
    unsafe { compare::length(text) }
}
