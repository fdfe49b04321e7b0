//! Counting how often blocks run, and what is known of that.
//!
//! The points of a body ([`crate::profile::points`]) are the beginnings of blocks. In a function
//! that has points every way out of a branch has a block of its own, so that its count is that of
//! the way. Blocks within an operator (a check, a loop over a table) are not counted.

use super::symbols::Region;
use super::translator::Translator;
use crate::layout::Symbol;
use crate::number::{to_displacement, to_usize};
use crate::profile::points::ENTRY;
use crate::profile::{Profiling, is_cold};
use crate::wasm::FuncIndex;
use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{AtomicRmwOp, Block, InstBuilder};

/// What is done at a point.
#[derive(Copy, Clone)]
pub enum Counting<'t> {
    Off,
    /// The counters of the function are changed.
    Generate(FuncIndex),
    /// How often the points were passed is known.
    Use(&'t [u64]),
}

impl Translator<'_> {
    /// Decides what is done at the points of a function, and does it at its entry.
    pub fn begin_counting(&mut self, func: FuncIndex) {
        self.counting = match self.env.profiling {
            Profiling::Off => Counting::Off,
            Profiling::Generate(_) => Counting::Generate(func),
            Profiling::Use(counts) => counts.of(func).map_or(Counting::Off, Counting::Use),
        };
        self.point = ENTRY.saturating_add(1);
        self.count(ENTRY);
    }

    pub fn has_points(&self) -> bool {
        !matches!(self.counting, Counting::Off)
    }

    /// Whether counts say what is cold, and nothing else does.
    pub fn uses_counts(&self) -> bool {
        matches!(self.counting, Counting::Use(_))
    }

    /// A block that begins with a point: if it is known how often it runs, [`Translator::count`]
    /// says whether it is cold.
    pub fn create_counted(&mut self, is_cold: bool) -> Block {
        self.create_block_that(is_cold && !self.uses_counts())
    }

    /// At the beginning of a block that is this point.
    pub fn count(&mut self, point: u32) {
        match self.counting {
            Counting::Off => {}
            Counting::Generate(func) => self.increment(func, point),
            Counting::Use(counts) => {
                let block = self.builder.current_block().expect("a block is open");
                let place = to_usize(point.into());
                let (entry, count) = (counts[0], counts[place]);
                self.cold = point != ENTRY && is_cold(count, entry);
                if self.cold {
                    self.builder.set_cold_block(block);
                }
                self.scratch.block_counts.push((block, count));
            }
        }
    }

    fn increment(&mut self, func: FuncIndex, point: u32) {
        let address = self.address_of(Symbol::Counters(func));
        let offset = point.checked_mul(8).expect("a body has some million operators at most");
        let flags = self.trusted(Region::Counters);
        let one = self.iconst(I64, 1);
        if self.env.module.memories.values().any(|memory| memory.ty.shared) {
            let offset = self.iconst(I64, offset.into());
            let address = self.builder.ins().iadd(address, offset);
            self.builder.ins().atomic_rmw(I64, flags, AtomicRmwOp::Add, address, one);
            return;
        }
        let offset = to_displacement(offset);
        let count = self.builder.ins().load(I64, flags, address, offset);
        let count = self.builder.ins().iadd(count, one);
        self.builder.ins().store(flags, count, address, offset);
    }
}
