//! The functions that have been asked for, with their type arguments, and those whose bodies are
//! still to be checked.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use crate::cot::check::model::{ExternBinding, FunctionDeclId, Signature};
use crate::cot::source::Span;
use crate::cot::typed::FunctionId;
use crate::cot::types::TypeId;

#[derive(Default)]
pub(super) struct Instances<'a> {
    by_declaration: HashMap<(FunctionDeclId, Vec<TypeId>), FunctionId>,
    /// Of functions, at the same index.
    signatures: Vec<Rc<Signature<'a>>>,
    queue: VecDeque<(FunctionId, FunctionDeclId)>,
    depths: HashMap<FunctionId, u32>,
    origins: HashMap<FunctionId, Origin>,
    extern_bindings: HashMap<FunctionDeclId, ExternBinding<'a>>,
    extern_values: HashMap<FunctionDeclId, FunctionId>,
}

/// What needed an instance first.
#[derive(Clone, Copy)]
pub(super) struct Origin {
    pub function: Option<FunctionId>,
    pub span: Span,
}

impl<'a> Instances<'a> {
    pub fn get(&self, key: &(FunctionDeclId, Vec<TypeId>)) -> Option<FunctionId> {
        self.by_declaration.get(key).copied()
    }

    /// Whether there is any instance of a function.
    pub fn has(&self, id: FunctionDeclId) -> bool {
        self.by_declaration.keys().any(|(known, _)| *known == id)
    }

    /// An instance that lies within `depth` others; 0 for one without arguments.
    pub fn add(&mut self, key: (FunctionDeclId, Vec<TypeId>), function: FunctionId, depth: u32) {
        self.depths.insert(function, depth);
        self.by_declaration.insert(key, function);
    }

    /// Functions without type arguments.
    pub fn plain(&self) -> impl Iterator<Item = (FunctionDeclId, FunctionId)> {
        let plain = self.by_declaration.iter().filter(|((_, arguments), _)| arguments.is_empty());
        plain.map(|((id, _), function)| (*id, *function))
    }

    /// The signature of the next function.
    pub fn add_signature(&mut self, signature: Rc<Signature<'a>>) {
        self.signatures.push(signature);
    }

    pub fn signature(&self, function: FunctionId) -> &Rc<Signature<'a>> {
        &self.signatures[function.0 as usize]
    }

    pub fn depth(&self, function: FunctionId) -> u32 {
        self.depths.get(&function).copied().unwrap_or(0)
    }

    pub fn origin(&self, function: FunctionId) -> Option<Origin> {
        self.origins.get(&function).copied()
    }

    pub fn set_origin(&mut self, function: FunctionId, origin: Origin) {
        self.origins.insert(function, origin);
    }

    /// Has the body of an instance checked later.
    pub fn enqueue(&mut self, function: FunctionId, id: FunctionDeclId) {
        self.queue.push_back((function, id));
    }

    /// Takes a function out of turn, if it still waits.
    pub fn take(&mut self, function: FunctionId) -> Option<FunctionDeclId> {
        let place = self.queue.iter().position(|(waiting, _)| *waiting == function)?;
        self.queue.remove(place).map(|(_, id)| id)
    }

    pub fn next(&mut self) -> Option<(FunctionId, FunctionDeclId)> {
        self.queue.pop_front()
    }

    pub fn extern_binding(&self, id: FunctionDeclId) -> Option<&ExternBinding<'a>> {
        self.extern_bindings.get(&id)
    }

    pub fn bind_extern(&mut self, id: FunctionDeclId, binding: ExternBinding<'a>) {
        self.extern_bindings.insert(id, binding);
    }

    /// The function around an extern function, made to have it as a value.
    pub fn extern_value(&self, id: FunctionDeclId) -> Option<FunctionId> {
        self.extern_values.get(&id).copied()
    }

    pub fn set_extern_value(&mut self, id: FunctionDeclId, function: FunctionId) {
        self.extern_values.insert(id, function);
    }
}
