//! `comptime { … }`: the block is checked like any other, then its checked tree is run (section 21).
//!
//! Values are constants and arrays of those. What can't be run, or takes too long, is an error at its place.

use std::collections::HashMap;

use crate::cot::ast;
use crate::cot::ast::BinaryOperator;
use crate::cot::check::Checker;
use crate::cot::check::block::Want;
use crate::cot::check::convert::{Value, make, round_float};
use crate::cot::check::operator::compare_operator;
use crate::cot::source::Span;
use crate::cot::typed::{
    ArithmeticOperator, Block, CompoundOperator, Condition, Conversion, Expression, ExpressionKind, LocalId, LoopId,
    Place, PlaceKind, Sequence, StatementKind,
};
use crate::cot::types::{Type, TypeId};

/// Steps that one block may take.
const MAX_STEPS: u64 = 4_000_000;

/// Why running stopped.
enum Stop {
    /// The place and what about it can't be done.
    Failed(Span, String),
    Break(LoopId),
    Continue(LoopId),
}

type Run<T> = Result<T, Stop>;

/// What locals hold: constant expressions, and arrays of those.
#[derive(Default)]
struct Frame {
    locals: HashMap<LocalId, Expression>,
    steps: u64,
}

impl<'a> Checker<'a> {
    pub(super) fn check_comptime(&mut self, block: &'a ast::Block, expected: Option<TypeId>, span: Span) -> Value {
        let value = self.check_block(block, Want::Value(expected));
        if value.is_erroneous() || Self::is_constant_or_untyped(&value) {
            return value;
        }
        match self.evaluate(&value.expr, &mut Frame::default()) {
            Ok(result) => Expression { span, ..result }.into(),
            Err(Stop::Failed(place, message)) => {
                self.type_error(place, format!("this can't be evaluated at compile time: {message}"));
                self.erroneous(span)
            }
            Err(Stop::Break(_) | Stop::Continue(_)) => self.erroneous(span),
        }
    }

