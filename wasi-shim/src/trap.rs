//! Traps: from a fault or a call to a report, which ends the attempt, or is written and ends the
//! process with status 134.
//!
//! Comes in: a signal, or a call of [`w2n_raise`]. A fault is a trap if the image's tables say so
//! of the faulting instruction, or if it is the overflow of a stack on which translated code runs.
//! All other faults go to whoever was there before.
//!
//! Everything here may run in a signal handler: it allocates nothing and locks nothing, and a fault
//! in the handler ends the process, because the handler's mask blocks all signals. So it never
//! loops.

use crate::abi::program::{Crash, Fault, POLL_ELSEWHERE, POLL_GOES_ON, Program, RUNNING};
use crate::abi::trap::{CODE_HOST, CODE_UNDEFINED, CODE_WASI, FATAL_EXIT_STATUS, TRAP_EXIT_STATUS, Trap, TrapReport};
use crate::arch::OnSignal;
use crate::arch::processor::{Registers, signal_entry};
use crate::attempt;
use crate::backtrace::{self, Cause};
use crate::program;
use crate::signature;
use crate::sites::CodePlace;
use crate::stack;
use crate::system::kernel::{self, Context};
use crate::text::{STDERR, Text, message};
use libc::{SA_ONSTACK, SA_SIGINFO, SIGBUS, SIGFPE, SIGILL, SIGSEGV, c_int, c_void, siginfo_t};
use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::sync::Once;
use std::sync::atomic::Ordering;

/// Bytes that a call pushes at most.
const WORD: usize = size_of::<usize>();

const SIGNALS: [c_int; 4] = [SIGSEGV, SIGBUS, SIGILL, SIGFPE];

struct Previous(UnsafeCell<[MaybeUninit<libc::sigaction>; SIGNALS.len()]>);

// SAFETY: written once, before any handler runs. All zero is the default action: what a handler of
// another thread may find while a program starts.
unsafe impl Sync for Previous {}

/// What happened at each of [`SIGNALS`] before [`install`].
static PREVIOUS: Previous = Previous(UnsafeCell::new([MaybeUninit::zeroed(); SIGNALS.len()]));

/// As [`install`], of the first library in this process.
pub fn install_once() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(install);
}

/// Makes faults of translated code traps. Whoever handles these signals now keeps what is not ours.
/// Called once.
pub fn install() {
    for (index, signal) in SIGNALS.into_iter().enumerate() {
        // SAFETY: a zeroed `sigaction` is valid; the handler has the type that SA_SIGINFO asks
        // for.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = signal_entry::<Traps> as *const () as usize;
            // ONSTACK: the stack may be what faulted. All signals are blocked, see above.
            action.sa_flags = SA_SIGINFO | SA_ONSTACK;
            libc::sigfillset(&mut action.sa_mask);
            let previous = (*PREVIOUS.0.get())[index].as_mut_ptr();
            if program::main().is_some() {
                if libc::sigaction(signal, &action, previous) != 0 {
                    let mut text = message();
                    text.add("cannot handle signals");
                    attempt::fail(text, 1);
                }
            } else {
                // Other threads of the host may fault at any time: before ours can run.
                libc::sigaction(signal, std::ptr::null(), previous);
                libc::sigaction(signal, &action, std::ptr::null_mut());
            }
        }
    }
}

/// What handles [`SIGNALS`].
struct Traps;

impl OnSignal for Traps {
    extern "C" fn on_signal(signal: c_int, info: *mut c_void, context: *mut c_void) {
        let info = info.cast();
        // SAFETY: the kernel passes a valid `siginfo_t` and, with SA_SIGINFO, a valid context.
        let is_taken = unsafe { take(signal, info, context) };
        if !is_taken {
            pass_on(signal, info, context);
        }
    }
}

