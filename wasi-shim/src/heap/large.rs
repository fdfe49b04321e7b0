//! Objects that are larger than a cell: whole pages of address space of their own.
//!
//! The space is divided into extents, each an object or free, which lie side by side. The first
//! page of an extent has its length. Free extents are looked for from the first to the last, once
//! between two collections; what lies after the last extent is free.

use crate::system;
use crate::width::saturating_u32;

/// What is known of a page. All zero is a page that was never used.
#[repr(C)]
struct Page {
    /// The number of the object's first page, plus 1; 0 in a free extent.
    owner: u32,
    /// In the first page of an extent its length in pages, with the flags.
    length: u32,
}

/// Flags of [`Page::length`]: the collector has found the object; the free extent has memory.
const MARKED: u32 = 1 << 31;
const HAS_MEMORY: u32 = 1 << 30;
const LENGTH: u32 = HAS_MEMORY - 1;

/// How many free extents are looked at for an object.
const MOST_TRIES: u32 = 64;

/// Bytes of the table for so many pages.
pub const fn table_bytes(n_pages: usize) -> usize {
    n_pages.saturating_mul(size_of::<Page>())
}

pub struct Large {
    base: usize,
    /// Bytes of a page, as a power of two.
    shift: u32,
    /// Pages that are or were in use, and that there are.
    end: u32,
    capacity: u32,
    /// No free extent begins before this page.
    cursor: u32,
    table: *mut Page,
}

/// What a sweep found.
#[derive(Default)]
pub struct Swept {
    /// Bytes of objects, and of those that were freed.
    pub alive: usize,
    pub freed: usize,
}

impl Large {
    /// Extents in `bytes` of address space from `base` on, with a table at `table`.
    pub fn new(base: usize, bytes: usize, page: usize, table: *mut u8) -> Large {
        let shift = page.trailing_zeros();
        let capacity = saturating_u32(bytes.wrapping_shr(shift)).min(LENGTH);
        Large { base, shift, end: 0, capacity, cursor: 0, table: table.cast() }
    }

    fn page(&mut self, number: u32) -> &mut Page {
        // SAFETY: numbers of pages are below `capacity`, for which the table has room.
        unsafe { &mut *self.table.wrapping_add(number as usize) }
    }

    fn address(&self, number: u32) -> usize {
        self.base.wrapping_add((number as usize).wrapping_shl(self.shift))
    }

    fn bytes_of(&self, n_pages: u32) -> usize {
        (n_pages as usize).wrapping_shl(self.shift)
    }

    /// How many pages an object takes; `None` if it takes more than there can be.
    pub fn pages(&self, bytes: u64) -> Option<u32> {
        let page = 1u64.wrapping_shl(self.shift);
        let n_pages = bytes.checked_next_multiple_of(page)?.wrapping_shr(self.shift);
        u32::try_from(n_pages).ok().filter(|n_pages| *n_pages <= self.capacity)
    }

    /// Bytes of these pages.
    pub fn size(&self, n_pages: u32) -> u64 {
        self.bytes_of(n_pages) as u64
    }

    /// So many pages for an object; nothing if there is no extent of that length.
    pub fn allocate(&mut self, n_pages: u32) -> Option<usize> {
        let mut at = self.cursor;
        let mut n_tries = 0;
        while at < self.end && n_tries < MOST_TRIES {
            let &mut Page { owner, length } = self.page(at);
            if owner != 0 {
                at = at.wrapping_add(length & LENGTH);
                continue;
            }
            let found = length & LENGTH;
            if n_tries == 0 {
                self.cursor = at;
            }
            if found >= n_pages {
                let rest = found.wrapping_sub(n_pages);
                if rest != 0 {
                    self.page(at.wrapping_add(n_pages)).length = rest | length & HAS_MEMORY;
                }
                return Some(self.place(at, n_pages));
            }
            n_tries = n_tries.wrapping_add(1);
            at = at.wrapping_add(found);
        }
        if n_tries == MOST_TRIES {
            // None of them was large enough: the next object begins behind the first of them.
            self.cursor = self.cursor.wrapping_add(self.page(self.cursor).length & LENGTH);
        }
        let at = self.end;
        self.end = at.checked_add(n_pages).filter(|end| *end <= self.capacity)?;
        Some(self.place(at, n_pages))
    }

