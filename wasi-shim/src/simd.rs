//! Vector operations that Cranelift calls on processors of level 1, where an instruction for them
//! is missing.

use std::arch::x86_64::__m128i;

/// `pshufb` of SSSE3: each byte of `selectors` chooses a byte of `bytes`, or zero if its highest
/// bit is set.
#[unsafe(no_mangle)]
#[expect(improper_ctypes_definitions, reason = "the C convention has a place for it: a vector register")]
pub extern "C" fn w2n_x86_pshufb(bytes: __m128i, selectors: __m128i) -> __m128i {
    let [bytes, selectors] = [bytes, selectors].map(|vector| {
        // SAFETY: sixteen bytes in which every pattern is valid.
        unsafe { std::mem::transmute::<__m128i, [u8; 16]>(vector) }
    });
    let result = selectors.map(|selector| if selector < 0x80 { bytes[usize::from(selector & 15)] } else { 0 });
    // SAFETY: as above.
    unsafe { std::mem::transmute::<[u8; 16], __m128i>(result) }
}
