//! The ends of scopes: releases of locals and temporaries, destructors and defers, in reverse order
//! of their beginning, on every way out.

use super::function::{Address, Body, Operand, Storage};
use crate::cot::ir::numeric::Numeric;
use crate::cot::ir::{BlockId, Counted, Value};
use crate::cot::typed::{Block, FunctionId, LocalId};
use crate::cot::types::TypeId;

/// What must be done when a scope is left.
#[derive(Clone, Debug)]
pub enum Cleanup<'p> {
    /// Release the references that these leaves are.
    Release(Vec<(Value, Counted)>),
    /// Release all that a value in the frame holds.
    ReleaseFrame(TypeId, u32),
    /// Release all that a value at an address holds.
    ReleaseAt(TypeId, Address),
    /// Free an object that was never finished.
    Free(Value),
    ReleaseLocal(LocalId),
    /// Call the destructor of a struct that lives in a local.
    Destroy(LocalId, FunctionId),
    Defer {
        body: &'p Block,
        only_on_error: bool,
    },
}

/// What was begun and must be ended, in order.
#[derive(Clone, Debug, Default)]
pub struct Scope<'p> {
    pub cleanups: Vec<Cleanup<'p>>,
    /// Ends with a statement, and not with a block or branch.
    pub is_statement: bool,
}

/// A cleanup of what is not complete: it goes away when that belongs to somebody.
#[derive(Copy, Clone, Debug)]
pub struct Pending {
    scope: usize,
    index: usize,
}

/// Why a function is left.
#[derive(Copy, Clone, Debug)]
pub enum Outcome {
    Error,
    /// Not zero at run time: an error.
    Code(Value),
}

/// A local whose value is what a function returns: it is not destroyed.
#[derive(Copy, Clone, Debug)]
pub struct Moved {
    pub local: LocalId,
    /// Its counts go to the caller, instead of being released here.
    pub with_counts: bool,
}

