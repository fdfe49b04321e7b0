//! `path_open`, by snapshot 1 for both.
//!
//! The standard library, on which wasi-common's is built, refuses to truncate a file and to append to it at once.

use crate::wasi::context;
use crate::wasi::outcome::finish;
use wasi_common::snapshots::preview_1::types::Errno;
use wasi_common::snapshots::preview_1::wasi_snapshot_preview1 as common;
use wiggle::GuestPtr;

/// `$oflags`.
const TRUNCATE: i32 = 1 << 3;
/// `$fdflags`.
const APPEND: i32 = 1 << 0;

#[expect(clippy::too_many_arguments, reason = "WASI's")]
pub fn open(a: i32, b: i32, c: i32, d: i32, oflags: i32, f: i64, g: i64, flags: i32, result: i32) -> i32 {
    // SAFETY: called by translated code.
    let (context, mut memory) = unsafe { (context::get(), context::memory()) };
    let appends_later = oflags & TRUNCATE != 0 && flags & APPEND != 0;
    let first_flags = if appends_later { flags & !APPEND } else { flags };
    let status = finish(common::path_open(context, &mut memory, a, b, c, d, oflags, f, g, first_flags, result));
    if !appends_later || status != Errno::Success as i32 {
        return status;
    }
    let descriptor = memory.read(GuestPtr::<u32>::new(result as u32)).expect("the number was written there");
    finish(common::fd_fdstat_set_flags(context, &mut memory, descriptor as i32, flags))
}
