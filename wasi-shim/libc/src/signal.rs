//! Signals: actions, masks, stacks.

use crate::arch::processor;
use crate::errno::{call, set_errno, to_c};
use crate::number;
use crate::word::Word;
use core::ffi::c_int;
use core::ptr;
use libc::{sigaction as Action, sigset_t};

/// The largest signal number. The kernel's sets have a bit for each.
const LARGEST: c_int = 64;

/// Words of C's sets, which are larger than the kernel's.
const N_WORDS: usize = size_of::<sigset_t>() / size_of::<u64>();

/// Bytes of the kernel's sets.
const KERNEL_SET: usize = size_of::<u64>();

/// What the kernel takes for [`Action`].
#[repr(C)]
#[derive(Default)]
struct KernelAction {
    handler: usize,
    flags: usize,
    restorer: usize,
    mask: u64,
}

/// # Safety
/// As C's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigaction(signal: c_int, new: *const Action, old: *mut Action) -> c_int {
    // SAFETY: as required of the caller.
    let kernels_new = unsafe { new.as_ref() }.map(|new| KernelAction {
        handler: new.sa_sigaction,
        flags: (new.sa_flags | processor::SA_RESTORER).word(),
        restorer: processor::restorer(),
        // SAFETY: the set begins with the kernel's.
        mask: unsafe { *ptr::from_ref(&new.sa_mask).cast() },
    });
    let new_place = kernels_new.as_ref().map_or(ptr::null(), ptr::from_ref);
    let mut kernels_old = KernelAction::default();
    let old_place = if old.is_null() { ptr::null_mut() } else { &raw mut kernels_old };
    // SAFETY: null, or live variables.
    let result =
        unsafe { call(libc::SYS_rt_sigaction, [signal.word(), new_place.addr(), old_place.addr(), KERNEL_SET]) };
    // SAFETY: as required of the caller.
    if let Some(old) = unsafe { old.as_mut() }.filter(|_| result.is_ok()) {
        old.sa_sigaction = kernels_old.handler;
        old.sa_flags = c_int::of(kernels_old.flags) & !processor::SA_RESTORER;
        old.sa_restorer = None;
        // SAFETY: the set has these words.
        unsafe { fill(&raw mut old.sa_mask, kernels_old.mask, 0) };
    }
    to_c(result)
}

/// # Safety
/// The set can be written.
unsafe fn fill(set: *mut sigset_t, first: u64, others: u64) {
    for word in 0..N_WORDS {
        // SAFETY: as required of the caller.
        unsafe { *set.cast::<u64>().wrapping_add(word) = if word == 0 { first } else { others } };
    }
}

/// BSD's: system calls go on after the handler.
///
/// # Safety
/// As C's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn signal(signal: c_int, handler: usize) -> usize {
    // SAFETY: zeros are valid.
    let mut action: Action = unsafe { core::mem::zeroed() };
    action.sa_sigaction = handler;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: as above.
    let mut old: Action = unsafe { core::mem::zeroed() };
    // SAFETY: as required of the caller.
    match unsafe { sigaction(signal, &action, &mut old) } {
        0 => old.sa_sigaction,
        _ => libc::SIG_ERR,
    }
}

/// # Safety
/// As C's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigfillset(set: *mut sigset_t) -> c_int {
    // SAFETY: as required of the caller.
    unsafe { fill(set, u64::MAX, u64::MAX) };
    0
}

/// The bit of a signal in the first word of a set.
fn bit(signal: c_int) -> Option<u64> {
    let Some(bit) = signal.checked_sub(1).filter(|_| (1..=LARGEST).contains(&signal)) else {
        set_errno(libc::EINVAL);
        return None;
    };
    Some(1 << bit)
}

/// # Safety
/// As C's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigaddset(set: *mut sigset_t, signal: c_int) -> c_int {
    let Some(bit) = bit(signal) else { return -1 };
    // SAFETY: as required of the caller.
    unsafe { *set.cast::<u64>() |= bit };
    0
}

/// # Safety
/// As C's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigismember(set: *const sigset_t, signal: c_int) -> c_int {
    let Some(bit) = bit(signal) else { return -1 };
    // SAFETY: as required of the caller.
    c_int::from(unsafe { *set.cast::<u64>() } & bit != 0)
}

#[unsafe(no_mangle)]
pub extern "C" fn __libc_current_sigrtmax() -> c_int {
    LARGEST
}

/// # Safety
/// As C's. Its result is an error number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_sigmask(how: c_int, new: *const sigset_t, old: *mut sigset_t) -> c_int {
    // SAFETY: as required of the caller; the kernel reads and writes the first word.
    let result = unsafe { call(libc::SYS_rt_sigprocmask, [how.word(), new.addr(), old.addr(), KERNEL_SET]) };
    result.err().unwrap_or(0)
}

/// No handler runs on this thread any more.
pub fn block_all() {
    let all = [u64::MAX];
    // SAFETY: the kernel reads one word of a live variable.
    unsafe { pthread_sigmask(libc::SIG_SETMASK, all.as_ptr().cast(), ptr::null_mut()) };
}

/// This thread gets the signal.
pub fn unblock(signal: c_int) {
    let set = [bit(signal).unwrap_or(0)];
    // SAFETY: the kernel reads one word of a live variable.
    unsafe { pthread_sigmask(libc::SIG_UNBLOCK, set.as_ptr().cast(), ptr::null_mut()) };
}

/// # Safety
/// As C's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigaltstack(new: *const libc::stack_t, old: *mut libc::stack_t) -> c_int {
    // SAFETY: as required of the caller.
    to_c(unsafe { call(libc::SYS_sigaltstack, [new.addr(), old.addr()]) })
}

/// Sends a signal to the calling thread.
#[unsafe(no_mangle)]
pub extern "C" fn raise(signal: c_int) -> c_int {
    let [process, thread] = [number::getpid(), number::gettid()].map(|number| number.word());
    // SAFETY: no memory is read or written.
    to_c(unsafe { call(libc::SYS_tgkill, [process, thread, signal.word()]) })
}