    fn evaluate(&mut self, expr: &Expression, frame: &mut Frame) -> Run<Expression> {
        frame.steps += 1;
        if frame.steps > MAX_STEPS {
            return fail(expr.span, "it takes too long");
        }
        let (ty, span) = (expr.ty, expr.span);
        Ok(match &expr.kind {
            ExpressionKind::Int(_)
            | ExpressionKind::Float(_)
            | ExpressionKind::Bool(_)
            | ExpressionKind::String(_)
            | ExpressionKind::Void => expr.clone(),
            ExpressionKind::Zero => self.zero(ty, span)?,
            ExpressionKind::Load(place) => self.load(place, frame)?,
            ExpressionKind::Array(items) => {
                let items: Run<Vec<_>> = items.iter().map(|item| self.evaluate(item, frame)).collect();
                make(ExpressionKind::Array(items?), ty, span)
            }
            ExpressionKind::Negate(inner) => match self.evaluate(inner, frame)?.kind {
                ExpressionKind::Int(number) => make(ExpressionKind::Int(self.wrap(-number, ty)), ty, span),
                ExpressionKind::Float(number) => make(ExpressionKind::Float(-number), ty, span),
                _ => return fail(span, "only numbers can be negated"),
            },
            ExpressionKind::BitNot(inner) => match self.evaluate(inner, frame)?.kind {
                ExpressionKind::Int(number) => make(ExpressionKind::Int(self.wrap(!number, ty)), ty, span),
                _ => return fail(span, "only integers have bits"),
            },
            ExpressionKind::Not(inner) => make(ExpressionKind::Bool(!self.truth(inner, frame)?), ty, span),
            ExpressionKind::Logical { is_and, left, right } => {
                let first = self.truth(left, frame)?;
                let value = if first == *is_and { self.truth(right, frame)? } else { first };
                make(ExpressionKind::Bool(value), ty, span)
            }
            ExpressionKind::Arithmetic { operator, left, right } => {
                let (left, right) = (self.evaluate(left, frame)?, self.evaluate(right, frame)?);
                self.run_arithmetic(*operator, &left, &right, span)?
            }
            ExpressionKind::Compare { operator, left, right } => {
                let (left, right) = (self.evaluate(left, frame)?, self.evaluate(right, frame)?);
                match self.fold_compare(*operator, &left, &right) {
                    Some(value) => make(ExpressionKind::Bool(value), ty, span),
                    None => return fail(span, "these values can't be compared"),
                }
            }
            ExpressionKind::SequenceEqual { left, right, negated } => {
                let (left, right) = (self.evaluate(left, frame)?, self.evaluate(right, frame)?);
                let operator = if *negated { BinaryOperator::NotEqual } else { BinaryOperator::Equal };
                match self.fold_compare(compare_operator(operator), &left, &right) {
                    Some(value) => make(ExpressionKind::Bool(value), ty, span),
                    None => return fail(span, "these strings are not known"),
                }
            }
            ExpressionKind::Concat { left, right } => {
                let (left, right) = (self.evaluate(left, frame)?, self.evaluate(right, frame)?);
                self.run_concat(left, right, ty, span)?
            }
            ExpressionKind::SliceLength(inner) => {
                let inner = self.evaluate(inner, frame)?;
                self.length_of(inner, span).expr
            }
            ExpressionKind::Convert { conversion, value } => {
                let value = self.evaluate(value, frame)?;
                self.run_conversion(*conversion, value, ty, span)?
            }
            ExpressionKind::Block(block) => self.run_block(block, frame)?,
            ExpressionKind::If { condition, then, otherwise } => match &**condition {
                Condition::Bool(condition) => {
                    if self.truth(condition, frame)? {
                        self.run_block(then, frame)?
                    } else if let Some(otherwise) = otherwise {
                        self.run_block(otherwise, frame)?
                    } else {
                        make(ExpressionKind::Void, TypeId::VOID, span)
                    }
                }
                _ => return fail(span, "optionals are not known"),
            },
            ExpressionKind::Break(id) => return Err(Stop::Break(*id)),
            ExpressionKind::Continue(id) => return Err(Stop::Continue(*id)),
            _ => return fail(span, "it needs the program to run"),
        })
    }

    fn zero(&mut self, ty: TypeId, span: Span) -> Run<Expression> {
        let kind = match *self.types.get(ty) {
            Type::Int { .. } | Type::Enum(_) => ExpressionKind::Int(0),
            Type::Float { .. } => ExpressionKind::Float(0.0),
            Type::Bool => ExpressionKind::Bool(false),
            Type::Slice(TypeId::U8) => return Ok(self.text("", span).expr),
            Type::Array { element, length } if length <= MAX_STEPS => {
                let element = self.zero(element, span)?;
                ExpressionKind::Array(vec![element; length as usize])
            }
            _ => return fail(span, "only numbers, bools, strings and arrays of those are known"),
        };
        Ok(make(kind, ty, span))
    }

    fn truth(&mut self, expr: &Expression, frame: &mut Frame) -> Run<bool> {
        match self.evaluate(expr, frame)?.kind {
            ExpressionKind::Bool(value) => Ok(value),
            _ => fail(expr.span, "this bool is not known"),
        }
    }

    fn load(&mut self, place: &Place, frame: &mut Frame) -> Run<Expression> {
        let indices = self.path(place, frame)?;
        if let (root, None) = root_of(place) {
            return match root {
                PlaceKind::Temporary(inner) => {
                    let mut value = self.evaluate(inner, frame)?;
                    follow(&mut value, &indices, place.span).cloned()
                }
                _ => fail(place.span, "this variable is not known"),
            };
        }
        let (_, Some(local)) = root_of(place) else { return fail(place.span, "this variable is not known") };
        match frame.locals.get_mut(&local) {
            Some(value) => follow(value, &indices, place.span).cloned(),
            None => fail(place.span, "this variable is not known"),
        }
    }

