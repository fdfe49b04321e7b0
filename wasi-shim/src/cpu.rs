//! Whether the processor has the instructions that the program was compiled for.
//!
//! The levels are those of the x86-64 psABI, section 3.1.1 "Processor Architecture"; bits as in
//! Intel's manual, CPUID.

use crate::attempt::fail;
use crate::text::message;
use std::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};

/// Stops the program with a message if the processor is below `level`. Levels 0 and 1 are every
/// x86-64 processor.
pub fn check(level: u8) {
    if level <= 1 || has(level) {
        return;
    }
    let mut text = message();
    text.add("this program was compiled for x86-64-v").add_decimal(level.into());
    text.add(", and the processor lacks instructions of that level");
    fail(text, 1);
}

fn has(level: u8) -> bool {
    let basic = __cpuid(1);
    let extended = __cpuid(0x8000_0001);
    // SSE3, SSSE3, CMPXCHG16B, SSE4.1, SSE4.2, POPCNT; LAHF.
    let v2 = all(basic.ecx, [0, 9, 13, 19, 20, 23]) && all(extended.ecx, [0]);
    if level == 2 || !v2 {
        return v2;
    }
    if __cpuid(0).eax < 7 {
        return false;
    }
    let features = __cpuid_count(7, 0);
    // FMA, MOVBE, OSXSAVE, AVX, F16C; LZCNT; BMI1, AVX2, BMI2.
    let v3 = all(basic.ecx, [12, 22, 27, 28, 29]) && all(extended.ecx, [5]) && all(features.ebx, [3, 5, 8]);
    // The system saves SSE and AVX registers.
    if !v3 || !saves(0x06) {
        return false;
    }
    // AVX512F, DQ, CD, BW, VL, and their registers.
    level == 3 || all(features.ebx, [16, 17, 28, 30, 31]) && saves(0xe6)
}

fn all<const N: usize>(register: u32, bits: [u32; N]) -> bool {
    bits.iter().all(|bit| register >> bit & 1 == 1)
}

/// Whether the system saves these parts of the register state at a switch of threads. Requires
/// OSXSAVE.
fn saves(parts: u64) -> bool {
    #[target_feature(enable = "xsave")]
    fn state() -> u64 {
        // SAFETY: register 0 always exists.
        unsafe { _xgetbv(0) }
    }
    // SAFETY: the caller saw OSXSAVE.
    unsafe { state() & parts == parts }
}
