//! Where stacks end: the stack of each thread that runs translated code, and the one on which its
//! signals are handled.
//!
//! The kernel lets the main stack grow down to `RLIMIT_STACK` and leaves a gap of unmapped pages
//! below, so that an overflow faults there; other threads have a guard below theirs. The signal
//! stack gets a guard below it. Functions with large frames touch every page on their way down
//! (Cranelift's `enable_probestack`), so that none can step over a guard.
//!
//! What is known of a thread is read by signal handlers: it is written once, by [`prepare_thread`],
//! and its place is there by then.

use crate::system::{self, Access, kernel};
use crate::text::{Text, message};
use crate::width::usize_of;
use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::ops::Range;

/// Limit where the system sets none, so that runaway recursion ends before memory does.
const LARGEST_DEFAULT: u64 = 256 << 20;

/// The limit that Linux sets if no one else does (`_STK_LIM`).
const USUAL_LIMIT: u64 = 8 << 20;

/// The signal stack: enough for the largest register state and a trap message, and for a host's
/// handler that calls Wasm.
const SIGNAL_STACK: usize = 64 << 10;

/// A signal stack of the host's that is at least so large does as well.
const LEAST_SIGNAL_STACK: usize = 32 << 10;

/// Inaccessible bytes below the signal stack, and bytes below a stack in which a fault is an
/// overflow. The kernel's own gap below the main stack is 256 pages (`stack_guard_gap`); frames of
/// C code, which has no probes, may reach further.
const SIGNAL_GUARD: usize = 64 << 10;
const SIGNAL_MAPPING: usize = SIGNAL_GUARD + SIGNAL_STACK;
const MAIN_GUARD: usize = 2 << 20;
const THREAD_GUARD: usize = 64 << 10;

/// What is known of a thread: all zero if nothing is.
#[derive(Clone, Copy)]
struct Thread {
    /// Lowest byte of its stack, and the first byte after it.
    start: usize,
    end: usize,
    is_main: bool,
    /// The same for its signal stack; zero if it has none.
    signal_start: usize,
    signal_end: usize,
    /// The guard below the signal stack is ours.
    is_signal_guarded: bool,
}

const UNKNOWN: Thread =
    Thread { start: 0, end: 0, is_main: false, signal_start: 0, signal_end: 0, is_signal_guarded: false };

thread_local! {
    /// Without a destructor, so that a signal handler can read it at any time.
    static THREAD: Cell<Thread> = const { Cell::new(UNKNOWN) };
    /// Gives the signal stack back when the thread ends.
    static SIGNAL_STACK_OWNER: Cell<Option<SignalStack>> = const { Cell::new(None) };
}

/// What the system refused.
pub enum Refused {
    /// Bytes of the main stack, and how many there may be at most.
    MainStack { wanted: u64, allowed: u64 },
    /// Memory for a signal stack.
    SignalStack,
}

impl Refused {
    /// The message for the user.
    pub fn message(&self) -> Text {
        let mut text = message();
        match *self {
            Refused::MainStack { wanted, allowed } => {
                text.add("cannot set the stack size to ").add_decimal(wanted.into()).add(" bytes: the system");
                if wanted > allowed {
                    text.add("'s hard limit is ").add_decimal(allowed.into());
                } else {
                    text.add(" forbids it");
                }
            }
            Refused::SignalStack => _ = text.add("cannot create a stack for signals"),
        }
        text
    }
}

/// Sets the limit of the main stack, which the calling thread is on, and gives the thread a stack
/// for signal handlers. `maximum` is the user's wish. For the start of a program.
///
/// # Errors
/// The limit is above what the system allows, or there is no memory for the signal stack.
pub fn prepare_main_thread(maximum: Option<u64>) -> Result<(), Refused> {
    let mut limit = main_limit();
    let wanted = maximum.unwrap_or(default_limit(&limit));
    if wanted != limit.rlim_cur {
        let allowed = limit.rlim_max;
        let new = libc::rlimit { rlim_cur: wanted, ..limit };
        if kernel::set_limit(libc::RLIMIT_STACK, &new) {
            // Emulators accept a limit that they do not set.
            limit = main_limit();
        } else if maximum.is_some() {
            return Err(Refused::MainStack { wanted, allowed });
        }
    }
    // The thread lives as long as the program: its signal stack needs no owner.
    let (signal, _) = signal_stack()?;
    note(main_stack(&limit), true, signal);
    Ok(())
}

