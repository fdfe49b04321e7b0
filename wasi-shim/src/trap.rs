//! Traps: from a fault or a call to a message with a backtrace, and exit status 134.
//!
//! Comes in: a signal, or a call of [`w2n_raise`]. A fault is a trap if the image's tables say so of the faulting
//! instruction, or if it is the overflow of a stack. All other faults go to whoever was there before.
//!
//! Everything here may run in a signal handler: it allocates nothing and locks nothing. It reads memory only through
//! pointers that were checked, and a fault in the handler ends the process, because the handler's mask blocks all
//! signals. So it never loops.

use crate::abi::{NO_FUNCTION, TRAP_EXIT_STATUS, Trap};
use crate::attempt;
use crate::sites::Place;
use crate::stack;
use crate::text::{STDERR, Text};
use libc::{SA_ONSTACK, SA_SIGINFO, SIGBUS, SIGFPE, SIGILL, SIGSEGV, c_int, c_void, siginfo_t};
use std::cell::UnsafeCell;
use std::mem::MaybeUninit;

/// `SEGV_MAPERR` of `<asm-generic/siginfo.h>`: no memory at the address.
const SEGV_MAPERR: c_int = 1;

/// How many frames are looked at before nobody wants to know the number any more.
const COUNTED_FRAMES: u64 = 1_000_000;

/// How many functions a backtrace shows.
const SHOWN_FRAMES: u64 = 32;

const SIGNALS: [c_int; 4] = [SIGSEGV, SIGBUS, SIGILL, SIGFPE];

struct Previous(UnsafeCell<[MaybeUninit<libc::sigaction>; SIGNALS.len()]>);

// SAFETY: written once, before any handler runs.
unsafe impl Sync for Previous {}

/// What happened at each of [`SIGNALS`] before [`install`].
static PREVIOUS: Previous = Previous(UnsafeCell::new([MaybeUninit::uninit(); SIGNALS.len()]));

/// The registers that tell where code is and how it came there.
#[derive(Clone, Copy)]
pub struct Registers {
    pub pc: usize,
    pub sp: usize,
    pub fp: usize,
}

/// Makes faults of translated code traps. Requires a signal stack.
pub fn install() {
    for (index, signal) in SIGNALS.into_iter().enumerate() {
        // SAFETY: a zeroed `sigaction` is valid; the handler has the type that SA_SIGINFO asks for.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handle as *const () as usize;
            // ONSTACK: the stack may be what faulted. All signals are blocked, see above.
            action.sa_flags = SA_SIGINFO | SA_ONSTACK;
            libc::sigfillset(&mut action.sa_mask);
            let previous = (*PREVIOUS.0.get())[index].as_mut_ptr();
            libc::sigaction(signal, &action, previous);
        }
    }
}

