//! Refuses the parts of the garbage collection proposal that are not supported.
//!
//! The proposal also lets constant expressions read globals of the same module, and types of
//! functions refer to themselves and to each other. These parts need no collector. So sections are
//! validated with the proposal, and this module finds the other parts; bodies are validated without
//! the proposal.

use anyhow::Result;
use wasmparser::{
    AbstractHeapType, CompositeInnerType, ConstExpr, DataKind, ElementItems, ElementKind, HeapType, Operator, Payload,
    RecGroup, RefType, TableInit, TypeRef, ValType,
};

/// Whether a section uses a part of the proposal that is not supported.
pub fn is_used(payload: &Payload) -> Result<bool> {
    match payload {
        Payload::TypeSection(section) => {
            for group in section.clone() {
                if in_group(&group?) {
                    return Ok(true);
                }
            }
        }
        Payload::ImportSection(section) => {
            for import in section.clone().into_imports() {
                let used = match import?.ty {
                    TypeRef::Table(ty) => in_reference(ty.element_type),
                    TypeRef::Global(ty) => in_value(ty.content_type),
                    _ => false,
                };
                if used {
                    return Ok(true);
                }
            }
        }
        Payload::TableSection(section) => {
            for table in section.clone() {
                let table = table?;
                let in_init = match &table.init {
                    TableInit::RefNull => false,
                    TableInit::Expr(expr) => in_expression(expr)?,
                };
                if in_init || in_reference(table.ty.element_type) {
                    return Ok(true);
                }
            }
        }
        Payload::GlobalSection(section) => {
            for global in section.clone() {
                let global = global?;
                if in_value(global.ty.content_type) || in_expression(&global.init_expr)? {
                    return Ok(true);
                }
            }
        }
        Payload::ElementSection(section) => {
            for element in section.clone() {
                let element = element?;
                if in_element(&element)? {
                    return Ok(true);
                }
            }
        }
        Payload::DataSection(section) => {
            for data in section.clone() {
                if let DataKind::Active { offset_expr, .. } = data?.kind
                    && in_expression(&offset_expr)?
                {
                    return Ok(true);
                }
            }
        }
        _ => {}
    }
    Ok(false)
}

/// Function types without supertypes need no collector, even if they refer to themselves and to
/// each other.
fn in_group(group: &RecGroup) -> bool {
    group.types().any(|ty| {
        let CompositeInnerType::Func(func) = &ty.composite_type.inner else { return true };
        let mut values = func.params().iter().chain(func.results());
        !ty.is_final || !ty.supertype_idxs.is_empty() || values.any(|ty| in_value(*ty))
    })
}

fn in_element(element: &wasmparser::Element) -> Result<bool> {
    if let ElementKind::Active { offset_expr, .. } = &element.kind
        && in_expression(offset_expr)?
    {
        return Ok(true);
    }
    if let ElementItems::Expressions(ty, items) = &element.items {
        for item in items.clone() {
            if in_expression(&item?)? {
                return Ok(true);
            }
        }
        return Ok(in_reference(*ty));
    }
    Ok(false)
}

fn in_expression(expr: &ConstExpr) -> Result<bool> {
    for operator in expr.get_operators_reader() {
        let used = match operator? {
            Operator::RefNull { hty } => in_heap(hty),
            Operator::I32Const { .. }
            | Operator::I64Const { .. }
            | Operator::F32Const { .. }
            | Operator::F64Const { .. }
            | Operator::V128Const { .. }
            | Operator::RefFunc { .. }
            | Operator::GlobalGet { .. }
            | Operator::I32Add
            | Operator::I32Sub
            | Operator::I32Mul
            | Operator::I64Add
            | Operator::I64Sub
            | Operator::I64Mul
            | Operator::End => false,
            _ => true,
        };
        if used {
            return Ok(true);
        }
    }
    Ok(false)
}

fn in_value(ty: ValType) -> bool {
    matches!(ty, ValType::Ref(ty) if in_reference(ty))
}

fn in_reference(ty: RefType) -> bool {
    in_heap(ty.heap_type())
}

fn in_heap(ty: HeapType) -> bool {
    // `noexn` is the exception handling proposal's: the type of the null reference alone.
    use AbstractHeapType::{Exn, Extern, Func, NoExn};
    !matches!(ty, HeapType::Concrete(_) | HeapType::Abstract { shared: false, ty: Func | Extern | Exn | NoExn })
}
