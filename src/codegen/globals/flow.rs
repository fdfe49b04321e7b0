//! Where a store of a global waits, and where it has to be made.

use super::access::{Accesses, Event};
use crate::wasm::GlobalIndex;
use cranelift_codegen::flowgraph::ControlFlowGraph;
use cranelift_codegen::ir::{Block, Function, Inst, InstructionData, Opcode, Value, ValueDef};
use cranelift_entity::{EntitySet, SecondaryMap};
use std::collections::BTreeMap;

/// A value as a sum: what several instructions compute alike counts as the same.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
struct Known {
    base: Option<Value>,
    constant: u64,
}

/// Sums of more instructions are not followed.
const MAX_DEPTH: usize = 8;

/// Passes over the blocks. A loop in a loop takes another one.
const MAX_PASSES: usize = 64;

impl Known {
    fn of(func: &Function, value: Value) -> Known {
        let mut base = func.dfg.resolve_aliases(value);
        let ty = func.dfg.value_type(base);
        let mut constant = 0u64;
        let definition = |value| match func.dfg.value_def(func.dfg.resolve_aliases(value)) {
            ValueDef::Result(inst, 0) => Some(&func.dfg.insts[inst]),
            _ => None,
        };
        let integer = |value| match definition(value) {
            Some(InstructionData::UnaryImm { opcode: Opcode::Iconst, imm }) => Some(imm.bits().cast_unsigned()),
            _ => None,
        };
        let wrapped = |constant: u64| match ty.bits() {
            32 => constant & u64::from(u32::MAX),
            _ => constant,
        };
        for _ in 0..MAX_DEPTH {
            if let Some(number) = integer(base) {
                return Known { base: None, constant: wrapped(constant.wrapping_add(number)) };
            }
            let Some(&InstructionData::Binary { opcode, args: [a, b] }) = definition(base) else { break };
            let (rest, change) = match (opcode, integer(a), integer(b)) {
                (Opcode::Iadd, _, Some(number)) => (a, number),
                (Opcode::Iadd, Some(number), _) => (b, number),
                (Opcode::Isub, _, Some(number)) => (a, number.wrapping_neg()),
                _ => break,
            };
            constant = constant.wrapping_add(change);
            base = func.dfg.resolve_aliases(rest);
        }
        Known { base: Some(base), constant: wrapped(constant) }
    }
}

/// At a point of the function.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
struct State {
    /// The global's value, where its store still waits.
    waiting: Option<Value>,
    /// What is in memory, where that is known.
    held: Option<Known>,
}

/// What becomes of a function.
#[derive(Debug, Default)]
pub struct Changes {
    /// Stores that go.
    pub removed: Vec<Inst>,
    n_kept: usize,
    /// Stores at the start of a block.
    pub at_start: Vec<(Block, Value)>,
    /// Stores on the way from one block to another, by the first.
    pub between: BTreeMap<Block, Vec<(Block, Value)>>,
    /// Loads whose value is known.
    pub known: Vec<(Inst, Value)>,
}

impl Changes {
    /// How many stores the function has afterwards.
    pub fn stores(&self) -> usize {
        let between = self.between.values().map(Vec::len).fold(0, usize::saturating_add);
        self.n_kept.saturating_add(self.at_start.len()).saturating_add(between)
    }
}

/// What to change for a global; `order` is a reverse postorder of the blocks. `None` where all
/// stores are where they should be.
pub fn changes(
    func: &Function,
    cfg: &ControlFlowGraph,
    order: &[Block],
    accesses: &Accesses,
    global: GlobalIndex,
) -> Option<Changes> {
    let flow = Flow::new(func, cfg, order, accesses, global)?;
    let into = flow.states()?;
    let mut changes = Changes::default();
    let mut out = SecondaryMap::new();
    for &block in order {
        out[block] = flow.walk(block, into[block], &mut changes);
    }
    if changes.removed.is_empty() {
        return None;
    }
    for &block in order {
        let Some(value) = out[block].waiting else { continue };
        for next in cfg.succ_iter(block) {
            if into[next].waiting.is_none() && flow.read.contains(next) {
                changes.between.entry(block).or_default().push((next, value));
            }
        }
    }
    Some(changes)
}

struct Flow<'a> {
    func: &'a Function,
    cfg: &'a ControlFlowGraph,
    order: &'a [Block],
    /// What matters to the global, by block.
    events: SecondaryMap<Block, Vec<(Inst, Event)>>,
    /// Blocks from whose start a way leads to a reader before it leads to a store.
    read: EntitySet<Block>,
    /// Blocks from whose start every way that ends leads to other code before it leads to a store.
    /// A trap is not an end.
    awaited: EntitySet<Block>,
}

