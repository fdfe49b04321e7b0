//! aarch64, with the calling convention of AAPCS64, but not of Apple's variant of it.
//!
//! Only the calls of C and the size of pages are here yet. The runtime does not compile for this
//! processor until the other names of `x86_64.rs` are here as well.

use crate::abi::memory::AARCH64_PAGE;
use crate::arch::CCall;
use std::mem::offset_of;

/// The page that objects for the processor are aligned to.
pub const OBJECT_PAGE: u64 = AARCH64_PAGE;

/// How many integers and floating-point numbers a call passes in registers (AAPCS64, 6.4). Variable
/// arguments go where fixed ones would.
pub const N_INTEGERS: usize = 8;
pub const N_FLOATS: usize = 8;

/// Whether a `long double` goes into a vector register.
pub const LONG_DOUBLE_IN_REGISTER: bool = true;

/// Fills registers and stack, calls, and notes the results.
///
/// # Safety
/// The function takes these arguments.
#[unsafe(naked)]
pub unsafe extern "C" fn call_c(call: *mut CCall) {
    std::arch::naked_asm!(
        "stp x29, x30, [sp, #-32]!",
        "mov x29, sp",
        "str x19, [sp, #16]",
        "mov x19, x0",
        "ldr x9, [x19, #{n_stack}]",
        "ldr x10, [x19, #{stack}]",
        "sub sp, sp, x9, lsl #3",
        "mov x11, sp",
        "2:",
        "cbz x9, 3f",
        "ldr x12, [x10], #8",
        "str x12, [x11], #8",
        "sub x9, x9, #1",
        "b 2b",
        "3:",
        "ldp q0, q1, [x19, #{floats}]",
        "ldp q2, q3, [x19, #{floats} + 32]",
        "ldp q4, q5, [x19, #{floats} + 64]",
        "ldp q6, q7, [x19, #{floats} + 96]",
        "ldp x0, x1, [x19, #{integers}]",
        "ldp x2, x3, [x19, #{integers} + 16]",
        "ldp x4, x5, [x19, #{integers} + 32]",
        "ldp x6, x7, [x19, #{integers} + 48]",
        "ldr x9, [x19, #{function}]",
        "blr x9",
        "str x0, [x19, #{integer}]",
        "str d0, [x19, #{float}]",
        "mov sp, x29",
        "ldr x19, [sp, #16]",
        "ldp x29, x30, [sp], #32",
        "ret",
        n_stack = const offset_of!(CCall, n_stack),
        stack = const offset_of!(CCall, stack),
        floats = const offset_of!(CCall, floats),
        integers = const offset_of!(CCall, integers),
        function = const offset_of!(CCall, function),
        integer = const offset_of!(CCall, integer),
        float = const offset_of!(CCall, float),
    )
}

/// A module's `long double`, of IEEE 754's binary128, which is also this platform's.
pub fn long_double_to_c(bits: u128) -> u128 {
    bits
}

/// The way back.
pub fn long_double_to_wasm(bits: u128) -> u128 {
    bits
}
