//! Clocks. The time is read by a function of the kernel's own library (vDSO), which needs no system
//! call.

use crate::arch::processor::CLOCK_GETTIME;
use crate::auxiliary;
use crate::errno::{call, to_c};
use crate::word::Word;
use core::ffi::{c_int, c_uint};
use core::sync::atomic::{AtomicUsize, Ordering};
use libc::{Elf64_Ehdr, Elf64_Phdr, Elf64_Sym, clockid_t, timespec};

type GetTime = unsafe extern "C" fn(clockid_t, *mut timespec) -> c_int;

/// The kernel's function, or one of these.
static FUNCTION: AtomicUsize = AtomicUsize::new(UNKNOWN);
const UNKNOWN: usize = 0;
const MISSING: usize = 1;

/// # Safety
/// As C's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: clockid_t, time: *mut timespec) -> c_int {
    let mut function = FUNCTION.load(Ordering::Relaxed);
    if function == UNKNOWN {
        function = find().unwrap_or(MISSING);
        FUNCTION.store(function, Ordering::Relaxed);
    }
    // SAFETY: the kernel's function has this type. It answers with 0, or makes the call itself.
    if function > MISSING && unsafe { core::mem::transmute::<usize, GetTime>(function)(clock, time) } == 0 {
        return 0;
    }
    // SAFETY: as required of the caller.
    to_c(unsafe { call(libc::SYS_clock_gettime, [clock.word(), time.addr()]) })
}

/// # Safety
/// As C's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_getres(clock: clockid_t, time: *mut timespec) -> c_int {
    // SAFETY: as required of the caller.
    to_c(unsafe { call(libc::SYS_clock_getres, [clock.word(), time.addr()]) })
}

#[unsafe(no_mangle)]
pub extern "C" fn usleep(microseconds: c_uint) -> c_int {
    let time = timespec {
        tv_sec: (microseconds / 1_000_000).into(),
        tv_nsec: (microseconds % 1_000_000).saturating_mul(1000).into(),
    };
    // SAFETY: reads a live variable.
    to_c(unsafe { call(libc::SYS_nanosleep, [(&raw const time).addr(), 0]) })
}

/// Tags of the dynamic section, and a type of segments (ELF, chapter 5).
const DT_HASH: usize = 4;
const DT_STRTAB: usize = 5;
const DT_SYMTAB: usize = 6;
const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;

/// The address of the kernel's function. Its library is mapped as one piece.
fn find() -> Option<usize> {
    let start = auxiliary::value(libc::AT_SYSINFO_EHDR).filter(|&start| start != 0)?;
    // SAFETY: the kernel's library is well-formed and mapped for good, and nobody writes to it.
    unsafe {
        let header = &*(start as *const Elf64_Ehdr);
        let segments = start.wrapping_add(header.e_phoff.word()) as *const Elf64_Phdr;
        let (mut base, mut dynamic) = (None, None);
        for index in 0..header.e_phnum.into() {
            let segment = &*segments.wrapping_add(index);
            let place = start.wrapping_add(segment.p_offset.word());
            match segment.p_type {
                PT_LOAD if base.is_none() => base = Some(place.wrapping_sub(segment.p_vaddr.word())),
                PT_DYNAMIC => dynamic = Some(place as *const [usize; 2]),
                _ => {}
            }
        }
        let (base, mut dynamic) = (base?, dynamic?);
        let (mut hash, mut names, mut symbols) = (None, None, None);
        while let [tag, value] = *dynamic
            && tag != 0
        {
            let place = base.wrapping_add(value);
            match tag {
                DT_HASH => hash = Some(place as *const u32),
                DT_STRTAB => names = Some(place as *const u8),
                DT_SYMTAB => symbols = Some(place as *const Elf64_Sym),
                _ => {}
            }
            dynamic = dynamic.wrapping_add(1);
        }
        let (hash, names, symbols) = (hash?, names?, symbols?);
        // The hash table begins with the numbers of its buckets and of the symbols.
        let n_symbols = (*hash.wrapping_add(1)).word();
        let symbols = (0..n_symbols).map(|index| &*symbols.wrapping_add(index));
        let is_wanted = |symbol: &&Elf64_Sym| {
            let name = names.wrapping_add(symbol.st_name.word());
            let is_same = |(at, &byte): (usize, &u8)| *name.wrapping_add(at) == byte;
            symbol.st_shndx != 0 && CLOCK_GETTIME.iter().enumerate().all(is_same)
        };
        symbols.filter(is_wanted).map(|symbol| base.wrapping_add(symbol.st_value.word())).next()
    }
}
