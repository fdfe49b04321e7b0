//! `comptime { … }`: the block is checked like any other, then its checked tree is run (section
//! 21).
//!
//! This is running: statements, calls, limits. Values and what is computed with them are in
//! `const_value` and `compute`. What can't be run, or takes too long, is an error at its place.

use std::collections::HashMap;
use std::rc::Rc;

use crate::cot::ast;
use crate::cot::check::Checker;
use crate::cot::check::block::Want;
use crate::cot::check::compute;
use crate::cot::check::const_value::ConstValue;
use crate::cot::check::model::Value;
use crate::cot::source::Span;
use crate::cot::typed::{
    ArithmeticOperator, Block, Callee, CompareOperator, CompoundOperator, Condition, Expression, ExpressionKind,
    Function, FunctionId, InterpolationPart, LocalId, LoopId, Pattern, Place, PlaceKind, Sequence, Statement,
    StatementKind, Switch, SwitchSubject,
};
use crate::cot::types::TypeId;

/// Steps that one block may take.
const MAX_STEPS: u64 = 4_000_000;

/// Elements and fields, and theirs, that a variable may have.
const MAX_PARTS: u64 = 4 * MAX_STEPS;

/// How many calls one block may make within each other.
const MAX_CALLS: u32 = 200;

/// How many functions that are called may be checked within each other: each has a stack of its own
/// calls.
const MAX_BODIES: usize = 100;

/// Why running stopped.
enum Stop {
    /// The place and what about it can't be done.
    Failed(Span, String),
    Break(LoopId),
    Continue(LoopId),
    Return(ConstValue),
}

type Run<T> = Result<T, Stop>;

impl<'a> Checker<'a> {
    pub(super) fn check_comptime(&mut self, block: &'a ast::Block, expected: Option<TypeId>, span: Span) -> Value {
        let value = self.check_block(block, Want::Value(expected));
        if value.is_erroneous() || Self::is_constant_or_untyped(&value) {
            return value;
        }
        let mut evaluator = Evaluator { checker: self, steps: 0, depth: 0, locals: HashMap::new() };
        match evaluator.evaluate(&value.expr) {
            Ok(result) => self.constant(result, span).into(),
            Err(Stop::Failed(place, message)) => {
                self.type_error(place, format!("this can't be evaluated at compile time: {message}"));
                self.erroneous(span)
            }
            Err(Stop::Break(_) | Stop::Continue(_) | Stop::Return(_)) => self.erroneous(span),
        }
    }

    /// The body of a function, which is checked first if nobody needed it yet; none while it is
    /// being checked.
    fn runnable(&mut self, id: FunctionId) -> Option<Rc<Function>> {
        if let Some(known) = self.runnable.get(&id) {
            return Some(Rc::clone(known));
        }
        if !self.check_now(id) {
            return None;
        }
        let function = Rc::new(self.output[id].clone());
        self.runnable.insert(id, Rc::clone(&function));
        Some(function)
    }
}

/// Runs one block, and the functions that it calls.
struct Evaluator<'c, 'a> {
    /// Asked for functions, types and texts.
    checker: &'c mut Checker<'a>,
    steps: u64,
    /// Of calls around what is run.
    depth: u32,
    /// What locals of the innermost call hold.
    locals: HashMap<LocalId, ConstValue>,
}

