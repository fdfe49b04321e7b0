//! Calls that survive a trap: the stack is cut back to where the attempt began.
//!
//! Translated code holds nothing that needs to be released, so leaving its frames behind is
//! safe. What a trap had written to memories, tables and globals stays written, as the
//! specification says. Frames of a host between are left behind as by `longjmp`.
//!
//! Attempts nest; a trap ends the innermost of its thread. All runtimes of a process use the
//! variables of one of them ([`Shared::attempt`]), so that an attempt begun in one library survives
//! the trap of another.

use crate::abi::program::Shared;
use crate::abi::trap::{CODE_FAILURE, TrapReport};
use crate::arch::processor::{self, Registers};
use crate::backtrace::{self, Cause};
use crate::program;
use crate::stack;
use crate::system::kernel::Context;
use crate::text::Text;
use std::cell::UnsafeCell;
use std::ffi::c_void;
use std::sync::atomic::Ordering;

/// Where to go back to: the stack pointer inside of [`processor::enter`], 0 outside of an attempt;
/// and where to put what happened.
#[derive(Clone, Copy)]
#[repr(C)]
struct Attempt {
    stack: usize,
    report: *mut TrapReport,
}

thread_local! {
    /// Constant at the start and without a destructor, so that a signal handler can read it.
    static ATTEMPT: UnsafeCell<Attempt> = const { UnsafeCell::new(Attempt { stack: 0, report: std::ptr::null_mut() }) };
}

extern "C" fn own() -> *mut c_void {
    ATTEMPT.with(UnsafeCell::get).cast()
}

/// The calling thread's innermost attempt. See [`Shared::attempt`].
fn current() -> *mut Attempt {
    let Shared { attempt, .. } = program::shared();
    let find = match attempt.compare_exchange(0, own as *const () as usize, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => return own().cast(),
        Err(find) => find,
    };
    // SAFETY: a runtime put its own function of this type there, and libraries are never unloaded.
    let find = unsafe { std::mem::transmute::<usize, extern "C" fn() -> *mut c_void>(find) };
    find().cast()
}

/// Calls `work`; whether it returned. Otherwise `report` tells of the trap.
///
/// # Safety
/// Nothing that `work` leaves behind when it traps may need to be released.
pub unsafe fn attempt<F: FnMut()>(report: &mut TrapReport, mut work: F) -> bool {
    extern "C" fn call<F: FnMut()>(work: *mut c_void) {
        // SAFETY: `enter` passes on what it got.
        unsafe { (*work.cast::<F>())() }
    }
    let current = current();
    // SAFETY: the variable belongs to this thread. The pointers fit each other, and what `enter`
    // notes stays valid while it is on the stack.
    unsafe {
        let around = *current;
        (*current).report = report;
        let trapped = processor::enter(call::<F>, (&raw mut work).cast(), &raw mut (*current).stack);
        *current = around;
        trapped == 0
    }
}

/// Calls `function(data)`. Returns 0 after it, or the code of the trap that ended it; then
/// `*report`, if there is one, tells of it.
///
/// # Safety
/// `report` is null or points at a `w2n_trap`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_try(
    function: extern "C" fn(*mut c_void),
    data: *mut c_void,
    report: *mut TrapReport,
) -> i32 {
    prepare_thread();
    let mut local = backtrace::empty();
    // SAFETY: as required of the caller. The host knows that its frames are left behind.
    unsafe {
        let report = report.as_mut().unwrap_or(&mut local);
        *report = backtrace::empty();
        attempt(report, || function(data));
        report.code
    }
}

/// As [`stack::prepare_thread`]; fails where the system refuses.
#[inline]
pub fn prepare_thread() {
    if let Err(refused) = stack::prepare_thread() {
        fail(refused.message(), 1)
    }
}

/// Whether there is an attempt that a trap would end.
pub fn is_active() -> bool {
    // SAFETY: the variable belongs to this thread.
    unsafe { (*current()).stack != 0 }
}

/// Ends the current attempt, if there is one. Called from where the trap was raised, not from a
/// signal handler.
pub fn give_up(report: &TrapReport) {
    // SAFETY: the variable belongs to this thread, and the attempt's frame is below all frames
    // since.
    unsafe {
        let Attempt { stack, report: place } = *current();
        if stack != 0 {
            *place = *report;
            program::leave(&(processor::frame_pointer()..stack));
            processor::resume(stack)
        }
    }
}

/// As [`give_up`], from a signal handler: changes the interrupted context so that it goes on there.
/// Whether there is an attempt.
pub fn give_up_in(context: &mut Context, report: &TrapReport) -> bool {
    // SAFETY: the variable belongs to this thread, which is interrupted.
    let Attempt { stack, report: place } = unsafe { *current() };
    if stack == 0 {
        return false;
    }
    // SAFETY: the attempt put a live place there.
    unsafe { *place = *report };
    program::leave(&(Registers::of(context).sp..stack));
    processor::resume_in(context, stack);
    true
}

/// Ends a message with a line break and writes it. Then ends the attempt, or else the process:
/// something that the code needs is not available.
pub fn fail(mut text: Text, status: i32) -> ! {
    if is_active() {
        let report = backtrace::report(Cause { code: CODE_FAILURE, message: text.line() }, Registers::here());
        text.add("\n");
        drop(text);
        give_up(&report);
        // There is an attempt.
        unreachable!();
    }
    text.add("\n");
    drop(text);
    program::write_profiles();
    // SAFETY: does not return; nothing else of this program waits to be written.
    unsafe { libc::_exit(status) }
}
