//! Finding what is alive: from words that may be references to all objects that they lead to.
//!
//! An object that was found waits on a stack, then in a short queue: what it begins with is
//! fetched when it enters the queue, and is there when it leaves it.

use super::blocks::Blocks;
use super::large::Large;
use crate::abi::object::{ARRAY_LENGTH, KIND_ARRAY, KIND_EXCEPTION, KIND_STRUCT, TypeRecord};
use crate::arch::processor;
use crate::program::slice;
use crate::system::{self, Access};

/// Objects in the queue, a power of two.
const QUEUE: usize = 16;

/// The bytes of a word, and of a header.
const WORD: usize = size_of::<usize>();

pub struct Marker<'a> {
    blocks: &'a mut Blocks,
    large: &'a mut Large,
    stack: &'a mut Stack,
    /// The next free place of the stack, and the highest that was used.
    top: *mut usize,
    highest: *mut usize,
}

/// Address space for as many objects as can be marked. It stays for the next time.
pub struct Stack {
    start: *mut usize,
    bytes: usize,
}

/// So many bytes of a stack keep their memory.
const KEPT: usize = 256 << 10;

impl Stack {
    pub const NONE: Stack = Stack { start: std::ptr::null_mut(), bytes: 0 };

    /// Makes room for so many bytes. Whether there is.
    fn make_room(&mut self, bytes: usize) -> bool {
        if bytes <= self.bytes {
            return true;
        }
        // Some more, because heaps grow.
        let bytes = bytes.saturating_mul(2).max(KEPT);
        let Some(start) = system::reserve(bytes, Access::ReadWrite) else { return false };
        self.release();
        *self = Stack { start: start.cast(), bytes };
        true
    }

    pub fn release(&mut self) {
        if self.bytes != 0 {
            // SAFETY: the stack is ours.
            unsafe { system::unmap(self.start.cast(), self.bytes) };
        }
        *self = Stack::NONE;
    }
}

impl<'a> Marker<'a> {
    /// Nothing if the system has no address space for the stack.
    pub fn new(blocks: &'a mut Blocks, large: &'a mut Large, stack: &'a mut Stack) -> Option<Marker<'a>> {
        // The smallest object takes a word.
        let bytes = blocks.bytes().saturating_add(large.bytes()).saturating_add(WORD);
        stack.make_room(bytes).then(|| {
            let start = stack.start;
            Marker { blocks, large, stack, top: start, highest: start }
        })
    }

    /// Follows a word that is a reference, or anything else.
    #[inline(always)]
    fn visit(&mut self, word: usize) {
        if word & 7 != 0 {
            return;
        }
        let is_new = match self.blocks.mark(word) {
            Some(is_new) => is_new,
            None => self.is_new_large(word),
        };
        if is_new {
            // SAFETY: there is room for each object once.
            unsafe {
                *self.top = word;
                self.top = self.top.add(1);
            }
        }
    }

    /// Null is the most common word that lies in no block.
    #[inline(always)]
    fn is_new_large(&mut self, word: usize) -> bool {
        word != 0 && self.large.mark(word)
    }

    /// Follows a word that may be anything, also an address inside of an object.
    pub fn visit_inside(&mut self, word: usize) {
        let object = self.blocks.find(word).or_else(|| self.large.find(word));
        self.visit(object.unwrap_or(0));
    }

    /// Follows words that are references or anything else.
    ///
    /// # Safety
    /// They can be read.
    pub unsafe fn visit_all(&mut self, first: *const usize, n_words: usize) {
        for index in 0..n_words {
            // SAFETY: as required of the caller.
            self.visit(unsafe { *first.wrapping_add(index) });
        }
    }

    /// Follows everything that was found, to the end.
    pub fn run(&mut self) {
        let mut queue = [0usize; QUEUE];
        let mut at = 0usize;
        let mut n_queued = 0usize;
        loop {
            let mut next = 0;
            if self.top > self.stack.start {
                self.highest = self.highest.max(self.top);
                // SAFETY: there is something below the top.
                unsafe {
                    self.top = self.top.sub(1);
                    next = *self.top;
                }
                processor::prefetch(next);
                n_queued = n_queued.wrapping_add(1);
            } else if n_queued == 0 {
                return;
            }
            let object = std::mem::replace(&mut queue[at % QUEUE], next);
            at = at.wrapping_add(1);
            if object != 0 {
                n_queued = n_queued.wrapping_sub(1);
                self.scan(object);
            }
        }
    }

    /// Follows the references of an object.
    #[inline(always)]
    fn scan(&mut self, object: usize) {
        // SAFETY: an object is complete, and begins with the address of its type's record, which
        // says where in it references are.
        unsafe {
            let Some(record) = (*(object as *const *const TypeRecord)).as_ref() else { return };
            let fields = object.wrapping_add(WORD) as *const usize;
            match record.kind {
                KIND_STRUCT | KIND_EXCEPTION => {
                    self.visit_some(fields, record.references);
                    if record.n_more != 0 {
                        self.visit_more(fields, record);
                    }
                }
                KIND_ARRAY if record.references != 0 => {
                    let length = *(object.wrapping_add(ARRAY_LENGTH as usize) as *const u32);
                    self.visit_all(object.wrapping_add(record.first as usize) as *const usize, length as usize);
                }
                _ => {}
            }
        }
    }

    /// Follows those of 64 words that a mask names.
    ///
    /// # Safety
    /// They lie in an object.
    #[inline(always)]
    unsafe fn visit_some(&mut self, first: *const usize, mut mask: u64) {
        while mask != 0 {
            // SAFETY: as required of the caller.
            self.visit(unsafe { *first.wrapping_add(mask.trailing_zeros() as usize) });
            mask &= mask.wrapping_sub(1);
        }
    }

    /// # Safety
    /// The record is that of an object with these fields.
    #[cold]
    unsafe fn visit_more(&mut self, mut fields: *const usize, record: &TypeRecord) {
        // SAFETY: as required of the caller; the record has an array of masks.
        unsafe {
            for &mask in slice(record.more, record.n_more) {
                fields = fields.wrapping_add(64);
                self.visit_some(fields, mask);
            }
        }
    }
}

impl Drop for Marker<'_> {
    fn drop(&mut self) {
        let used = self.highest.addr().saturating_sub(self.stack.start.addr());
        let whole = system::whole_pages(KEPT).unwrap_or(0);
        if let Some(bytes) = system::whole_pages(used).and_then(|used| used.checked_sub(whole)).filter(|it| *it != 0) {
            // SAFETY: the stack is empty, and ours.
            unsafe { system::forget(self.stack.start.wrapping_byte_add(whole).cast(), bytes) };
        }
    }
}
