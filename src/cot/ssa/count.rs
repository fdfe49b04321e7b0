//! Redundant reference counting. A retain and the release of the same object after it cancel each
//! other out if nothing between them can give up a reference: whoever kept the object alive at the
//! retain still does at the release.
//!
//! Which functions can give up references is found for the whole program: at first none is thought
//! to, except for `release` itself; a function that is left with a release of its own, or calls one
//! that can, loses that, until nothing changes any more.

use super::graph::{Predecessors, Ways};
use crate::cot::ir::module::{COT, ENV_WRITE, FuncKind, Module, WASI};
use crate::cot::ir::{Block, BlockId, Const, Counted, End, FuncId, Function, Op, Value};
use std::collections::{HashMap, HashSet};

/// Instructions and blocks that the search for a retain's releases looks at before it gives up, so
/// that long functions take no longer than their length.
const FARTHEST: usize = 1000;
/// How often the retains that are left are tried again, after others have gone.
const N_ROUNDS: usize = 4;

/// An instruction: its block and its place there.
type OpPosition = (usize, usize);

/// A flag for each instruction of each block.
type Flags = Vec<Vec<bool>>;

/// Requires: SSA form. Leaves: fewer retains and releases, and which functions give up references.
pub fn remove_pairs(module: &mut Module) {
    let order = super::inline::callees_first(module);
    let mut redundant: HashMap<usize, Flags> = HashMap::new();
    let mut releases = functions_that_free(module);
    let mut changed = true;
    while changed {
        changed = false;
        for index in order.iter().copied() {
            let FuncKind::Defined(function) = &module.functions[index].kind else { continue };
            let mut pairs = Pairs::new(function, &releases);
            pairs.find();
            let is_failing = module.counting.failing.contains(&FuncId(index as u32));
            let is_new = !releases[index] && !is_failing && pairs.something_is_left();
            redundant.insert(index, pairs.redundant);
            releases[index] |= is_new;
            changed |= is_new;
        }
    }
    module.gives_up = releases;
    for (index, flags) in redundant {
        let FuncKind::Defined(function) = &mut module.functions[index].kind else { continue };
        for (block, flags) in function.blocks.iter_mut().zip(flags) {
            let mut flags = flags.into_iter();
            block.insts.retain(|_| !flags.next().expect("a flag for each"));
        }
    }
}

/// For every function whether it is known from the start that it can give up references. What is
/// outside can call back; not WASI, nor the runtime's functions, nor what prints without them.
fn functions_that_free(module: &Module) -> Vec<bool> {
    let calls_back = |kind: &FuncKind| match kind {
        FuncKind::Import { module, name } => {
            module != WASI && module != COT && (module.as_str(), name.as_str()) != ENV_WRITE
        }
        FuncKind::Defined(_) | FuncKind::Pending => false,
    };
    let mut frees: Vec<_> = module.functions.iter().map(|decl| calls_back(&decl.kind)).collect();
    let counting = &module.counting;
    let givers = counting.release.into_iter().chain(counting.release_buffer).chain(counting.givers.iter().copied());
    givers.for_each(|func| frees[func.0 as usize] = true);
    frees
}

/// The search in one function.
struct Pairs<'a> {
    function: &'a Function,
    /// By [`FuncId`]
    releases: &'a [bool],
    predecessors: Predecessors,
    /// What is known not to be an object, and not to be in a buffer.
    nulls: HashSet<Value>,
    statics: HashSet<Value>,
    redundant: Flags,
}

impl<'a> Pairs<'a> {
    fn new(function: &'a Function, releases: &'a [bool]) -> Self {
        let made_by = |is_it: fn(&Op) -> bool| {
            let insts = function.blocks.iter().flat_map(|block| &block.insts);
            insts.filter(|inst| is_it(&inst.op)).map(|inst| inst.results[0]).collect()
        };
        let nulls = made_by(|op| matches!(op, Op::Const(Const::I32(0)) | Op::Frame(_)));
        let statics = made_by(|op| matches!(op, Op::Const(Const::I32(_)) | Op::Frame(_)));
        let predecessors = Ways::new(function).predecessors;
        let redundant = function.blocks.iter().map(|block| vec![false; block.insts.len()]).collect();
        Pairs { function, releases, predecessors, nulls, statics, redundant }
    }

    /// A pair that is gone may be what stood between two others.
    fn find(&mut self) {
        let retains = self.positions(|op| matches!(op, Op::Retain(_)));
        let releases = self.positions(|op| matches!(op, Op::Release(_)));
        for (block, index) in retains.iter().chain(&releases).copied() {
            let Some((value, counted)) = self.counted((block, index)) else { continue };
            let uncounted = if counted == Counted::Buffer { &self.statics } else { &self.nulls };
            self.redundant[block][index] = uncounted.contains(&value);
        }
        // Later ones are between earlier ones and their releases.
        for _ in 0..N_ROUNDS {
            let mut changed = false;
            for (block, index) in retains.iter().rev().copied() {
                if !self.redundant[block][index]
                    && let Some(partners) = self.partners((block, index))
                {
                    changed = true;
                    self.redundant[block][index] = true;
                    partners.into_iter().for_each(|(block, index)| self.redundant[block][index] = true);
                }
            }
            if !changed {
                break;
            }
        }
    }

