//! Blocks of 64 KiB, each divided into cells of one size, and the bits that say which cells are
//! objects.
//!
//! A cell is an object if the bit of its first word is set in `valid`. The bits of all cells of a
//! run are set when the run is handed out. The collector sets `mark`; [`Blocks::sweep`] makes that
//! the new `valid`, which frees what is not marked, and writes to no cell. Free cells are looked
//! for when they are wanted.

use super::sizes::{N_CLASSES, cell_of};
use crate::system;
use crate::width::low_u32;
use std::ops::Range;

/// Bytes of a block.
pub const BLOCK: usize = 64 << 10;

/// Words of a block, and how many of them have their bits in one [`Bits`].
const WORDS: u32 = 8 << 10;
const WORDS_OF_BITS: usize = 64;
const BITS_OF_BLOCK: usize = 128;

/// Bytes that one [`Bits`] stands for, as a power of two.
const BITS_SHIFT: u32 = 9;

/// The end of a list of blocks.
const NONE: u32 = u32::MAX;

/// [`Block::state`]; 0 is that of a block that was never used.
const USED: u8 = 1;
const EMPTY: u8 = 2;
const RETURNED: u8 = 3;

/// A bit for each word of 512 bytes: those of both kinds beside each other, because who reads one
/// reads the other.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Bits {
    valid: u64,
    mark: u64,
}

/// What is known of a block. All zero is a block that was never used.
#[repr(C)]
struct Block {
    /// The bits of the cells' first words in the first 64 words.
    pattern: u64,
    /// 2^24 divided by the words of a cell, rounded up: what words are multiplied with to become
    /// cells. A word has 13 bits and a divisor 10, so that 24 bits are enough.
    inverse: u32,
    /// The next block of its list.
    next: u32,
    /// Words of a cell, and of all cells.
    words: u32,
    limit: u32,
    /// The first cell that was not looked at since the last collection, as a word.
    cursor: u16,
    class: u8,
    state: u8,
    padding: u32,
}

/// Bytes of the tables for so many blocks.
pub const fn table_bytes(n_blocks: usize) -> usize {
    n_blocks.saturating_mul(size_of::<Block>().saturating_add(BITS_OF_BLOCK.saturating_mul(size_of::<Bits>())))
}

pub struct Blocks {
    /// Where the first block begins, and how many bytes of them are or were in use.
    base: usize,
    used: usize,
    capacity: usize,
    table: *mut Block,
    bits: *mut Bits,
    /// Blocks without objects: with memory, and without.
    empty: u32,
    returned: u32,
    /// Of each class the block whose cells are handed out, and those that come next.
    current: [u32; N_CLASSES],
    waiting: [u32; N_CLASSES],
}

impl Blocks {
    /// Blocks in `bytes` of address space from `base` on, with tables at `table`.
    pub fn new(base: usize, bytes: usize, table: *mut u8) -> Blocks {
        let capacity = bytes / BLOCK;
        let bits = table.wrapping_add(capacity.saturating_mul(size_of::<Block>()));
        let (none, lists) = (NONE, [NONE; N_CLASSES]);
        Blocks {
            base,
            used: 0,
            capacity: capacity.saturating_mul(BLOCK),
            table: table.cast(),
            bits: bits.cast(),
            empty: none,
            returned: none,
            current: lists,
            waiting: lists,
        }
    }

    fn block(&mut self, number: u32) -> &mut Block {
        // SAFETY: numbers of blocks come from lists and from addresses below `used`.
        unsafe { &mut *self.table.wrapping_add(number as usize) }
    }

    /// The bits of a block.
    fn bits_of(&mut self, number: u32) -> &mut [Bits] {
        let first = self.bits.wrapping_add((number as usize).wrapping_mul(BITS_OF_BLOCK));
        // SAFETY: as above; each block has so many.
        unsafe { std::slice::from_raw_parts_mut(first, BITS_OF_BLOCK) }
    }

    fn address(&self, number: u32, word: u32) -> usize {
        self.base.wrapping_add((number as usize).wrapping_mul(BLOCK)).wrapping_add((word as usize).wrapping_mul(8))
    }

