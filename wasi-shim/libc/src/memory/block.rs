//! `memmove` and `memset` of any size: fewer than 64 bytes here, more by the widest registers there
//! are.
//!
//! A jump that is taken costs as much as a copy of a few bytes, and so does a function that is not
//! at the start of a cache line. So the order of the code matters: what follows [`cold_path`] is
//! placed behind the rest, whether it is seldom or not. For 8 to 16 bytes one jump is taken, for
//! more two at most. The functions that contain this code belong in the aligned sections.

use super::registers::align_sections;
use super::registers::processor::{Narrow, copy_long, fill_long};
use super::vector::Vector;
use super::{copy, fill};
use core::hint::cold_path;

align_sections!(".text.memory.copy" ".text.memory.fill");

/// Copies `n` bytes. The places may overlap.
///
/// # Safety
/// `n` bytes at `from` are readable, `n` bytes at `to` are writable.
#[inline(always)]
pub unsafe fn copy(to: *mut u8, from: *const u8, n: usize) -> *mut u8 {
    if n < 64 {
        cold_path();
        // SAFETY: the caller's.
        unsafe { copy_short(to, from, n) };
        return to;
    }
    // SAFETY: the caller's.
    unsafe { copy_long(to, from, n) }
}

#[inline(always)]
unsafe fn copy_short(to: *mut u8, from: *const u8, n: usize) {
    // SAFETY: each part reads and writes within the `n` bytes.
    unsafe {
        if n > 16 {
            cold_path();
            if n > 32 {
                cold_path();
                copy::ends::<Narrow, 2>(to, from, n);
            } else {
                copy::ends::<Narrow, 1>(to, from, n);
            }
        } else if n >= 8 {
            copy::words::<u64>(to, from, n);
        } else {
            cold_path();
            if n >= 4 {
                copy::words::<u32>(to, from, n);
            } else if n >= 2 {
                copy::words::<u16>(to, from, n);
            } else if n == 1 {
                to.write(from.read());
            }
        }
    }
}

/// Fills `n` bytes.
///
/// # Safety
/// `n` bytes at `to` are writable.
#[inline(always)]
pub unsafe fn fill(to: *mut u8, byte: u8, n: usize) -> *mut u8 {
    if n < 64 {
        cold_path();
        // SAFETY: the caller's.
        unsafe { fill_short(to, byte, n) };
        return to;
    }
    // SAFETY: the caller's.
    unsafe { fill_long(to, byte, n) }
}

#[inline(always)]
unsafe fn fill_short(to: *mut u8, byte: u8, n: usize) {
    // SAFETY: each part writes within the `n` bytes.
    unsafe {
        if n > 16 {
            cold_path();
            let vector = Narrow::splat(byte);
            if n > 32 {
                cold_path();
                fill::ends::<Narrow, 2>(to, vector, n);
            } else {
                fill::ends::<Narrow, 1>(to, vector, n);
            }
        } else if n >= 8 {
            fill::words(to, u64::from_ne_bytes([byte; 8]), n);
        } else {
            cold_path();
            if n >= 4 {
                fill::words(to, u32::from_ne_bytes([byte; 4]), n);
            } else if n >= 2 {
                fill::words(to, u16::from_ne_bytes([byte; 2]), n);
            } else if n == 1 {
                to.write(byte);
            }
        }
    }
}
