//! `for` loops: over ranges, arrays, slices, and the containers of the standard library (section
//! 9); `inline for`.

use std::rc::Rc;

use crate::cot::ast::{self, Name};
use crate::cot::check::Checker;
use crate::cot::check::block::Want;
use crate::cot::check::model::{Binding, Mutability, Untyped, Value, as_block, make};
use crate::cot::diagnostic::Code;
use crate::cot::source::Span;
use crate::cot::typed::{
    Block, Condition, Expression, ExpressionKind, LoopId, Place, PlaceKind, Sequence, Statement, StatementKind,
};
use crate::cot::types::{Type, TypeId};

/// How often an `inline for` is unrolled at most.
const MAX_UNROLLED: i128 = 4096;

impl<'a> Checker<'a> {
    pub(super) fn check_for(&mut self, it: &'a ast::For, span: Span) -> Option<StatementKind> {
        if it.end.is_some() {
            if let Some(second) = &it.second {
                self.type_error(second.span, "a loop over a range has one variable");
            }
            return if it.is_inline { self.check_inline_for(it, span) } else { self.check_for_range(it) };
        }
        let subject = self.check_settled(&it.subject);
        if it.is_inline {
            return self.check_inline_for_each(it, subject, span);
        }
        let subject = match self.types.get(self.behind_pointers(subject.ty)) {
            Type::Array { .. } | Type::Slice(_) => self.auto_dereference(subject),
            _ => subject,
        };
        let (element, subject) = match self.types.get(subject.ty).clone() {
            Type::Array { element, .. } => (element, Sequence::Array(self.place_of(subject))),
            Type::Slice(element) => (element, Sequence::Slice(subject)),
            _ => return self.check_for_container(it, subject, span),
        };
        self.open_scope();
        let (index_name, element_name) = match &it.second {
            Some(second) => (Some(&it.first), second),
            None => (None, &it.first),
        };
        let index = index_name.map(|name| self.declare_local(name, TypeId::I64, Mutability::Variable));
        let element = self.declare_local(element_name, element, Mutability::Variable);
        let id = self.new_loop(it.label.as_ref());
        let body = self.check_block(&it.body, Want::Discard);
        self.body().loops.pop();
        self.close_scope();
        Some(StatementKind::ForEach { id, index, element, subject, body: as_block(body.expr) })
    }

    fn check_for_range(&mut self, it: &'a ast::For) -> Option<StatementKind> {
        let (start, end) = self.check_bounds(it)?;
        self.open_scope();
        let local = self.declare_local(&it.first, start.ty, Mutability::Variable);
        let id = self.new_loop(it.label.as_ref());
        let body = self.check_block(&it.body, Want::Discard);
        self.body().loops.pop();
        self.close_scope();
        Some(StatementKind::ForRange { id, local, start, end, body: as_block(body.expr) })
    }

    /// Both ends of a range, in one integer type.
    fn check_bounds(&mut self, it: &'a ast::For) -> Option<(Expression, Expression)> {
        let start = self.check(&it.subject, None);
        let end = self.check(it.end.as_ref()?, None);
        let is_known = !start.is_erroneous() && !end.is_erroneous();
        let names = (self.name_of_value(&start), self.name_of_value(&end));
        match self.peers(start, end) {
            Some((start, end, untyped)) if self.types.is_int(start.ty) => {
                let settle = |it: &mut Self, expr: Expression| {
                    let untyped = if untyped.is_int() { untyped } else { Untyped::No };
                    it.settle(Value { expr, untyped })
                };
                Some((settle(self, start), settle(self, end)))
            }
            _ => {
                if is_known {
                    let message =
                        format!("a range goes from integer to integer, not from '{}' to '{}'", names.0, names.1);
                    self.type_error(it.subject.span, message);
                }
                self.check_body_only(it);
                None
            }
        }
    }

    /// Looks for errors in the body of a loop whose head is wrong.
    fn check_body_only(&mut self, it: &'a ast::For) {
        self.open_scope();
        for name in [Some(&it.first), it.second.as_ref()].into_iter().flatten() {
            self.declare_local(name, TypeId::ERRONEOUS, Mutability::Variable);
        }
        self.new_loop(it.label.as_ref());
        self.check_block(&it.body, Want::Discard);
        self.body().loops.pop();
        self.close_scope();
    }

