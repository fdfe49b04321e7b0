//! Static data: strings, globals, closure objects of named functions, type records, places of
//! panics. Addresses are given out in ascending order.

use crate::cot::ir::module::Data;
use std::collections::HashMap;

/// Nothing lies below: null pointers refer to it where they are not checked.
const FIRST: u32 = 1024;

/// Runs of bytes are joined over gaps up to this size: a segment of its own would take more.
const JOINED_GAP: u32 = 16;

pub struct Statics {
    pub runs: Vec<Data>,
    /// Where the next thing may lie.
    pub end: u32,
    /// Strings that were placed.
    strings: HashMap<Vec<u8>, u32>,
}

impl Statics {
    pub fn new() -> Statics {
        Statics { runs: Vec::new(), end: FIRST, strings: HashMap::new() }
    }

    /// Space that is zero at the start.
    ///
    /// # Errors
    /// When all of it does not fit into a memory of 32 bits.
    pub fn reserve(&mut self, size: u64, align: u32) -> Result<u32, TooLarge> {
        let start = self.end.next_multiple_of(align);
        let end = u64::from(start) + size;
        if end > u64::from(u32::MAX - 0xffff) {
            return Err(TooLarge);
        }
        self.end = end as u32;
        Ok(start)
    }

    /// Bytes that are there from the start.
    pub fn place(&mut self, bytes: &[u8], align: u32) -> Result<u32, TooLarge> {
        let address = self.reserve(bytes.len() as u64, align)?;
        self.set(address, bytes);
        Ok(address)
    }

    /// Fills what was reserved last.
    pub fn set(&mut self, address: u32, bytes: &[u8]) {
        let Some(last) = bytes.iter().rposition(|byte| *byte != 0) else { return };
        let bytes = &bytes[..=last];
        if let Some(run) = self.runs.last_mut() {
            let end = run.address + run.bytes.len() as u32;
            if address - end <= JOINED_GAP {
                run.bytes.resize((address - run.address) as usize, 0);
                run.bytes.extend(bytes);
                return;
            }
        }
        self.runs.push(Data { address, bytes: bytes.to_vec() });
    }

    /// The address of a string's bytes; equal strings share them.
    pub fn string(&mut self, bytes: &[u8]) -> Result<u32, TooLarge> {
        if let Some(address) = self.strings.get(bytes) {
            return Ok(*address);
        }
        let address = self.place(bytes, 1)?;
        self.strings.insert(bytes.to_vec(), address);
        Ok(address)
    }
}

/// Static data that no memory can hold.
#[derive(Copy, Clone, Debug)]
pub struct TooLarge;
