//! The control flow graph of a function: predecessors, reverse postorder, dominators (Semi-NCA;
//! Georgiadis, Tarjan, Werneck: "Finding dominators in practice", which stays fast on the long
//! chains and wide joins of large switches). Computed anew where needed; valid until blocks or
//! their ends change.

use std::ops::Index;

use crate::cot::ir::{BlockId, Function};

/// Reachable blocks, each after those that dominate it.
pub fn order(function: &Function) -> Vec<BlockId> {
    Search::new(function).reverse_postorder()
}

/// Whether some way leads back to a block before.
pub fn has_loop(function: &Function) -> bool {
    let mut seen = vec![false; function.blocks.len()];
    order(function).iter().any(|block| {
        seen[block.index()] = true;
        function.blocks[block.index()].end.successors().any(|next| seen[next.index()])
    })
}

/// Reachable blocks and the ways between them: what a pass needs that asks for no dominators.
pub struct Ways {
    /// As of [`order`].
    pub order: Vec<BlockId>,
    pub predecessors: Predecessors,
}

impl Ways {
    pub fn new(function: &Function) -> Ways {
        let order = order(function);
        let predecessors = Predecessors::new(function, &order);
        Ways { order, predecessors }
    }
}

/// By the number of a block, its predecessors, each once.
pub struct Predecessors {
    /// Where those of a block begin in `all`, and at last where they end.
    starts: Vec<usize>,
    all: Vec<BlockId>,
}

impl Predecessors {
    fn new(function: &Function, order: &[BlockId]) -> Predecessors {
        let n_blocks = function.blocks.len();
        let mut ways = Vec::with_capacity(2 * order.len());
        let mut last = vec![None; n_blocks];
        let mut starts = vec![0; n_blocks + 1];
        for block in order {
            for successor in function.blocks[block.index()].end.successors() {
                if last[successor.index()].replace(*block) != Some(*block) {
                    ways.push((successor, *block));
                    starts[successor.index() + 1] += 1;
                }
            }
        }
        for block in 0..n_blocks {
            starts[block + 1] += starts[block];
        }
        let mut all = vec![BlockId::ENTRY; ways.len()];
        let mut next = starts.clone();
        for (successor, block) in ways {
            all[next[successor.index()]] = block;
            next[successor.index()] += 1;
        }
        Predecessors { starts, all }
    }
}

impl Index<usize> for Predecessors {
    type Output = [BlockId];

    fn index(&self, block: usize) -> &[BlockId] {
        &self.all[self.starts[block]..self.starts[block + 1]]
    }
}

/// What cannot be reached from the entry has no order, no dominator, and is not a predecessor.
pub struct Graph {
    /// Reachable blocks, each after those that dominate it.
    pub order: Vec<BlockId>,
    /// Place of a block in `order`.
    place: Vec<Option<usize>>,
    pub predecessors: Predecessors,
    /// Immediate dominator; of the entry itself.
    dominator: Vec<BlockId>,
    /// Where a block's part of the dominator tree begins and ends, if the tree is written down from
    /// the root.
    extent: Vec<(usize, usize)>,
}