impl<'p> Body<'_, 'p> {
    pub fn add_cleanup(&mut self, cleanup: Cleanup<'p>) {
        self.scopes.last_mut().expect("a function has a scope").cleanups.push(cleanup);
    }

    /// For what lives until the enclosing block or branch ends.
    pub fn add_block_cleanup(&mut self, cleanup: Cleanup<'p>) {
        let scope = self.scopes.iter_mut().rev().find(|scope| !scope.is_statement).expect("a function has a scope");
        scope.cleanups.push(cleanup);
    }

    /// A cleanup for as long as what it cleans up is not complete. The last one that began settles
    /// first.
    pub fn begin_pending(&mut self, cleanup: Cleanup<'p>) -> Pending {
        let scope = self.scopes.len() - 1;
        let index = self.scopes[scope].cleanups.len();
        self.add_cleanup(cleanup);
        Pending { scope, index }
    }

    pub fn settle(&mut self, pending: impl IntoIterator<Item = Pending, IntoIter: DoubleEndedIterator>) {
        for it in pending.into_iter().rev() {
            self.scopes[it.scope].cleanups.remove(it.index);
        }
    }

    /// A scope for the temporaries of one statement.
    pub fn in_statement<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> T {
        self.scopes.push(Scope { is_statement: true, ..Scope::default() });
        let result = run(self);
        self.end_scope();
        result
    }

    /// A scope that ends with what `run` does.
    pub fn in_scope<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> T {
        self.scopes.push(Scope::default());
        let result = run(self);
        self.end_scope();
        result
    }

    /// The scope is left where its text ends.
    pub fn end_scope(&mut self) {
        let n_scopes = self.scopes.len();
        if self.b.is_ended() {
            self.scopes.pop();
            return;
        }
        self.run_cleanups(n_scopes - 1, None, None);
        self.scopes.truncate(n_scopes - 1);
    }

    /// Code for leaving all scopes but the first `n_kept`; the scopes stay as they are for what
    /// comes after in the text.
    pub fn leave_scopes(&mut self, n_kept: usize, outcome: Option<Outcome>) {
        self.leave_scopes_but(n_kept, outcome, None);
    }

    /// As [`Self::leave_scopes`], but for the local whose value is returned.
    pub fn leave_scopes_but(&mut self, n_kept: usize, outcome: Option<Outcome>, moved: Option<Moved>) {
        let saved = self.scopes.clone();
        self.run_cleanups(n_kept, outcome, moved);
        self.scopes = saved;
    }

    fn run_cleanups(&mut self, n_kept: usize, outcome: Option<Outcome>, moved: Option<Moved>) {
        while self.scopes.len() > n_kept {
            let Some(cleanup) = self.scopes.last_mut().and_then(|scope| scope.cleanups.pop()) else {
                self.scopes.pop();
                continue;
            };
            match cleanup {
                Cleanup::ReleaseLocal(local) if moved.is_some_and(|it| it.local == local && it.with_counts) => {}
                Cleanup::Destroy(local, _) if moved.is_some_and(|it| it.local == local) => {}
                Cleanup::Release(values) => values.into_iter().for_each(|value| self.release_value(value)),
                Cleanup::ReleaseFrame(ty, offset) => {
                    let base = self.b.frame(offset);
                    self.release_memory(ty, Address { base, offset: 0 });
                }
                Cleanup::ReleaseAt(ty, at) => self.release_memory(ty, at),
                Cleanup::Free(object) => {
                    let object = self.widen(object);
                    self.prelude("freeUnfinished", vec![object]);
                }
                Cleanup::ReleaseLocal(local) => self.release_local(local),
                Cleanup::Destroy(local, destructor) => {
                    let Some(Storage::Frame(offset)) = self.storage[local.0 as usize] else {
                        unreachable!("locals with destructors live in the frame")
                    };
                    let address = self.b.frame(offset);
                    self.destroy_value(destructor, address);
                }
                Cleanup::Defer { body, only_on_error: false } => self.run_defer(body),
                Cleanup::Defer { body, only_on_error: true } => match outcome {
                    None => {}
                    Some(Outcome::Error) => self.run_defer(body),
                    Some(Outcome::Code(code)) => {
                        let (failed, done) = (self.b.new_block(), self.b.new_block());
                        self.b.branch(code, failed, done);
                        self.b.switch_to(failed);
                        self.run_defer(body);
                        self.b.jump(done);
                        self.b.switch_to(done);
                    }
                },
            }
        }
    }

    /// Calls a destructor.
    pub fn destroy_value(&mut self, destructor: FunctionId, address: Value) {
        self.call_key(super::FuncKey::Function(destructor), vec![address]);
    }

    fn run_defer(&mut self, body: &'p Block) {
        // A defer that is run in several places declares its locals anew in each.
        self.in_scope(|it| it.block_statements(body));
    }

    fn release_local(&mut self, local: LocalId) {
        let ty = self.local(local).ty;
        match self.storage[local.0 as usize].clone().expect("the local was declared") {
            Storage::Variables(variables) => {
                let leaves = self.leaves(ty).expect("the local has leaves");
                for (leaf, variable) in leaves.iter().zip(variables) {
                    if let Some(counted) = leaf.counted {
                        let value = self.b.get(variable);
                        self.release_value((value, counted));
                    }
                }
            }
            Storage::Frame(offset) => {
                let base = self.b.frame(offset);
                self.release_memory(ty, Address { base, offset: 0 });
            }
            Storage::Address(_) => unreachable!("the caller releases what it passes"),
        }
    }

    /// Keeps an owned temporary until the statement or branch that it is part of ends.
    pub fn keep_until_end(&mut self, ty: TypeId, values: &[Value]) {
        let counted = self.counted(ty, values);
        if !counted.is_empty() {
            self.add_cleanup(Cleanup::Release(counted));
        }
    }

    /// Those of the leaves that are strong references.
    pub fn counted(&mut self, ty: TypeId, values: &[Value]) -> Vec<(Value, Counted)> {
        let leaves = self.leaves(ty).expect("values with leaves only");
        leaves.iter().zip(values).filter_map(|(leaf, value)| Some((*value, leaf.counted?))).collect()
    }

    /// Code that runs only if `condition` is not zero.
    pub fn when(&mut self, condition: Value, run: impl FnOnce(&mut Self)) {
        let (then, done) = (self.b.new_block(), self.b.new_block());
        self.b.branch(condition, then, done);
        self.b.switch_to(then);
        run(self);
        self.b.jump(done);
        self.b.switch_to(done);
    }

    /// Code that runs only if `condition` is zero.
    pub fn unless(&mut self, condition: Value, run: impl FnOnce(&mut Self)) {
        let opposite = self.b.numeric(Numeric::I32Eqz, &[condition]);
        self.when(opposite, run);
    }

    /// A block that others jump to with the value of an expression.
    pub fn joining(&mut self, ty: TypeId, destination: Option<Address>) -> Join {
        let block = self.b.new_block();
        let variables = match (self.leaves(ty), destination) {
            (Some(leaves), None) => leaves.iter().map(|leaf| self.b.new_variable(leaf.ty())).collect(),
            _ => Vec::new(),
        };
        Join { block, ty, destination, variables }
    }

    /// Ends a branch: the value goes to the join, owned; temporaries of the branch are released.
    pub fn join_with(&mut self, join: &Join, value: Operand) {
        if self.b.is_ended() {
            return;
        }
        match join.destination {
            // It was put there already.
            Some(_) => {}
            None => {
                let operand = self.own(join.ty, value);
                let super::function::Data::Leaves(values) = operand.data else {
                    unreachable!("values in memory have a destination")
                };
                for (variable, value) in join.variables.iter().zip(values) {
                    self.b.set(*variable, value);
                }
            }
        }
    }
}

/// Where the branches of an expression meet.
pub struct Join {
    pub block: BlockId,
    pub ty: TypeId,
    /// Where a value in memory is put by the branches themselves.
    pub destination: Option<Address>,
    pub variables: Vec<crate::cot::ir::Variable>,
}
