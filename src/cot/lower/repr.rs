//! How values travel: small ones as a few values of WebAssembly ("leaves"), large ones and those
//! with an index into them in memory, by address.
//!
//! Memory layout is the language's (section 5). Leaves are the compiler's own: an error union has a
//! first leaf that is 0 for success and else the error's number plus one, although memory keeps a
//! tag and shares the place of number and payload.

use crate::cot::ir::{Access, Counted, Type as WasmType};
use crate::cot::types::{Type, TypeId, Types};

/// More would be moved around more than they are used.
pub const MAX_LEAVES: usize = 4;

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum LeafKind {
    Plain(Access),
    /// The first leaf of an error union; `offset` is that of the tag.
    ErrorCode,
}

/// One value of WebAssembly that is a part of a value of the language.
#[derive(Copy, Clone, Debug)]
pub struct Leaf {
    pub kind: LeafKind,
    /// Where it lies in memory, from the value's start.
    pub offset: u32,
    /// It is a strong reference.
    pub counted: Option<Counted>,
}

impl Leaf {
    pub fn ty(self) -> WasmType {
        match self.kind {
            LeafKind::Plain(access) => access.ty(),
            LeafKind::ErrorCode => WasmType::I32,
        }
    }
}

/// The leaves of a type, in order of memory; none if its values travel by address.
pub fn leaves(types: &Types, id: TypeId) -> Option<Vec<Leaf>> {
    let mut leaves = Vec::new();
    collect(types, id, 0, &mut leaves).then_some(leaves)
}

fn collect(types: &Types, id: TypeId, offset: u64, leaves: &mut Vec<Leaf>) -> bool {
    let mut add = |kind, more: u64, counted| {
        leaves.push(Leaf { kind, offset: (offset + more) as u32, counted });
        leaves.len() <= MAX_LEAVES
    };
    let plain = LeafKind::Plain;
    match types.get(id) {
        Type::Void | Type::NoReturn => true,
        Type::Erroneous => unreachable!("the program was checked without errors"),
        Type::Bool | Type::Int { .. } | Type::Float { .. } | Type::Enum(_) => add(plain(scalar(types, id)), 0, None),
        Type::Pointer(_) | Type::Function { .. } | Type::Error(_) => {
            add(plain(Access::Pointer), 0, types.is_managed(id).then_some(Counted::Object))
        }
        Type::Slice(_) => {
            add(plain(Access::Pointer), 0, Some(Counted::Buffer))
                && add(plain(Access::I64), 8, None)
                && add(plain(Access::I64), 16, None)
        }
        Type::Optional(of) if types.is_pointer(*of) => {
            add(plain(Access::Pointer), 0, types.is_managed(id).then_some(Counted::Object))
        }
        Type::Optional(of) => {
            add(plain(Access::Pointer), 0, None) && collect(types, *of, offset + Types::PAYLOAD_OFFSET, leaves)
        }
        Type::ErrorUnion { payload, .. } => {
            add(LeafKind::ErrorCode, 0, None) && collect(types, *payload, offset + Types::PAYLOAD_OFFSET, leaves)
        }
        Type::Union(index) => {
            let has_payloads = types.unions[index.0 as usize].variants.iter().any(|it| it.payload != TypeId::VOID);
            !has_payloads && add(plain(Access::Pointer), 0, None)
        }
        Type::Array { .. } => false,
        Type::Tuple(elements) => {
            let mut fields = elements.iter().enumerate();
            fields.all(|(index, ty)| collect(types, *ty, offset + types.field_offset(id, index), leaves))
        }
        Type::Struct(index) => {
            let mut fields = types.structs[index.0 as usize].fields.iter().enumerate();
            fields.all(|(index, field)| collect(types, field.ty, offset + types.field_offset(id, index), leaves))
        }
    }
}

/// How a number, bool or enum lies in memory.
pub fn scalar(types: &Types, id: TypeId) -> Access {
    match types.get(id) {
        Type::Bool => Access::U8,
        Type::Enum(index) => scalar(types, types.enums[index.0 as usize].backing),
        Type::Float { bits: 32 } => Access::F32,
        Type::Float { .. } => Access::F64,
        Type::Int { signed, bits } => match (signed, bits) {
            (true, 8) => Access::I8,
            (false, 8) => Access::U8,
            (true, 16) => Access::I16,
            (false, 16) => Access::U16,
            (_, 32) => Access::I32,
            _ => Access::I64,
        },
        _ => Access::Pointer,
    }
}