impl Graph {
    pub fn new(function: &Function) -> Graph {
        let search = Search::new(function);
        let order = search.reverse_postorder();
        let mut place = vec![None; function.blocks.len()];
        for (number, block) in order.iter().enumerate() {
            place[block.index()] = Some(number);
        }
        let predecessors = Predecessors::new(function, &order);
        let dominator = search.dominators(&predecessors);
        let extent = extents(&order, &dominator);
        Graph { order, place, predecessors, dominator, extent }
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

    /// Whether every way to `below` leads through `above`, which may be the same.
    pub fn dominates(&self, above: BlockId, below: BlockId) -> bool {
        let (outer, inner) = (self.extent[above.index()], self.extent[below.index()]);
        outer.0 <= inner.0 && inner.1 <= outer.1
    }

    /// Place of a reachable block if the dominator tree is written down from the root: what a block
    /// dominates follows it.
    pub fn walk_place(&self, block: BlockId) -> usize {
        self.extent[block.index()].0
    }

    /// Whether the way from one block to the other leads back to a loop's beginning.
    pub fn is_back_edge(&self, from: BlockId, to: BlockId) -> bool {
        self.place(to) <= self.place(from)
    }
}

/// Of the reachable blocks, where their part of the dominator tree begins and ends.
fn extents(order: &[BlockId], dominator: &[BlockId]) -> Vec<(usize, usize)> {
    let mut size = vec![1; dominator.len()];
    for block in order.iter().skip(1).rev() {
        size[dominator[block.index()].index()] += size[block.index()];
    }
    let mut extent = vec![(0, 0); dominator.len()];
    // Where the next child of a block begins.
    let mut next = vec![0; dominator.len()];
    for block in order {
        let above = dominator[block.index()].index();
        let start = next[above];
        extent[block.index()] = (start, start + size[block.index()]);
        next[above] = start + size[block.index()];
        next[block.index()] = start + 1;
    }
    extent
}

/// A depth-first search from the entry.
struct Search {
    /// Reachable blocks as they were found.
    preorder: Vec<BlockId>,
    postorder: Vec<BlockId>,
    /// Place of a block in `preorder`.
    number: Vec<usize>,
    /// Whence a block was found, both by their places in `preorder`; the entry from itself.
    parent: Vec<usize>,
}

impl Search {
    fn new(function: &Function) -> Search {
        let n_blocks = function.blocks.len();
        let mut search = Search {
            preorder: Vec::with_capacity(n_blocks),
            postorder: Vec::with_capacity(n_blocks),
            number: vec![usize::MAX; n_blocks],
            parent: Vec::with_capacity(n_blocks),
        };
        // Blocks that are being looked at, and where their successors begin in `left`.
        let mut stack = vec![(BlockId::ENTRY, 0)];
        let mut left: Vec<BlockId> = function.blocks[0].end.successors().collect();
        search.find(BlockId::ENTRY, 0);
        while let Some((block, start)) = stack.last().copied() {
            // From the last to the first: in reverse, the first way comes first.
            match (left.len() > start).then(|| left.pop()).flatten() {
                Some(next) if search.number[next.index()] != usize::MAX => {}
                Some(next) => {
                    search.find(next, search.number[block.index()]);
                    stack.push((next, left.len()));
                    left.extend(function.blocks[next.index()].end.successors());
                }
                None => {
                    search.postorder.push(block);
                    stack.pop();
                }
            }
        }
        search
    }

    fn find(&mut self, block: BlockId, parent: usize) {
        self.number[block.index()] = self.preorder.len();
        self.preorder.push(block);
        self.parent.push(parent);
    }

    fn reverse_postorder(&self) -> Vec<BlockId> {
        self.postorder.iter().rev().copied().collect()
    }

    /// The immediate dominator of each reachable block.
    fn dominators(&self, predecessors: &Predecessors) -> Vec<BlockId> {
        let n_found = self.preorder.len();
        let nodes: Vec<usize> = (0..n_found).collect();
        let mut forest = Forest { ancestor: self.parent.clone(), semi: nodes.clone(), label: nodes, path: Vec::new() };
        for node in (1..n_found).rev() {
            let ways = predecessors[self.preorder[node].index()].iter().map(|it| self.number[it.index()]);
            forest.semi[node] = ways.fold(self.parent[node], |semi, way| semi.min(forest.lowest(way, node + 1)));
        }
        let mut dominator = self.parent.clone();
        for node in 1..n_found {
            while dominator[node] > forest.semi[node] {
                dominator[node] = dominator[dominator[node]];
            }
        }
        let mut result = vec![BlockId::ENTRY; self.number.len()];
        for (node, above) in dominator.into_iter().enumerate() {
            result[self.preorder[node].index()] = self.preorder[above];
        }
        result
    }
}

/// Paths of the search tree, shortened as they are walked. Nodes are places in preorder.
struct Forest {
    ancestor: Vec<usize>,
    semi: Vec<usize>,
    /// The node with the lowest semidominator on the way that was cut short.
    label: Vec<usize>,
    /// Room for a path that is being walked.
    path: Vec<usize>,
}

impl Forest {
    /// The lowest semidominator on the way up from a node, as far as nodes from `first_linked` on.
    fn lowest(&mut self, node: usize, first_linked: usize) -> usize {
        let mut at = node;
        while self.ancestor[at] >= first_linked {
            self.path.push(at);
            at = self.ancestor[at];
        }
        while let Some(below) = self.path.pop() {
            if self.semi[self.label[at]] < self.semi[self.label[below]] {
                self.label[below] = self.label[at];
            }
            self.ancestor[below] = self.ancestor[at];
            at = below;
        }
        self.semi[self.label[node]]
    }
}
