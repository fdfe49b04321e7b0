//! The `try` of the legacy exception handling proposal: `catch`, `catch_all`, `delegate`,
//! `rethrow`.
//!
//! Its clauses follow the body; [`crate::analyze::legacy`] has read them ahead, so that calls
//! in the body know their handlers. A clause's code begins in its landing; if nothing lands there,
//! it is dead.

use super::frames::{Clause, FrameKind, OpenTry, ScopeIndex};
use super::translator::Translator;
use crate::analyze::legacy::Try;
use wasmparser::BlockType;

impl<'t> Translator<'t> {
    pub fn try_(&mut self, ty: BlockType) {
        let Some(ahead) = self.next_try() else {
            // The scan ends at what can't be decoded, and so will validation.
            return self.block(ty);
        };
        // `delegate` passes over what lies between the `try` and its label.
        let outer = match ahead.delegate {
            None => self.scratch.scope,
            Some(label) => self.scope_inside(label),
        };
        let clauses = ahead.clauses.iter().map(|&tag| Clause::new(tag)).collect();
        let scope = self.add_scope(outer, clauses);
        self.open(FrameKind::Try(OpenTry { scope, n_begun: 0, exception: None }), ty, None);
        self.scratch.scope = Some(scope);
    }

    pub fn dead_try(&mut self, ty: BlockType) {
        self.next_try();
        self.dead(ty);
    }

    /// Ends the body or a clause, and begins the next clause.
    pub fn catch(&mut self) {
        let FrameKind::Try(mut open) = self.innermost().kind else { return };
        if self.reachable {
            self.jump_to_label(0);
        }
        let (outer_scope, height) = (self.innermost().outer_scope, self.innermost().height);
        self.scratch.scope = outer_scope;
        self.scratch.is_polled = self.innermost().is_polled;
        self.scratch.stack.truncate(height);
        self.reachable = false;
        open.exception = self.open_landing(open.scope, open.n_begun, height, self.point);
        open.n_begun = open.n_begun.saturating_add(1);
        self.scratch.control.last_mut().expect("looked at above").kind = FrameKind::Try(open);
    }

    pub fn rethrow(&mut self, depth: u32) {
        let FrameKind::Try(OpenTry { exception: Some(exception), .. }) = self.frame(depth).kind else {
            panic!("validated: `rethrow` stands in a clause, and its code can be reached");
        };
        self.throw_exception(exception);
    }

    /// What is known of the `try` that begins here.
    fn next_try(&mut self) -> Option<&'t Try> {
        let FrameKind::Function(func) = self.scratch.control[0].kind else {
            panic!("the outermost frame is the function's");
        };
        let number = self.scratch.n_tries;
        self.scratch.n_tries = number.saturating_add(1);
        self.env.facts.tries[func].get(number)
    }

    /// The scope that holds directly inside the construct with that label.
    fn scope_inside(&self, label: u32) -> Option<ScopeIndex> {
        match label.checked_sub(1) {
            None => self.scratch.scope,
            // What the next construct inwards found when it began.
            Some(inner) => self.scratch.control.iter().rev().nth(inner as usize).and_then(|frame| frame.outer_scope),
        }
    }
}
