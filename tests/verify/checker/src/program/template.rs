//! Bytes of an object as the linker may write them: but for some bits, they are known.

use std::ops::Range;

#[derive(Clone, Debug, Default)]
pub struct Template {
    bytes: Vec<u8>,
    /// Bits that the linker chooses.
    open: Vec<u8>,
}

impl Template {
    pub fn new(bytes: &[u8]) -> Template {
        Template { bytes: bytes.to_vec(), open: vec![0; bytes.len()] }
    }

    pub fn len(&self) -> u64 {
        u64::try_from(self.bytes.len()).unwrap_or(u64::MAX)
    }

    /// The linker chooses all bits of these bytes.
    pub fn open(&mut self, range: &Range<u64>) {
        let start = usize::try_from(range.start).unwrap_or(usize::MAX);
        let end = usize::try_from(range.end).unwrap_or(usize::MAX).min(self.open.len());
        if let Some(open) = self.open.get_mut(start..end) {
            open.fill(!0);
        }
    }

    /// The linker makes other bytes of some, as many, that no other field has changed. Returns
    /// whether they are there.
    pub fn replace(&mut self, offset: u64, from: &[u8], to: &[u8]) -> bool {
        let Ok(start) = usize::try_from(offset) else { return false };
        let Some(bytes) = self.bytes.get_mut(start..start.saturating_add(from.len())) else { return false };
        let is_there = bytes == from && bytes.len() == to.len();
        if is_there {
            bytes.copy_from_slice(to);
        }
        is_there
    }

    /// The linker makes another instruction of four bytes, of which it chooses some bits: `change`
    /// gets what is there, and returns both.
    pub fn change(&mut self, offset: u64, change: impl FnOnce(u32) -> (u32, u32)) {
        let Ok(start) = usize::try_from(offset) else { return };
        let range = start..start.saturating_add(4);
        let (Some(bytes), Some(open)) = (self.bytes.get_mut(range.clone()), self.open.get_mut(range)) else { return };
        let word = u32::from_le_bytes((&*bytes).try_into().expect("four bytes"));
        let (changed, chosen) = change(word);
        bytes.copy_from_slice(&changed.to_le_bytes());
        open.copy_from_slice(&chosen.to_le_bytes());
    }

    /// The first byte that is not as it must be.
    pub fn differs(&self, found: &[u8]) -> Option<u64> {
        let pairs = self.bytes.iter().zip(&self.open).enumerate();
        let mut wrong = pairs.filter(|&(at, (wanted, open))| found.get(at).is_none_or(|it| (it ^ wanted) & !open != 0));
        wrong.next().and_then(|(at, _)| u64::try_from(at).ok())
    }
}
