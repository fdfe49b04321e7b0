//! `comptime { … }`: the block is checked like any other, then its checked tree is run (section
//! 21).
//!
//! Values are constants, and arrays, structs and tuples of those. What can't be run, or takes too
//! long, is an error at its place.

use std::collections::HashMap;
use std::rc::Rc;

use crate::cot::ast;
use crate::cot::ast::BinaryOperator;
use crate::cot::check::Checker;
use crate::cot::check::block::Want;
use crate::cot::check::model::{Untyped, Value, make};
use crate::cot::check::operator::compare_operator;
use crate::cot::source::Span;
use crate::cot::typed::{
    ArithmeticOperator, Block, Callee, CompoundOperator, Condition, Expression, ExpressionKind, FunctionId,
    InterpolationPart, LocalId, LoopId, Pattern, Place, PlaceKind, Sequence, StatementKind, Switch, SwitchSubject,
};
use crate::cot::types::{Type, TypeId};

/// Steps that one block may take.
const MAX_STEPS: u64 = 4_000_000;

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
    Return(Expression),
}

type Run<T> = Result<T, Stop>;

/// What locals hold.
#[derive(Default)]
struct Frame {
    locals: HashMap<LocalId, Expression>,
    steps: u64,
    /// Of calls around it.
    depth: u32,
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
            Err(Stop::Break(_) | Stop::Continue(_) | Stop::Return(_)) => self.erroneous(span),
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
                let result = self.fold_conversion(*conversion, &value, ty, span);
                result.ok_or(Stop::Failed(span, "this conversion needs the program to run".to_owned()))?
            }
            ExpressionKind::Builtin { builtin, arguments } => {
                let arguments: Run<Vec<_>> = arguments.iter().map(|it| self.evaluate(it, frame)).collect();
                let result = self.fold_builtin(*builtin, &arguments?, ty, span);
                result.ok_or(Stop::Failed(span, "it needs the program to run".to_owned()))?
            }
            ExpressionKind::Interpolate(parts) => self.run_interpolation(parts, ty, span, frame)?,
            ExpressionKind::Slice { base, start, end } => match &**base {
                Sequence::Slice(base) => self.run_slice(base, start.as_deref(), end.as_deref(), expr, frame)?,
                Sequence::Array(_) => return fail(span, "slices of arrays are not known"),
            },
            ExpressionKind::Switch(switch) => self.run_switch(switch, span, frame)?,
            ExpressionKind::Struct(fields) => {
                let fields: Run<Vec<_>> =
                    fields.iter().map(|(index, field)| Ok((*index, self.evaluate(field, frame)?))).collect();
                make(ExpressionKind::Struct(fields?), ty, span)
            }
            ExpressionKind::Tuple(items) => {
                let items: Run<Vec<_>> = items.iter().map(|item| self.evaluate(item, frame)).collect();
                make(ExpressionKind::Tuple(items?), ty, span)
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
            ExpressionKind::Call { callee: Callee::Function(function), arguments } => {
                let arguments: Run<Vec<_>> = arguments.iter().map(|it| self.evaluate(it, frame)).collect();
                self.run_call(*function, arguments?, span, frame)?
            }
            ExpressionKind::Return(value) => {
                let value = match value {
                    Some(value) => self.evaluate(value, frame)?,
                    None => make(ExpressionKind::Void, TypeId::VOID, span),
                };
                return Err(Stop::Return(value));
            }
            ExpressionKind::Break(id) => return Err(Stop::Break(*id)),
            ExpressionKind::Continue(id) => return Err(Stop::Continue(*id)),
            _ => return fail(span, "it needs the program to run"),
        })
    }

    /// Runs a function, which is checked first if nobody needed it yet.
    fn run_call(
        &mut self,
        id: FunctionId,
        arguments: Vec<Expression>,
        span: Span,
        frame: &mut Frame,
    ) -> Run<Expression> {
        if frame.depth >= MAX_CALLS || self.bodies.len() >= MAX_BODIES {
            return fail(span, "too many calls lie within each other");
        }
        let function = match self.runnable.get(&id).map(Rc::clone) {
            Some(known) => known,
            None if !self.check_now(id) => return fail(span, "the function is not known before this block is"),
            None => {
                let function = Rc::new(self.output[id].clone());
                self.runnable.insert(id, Rc::clone(&function));
                function
            }
        };
        if !function.captures.is_empty() {
            return fail(span, "closures need the program to run");
        }
        let locals = (0..).map(LocalId).zip(arguments).collect();
        let mut inner = Frame { locals, steps: frame.steps, depth: frame.depth + 1 };
        let ended = self.run_block(&function.body, &mut inner);
        frame.steps = inner.steps;
        match ended {
            Err(Stop::Return(value)) => Ok(Expression { span, ..value }),
            Err(stop) => Err(stop),
            Ok(_) if function.result == TypeId::VOID => Ok(make(ExpressionKind::Void, TypeId::VOID, span)),
            Ok(_) => fail(span, "the function returns nothing here"),
        }
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
            Type::Struct(id) => {
                let fields: Vec<TypeId> = self.types.structs[id.0 as usize].fields.iter().map(|it| it.ty).collect();
                let zeros = fields.into_iter().enumerate().map(|(index, ty)| Ok((index, self.zero(ty, span)?)));
                ExpressionKind::Struct(zeros.collect::<Run<_>>()?)
            }
            _ => return fail(span, "only numbers, bools, strings, and arrays and structs of those are known"),
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
        if let PlaceKind::SliceElement { slice, index } = &place.kind {
            return self.load_byte(slice, index, place, frame);
        }
        let indices = self.path(place, frame)?;
        match root_of(place) {
            PlaceKind::Temporary(inner) => {
                let mut value = self.evaluate(inner, frame)?;
                follow(&mut value, &indices, place.span).cloned()
            }
            PlaceKind::Local(local) => match frame.locals.get_mut(local) {
                Some(value) => follow(value, &indices, place.span).cloned(),
                None => fail(place.span, "this variable is not known"),
            },
            _ => fail(place.span, "this variable is not known"),
        }
    }

    fn load_byte(
        &mut self,
        text: &Expression,
        index: &Expression,
        place: &Place,
        frame: &mut Frame,
    ) -> Run<Expression> {
        let (text, index) = (self.evaluate(text, frame)?, self.evaluate(index, frame)?);
        let (ExpressionKind::String(id), ExpressionKind::Int(index)) = (text.kind, index.kind) else {
            return fail(place.span, "this element is not known");
        };
        let text = &self.output[id];
        match usize::try_from(index).ok().and_then(|index| text.get(index)) {
            Some(byte) => Ok(make(ExpressionKind::Int((*byte).into()), place.ty, place.span)),
            None => fail(place.span, &format!("index {index} is out of range with length {}", text.len())),
        }
    }

    /// A part of a string.
    fn run_slice(
        &mut self,
        base: &Expression,
        start: Option<&Expression>,
        end: Option<&Expression>,
        whole: &Expression,
        frame: &mut Frame,
    ) -> Run<Expression> {
        let ExpressionKind::String(id) = self.evaluate(base, frame)?.kind else {
            return fail(whole.span, "this slice is not known");
        };
        let text = self.output[id].clone();
        let mut bound = |it: &mut Self, bound: Option<&Expression>, default: usize| match bound {
            None => Ok(default),
            Some(bound) => match it.evaluate(bound, frame)?.kind {
                ExpressionKind::Int(number) => Ok(usize::try_from(number).unwrap_or(usize::MAX)),
                _ => fail(bound.span, "this bound is not known"),
            },
        };
        let (start, end) = (bound(self, start, 0)?, bound(self, end, text.len())?);
        match text.get(start..end) {
            Some(part) => {
                let part = self.output.string(&Rc::from(part));
                Ok(make(ExpressionKind::String(part), whole.ty, whole.span))
            }
            None => fail(whole.span, &format!("the bounds are out of range with length {}", text.len())),
        }
    }

    fn run_interpolation(
        &mut self,
        parts: &[InterpolationPart],
        ty: TypeId,
        span: Span,
        frame: &mut Frame,
    ) -> Run<Expression> {
        let mut bytes = Vec::new();
        for part in parts {
            match part {
                InterpolationPart::Text(id) => bytes.extend(&self.output[*id]),
                InterpolationPart::Value(value) => {
                    let value = self.evaluate(value, frame)?;
                    let shown = self.append_shown(&value, &mut bytes);
                    shown.ok_or(Stop::Failed(value.span, "this value is not known".to_owned()))?;
                }
            }
        }
        let id = self.output.string(&bytes.into());
        Ok(make(ExpressionKind::String(id), ty, span))
    }

    fn run_switch(&mut self, switch: &Switch, span: Span, frame: &mut Frame) -> Run<Expression> {
        let SwitchSubject::Value(subject) = &switch.subject else { return fail(span, "unions are not known") };
        let subject = self.evaluate(subject, frame)?.kind;
        let fits = |pattern: &Pattern| match (pattern, &subject) {
            (Pattern::Range(first, last), ExpressionKind::Int(number)) => (first..=last).contains(&number),
            (Pattern::Range(first, last), ExpressionKind::Bool(value)) => (first..=last).contains(&&i128::from(*value)),
            (Pattern::String(wanted), ExpressionKind::String(id)) => wanted == id,
            _ => false,
        };
        for arm in &switch.arms {
            let is_it = arm.patterns.is_empty() || arm.patterns.iter().any(fits);
            if is_it && arm.guard.as_ref().map_or(Ok(true), |guard| self.truth(guard, frame))? {
                return self.evaluate(&arm.body, frame);
            }
        }
        Ok(make(ExpressionKind::Void, TypeId::VOID, span))
    }

    /// Indices from the root of a place to it.
    fn path(&mut self, place: &Place, frame: &mut Frame) -> Run<Vec<usize>> {
        match &place.kind {
            PlaceKind::Field { base, index } => {
                let mut indices = self.path(base, frame)?;
                indices.push(*index);
                Ok(indices)
            }
            PlaceKind::ArrayElement { base, index, .. } => {
                let mut indices = self.path(base, frame)?;
                match self.evaluate(index, frame)?.kind {
                    ExpressionKind::Int(number) => indices.push(usize::try_from(number).unwrap_or(usize::MAX)),
                    _ => return fail(place.span, "this index is not known"),
                }
                Ok(indices)
            }
            _ => Ok(Vec::new()),
        }
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
            StatementKind::ForEach { id, index, element, subject, body } => {
                let items = self.elements(subject, span, frame)?;
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

    /// What a loop goes over: the elements of an array, the bytes of a string.
    fn elements(&mut self, subject: &Sequence, span: Span, frame: &mut Frame) -> Run<Vec<Expression>> {
        let value = match subject {
            Sequence::Array(place) => self.load(place, frame)?,
            Sequence::Slice(value) => self.evaluate(value, frame)?,
        };
        match value.kind {
            ExpressionKind::Array(items) => Ok(items),
            ExpressionKind::String(id) => {
                let bytes = self.output[id].iter();
                Ok(bytes.map(|byte| make(ExpressionKind::Int((*byte).into()), TypeId::U8, span)).collect())
            }
            _ => fail(span, "what is looped over is not known"),
        }
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
        let PlaceKind::Local(local) = root_of(place) else {
            return fail(place.span, "only variables of the block can be set");
        };
        match frame.locals.get_mut(local) {
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
        let folded = self.fold_arithmetic(operator, left, right, Untyped::No, span);
        folded.map(|value| value.expr).ok_or(Stop::Failed(span, "division by zero or overflow".to_owned()))
    }

    fn run_concat(&mut self, left: Expression, right: Expression, ty: TypeId, span: Span) -> Run<Expression> {
        match (left.kind, right.kind) {
            (ExpressionKind::String(a), ExpressionKind::String(b)) => {
                let joined = [&self.output[a][..], &self.output[b][..]].concat();
                Ok(make(ExpressionKind::String(self.output.string(&joined.into())), ty, span))
            }
            (ExpressionKind::Array(mut a), ExpressionKind::Array(b)) => {
                a.extend(b);
                Ok(make(ExpressionKind::Array(a), ty, span))
            }
            _ => fail(span, "these values are not known"),
        }
    }
}

fn fail<T>(span: Span, message: &str) -> Run<T> {
    Err(Stop::Failed(span, message.to_owned()))
}

/// What a place of elements and fields is a part of.
fn root_of(place: &Place) -> &PlaceKind {
    match &place.kind {
        PlaceKind::ArrayElement { base, .. } | PlaceKind::Field { base, .. } => root_of(base),
        other => other,
    }
}

/// The element or field at the end of a path.
fn follow<'e>(mut value: &'e mut Expression, indices: &[usize], span: Span) -> Run<&'e mut Expression> {
    for index in indices {
        let (part, length) = match &mut value.kind {
            ExpressionKind::Array(items) | ExpressionKind::Tuple(items) => {
                let length = items.len();
                (items.get_mut(*index), length)
            }
            ExpressionKind::Struct(fields) => {
                let length = fields.len();
                (fields.iter_mut().find(|field| field.0 == *index).map(|field| &mut field.1), length)
            }
            _ => return fail(span, "this value is not known"),
        };
        match part {
            Some(part) => value = part,
            None => return fail(span, &format!("index {index} is out of range with length {length}")),
        }
    }
    Ok(value)
}