extern "C" fn handle(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel passes a valid `siginfo_t` and, with SA_SIGINFO, a valid `ucontext_t`.
    let (code, address, registers) = unsafe {
        let registers = &(*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs;
        let register = |number| registers[number as usize] as usize;
        let registers =
            Registers { pc: register(libc::REG_RIP), sp: register(libc::REG_RSP), fp: register(libc::REG_RBP) };
        ((*info).si_code, (*info).si_addr() as usize, registers)
    };
    // Zero and below: sent by a process, not by the processor.
    if code > 0 {
        if signal == SIGSEGV && stack::is_overflow(address, code == SEGV_MAPERR) {
            return stop(Trap::StackExhausted.message(), registers, context);
        }
        let site = Place::find(registers.pc).and_then(|place| place.trap());
        let trap = site.and_then(|site| Trap::ALL.into_iter().find(|&trap| trap as u8 == site.trap));
        if let Some(trap) = trap {
            return stop(trap.message(), registers, context);
        }
    }
    pass_on(signal, info, context, code);
}

/// A trap in a signal handler: the end of an attempt, or of the program.
fn stop(message: &'static str, registers: Registers, context: *mut c_void) {
    // SAFETY: the kernel passes a valid `ucontext_t`, and restores the registers from it.
    let context = unsafe { &mut *context.cast::<libc::ucontext_t>() };
    if !attempt::give_up_in(context, message) {
        raise(message, registers);
    }
}

/// A signal that is not ours: calls the handler that was there before, or lets the system do what it would have done.
fn pass_on(signal: c_int, info: *mut siginfo_t, context: *mut c_void, code: c_int) {
    let Some(index) = SIGNALS.iter().position(|&ours| ours == signal) else { return };
    // SAFETY: `install` wrote the entry before this handler could run. Its handler has the type that its flags tell.
    unsafe {
        let previous = (*PREVIOUS.0.get())[index].assume_init_ref();
        match previous.sa_sigaction {
            libc::SIG_DFL | libc::SIG_IGN => {
                libc::sigaction(signal, previous, std::ptr::null_mut());
                // A fault happens again on return. A signal that was sent does not: it waits until this handler returns.
                if code <= 0 {
                    libc::raise(signal);
                }
            }
            handler if previous.sa_flags & SA_SIGINFO != 0 => {
                std::mem::transmute::<usize, extern "C" fn(c_int, *mut siginfo_t, *mut c_void)>(handler)(
                    signal, info, context,
                );
            }
            handler => std::mem::transmute::<usize, extern "C" fn(c_int)>(handler)(signal),
        }
    }
}

/// [`crate::abi::Builtin::RaiseTrap`].
#[unsafe(no_mangle)]
pub extern "C" fn w2n_raise(number: i32) -> ! {
    let trap = Trap::ALL.into_iter().find(|&trap| trap as i32 == number);
    raise_here(trap.map_or("unknown trap", Trap::message))
}

/// [`crate::abi::Builtin::UndefinedImport`].
#[unsafe(no_mangle)]
pub extern "C" fn w2n_undefined_import(entry: usize) -> ! {
    attempt::give_up("undefined import called");
    let mut text = begin();
    text.add("undefined import ").add_name(Place::find(entry).map_or(&b""[..], |place| place.name())).add(" called");
    end(text, registers_here())
}

/// Raises a trap from a function of the runtime that translated code called.
#[inline(always)]
pub fn raise_here(message: &'static str) -> ! {
    attempt::give_up(message);
    raise(message, registers_here())
}

/// Where a backtrace from inside the runtime begins.
#[inline(always)]
pub fn registers_here() -> Registers {
    let fp = frame_pointer();
    Registers { pc: 0, sp: fp, fp }
}

/// The frame pointer of the function around.
#[inline(always)]
pub fn frame_pointer() -> usize {
    let fp: usize;
    // SAFETY: copies a register. The build script compiles this crate with frame pointers.
    unsafe { std::arch::asm!("mov {}, rbp", out(reg) fp, options(nomem, nostack, preserves_flags)) };
    fp
}

/// Writes the message and the backtrace, and stops the program.
pub fn raise(message: &str, registers: Registers) -> ! {
    let mut text = begin();
    text.add(message);
    end(text, registers)
}

/// The beginning of the message, for those who have more to say than [`raise`] takes.
pub fn begin() -> Text {
    let mut text = Text::new(STDERR);
    text.add("wasm trap: ");
    text
}

/// Ends the message with the backtrace, and stops the program.
pub fn end(mut text: Text, registers: Registers) -> ! {
    text.add("\nwasm backtrace:\n");
    let mut n_frames = 0;
    walk(registers, |place, code_offset| {
        if place.function.index == NO_FUNCTION {
            return;
        }
        if n_frames < SHOWN_FRAMES {
            add_frame(&mut text, n_frames, place, code_offset);
        }
        n_frames += 1;
    });
    if n_frames > SHOWN_FRAMES {
        text.add("  ... and ").add_decimal((n_frames - SHOWN_FRAMES).into());
        text.add(if n_frames >= COUNTED_FRAMES { " or more\n" } else { " more\n" });
    }
    drop(text);
    // SAFETY: does not return.
    unsafe { libc::_exit(TRAP_EXIT_STATUS) }
}

/// `    0: 0x1a3 - fib`
fn add_frame(text: &mut Text, number: u64, place: Place, code_offset: u32) {
    text.add(if number < 10 { "    " } else { "   " }).add_decimal(number.into()).add(": ");
    if let Some(wasm_offset) = place.wasm_offset(code_offset) {
        text.add_hex(wasm_offset.into()).add(" - ");
    }
    match place.name() {
        b"" => text.add("<function ").add_decimal(place.function.index.into()).add(">"),
        name => text.add_name(name),
    };
    text.add("\n");
}

/// Visits translated functions from the innermost outwards: the function and the code offset in it, of the fault or of a
/// return address. Frames of the runtime between them are passed over if they keep frame pointers.
fn walk(registers: Registers, mut visit: impl FnMut(Place, u32)) {
    let Registers { pc, sp, mut fp } = registers;
    if let Some(place) = Place::find(pc) {
        visit(place, place.offset);
        // Before its first instructions `push rbp; mov rbp, rsp`, and in a function without them, rbp is the caller's.
        let return_address = match (place.offset, place.function.has_frame) {
            (0, _) | (_, 0) => Some(sp),
            (1, _) => Some(sp + 8),
            _ => None,
        };
        if let Some(caller) = return_address.and_then(read).and_then(caller) {
            visit(caller.0, caller.1);
        }
    }
    let mut floor = sp;
    let mut n_frames = 0;
    // Frames lie one above the other in one stack, so the walk ends. After an overflow, sp may be below its stack.
    while fp >= floor && stack::end_of_stack(sp).is_none_or(|end| stack::end_of_stack(fp) == Some(end)) {
        let (Some(next), Some(return_address)) = (read(fp), read(fp + 8)) else { return };
        if let Some((place, code_offset)) = caller(return_address) {
            visit(place, code_offset);
        }
        (floor, fp) = (fp + 16, next);
        n_frames += 1;
        if n_frames == COUNTED_FRAMES {
            return;
        }
    }
}

/// The place of the call that a return address belongs to: a call that never returns may be a function's last instruction.
fn caller(return_address: usize) -> Option<(Place, u32)> {
    let place = Place::find(return_address.wrapping_sub(1))?;
    Some((place, place.offset + 1))
}

/// A word of a stack, if the address is aligned and not beyond its end. Requires that lower addresses are in use.
fn read(address: usize) -> Option<usize> {
    let end = stack::end_of_stack(address)?;
    // SAFETY: from a live frame to the end of its stack all is mapped.
    (address.is_multiple_of(8) && address + 8 <= end).then(|| unsafe { *(address as *const usize) })
}