/// The limit of the main stack; where the system does not say, that of most systems.
fn main_limit() -> libc::rlimit {
    let usual = libc::rlimit { rlim_cur: USUAL_LIMIT, rlim_max: libc::RLIM_INFINITY };
    kernel::limit(libc::RLIMIT_STACK).unwrap_or(usual)
}

/// Bytes of the stack of a new thread: as many as the main stack may have, within reason. The
/// system gives them when they are used.
pub fn size_of_new() -> usize {
    usize_of(default_limit(&main_limit()).clamp(64 << 10, 64 << 20))
}

fn default_limit(limit: &libc::rlimit) -> u64 {
    match limit.rlim_cur {
        libc::RLIM_INFINITY => LARGEST_DEFAULT.min(limit.rlim_max),
        bytes => bytes,
    }
}

/// Notes where the calling thread's stack is, and gives it a stack for signal handlers. Costs
/// nothing the second time.
///
/// # Errors
/// The system gives no memory for the signal stack.
#[inline]
pub fn prepare_thread() -> Result<(), Refused> {
    if is_known() { Ok(()) } else { prepare_new_thread() }
}

#[cold]
fn prepare_new_thread() -> Result<(), Refused> {
    let is_main = kernel::is_main_thread();
    let stack = if is_main { Some(main_stack(&main_limit())) } else { kernel::thread_stack() };
    let (signal, owner) = signal_stack()?;
    // A thread that is about to end has no place for it any more: then the stack stays.
    let _ = SIGNAL_STACK_OWNER.try_with(|place| place.set(owner.map(ManuallyDrop::into_inner)));
    if let Some(stack) = stack {
        note(stack, is_main, signal);
    }
    Ok(())
}

/// Notes where the calling thread's stacks are.
fn note(stack: Range<usize>, is_main: bool, signal: SignalRange) {
    let SignalRange { addresses: signal, is_guarded: is_signal_guarded } = signal;
    THREAD.set(Thread {
        start: stack.start,
        end: stack.end,
        is_main,
        signal_start: signal.start,
        signal_end: signal.end,
        is_signal_guarded,
    });
}

fn main_stack(limit: &libc::rlimit) -> Range<usize> {
    let end = kernel::end_of_main_stack();
    // The kernel has given the first pages already.
    let size = usize_of(default_limit(limit).max(256 << 10));
    end.saturating_sub(size)..end
}

/// The addresses of so many bytes.
fn range(start: *mut libc::c_void, size: usize) -> Range<usize> {
    start as usize..(start as usize).saturating_add(size)
}

/// Where a signal stack is.
struct SignalRange {
    addresses: Range<usize>,
    /// The guard below is ours.
    is_guarded: bool,
}

/// The thread's signal stack: the one that it has, or a new one, which stays if nobody drops it.
fn signal_stack() -> Result<(SignalRange, Option<ManuallyDrop<SignalStack>>), Refused> {
    let (stack, old) = SignalStack::new().ok_or(Refused::SignalStack)?;
    let start = stack.start();
    if old.ss_flags & libc::SS_DISABLE == 0 && old.ss_size >= LEAST_SIGNAL_STACK {
        // SAFETY: gives the thread the stack back that it had.
        let is_back = unsafe { libc::sigaltstack(&old, std::ptr::null_mut()) } == 0;
        if is_back {
            return Ok((SignalRange { addresses: range(old.ss_sp, old.ss_size), is_guarded: false }, None));
        }
    }
    let signal = SignalRange { addresses: range(start.cast(), SIGNAL_STACK), is_guarded: true };
    Ok((signal, Some(ManuallyDrop::new(stack))))
}

/// A stack for signal handlers with the guard below it, which is where it begins.
struct SignalStack(*mut u8);

