//! The system's clocks. WASI's numbers of them are Linux's: real time, monotonic, processor time of
//! the process and of the thread.

use crate::wasi::errno::{Errno, INVALID, Result, check};
use crate::wasi::guest::Guest;

pub const REALTIME: u32 = 0;
pub const MONOTONIC: u32 = 1;
const LAST: i32 = 3;

pub fn resolution(guest: &Guest, clock: u32, result: u32) -> Result<()> {
    guest.at(result, 8)?;
    guest.write_u64(result, read(clock, libc::clock_getres)?)
}

/// The system's clocks have the precision that they have.
pub fn time(guest: &Guest, clock: u32, _precision: u64, result: u32) -> Result<()> {
    guest.at(result, 8)?;
    guest.write_u64(result, now(clock)?)
}

/// Nanoseconds.
pub fn now(clock: u32) -> Result<u64> {
    read(clock, libc::clock_gettime)
}

fn read(clock: u32, function: unsafe extern "C" fn(i32, *mut libc::timespec) -> i32) -> Result<u64> {
    let clock = i32::try_from(clock).ok().filter(|&clock| clock <= LAST).ok_or(INVALID)?;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes to a live variable.
    check(unsafe { function(clock, &mut time) } as isize)?;
    // A clock before 1970 has no number in WASI.
    let seconds = u64::try_from(time.tv_sec).map_err(|_| Errno::Overflow)?;
    Ok(seconds.saturating_mul(1_000_000_000).saturating_add(time.tv_nsec.unsigned_abs()))
}
