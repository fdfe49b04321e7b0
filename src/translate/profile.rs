//! Counting how often blocks run, and what is known of that.
//!
//! The points of a body ([`crate::profile::points`]) are the beginnings of blocks, and the ways out
//! of branches. In a function that counts every way has a block of its own. Code that is made by
//! counts has the blocks that it has without, and notes how often each branch went which way
//! ([`Passes`]). Blocks within an operator (a check, a loop over a table) are not counted.

use super::symbols::Region;
use super::translator::Translator;
use crate::layout::Symbol;
use crate::number::{to_displacement, to_usize};
use crate::profile::points::ENTRY;
use crate::profile::{Profiling, is_cold};
use crate::wasm::FuncIndex;
use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{AtomicRmwOp, Block, Inst, InstBuilder};
use std::collections::HashMap;

/// What is done at a point.
#[derive(Copy, Clone)]
pub enum Counting<'t> {
    Off,
    /// The counters of the function are changed.
    Generate(FuncIndex),
    /// How often the points were passed is known.
    Use(&'t [u64]),
}

/// What is known of a function that was translated.
#[derive(Debug, Default)]
pub struct Passes {
    /// How often it was entered.
    pub entry: Option<u64>,
    /// How often a branch went which way, in the order of its destinations. What is counted once
    /// for several entries of a table is divided among them.
    pub ways: HashMap<Inst, Vec<u64>>,
}

impl Passes {
    pub fn clear(&mut self) {
        self.entry = None;
        self.ways.clear();
    }
}

impl Translator<'_> {
    /// Decides what is done at the points of a function, and does it at its entry.
    pub fn begin_counting(&mut self, func: FuncIndex) {
        self.counting = match self.env.profiling {
            Profiling::Off => Counting::Off,
            Profiling::Generate(_) => Counting::Generate(func),
            Profiling::Use(counts) => counts.of(func).map_or(Counting::Off, Counting::Use),
        };
        if let Counting::Use(counts) = self.counting {
            self.scratch.passes.entry = counts.first().copied();
        }
        self.point = ENTRY.saturating_add(1);
        self.count(ENTRY);
    }

    /// Whether every way out of a branch needs a block of its own.
    pub fn counts_ways(&self) -> bool {
        matches!(self.counting, Counting::Generate(_))
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

    /// Whether a way out of a branch is cold: its point says so, or else `is_unlikely`, which is
    /// what the module says.
    pub fn is_way_cold(&self, point: u32, is_unlikely: bool) -> bool {
        match self.counting {
            Counting::Use(counts) => is_cold(counts[to_usize(point.into())], counts[0]),
            Counting::Off | Counting::Generate(_) => self.cold || is_unlikely,
        }
    }

    /// Notes how often a branch went which way. The points are in the order of its destinations.
    pub fn note_ways(&mut self, branch: Inst, points: &[u32]) {
        let Counting::Use(counts) = self.counting else { return };
        let mut n_entries = HashMap::<u32, u64>::new();
        for point in points {
            let n_entries = n_entries.entry(*point).or_default();
            *n_entries = n_entries.saturating_add(1);
        }
        let share = |point: &u32| counts[to_usize((*point).into())].checked_div(n_entries[point]).unwrap_or(0);
        self.scratch.passes.ways.insert(branch, points.iter().map(share).collect());
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
