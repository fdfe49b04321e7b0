//! What is known while the body of one function is checked: its locals, the names in scope, the
//! loops around.

use std::collections::HashMap;
use std::rc::Rc;

use crate::cot::ast::Name;
use crate::cot::check::Checker;
use crate::cot::check::model::{Binding, Env, Mutability};
use crate::cot::check::notes::{Definition, Kind};
use crate::cot::diagnostic::{Code, Diagnostic};
use crate::cot::source::Span;
use crate::cot::typed::{Expression, ExpressionKind, FunctionId, Local, LocalId, LoopId, Ownership, Place, PlaceKind};
use crate::cot::types::TypeId;

struct ScopeName {
    text: Rc<str>,
    binding: Binding,
    span: Span,
}

#[derive(Clone)]
pub(super) struct LoopFrame {
    pub label: Option<Rc<str>>,
    pub id: LoopId,
    /// What `continue` goes on with: the loop itself, or a copy of the body of an `inline for`.
    pub turn: LoopId,
    /// A `break` leaves it.
    pub is_left: bool,
    /// A `continue` ends a turn of it.
    pub is_continued: bool,
    /// It is none, but a block with a label.
    pub block: Option<LabelledBlock>,
}

/// A block that `break` gives a value.
#[derive(Clone)]
pub(super) struct LabelledBlock {
    pub result: LocalId,
    /// As far as it is known.
    pub ty: Option<TypeId>,
    pub has_value: bool,
}

pub(super) struct Body {
    pub function: FunctionId,
    pub name: String,
    pub env: Env,
    pub locals: Vec<Local>,
    names: Vec<ScopeName>,
    /// Indices of `names` by text, in order.
    by_text: HashMap<Rc<str>, Vec<usize>>,
    /// Where each open scope begins in `names`.
    scopes: Vec<usize>,
    /// Names before this are hidden: a default value is being checked, which belongs elsewhere.
    floor: usize,
    pub result: TypeId,
    pub loops: Vec<LoopFrame>,
    n_loops: u32,
    /// Directly in a `test` block.
    pub is_test: bool,
    /// In a `defer`, which nothing can leave.
    pub in_defer: bool,
    /// A closure of the body before this one; captured locals there and here.
    pub is_closure: bool,
    pub captures: Vec<(LocalId, LocalId)>,
    pub n_closures: u32,
    /// Not part of the program: only types or constants are wanted.
    pub is_probe: bool,
}

impl Body {
    pub fn new(function: FunctionId, name: String, env: Env, result: TypeId) -> Body {
        Body {
            function,
            name,
            env: Env { in_body: true, ..env },
            locals: Vec::new(),
            names: Vec::new(),
            by_text: HashMap::new(),
            scopes: Vec::new(),
            floor: 0,
            result,
            loops: Vec::new(),
            n_loops: 0,
            is_test: false,
            in_defer: false,
            is_closure: false,
            captures: Vec::new(),
            n_closures: 0,
            is_probe: false,
        }
    }

    fn find(&self, text: &Rc<str>) -> Option<&Binding> {
        let latest = self.by_text.get(text)?.last()?;
        (*latest >= self.floor).then(|| &self.names[*latest].binding)
    }
}

impl<'a> Checker<'a> {
    /// The function that is being checked.
    pub(super) fn body(&mut self) -> &mut Body {
        self.bodies.last_mut().expect("expressions are checked in a body only")
    }

    pub(super) fn env(&self) -> Env {
        self.bodies.last().expect("expressions are checked in a body only").env.clone()
    }

    pub(super) fn open_scope(&mut self) {
        let body = self.body();
        body.scopes.push(body.names.len());
    }

    pub(super) fn close_scope(&mut self) {
        let body = self.body();
        let start = body.scopes.pop().expect("every scope that is closed was opened");
        for name in body.names.drain(start..) {
            body.by_text.get_mut(&name.text).expect("every name that is bound is listed by its text").pop();
        }
    }

