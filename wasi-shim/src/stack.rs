//! Where stacks end: the main stack, and the stack on which signals are handled.
//!
//! The kernel lets the main stack grow down to `RLIMIT_STACK` and leaves a gap of unmapped pages below, so that an overflow
//! faults there. The signal stack gets a guard below it. Functions with large frames touch every page on their way down
//! (Cranelift's `enable_probestack`), so that none can step over a guard.

use crate::text::{fail, message};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Limit where the system sets none, so that runaway recursion ends before memory does.
const LARGEST_DEFAULT: u64 = 256 << 20;

/// The signal stack: enough for the largest register state and a trap message, and for a host's handler that calls Wasm.
const SIGNAL_STACK: usize = 64 << 10;

/// Inaccessible bytes below the signal stack, and bytes below the main stack in which a fault is an overflow. The kernel's
/// own gap is 256 pages (`stack_guard_gap`); frames of C code, which has no probes, may reach further.
const SIGNAL_GUARD: usize = 64 << 10;
const MAIN_GUARD: usize = 2 << 20;

/// First byte after the main stack.
static MAIN_END: AtomicUsize = AtomicUsize::new(0);
/// Lowest byte that the main stack may grow down to.
static MAIN_START: AtomicUsize = AtomicUsize::new(0);
/// Lowest byte of the signal stack.
static SIGNAL_START: AtomicUsize = AtomicUsize::new(0);

/// Sets and notes the limit of the main stack. `maximum` is the user's wish.
pub fn limit_main_stack(maximum: Option<u64>) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: writes to a live variable.
    unsafe { libc::getrlimit(libc::RLIMIT_STACK, &mut limit) };
    let wanted = match maximum {
        Some(bytes) => bytes,
        None if limit.rlim_cur == libc::RLIM_INFINITY => LARGEST_DEFAULT.min(limit.rlim_max),
        None => limit.rlim_cur,
    };
    if wanted != limit.rlim_cur {
        let allowed = limit.rlim_max;
        limit.rlim_cur = wanted;
        // SAFETY: reads a live variable.
        if unsafe { libc::setrlimit(libc::RLIMIT_STACK, &limit) } != 0 {
            let mut text = message();
            text.add("cannot set the stack size to ").add_decimal(wanted.into());
            text.add(" bytes: the system's hard limit is ").add_decimal(allowed.into());
            fail(text, 1);
        }
    }
    // The kernel puts the program's file name at the very end of the stack.
    // SAFETY: reads a value that the kernel handed over.
    let near_end = unsafe { libc::getauxval(libc::AT_EXECFN) } as usize;
    let end = (near_end | 4095) + 1;
    MAIN_END.store(end, Ordering::Relaxed);
    // The kernel has given the first pages already.
    let size = wanted.max(256 << 10) as usize;
    MAIN_START.store(end.saturating_sub(size), Ordering::Relaxed);
}

/// Gives the main thread a stack for signal handlers.
pub fn create_signal_stack() {
    SIGNAL_START.store(create_signal_stack_for_thread(), Ordering::Relaxed);
}

/// Gives the calling thread a stack for signal handlers; where it begins. It stays when the thread ends.
pub fn create_signal_stack_for_thread() -> usize {
    // SAFETY: maps new memory and hands a part of it, which nobody else uses, to the kernel.
    unsafe {
        let guard = libc::mmap(
            std::ptr::null_mut(),
            SIGNAL_GUARD + SIGNAL_STACK,
            libc::PROT_NONE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
            -1,
            0,
        );
        let start = guard.byte_add(SIGNAL_GUARD);
        let stack = libc::stack_t { ss_sp: start, ss_flags: 0, ss_size: SIGNAL_STACK };
        if guard == libc::MAP_FAILED
            || libc::mprotect(start, SIGNAL_STACK, libc::PROT_READ | libc::PROT_WRITE) != 0
            || libc::sigaltstack(&stack, std::ptr::null_mut()) != 0
        {
            let mut text = message();
            text.add("cannot create a stack for signals");
            fail(text, 1);
        }
        start as usize
    }
}

/// Whether a fault at an address is the overflow of a stack. `is_unmapped`: the system has no memory at the address
/// (`SEGV_MAPERR`), as opposed to memory that may not be used in this way.
pub fn is_overflow(address: usize, is_unmapped: bool) -> bool {
    let main_start = MAIN_START.load(Ordering::Relaxed);
    let signal_start = SIGNAL_START.load(Ordering::Relaxed);
    // The whole of the main stack: the kernel refuses to let it grow also when memory is short or another mapping is near.
    let in_main = (main_start.saturating_sub(MAIN_GUARD)..MAIN_END.load(Ordering::Relaxed)).contains(&address);
    in_main && is_unmapped || (signal_start.saturating_sub(SIGNAL_GUARD)..signal_start).contains(&address)
}

/// The end of the stack that an address lies in: words from a live address up to there can be read.
pub fn end_of_stack(address: usize) -> Option<usize> {
    let main_end = MAIN_END.load(Ordering::Relaxed);
    let signal_start = SIGNAL_START.load(Ordering::Relaxed);
    if (MAIN_START.load(Ordering::Relaxed)..main_end).contains(&address) {
        Some(main_end)
    } else if (signal_start..signal_start + SIGNAL_STACK).contains(&address) {
        Some(signal_start + SIGNAL_STACK)
    } else {
        None
    }
}
