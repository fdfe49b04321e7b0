//! The report of a trap: [`TrapReport`], which is made where the trap happened, and its text.
//!
//! Everything here may run in a signal handler: it allocates nothing and locks nothing, and reads
//! memory only through pointers that were checked.

use crate::abi::image::{Image, Line, LineQuery, NO_FUNCTION};
use crate::abi::trap::{INNER_FRAMES, NO_OFFSET, REPORTED_FRAMES, Trap, TrapFrame, TrapReport};
use crate::arch::Frame;
use crate::arch::processor::{self, Registers};
use crate::sites::CodePlace;
use crate::stack;
use crate::text::Text;
use crate::width::usize_of;
use std::mem::offset_of;
use std::ptr::{null, null_mut};
use std::sync::atomic::AtomicPtr;
use std::sync::atomic::Ordering::Relaxed;

/// The most frames that are counted.
const COUNTED_FRAMES: u64 = 1_000_000;

/// Where nothing is known of the source.
const NO_LINE: Line = Line { file: c"".as_ptr(), line: 0, column: 0 };

/// Why translated code can't go on.
#[derive(Clone, Copy)]
pub struct Cause<'a> {
    pub code: i32,
    pub message: &'a [u8],
}

impl From<Trap> for Cause<'static> {
    fn from(trap: Trap) -> Cause<'static> {
        Cause { code: trap as i32, message: trap.text() }
    }
}

/// Collects what there is to tell.
#[cold]
pub fn report(cause: Cause, registers: Registers) -> TrapReport {
    let mut report = empty();
    // The modules of the frames.
    let mut images: [*const Image; REPORTED_FRAMES] = [null(); _];
    let mut find_line = None;
    report.code = cause.code;
    Text::into_buffer(&mut report.message).add(cause.message);
    walk(registers, |place, code_offset| {
        place.functions(code_offset, |function, offset| {
            if function.index == NO_FUNCTION {
                return;
            }
            if report.n_frames >= REPORTED_FRAMES as u64 {
                report.frames.copy_within(INNER_FRAMES + 1.., INNER_FRAMES);
                images.copy_within(INNER_FRAMES + 1.., INNER_FRAMES);
            }
            let name = place.name_of(function).as_ptr().cast();
            let offset = offset.unwrap_or(NO_OFFSET);
            let number = usize_of(report.n_frames).min(REPORTED_FRAMES - 1);
            report.frames[number] = TrapFrame { function: name, index: function.index, offset, source: NO_LINE };
            images[number] = place.image;
            find_line = find_line.or(place.image.find_line);
            report.n_frames = report.n_frames.saturating_add(1);
        });
    });
    if let Some(find_line) = find_line {
        let mut query = LineQuery { report: &mut report, images, printer: null() };
        // SAFETY: an image's own function.
        unsafe { find_line(&mut query) };
        PRINTER.store(query.printer.cast_mut().cast(), Relaxed);
    }
    report
}

/// A report of nothing.
pub fn empty() -> TrapReport {
    let frame = TrapFrame { function: c"".as_ptr(), index: 0, offset: NO_OFFSET, source: NO_LINE };
    TrapReport { code: 0, status: 0, message: [0; _], n_frames: 0, frames: [frame; REPORTED_FRAMES] }
}

/// The message and the backtrace, as a program writes them.
#[cold]
pub fn add_report(text: &mut Text, report: &TrapReport) {
    let message = report.message.split(|&byte| byte == 0).next().unwrap_or_default();
    text.add("wasm trap: ").add(message).add("\n");
    add_frames(text, report);
}

/// The backtrace alone.
pub fn add_frames(text: &mut Text, report: &TrapReport) {
    // What traps before the first function runs is in none.
    if report.n_frames == 0 {
        return;
    }
    text.add("wasm backtrace:\n");
    let n_others = report.n_frames.saturating_sub(REPORTED_FRAMES as u64);
    for (place, frame) in report.frames.iter().take(usize_of(report.n_frames)).enumerate() {
        let mut number = place as u64;
        if place >= INNER_FRAMES {
            number = number.saturating_add(n_others);
        }
        if place == INNER_FRAMES && n_others > 0 {
            text.add("  ... ").add_decimal(n_others.into()).add(" frames ...\n");
        }
        add_frame(text, number, frame);
    }
    if report.n_frames >= COUNTED_FRAMES {
        text.add("  ... and perhaps more\n");
    }
}

/// The frames whose source is known, for programs that were not written as Wasm.
#[cold]
pub fn add_places(text: &mut Text, report: &TrapReport) {
    if let Some(printer) = printer() {
        (printer.all)(text, report);
    }
}

