//! `@atomicLoad(p)`, `@atomicStore(p, v)`, and those that give the old value: `@atomicAdd(p, v)`,
//! `@atomicExchange(p, v)`, `@atomicCAS(p, expected, new)`. Programs have one thread, in which
//! plain loads and stores are atomic.

use crate::cot::check::Checker;
use crate::cot::check::builtin::BuiltinCall;
use crate::cot::check::builtins::Atomic;
use crate::cot::check::model::{Value, as_block, make};
use crate::cot::source::Span;
use crate::cot::typed::{
    ArithmeticOperator, Block, CompareOperator, Condition, Expression, ExpressionKind, LocalId, Place, PlaceKind,
    Statement, StatementKind,
};
use crate::cot::types::{Type, TypeId};

impl<'a> Checker<'a> {
    pub(super) fn check_atomic(&mut self, atomic: Atomic, call: &BuiltinCall<'a>) -> Value {
        let BuiltinCall { name, arguments, span } = *call;
        let pointer = self.check_settled(&arguments[0]);
        let ty = match *self.types.get(pointer.ty) {
            Type::Pointer(to) if self.types.is_int(to) || to == TypeId::BOOL => to,
            Type::Erroneous => return self.erroneous(span),
            _ => {
                let found = self.types.name(pointer.ty);
                self.type_error(arguments[0].span, format!("'@{name}' needs a pointer to an integer, not '{found}'"));
                return self.erroneous(span);
            }
        };
        let mut locals = Vec::new();
        let mut keep = |it: &mut Self, value: Expression| {
            let local = it.new_local("", value.ty);
            locals.push((local, value));
            local
        };
        let pointer = keep(self, pointer);
        let operands: Vec<LocalId> = arguments[1..]
            .iter()
            .map(|argument| {
                let value = self.check_as(argument, ty);
                keep(self, value)
            })
            .collect();
        let load = self.target(pointer, ty, span);
        let load = make(ExpressionKind::Load(Box::new(load)), ty, span);
        if atomic == Atomic::Load {
            return self.with_locals(locals, load).into();
        }
        let old = keep(self, load);
        let new = self.load_local(operands[operands.len() - 1], span);
        let new = match atomic {
            Atomic::Add => {
                let (left, right) = (Box::new(self.load_local(old, span)), Box::new(new));
                let operator = ArithmeticOperator::Add;
                make(ExpressionKind::Arithmetic { operator, left, right }, ty, span)
            }
            Atomic::CompareExchange => {
                let left = Box::new(self.load_local(old, span));
                let right = Box::new(self.load_local(operands[0], span));
                let operator = CompareOperator::Equal;
                let is_expected = make(ExpressionKind::Compare { operator, left, right }, TypeId::BOOL, span);
                let condition = Box::new(Condition::Bool(is_expected));
                let otherwise = Some(as_block(self.load_local(old, span)));
                make(ExpressionKind::If { condition, then: as_block(new), otherwise }, ty, span)
            }
            Atomic::Load | Atomic::Store | Atomic::Exchange => new,
        };
        let place = self.target(pointer, ty, span);
        let store = Statement { kind: StatementKind::Assign { place, value: new }, span };
        let result = if atomic == Atomic::Store { TypeId::VOID } else { ty };
        let value = (result != TypeId::VOID).then(|| Box::new(self.load_local(old, span)));
        let block = Block { statements: vec![store], value, end: span.end_point() };
        let block = make(ExpressionKind::Block(block), result, span);
        self.with_locals(locals, block).into()
    }

    /// What a pointer in a local points to.
    fn target(&mut self, pointer: LocalId, ty: TypeId, span: Span) -> Place {
        let pointer = Box::new(self.load_local(pointer, span));
        Place { kind: PlaceKind::Dereference(pointer), ty, span }
    }
}