    /// Runs something with the names of the function hidden, as if it stood at `env`.
    pub(super) fn elsewhere<T>(&mut self, env: Env, run: impl FnOnce(&mut Self) -> T) -> T {
        let body = self.body();
        let outer_env = std::mem::replace(&mut body.env, Env { in_body: true, ..env });
        let outer_floor = std::mem::replace(&mut body.floor, body.names.len());
        let was_closure = std::mem::replace(&mut body.is_closure, false);
        let result = run(self);
        let body = self.body();
        body.env = outer_env;
        body.floor = outer_floor;
        body.is_closure = was_closure;
        result
    }

    /// Names something in the innermost scope; twice in one scope is an error.
    pub(super) fn bind(&mut self, name: &Name, binding: Binding) {
        self.note_binding(name, &binding);
        let body = self.body();
        let start = body.scopes.last().copied().unwrap_or(0);
        let places = body.by_text.entry(name.text.clone()).or_default();
        let first = places.iter().find(|place| **place >= start && &*name.text != "_");
        let first = first.map(|place| body.names[*place].span);
        places.push(body.names.len());
        body.names.push(ScopeName { text: name.text.clone(), binding, span: name.span });
        if let Some(first) = first {
            let diagnostic = Diagnostic::new(Code::Redefined, name.span, format!("'{}' is defined twice", name.text));
            self.push_diagnostic(diagnostic.note_at(first, "first defined here"));
        }
    }

    fn note_binding(&mut self, name: &Name, binding: &Binding) {
        if !self.notes.is_on() {
            return;
        }
        let (kind, ty) = match binding {
            Binding::Local { local, mutability } => {
                let kind = match mutability {
                    Mutability::Variable => Kind::Variable,
                    Mutability::Constant => Kind::Constant,
                    Mutability::Parameter => Kind::Parameter,
                };
                (kind, self.local_type(*local))
            }
            Binding::Constant(value) => (Kind::Constant, value.expr.ty),
            Binding::Item(_) => return,
        };
        let definition = Definition { kind, shown: name.span, owner: None, ty: Some(ty), is_extern: false };
        self.notes.define(name.span, definition);
    }

    /// Where the name is bound that [`Checker::find_binding`] finds.
    pub(super) fn binding_place(&self, text: &Rc<str>) -> Option<Span> {
        for body in self.bodies.iter().rev() {
            let latest = body.by_text.get(text).and_then(|places| places.last()).filter(|at| **at >= body.floor);
            if let Some(latest) = latest {
                return Some(body.names[*latest].span);
            }
            if !body.is_closure {
                break;
            }
        }
        None
    }

    /// Names of the function, the innermost first, and where they are bound.
    pub(super) fn bindings_in_scope(&self) -> Vec<(Rc<str>, Binding, Span)> {
        let mut names = Vec::new();
        for body in self.bodies.iter().rev() {
            names
                .extend(body.names[body.floor..].iter().rev().map(|it| (it.text.clone(), it.binding.clone(), it.span)));
            if !body.is_closure {
                break;
            }
        }
        names
    }

    pub(super) fn new_local(&mut self, name: &str, ty: TypeId) -> LocalId {
        let body = self.body();
        body.locals.push(Local {
            name: name.to_owned(),
            ty,
            ownership: Ownership::ByType,
            destructor: None,
            address_taken: false,
            modified: false,
        });
        LocalId(body.locals.len() as u32 - 1)
    }

    pub(super) fn declare_local(&mut self, name: &Name, ty: TypeId, mutability: Mutability) -> LocalId {
        let local = self.new_local(&name.text, ty);
        self.bind(name, Binding::Local { local, mutability });
        local
    }

    pub(super) fn new_loop(&mut self, label: Option<&Name>) -> LoopId {
        let id = self.new_loop_id();
        let label = label.map(|name| name.text.clone());
        self.body().loops.push(LoopFrame { label, id, turn: id, is_left: false, is_continued: false, block: None });
        id
    }

