//! How objects of garbage-collected types lie in memory: see `abi::object`.

use crate::abi::object::ARRAY_LENGTH;
use crate::wasm::{Module, TagIndex, structure};
use wasmparser::{CompositeInnerType, StorageType, SubType, ValType};

/// The header of an object: the address of its type.
pub const HEADER: u32 = 8;

/// How values of a declared type lie in memory.
#[derive(Clone, Debug, PartialEq)]
pub enum TypePlan {
    /// References to functions are addresses of code.
    Function,
    Struct(StructPlan),
    Array(ArrayPlan),
}

impl TypePlan {
    pub fn of(module: &Module, ty: &SubType) -> TypePlan {
        match &ty.composite_type.inner {
            CompositeInnerType::Struct(ty) => {
                let plan = StructPlan::new(module, ty.fields.iter().map(|field| field.element_type));
                TypePlan::Struct(plan.expect("validated: a struct has at most 10,000 fields"))
            }
            CompositeInnerType::Array(ty) => TypePlan::Array(ArrayPlan::new(ty.0.element_type)),
            CompositeInnerType::Func(_) | CompositeInnerType::Cont(_) => TypePlan::Function,
        }
    }
}

/// Where the elements of an array lie.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct ArrayPlan {
    pub element: StorageType,
    /// Byte offset of the first element.
    pub first: u32,
    /// Bytes of an element, a power of two.
    pub size: u32,
}

impl ArrayPlan {
    pub fn new(element: StorageType) -> ArrayPlan {
        ArrayPlan { element, first: first_element(element), size: storage_size(element) }
    }
}

/// Where the values of a struct or an exception lie.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StructPlan {
    /// Byte offset of each field from the object's start.
    pub offsets: Vec<u32>,
    /// Bytes of the object, a multiple of 8.
    pub size: u32,
    /// Which words after the header hold references that the collector follows: 64 in a number, the
    /// lowest bit first.
    pub references: Vec<u64>,
}

impl StructPlan {
    /// The values of an exception.
    pub fn of_tag(module: &Module, tag: TagIndex) -> StructPlan {
        let values = module.tag_values(tag).iter().map(|ty| StorageType::Val(*ty));
        StructPlan::new(module, values).expect("a type has at most 1000 parameters")
    }

    /// Lays fields out in their order, so that a subtype begins as its supertype does. `None` if
    /// that takes 4 GiB.
    pub fn new(module: &Module, fields: impl IntoIterator<Item = StorageType>) -> Option<StructPlan> {
        let mut plan = StructPlan { size: HEADER, ..StructPlan::default() };
        for field in fields {
            let size = storage_size(field);
            let offset = plan.size.checked_next_multiple_of(size.min(HEADER))?;
            if is_traced_storage(module, field) {
                let word = offset.checked_sub(HEADER)?.checked_div(HEADER)?;
                let number = usize::try_from(word / 64).ok()?;
                if plan.references.len() <= number {
                    plan.references.resize(number.checked_add(1)?, 0);
                }
                plan.references[number] |= 1u64.checked_shl(word % 64)?;
            }
            plan.offsets.push(offset);
            plan.size = offset.checked_add(size)?;
        }
        plan.size = plan.size.checked_next_multiple_of(HEADER)?;
        Some(plan)
    }
}

/// Byte offset of the first element of an array.
pub fn first_element(element: StorageType) -> u32 {
    const END_OF_LENGTH: u32 = ARRAY_LENGTH.strict_add(4);
    END_OF_LENGTH.next_multiple_of(storage_size(element).min(HEADER))
}

/// Bytes of a field or an element.
pub fn storage_size(ty: StorageType) -> u32 {
    match ty {
        StorageType::I8 => 1,
        StorageType::I16 => 2,
        StorageType::Val(ValType::I32 | ValType::F32) => 4,
        StorageType::Val(ValType::I64 | ValType::F64 | ValType::Ref(_)) => 8,
        StorageType::Val(ValType::V128) => 16,
    }
}

/// Whether the collector follows a field or an element.
pub fn is_traced_storage(module: &Module, ty: StorageType) -> bool {
    matches!(ty, StorageType::Val(ty) if is_traced(module, ty))
}

/// Whether values of the type can be objects: all references but those of functions.
pub fn is_traced(module: &Module, ty: ValType) -> bool {
    matches!(ty, ValType::Ref(ty) if !structure::is_function(module, ty))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wasm::parse::parse;
    use wasmparser::{RefType, WasmFeatures};

    fn empty() -> Module<'static> {
        parse(b"\0asm\x01\0\0\0", WasmFeatures::all()).expect("it is valid")
    }

    #[test]
    fn fields_keep_their_order_and_are_aligned() {
        let reference = StorageType::Val(ValType::Ref(RefType::EXTERNREF));
        let fields = [StorageType::I8, StorageType::I16, reference, StorageType::Val(ValType::V128), StorageType::I8];
        let plan = StructPlan::new(&empty(), fields).expect("it is small");
        assert_eq!((plan.offsets, plan.size, plan.references), (vec![8, 10, 16, 24, 40], 48, vec![0b10]));
    }

    #[test]
    fn references_beyond_the_first_64_words_are_known() {
        let reference = StorageType::Val(ValType::Ref(RefType::EXTERNREF));
        let fields = std::iter::repeat_n(StorageType::Val(ValType::I64), 66).chain([reference]);
        let plan = StructPlan::new(&empty(), fields).expect("it is small");
        assert_eq!(plan.references, [0, 0b100]);
    }

    #[test]
    fn elements_follow_the_length_closely() {
        assert_eq!(first_element(StorageType::I8), 12);
        assert_eq!(first_element(StorageType::Val(ValType::F32)), 12);
        assert_eq!(first_element(StorageType::Val(ValType::I64)), 16);
        assert_eq!(first_element(StorageType::Val(ValType::V128)), 16);
    }
}