    /// One copy of the body for each number, with the variable a constant.
    fn check_inline_for(&mut self, it: &'a ast::For, span: Span) -> Option<StatementKind> {
        let (start, end) = self.check_bounds(it)?;
        let ty = start.ty;
        let (ExpressionKind::Int(first), ExpressionKind::Int(end)) = (start.kind, end.kind) else {
            self.type_error(it.subject.span, "'inline for' needs a range of constants");
            self.check_body_only(it);
            return None;
        };
        if end - first > MAX_UNROLLED {
            self.type_error(it.subject.span, format!("'inline for' is unrolled {MAX_UNROLLED} times at most"));
            return None;
        }
        let number = |number| make(ExpressionKind::Int(number), ty, it.first.span);
        let turns = (first..end).map(|value| vec![(&it.first, number(value))]).collect();
        Some(self.unroll(it, turns, span))
    }

    /// The same for each element of an array of constants.
    fn check_inline_for_each(&mut self, it: &'a ast::For, subject: Expression, span: Span) -> Option<StatementKind> {
        let items = match subject.kind {
            ExpressionKind::Array(items) if items.iter().all(Self::is_known) => items,
            _ => {
                if subject.ty != TypeId::ERRONEOUS {
                    self.type_error(it.subject.span, "'inline for' needs a range or an array of constants");
                }
                self.check_body_only(it);
                return None;
            }
        };
        let turns = items.into_iter().enumerate().map(|(index, item)| match &it.second {
            None => vec![(&it.first, item)],
            Some(second) => vec![(&it.first, self.integer(index as i128, it.first.span).expr), (second, item)],
        });
        let turns = turns.collect();
        Some(self.unroll(it, turns, span))
    }

