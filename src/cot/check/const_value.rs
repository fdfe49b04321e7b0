//! Values that are known at compile time, apart from the tree of the program: what a constant of
//! the tree is, and how a value becomes a part of the tree again.

use std::rc::Rc;

use crate::cot::check::model::make;
use crate::cot::check::output::Output;
use crate::cot::source::Span;
use crate::cot::typed::{Expression, ExpressionKind};
use crate::cot::types::{Type, TypeId, Types};

#[derive(Clone, Debug)]
pub(super) enum ConstValue {
    Void,
    /// In the range of its type: an integer type or an enum (its backing value).
    Int(i128, TypeId),
    /// Rounded to its type.
    Float(f64, TypeId),
    Bool(bool),
    String(Rc<[u8]>),
    /// An array, struct or tuple: elements, or fields by their indices.
    Aggregate(Vec<ConstValue>, TypeId),
}

impl ConstValue {
    /// The value of a constant of the tree; none of other expressions.
    pub fn of(expr: &Expression, output: &Output) -> Option<ConstValue> {
        Some(match expr.kind {
            ExpressionKind::Void => ConstValue::Void,
            ExpressionKind::Int(number) => ConstValue::Int(number, expr.ty),
            ExpressionKind::Float(number) => ConstValue::Float(number, expr.ty),
            ExpressionKind::Bool(value) => ConstValue::Bool(value),
            ExpressionKind::String(id) => ConstValue::String(output[id].clone()),
            _ => return None,
        })
    }

    /// The value as a part of the tree.
    pub fn into_expression(self, types: &Types, output: &mut Output, span: Span) -> Expression {
        match self {
            ConstValue::Void => make(ExpressionKind::Void, TypeId::VOID, span),
            ConstValue::Int(number, ty) => make(ExpressionKind::Int(number), ty, span),
            ConstValue::Float(number, ty) => make(ExpressionKind::Float(number), ty, span),
            ConstValue::Bool(value) => make(ExpressionKind::Bool(value), TypeId::BOOL, span),
            ConstValue::String(text) => make(ExpressionKind::String(output.string(&text)), TypeId::STRING, span),
            ConstValue::Aggregate(parts, ty) => {
                let parts = parts.into_iter().map(|part| part.into_expression(types, output, span));
                let kind = match types.get(ty) {
                    Type::Array { .. } => ExpressionKind::Array(parts.collect()),
                    Type::Struct(_) => ExpressionKind::Struct(parts.enumerate().collect()),
                    _ => ExpressionKind::Tuple(parts.collect()),
                };
                make(kind, ty, span)
            }
        }
    }

    /// All bytes zero; none if values of the type are not known at compile time, or have more parts
    /// than `most`, which is left with what remains.
    pub fn zero(types: &Types, ty: TypeId, most: &mut u64) -> Option<ConstValue> {
        *most = most.checked_sub(1)?;
        Some(match types.get(ty) {
            Type::Int { .. } | Type::Enum(_) => ConstValue::Int(0, ty),
            Type::Float { .. } => ConstValue::Float(0.0, ty),
            Type::Bool => ConstValue::Bool(false),
            Type::Slice(TypeId::U8) => ConstValue::String(Rc::new([])),
            Type::Array { length: 0, .. } => ConstValue::Aggregate(Vec::new(), ty),
            Type::Array { element, length } => {
                let before = *most;
                let element = ConstValue::zero(types, *element, most)?;
                let n_others = (before - *most).checked_mul(length - 1)?;
                *most = most.checked_sub(n_others)?;
                ConstValue::Aggregate(vec![element; usize::try_from(*length).ok()?], ty)
            }
            Type::Struct(id) => {
                let fields = &types.structs[id.0 as usize].fields;
                let zeros = fields.iter().map(|field| ConstValue::zero(types, field.ty, most));
                ConstValue::Aggregate(zeros.collect::<Option<_>>()?, ty)
            }
            _ => return None,
        })
    }

    /// Elements of an array, bytes of a string; none of other values.
    pub fn elements(self) -> Option<Vec<ConstValue>> {
        match self {
            ConstValue::Aggregate(items, _) => Some(items),
            ConstValue::String(text) => {
                Some(text.iter().map(|byte| ConstValue::Int(i128::from(*byte), TypeId::U8)).collect())
            }
            _ => None,
        }
    }
}