/// For a host that handles SIGSEGV, SIGBUS, SIGILL or SIGFPE itself, from a handler installed with
/// SA_SIGINFO: 1 if the signal was a trap inside of an attempt, which goes on when the handler
/// returns; 0 if it has nothing to do with translated code. Does not return from a trap outside of
/// attempts.
///
/// # Safety
/// The arguments are those of the signal handler.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_handle_signal(signal: c_int, info: *mut siginfo_t, context: *mut c_void) -> c_int {
    // SAFETY: as required of the caller.
    unsafe { take(signal, info, context).into() }
}

/// Makes a fault of translated code a trap. Whether it was one.
///
/// # Safety
/// The arguments are those of a signal handler.
unsafe fn take(signal: c_int, info: *mut siginfo_t, context: *mut c_void) -> bool {
    // SAFETY: as required of the caller.
    let (code, address, registers, context) = unsafe {
        let context = &mut *context.cast::<Context>();
        let registers = Registers::of(context);
        ((*info).si_code, (*info).si_addr() as usize, registers, context)
    };
    // Zero and below: sent by a process, not by the processor.
    if code <= 0 || !SIGNALS.contains(&signal) {
        return false;
    }
    let place = CodePlace::find(registers.pc);
    // A call may read its target from memory, which is a trap of its own, and pushes a word.
    let is_push = (1..=WORD).contains(&registers.sp.wrapping_sub(address));
    let noted = place.and_then(|it| it.trap()).and_then(|it| Trap::of(it.trap));
    // Not every generator notes each access: what code does where a memory may be is one.
    let is_access = || place.is_some() && signal == SIGSEGV && program::memory_of(address).is_some();
    let own = noted.or_else(|| is_access().then_some(Trap::MemoryOutOfBounds));
    let own = match if place.is_some() { poll_fault(address) } else { POLL_ELSEWHERE } {
        POLL_ELSEWHERE => own,
        POLL_GOES_ON => return true,
        _ => Some(Trap::Interrupted),
    };
    let is_overflow = || is_overflow(address, code == kernel::UNMAPPED, registers, place.is_some());
    let trap = match own {
        Some(trap) if !is_push => trap,
        _ if signal == SIGSEGV && is_overflow() => Trap::StackExhausted,
        Some(trap) => trap,
        None => return false,
    };
    let mut text = Text::into_buffer(&mut []);
    text.add(trap.text());
    if trap == Trap::MemoryOutOfBounds {
        add_access(&mut text, place, address, context);
    }
    let report = backtrace::report(Cause { code: trap as i32, message: text.line() }, registers);
    if !attempt::give_up_in(context, &report) {
        end(&report);
    }
    true
}

/// Why an access failed: what was accessed. Some modules have more to tell.
#[inline(never)]
fn add_access(text: &mut Text, place: Option<CodePlace>, address: usize, context: &Context) {
    let memory = program::memory_of(address);
    // SAFETY: null, or a record of the image, whose function takes these.
    unsafe {
        if let Some(place) = &place
            && let Some(accesses) = place.image.accesses.as_ref()
            && let Some(explain) = accesses.explain
            && explain(
                (&raw mut *text).cast(),
                (&raw const *place).cast(),
                (&raw const *context).cast(),
                memory.unwrap_or(std::ptr::null()),
                address,
            ) != 0
        {
            return;
        }
    }
    let Some(memory) = memory else { return };
    // SAFETY: the images' memories stay. Another thread may grow it at any time.
    let (base, bytes) = unsafe { ((*memory).base.addr(), (&raw const (*memory).bytes).read_volatile()) };
    let Some(offset) = address.checked_sub(base) else { return };
    text.add(": address ").add_hex(offset as u64).add(", and the memory has ").add_decimal(bytes.into()).add(" bytes");
}