    /// Copies of a body, each with constants of its own.
    fn unroll(&mut self, it: &'a ast::For, turns: Vec<Vec<(&'a Name, Expression)>>, span: Span) -> StatementKind {
        if turns.is_empty() && self.notes.is_on() {
            self.check_body_only(it);
        }
        let id = self.new_loop(it.label.as_ref());
        let mut statements = Vec::new();
        for constants in turns {
            let turn = self.new_loop_id();
            if let Some(frame) = self.body().loops.last_mut() {
                (frame.turn, frame.is_continued) = (turn, false);
            }
            self.open_scope();
            for (name, value) in constants {
                self.bind(name, Binding::Constant(Rc::new(value.into())));
            }
            let body = self.check_block(&it.body, Want::Discard);
            self.close_scope();
            let copy = Statement { kind: StatementKind::Expression(body.expr), span };
            let is_continued = self.body().loops.last().is_some_and(|frame| frame.is_continued);
            statements.push(if is_continued { once(turn, vec![copy], span) } else { copy });
        }
        let is_left = self.body().loops.pop().is_some_and(|frame| frame.is_left);
        let statements = if is_left { vec![once(id, statements, span)] } else { statements };
        let block = Block { statements, value: None, end: span.end_point() };
        StatementKind::Expression(make(ExpressionKind::Block(block), TypeId::VOID, span))
    }

    /// `List`: `len`, `get`. `Set`: `len`, `at`. `Map`: `len`, `keyAt`, and `valueAt` for a second
    /// variable.
    fn check_for_container(&mut self, it: &'a ast::For, subject: Expression, span: Span) -> Option<StatementKind> {
        let ty = self.behind_pointers(subject.ty);
        let owner = self.owner_of(ty);
        let has = |it: &Self, name: &str| it.declared.method(owner, &Rc::from(name)).is_some();
        let element = ["keyAt", "get", "at"].into_iter().find(|name| has(self, name));
        let element = element.filter(|_| ty != TypeId::ERRONEOUS && has(self, "len"));
        let Some(element) = element else {
            if ty != TypeId::ERRONEOUS {
                let name = self.types.name(subject.ty);
                self.report(
                    Code::InvalidOperation,
                    it.subject.span,
                    format!("there is nothing to loop over in '{name}'"),
                );
            }
            self.check_body_only(it);
            return None;
        };
        let pointer = self.types.pointer(ty);
        let subject_span = subject.span;
        let mut subject = self.auto_dereference(subject);
        let owner = self.keep_root(&mut subject);
        let address = self.address_of_value(subject, pointer);
        let container = self.new_local("", pointer);
        // Not counted itself: its owner is.
        self.body().locals[container.0 as usize].ownership = crate::cot::typed::Ownership::Raw;
        let loaded = self.load_local(container, subject_span);
        let length = self.call_known_method(loaded, "len", Vec::new(), subject_span)?;
        self.open_scope();
        let index = self.new_local("", TypeId::I64);
        let mut statements = Vec::new();
        for (name, method) in Self::container_variables(it, element) {
            let loaded = self.load_local(container, subject_span);
            let position = self.load_local(index, subject_span);
            let value = match method {
                Some(method) => self.call_known_method(loaded, method, vec![position], subject_span),
                None => Some(position),
            };
            let Some(value) = value else {
                self.type_error(name.span, "the container has no value for this variable");
                continue;
            };
            let local = self.declare_local(name, value.ty, Mutability::Variable);
            statements.push(Statement { kind: StatementKind::Local { local, value }, span: name.span });
        }
        let id = self.new_loop(it.label.as_ref());
        let body = self.check_block(&it.body, Want::Discard);
        self.body().loops.pop();
        self.close_scope();
        let body_span = body.expr.span;
        statements.push(Statement { kind: StatementKind::Expression(body.expr), span: body_span });
        let body = Block { statements, value: None, end: it.body.span.end_point() };
        let start = make(ExpressionKind::Int(0), TypeId::I64, subject_span);
        let length = self.coerce(length.into(), TypeId::I64);
        let kind = StatementKind::ForRange { id, local: index, start, end: length, body };
        let mut statements = Vec::from_iter(owner);
        statements.push(Statement { kind: StatementKind::Local { local: container, value: address }, span });
        statements.push(Statement { kind, span });
        let block = Block { statements, value: None, end: span.end_point() };
        Some(StatementKind::Expression(make(ExpressionKind::Block(block), TypeId::VOID, span)))
    }

    /// Puts the pointer to the object that a value is part of into a local, which keeps the object
    /// alive.
    fn keep_root(&mut self, value: &mut Expression) -> Option<Statement> {
        let ExpressionKind::Load(place) = &mut value.kind else { return None };
        let pointer = root_pointer(place)?;
        let (ty, span) = (pointer.ty, pointer.span);
        if self.is_raw(pointer) {
            return None;
        }
        let local = self.new_local("", ty);
        let loaded = self.load_local(local, span);
        let value = std::mem::replace(pointer, loaded);
        Some(Statement { kind: StatementKind::Local { local, value }, span })
    }

    /// Variables of a loop over a container, and the methods that set them; without one it is the
    /// index.
    fn container_variables(it: &'a ast::For, element: &'static str) -> Vec<(&'a Name, Option<&'static str>)> {
        match &it.second {
            None => vec![(&it.first, Some(element))],
            Some(second) if element == "keyAt" => vec![(&it.first, Some(element)), (second, Some("valueAt"))],
            Some(second) => vec![(&it.first, None), (second, Some(element))],
        }
    }
}

/// Statements that a `break` can leave.
pub(super) fn once(id: LoopId, mut statements: Vec<Statement>, span: Span) -> Statement {
    let leave = make(ExpressionKind::Break(id), TypeId::NO_RETURN, span);
    statements.push(Statement { kind: StatementKind::Expression(leave), span });
    let body = Block { statements, value: None, end: span.end_point() };
    let condition = Condition::Bool(make(ExpressionKind::Bool(true), TypeId::BOOL, span));
    Statement { kind: StatementKind::While { id, condition, step: None, body }, span }
}

/// The pointer that a place is reached through.
fn root_pointer(place: &mut Place) -> Option<&mut Expression> {
    match &mut place.kind {
        PlaceKind::Dereference(pointer) => Some(pointer),
        PlaceKind::Field { base, .. }
        | PlaceKind::ArrayElement { base, .. }
        | PlaceKind::UnionPayload { base, .. }
        | PlaceKind::OptionalPayload { base } => root_pointer(base),
        PlaceKind::Local(_) | PlaceKind::Global(_) | PlaceKind::Temporary(_) | PlaceKind::SliceElement { .. } => None,
    }
}
