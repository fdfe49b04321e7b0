//! Words of the host as references of the hierarchy `any`, and the way back: see `abi::object`.
//!
//! Of words that neither are objects nor fit into an immediate each has one object, its box, so
//! that equal words are equal references. The table of boxes does not keep them.

use super::State;
use crate::abi::object::{HOST_WORD, Heap, IMMEDIATE, KIND_HOST, TypeRecord, WIDE_HOST_WORD};
use crate::abi::record::Padding;
use crate::system::{self, Access};
use crate::width::usize_of;
use std::ptr;

/// An object of [`KIND_HOST`].
#[repr(C)]
struct HostBox {
    record: *const TypeRecord,
    word: u64,
}

struct HostType(TypeRecord);

// SAFETY: constant data.
unsafe impl Sync for HostType {}

static HOST_TYPE: HostType = HostType(TypeRecord {
    kind: KIND_HOST,
    depth: 0,
    size: 16,
    first: 0,
    references: 0,
    more: ptr::null(),
    n_more: 0,
    name: c"a word of the host".as_ptr().cast(),
    index: 0,
    padding: Padding::ZERO,
});

/// Bits of an `i31`.
const I31: u64 = (1 << 31) - 1;

/// Boxes by their words: a table with open addresses, at most half full.
#[derive(Default)]
pub struct Boxes {
    /// Addresses of boxes, or 0. A power of two of them, or none.
    table: Option<ptr::NonNull<u64>>,
    capacity: usize,
    used: usize,
}

impl Boxes {
    /// The place of a word's box: an index, and the box or 0.
    fn find(&self, word: u64) -> Option<(usize, u64)> {
        let table = self.table?.as_ptr();
        let mask = self.capacity.wrapping_sub(1);
        // Fibonacci hashing (Knuth, The Art of Computer Programming 3, 6.4).
        let mut index = usize_of(word.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20) & mask;
        loop {
            // SAFETY: the index is below the capacity; boxes in the table are objects.
            unsafe {
                let found = *table.add(index);
                if found == 0 || (*(found as *const HostBox)).word == word {
                    return Some((index, found));
                }
            }
            index = index.wrapping_add(1) & mask;
        }
    }

    fn add(&mut self, address: u64, word: u64) {
        if let (Some(table), Some((index, 0))) = (self.table, self.find(word)) {
            // SAFETY: the index is below the capacity.
            unsafe { *table.as_ptr().add(index) = address };
            self.used = self.used.wrapping_add(1);
        }
    }

    /// Makes room for another box. Whether there is.
    fn make_room(&mut self) -> bool {
        let capacity =
            if self.used < self.capacity / 2 { return true } else { self.capacity.max(256).saturating_mul(2) };
        self.renew(capacity, |_| true)
    }

    /// Makes the table anew, with the boxes that are still wanted. Whether the system had memory.
    fn renew(&mut self, capacity: usize, is_wanted: impl Fn(usize) -> bool) -> bool {
        let bytes = capacity.saturating_mul(size_of::<u64>());
        let Some(table) = system::map(bytes, Access::ReadWrite).and_then(|start| ptr::NonNull::new(start.cast()))
        else {
            return false;
        };
        let mut old = std::mem::replace(self, Boxes { table: Some(table), capacity, used: 0 });
        old.each(|address| {
            // SAFETY: a box, whose memory is not given to others before it is gone from here.
            let word = unsafe { (*(address as *const HostBox)).word };
            if is_wanted(usize_of(address)) {
                self.add(address, word);
            }
        });
        old.release();
        true
    }

    fn each(&self, mut visit: impl FnMut(u64)) {
        for index in 0..self.capacity {
            // SAFETY: the index is below the capacity.
            match self.table.map(|table| unsafe { *table.as_ptr().add(index) }) {
                None | Some(0) => {}
                Some(address) => visit(address),
            }
        }
    }

    /// Leaves out the boxes that are not marked.
    pub fn clean(&mut self, is_marked: impl Fn(usize) -> bool) {
        if self.used != 0 && !self.renew(self.capacity, is_marked) {
            // Without memory for another table all boxes are forgotten: a word may get a second.
            self.release();
        }
    }

    pub fn release(&mut self) {
        if let Some(table) = self.table.take() {
            // SAFETY: the table is ours.
            unsafe { system::unmap(table.as_ptr().cast(), self.capacity.saturating_mul(size_of::<u64>())) };
        }
        *self = Boxes::default();
    }
}

/// [`crate::abi::builtin::Builtin::AnyOfExtern`].
///
/// # Safety
/// `heap` is that of the code that calls.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_any_of_extern(heap: *mut Heap, word: u64) -> u64 {
    if word == 0 {
        return 0;
    }
    // SAFETY: as required of the caller.
    let state = unsafe { State::of(heap) };
    if state.is_live(usize_of(word)) {
        return word;
    }
    if word < WIDE_HOST_WORD {
        return word << 1 | IMMEDIATE | HOST_WORD;
    }
    if word & !I31 == WIDE_HOST_WORD {
        return (word & I31) << 1 | IMMEDIATE;
    }
    if let Some((_, found @ 1..)) = state.boxes.find(word) {
        return found;
    }
    if !state.boxes.make_room() {
        state.exhausted(size_of::<HostBox>() as u64);
    }
    let address = state.allocate(size_of::<HostBox>() as u64);
    // SAFETY: new memory of this size.
    unsafe { address.cast::<HostBox>().write(HostBox { record: &HOST_TYPE.0, word }) };
    // A collection may have made the table anew, which is not smaller.
    state.boxes.add(address.expose_provenance() as u64, word);
    address as u64
}

/// [`crate::abi::builtin::Builtin::ExternOfAny`].
///
/// # Safety
/// `reference` is null, an immediate or an object.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_extern_of_any(reference: u64) -> u64 {
    if reference & IMMEDIATE != 0 {
        let value = (reference & !HOST_WORD) >> 1;
        return if reference & HOST_WORD == 0 { WIDE_HOST_WORD | value & I31 } else { value };
    }
    // SAFETY: as required of the caller.
    unsafe {
        match (reference as *const HostBox).as_ref() {
            Some(it) if (*it.record).kind == KIND_HOST => it.word,
            _ => reference,
        }
    }
}
