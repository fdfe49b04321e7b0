//! What is known of an access that failed, besides what its fault tells: the address, where it was
//! compared with the size of its memory, and whether the module's own C stack is exhausted. Only
//! programs whose modules have either contain this.

use crate::abi::image::{ACCESS_CONSTANT, ACCESS_END, ACCESS_MORE, Accesses};
use crate::abi::memory::Memory;
use crate::arch::processor::general_register;
use crate::program::slice;
use crate::sites::{CodePlace, read_leb};
use crate::system::kernel::Context;
use crate::text::Text;
use crate::width::{low_u32, usize_of};
use std::ffi::c_void;

/// [`Accesses::explain`].
///
/// # Safety
/// The arguments are the trap handler's.
#[unsafe(no_mangle)]
unsafe extern "C" fn w2n_explain_access(
    text: *mut c_void,
    place: *const c_void,
    context: *const c_void,
    memory: *const Memory,
    address: usize,
) -> i32 {
    // SAFETY: as required of the caller.
    let (text, place, context) =
        unsafe { (&mut *text.cast::<Text>(), &*place.cast::<CodePlace>(), &*context.cast::<Context>()) };
    // SAFETY: a record of the image, whose memories stay.
    let (accesses, faulted) = unsafe {
        let Some(accesses) = place.image.accesses.as_ref() else { return 0 };
        (accesses, memory.as_ref().and_then(|memory| address.checked_sub(memory.base.addr())))
    };
    if let Some(offset) = faulted {
        return add_stack(text, accesses, offset as u64).into();
    }
    let Some(Compared { memory, index, offset, is_end }) = compared(accesses, place, context) else { return 0 };
    if is_end || !add_stack(text, accesses, index.wrapping_add(offset)) {
        match index.checked_add(offset) {
            Some(end) if is_end => text.add(": it would end at address ").add_hex(end),
            Some(address) => text.add(": address ").add_hex(address),
            None => text.add(": address ").add_hex(index).add(" + ").add_hex(offset),
        };
        // SAFETY: the images' memories stay. Another thread may grow it at any time.
        let bytes = unsafe { (&raw const (*memory).bytes).read_volatile() };
        text.add(", and the memory has ").add_decimal(bytes.into()).add(" bytes");
    }
    1
}

/// A row of [`Accesses::rows`].
struct Compared {
    memory: *const Memory,
    /// Where it was accessed: the sum of both may have more than 64 bits.
    index: u64,
    offset: u64,
    /// The sum is where a copy or fill would end.
    is_end: bool,
}

/// Nothing where the table says nothing.
fn compared(accesses: &Accesses, place: &CodePlace, context: &Context) -> Option<Compared> {
    // SAFETY: an array of the image.
    let mut rows = unsafe { slice(accesses.rows, accesses.length) };
    let wanted = place.function.start.checked_add(place.offset)?;
    let mut code_offset = 0i64;
    loop {
        code_offset = code_offset.checked_add(read_leb(&mut rows, false)?)?;
        let register = u8::try_from(read_leb(&mut rows, false)?).ok()?;
        let (memory, added) = match register & ACCESS_MORE {
            0 => (0, 0),
            _ => (read_leb(&mut rows, false)?, read_leb(&mut rows, true)?),
        };
        let offset = read_leb(&mut rows, false)?;
        if code_offset != wanted.into() {
            continue;
        }
        let value = match register & !ACCESS_MORE & !ACCESS_END {
            ACCESS_CONSTANT => 0,
            number => general_register(context, number)?,
        };
        // SAFETY: the row's number is one of the list's.
        let memory = unsafe { *accesses.memories.add(usize_of(memory.cast_unsigned())) };
        let index = value.wrapping_sub(added.cast_unsigned());
        return Some(Compared { memory, index, offset: offset.cast_unsigned(), is_end: register & ACCESS_END != 0 });
    }
}

/// Says it if the C stack is exhausted.
fn add_stack(text: &mut Text, accesses: &Accesses, address: u64) -> bool {
    // SAFETY: null, or a variable of the image.
    let pointer = unsafe { accesses.stack_pointer.as_ref() };
    let is_exhausted = pointer.is_some_and(|pointer| is_below_stack(accesses, *pointer, address));
    if is_exhausted {
        text.add(": the module's own C stack is exhausted; its linker flag -Wl,-z,stack-size=BYTES enlarges it");
    }
    is_exhausted
}

/// Whether an access that failed was to the module's own stack, below its place. The variable may
/// still be that of the caller, because the store of the function's own follows.
fn is_below_stack(accesses: &Accesses, pointer: u32, address: u64) -> bool {
    /// Addresses so far below zero can be those of fields behind a null pointer.
    const NEAR_NULL: u32 = 4096;
    let [top, size, accessed] = [accesses.stack_top, accesses.stack_size, address].map(|it| low_u32(it.into()));
    // Both below the top by the arithmetic of the module; threads have their stacks above.
    let used = top.wrapping_sub(pointer);
    let below = top.wrapping_sub(size).wrapping_sub(accessed);
    let is_spent = used > size && used.cast_signed() > 0;
    let is_nearly_spent = used <= size && used > size.saturating_sub(size / 4);
    is_spent || below.cast_signed() > 0 && used <= size && (is_nearly_spent || below > NEAR_NULL)
}
