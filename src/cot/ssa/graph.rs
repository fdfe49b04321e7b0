//! The control flow graph of a function: predecessors, reverse postorder, dominators (Cooper, Harvey, Kennedy: "A simple, fast dominance
//! algorithm"). Computed anew where needed; valid until blocks or their ends change.

use crate::cot::ir::{BlockId, Function};

/// What cannot be reached from the entry has no order, no dominator, and is nobody's predecessor.
pub struct Graph {
    /// Reachable blocks, each after those that dominate it.
    pub order: Vec<BlockId>,
    /// Place of a block in `order`.
    place: Vec<Option<usize>>,
    /// Predecessors, each once.
    pub predecessors: Vec<Vec<BlockId>>,
    /// Immediate dominator; of the entry itself.
    dominator: Vec<BlockId>,
    /// Where a walk over the tree of dominators enters a block, and where it leaves it.
    walk: Vec<(usize, usize)>,
}

impl Graph {
    pub fn new(function: &Function) -> Graph {
        let order = reverse_postorder(function);
        let mut place = vec![None; function.blocks.len()];
        let mut predecessors = vec![Vec::new(); function.blocks.len()];
        for (number, block) in order.iter().enumerate() {
            place[block.index()] = Some(number);
            for successor in function.blocks[block.index()].end.successors() {
                let of: &mut Vec<BlockId> = &mut predecessors[successor.index()];
                if !of.contains(block) {
                    of.push(*block);
                }
            }
        }
        let dominator = vec![BlockId::ENTRY; function.blocks.len()];
        let mut graph = Graph { order, place, predecessors, dominator, walk: vec![(0, 0); function.blocks.len()] };
        graph.find_dominators();
        graph.walk_dominators();
        graph
    }

    pub fn is_reachable(&self, block: BlockId) -> bool {
        self.place[block.index()].is_some()
    }

    /// Place of a reachable block in the order.
    pub fn place(&self, block: BlockId) -> usize {
        self.place[block.index()].expect("only reachable blocks are asked about")
    }

    /// The closest other block on every way to this one; none for the entry.
    pub fn dominator(&self, block: BlockId) -> Option<BlockId> {
        (block != BlockId::ENTRY).then(|| self.dominator[block.index()])
    }

    /// Whether every way to `below` leads through `above`, which may be the same; both can be reached.
    pub fn dominates(&self, above: BlockId, below: BlockId) -> bool {
        let ((start, end), (inner, _)) = (self.walk[above.index()], self.walk[below.index()]);
        start <= inner && inner < end
    }

    /// Whether the way from one block to the other leads back to a loop's beginning.
    pub fn is_back_edge(&self, from: BlockId, to: BlockId) -> bool {
        self.place(to) <= self.place(from)
    }

    fn find_dominators(&mut self) {
        let mut known = vec![false; self.dominator.len()];
        known[BlockId::ENTRY.index()] = true;
        let mut changed = true;
        while changed {
            changed = false;
            for block in self.order.iter().skip(1) {
                let mut candidates = self.predecessors[block.index()].iter().filter(|it| known[it.index()]);
                let first = *candidates.next().expect("a predecessor stands before it in the order");
                let best = candidates.fold(first, |best, other| self.common_dominator(best, *other));
                if !known[block.index()] || self.dominator[block.index()] != best {
                    self.dominator[block.index()] = best;
                    known[block.index()] = true;
                    changed = true;
                }
            }
        }
    }

    fn walk_dominators(&mut self) {
        let mut n_below = vec![1; self.dominator.len()];
        for block in self.order.iter().skip(1).rev() {
            n_below[self.dominator[block.index()].index()] += n_below[block.index()];
        }
        // The next place that is free below a block.
        let mut next = vec![0; self.dominator.len()];
        for block in &self.order {
            let above = self.dominator[block.index()].index();
            let start = next[above];
            let end = start + n_below[block.index()];
            self.walk[block.index()] = (start, end);
            next[above] = end;
            next[block.index()] = start + 1;
        }
    }

    fn common_dominator(&self, mut one: BlockId, mut other: BlockId) -> BlockId {
        while one != other {
            if self.place(one) > self.place(other) {
                one = self.dominator[one.index()];
            } else {
                other = self.dominator[other.index()];
            }
        }
        one
    }
}

fn reverse_postorder(function: &Function) -> Vec<BlockId> {
    let mut seen = vec![false; function.blocks.len()];
    seen[BlockId::ENTRY.index()] = true;
    let mut order = Vec::new();
    let mut stack = vec![(BlockId::ENTRY, function.blocks[0].end.successors())];
    while let Some((block, successors)) = stack.last_mut() {
        // From the last to the first: in reverse, the first way comes first.
        match successors.pop() {
            Some(next) if seen[next.index()] => {}
            Some(next) => {
                seen[next.index()] = true;
                stack.push((next, function.blocks[next.index()].end.successors()));
            }
            None => {
                order.push(*block);
                stack.pop();
            }
        }
    }
    order.reverse();
    order
}
