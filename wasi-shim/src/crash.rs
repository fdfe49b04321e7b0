//! What is said of a fault in C code that a module called, before the system ends the process.
//!
//! Everything here runs in a signal handler: it allocates nothing and locks nothing, and reads
//! memory only through pointers that were checked.
//!
//! C code may keep no frame pointers. The call is then found by its return address on the stack,
//! which lies above what the C code stored there: the nearest word that a call of an imported
//! function left.

use crate::abi::image::NO_FUNCTION;
use crate::abi::program::{Crash, ForeignFunction};
use crate::arch::Frame;
use crate::arch::processor::{Registers, call_target};
use crate::program::{c_string, programs, slice};
use crate::sites::CodePlace;
use crate::stack;
use crate::system::kernel::Context;
use crate::text::message;
use std::mem::offset_of;

/// The most frames of C code that are walked.
const MOST_FRAMES: usize = 10_000;

const WORD: usize = size_of::<usize>();

/// A call of an imported C function.
struct Call {
    function: &'static ForeignFunction,
    place: CodePlace,
}

/// [`Program::tell_crash`](crate::abi::program::Program::tell_crash): writes a line about the C
/// function that a fault is in, if translated code called it.
///
/// # Safety
/// Called in a handler of the signal, with what the system handed to it.
#[unsafe(no_mangle)]
unsafe extern "C" fn w2n_tell_crash(crash: *const Crash) {
    // SAFETY: as required of the caller.
    let (signal, registers) = unsafe { ((*crash).signal, Registers::of(&*(*crash).context.cast::<Context>())) };
    let Some(Call { function, place }) = find(registers) else { return };
    let signal = match signal {
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGBUS => "SIGBUS",
        libc::SIGILL => "SIGILL",
        _ => "SIGFPE",
    };
    let mut text = message();
    // SAFETY: the compiler writes zero-terminated names.
    text.add("the imported function `").add_name(unsafe { c_string(function.name) });
    text.add("` crashed (").add(signal).add(")");
    let mut is_first = true;
    // As of a return address.
    place.functions(place.offset.saturating_add(1), |caller, offset| {
        if !is_first || caller.index == NO_FUNCTION {
            return;
        }
        is_first = false;
        match place.name_of(caller) {
            b"" => text.add(", called by function ").add_decimal(caller.index.into()),
            name => text.add(", called by `").add_name(name).add("`"),
        };
        if let Some(offset) = offset {
            text.add(" at ").add_hex(offset.into());
        }
    });
    text.add("\n");
}

fn find(registers: Registers) -> Option<Call> {
    let Registers { pc, sp, fp, .. } = registers;
    if CodePlace::find(pc).is_some() {
        return None;
    }
    let end = stack::end_of_stack(sp)?;
    let read = |address: usize| {
        let is_inside = address >= sp && address.checked_add(WORD).is_some_and(|after| after <= end);
        // SAFETY: from a live stack pointer to the end of its stack all is mapped.
        (address.is_multiple_of(WORD) && is_inside).then(|| unsafe { *(address as *const usize) })
    };
    if let Some(call) = registers.link().and_then(call_before) {
        return Some(call);
    }
    let mut frame = fp;
    for _ in 0..MOST_FRAMES {
        let [next, return_address] =
            [offset_of!(Frame, fp), offset_of!(Frame, return_address)].map(|field| read(frame.saturating_add(field)));
        let (Some(next), Some(return_address)) = (next, return_address) else { break };
        if let Some(call) = call_before(return_address) {
            return Some(call);
        }
        // A frame of translated code: C code left the frame pointer alone.
        if CodePlace::find(return_address.wrapping_sub(1)).is_some() || next <= frame {
            break;
        }
        frame = next;
    }
    let words = (sp.next_multiple_of(WORD)..end).step_by(WORD);
    words.filter_map(read).find_map(call_before)
}

/// The call of an imported function that returns to an address.
fn call_before(return_address: usize) -> Option<Call> {
    let place = CodePlace::find(return_address.wrapping_sub(1))?;
    // SAFETY: an address in translated code, which is aligned if the call that it follows is one.
    let target = unsafe { call_target(return_address) }?;
    // SAFETY: `n_foreign_functions` records of constant data.
    let functions = programs().flat_map(|it| unsafe { slice(it.foreign_functions, it.n_foreign_functions) });
    let function = functions.into_iter().find(|function| function.function == target)?;
    Some(Call { function, place })
}
