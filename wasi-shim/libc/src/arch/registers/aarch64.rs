//! Blocks of 64 bytes or more on aarch64: by the `q` registers, which the compiler loads and
//! stores in pairs. There is nothing to choose.

use super::super::vector::Vector;
use super::super::{copy, fill};
use core::arch::aarch64 as arm;

/// A register that every processor has.
pub type Narrow = arm::uint8x16_t;

impl Vector for Narrow {
    #[inline(always)]
    unsafe fn load(from: *const u8) -> Narrow {
        // SAFETY: the caller says so.
        unsafe { arm::vld1q_u8(from) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut u8) {
        // SAFETY: the caller says so.
        unsafe { arm::vst1q_u8(to, self) }
    }

    #[inline(always)]
    unsafe fn splat(byte: u8) -> Narrow {
        // SAFETY: every processor has this register.
        unsafe { arm::vdupq_n_u8(byte) }
    }
}

/// # Safety
/// `n` bytes at `from` are readable, `n` bytes at `to` are writable, `n` is at least 64.
#[inline(never)]
pub unsafe fn copy_long(to: *mut u8, from: *const u8, n: usize) -> *mut u8 {
    // SAFETY: the caller's.
    unsafe { copy::rounds::<Narrow>(to, from, n) }
}

/// # Safety
/// `n` bytes at `to` are writable, `n` is at least 64.
#[inline(never)]
pub unsafe fn fill_long(to: *mut u8, byte: u8, n: usize) -> *mut u8 {
    // SAFETY: the caller's.
    unsafe { fill::rounds(to, Narrow::splat(byte), n) }
}

/// Asks what the processor has, which makes no difference here.
pub fn choose() {}
