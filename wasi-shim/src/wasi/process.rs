//! The process itself: its end, signals to itself, and giving way to others.

use crate::abi::trap::{CODE_EXIT, TrapReport};
use crate::arch::processor::Registers;
use crate::attempt;
use crate::backtrace::{self, Cause};
use crate::program;
use crate::wasi::errno::{Errno, Result, check};
use crate::wasi::guest::Guest;
use std::sync::atomic::{AtomicBool, Ordering};

/// Ends the attempt, or else the program, with the guest's status; the system keeps its lowest
/// eight bits.
pub fn exit(status: i32) -> ! {
    if attempt::is_active() {
        let cause = Cause { code: CODE_EXIT, message: b"the module has called proc_exit" };
        let report = TrapReport { status, ..backtrace::report(cause, Registers::here()) };
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
    if status != 0 {
        program::explain_failure();
    }
    program::tell_end();
    // SAFETY: C code that is linked with the program may have asked to be called at exit; it may
    // expect to be here.
    unsafe { libc::exit(status) }
}

/// What `$signal` calls none: nothing happens.
const NONE: u32 = 0;
/// The last of `$signal`, `sys`.
const LAST: u32 = 30;

/// The signals that a program may send to itself. The default action of each is to end the process,
/// and nothing else in it uses them.
///
/// The others are refused. The runtime handles those of faults, because they are traps. The rest
/// are between the process and its parent, its terminal, its timers, or C code that it is linked
/// with, and none of those expects a guest to take part. `$signal` and Linux have the same numbers
/// up to 15.
const ENDING: [(u32, i32); 7] = [
    (1, libc::SIGHUP),
    (2, libc::SIGINT),
    (3, libc::SIGQUIT),
    (6, libc::SIGABRT),
    (9, libc::SIGKILL),
    (13, libc::SIGPIPE),
    (15, libc::SIGTERM),
];

/// A program may end itself by a signal, as it may by `proc_exit`. A library's process is its
/// host's.
pub fn raise(_: &Guest, signal: u32) -> Result<()> {
    if signal > LAST {
        return Err(Errno::Inval.into());
    }
    if program::main().is_none() {
        return Err(Errno::Notsup.into());
    }
    if signal == NONE {
        return Ok(());
    }
    let known = ENDING.iter().find(|(number, _)| *number == signal);
    let &(_, signal) = known.ok_or(Errno::Notsup)?;
    // SAFETY: the effect is the signal's action: the default one, or a handler of C code in this
    // process. SIGPIPE is ignored only so that writing returns an error, see `start`.
    let result = unsafe {
        if signal == libc::SIGPIPE {
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
