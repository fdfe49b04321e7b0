//! `PREFIX_interrupt`: ends the call that runs in a library, from another thread or from a signal
//! handler.
//!
//! Code of an interruptible library reads a page of the library's in each loop and at the entry of
//! functions. An interrupt takes the access to that page away, and the next read faults: a trap
//! like others, whose handler gives the access back. An interrupt that finds nothing running waits
//! for the next call. Two before a trap are one. Functions of the runtime that wait for something
//! look for an interrupt themselves, every [`LOOK`].

use crate::abi::program::{Fault, Program};
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

/// Whether the system took access to the page, or gave it back.
fn set(program: &Program, is_wanted: bool) -> bool {
    let access = if is_wanted { Access::None } else { Access::ReadWrite };
    program.interrupted.store(usize::from(is_wanted), Ordering::Release);
    // SAFETY: a page of the library's with nothing in it. Who reads it expects the fault.
    kernel::keep_errno(|| unsafe { system::set_access(program.poll_page, kernel::page_size(), access) })
}

/// How long a function of the runtime waits before it looks whether an interrupt is wanted.
pub const LOOK: Duration = Duration::from_millis(20);

/// Whether an interrupt ends the call: then it has, and the caller raises the trap.
pub fn take(program: &Program) -> bool {
    let is_wanted = program.interrupted.load(Ordering::Acquire) != 0;
    if is_wanted {
        delivered(program);
    }
    is_wanted
}

/// [`Program::is_interrupt`].
///
/// # Safety
/// A live structure, whose program is a library that has a page for this.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_interrupted(fault: *const Fault) -> i32 {
    // SAFETY: as required of the caller.
    let (program, address) = unsafe { (&*(*fault).program, (*fault).address) };
    let page = program.poll_page.addr();
    let is_interrupt = (page..page.saturating_add(kernel::page_size())).contains(&address);
    if is_interrupt {
        delivered(program);
    }
    is_interrupt.into()
}

/// An interrupt has ended a call: the next one is not meant.
fn delivered(program: &Program) {
    set(program, false);
}

/// Takes back an interrupt that has not ended anything, if the library has any.
pub fn cancel(program: &Program) {
    if !program.poll_page.is_null() {
        set(program, false);
    }
}