impl<'a> Flow<'a> {
    /// `None` where loops are nested too deep.
    fn new(
        func: &'a Function,
        cfg: &'a ControlFlowGraph,
        order: &'a [Block],
        accesses: &Accesses,
        global: GlobalIndex,
    ) -> Option<Flow<'a>> {
        let mut events: SecondaryMap<Block, Vec<_>> = SecondaryMap::new();
        let mut awaited = EntitySet::new();
        for &block in order {
            events[block].extend(accesses.of(block, global));
            awaited.insert(block);
        }
        let mut flow = Flow { func, cfg, order, events, read: EntitySet::new(), awaited };
        for _ in 0..MAX_PASSES {
            let mut changed = false;
            for &block in order.iter().rev() {
                changed |= flow.is_read_after(block, 0) && flow.read.insert(block);
                changed |= !flow.is_awaited_after(block, 0) && flow.awaited.remove(block);
            }
            if !changed {
                return Some(flow);
            }
        }
        None
    }

    /// Whether a way from before an event of a block leads to a reader before a store.
    fn is_read_after(&self, block: Block, event: usize) -> bool {
        match self.events[block].get(event) {
            Some((_, event)) => !matches!(event, Event::Store(..)),
            None => self.cfg.succ_iter(block).any(|next| self.read.contains(next)),
        }
    }

    /// As `awaited`, from before an event of a block.
    fn is_awaited_after(&self, block: Block, event: usize) -> bool {
        let mut rest = self.events[block][event..].iter();
        match rest.find(|(_, event)| !matches!(event, Event::Load(_))) {
            Some((_, event)) => *event == Event::Others,
            None => self.cfg.succ_iter(block).all(|next| self.awaited.contains(next)),
        }
    }

    /// The states at the starts of the blocks. `None` where loops are nested too deep.
    fn states(&self) -> Option<SecondaryMap<Block, State>> {
        let mut into: SecondaryMap<Block, State> = SecondaryMap::new();
        let mut out: SecondaryMap<Block, Option<State>> = SecondaryMap::new();
        let mut parted = EntitySet::new();
        for _ in 0..MAX_PASSES {
            let mut changed = false;
            for &block in self.order {
                let state = self.meet(block, &out, &mut parted);
                if out[block].is_none() || into[block] != state {
                    changed = true;
                    into[block] = state;
                    out[block] = Some(self.walk(block, state, &mut Changes::default()));
                }
            }
            if !changed {
                return Some(into);
            }
        }
        None
    }

    /// What holds where a block starts. `parted`: blocks that a waiting store does not enter, since
    /// the ways to them differ; that never changes again.
    fn meet(&self, block: Block, out: &SecondaryMap<Block, Option<State>>, parted: &mut EntitySet<Block>) -> State {
        let ways = || self.cfg.pred_iter(block).filter_map(|it| out[it.block]);
        let Some(first) = ways().next() else { return State::default() };
        if ways().any(|it| it.waiting != first.waiting) {
            parted.insert(block);
        }
        let same = |of: &dyn Fn(&State) -> Option<Known>| {
            of(&first).filter(|known| ways().all(|it| of(&it).as_ref() == Some(known)))
        };
        if !parted.contains(block) {
            return State { waiting: first.waiting, held: same(&|it| it.held) };
        }
        // Waiting stores are made before the block, or never where nobody reads what they store.
        let is_read = self.read.contains(block);
        let stored = |it: &State| match it.waiting {
            Some(value) if is_read => Some(Known::of(self.func, value)),
            _ => it.held,
        };
        State { waiting: None, held: same(&stored) }
    }

    /// What holds where a block ends.
    fn walk(&self, block: Block, mut state: State, changes: &mut Changes) -> State {
        let known = |value| Known::of(self.func, value);
        if let Some(value) = state.waiting.filter(|_| self.awaited.contains(block) && self.read.contains(block)) {
            changes.at_start.push((block, value));
            state = State { waiting: None, held: Some(known(value)) };
        }
        for (&(inst, event), next) in self.events[block].iter().zip(1..) {
            match event {
                Event::Load(_) => match state.waiting {
                    Some(value) => changes.known.push((inst, value)),
                    None => state.held = state.held.or_else(|| Some(known(self.func.dfg.first_result(inst)))),
                },
                Event::Store(_, value) if state.held == Some(known(value)) => {
                    changes.removed.push(inst);
                    state.waiting = None;
                }
                Event::Store(_, value) if self.is_awaited_after(block, next) && self.is_read_after(block, next) => {
                    changes.n_kept = changes.n_kept.saturating_add(1);
                    state = State { waiting: None, held: Some(known(value)) };
                }
                Event::Store(_, value) => {
                    changes.removed.push(inst);
                    state.waiting = Some(value);
                }
                // A store that still waited would have been awaited before, and made there.
                Event::Others => {
                    assert!(state.waiting.is_none(), "others would read an old value");
                    state = State::default();
                }
            }
        }
        state
    }
}
