//! Lines of source for backtraces, in programs whose modules have some.

use crate::abi::image::{Line, LineQuery};
use crate::abi::trap::{INNER_FRAMES, NO_OFFSET, REPORTED_FRAMES, TrapFrame, TrapReport};
use crate::backtrace::Printer;
use crate::program::slice;
use crate::sites::read_leb;
use crate::text::Text;
use crate::width::usize_of;
use std::ffi::CStr;

/// [`Image::find_line`](crate::abi::image::Image::find_line): the lines of a report's frames.
///
/// # Safety
/// The images are the compiler's.
#[unsafe(no_mangle)]
unsafe extern "C" fn w2n_find_line(query: *mut LineQuery) {
    // SAFETY: the caller's own.
    let LineQuery { report, images, printer } = unsafe { &mut *query };
    // SAFETY: likewise.
    let report = unsafe { &mut **report };
    *printer = (&raw const LINES).cast();
    for (frame, image) in report.frames.iter_mut().zip(images) {
        // SAFETY: as required above.
        let Some(image) = (unsafe { image.as_ref() }).filter(|_| frame.offset != NO_OFFSET) else { continue };
        // SAFETY: an array of the image.
        let all = unsafe { slice(image.lines, image.lines_length) };
        find(all, frame.offset, &mut frame.source);
    }
}

static LINES: Printer = Printer { frame: add_frame, all: add_all };

fn add_frame(text: &mut Text, frame: &TrapFrame) {
    if frame.source.line != 0 {
        add_place(text.add("\n             at "), frame.source);
    }
}

/// `    at main.cot:12:9 in fib`, a line for each frame.
fn add_all(text: &mut Text, report: &TrapReport) {
    let n_others = report.n_frames.saturating_sub(REPORTED_FRAMES as u64);
    for (place, frame) in report.frames.iter().take(usize_of(report.n_frames)).enumerate() {
        if place == INNER_FRAMES && n_others > 0 && report.frames[0].source.line != 0 {
            text.add("    ... ").add_decimal(n_others.into()).add(" frames ...\n");
        }
        if frame.source.line == 0 {
            continue;
        }
        add_place(text.add("    at "), frame.source);
        // SAFETY: the report has the name of a function there.
        text.add(" in ").add_name(unsafe { CStr::from_ptr(frame.function) }.to_bytes()).add("\n");
    }
}

/// `main.cot:12:9`
fn add_place(text: &mut Text, Line { file, line, column }: Line) {
    // SAFETY: `find` put the name of a file there.
    text.add_name(unsafe { CStr::from_ptr(file) }.to_bytes()).add(":").add_decimal(line.into());
    if column != 0 {
        text.add(":").add_decimal(column.into());
    }
}

/// Nothing is written where the table says nothing.
fn find(mut rows: &[u8], offset: u32, line: &mut Line) -> Option<()> {
    let names = usize_of(read_leb(&mut rows, false)?.cast_unsigned());
    let (names, mut rows) = rows.split_at_checked(names)?;
    let (mut at, mut number) = (0i64, 0i64);
    while !rows.is_empty() {
        at = at.checked_add(read_leb(&mut rows, false)?)?;
        if at > offset.into() {
            break;
        }
        let file = names.get(usize_of(read_leb(&mut rows, false)?.cast_unsigned())..)?;
        number = number.checked_add(read_leb(&mut rows, true)?)?;
        let column = read_leb(&mut rows, false)?;
        line.file = file.as_ptr().cast();
        (line.line, line.column) = (u32::try_from(number).ok()?, u32::try_from(column).ok()?);
    }
    Some(())
}
