//! Times as JavaScript tells them: milliseconds as floating-point numbers.

use crate::shim::caller::Caller;

/// Milliseconds on a clock that never goes back.
pub fn now(_: &Caller) -> f64 {
    let time = read(libc::CLOCK_MONOTONIC);
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}

/// Whole milliseconds since 1970.
pub fn date_now(_: &Caller) -> f64 {
    let time = read(libc::CLOCK_REALTIME);
    time.tv_sec as f64 * 1e3 + (time.tv_nsec / 1_000_000) as f64
}

/// How fine [`now`] is, in nanoseconds.
pub fn resolution(_: &Caller) -> f64 {
    1.0
}

pub fn is_monotonic(_: &Caller) -> u32 {
    1
}

fn read(clock: libc::clockid_t) -> libc::timespec {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes to a live variable.
    unsafe { libc::clock_gettime(clock, &mut time) };
    time
}
