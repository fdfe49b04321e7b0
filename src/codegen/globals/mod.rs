//! Stores to globals, made as late as they are needed.
//!
//! Comes in: a function as translation made it. Goes out: the same function, which keeps the value
//! of a global where it is until somebody may read it: a callee, the caller, or a load that the
//! value does not reach. A store that another one follows before that is gone, and so is one of the
//! value that the global has anyway. So `__stack_pointer` is written on the ways through a function
//! that call others, and not in a function that calls none. On no way are there more stores than
//! before.
//!
//! This is the elimination of partially dead stores (Knoop, Rüthing, Steffen: "Partial Dead Code
//! Elimination", PLDI 1994), for one global after the other. A trap counts as the end of all: that
//! holds where [`Layout::ends_at_trap`].
//!
//! | file | what |
//! | --- | --- |
//! | `access` | what a function does with its globals |
//! | `flow` | where a store waits, and where it has to be made |
//! | `rewrite` | moves the stores |

mod access;
mod flow;
mod rewrite;

use crate::layout::Layout;
use crate::wasm::Module;
use access::Accesses;
use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::flowgraph::ControlFlowGraph;
use cranelift_codegen::ir::{Block, Function};

/// Globals of a function beyond this number stay as they are.
const MAX_GLOBALS: usize = 8;

/// A function may have this many stores more than before, on different ways.
const MORE_STORES: usize = 2;

/// Moves the stores of a function to where they are needed.
pub fn delay_stores(func: &mut Function, module: &Module, layout: &Layout) {
    // Two imports may be one global; see `translate::symbols`.
    let imported = module.globals.values().next().is_some_and(|it| it.definition.is_import());
    if !layout.ends_at_trap || imported || module.globals.is_empty() {
        return;
    }
    let accesses = Accesses::read(func, layout);
    let stored: Vec<_> = accesses.stored().take(MAX_GLOBALS).collect();
    if stored.is_empty() {
        return;
    }
    let mut cfg = ControlFlowGraph::with_function(func);
    let mut order = reverse_postorder(func, &cfg);
    for global in stored {
        let Some(changes) = flow::changes(func, &cfg, &order, &accesses, global) else { continue };
        if changes.stores() <= accesses.n_stores(global).saturating_add(MORE_STORES) {
            let adds_blocks = !changes.between.is_empty();
            rewrite::apply(func, &accesses.places[&global], changes);
            if adds_blocks {
                cfg.compute(func);
                order = reverse_postorder(func, &cfg);
            }
        }
    }
}

fn reverse_postorder(func: &Function, cfg: &ControlFlowGraph) -> Vec<Block> {
    DominatorTree::with_function(func, cfg).cfg_rpo().copied().collect()
}
