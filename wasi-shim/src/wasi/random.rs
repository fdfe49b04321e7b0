//! Randomness: the system's, without a generator in between that would have to be seeded.

use crate::wasi::errno::Result;
use crate::wasi::file::retry;
use crate::wasi::guest::Guest;

/// Bytes that one call of the system gives at most; it may give less.
const LARGEST_PART: u32 = 1 << 20;

pub fn get(guest: &Guest, buffer: u32, length: u32) -> Result<()> {
    guest.at(buffer, length.into())?;
    let mut done = 0;
    while done < length {
        let part = (length - done).min(LARGEST_PART);
        let start = guest.at(buffer + done, part.into())?;
        // SAFETY: `at` checked that so many bytes of the guest's memory are there.
        done += retry(|| unsafe { libc::getrandom(start.cast(), part as usize, 0) })? as u32;
    }
    Ok(())
}
