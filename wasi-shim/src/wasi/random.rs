//! Randomness from the system, without a generator that would have to be seeded at every start.

use std::convert::Infallible;
use wasi_common::TryRng;

pub struct SystemRandom;

impl TryRng for SystemRandom {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_ne_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_ne_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, mut bytes: &mut [u8]) -> Result<(), Infallible> {
        while !bytes.is_empty() {
            // SAFETY: writes to a live buffer. The only error that can happen is EINTR: no flags are set.
            let n = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
            bytes = &mut bytes[n.max(0) as usize..];
        }
        Ok(())
    }
}
