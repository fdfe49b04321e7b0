//! `switch`: its subject, the bodies of its arms, what they capture. Which arm takes the subject is
//! found out by [`super::decide`].

use super::branching::after_tag;
use super::function::{Address, Body, Data, Operand};
use super::place::Root;
use super::scope::Join;
use crate::cot::ir::numeric::Numeric;
use crate::cot::ir::{Const, End, Value};
use crate::cot::typed::{Arm, CompareOperator, Pattern, Switch, SwitchSubject, UnionCapture};
use crate::cot::types::TypeId;

/// What the arms are compared with.
pub enum Subject {
    Number(Value, TypeId),
    Text(Vec<Value>),
    Union { tag: Value, place: Option<Address>, ty: TypeId },
}

impl<'p> Body<'_, 'p> {
    pub fn switch(&mut self, switch: &'p Switch, join: &Join) {
        self.scopes.push(super::scope::Scope::default());
        let subject = match &switch.subject {
            SwitchSubject::Value(value) if value.ty == TypeId::STRING => {
                let has_guards = switch.arms.iter().any(|arm| arm.guard.is_some());
                Subject::Text(self.leaves_before(value, !has_guards))
            }
            SwitchSubject::Value(value) => Subject::Number(self.scalar(value), value.ty),
            SwitchSubject::Union(place) if self.leaves(place.ty).is_some() => {
                let operand = self.read_place(place);
                let Data::Leaves(values) = operand.data else { unreachable!("the type has leaves") };
                Subject::Union { tag: values[0], place: None, ty: place.ty }
            }
            SwitchSubject::Union(place) => {
                // Guards run before all captures are made.
                let has_guards = switch.arms.iter().any(|arm| arm.guard.is_some());
                let root = if has_guards { Root::Held } else { Root::Borrowed };
                let address = self.memory_place_in(place, root);
                Subject::Union { tag: self.union_tag(address), place: Some(address), ty: place.ty }
            }
        };
        let bodies: Vec<_> = switch.arms.iter().map(|_| self.b.new_block()).collect();
        let otherwise = self.b.new_block();
        self.decide(switch, &subject, &bodies, otherwise);
        self.b.switch_to(otherwise);
        self.no_arm(switch, join);
        for (arm, block) in switch.arms.iter().zip(&bodies) {
            self.b.switch_to(*block);
            self.in_scope(|body| {
                body.capture(arm, &subject);
                match join.destination {
                    Some(to) => body.expr_into(&arm.body, to),
                    None => {
                        let operand = body.expr(&arm.body);
                        body.join_with(join, operand);
                    }
                }
            });
            self.b.jump(join.block);
        }
        // The subject's temporaries end with the switch.
        self.b.switch_to(join.block);
        if self.scopes.last().is_some_and(|scope| !scope.cleanups.is_empty()) {
            self.end_scope();
            return;
        }
        self.scopes.pop();
    }

    fn no_arm(&mut self, switch: &Switch, join: &Join) {
        let has_else = switch.arms.iter().any(|arm| arm.patterns.is_empty() && arm.guard.is_none());
        if switch.covers_all || has_else {
            self.b.end(End::Unreachable);
        } else {
            self.b.jump(join.block);
        }
    }

    pub fn fits(&mut self, pattern: &Pattern, subject: &Subject) -> Value {
        match (pattern, subject) {
            (Pattern::String(id), Subject::Text(text)) => {
                let (address, length) = self.lowering.string(*id);
                let pattern = self.string_leaves(address, length);
                self.strings_equal(text, &pattern)
            }
            (Pattern::Range(first, last), Subject::Number(value, ty)) => self.in_range(*value, *ty, *first, *last),
            (Pattern::Range(first, last), Subject::Union { tag, .. }) => {
                self.in_range(*tag, TypeId::U32, *first, *last)
            }
            _ => unreachable!("patterns fit the subject"),
        }
    }

    pub fn in_range(&mut self, value: Value, ty: TypeId, first: i128, last: i128) -> Value {
        let constant = |body: &mut Self, number: i128| -> Value {
            let constant: Const = body.int_constant(ty, number);
            body.b.constant(constant)
        };
        let low = constant(self, first);
        if first == last {
            return self.compare(CompareOperator::Equal, value, low, ty);
        }
        let high = constant(self, last);
        let above = self.compare(CompareOperator::GreaterEqual, value, low, ty);
        let below = self.compare(CompareOperator::LessEqual, value, high, ty);
        self.b.numeric(Numeric::I32And, &[above, below])
    }

    /// Begins the local that holds the payload.
    pub fn capture(&mut self, arm: &Arm, subject: &Subject) {
        let Some(UnionCapture { local, variant, by_pointer }) = arm.capture else { return };
        let Subject::Union { place, ty, .. } = subject else { unreachable!("only unions have payloads") };
        let union = self.types().union_type(*ty).expect("the subject is a union");
        let payload = union.variants[variant].payload;
        // Without a place there are no payloads but those of type void.
        let operand = match place {
            None => Operand { data: Data::Leaves(Vec::new()), owned: true },
            Some(place) if by_pointer => {
                let address = self.address_value(after_tag(*place));
                Operand { data: Data::Leaves(vec![address]), owned: false }
            }
            Some(place) => Operand { data: self.load(payload, after_tag(*place)), owned: false },
        };
        self.begin_local(local, operand);
    }
}