/// What prints lines of source. Programs without lines link none of it.
pub struct Printer {
    /// After the name of a frame's function.
    pub frame: fn(&mut Text, &TrapFrame),
    /// Instead of a backtrace.
    pub all: fn(&mut Text, &TrapReport),
}

/// Null before lines were looked for.
static PRINTER: AtomicPtr<Printer> = AtomicPtr::new(null_mut());

fn printer() -> Option<&'static Printer> {
    // SAFETY: `w2n_find_line` puts a constant there.
    unsafe { PRINTER.load(Relaxed).as_ref() }
}

/// `    0: 0x1a3 - fib`
fn add_frame(text: &mut Text, number: u64, frame: &TrapFrame) {
    text.add(if number < 10 { "    " } else { "   " }).add_decimal(number.into()).add(": ");
    if frame.offset != NO_OFFSET {
        text.add_hex(frame.offset.into()).add(" - ");
    }
    // SAFETY: `report` put the name of a function there.
    match unsafe { std::ffi::CStr::from_ptr(frame.function) }.to_bytes() {
        b"" => text.add("<function ").add_decimal(frame.index.into()).add(">"),
        name => text.add_name(name),
    };
    if let Some(printer) = printer() {
        (printer.frame)(text, frame);
    }
    text.add("\n");
}

/// Visits translated functions from the innermost outwards: the function and the code offset in it,
/// of the fault or of a return address. Frames of the runtime and of a host between them are passed
/// over if they keep frame pointers.
fn walk(registers: Registers, mut visit: impl FnMut(CodePlace, u32)) {
    let Registers { pc, sp, mut fp, .. } = registers;
    // What follows is a frame of translated code or of the runtime.
    let mut is_known = true;
    // What lies between its frame pointer and its return address.
    let mut gap = 0;
    if let Some(place) = CodePlace::find(pc) {
        visit(place, place.offset);
        // Without a frame of its own, the frame pointer is the caller's.
        let frame = place.function.frame;
        gap = processor::gap(frame);
        let return_address = registers.return_without_frame(place.offset, frame, |address| read(address, is_known));
        if let Some(return_address) = return_address {
            (is_known, gap) = visit_caller(return_address, &mut visit);
        }
    } else if pc != 0 {
        is_known = false;
    }
    let mut floor = sp;
    let mut n_frames: u64 = 0;
    // Frames lie one above the other in one stack, so the walk ends. After an overflow, sp may be
    // below its stack.
    while fp >= floor && stack::end_of_stack(sp).is_none_or(|end| stack::end_of_stack(fp) == Some(end)) {
        let [next, return_address] = [offset_of!(Frame, fp), offset_of!(Frame, return_address).saturating_add(gap)]
            .map(|field| read(fp.saturating_add(field), is_known));
        let (Some(next), Some(return_address)) = (next, return_address) else { return };
        (is_known, gap) = visit_caller(return_address, &mut visit);
        (floor, fp) = (fp.saturating_add(size_of::<Frame>()), next);
        n_frames = n_frames.saturating_add(1);
        if n_frames == COUNTED_FRAMES {
            return;
        }
    }
}

/// Visits the function that a return address lies in. Whether it is one of translated code, and the
/// gap in its frame.
fn visit_caller(return_address: usize, visit: &mut impl FnMut(CodePlace, u32)) -> (bool, usize) {
    let Some((place, code_offset)) = caller(return_address) else { return (false, 0) };
    let gap = processor::gap(place.function.frame);
    visit(place, code_offset);
    (true, gap)
}

/// The place of the call that a return address belongs to: a call that never returns may be a
/// function's last instruction.
fn caller(return_address: usize) -> Option<(CodePlace, u32)> {
    let place = CodePlace::find(return_address.wrapping_sub(1))?;
    Some((place, place.offset.saturating_add(1)))
}

/// A word of a stack, if the address is aligned and not beyond its end. Requires that lower
/// addresses are in use. On a stack whose end is not known only frames of known code are read: they
/// keep a frame pointer.
fn read(address: usize, is_known: bool) -> Option<usize> {
    let is_inside = match stack::end_of_stack(address) {
        Some(end) => address.checked_add(8).is_some_and(|after| after <= end),
        None => is_known && !stack::is_known(),
    };
    // SAFETY: from a live frame to the end of its stack all is mapped; and so is what a live frame
    // pointer points at.
    (address.is_multiple_of(8) && is_inside).then(|| unsafe { *(address as *const usize) })
}