    /// The next free cells of a class in blocks that it has; one alone if `is_single`. From now on
    /// they are objects.
    pub fn next_run(&mut self, class: usize, is_single: bool) -> Option<Range<usize>> {
        loop {
            let mut number = self.current[class];
            if number == NONE {
                number = self.waiting[class];
                if number == NONE {
                    return None;
                }
                self.waiting[class] = self.block(number).next;
                self.current[class] = number;
            }
            if let Some(run) = self.run_in(number, is_single) {
                return Some(self.address(number, run.start)..self.address(number, run.end));
            }
            self.current[class] = NONE;
        }
    }

    /// The next free cells of a block, as words.
    fn run_in(&mut self, number: u32, is_single: bool) -> Option<Range<u32>> {
        let block = self.block(number);
        let &mut Block { words, limit, cursor, .. } = block;
        let mut starts = Starts::from(block, u32::from(cursor));
        let bits = self.bits_of(number);
        let start = loop {
            if starts.first >= limit {
                return None;
            }
            let free = starts.bits() & !bits[starts.index()].valid;
            if free != 0 {
                break starts.first.wrapping_add(free.trailing_zeros());
            }
            starts.next();
        };
        if start >= limit {
            return None;
        }
        let end = if is_single { start.wrapping_add(words) } else { next_valid(bits, start).min(limit) };
        self.change(number, start..end, |bits, cells| bits.valid |= cells);
        self.block(number).cursor = u16::try_from(end).unwrap_or(u16::MAX);
        Some(start..end)
    }

    /// Takes the rest of a run back: its cells are not objects any more.
    pub fn take_back(&mut self, run: Range<usize>) {
        let offset = run.start.wrapping_sub(self.base);
        let (number, word) = split(offset);
        let words = u32::try_from((run.end.wrapping_sub(run.start)) / 8).unwrap_or(0);
        let end = word.wrapping_add(words);
        self.change(number, word..end, |bits, cells| bits.valid &= !cells);
    }

    /// Changes the bits of cells from one word of a block to another.
    #[inline(always)]
    fn change(&mut self, number: u32, range: Range<u32>, apply: impl Fn(&mut Bits, u64)) {
        let mut starts = Starts::from(self.block(number), range.start);
        let bits = self.bits_of(number);
        while starts.first < range.end {
            let left = range.end.wrapping_sub(starts.first);
            let mask = if left >= 64 { u64::MAX } else { 1u64.wrapping_shl(left).wrapping_sub(1) };
            apply(&mut bits[starts.index()], starts.bits() & mask);
            starts.next();
        }
    }

    /// Gives a class an empty block that has memory. Whether there was one.
    pub fn use_empty(&mut self, class: usize) -> bool {
        let number = self.empty;
        if number == NONE {
            return false;
        }
        self.empty = self.block(number).next;
        self.begin(number, class);
        true
    }

    /// Gives a class a block that gets its memory from the system. Whether there was one.
    pub fn use_new(&mut self, class: usize) -> bool {
        let mut number = self.returned;
        if number != NONE {
            self.returned = self.block(number).next;
        } else if self.used < self.capacity {
            number = u32::try_from(self.used / BLOCK).unwrap_or(NONE);
            self.used = self.used.wrapping_add(BLOCK);
        } else {
            return false;
        }
        self.begin(number, class);
        true
    }

    fn begin(&mut self, number: u32, class: usize) {
        let words = u32::try_from(cell_of(class) / 8).unwrap_or(1);
        let mut pattern = 0u64;
        let mut word = 0u32;
        while (word as usize) < WORDS_OF_BITS {
            pattern |= 1u64.wrapping_shl(word);
            word = word.wrapping_add(words.max(1));
        }
        let inverse = (1u32 << INVERSE_SHIFT).div_ceil(words);
        let limit = WORDS.wrapping_sub(WORDS.checked_rem(words).unwrap_or(0));
        let class_number = u8::try_from(class).unwrap_or(0);
        *self.block(number) = Block {
            pattern,
            inverse,
            next: NONE,
            words,
            limit,
            cursor: 0,
            class: class_number,
            state: USED,
            padding: 0,
        };
        self.current[class] = number;
    }