    /// Indices from the root of a place to it.
    fn path(&mut self, place: &Place, frame: &mut Frame) -> Run<Vec<usize>> {
        let PlaceKind::ArrayElement { base, index, .. } = &place.kind else { return Ok(Vec::new()) };
        let mut indices = self.path(base, frame)?;
        match self.evaluate(index, frame)?.kind {
            ExpressionKind::Int(number) => indices.push(usize::try_from(number).unwrap_or(usize::MAX)),
            _ => return fail(place.span, "this index is not known"),
        }
        Ok(indices)
    }

    fn run_block(&mut self, block: &Block, frame: &mut Frame) -> Run<Expression> {
        for statement in &block.statements {
            self.run_statement(&statement.kind, statement.span, frame)?;
        }
        match &block.value {
            Some(value) => self.evaluate(value, frame),
            None => Ok(make(ExpressionKind::Void, TypeId::VOID, block.end)),
        }
    }

    fn run_statement(&mut self, kind: &StatementKind, span: Span, frame: &mut Frame) -> Run<()> {
        match kind {
            StatementKind::Expression(expr) => {
                self.evaluate(expr, frame)?;
            }
            StatementKind::Local { local, value } => {
                let value = self.evaluate(value, frame)?;
                frame.locals.insert(*local, value);
            }
            StatementKind::Assign { place, value } => {
                let value = self.evaluate(value, frame)?;
                self.store(place, value, frame)?;
            }
            StatementKind::CompoundAssign { place, operator: CompoundOperator::Arithmetic(operator), value } => {
                let value = self.evaluate(value, frame)?;
                let old = self.load(place, frame)?;
                let new = self.run_arithmetic(*operator, &old, &value, span)?;
                self.store(place, new, frame)?;
            }
            StatementKind::While { id, condition: Condition::Bool(condition), step, body } => {
                while self.truth(condition, frame)? {
                    if !self.run_turn(body, *id, frame)? {
                        break;
                    }
                    if let Some(step) = step {
                        self.run_block(step, frame)?;
                    }
                }
            }
            StatementKind::ForRange { id, local, start, end, body } => {
                let (start, end) = (self.evaluate(start, frame)?, self.evaluate(end, frame)?);
                let (ExpressionKind::Int(first), ExpressionKind::Int(last)) = (&start.kind, &end.kind) else {
                    return fail(span, "this range is not known");
                };
                for number in *first..*last {
                    frame.locals.insert(*local, make(ExpressionKind::Int(number), start.ty, span));
                    if !self.run_turn(body, *id, frame)? {
                        break;
                    }
                }
            }
            StatementKind::ForEach { id, index, element, subject: Sequence::Array(place), body } => {
                let array = self.load(place, frame)?;
                let ExpressionKind::Array(items) = array.kind else { return fail(span, "this array is not known") };
                for (position, item) in items.into_iter().enumerate() {
                    if let Some(index) = index {
                        frame.locals.insert(*index, self.integer(position as i128, span).expr);
                    }
                    frame.locals.insert(*element, item);
                    if !self.run_turn(body, *id, frame)? {
                        break;
                    }
                }
            }
            _ => return fail(span, "this statement needs the program to run"),
        }
        Ok(())
    }

    /// One turn of a loop; false if it is to end.
    fn run_turn(&mut self, body: &Block, id: LoopId, frame: &mut Frame) -> Run<bool> {
        frame.steps += 1;
        match self.run_block(body, frame) {
            Err(Stop::Break(of)) if of == id => Ok(false),
            Err(Stop::Continue(of)) if of == id => Ok(true),
            Err(stop) => Err(stop),
            Ok(_) if frame.steps > MAX_STEPS => fail(body.end, "it takes too long"),
            Ok(_) => Ok(true),
        }
    }

    fn store(&mut self, place: &Place, value: Expression, frame: &mut Frame) -> Run<()> {
        let indices = self.path(place, frame)?;
        let (_, Some(local)) = root_of(place) else {
            return fail(place.span, "only variables of the block can be set");
        };
        match frame.locals.get_mut(&local) {
            Some(root) => *follow(root, &indices, place.span)? = value,
            None => return fail(place.span, "only variables of the block can be set"),
        }
        Ok(())
    }

