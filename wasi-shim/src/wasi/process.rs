//! The process itself: its end, and signals to itself.

use crate::abi::{CODE_EXIT, TrapReport};
use crate::attempt;
use crate::backtrace::{self, Cause};
use wasi_common::snapshots::preview_1::types::Errno;

/// Ends the attempt, or else the program, with the guest's status; the system keeps its lowest eight bits.
pub fn exit(status: i32) -> ! {
    if attempt::is_active() {
        let cause = Cause { code: CODE_EXIT, message: b"the module has called proc_exit" };
        let report = TrapReport { status, ..backtrace::report(cause, backtrace::registers_here()) };
        attempt::give_up(&report);
    }
    // SAFETY: C code that is linked with the program may have asked to be called at exit; it may expect to be here.
    unsafe { libc::exit(status) }
}

/// wasi-common would stop the program with an error. A program may send signals to itself: it could stop itself anyway.
pub fn raise(signal: i32) -> i32 {
    // `$signal` in the order of Linux, without SIGSTKFLT, which is 16.
    let signal = match signal {
        0 => return Errno::Success as i32,
        1..=15 => signal,
        16..=30 => signal + 1,
        _ => return Errno::Inval as i32,
    };
    // SAFETY: the effect is that of the signal's action, which belongs to the system or to handlers of this process.
    match unsafe { libc::raise(signal) } {
        0 => Errno::Success as i32,
        _ => Errno::Inval as i32,
    }
}