    /// The object that a word is the address of, or of a place inside.
    pub fn find(&mut self, word: usize) -> Option<usize> {
        let offset = word.wrapping_sub(self.base);
        if offset >= self.used {
            return None;
        }
        let (number, place) = split(offset);
        let &mut Block { inverse, words, .. } = self.block(number);
        let start = divide(place, inverse).wrapping_mul(words);
        let address = self.address(number, start);
        self.is_object(address).then_some(address)
    }

    /// Whether a word is the address of an object.
    pub fn is_object(&self, word: usize) -> bool {
        self.bit(word).is_some_and(|(bits, bit)| {
            // SAFETY: the place of the bits, see `bit`.
            word & 7 == 0 && unsafe { (*bits).valid & bit != 0 }
        })
    }

    /// The class of the cell that an object lies in.
    pub fn class(&mut self, object: usize) -> usize {
        let (number, _) = split(object.wrapping_sub(self.base));
        usize::from(self.block(number).class)
    }

    /// Where the bits of a word lie, and which is its own.
    #[inline(always)]
    fn bit(&self, word: usize) -> Option<(*mut Bits, u64)> {
        let offset = word.wrapping_sub(self.base);
        (offset < self.used).then(|| {
            let bit = 1u64.wrapping_shl(low_u32((offset >> 3) as u128));
            (self.bits.wrapping_add(offset >> BITS_SHIFT), bit)
        })
    }

    /// Marks the object whose address a word is. Nothing if the word lies elsewhere than in blocks;
    /// otherwise whether there is an object that was not marked.
    #[inline(always)]
    pub fn mark(&self, word: usize) -> Option<bool> {
        let (bits, bit) = self.bit(word)?;
        // SAFETY: each block below `used` has its bits.
        let Bits { valid, mark } = unsafe { &mut *bits };
        let is_new = *valid & bit & !*mark != 0;
        if is_new {
            *mark |= bit;
        }
        Some(is_new)
    }

    /// Whether an object is marked.
    pub fn is_marked(&self, object: usize) -> bool {
        // SAFETY: as in `mark`.
        self.bit(object).is_some_and(|(bits, bit)| unsafe { (*bits).mark & bit != 0 })
    }

    /// Bytes of blocks so far: no more objects than words of them can be marked.
    pub fn bytes(&self) -> usize {
        self.used
    }

    /// Frees what is not marked. Bytes of the cells that stay objects.
    pub fn sweep(&mut self) -> usize {
        self.current = [NONE; N_CLASSES];
        self.waiting = [NONE; N_CLASSES];
        let mut alive = 0usize;
        // From the last to the first, so that lists begin with the first.
        for number in self.numbers().rev() {
            if self.block(number).state != USED {
                continue;
            }
            let n_objects = promote(self.bits_of(number));
            let &mut Block { words, limit, class, .. } = self.block(number);
            let used = n_objects.wrapping_mul(words);
            alive = alive.wrapping_add((used as usize).wrapping_mul(8));
            if n_objects == 0 {
                self.block(number).state = EMPTY;
            } else if used < limit {
                let next = std::mem::replace(&mut self.waiting[usize::from(class)], number);
                let block = self.block(number);
                (block.next, block.cursor) = (next, 0);
            }
        }
        alive
    }

    /// Gives the memory of blocks without objects back to the system, but for so many bytes. How
    /// many bytes it got.
    pub fn trim(&mut self, keep: usize) -> usize {
        (self.empty, self.returned) = (NONE, NONE);
        let (mut kept, mut given) = (0usize, 0usize);
        for number in self.numbers().rev() {
            let mut state = self.block(number).state;
            if state == EMPTY {
                if kept < keep || !self.forget(number) {
                    kept = kept.saturating_add(BLOCK);
                } else {
                    given = given.saturating_add(BLOCK);
                    state = RETURNED;
                }
            }
            let list = match state {
                EMPTY => &mut self.empty,
                RETURNED => &mut self.returned,
                _ => continue,
            };
            let next = std::mem::replace(list, number);
            let block = self.block(number);
            (block.next, block.state) = (next, state);
        }
        given
    }

