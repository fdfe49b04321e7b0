//! Decides which values never need a local: they are computed where they are used, on the operand
//! stack.
//!
//! A value is computed at its use if it is used once, in its own block, and nothing that matters
//! lies between: for what depends on its arguments only, nothing does; for a load, no write; for
//! anything else, nothing at all but what is computed there as well. Constants and addresses in the
//! frame are computed again at each use.

use crate::cot::ir::{BlockId, Effect, End, Function, Inst, Op, Value};

/// What becomes of a value.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Placement {
    /// It is not known.
    Unused,
    /// Computed at its only use: instruction of the block that uses it.
    Stack,
    /// Cheaper to compute than to keep.
    Again,
    Local,
}

/// What is computed where.
pub struct Stack {
    pub placement: Vec<Placement>,
    /// Per block and instruction: the instruction with which it is computed, itself or a later one;
    /// the number of instructions for the end.
    pub root: Vec<Vec<usize>>,
}

impl Stack {
    pub fn plan(function: &Function) -> Stack {
        let n_uses = function.count_uses();
        let mut placement: Vec<_> =
            n_uses.iter().map(|n| if *n == 0 { Placement::Unused } else { Placement::Local }).collect();
        for inst in function.blocks.iter().flat_map(|block| &block.insts) {
            if is_cheap(&inst.op) {
                placement[inst.results[0].index()] = Placement::Again;
            }
        }
        let mut root = Vec::with_capacity(function.blocks.len());
        for (id, block) in function.block_ids().zip(&function.blocks) {
            let mut planner = Planner {
                insts: &block.insts,
                n_uses: &n_uses,
                root: (0..block.insts.len()).collect(),
                placement: &mut placement,
                defined: std::collections::HashMap::new(),
            };
            planner.block(id, &block.end);
            root.push(planner.root);
        }
        Stack { placement, root }
    }
}

/// Whether computing it again is as good as a local.
fn is_cheap(op: &Op) -> bool {
    matches!(op, Op::Const(_) | Op::Frame(_) | Op::HeapBase)
}

/// Works through one block from its end.
struct Planner<'a> {
    insts: &'a [Inst],
    n_uses: &'a [u32],
    root: Vec<usize>,
    placement: &'a mut [Placement],
    /// Instruction of this block that makes a value.
    defined: std::collections::HashMap<Value, usize>,
}

impl Planner<'_> {
    fn block(&mut self, id: BlockId, end: &End) {
        for (at, inst) in self.insts.iter().enumerate() {
            if let [result] = inst.results[..] {
                self.defined.insert(result, at);
            }
        }
        let n_insts = self.insts.len();
        let mut cursor = n_insts;
        match end {
            End::Branch { condition, .. } => {
                // What only one way needs is computed on that way, after the condition. A loop of
                // one block needs it in all rounds but the last: it has its parameter's local.
                for edge in end.edges().rev().filter(|edge| edge.block != id) {
                    self.place_args(&edge.args, n_insts, cursor, false);
                }
                self.place_args(&[*condition], n_insts, cursor, true);
            }
            _ => {
                self.place_args(&end.args().collect::<Vec<_>>(), n_insts, cursor, true);
            }
        }
        while cursor > 0 {
            cursor -= 1;
            // What is computed elsewhere has placed its arguments already.
            if self.root[cursor] == cursor && !self.is_again(cursor) {
                self.place_args(&self.insts[cursor].args, cursor, cursor, true);
            }
        }
    }

    fn is_again(&self, at: usize) -> bool {
        is_cheap(&self.insts[at].op)
    }

    /// Places the arguments of what is computed with `root`, from the last to the first. All from
    /// `cursor` on up to the root is computed with it or later. With `in_order`, an argument that
    /// is computed right before may have any effect. Returns the new cursor.
    fn place_args(&mut self, args: &[Value], root: usize, mut cursor: usize, in_order: bool) -> usize {
        for arg in args.iter().rev() {
            let Some(&at) = self.defined.get(arg) else { continue };
            if self.n_uses[arg.index()] != 1 || self.is_again(at) || at >= root {
                continue;
            }
            let next = self.before(cursor);
            let is_next = in_order && next == Some(at);
            if !is_next && !self.can_move(at, cursor) {
                continue;
            }
            self.root[at] = root;
            self.placement[arg.index()] = Placement::Stack;
            let args = &self.insts[at].args;
            if is_next {
                cursor = self.place_args(args, root, at, true);
            } else {
                self.place_args(args, root, cursor, false);
            }
        }
        cursor
    }

    /// The last instruction before the cursor that is computed in its own place.
    fn before(&self, cursor: usize) -> Option<usize> {
        (0..cursor).rev().find(|at| !self.is_again(*at) && self.root[*at] == *at)
    }

    /// Whether an instruction may be computed after all up to the cursor.
    fn can_move(&self, at: usize, cursor: usize) -> bool {
        match self.insts[at].op.effect() {
            Effect::None => true,
            Effect::Reads => self.insts[at + 1..cursor.max(at + 1)].iter().all(|inst| inst.op.effect() != Effect::Any),
            Effect::Any => false,
        }
    }
}
