//! `--timeout`: a program that ends after some time, whatever it does then.
//!
//! Comes in: the text of a duration, before the program's code runs. A timer of the system sends a
//! signal, whose handler writes where the Wasm code of the interrupted thread is, and ends the
//! process. So it costs the code nothing, and ends calls of the system and of C as well. Linked
//! into programs that reach it through [`Program::timeout`](crate::abi::program::Program::timeout).

use crate::abi::profile::WRITING;
use crate::abi::setting::parse_duration;
use crate::abi::trap::TRAP_EXIT_STATUS;
use crate::arch::OnSignal;
use crate::arch::processor::{Registers, signal_entry};
use crate::attempt::fail;
use crate::backtrace::{self, Cause};
use crate::program::{self, c_string};
use crate::system::kernel::{self, Context};
use crate::text::{STDERR, Text, USAGE_EXIT_STATUS, message};
use crate::trap;
use libc::{SA_ONSTACK, SA_SIGINFO, SIGALRM, c_int, c_void};
use std::sync::atomic::{AtomicPtr, Ordering};

/// The duration's text, for the message.
static TEXT: AtomicPtr<u8> = AtomicPtr::new(std::ptr::null_mut());

/// Starts the timer, or another one in place of that, or none if the duration is 0.
///
/// # Safety
/// The text stays, and a zero byte ends it. Called before other threads run.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_timeout(text: *const u8) {
    // SAFETY: as required of the caller.
    let duration = unsafe { c_string(text) };
    let Some((milliseconds, ..)) = parse_duration(duration) else {
        let mut text = message();
        text.add("`").add_name(duration).add("` is not a duration for --timeout, such as 500ms, 5s, 2m or 1h");
        fail(text, USAGE_EXIT_STATUS)
    };
    TEXT.store(text.cast_mut(), Ordering::Relaxed);
    // SAFETY: a zeroed `sigaction` is valid; the handler has the type that SA_SIGINFO asks for. The
    // sets are live variables.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = signal_entry::<Timeout> as *const () as usize;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK;
        libc::sigfillset(&mut action.sa_mask);
        libc::sigaction(SIGALRM, &action, std::ptr::null_mut());
        // Whoever started the program may have blocked it.
        let mut unblocked: libc::sigset_t = std::mem::zeroed();
        libc::sigaddset(&mut unblocked, SIGALRM);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &unblocked, std::ptr::null_mut());
    }
    if !kernel::start_timer(milliseconds) {
        let mut text = message();
        text.add("the system refuses a timer for --timeout");
        fail(text, 1)
    }
}

struct Timeout;

impl OnSignal for Timeout {
    extern "C" fn on_signal(signal: c_int, info: *mut c_void, context: *mut c_void) {
        // SAFETY: the kernel passes a valid `siginfo_t` and, with SA_SIGINFO, a valid context.
        let (code, registers) = unsafe {
            let info: *const libc::siginfo_t = info.cast();
            ((*info).si_code, Registers::of(&*context.cast::<Context>()))
        };
        if code <= 0 {
            // Sent by a process: what would have happened without the timer.
            // SAFETY: the signal waits until this handler returns.
            unsafe {
                libc::signal(signal, libc::SIG_DFL);
                libc::raise(signal);
            }
            return;
        }
        // SAFETY: null, or data of the program.
        let profiles = program::programs().filter_map(|program| unsafe { program.profile.as_ref() });
        // It is over, and who writes may be this thread.
        if profiles.into_iter().any(|profile| profile.state.load(Ordering::Acquire) == WRITING) {
            return;
        }
        end(registers)
    }
}

/// Writes the message, and stops the process.
#[cold]
fn end(registers: Registers) -> ! {
    // SAFETY: `w2n_timeout` stored what stays.
    let duration = unsafe { c_string(TEXT.load(Ordering::Relaxed)) };
    let (_, number, unit) = parse_duration(duration).unwrap_or((0, duration, b""));
    let mut text = Text::into_buffer(&mut []);
    text.add("timeout after ").add(number).add(" ").add(unit);
    let report = backtrace::report(Cause { code: 0, message: text.line() }, registers);
    if program::has_fatal_errors() {
        trap::end(&report)
    }
    let mut output = Text::new(STDERR);
    output.add("error: ").add(text.line()).add("\n");
    backtrace::add_frames(&mut output, &report);
    drop(output);
    program::write_profiles();
    // SAFETY: does not return.
    unsafe { libc::_exit(TRAP_EXIT_STATUS) }
}
