//! Lines of source for backtraces, in programs whose modules have some.

use crate::abi::image::{Line, LineQuery};
use crate::program::slice;
use crate::sites::read_leb;
use crate::width::usize_of;

/// [`Image::find_line`]: the line of the operator at an offset in the module.
///
/// # Safety
/// The image is one of the compiler's.
#[unsafe(no_mangle)]
unsafe extern "C" fn w2n_find_line(query: *mut LineQuery) {
    // SAFETY: the caller's own.
    let query = unsafe { &mut *query };
    // SAFETY: as required above.
    let image = unsafe { &*query.image };
    // SAFETY: an array of the image.
    let all = unsafe { slice(image.lines, image.lines_length) };
    find(all, query.offset, &mut query.line);
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