    fn place(&mut self, at: u32, n_pages: u32) -> usize {
        for number in at..at.wrapping_add(n_pages) {
            self.page(number).owner = at.wrapping_add(1);
        }
        self.page(at).length = n_pages;
        self.address(at)
    }

    /// The first page of the object that a word points into.
    fn head(&mut self, word: usize) -> Option<u32> {
        let number = word.wrapping_sub(self.base).wrapping_shr(self.shift);
        if number >= self.end as usize {
            return None;
        }
        let number = u32::try_from(number).ok()?;
        self.page(number).owner.checked_sub(1)
    }

    /// The object that a word is the address of, or of a place inside.
    pub fn find(&mut self, word: usize) -> Option<usize> {
        let head = self.head(word)?;
        Some(self.address(head))
    }

    /// Whether a word is the address of an object.
    pub fn is_object(&mut self, word: usize) -> bool {
        self.find(word) == Some(word)
    }

    /// Marks the object whose address a word is. Whether there is one that was not marked.
    pub fn mark(&mut self, word: usize) -> bool {
        let Some(head) = self.head(word).filter(|head| self.address(*head) == word) else { return false };
        let page = self.page(head);
        let is_new = page.length & MARKED == 0;
        page.length |= MARKED;
        is_new
    }

    /// Bytes of extents so far: no more objects than pages of them can be marked.
    pub fn bytes(&self) -> usize {
        self.bytes_of(self.end)
    }

    /// Frees what is not marked. So many bytes of free extents keep their memory.
    pub fn sweep(&mut self, keep: usize) -> Swept {
        let mut swept = Swept::default();
        let (mut at, mut kept) = (0, 0usize);
        self.cursor = 0;
        while at < self.end {
            let &mut Page { owner, length } = self.page(at);
            if owner != 0 && length & MARKED != 0 {
                self.page(at).length = length & LENGTH;
                swept.alive = swept.alive.wrapping_add(self.bytes_of(length & LENGTH));
                at = at.wrapping_add(length & LENGTH);
                continue;
            }
            let (end, freed, mut has_memory) = self.join(at);
            swept.freed = swept.freed.wrapping_add(freed);
            let bytes = self.bytes_of(end.wrapping_sub(at));
            if has_memory {
                has_memory = kept.saturating_add(bytes) <= keep || !self.forget(at, bytes);
                kept = kept.saturating_add(if has_memory { bytes } else { 0 });
            }
            let flag = if has_memory { HAS_MEMORY } else { 0 };
            self.page(at).length = end.wrapping_sub(at) | flag;
            if end == self.end && !has_memory {
                self.end = at;
            }
            at = end;
        }
        swept
    }

    /// The end of the free extent that begins at a page, once what is not marked is free; how many
    /// bytes of it were objects, and whether any of it has memory.
    fn join(&mut self, first: u32) -> (u32, usize, bool) {
        let (mut at, mut freed, mut has_memory) = (first, 0usize, false);
        while at < self.end {
            let &mut Page { owner, length } = self.page(at);
            if owner != 0 && length & MARKED != 0 {
                break;
            }
            let end = at.wrapping_add(length & LENGTH);
            has_memory |= owner != 0 || length & HAS_MEMORY != 0;
            if owner != 0 {
                freed = freed.wrapping_add(self.bytes_of(length & LENGTH));
                for number in at..end {
                    self.page(number).owner = 0;
                }
            }
            at = end;
        }
        (at, freed, has_memory)
    }

    /// Gives the memory of an extent back.
    fn forget(&self, first: u32, bytes: usize) -> bool {
        // SAFETY: the extent's memory is ours, and no object lies in it.
        unsafe { system::forget(std::ptr::with_exposed_provenance_mut(self.address(first)), bytes) }
    }

    /// Calls `visit` with address and bytes of each object that is not marked.
    pub fn each_dead(&mut self, visit: impl Fn(usize, usize)) {
        let mut at = 0;
        while at < self.end {
            let &mut Page { owner, length } = self.page(at);
            if owner != 0 && length & MARKED == 0 {
                visit(self.address(at), self.bytes_of(length & LENGTH));
            }
            at = at.wrapping_add(length & LENGTH);
        }
    }
}
