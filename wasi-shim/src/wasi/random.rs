//! Randomness: the system's, without a generator in between that would need a seed.

use crate::wasi::errno::Result;
use crate::wasi::file::retry;
use crate::wasi::guest::Guest;

/// Bytes that one call of the system gives at most; it may give less.
const LARGEST_PART: usize = 1 << 20;

pub fn get(guest: &Guest, buffer: u32, length: u32) -> Result<()> {
    let (mut start, mut left) = (guest.at(buffer, length.into())?, length as usize);
    while left > 0 {
        let part = left.min(LARGEST_PART);
        // SAFETY: `at` checked that so many bytes of the guest's memory are there.
        let n = retry(|| unsafe { libc::getrandom(start.cast(), part, 0) })?.min(part);
        start = start.wrapping_add(n);
        left = left.saturating_sub(n);
    }
    Ok(())
}