impl SignalStack {
    /// The lowest byte that a handler may use.
    fn start(&self) -> *mut u8 {
        self.0.wrapping_add(SIGNAL_GUARD)
    }

    /// Makes a new one that of the calling thread. The one that it had before comes with it.
    fn new() -> Option<(SignalStack, libc::stack_t)> {
        let stack = SignalStack(system::reserve(SIGNAL_MAPPING, Access::None)?);
        let new = libc::stack_t { ss_sp: stack.start().cast(), ss_flags: 0, ss_size: SIGNAL_STACK };
        // SAFETY: a zeroed structure is valid. This hands a part of the new memory, which nothing
        // else uses, to the kernel. What it refused is dropped, which gives the memory back.
        unsafe {
            let mut old: libc::stack_t = std::mem::zeroed();
            let is_done = system::set_access(stack.start(), SIGNAL_STACK, Access::ReadWrite)
                && libc::sigaltstack(&new, &mut old) == 0;
            is_done.then_some((stack, old))
        }
    }
}

impl Drop for SignalStack {
    fn drop(&mut self) {
        let start = self.start();
        // SAFETY: the stack goes away only if it is not the thread's any more, and nothing runs on
        // it: a thread does not end there.
        unsafe {
            let mut now: libc::stack_t = std::mem::zeroed();
            libc::sigaltstack(std::ptr::null(), &mut now);
            if now.ss_flags & libc::SS_DISABLE == 0 && now.ss_sp == start.cast() {
                let none = libc::stack_t { ss_sp: std::ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
                if libc::sigaltstack(&none, std::ptr::null_mut()) != 0 {
                    return;
                }
            }
            THREAD.set(UNKNOWN);
            system::unmap(self.0, SIGNAL_MAPPING);
        }
    }
}

/// Whether [`prepare_thread`] was called on this thread.
pub fn is_known() -> bool {
    THREAD.get().end != 0
}

/// Whether this is the thread that the process began with, and it is known.
pub fn is_main() -> bool {
    THREAD.get().is_main
}

/// Whether a fault at an address is the overflow of the thread's stack. `is_unmapped`: the system
/// has no memory at the address (`SEGV_MAPERR`), as opposed to memory that may not be used in this
/// way; or the code uses no other memory where it faulted.
pub fn is_overflow(address: usize, is_unmapped: bool) -> bool {
    let Thread { start, end, is_main, signal_start, is_signal_guarded, .. } = THREAD.get();
    let is_stack = match is_main {
        // All of it: the kernel refuses to let it grow also when memory is short or another mapping
        // is near. Emulators map the whole stack, and a guard below.
        true => {
            (start.saturating_sub(MAIN_GUARD)..start).contains(&address)
                || is_unmapped && (start..end).contains(&address)
        }
        false => (start.saturating_sub(THREAD_GUARD)..start).contains(&address),
    };
    is_stack || is_signal_guarded && (signal_start.saturating_sub(SIGNAL_GUARD)..signal_start).contains(&address)
}

/// The part of the thread's stack that is in use, or on its signal stack that of it. `sp` may lie
/// below the stack after an overflow.
pub fn used(sp: usize) -> Range<usize> {
    let Thread { end, signal_start, signal_end, .. } = THREAD.get();
    if (signal_start..signal_end).contains(&sp) { sp..signal_end } else { sp..end }
}

/// The largest page of a system.
const LARGEST_PAGE: usize = 64 << 10;

/// The end of the stack that an address lies in: words from a live address up to there can be read.
pub fn end_of_stack(address: usize) -> Option<usize> {
    let Thread { start, end, is_main, signal_start, signal_end, .. } = THREAD.get();
    // Emulators put the main stack where no page of the size begins that they tell: it ends earlier
    // than it seems, and begins earlier.
    let start = if is_main { start.saturating_sub(LARGEST_PAGE) } else { start };
    let stacks = [start..end, signal_start..signal_end];
    stacks.into_iter().find(|stack| stack.contains(&address)).map(|stack| stack.end)
}