/// What a fault has to do with interrupts of libraries, see [`POLL_ELSEWHERE`].
fn poll_fault(address: usize) -> i32 {
    // SAFETY: the runtime's own function, with the description that it belongs to.
    let ask = |program: &Program| program.poll_fault.map(|it| unsafe { it(&Fault { program, address }) });
    program::programs().filter_map(ask).find(|answer| *answer != POLL_ELSEWHERE).unwrap_or(POLL_ELSEWHERE)
}

/// Whether a fault is the overflow of a stack that translated code, or what it called, has used up.
fn is_overflow(address: usize, is_unmapped: bool, registers: Registers, in_translated: bool) -> bool {
    /// No frame is so large without touching its pages one after the other.
    const NEAR: usize = 64 << 10;
    if in_translated && address.abs_diff(registers.sp) <= NEAR && !stack::is_known() {
        return true;
    }
    stack::is_overflow(address, is_unmapped || in_translated)
        && (in_translated || program::main().is_some() && stack::is_main() || is_in_library(registers.sp))
}

/// Whether the thread that overflowed its stack is inside of a library.
fn is_in_library(sp: usize) -> bool {
    let thread = kernel::thread();
    let initializes = |program: &Program| {
        program.state.load(Ordering::Relaxed) == RUNNING && program.initializer.load(Ordering::Relaxed) == thread
    };
    program::is_entered(&stack::used(sp)) || program::programs().any(initializes)
}

/// A signal that is not ours: calls the handler that was there before, or lets the system do what
/// it would have done.
fn pass_on(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    let Some(index) = SIGNALS.iter().position(|&ours| ours == signal) else { return };
    // SAFETY: `install` wrote the entry before this handler could run. Its handler has the type
    // that its flags tell. The kernel passes a valid `siginfo_t` and context.
    unsafe {
        let previous = (*PREVIOUS.0.get())[index].assume_init_ref();
        let code = (*info).si_code;
        match previous.sa_sigaction {
            libc::SIG_DFL | libc::SIG_IGN => {
                if code > 0
                    && let Some(tell) = program::programs().find_map(|program| program.tell_crash)
                {
                    tell(&Crash { signal, context });
                }
                libc::sigaction(signal, previous, std::ptr::null_mut());
                // A fault happens again on return. A signal that was sent does not: it waits until
                // this handler returns.
                if code <= 0 {
                    libc::raise(signal);
                }
            }
            handler if previous.sa_flags & SA_SIGINFO != 0 => {
                block_as(previous, signal, context);
                std::mem::transmute::<usize, extern "C" fn(c_int, *mut siginfo_t, *mut c_void)>(handler)(
                    signal, info, context,
                );
            }
            handler => {
                block_as(previous, signal, context);
                std::mem::transmute::<usize, extern "C" fn(c_int)>(handler)(signal)
            }
        }
    }
}

/// Blocks the signals that the kernel would block for this handler, and no others.
///
/// # Safety
/// `context` is that of the signal.
unsafe fn block_as(action: &libc::sigaction, signal: c_int, context: *mut c_void) {
    // SAFETY: reads and writes sets of signals that exist.
    unsafe {
        let mut blocked = (*context.cast::<Context>()).uc_sigmask;
        for number in 1..=libc::SIGRTMAX() {
            if libc::sigismember(&action.sa_mask, number) == 1 {
                libc::sigaddset(&mut blocked, number);
            }
        }
        if action.sa_flags & libc::SA_NODEFER == 0 {
            libc::sigaddset(&mut blocked, signal);
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, &blocked, std::ptr::null_mut());
    }
}

/// [`crate::abi::builtin::Builtin::RaiseTrap`].
#[unsafe(no_mangle)]
pub extern "C" fn w2n_raise(number: i32) -> ! {
    let trap = u8::try_from(number).ok().and_then(Trap::of);
    raise_here(trap.expect("the compiler knows the same traps"))
}

