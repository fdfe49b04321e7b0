//! `PREFIX_interrupt`: ends the call that runs in a library, from another thread or from a signal
//! handler.
//!
//! Code of an interruptible library reads a page of the library's in each loop and at the entry of
//! functions. An interrupt takes the access to that page away, and the next read faults: a trap
//! like others, whose handler gives the access back. An interrupt that finds nothing running waits
//! for the next call. Two before a trap are one. Functions of the runtime that wait for something
//! look for an interrupt themselves, every [`LOOK`].

use crate::abi::program::{Fault, POLL_ELSEWHERE, POLL_ENDS, POLL_GOES_ON, Program};
use crate::system::{self, Access, kernel};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// [`crate::abi::builtin::Builtin::LibraryInterrupt`]: allowed at any time, in any thread and
/// signal handler.
///
/// # Safety
/// `program` is the description of a library that has a page for this.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_library_interrupt(program: *const Program, is_wanted: i32) -> i32 {
    // SAFETY: as required of the caller.
    let is_done = unsafe { set(&*program, is_wanted != 0) };
    if is_done { 0 } else { -1 }
}

/// Notes whether an interrupt is wanted. Whether the page follows.
fn set(program: &Program, is_wanted: bool) -> bool {
    program.interrupted.store(is_wanted.into(), Ordering::SeqCst);
    settle(program)
}

/// Makes the page say what is wanted. Whether the system let it.
///
/// Whoever changes what is wanted does this afterwards, and any number of threads and handlers may
/// be here at the same time: a system call that comes late, after another thread has changed what
/// is wanted, is seen by the second look and made good. So once nobody is here, page and word
/// agree. Until then the page may be closed without need: that fault is not an interrupt.
fn settle(program: &Program) -> bool {
    loop {
        let wanted = program.interrupted.load(Ordering::SeqCst);
        let access = if wanted == 0 { Access::ReadWrite } else { Access::None };
        // SAFETY: a page of the library's with nothing in it. Who reads it expects the fault.
        let is_done =
            kernel::keep_errno(|| unsafe { system::set_access(program.poll_page, kernel::page_size(), access) });
        if !is_done || program.interrupted.load(Ordering::SeqCst) == wanted {
            return is_done;
        }
    }
}

/// How long a function of the runtime waits before it looks whether an interrupt is wanted.
pub const LOOK: Duration = Duration::from_millis(20);

/// Whether an interrupt ends the call: then it has, and the caller raises the trap.
pub fn take(program: &Program) -> bool {
    let is_wanted =
        program.interrupted.load(Ordering::Acquire) != 0 && program.interrupted.swap(0, Ordering::SeqCst) != 0;
    if is_wanted {
        settle(program);
    }
    is_wanted
}

/// [`Program::poll_fault`].
///
/// # Safety
/// A live structure, whose program is a library that has a page for this.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_poll_fault(fault: *const Fault) -> i32 {
    // SAFETY: as required of the caller.
    let (program, address) = unsafe { (&*(*fault).program, (*fault).address) };
    let page = program.poll_page.addr();
    if !(page..page.saturating_add(kernel::page_size())).contains(&address) {
        return POLL_ELSEWHERE;
    }
    // The next one is not meant.
    let is_wanted = program.interrupted.swap(0, Ordering::SeqCst) != 0;
    // A page that stays closed would fault forever.
    let is_open = settle(program);
    if is_wanted || !is_open { POLL_ENDS } else { POLL_GOES_ON }
}

/// Takes back an interrupt that has not ended anything, if the library has any.
pub fn cancel(program: &Program) {
    if !program.poll_page.is_null() {
        set(program, false);
    }
}
