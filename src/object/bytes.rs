//! A piece of data before it has its place: bytes, numbers in the byte order of the target, and
//! addresses.

use crate::abi::record::{Fields, Part};
use object::Endianness;
use object::write::SymbolId;
use std::borrow::Cow;

/// A piece of data with the addresses in it.
#[derive(Clone, Default)]
pub struct Data {
    /// Numbers are in little-endian order until [`Data::in_order`].
    pub bytes: Vec<u8>,
    pub addresses: Vec<(u64, SymbolId, i64)>,
    /// Where numbers are: neighbours of one size in one row.
    numbers: Vec<Numbers>,
}

#[derive(Clone)]
struct Numbers {
    start: usize,
    end: usize,
    size: usize,
}

impl From<Vec<u8>> for Data {
    /// Bytes that are the same on every machine.
    fn from(bytes: Vec<u8>) -> Data {
        Data { bytes, ..Data::default() }
    }
}

impl Data {
    pub fn u64(&mut self, value: u64) -> &mut Data {
        self.number(&value.to_le_bytes())
    }

    pub fn u32(&mut self, value: u32) -> &mut Data {
        self.number(&value.to_le_bytes())
    }

    pub fn byte(&mut self, value: u8) -> &mut Data {
        self.bytes.push(value);
        self
    }

    /// A record of the contract, whose addresses are those of symbols.
    pub fn record(&mut self, fields: impl Fields<SymbolId>) -> &mut Data {
        self.record_at(fields, |symbol| (symbol, 0))
    }

    /// A record of the contract. `place` turns its addresses into symbols and offsets from them.
    pub fn record_at<P>(&mut self, fields: impl Fields<P>, place: impl Fn(P) -> (SymbolId, i64)) -> &mut Data {
        fields.write(&mut |part| match part {
            Part::Byte(value) => _ = self.byte(value),
            Part::Number32(value) => _ = self.u32(value),
            Part::Number64(value) => _ = self.u64(value),
            Part::Address(None) => _ = self.u64(0),
            Part::Address(Some(address)) => {
                let (symbol, offset) = place(address);
                self.addresses.push((self.bytes.len() as u64, symbol, offset));
                self.u64(0);
            }
            Part::Zero(length) => self.zeros(length),
        });
        self
    }

    pub fn zeros(&mut self, length: usize) {
        self.bytes.extend(std::iter::repeat_n(0, length));
    }

    /// The address of `symbol`, or null.
    pub fn address(&mut self, symbol: impl Into<Option<SymbolId>>) -> &mut Data {
        if let Some(symbol) = symbol.into() {
            self.addresses.push((self.bytes.len() as u64, symbol, 0));
        }
        self.u64(0)
    }

    fn number(&mut self, bytes: &[u8]) -> &mut Data {
        let (start, size) = (self.bytes.len(), bytes.len());
        self.bytes.extend_from_slice(bytes);
        match self.numbers.last_mut().filter(|numbers| numbers.end == start && numbers.size == size) {
            Some(numbers) => numbers.end = self.bytes.len(),
            None => self.numbers.push(Numbers { start, end: self.bytes.len(), size }),
        }
        self
    }

    /// The bytes as a machine of that order reads them.
    pub fn in_order(&self, endianness: Endianness) -> Cow<'_, [u8]> {
        if endianness == Endianness::Little {
            return Cow::Borrowed(&self.bytes);
        }
        let mut bytes = self.bytes.clone();
        for numbers in &self.numbers {
            bytes[numbers.start..numbers.end].chunks_mut(numbers.size).for_each(<[u8]>::reverse);
        }
        Cow::Owned(bytes)
    }
}
