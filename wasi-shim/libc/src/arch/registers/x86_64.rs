//! Blocks of 64 bytes or more on x86-64: by the widest registers that the processor has and the
//! system keeps. [`choose`] asks for them once; before that, `xmm` is used.

use super::super::vector::{Vector, load, store};
use super::super::{copy, fill};
use core::arch::x86_64 as x86;
use core::sync::atomic::{AtomicU8, Ordering};

/// A register that every processor has.
pub type Narrow = x86::__m128i;

/// A register of AVX2.
type Wide = x86::__m256i;

/// A register of AVX-512.
type Widest = x86::__m512i;

impl Vector for Narrow {
    #[inline(always)]
    unsafe fn load(from: *const u8) -> Narrow {
        // SAFETY: the caller says so.
        unsafe { x86::_mm_loadu_si128(from.cast()) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut u8) {
        // SAFETY: the caller says so.
        unsafe { x86::_mm_storeu_si128(to.cast(), self) }
    }

    #[inline(always)]
    unsafe fn splat(byte: u8) -> Narrow {
        let word = i64::from_ne_bytes([byte; 8]);
        // SAFETY: every processor has this register.
        unsafe { x86::_mm_set1_epi64x(word) }
    }
}

impl Vector for Wide {
    #[inline(always)]
    unsafe fn load(from: *const u8) -> Wide {
        // SAFETY: the caller says so.
        unsafe { x86::_mm256_loadu_si256(from.cast()) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut u8) {
        // SAFETY: the caller says so.
        unsafe { x86::_mm256_storeu_si256(to.cast(), self) }
    }

    #[inline(always)]
    unsafe fn splat(byte: u8) -> Wide {
        // SAFETY: the caller says so.
        unsafe { x86::_mm256_set1_epi8(byte.cast_signed()) }
    }
}

impl Vector for Widest {
    #[inline(always)]
    unsafe fn load(from: *const u8) -> Widest {
        // SAFETY: the caller says so.
        unsafe { x86::_mm512_loadu_si512(from.cast()) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut u8) {
        // SAFETY: the caller says so.
        unsafe { x86::_mm512_storeu_si512(to.cast(), self) }
    }

    #[inline(always)]
    unsafe fn splat(byte: u8) -> Widest {
        // SAFETY: the caller says so.
        unsafe { x86::_mm512_set1_epi8(byte.cast_signed()) }
    }
}

/// Which registers are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Width {
    Narrow,
    Wide,
    Widest,
}

static WIDTH: AtomicU8 = AtomicU8::new(Width::Narrow as u8);

/// Uses the widest registers there are.
pub fn choose() {
    // SAFETY: the processor was asked.
    unsafe { set_width(widest_width()) }
}

/// # Safety
/// The processor has these registers.
pub unsafe fn set_width(width: Width) {
    WIDTH.store(width as u8, Ordering::Relaxed);
}

#[inline(always)]
fn width() -> Width {
    match WIDTH.load(Ordering::Relaxed) {
        0 => Width::Narrow,
        1 => Width::Wide,
        _ => Width::Widest,
    }
}

/// The widest registers that the processor has and the system keeps.
///
/// `ymm` are used from AVX2 on: processors with AVX alone move them by halves. `zmm` are used where
/// that slows nothing else down: processors with AVX512_BF16 are of such a generation.
pub fn widest_width() -> Width {
    // Of leaf 1, in `ecx`.
    const OSXSAVE: u32 = 1 << 27;
    const AVX: u32 = 1 << 28;
    // Of leaf 7, in `ebx`.
    const AVX2: u32 = 1 << 5;
    const AVX512F: u32 = 1 << 16;
    const AVX512BW: u32 = 1 << 30;
    // Of leaf 7, part 1, in `eax`.
    const AVX512_BF16: u32 = 1 << 5;
    // What the system keeps: `xmm` and `ymm`; and with the masks both parts of `zmm`.
    const YMM: u64 = 0b110;
    const ZMM: u64 = 0b1110_0110;

    let has = |register: u32, features: u32| register & features == features;
    if x86::__cpuid(0).eax < 7 || !has(x86::__cpuid(1).ecx, OSXSAVE | AVX) {
        return Width::Narrow;
    }
    // SAFETY: with OSXSAVE the processor has the instruction.
    let kept = unsafe { kept_registers() };
    let leaf = x86::__cpuid_count(7, 0);
    if kept & YMM != YMM || !has(leaf.ebx, AVX2) {
        return Width::Narrow;
    }
    let is_late = leaf.eax >= 1 && has(x86::__cpuid_count(7, 1).eax, AVX512_BF16);
    if kept & ZMM == ZMM && has(leaf.ebx, AVX512F | AVX512BW) && is_late { Width::Widest } else { Width::Wide }
}

#[target_feature(enable = "xsave")]
unsafe fn kept_registers() -> u64 {
    // SAFETY: the caller has asked for OSXSAVE.
    unsafe { x86::_xgetbv(0) }
}

align_sections!(".text.memory.copy_narrow" ".text.memory.copy_wide" ".text.memory.copy_widest");
align_sections!(".text.memory.fill_narrow" ".text.memory.fill_wide" ".text.memory.fill_widest");

/// The result of a function. The compiler does not see that it is an argument: then it would keep
/// that in a register, for which the caller's jump to the function became a call.
#[inline(always)]
fn result(to: *mut u8) -> *mut u8 {
    let mut address = to.expose_provenance();
    // SAFETY: there is no instruction.
    unsafe { core::arch::asm!("/* {} */", inout(reg) address, options(pure, nomem, nostack, preserves_flags)) }
    core::ptr::with_exposed_provenance_mut(address)
}

/// # Safety
/// `n` bytes at `from` are readable, `n` bytes at `to` are writable, `n` is at least 64.
#[inline(always)]
pub unsafe fn copy_long(to: *mut u8, from: *const u8, n: usize) -> *mut u8 {
    // SAFETY: the caller's; the processor has the registers of the width.
    unsafe {
        match width() {
            Width::Narrow => copy_narrow(to, from, n),
            Width::Wide => copy_wide(to, from, n),
            Width::Widest => copy_widest(to, from, n),
        }
    }
}

#[inline(never)]
#[unsafe(link_section = ".text.memory.copy_narrow")]
unsafe fn copy_narrow(to: *mut u8, from: *const u8, n: usize) -> *mut u8 {
    // SAFETY: the caller's.
    result(unsafe { copy_rounds::<Narrow>(to, from, n) })
}

#[target_feature(enable = "avx2")]
#[inline(never)]
#[unsafe(link_section = ".text.memory.copy_wide")]
unsafe fn copy_wide(to: *mut u8, from: *const u8, n: usize) -> *mut u8 {
    // SAFETY: the caller's.
    result(unsafe { if n <= 128 { copy::ends::<Wide, 2>(to, from, n) } else { copy_rounds::<Wide>(to, from, n) } })
}

#[target_feature(enable = "avx2,avx512f,avx512bw")]
#[inline(never)]
#[unsafe(link_section = ".text.memory.copy_widest")]
unsafe fn copy_widest(to: *mut u8, from: *const u8, n: usize) -> *mut u8 {
    // SAFETY: the caller's.
    result(unsafe {
        if n <= 128 {
            copy::ends::<Wide, 2>(to, from, n)
        } else if n <= 256 {
            copy::ends::<Widest, 2>(to, from, n)
        } else {
            copy_rounds::<Widest>(to, from, n)
        }
    })
}

#[inline(always)]
unsafe fn copy_rounds<V: Vector>(to: *mut u8, from: *const u8, n: usize) -> *mut u8 {
    /// The caches hold little of what is longer.
    const LONGEST: usize = (4 << 20) - 1;

    let is_apart = || !copy::is_within(to, from, n) && !copy::is_within(from, to, n);
    // SAFETY: the caller's.
    unsafe { if n > LONGEST && is_apart() { copy_past_caches(to, from, n) } else { copy::rounds::<V>(to, from, n) } }
}

/// Copies more than two lines of the cache between places that do not overlap. Memory is the limit
/// here, so `xmm` is as fast as any.
#[inline(never)]
unsafe fn copy_past_caches(to: *mut u8, from: *const u8, n: usize) -> *mut u8 {
    const LINE: usize = 64;
    /// How far ahead of the loads the caches are told of them.
    const AHEAD: usize = 1024;

    let last = n.wrapping_sub(LINE);
    let mut at = LINE.wrapping_sub(to.addr() % LINE);
    // SAFETY: a round begins before the last line, so it ends within the `n` bytes. It begins at a
    // multiple of the line, as its stores require. A prefetch may be of any address.
    unsafe {
        store(load::<Narrow, 4>(from), to);
        while at < last {
            x86::_mm_prefetch::<{ x86::_MM_HINT_T0 }>(from.wrapping_add(at).wrapping_add(AHEAD).cast());
            let vectors = load::<Narrow, 4>(from.add(at));
            for (index, vector) in vectors.into_iter().enumerate() {
                x86::_mm_stream_si128(to.add(at).cast::<Narrow>().add(index), vector);
            }
            at = at.wrapping_add(LINE);
        }
        // Such stores come before later ones only so.
        x86::_mm_sfence();
        store(load::<Narrow, 4>(from.add(last)), to.add(last));
    }
    to
}

/// # Safety
/// `n` bytes at `to` are writable, `n` is at least 64.
#[inline(always)]
pub unsafe fn fill_long(to: *mut u8, byte: u8, n: usize) -> *mut u8 {
    // SAFETY: the caller's; the processor has the registers of the width.
    unsafe {
        match width() {
            Width::Narrow => fill_narrow(to, byte, n),
            Width::Wide => fill_wide(to, byte, n),
            Width::Widest => fill_widest(to, byte, n),
        }
    }
}

#[inline(never)]
#[unsafe(link_section = ".text.memory.fill_narrow")]
unsafe fn fill_narrow(to: *mut u8, byte: u8, n: usize) -> *mut u8 {
    // SAFETY: the caller's.
    result(unsafe { fill::rounds(to, Narrow::splat(byte), n) })
}

#[target_feature(enable = "avx2")]
#[inline(never)]
#[unsafe(link_section = ".text.memory.fill_wide")]
unsafe fn fill_wide(to: *mut u8, byte: u8, n: usize) -> *mut u8 {
    // SAFETY: the caller's.
    result(unsafe {
        let vector = Wide::splat(byte);
        if n <= 128 { fill::ends::<Wide, 2>(to, vector, n) } else { fill::rounds(to, vector, n) }
    })
}

#[target_feature(enable = "avx2,avx512f,avx512bw")]
#[inline(never)]
#[unsafe(link_section = ".text.memory.fill_widest")]
unsafe fn fill_widest(to: *mut u8, byte: u8, n: usize) -> *mut u8 {
    /// Processors of this generation fill as fast by one instruction, wherever the bytes are.
    const LONGEST: usize = 4095;

    // SAFETY: the caller's.
    result(unsafe {
        if n <= 128 {
            fill::ends::<Wide, 2>(to, Wide::splat(byte), n)
        } else if n <= 256 {
            fill::ends::<Widest, 2>(to, Widest::splat(byte), n)
        } else if n <= LONGEST {
            fill::rounds(to, Widest::splat(byte), n)
        } else {
            fill_at_once(to, byte, n)
        }
    })
}

#[inline(always)]
unsafe fn fill_at_once(to: *mut u8, byte: u8, n: usize) -> *mut u8 {
    // SAFETY: writes the `n` bytes; the direction flag is clear at every call.
    unsafe {
        core::arch::asm!("rep stosb", inout("rdi") to => _, inout("rcx") n => _, in("al") byte,
            options(nostack, preserves_flags));
    }
    to
}