    fn run_arithmetic(
        &mut self,
        operator: ArithmeticOperator,
        left: &Expression,
        right: &Expression,
        span: Span,
    ) -> Run<Expression> {
        let operator = match operator {
            ArithmeticOperator::Add => BinaryOperator::Add,
            ArithmeticOperator::Subtract => BinaryOperator::Subtract,
            ArithmeticOperator::Multiply => BinaryOperator::Multiply,
            ArithmeticOperator::Divide => BinaryOperator::Divide,
            ArithmeticOperator::Remainder => BinaryOperator::Remainder,
            ArithmeticOperator::BitAnd => BinaryOperator::BitAnd,
            ArithmeticOperator::BitOr => BinaryOperator::BitOr,
            ArithmeticOperator::BitXor => BinaryOperator::BitXor,
            ArithmeticOperator::ShiftLeft => BinaryOperator::ShiftLeft,
            ArithmeticOperator::ShiftRight => BinaryOperator::ShiftRight,
        };
        let folded = self.fold_arithmetic(operator, left, right, super::convert::Untyped::No, span);
        folded.map(|value| value.expr).ok_or(Stop::Failed(span, "division by zero or overflow".to_owned()))
    }

    fn run_concat(&mut self, left: Expression, right: Expression, ty: TypeId, span: Span) -> Run<Expression> {
        match (left.kind, right.kind) {
            (ExpressionKind::String(a), ExpressionKind::String(b)) => {
                let joined = [&self.strings[a.0 as usize][..], &self.strings[b.0 as usize][..]].concat();
                Ok(make(ExpressionKind::String(self.string(&joined.into())), ty, span))
            }
            (ExpressionKind::Array(mut a), ExpressionKind::Array(b)) => {
                a.extend(b);
                Ok(make(ExpressionKind::Array(a), ty, span))
            }
            _ => fail(span, "these values are not known"),
        }
    }

    fn run_conversion(&mut self, conversion: Conversion, value: Expression, ty: TypeId, span: Span) -> Run<Expression> {
        let target = self.types.get(ty).clone();
        let kind = match (conversion, value.kind, target) {
            (Conversion::ResizeInt, ExpressionKind::Int(number), _) => ExpressionKind::Int(self.wrap(number, ty)),
            (Conversion::Reinterpret, kind @ ExpressionKind::Int(_), _) => kind,
            (Conversion::BoolToInt, ExpressionKind::Bool(value), _) => ExpressionKind::Int(i128::from(value)),
            (Conversion::IntToFloat, ExpressionKind::Int(number), Type::Float { bits }) => {
                ExpressionKind::Float(if bits == 32 { f64::from(number as f32) } else { number as f64 })
            }
            (Conversion::ResizeFloat, ExpressionKind::Float(number), Type::Float { bits }) => {
                ExpressionKind::Float(round_float(number, bits))
            }
            _ => return fail(span, "this conversion needs the program to run"),
        };
        Ok(make(kind, ty, span))
    }
}

fn fail<T>(span: Span, message: &str) -> Run<T> {
    Err(Stop::Failed(span, message.to_owned()))
}

/// What a place of elements is a part of, and the local if it is one.
fn root_of(place: &Place) -> (&PlaceKind, Option<LocalId>) {
    match &place.kind {
        PlaceKind::ArrayElement { base, .. } => root_of(base),
        PlaceKind::Local(local) => (&place.kind, Some(*local)),
        other => (other, None),
    }
}

/// The element at the end of a path.
fn follow<'e>(mut value: &'e mut Expression, indices: &[usize], span: Span) -> Run<&'e mut Expression> {
    for index in indices {
        let ExpressionKind::Array(items) = &mut value.kind else { return fail(span, "this array is not known") };
        let length = items.len();
        match items.get_mut(*index) {
            Some(item) => value = item,
            None => return fail(span, &format!("index {index} is out of range with length {length}")),
        }
    }
    Ok(value)
}
