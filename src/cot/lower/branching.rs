//! Expressions with more than one way: blocks, `if`, `switch`, `orelse`, `catch`; and those that
//! leave: `try`, `return`.

use super::function::{Address, Body, Data, Operand};
use super::scope::{Cleanup, Join, Moved, Outcome};
use crate::cot::ir::numeric::Numeric;
use crate::cot::ir::{Access, Value};
use crate::cot::typed::{Block, Condition, Expression, ExpressionKind, LocalId, PlaceKind};
use crate::cot::types::{Type, TypeId, Types};

impl<'p> Body<'_, 'p> {
    /// Expressions whose value comes from one of several ways. With a destination, that is where
    /// the value is put.
    pub fn branching(&mut self, expression: &'p Expression, to: Option<Address>) -> Operand {
        match &expression.kind {
            ExpressionKind::Block(block) => self.block(block, to),
            ExpressionKind::If { condition, then, otherwise } => {
                let join = self.joining(expression.ty, to);
                self.if_(condition, then, otherwise.as_ref(), &join);
                self.joined(join)
            }
            ExpressionKind::Switch(switch) => {
                let join = self.joining(expression.ty, to);
                self.switch(switch, &join);
                self.joined(join)
            }
            ExpressionKind::Catch { value, error, fallback } => {
                let join = self.joining(expression.ty, to);
                self.catch(value, *error, fallback, &join);
                self.joined(join)
            }
            ExpressionKind::Orelse { value, fallback } => {
                let join = self.joining(expression.ty, to);
                self.orelse(value, fallback, &join);
                self.joined(join)
            }
            _ => unreachable!("the other expressions have one way"),
        }
    }

    fn joined(&mut self, join: Join) -> Operand {
        self.b.switch_to(join.block);
        let data = match join.destination {
            Some(address) => Data::Memory(self.address_value(address)),
            None => Data::Leaves(join.variables.iter().map(|variable| self.b.get(*variable)).collect()),
        };
        Operand { data, owned: true }
    }

    /// One way to the join.
    pub fn branch_to(&mut self, join: &Join, value: &'p Expression) {
        self.in_scope(|body| match join.destination {
            Some(to) => body.expr_into(value, to),
            None => {
                let operand = body.expr(value);
                body.join_with(join, operand);
            }
        });
        self.b.jump(join.block);
    }

    pub fn branch_block(&mut self, join: &Join, block: &'p Block) {
        let operand = self.block(block, join.destination);
        self.join_with(join, operand);
        self.b.jump(join.block);
    }

    /// A block's value, owned.
    pub fn block(&mut self, block: &'p Block, to: Option<Address>) -> Operand {
        self.in_scope(|body| {
            body.block_statements(block);
            let nothing = Operand { data: Data::Leaves(Vec::new()), owned: true };
            let Some(value) = &block.value else { return nothing };
            match to {
                Some(to) => {
                    body.expr_into(value, to);
                    nothing
                }
                None => {
                    let operand = body.expr(value);
                    body.own(value.ty, operand)
                }
            }
        })
    }

    fn if_(&mut self, condition: &'p Condition, then: &'p Block, otherwise: Option<&'p Block>, join: &Join) {
        let (on_true, on_false) = (self.b.new_block(), self.b.new_block());
        let payload = self.condition(condition);
        self.b.branch(payload.is_true, on_true, on_false);
        self.b.switch_to(on_true);
        self.in_scope(|body| {
            body.bind_payload(condition, payload);
            let operand = body.block(then, join.destination);
            body.join_with(join, operand);
        });
        self.b.jump(join.block);
        self.b.switch_to(on_false);
        match otherwise {
            Some(otherwise) => self.branch_block(join, otherwise),
            None => self.b.jump(join.block),
        }
    }

    /// Asks the condition; its temporaries are gone afterwards.
    pub fn condition(&mut self, condition: &'p Condition) -> Payload {
        match condition {
            Condition::Bool(value) => {
                let is_true = self.in_scope(|body| body.scalar(value));
                Payload { is_true, operand: None, address: None }
            }
            Condition::Optional { subject, .. } => self.in_scope(|body| {
                let operand = body.expr(subject);
                let operand = body.detach(subject.ty, operand);
                let is_true = body.has_value(subject.ty, &operand.data);
                Payload { is_true, operand: Some((subject.ty, operand)), address: None }
            }),
            Condition::OptionalPointer { subject, .. } => self.in_statement(|body| {
                let address = body.memory_place(subject);
                let is_true = body.b.load(Access::Pointer, address.base, address.offset);
                let address = if body.is_word_optional(subject.ty) { address } else { after_tag(address) };
                let address = body.address_value(address);
                Payload { is_true, operand: None, address: Some(address) }
            }),
        }
    }

    /// Makes an operand independent of temporaries and places: owned, and in memory of its own.
    fn detach(&mut self, ty: TypeId, operand: Operand) -> Operand {
        if operand.owned {
            return operand;
        }
        let Data::Memory(from) = operand.data else { return self.own(ty, operand) };
        let offset = self.frame_slot(ty);
        let base = self.b.frame(offset);
        let size = self.lowering.size(ty);
        let to = Address { base, offset: 0 };
        self.copy_memory(to, Address { base: from, offset: 0 }, size);
        self.retain_memory(ty, to);
        Operand { data: Data::Memory(base), owned: true }
    }

    /// Whether an optional holds a value.
    pub fn has_value(&mut self, ty: TypeId, data: &Data) -> Value {
        match data {
            Data::Leaves(values) => values[0],
            Data::Memory(base) => {
                debug_assert!(matches!(self.types().get(ty), Type::Optional(_)), "only optionals are asked");
                self.b.load(Access::Pointer, *base, 0)
            }
        }
    }

    /// The value inside an optional that has one.
    pub fn payload(&mut self, ty: TypeId, operand: Operand) -> Operand {
        let Type::Optional(of) = *self.types().get(ty) else { unreachable!("only optionals have a payload") };
        if self.is_word_optional(ty) {
            return operand;
        }
        let data = match operand.data {
            Data::Leaves(values) => Data::Leaves(values[1..].to_vec()),
            Data::Memory(base) => self.load(of, after_tag(Address { base, offset: 0 })),
        };
        Operand { data, owned: operand.owned }
    }

    /// Begins the local that the condition captured.
    pub fn bind_payload(&mut self, condition: &'p Condition, payload: Payload) {
        match condition {
            Condition::Bool(_) => {}
            Condition::Optional { payload: local, .. } => {
                let (ty, operand) = payload.operand.expect("an optional was asked");
                let operand = self.payload(ty, operand);
                self.begin_local(*local, operand);
            }
            Condition::OptionalPointer { payload: local, .. } => {
                let address = payload.address.expect("a place was asked");
                let operand = Operand { data: Data::Leaves(vec![address]), owned: false };
                self.begin_local(*local, operand);
            }
        }
    }

    /// A local of the current scope with its first value.
    pub fn begin_local(&mut self, local: LocalId, operand: Operand) {
        let is_counted = self.is_counted(local);
        self.declare(local);
        let was_owned = operand.owned;
        self.initialize(local, operand);
        if is_counted {
            if !was_owned {
                let target = self.resolved_local(local);
                let ty = self.local(local).ty;
                let operand = self.read(ty, &target);
                self.own(ty, operand);
            }
            self.add_cleanup(Cleanup::ReleaseLocal(local));
        }
    }

    pub fn unwrap(&mut self, value: &'p Expression, whole: &'p Expression) -> Operand {
        let operand = self.expr(value);
        if self.checks {
            let has_value = self.has_value(value.ty, &operand.data);
            let span = whole.span;
            self.unless(has_value, |body| body.panic_at("panicUnwrap", span));
        }
        self.payload(value.ty, operand)
    }

    /// 0, or the error's number plus one; and the payload's type.
    fn error_code(&mut self, ty: TypeId, data: &Data) -> (Value, TypeId) {
        let Type::ErrorUnion { payload, .. } = *self.types().get(ty) else { unreachable!("error unions only") };
        let code = match data {
            Data::Leaves(values) => values[0],
            Data::Memory(base) => {
                let tag = self.b.load(Access::Pointer, *base, 0);
                let number = self.b.load(Access::Pointer, *base, 8);
                let one = self.b.i32(1);
                let code = self.b.numeric(Numeric::I32Add, &[number, one]);
                let zero = self.b.i32(0);
                self.b.select(code, zero, tag)
            }
        };
        (code, payload)
    }

    /// The payload of an error union that is a success.
    fn success(&mut self, payload: TypeId, operand: Operand) -> Operand {
        let data = match operand.data {
            Data::Leaves(values) => Data::Leaves(values[1..].to_vec()),
            Data::Memory(base) => self.load(payload, after_tag(Address { base, offset: 0 })),
        };
        Operand { data, owned: operand.owned }
    }

    pub fn try_(&mut self, value: &'p Expression) -> Operand {
        let operand = self.expr(value);
        let (code, payload) = self.error_code(value.ty, &operand.data);
        self.when(code, |body| {
            body.leave_scopes(0, Some(Outcome::Error));
            body.return_error(code);
        });
        self.success(payload, operand)
    }

    fn return_error(&mut self, code: Value) {
        let result = self.function.expect("only functions of the source return").result;
        match self.result_address {
            Some(base) => {
                let one = self.b.i32(1);
                self.b.store(Access::Pointer, base, 0, one);
                let number = self.b.numeric(Numeric::I32Sub, &[code, one]);
                self.b.store(Access::Pointer, base, 8, number);
                self.return_values(Vec::new());
            }
            None => {
                let mut values = self.zeros(result).expect("the result has leaves");
                if let Some(first) = values.first_mut() {
                    *first = code;
                }
                self.return_values(values);
            }
        }
    }

    fn catch(&mut self, value: &'p Expression, error: Option<LocalId>, fallback: &'p Block, join: &Join) {
        let (on_error, on_success) = (self.b.new_block(), self.b.new_block());
        let mut outcome = None;
        self.in_scope(|body| {
            let operand = body.expr(value);
            let operand = body.detach(value.ty, operand);
            let (code, payload) = body.error_code(value.ty, &operand.data);
            outcome = Some((operand, code, payload));
        });
        let (operand, code, payload) = outcome.expect("it was just set");
        self.b.branch(code, on_error, on_success);
        self.b.switch_to(on_success);
        let success = self.success(payload, operand);
        self.move_to(join, payload, success);
        self.b.switch_to(on_error);
        self.in_scope(|body| {
            if let Some(error) = error {
                let one = body.b.i32(1);
                let number = body.b.numeric(Numeric::I32Sub, &[code, one]);
                body.begin_local(error, Operand { data: Data::Leaves(vec![number]), owned: true });
            }
            let operand = body.block(fallback, join.destination);
            body.join_with(join, operand);
        });
        self.b.jump(join.block);
    }

    /// An owned value of a type goes to the join: as it is, as the success that is wanted there, or
    /// nowhere if that wants none.
    fn move_to(&mut self, join: &Join, ty: TypeId, operand: Operand) {
        let is_wrapped = ty != join.ty && matches!(self.types().get(join.ty), Type::ErrorUnion { .. });
        match join.destination {
            Some(to) if is_wrapped => {
                let tag = self.b.i32(0);
                self.b.store(Access::Pointer, to.base, to.offset, tag);
                self.store(ty, after_tag(to), &operand.data);
            }
            Some(to) => self.store(ty, to, &operand.data),
            None if join.ty == TypeId::VOID => self.release_operand(ty, &operand.data),
            None if is_wrapped => {
                let operand = self.with_first(0, operand);
                self.join_with(join, operand);
            }
            None => self.join_with(join, operand),
        }
        self.b.jump(join.block);
    }

    fn orelse(&mut self, value: &'p Expression, fallback: &'p Expression, join: &Join) {
        let (on_value, on_null) = (self.b.new_block(), self.b.new_block());
        let operand = self.in_scope(|body| {
            let operand = body.expr(value);
            body.detach(value.ty, operand)
        });
        let has_value = self.has_value(value.ty, &operand.data);
        self.b.branch(has_value, on_value, on_null);
        self.b.switch_to(on_value);
        let Type::Optional(of) = *self.types().get(value.ty) else { unreachable!("only optionals have a payload") };
        let payload = self.payload(value.ty, operand);
        self.move_to(join, of, payload);
        self.b.switch_to(on_null);
        self.branch_to(join, fallback);
    }

    pub fn return_(&mut self, value: Option<&'p Expression>) {
        let Some(value) = value else {
            self.leave_scopes(0, None);
            self.return_values(Vec::new());
            return;
        };
        let moved = self.moved_local(value);
        let with_counts = moved.is_some_and(|moved| moved.with_counts);
        if let Some(to) = self.result_address {
            let to = Address { base: to, offset: 0 };
            match moved {
                Some(Moved { local, .. }) if with_counts => {
                    let target = self.resolved_local(local);
                    let operand = self.read(value.ty, &target);
                    self.store(value.ty, to, &operand.data);
                }
                _ => self.expr_into(value, to),
            }
            let outcome = self.outcome(value.ty, &Data::Memory(to.base));
            self.leave_scopes_but(0, outcome, moved);
            self.return_values(Vec::new());
            return;
        }
        let operand = self.expr(value);
        let operand = if with_counts { operand } else { self.own(value.ty, operand) };
        let outcome = self.outcome(value.ty, &operand.data);
        self.leave_scopes_but(0, outcome, moved);
        let Data::Leaves(values) = operand.data else { unreachable!("the result has leaves") };
        self.return_values(values);
    }

    /// Whether a returned value is an error, where somebody wants to know.
    fn outcome(&mut self, ty: TypeId, data: &Data) -> Option<Outcome> {
        let is_asked = |cleanup: &Cleanup| matches!(cleanup, Cleanup::Defer { only_on_error: true, .. });
        let is_asked = self.scopes.iter().any(|scope| scope.cleanups.iter().any(is_asked));
        if !is_asked || !matches!(self.types().get(ty), Type::ErrorUnion { .. }) {
            return None;
        }
        Some(Outcome::Code(self.error_code(ty, data).0))
    }

    /// The local whose value is returned as it is. Nothing is counted then, unless a defer may
    /// change the local in between.
    fn moved_local(&self, value: &Expression) -> Option<Moved> {
        let ExpressionKind::Load(place) = &value.kind else { return None };
        let PlaceKind::Local(local) = place.kind else { return None };
        // What it refers to is counted by others.
        if self.is_weak(place) {
            return None;
        }
        let any = |test: &dyn Fn(&Cleanup) -> bool| self.scopes.iter().any(|scope| scope.cleanups.iter().any(test));
        let is_begun = any(&|cleanup| match cleanup {
            Cleanup::ReleaseLocal(other) | Cleanup::Destroy(other, _) => *other == local,
            _ => false,
        });
        let has_defers = any(&|cleanup| matches!(cleanup, Cleanup::Defer { .. }));
        is_begun.then_some(Moved { local, with_counts: !has_defers })
    }
}

/// What a condition found.
pub struct Payload {
    pub is_true: Value,
    /// The optional and its type.
    operand: Option<(TypeId, Operand)>,
    /// The address of the value inside.
    address: Option<Value>,
}

/// The payload's place.
pub fn after_tag(address: Address) -> Address {
    Address { offset: address.offset + Types::PAYLOAD_OFFSET as u32, ..address }
}
