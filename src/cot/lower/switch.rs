//! `switch`: arms are tried in order. Where all patterns are numbers close together and no arm has a guard, one jump decides.

use super::branching::after_tag;
use super::function::{Address, Body, Data, Operand};
use super::place::Root;
use super::repr::scalar;
use super::scope::Join;
use crate::cot::ir::numeric::Numeric;
use crate::cot::ir::{Access, BlockId, Const, End, Value};
use crate::cot::typed::{Arm, CompareOperator, Pattern, Switch, SwitchSubject, UnionCapture};
use crate::cot::types::TypeId;

/// More entries than this are compared one after the other.
const MAX_TABLE: i128 = 512;
/// Fewer arms than this, too.
const MIN_TABLE_ARMS: usize = 4;

/// What the arms are compared with.
enum Subject {
    Number(Value, TypeId),
    Text(Vec<Value>),
    Union { tag: Value, place: Option<Address>, ty: TypeId },
}

impl<'p> Body<'_, 'p> {
    pub fn switch(&mut self, switch: &'p Switch, join: &Join) {
        self.scopes.push(super::scope::Scope::default());
        let subject = match &switch.subject {
            SwitchSubject::Value(value) if value.ty == TypeId::STRING => Subject::Text(self.leaves_of(value)),
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
        match self.table(switch, &subject) {
            Some(table) => self.jump_by_table(&table, &subject, &bodies, otherwise),
            None => self.compare_in_order(switch, &subject, &bodies, otherwise),
        }
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

    /// For each number from the first on, the arm that takes it; none if a table is not the way.
    fn table(&self, switch: &Switch, subject: &Subject) -> Option<Table> {
        if switch.arms.len() < MIN_TABLE_ARMS || switch.arms.iter().any(|arm| arm.guard.is_some()) {
            return None;
        }
        if let Subject::Text(_) = subject {
            return None;
        }
        let (mut first, mut last) = (i128::MAX, i128::MIN);
        for pattern in switch.arms.iter().flat_map(|arm| &arm.patterns) {
            let Pattern::Range(from, to) = *pattern else { return None };
            (first, last) = (first.min(from), last.max(to));
        }
        if first > last || last - first >= MAX_TABLE {
            return None;
        }
        let mut arms = vec![None; (last - first + 1) as usize];
        let mut default = None;
        for (number, arm) in switch.arms.iter().enumerate() {
            if arm.patterns.is_empty() {
                default = Some(number);
                break;
            }
            for pattern in &arm.patterns {
                let Pattern::Range(from, to) = *pattern else { return None };
                for value in from..=to {
                    arms[(value - first) as usize].get_or_insert(number);
                }
            }
        }
        Some(Table { first, arms, default })
    }

    fn jump_by_table(&mut self, table: &Table, subject: &Subject, bodies: &[BlockId], otherwise: BlockId) {
        let (value, ty) = match subject {
            Subject::Number(value, ty) => (*value, *ty),
            Subject::Union { tag, .. } => (*tag, TypeId::I32),
            Subject::Text(_) => unreachable!("strings have no table"),
        };
        let first = self.b.constant(self.int_constant(ty, table.first));
        let default = table.default.map_or(otherwise, |arm| bodies[arm]);
        let index = if scalar(self.types(), ty) == Access::I64 {
            let index = self.b.numeric(Numeric::I64Sub, &[value, first]);
            let length = self.b.i64(table.arms.len() as i64);
            let is_outside = self.b.numeric(Numeric::I64GeU, &[index, length]);
            let inside = self.b.new_block();
            self.b.branch(is_outside, default, inside);
            self.b.switch_to(inside);
            self.b.numeric(Numeric::I32WrapI64, &[index])
        } else {
            self.b.numeric(Numeric::I32Sub, &[value, first])
        };
        // A target of the table has no other predecessor: each gets a block of its own.
        let mut ways: Vec<Option<BlockId>> = vec![None; bodies.len() + 1];
        let mut way = |body: &mut Self, arm: Option<usize>| {
            let slot = arm.unwrap_or(bodies.len());
            *ways[slot].get_or_insert_with(|| body.b.new_block())
        };
        let targets = table.arms.iter().map(|arm| way(self, arm.or(table.default))).collect();
        let default_way = way(self, table.default);
        self.b.end(End::Switch { index, targets, default: default_way });
        for (arm, way) in ways.into_iter().enumerate() {
            if let Some(way) = way {
                self.b.switch_to(way);
                self.b.jump(bodies.get(arm).copied().unwrap_or(otherwise));
            }
        }
    }

    fn compare_in_order(&mut self, switch: &'p Switch, subject: &Subject, bodies: &[BlockId], otherwise: BlockId) {
        for (arm, body) in switch.arms.iter().zip(bodies) {
            let next = self.b.new_block();
            let fits = if arm.guard.is_some() { self.b.new_block() } else { *body };
            for pattern in &arm.patterns {
                let is_fit = self.fits(pattern, subject);
                let other = self.b.new_block();
                self.b.branch(is_fit, fits, other);
                self.b.switch_to(other);
            }
            self.b.jump(if arm.patterns.is_empty() { fits } else { next });
            if let Some(guard) = &arm.guard {
                self.b.switch_to(fits);
                let holds = self.in_scope(|it| {
                    it.capture(arm, subject);
                    it.scalar(guard)
                });
                self.b.branch(holds, *body, next);
            }
            self.b.switch_to(next);
        }
        self.b.jump(otherwise);
    }

    fn fits(&mut self, pattern: &Pattern, subject: &Subject) -> Value {
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

    fn in_range(&mut self, value: Value, ty: TypeId, first: i128, last: i128) -> Value {
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
    fn capture(&mut self, arm: &Arm, subject: &Subject) {
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

struct Table {
    first: i128,
    arms: Vec<Option<usize>>,
    /// The `else` arm.
    default: Option<usize>,
}
