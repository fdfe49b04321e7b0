//! Arguments and environment, as the guest reads them.

use crate::wasi::context::Strings;
use crate::wasi::errno::Result;
use crate::wasi::guest::Guest;
use crate::wasi::refused;
use crate::width::saturating_u32;

fn sizes(strings: &Strings, guest: &Guest, count: u32, size: u32) -> Result<()> {
    refused::started();
    guest.write_u32(count, saturating_u32(strings.starts().len()))?;
    guest.write_u32(size, saturating_u32(strings.bytes().len()))
}

/// Writes the strings to `buffer`, and where each begins to `pointers`.
fn get(strings: &Strings, guest: &Guest, pointers: u32, buffer: u32) -> Result<()> {
    guest.write(buffer, strings.bytes())?;
    let mut pointers = guest.array(pointers, saturating_u32(strings.starts().len()), 4)?;
    for start in strings.starts() {
        // In the buffer, all of which is in the memory.
        pointers.write(&buffer.saturating_add(*start).to_le_bytes())?;
    }
    Ok(())
}

pub fn args_sizes_get(guest: &Guest, count: u32, size: u32) -> Result<()> {
    sizes(&guest.context.arguments, guest, count, size)
}

pub fn args_get(guest: &Guest, pointers: u32, buffer: u32) -> Result<()> {
    get(&guest.context.arguments, guest, pointers, buffer)
}

pub fn environ_sizes_get(guest: &Guest, count: u32, size: u32) -> Result<()> {
    sizes(&guest.context.environment, guest, count, size)
}

pub fn environ_get(guest: &Guest, pointers: u32, buffer: u32) -> Result<()> {
    get(&guest.context.environment, guest, pointers, buffer)
}