impl Evaluator<'_, '_> {
    fn evaluate(&mut self, expr: &Expression) -> Run<ConstValue> {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return fail(expr.span, "it takes too long");
        }
        let (ty, span) = (expr.ty, expr.span);
        if let Some(constant) = ConstValue::of(expr, &self.checker.output) {
            return Ok(constant);
        }
        Ok(match &expr.kind {
            ExpressionKind::Zero => {
                let zero = ConstValue::zero(&self.checker.types, ty, &mut { MAX_PARTS });
                known(zero, span, "only numbers, bools, strings, and arrays and structs of those are known")?
            }
            ExpressionKind::Load(place) => self.load(place)?,
            ExpressionKind::Negate(inner) => {
                let value = self.evaluate(inner)?;
                known(compute::negate(&self.checker.types, &value), span, "only numbers can be negated")?
            }
            ExpressionKind::BitNot(inner) => {
                let value = self.evaluate(inner)?;
                known(compute::bit_not(&self.checker.types, &value), span, "only integers have bits")?
            }
            ExpressionKind::Not(inner) => ConstValue::Bool(!self.truth(inner)?),
            ExpressionKind::Logical { is_and, left, right } => {
                let first = self.truth(left)?;
                ConstValue::Bool(if first == *is_and { self.truth(right)? } else { first })
            }
            ExpressionKind::Arithmetic { operator, left, right } => {
                let (left, right) = (self.evaluate(left)?, self.evaluate(right)?);
                self.arithmetic(*operator, &left, &right, span)?
            }
            ExpressionKind::Compare { operator, left, right } => {
                let (left, right) = (self.evaluate(left)?, self.evaluate(right)?);
                let result = compute::compare(*operator, &left, &right);
                ConstValue::Bool(known(result, span, "these values can't be compared")?)
            }
            ExpressionKind::SequenceEqual { left, right, negated } => {
                let (left, right) = (self.evaluate(left)?, self.evaluate(right)?);
                let operator = if *negated { CompareOperator::NotEqual } else { CompareOperator::Equal };
                let result = compute::compare(operator, &left, &right);
                ConstValue::Bool(known(result, span, "these strings are not known")?)
            }
            ExpressionKind::Concat { left, right } => {
                let (left, right) = (self.evaluate(left)?, self.evaluate(right)?);
                known(compute::concat(left, right, ty), span, "these values are not known")?
            }
            ExpressionKind::SliceLength(inner) => match self.evaluate(inner)? {
                ConstValue::String(text) => ConstValue::Int(text.len() as i128, ty),
                _ => return fail(span, "it needs the program to run"),
            },
            ExpressionKind::Convert { conversion, value } => {
                let value = self.evaluate(value)?;
                let result = compute::convert(&self.checker.types, *conversion, &value, ty);
                known(result, span, "this conversion needs the program to run")?
            }
            ExpressionKind::Builtin { builtin, arguments } => {
                let arguments = self.evaluate_all(arguments)?;
                let result = compute::builtin(&self.checker.types, *builtin, &arguments, ty);
                known(result, span, "it needs the program to run")?
            }
            ExpressionKind::Interpolate(parts) => self.interpolate(parts)?,
            ExpressionKind::Slice { base, start, end } => match &**base {
                Sequence::Slice(base) => self.slice(base, start.as_deref(), end.as_deref(), span)?,
                Sequence::Array(_) => return fail(span, "slices of arrays are not known"),
            },
            ExpressionKind::Switch(switch) => self.switch(switch, span)?,
            ExpressionKind::Struct(fields) => {
                let mut parts = vec![ConstValue::Void; fields.len()];
                for (index, field) in fields {
                    parts[*index] = self.evaluate(field)?;
                }
                ConstValue::Aggregate(parts, ty)
            }
            ExpressionKind::Array(items) | ExpressionKind::Tuple(items) => {
                ConstValue::Aggregate(self.evaluate_all(items)?, ty)
            }
            ExpressionKind::Block(block) => self.block(block)?,
            ExpressionKind::If { condition, then, otherwise } => match &**condition {
                Condition::Bool(condition) => {
                    if self.truth(condition)? {
                        self.block(then)?
                    } else if let Some(otherwise) = otherwise {
                        self.block(otherwise)?
                    } else {
                        ConstValue::Void
                    }
                }
                _ => return fail(span, "optionals are not known"),
            },
            ExpressionKind::Call { callee: Callee::Function(function), arguments } => {
                let arguments = self.evaluate_all(arguments)?;
                self.call(*function, arguments, span)?
            }
            ExpressionKind::Return(value) => {
                let value = value.as_ref().map_or(Ok(ConstValue::Void), |value| self.evaluate(value));
                return Err(Stop::Return(value?));
            }
            ExpressionKind::Break(id) => return Err(Stop::Break(*id)),
            ExpressionKind::Continue(id) => return Err(Stop::Continue(*id)),
            _ => return fail(span, "it needs the program to run"),
        })
    }

    fn evaluate_all(&mut self, all: &[Expression]) -> Run<Vec<ConstValue>> {
        all.iter().map(|it| self.evaluate(it)).collect()
    }

    fn call(&mut self, id: FunctionId, arguments: Vec<ConstValue>, span: Span) -> Run<ConstValue> {
        if self.depth >= MAX_CALLS || self.checker.bodies.len() >= MAX_BODIES {
            return fail(span, "too many calls lie within each other");
        }
        let function = known(self.checker.runnable(id), span, "the function is not known before this block is")?;
        if !function.captures.is_empty() {
            return fail(span, "closures need the program to run");
        }
        let inner = (0..).map(LocalId).zip(arguments).collect();
        let outer = std::mem::replace(&mut self.locals, inner);
        self.depth += 1;
        let ended = self.block(&function.body);
        self.depth -= 1;
        self.locals = outer;
        match ended {
            Err(Stop::Return(value)) => Ok(value),
            Err(stop) => Err(stop),
            Ok(_) if function.result == TypeId::VOID => Ok(ConstValue::Void),
            Ok(_) => fail(span, "the function returns nothing here"),
        }
    }

    fn truth(&mut self, expr: &Expression) -> Run<bool> {
        match self.evaluate(expr)? {
            ConstValue::Bool(value) => Ok(value),
            _ => fail(expr.span, "this bool is not known"),
        }
    }

    fn integer(&mut self, expr: &Expression, span: Span, otherwise: &str) -> Run<i128> {
        match self.evaluate(expr)? {
            ConstValue::Int(number, _) => Ok(number),
            _ => fail(span, otherwise),
        }
    }

    fn load(&mut self, place: &Place) -> Run<ConstValue> {
        if let PlaceKind::SliceElement { slice, index } = &place.kind {
            return self.load_byte(slice, index, place);
        }
        let indices = self.path(place)?;
        match root_of(place) {
            PlaceKind::Temporary(inner) => {
                let mut value = self.evaluate(inner)?;
                follow(&mut value, &indices, place.span).cloned()
            }
            PlaceKind::Local(local) => match self.locals.get_mut(local) {
                Some(value) => follow(value, &indices, place.span).cloned(),
                None => fail(place.span, "this variable is not known"),
            },
            _ => fail(place.span, "this variable is not known"),
        }
    }

    fn load_byte(&mut self, text: &Expression, index: &Expression, place: &Place) -> Run<ConstValue> {
        let (text, index) = (self.evaluate(text)?, self.evaluate(index)?);
        let (ConstValue::String(text), ConstValue::Int(index, _)) = (text, index) else {
            return fail(place.span, "this element is not known");
        };
        match usize::try_from(index).ok().and_then(|index| text.get(index)) {
            Some(byte) => Ok(ConstValue::Int((*byte).into(), place.ty)),
            None => fail(place.span, &format!("index {index} is out of range with length {}", text.len())),
        }
    }

    /// A part of a string.
    fn slice(
        &mut self,
        base: &Expression,
        start: Option<&Expression>,
        end: Option<&Expression>,
        span: Span,
    ) -> Run<ConstValue> {
        let ConstValue::String(text) = self.evaluate(base)? else {
            return fail(span, "this slice is not known");
        };
        let mut bound = |bound: Option<&Expression>, default: usize| match bound {
            None => Ok(default),
            Some(bound) => {
                let number = self.integer(bound, bound.span, "this bound is not known")?;
                Ok(usize::try_from(number).unwrap_or(usize::MAX))
            }
        };
        let (start, end) = (bound(start, 0)?, bound(end, text.len())?);
        match text.get(start..end) {
            Some(part) => Ok(ConstValue::String(Rc::from(part))),
            None => fail(span, &format!("the bounds are out of range with length {}", text.len())),
        }
    }

    fn interpolate(&mut self, parts: &[InterpolationPart]) -> Run<ConstValue> {
        let mut bytes = Vec::new();
        for part in parts {
            match part {
                InterpolationPart::Text(id) => bytes.extend(&self.checker.output[*id][..]),
                InterpolationPart::Value(expr) => {
                    let value = self.evaluate(expr)?;
                    known(compute::append_shown(&value, &mut bytes), expr.span, "this value is not known")?;
                }
            }
        }
        Ok(ConstValue::String(bytes.into()))
    }

    fn switch(&mut self, switch: &Switch, span: Span) -> Run<ConstValue> {
        let SwitchSubject::Value(subject) = &switch.subject else { return fail(span, "unions are not known") };
        let subject = self.evaluate(subject)?;
        for arm in &switch.arms {
            let is_it = arm.patterns.is_empty() || arm.patterns.iter().any(|pattern| self.fits(pattern, &subject));
            if is_it && arm.guard.as_ref().map_or(Ok(true), |guard| self.truth(guard))? {
                return self.evaluate(&arm.body);
            }
        }
        Ok(ConstValue::Void)
    }

    fn fits(&self, pattern: &Pattern, subject: &ConstValue) -> bool {
        match (pattern, subject) {
            (Pattern::Range(first, last), ConstValue::Int(number, _)) => (first..=last).contains(&number),
            (Pattern::Range(first, last), ConstValue::Bool(value)) => (first..=last).contains(&&i128::from(*value)),
            (Pattern::String(wanted), ConstValue::String(text)) => self.checker.output[*wanted] == *text,
            _ => false,
        }
    }

    /// Indices from the root of a place to it.
    fn path(&mut self, place: &Place) -> Run<Vec<usize>> {
        match &place.kind {
            PlaceKind::Field { base, index } => {
                let mut indices = self.path(base)?;
                indices.push(*index);
                Ok(indices)
            }
            PlaceKind::ArrayElement { base, index, .. } => {
                let mut indices = self.path(base)?;
                let number = self.integer(index, place.span, "this index is not known")?;
                indices.push(usize::try_from(number).unwrap_or(usize::MAX));
                Ok(indices)
            }
            _ => Ok(Vec::new()),
        }
    }

    fn block(&mut self, block: &Block) -> Run<ConstValue> {
        for statement in &block.statements {
            self.statement(statement)?;
        }
        block.value.as_ref().map_or(Ok(ConstValue::Void), |value| self.evaluate(value))
    }

    fn statement(&mut self, statement: &Statement) -> Run<()> {
        let span = statement.span;
        match &statement.kind {
            StatementKind::Expression(expr) => {
                self.evaluate(expr)?;
            }
            StatementKind::Local { local, value } => {
                let value = self.evaluate(value)?;
                self.locals.insert(*local, value);
            }
            StatementKind::Assign { place, value } => {
                let value = self.evaluate(value)?;
                self.store(place, value)?;
            }
            StatementKind::CompoundAssign { place, operator: CompoundOperator::Arithmetic(operator), value } => {
                let value = self.evaluate(value)?;
                let old = self.load(place)?;
                let new = self.arithmetic(*operator, &old, &value, span)?;
                self.store(place, new)?;
            }
            StatementKind::While { id, condition: Condition::Bool(condition), step, body } => {
                while self.truth(condition)? {
                    if !self.turn(body, *id)? {
                        break;
                    }
                    if let Some(step) = step {
                        self.block(step)?;
                    }
                }
            }
            StatementKind::ForRange { id, local, start, end, body } => {
                let ty = start.ty;
                let (start, end) = (self.evaluate(start)?, self.evaluate(end)?);
                let (ConstValue::Int(first, _), ConstValue::Int(last, _)) = (start, end) else {
                    return fail(span, "this range is not known");
                };
                for number in first..last {
                    self.locals.insert(*local, ConstValue::Int(number, ty));
                    if !self.turn(body, *id)? {
                        break;
                    }
                }
            }
            StatementKind::ForEach { id, index, element, subject, body } => {
                let subject = match subject {
                    Sequence::Array(place) => self.load(place)?,
                    Sequence::Slice(value) => self.evaluate(value)?,
                };
                let items = known(subject.elements(), span, "what is looped over is not known")?;
                for (position, item) in items.into_iter().enumerate() {
                    if let Some(index) = index {
                        self.locals.insert(*index, ConstValue::Int(position as i128, TypeId::I64));
                    }
                    self.locals.insert(*element, item);
                    if !self.turn(body, *id)? {
                        break;
                    }
                }
            }
            _ => return fail(span, "this statement needs the program to run"),
        }
        Ok(())
    }

    /// One turn of a loop; false if it is to end.
    fn turn(&mut self, body: &Block, id: LoopId) -> Run<bool> {
        self.steps += 1;
        match self.block(body) {
            Err(Stop::Break(of)) if of == id => Ok(false),
            Err(Stop::Continue(of)) if of == id => Ok(true),
            Err(stop) => Err(stop),
            Ok(_) if self.steps > MAX_STEPS => fail(body.end, "it takes too long"),
            Ok(_) => Ok(true),
        }
    }

    fn store(&mut self, place: &Place, value: ConstValue) -> Run<()> {
        let indices = self.path(place)?;
        let PlaceKind::Local(local) = root_of(place) else {
            return fail(place.span, "only variables of the block can be set");
        };
        match self.locals.get_mut(local) {
            Some(root) => *follow(root, &indices, place.span)? = value,
            None => return fail(place.span, "only variables of the block can be set"),
        }
        Ok(())
    }

    fn arithmetic(
        &self,
        operator: ArithmeticOperator,
        left: &ConstValue,
        right: &ConstValue,
        span: Span,
    ) -> Run<ConstValue> {
        known(compute::arithmetic(&self.checker.types, operator, left, right), span, "division by zero or overflow")
    }
}

fn fail<T>(span: Span, message: &str) -> Run<T> {
    Err(Stop::Failed(span, message.to_owned()))
}

/// What was computed, if that was possible.
fn known<T>(value: Option<T>, span: Span, otherwise: &str) -> Run<T> {
    value.map_or_else(|| fail(span, otherwise), Ok)
}

/// What a place of elements and fields is a part of.
fn root_of(place: &Place) -> &PlaceKind {
    match &place.kind {
        PlaceKind::ArrayElement { base, .. } | PlaceKind::Field { base, .. } => root_of(base),
        other => other,
    }
}

/// The element or field at the end of a path.
fn follow<'v>(mut value: &'v mut ConstValue, indices: &[usize], span: Span) -> Run<&'v mut ConstValue> {
    for index in indices {
        let ConstValue::Aggregate(parts, _) = value else {
            return fail(span, "this value is not known");
        };
        let length = parts.len();
        match parts.get_mut(*index) {
            Some(part) => value = part,
            None => return fail(span, &format!("index {index} is out of range with length {length}")),
        }
    }
    Ok(value)
}
