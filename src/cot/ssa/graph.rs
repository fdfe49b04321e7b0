//! The control flow graph of a function: predecessors, reverse postorder, dominators. Computed anew where needed; valid until blocks or
//! their ends change.

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
        let walk = depth_first(function);
        let order: Vec<BlockId> = walk.left.iter().rev().copied().collect();
        let mut place = vec![None; function.blocks.len()];
        let mut predecessors = vec![Vec::new(); function.blocks.len()];
        for (number, block) in order.iter().enumerate() {
            place[block.index()] = Some(number);
            for successor in function.blocks[block.index()].end.successors() {
                let of: &mut Vec<BlockId> = &mut predecessors[successor.index()];
                if of.last() != Some(block) {
                    of.push(*block);
                }
            }
        }
        let dominator = find_dominators(&walk, &predecessors);
        let mut graph = Graph { order, place, predecessors, dominator, walk: vec![(0, 0); function.blocks.len()] };
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
}

/// A walk into the depth.
struct Walk {
    /// Blocks in the order they were entered; from here on a block is known by its number in it.
    entered: Vec<BlockId>,
    /// Number of the block that one was entered from, which is smaller; 0 for the entry.
    parents: Vec<usize>,
    /// Blocks in the order they were left.
    left: Vec<BlockId>,
}

fn depth_first(function: &Function) -> Walk {
    let mut seen = vec![false; function.blocks.len()];
    seen[BlockId::ENTRY.index()] = true;
    let mut walk = Walk { entered: vec![BlockId::ENTRY], parents: vec![0], left: Vec::new() };
    let mut stack = vec![(0, function.blocks[0].end.successors())];
    while let Some((number, successors)) = stack.last_mut() {
        // From the last to the first: in reverse, the first way comes first.
        match successors.pop() {
            Some(next) if seen[next.index()] => {}
            Some(next) => {
                seen[next.index()] = true;
                walk.parents.push(*number);
                stack.push((walk.entered.len(), function.blocks[next.index()].end.successors()));
                walk.entered.push(next);
            }
            None => {
                walk.left.push(walk.entered[*number]);
                stack.pop();
            }
        }
    }
    walk
}

/// Immediate dominators by block ("Semi-NCA" of Georgiadis, Tarjan, Werneck: "Finding dominators in practice"). What is found first are
/// semidominators: the first block, in the order of the walk, from which a way leads here through later blocks only.
fn find_dominators(walk: &Walk, predecessors: &[Vec<BlockId>]) -> Vec<BlockId> {
    let n_blocks = walk.entered.len();
    let mut numbers = vec![0; predecessors.len()];
    for (number, block) in walk.entered.iter().enumerate() {
        numbers[block.index()] = number;
    }
    let mut paths = Paths { above: walk.parents.clone(), best: (0..n_blocks).collect(), semi: (0..n_blocks).collect() };
    for number in (1..n_blocks).rev() {
        let from = predecessors[walk.entered[number].index()].iter().map(|it| numbers[it.index()]);
        paths.semi[number] = from.map(|it| paths.least(it, number + 1)).min().expect("it was entered from somewhere");
    }
    let mut dominators = walk.parents.clone();
    for number in 1..n_blocks {
        let mut dominator = dominators[number];
        while dominator > paths.semi[number] {
            dominator = dominators[dominator];
        }
        dominators[number] = dominator;
    }
    let mut of_blocks = vec![BlockId::ENTRY; predecessors.len()];
    for (block, dominator) in walk.entered.iter().zip(dominators) {
        of_blocks[block.index()] = walk.entered[dominator];
    }
    of_blocks
}

/// Ways up the tree of the walk, shortened as they are gone.
struct Paths {
    above: Vec<usize>,
    /// Of the blocks from here up to what is above (which is left out), the one with the first semidominator.
    best: Vec<usize>,
    semi: Vec<usize>,
}

impl Paths {
    /// The first semidominator of a block and those above it whose number is `from` or larger; of an earlier block, itself.
    fn least(&mut self, block: usize, from: usize) -> usize {
        let mut passed = Vec::new();
        let mut at = block;
        while self.above[at] >= from {
            passed.push(at);
            at = self.above[at];
        }
        while let Some(below) = passed.pop() {
            if self.semi[self.best[at]] < self.semi[self.best[below]] {
                self.best[below] = self.best[at];
            }
            self.above[below] = self.above[at];
            at = below;
        }
        self.semi[self.best[block]]
    }
}
