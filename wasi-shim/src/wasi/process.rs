//! The process itself: its end, signals to itself, and giving way to others.

use crate::abi::{CODE_EXIT, TrapReport};
use crate::attempt;
use crate::backtrace::{self, Cause};
use crate::program;
use crate::wasi::errno::{Errno, Result, check};
use crate::wasi::guest::Guest;
use std::sync::atomic::{AtomicBool, Ordering};

/// Ends the attempt, or else the program, with the guest's status; the system keeps its lowest eight bits.
pub fn exit(status: i32) -> ! {
    if attempt::is_active() {
        let cause = Cause { code: CODE_EXIT, message: b"the module has called proc_exit" };
        let report = TrapReport { status, ..backtrace::report(cause, backtrace::registers_here()) };
        attempt::give_up(&report);
    }
    static ENDING: AtomicBool = AtomicBool::new(false);
    if ENDING.swap(true, Ordering::Relaxed) {
        // Another thread was first, and C allows one to end the process. This one waits for that.
        loop {
            // SAFETY: waits for a signal, of which none matters any more.
            unsafe { libc::pause() };
        }
    }
    // SAFETY: C code that is linked with the program may have asked to be called at exit; it may expect to be here.
    unsafe { libc::exit(status) }
}

/// A program may send signals to itself: it could stop itself anyway. A library's process is its host's.
pub fn raise(_: &Guest, signal: u32) -> Result<()> {
    // `$signal` in the order of Linux, without SIGSTKFLT, which is 16.
    let signal = match signal {
        0 => return Ok(()),
        1..=15 => signal,
        16..=30 => signal + 1,
        _ => return Err(Errno::Inval.into()),
    } as i32;
    if program::main().is_none() {
        return Err(Errno::Notsup.into());
    }
    // SAFETY: the effect is that of the signal's action, which belongs to the system or to handlers of this process. Two are
    // ignored only so that writing returns an error, see `start`.
    let result = unsafe {
        if signal == libc::SIGPIPE || signal == libc::SIGXFSZ {
            libc::signal(signal, libc::SIG_DFL);
        }
        libc::raise(signal)
    };
    check(if result == 0 { 0 } else { -1 }).map(|_| ())
}

pub fn yield_now(_: &Guest) -> Result<()> {
    std::thread::yield_now();
    Ok(())
}