    fn positions(&self, is_wanted: impl Fn(&Op) -> bool) -> Vec<OpPosition> {
        let blocks = self.function.blocks.iter().enumerate();
        let positions = blocks.flat_map(|(number, block)| {
            block.insts.iter().enumerate().map(move |(index, inst)| ((number, index), &inst.op))
        });
        positions.filter(|(_, op)| is_wanted(op)).map(|(position, _)| position).collect()
    }

    /// What an instruction counts.
    fn counted(&self, (block, index): OpPosition) -> Option<(Value, Counted)> {
        let inst = &self.function.blocks[block].insts[index];
        match inst.op {
            Op::Retain(counted) | Op::Release(counted) => Some((inst.args[0], counted)),
            _ => None,
        }
    }

    /// Whether the function can give up a reference that it has not taken itself.
    fn something_is_left(&self) -> bool {
        let blocks = self.function.blocks.iter().enumerate();
        let mut positions = blocks.flat_map(|(number, block)| (0..block.insts.len()).map(move |index| (number, index)));
        positions.any(|position| self.gives_up(position))
    }

    fn gives_up(&self, position: OpPosition) -> bool {
        match self.function.blocks[position.0].insts[position.1].op {
            Op::Release(_) => !self.redundant[position.0][position.1],
            Op::Call(FuncId(callee)) => self.releases[callee as usize],
            Op::CallIndirect(_) | Op::CallCatching(_) => true,
            _ => false,
        }
    }

    /// The releases that undo a retain: on every way from it comes exactly one of them, nothing
    /// before that gives up a reference, and no way leads to one of them that does not come from
    /// the retain.
    fn partners(&self, retain: OpPosition) -> Option<HashSet<OpPosition>> {
        let counted = self.counted(retain)?;
        let value = counted.0;
        let mut partners = HashSet::new();
        let mut seen = HashSet::new();
        let mut work = vec![(retain.0, retain.1 + 1)];
        let mut left = FARTHEST;
        while let Some((block, start)) = work.pop() {
            let Block { insts, end, .. } = &self.function.blocks[block];
            left = left.checked_sub(1)?;
            let mut positions = (start..insts.len()).map(|index| (block, index)).take(left + 1);
            let stop = positions.find(|position| {
                left = left.saturating_sub(1);
                *position == retain || self.is_release_of(counted, *position) || self.gives_up(*position)
            });
            match stop {
                Some(position) if self.is_release_of(counted, position) => drop(partners.insert(position)),
                Some(_) => return None,
                None if left == 0 => return None,
                None => {
                    if matches!(end, End::Return(_)) {
                        return None;
                    }
                    let onward = self.successors_with(value, end);
                    work.extend(onward.into_iter().filter(|it| seen.insert(it.index())).map(|it| (it.index(), 0)));
                }
            }
        }
        let mut ways = partners.iter().copied();
        ways.all(|release| self.comes_from(retain, release, &partners)).then_some(partners)
    }

    fn is_release_of(&self, counted: (Value, Counted), position: OpPosition) -> bool {
        let op = &self.function.blocks[position.0].insts[position.1].op;
        matches!(op, Op::Release(_))
            && self.counted(position) == Some(counted)
            && !self.redundant[position.0][position.1]
    }

    /// Where the end of a block leads while the value is an object; nothing counts where it is
    /// null.
    fn successors_with(&self, value: Value, end: &End) -> Vec<BlockId> {
        match end {
            End::Branch { condition, then, .. } if *condition == value => vec![then.block],
            end => end.successors().collect(),
        }
    }

    /// Whether every way to a release comes from the retain, without another of the releases on it.
    fn comes_from(&self, retain: OpPosition, release: OpPosition, partners: &HashSet<OpPosition>) -> bool {
        let mut seen = HashSet::new();
        let mut work = vec![release];
        let mut left = FARTHEST;
        while let Some((block, end)) = work.pop() {
            left = left.saturating_sub(1);
            let mut positions = (0..end).rev().map(|index| (block, index)).take(left + 1);
            let last = positions.find(|it| {
                left = left.saturating_sub(1);
                *it == retain || partners.contains(it)
            });
            match last {
                Some(position) if position == retain => {}
                Some(_) => return false,
                None if left == 0 => return false,
                None if block == BlockId::ENTRY.index() => return false,
                None => {
                    let before = self.predecessors[block].iter().filter(|it| seen.insert(it.index()));
                    work.extend(before.map(|it| (it.index(), self.function.blocks[it.index()].insts.len())));
                }
            }
        }
        true
    }
}