    pub(super) fn new_loop_id(&mut self) -> LoopId {
        let body = self.body();
        body.n_loops += 1;
        LoopId(body.n_loops - 1)
    }

    pub(super) fn local_type(&mut self, local: LocalId) -> TypeId {
        self.body().locals[local.0 as usize].ty
    }

    /// What a local holds.
    pub(super) fn load_local(&mut self, local: LocalId, span: Span) -> Expression {
        let ty = self.local_type(local);
        let place = Place { kind: PlaceKind::Local(local), ty, span };
        Expression { kind: ExpressionKind::Load(Box::new(place)), ty, span }
    }

    /// A binding of the function, or of one around it that a closure sees: then the local is
    /// captured.
    pub(super) fn find_binding(&mut self, text: &Rc<str>) -> Option<Binding> {
        let last = self.bodies.len().checked_sub(1)?;
        self.find_binding_in(last, text)
    }

    fn find_binding_in(&mut self, index: usize, text: &Rc<str>) -> Option<Binding> {
        if let Some(found) = self.bodies[index].find(text) {
            return Some(found.clone());
        }
        if !self.bodies[index].is_closure || index == 0 {
            return None;
        }
        let outer = self.find_binding_in(index - 1, text)?;
        let Binding::Local { local, mutability } = outer else { return Some(outer) };
        Some(Binding::Local { local: self.capture(index, local), mutability })
    }

    /// The local of a closure that holds the value of a local of the function around it.
    fn capture(&mut self, index: usize, outer: LocalId) -> LocalId {
        let known = self.bodies[index].captures.iter().find(|(known, _)| *known == outer);
        if let Some((_, inner)) = known {
            return *inner;
        }
        let Local { name, ty, ownership, .. } = self.bodies[index - 1].locals[outer.0 as usize].clone();
        let body = &mut self.bodies[index];
        let inner = LocalId(body.locals.len() as u32);
        body.locals.push(Local { name, ty, ownership, destructor: None, address_taken: false, modified: false });
        body.captures.push((outer, inner));
        inner
    }

    /// Names that are in scope, for suggestions.
    pub(super) fn binding_names(&self) -> Vec<Rc<str>> {
        let mut names = Vec::new();
        for body in self.bodies.iter().rev() {
            names.extend(body.names[body.floor..].iter().map(|it| it.text.clone()));
            if !body.is_closure {
                break;
            }
        }
        names
    }

    /// The binding of a local that an assignment to a place changes; none if it goes through a
    /// pointer or slice.
    pub(super) fn root_local(place: &Place) -> Option<LocalId> {
        match &place.kind {
            PlaceKind::Local(local) => Some(*local),
            PlaceKind::Field { base, .. }
            | PlaceKind::ArrayElement { base, .. }
            | PlaceKind::UnionPayload { base, .. }
            | PlaceKind::OptionalPayload { base } => Self::root_local(base),
            PlaceKind::Global(_)
            | PlaceKind::Temporary(_)
            | PlaceKind::Dereference(_)
            | PlaceKind::SliceElement { .. } => None,
        }
    }

    pub(super) fn mark_modified(&mut self, place: &Place) {
        if let Some(local) = Self::root_local(place) {
            self.body().locals[local.0 as usize].modified = true;
        }
    }

    pub(super) fn mark_address_taken(&mut self, place: &Place) {
        let Some(local) = Self::root_local(place) else { return };
        let local = &mut self.body().locals[local.0 as usize];
        local.address_taken = true;
        local.modified = true;
        match local.ownership {
            Ownership::Weak => {
                self.report(Code::InvalidOperation, place.span, "a weak variable has no address: copy it first");
            }
            Ownership::Unowned => {
                self.report(Code::InvalidOperation, place.span, "an unowned variable has no address: copy it first");
            }
            Ownership::ByType | Ownership::Raw => {}
        }
    }
}
