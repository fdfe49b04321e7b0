//! The clocks of processor time, which wasi-common lacks.

use crate::trap::raise_wasi;
use crate::wasi::context;
use crate::wasi::outcome::finish;
use wasi_common::snapshots::preview_1::types::Errno;
use wasi_common::snapshots::preview_1::wasi_snapshot_preview1 as common;
use wiggle::GuestPtr;

const PROCESS_CPUTIME: i32 = 2;
const THREAD_CPUTIME: i32 = 3;

pub fn resolution(clock: i32, result: i32) -> i32 {
    match clock {
        PROCESS_CPUTIME | THREAD_CPUTIME => store(result, read(clock, libc::clock_getres)),
        // SAFETY: called by translated code.
        _ => unsafe { finish(common::clock_res_get(context::get(), &mut context::memory(), clock, result)) },
    }
}

pub fn time(clock: i32, precision: i64, result: i32) -> i32 {
    match clock {
        PROCESS_CPUTIME | THREAD_CPUTIME => store(result, read(clock, libc::clock_gettime)),
        // SAFETY: called by translated code.
        _ => unsafe {
            finish(common::clock_time_get(context::get(), &mut context::memory(), clock, precision, result))
        },
    }
}

/// Nanoseconds. WASI's numbers of these clocks are Linux's.
fn read(clock: i32, function: unsafe extern "C" fn(i32, *mut libc::timespec) -> i32) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes to a live variable.
    unsafe { function(clock, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

fn store(result: i32, value: u64) -> i32 {
    // SAFETY: called by translated code.
    let mut memory = unsafe { context::memory() };
    if memory.write(GuestPtr::<u64>::new(result as u32), value).is_err() {
        raise_wasi("out of bounds memory access in a WASI call")
    }
    Errno::Success as i32
}