    /// The numbers of all blocks so far.
    fn numbers(&self) -> Range<u32> {
        0..u32::try_from(self.used / BLOCK).unwrap_or(0)
    }

    /// Gives the memory of a block back.
    fn forget(&self, number: u32) -> bool {
        // SAFETY: the block's memory is ours, and no object lies in it.
        unsafe { system::forget(std::ptr::with_exposed_provenance_mut(self.address(number, 0)), BLOCK) }
    }

    /// Calls `visit` with address and bytes of each cell that is an object and not marked.
    pub fn each_dead(&mut self, visit: impl Fn(usize, usize)) {
        for number in self.numbers() {
            for index in 0..BITS_OF_BLOCK {
                let Bits { valid, mark } = self.bits_of(number)[index];
                let mut dead = valid & !mark;
                let bytes = (self.block(number).words as usize).wrapping_mul(8);
                while dead != 0 {
                    let word = index.wrapping_mul(WORDS_OF_BITS).wrapping_add(dead.trailing_zeros() as usize);
                    visit(self.address(number, u32::try_from(word).unwrap_or(0)), bytes);
                    dead &= dead.wrapping_sub(1);
                }
            }
        }
    }
}

/// See [`Block::inverse`].
const INVERSE_SHIFT: u32 = 24;

/// The block of an offset, and the word in it.
fn split(offset: usize) -> (u32, u32) {
    let number = u32::try_from(offset / BLOCK).unwrap_or(NONE);
    (number, u32::try_from((offset % BLOCK) / 8).unwrap_or(0))
}

/// Makes marks what is valid. How many there are.
fn promote(bits: &mut [Bits]) -> u32 {
    let mut n_objects = 0u32;
    for Bits { valid, mark } in bits {
        n_objects = n_objects.wrapping_add(mark.count_ones());
        (*valid, *mark) = (*mark, 0);
    }
    n_objects
}

/// The first word after `start` that has a bit; or the end of the block.
fn next_valid(bits: &[Bits], start: u32) -> u32 {
    let after = start.wrapping_add(1);
    let mut mask = u64::MAX.wrapping_shl(after & 63);
    let mut index = after as usize / WORDS_OF_BITS;
    while let Some(it) = bits.get(index) {
        let found = it.valid & mask;
        if found != 0 {
            return u32::try_from(index.wrapping_mul(WORDS_OF_BITS)).unwrap_or(0).wrapping_add(found.trailing_zeros());
        }
        mask = u64::MAX;
        index = index.wrapping_add(1);
    }
    WORDS
}

/// The bits of the cells' first words, 64 words after the other, from one cell on.
struct Starts {
    /// Of the block.
    pattern: u64,
    inverse: u32,
    words: u32,
    /// The first of the 64 words, and how far behind it the next cell begins.
    first: u32,
    phase: u32,
}

impl Starts {
    /// From the cell on that begins with this word.
    fn from(&Block { pattern, inverse, words, .. }: &Block, word: u32) -> Starts {
        Starts { pattern, inverse, words, first: word & !63, phase: word & 63 }
    }

    fn index(&self) -> usize {
        self.first as usize / WORDS_OF_BITS
    }

    fn bits(&self) -> u64 {
        self.pattern.checked_shl(self.phase).unwrap_or(0)
    }

    fn next(&mut self) {
        self.first = self.first.wrapping_add(64);
        self.phase = match self.phase.checked_sub(64) {
            Some(less) => less,
            None => {
                let last = 63u32.wrapping_sub(self.phase);
                let n_cells = divide(last, self.inverse).wrapping_add(1);
                n_cells.wrapping_mul(self.words).wrapping_add(self.phase).wrapping_sub(64)
            }
        };
    }
}

/// How many cells lie before a word of a block, see [`Block::inverse`].
fn divide(word: u32, inverse: u32) -> u32 {
    let cell = u64::from(word).wrapping_mul(u64::from(inverse)) >> INVERSE_SHIFT;
    u32::try_from(cell).unwrap_or(0)
}
