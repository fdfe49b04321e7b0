//! The `try`s of the legacy exception handling proposal, read ahead: their clauses follow the
//! body, and a call inside must know its handlers when it is translated.
//!
//! Part of the scan, so it trusts nothing: what is wrong with the nesting is for validation to say.

use crate::wasm::{Module, TagIndex};
use wasmparser::Operator;

/// What follows the body of a `try`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Try {
    /// The tags of its clauses in their order; `None` is `catch_all`.
    pub clauses: Vec<Option<TagIndex>>,
    /// The label of its `delegate`, counted from outside of the `try`.
    pub delegate: Option<u32>,
}

/// Collects [`Try`]s, fed with all operators of a body.
#[derive(Default)]
pub struct Collector {
    pub tries: Vec<Try>,
    /// The constructs that are open, from the first `try` on; for a `try`, where it lies in
    /// `tries`.
    open: Vec<Option<usize>>,
}

impl Collector {
    pub fn note(&mut self, module: &Module, operator: &Operator) {
        match operator {
            Operator::Try { .. } => {
                self.open.push(Some(self.tries.len()));
                self.tries.push(Try::default());
            }
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } | Operator::TryTable { .. }
                if !self.open.is_empty() =>
            {
                self.open.push(None);
            }
            // A tag that the module does not have stands for any: validation refuses the body.
            Operator::Catch { tag_index } => self.clause(module.tags.keys().nth(*tag_index as usize)),
            Operator::CatchAll => self.clause(None),
            Operator::Delegate { relative_depth } => {
                if let Some(Some(innermost)) = self.open.pop() {
                    self.tries[innermost].delegate = Some(*relative_depth);
                }
            }
            Operator::End => drop(self.open.pop()),
            _ => {}
        }
    }

    fn clause(&mut self, tag: Option<TagIndex>) {
        if let Some(Some(innermost)) = self.open.last() {
            self.tries[*innermost].clauses.push(tag);
        }
    }
}