/// [`crate::abi::builtin::Builtin::TypeMismatch`].
///
/// # Safety
/// Both are signatures of the compiler's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_type_mismatch(expected: *const u8, found: *const u8) -> ! {
    // SAFETY: as required of the caller; they end with a zero byte.
    let [expected, found] = unsafe { [program::c_string(expected), program::c_string(found)] };
    let mut text = Text::into_buffer(&mut []);
    text.add(Trap::IndirectCallTypeMismatch.message());
    if expected != found {
        signature::add(text.add(": expected "), expected);
        signature::add(text.add(", found "), found);
    }
    raise_here(Cause { code: Trap::IndirectCallTypeMismatch as i32, message: text.line() })
}

/// [`crate::abi::builtin::Builtin::UndefinedImport`].
#[unsafe(no_mangle)]
pub extern "C" fn w2n_undefined_import(entry: usize) -> ! {
    let mut text = Text::into_buffer(&mut []);
    text.add("undefined import ")
        .add_name(CodePlace::find(entry).map_or(&b""[..], |place| place.name_of(place.function)))
        .add(" called");
    raise_here(Cause { code: CODE_UNDEFINED, message: text.line() })
}

/// Raises a trap from a function of the runtime that translated code called.
#[inline(always)]
pub fn raise_here<'a>(cause: impl Into<Cause<'a>>) -> ! {
    raise(&backtrace::report(cause.into(), Registers::here()))
}

/// As [`raise_here`], for a pointer that a WASI function can't follow, or a wait that was
/// interrupted.
#[inline(always)]
pub fn raise_wasi(message: &'static str) -> ! {
    raise_here(wasi_cause(message))
}

#[cold]
#[inline(never)]
fn wasi_cause(message: &'static str) -> Cause<'static> {
    match message == Trap::Interrupted.message() {
        true => Trap::Interrupted.into(),
        false => Cause { code: CODE_WASI, message: message.as_bytes() },
    }
}

/// Ends the attempt with a report, or else the process.
pub fn raise(report: &TrapReport) -> ! {
    attempt::give_up(report);
    end(report)
}

/// Writes the report, and stops the process.
#[cold]
pub fn end(report: &TrapReport) -> ! {
    if program::has_fatal_errors() {
        let length = report.message.iter().position(|&byte| byte == 0).unwrap_or(report.message.len());
        let mut text = Text::new(STDERR);
        text.add("fatal error: ").add_name(&report.message[..length]).add("\n");
        backtrace::add_places(&mut text, report);
        drop(text);
        program::write_profiles();
        // SAFETY: does not return.
        unsafe { libc::_exit(FATAL_EXIT_STATUS) }
    }
    // After the program's name, if this is one.
    backtrace::add_report(&mut message(), report);
    program::explain_failure();
    program::write_profiles();
    // SAFETY: does not return.
    unsafe { libc::_exit(TRAP_EXIT_STATUS) }
}

pub fn print(report: &TrapReport) {
    backtrace::add_report(&mut Text::new(STDERR), report);
}

/// For functions of the host that translated code calls: ends that code as a trap does, with a
/// message of the host's. What is longer than a report holds is cut.
///
/// # Safety
/// `message` is a zero-terminated string. What the host has on the stack is left as by `longjmp`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_raise_message(message: *const u8) -> ! {
    // SAFETY: as required of the caller; the report has a copy.
    raise_here(Cause { code: CODE_HOST, message: unsafe { program::c_string(message) } })
}

/// Writes what a program would print of a trap to `buffer`, cut to `size` bytes and ended by a zero
/// byte, as `snprintf` does. Returns the length of the whole text.
///
/// # Safety
/// `report` points at what `w2n_try` filled in, and `buffer` at a place for `size` bytes; it may be
/// null if `size` is 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_trap_text(report: *const TrapReport, buffer: *mut u8, size: usize) -> usize {
    // SAFETY: as required of the caller.
    unsafe {
        let mut text = Text::into_place(buffer, size);
        backtrace::add_report(&mut text, &*report);
        text.length()
    }
}
