//! Throwing: from an exception to the landing of the handler that takes it.
//!
//! Comes in: an exception that code has made, or one caught before. The frames of
//! translated code are walked outwards by their frame pointers; what each call lies inside of tells
//! the table of [`TryCall`]s. At the first handler that fits, stack pointer and frame pointer
//! become what they were at that call, and its landing gets the exception. So do the registers that
//! calls preserve: each frame that is left has those that it stored. (Cranelift's functions store
//! none, and expect none at a landing.) The walk ends where code is not translated: nothing is
//! thrown through frames of a host.

use crate::abi::exception::{ANY_TAG, Exception, Handler, LAST_HANDLER, TryCall};
use crate::abi::image::Image;
use crate::abi::object::TypeRecord;
use crate::abi::trap::CODE_EXCEPTION;
use crate::arch::Frame;
use crate::arch::processor::{self, Preserved};
use crate::backtrace::Cause;
use crate::program::{self, c_string, slice};
use crate::sites::CodePlace;
use crate::text::Text;
use crate::trap;
use crate::width::usize_of;
use std::mem::offset_of;

/// [`crate::abi::builtin::Builtin::Throw`].
///
/// # Safety
/// Translated code calls it, with an exception, in the convention `Tail` or that of C.
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub unsafe extern "C" fn w2n_throw(exception: *const Exception) -> ! {
    throw_by!(throw)
}

/// # Safety
/// As for [`w2n_throw`], whose frame has the preserved registers.
unsafe extern "C" fn throw(exception: *const Exception, preserved: &mut Preserved, frame: *const Frame) -> ! {
    // SAFETY: see above.
    let tag = unsafe { (*exception).tag };
    // SAFETY: as required of the caller.
    let Frame { mut fp, mut return_address } = unsafe { *frame };
    loop {
        let Some(place) = CodePlace::find(return_address.saturating_sub(1)) else {
            // SAFETY: see above.
            uncaught(unsafe { &*tag })
        };
        if let Some((landing, frame_size)) = find_handler(place.image, return_address, tag) {
            program::leave(&(processor::frame_pointer()..fp));
            let sp = fp.saturating_sub(usize_of(frame_size.into()));
            // SAFETY: the frame is one of translated code, and its table says what the landing
            // expects.
            unsafe { processor::land(landing, sp, fp, exception, preserved) };
        }
        let gap = processor::gap(place.function.frame);
        // SAFETY: the frame is one of that function, which keeps a frame pointer, and says what it
        // stored where.
        unsafe {
            preserved.restore(place.function.frame, fp);
            return_address =
                *(fp.saturating_add(offset_of!(Frame, return_address)).saturating_add(gap) as *const usize);
            fp = *(fp.saturating_add(offset_of!(Frame, fp)) as *const usize);
        }
    }
}

/// The landing of the first handler around a call that takes the tag, and the size of the frame
/// that it is in.
fn find_handler(image: &'static Image, return_address: usize, tag: *const TypeRecord) -> Option<(usize, u32)> {
    let offset = u32::try_from(return_address.checked_sub(image.text as usize)?).ok()?;
    // SAFETY: an array of the image.
    let calls = unsafe { slice::<TryCall>(image.try_calls, image.n_try_calls) };
    let call = &calls[calls.binary_search_by_key(&offset, |call| call.return_address).ok()?];
    let mut at = call.handlers as usize;
    loop {
        // SAFETY: the compiler marks the last handler of a call, and numbers the tags.
        let (Handler { tag: number, landing }, fits) = unsafe {
            let handler = &*image.handlers.add(at);
            let number = handler.tag & !LAST_HANDLER;
            (handler, number == ANY_TAG || *image.tags.add(number as usize) == tag)
        };
        if fits {
            return Some((image.text.wrapping_add(*landing as usize) as usize, call.frame_size));
        }
        if number & LAST_HANDLER != 0 {
            return None;
        }
        at = at.saturating_add(1);
    }
}

#[inline(always)]
fn uncaught(tag: &TypeRecord) -> ! {
    let mut text = Text::into_buffer(&mut []);
    text.add("uncaught exception (tag ").add_decimal(tag.index.into());
    // SAFETY: the compiler writes a zero-terminated name.
    match unsafe { c_string(tag.name) } {
        b"" => &mut text,
        name => text.add(" `").add_name(name).add("`"),
    };
    text.add(")");
    trap::raise_here(Cause { code: CODE_EXCEPTION, message: text.line() })
}
