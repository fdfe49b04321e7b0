//! Arguments and environment, as the guest reads them.

use crate::wasi::errno::Result;
use crate::wasi::guest::Guest;
use crate::width::saturating_u32;

/// A list of strings, each ended by a zero byte.
#[derive(Default)]
pub struct Strings {
    bytes: Vec<u8>,
    /// Where each begins.
    starts: Vec<u32>,
}

impl Strings {
    /// Appends a string. Text that is not UTF-8 gets replacement characters: WASI knows no other
    /// text. Whether there was room: the guest counts in 32 bits.
    #[must_use]
    pub fn push(&mut self, text: &[u8]) -> bool {
        let text = String::from_utf8_lossy(text);
        let Ok(start) = u32::try_from(self.bytes.len()) else { return false };
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.push(0);
        self.starts.push(start);
        u32::try_from(self.bytes.len()).is_ok()
    }

    fn sizes(&self, guest: &Guest, count: u32, size: u32) -> Result<()> {
        guest.write_u32(count, saturating_u32(self.starts.len()))?;
        guest.write_u32(size, saturating_u32(self.bytes.len()))
    }

    /// Writes the strings to `buffer`, and where each begins to `pointers`.
    fn get(&self, guest: &Guest, pointers: u32, buffer: u32) -> Result<()> {
        guest.write(buffer, &self.bytes)?;
        let mut pointers = guest.array(pointers, saturating_u32(self.starts.len()), 4)?;
        for start in &self.starts {
            // In the buffer, all of which is in the memory.
            pointers.write(&buffer.saturating_add(*start).to_le_bytes())?;
        }
        Ok(())
    }
}

pub fn args_sizes_get(guest: &Guest, count: u32, size: u32) -> Result<()> {
    guest.context.arguments.sizes(guest, count, size)
}

pub fn args_get(guest: &Guest, pointers: u32, buffer: u32) -> Result<()> {
    guest.context.arguments.get(guest, pointers, buffer)
}

pub fn environ_sizes_get(guest: &Guest, count: u32, size: u32) -> Result<()> {
    guest.context.environment.sizes(guest, count, size)
}

pub fn environ_get(guest: &Guest, pointers: u32, buffer: u32) -> Result<()> {
    guest.context.environment.get(guest, pointers, buffer)
}
