//! A WebAssembly module as the rest of the compiler sees it: declarations are decoded and
//! validated, function bodies are still bytes.
//!
//! Nothing here depends on native code. Bodies are validated when they are translated, in the sweep
//! that compiles all functions; [`Module`] has the validator's state for that. Words are those of
//! the core specification, section 2.5 "Modules".
// Numbers that a module chooses are checked; see `tests/tidy`.
#![deny(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss
)]

pub mod access;
pub mod constant;
pub mod describe;
pub mod excerpt;
pub mod hints;
pub mod input;
pub mod names;
pub mod operators;
pub mod parse;
pub mod source;
pub mod structure;
pub mod unsupported;

use crate::report::shown;
use cranelift_entity::{PrimaryMap, entity_impl};
use std::collections::HashMap;
use std::iter;
use wasmparser::types::CoreTypeId;
use wasmparser::{
    CompositeInnerType, ConstExpr, FuncToValidate, FuncType, FunctionBody, GlobalType, HeapType, MemoryType, RefType,
    SubType, TableType, UnpackedIndex, ValType, ValidatorResources, WasmFeatures,
};

/// Index of a function in the module's index space: imports first, then definitions.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FuncIndex(u32);
entity_impl!(FuncIndex, "func");

/// Index of a function type in the module's type space.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeIndex(u32);
entity_impl!(TypeIndex, "type");

/// Index of a table, imports first.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableIndex(u32);
entity_impl!(TableIndex, "table");

/// Index of a linear memory, imports first.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemoryIndex(u32);
entity_impl!(MemoryIndex, "memory");

/// Index of a global, imports first.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GlobalIndex(u32);
entity_impl!(GlobalIndex, "global");

/// Index of an exception tag, imports first.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TagIndex(u32);
entity_impl!(TagIndex, "tag");

/// Index of a data segment.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DataIndex(u32);
entity_impl!(DataIndex, "data");

/// Index of an element segment.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ElementIndex(u32);
entity_impl!(ElementIndex, "elem");

/// A decoded module. `'a` is the lifetime of the binary.
pub struct Module<'a> {
    pub types: PrimaryMap<TypeIndex, SubType>,
    /// Structural names of the types, see [`structure`].
    pub type_names: PrimaryMap<TypeIndex, String>,
    pub functions: PrimaryMap<FuncIndex, Function<'a>>,
    pub tables: PrimaryMap<TableIndex, Table<'a>>,
    pub memories: PrimaryMap<MemoryIndex, Memory<'a>>,
    pub globals: PrimaryMap<GlobalIndex, Global<'a>>,
    pub tags: PrimaryMap<TagIndex, Tag<'a>>,
    pub exports: Vec<Export<'a>>,
    pub start: Option<FuncIndex>,
    pub elements: PrimaryMap<ElementIndex, Element<'a>>,
    pub data: PrimaryMap<DataIndex, Data<'a>>,
    /// Names of functions and tags from the name section.
    pub names: names::Names<'a>,
    /// Name and contents of the custom sections that the specification does not know.
    pub custom: Vec<(&'a str, &'a [u8])>,
    /// Which branches are likely to be taken.
    pub hints: hints::BranchHints,
    /// The validator's state for bodies, shared by all of them.
    pub resources: Option<ValidatorResources>,
    pub features: WasmFeatures,
    /// The validator's numbers for types, which the same types share: to the first of them.
    pub type_ids: HashMap<CoreTypeId, TypeIndex>,
}

/// Module and name under which something is imported.
#[derive(Copy, Clone, Debug)]
pub struct ImportName<'a> {
    pub module: &'a str,
    pub name: &'a str,
}

pub struct Function<'a> {
    pub ty: TypeIndex,
    pub definition: Definition<'a, FunctionBody<'a>>,
}

pub struct Table<'a> {
    pub ty: TableType,
    /// Initial value of the elements, where the table has one other than null.
    pub definition: Definition<'a, Option<ConstExpr<'a>>>,
}

pub struct Memory<'a> {
    pub ty: MemoryType,
    pub definition: Definition<'a, ()>,
}

pub struct Global<'a> {
    pub ty: GlobalType,
    /// Initial value; `None` if it is imported or depends on an import.
    pub value: Option<constant::Constant>,
    pub definition: Definition<'a, ConstExpr<'a>>,
}

/// A kind of exception. The parameters of its type are the values that an exception holds.
pub struct Tag<'a> {
    pub ty: TypeIndex,
    pub definition: Definition<'a, ()>,
}

/// Where an entity comes from.
pub enum Definition<'a, T> {
    Import(ImportName<'a>),
    Local(T),
}

impl<'a, T> Definition<'a, T> {
    pub fn import(&self) -> Option<ImportName<'a>> {
        match self {
            Definition::Import(name) => Some(*name),
            Definition::Local(_) => None,
        }
    }

    pub fn is_import(&self) -> bool {
        self.import().is_some()
    }

    pub fn local(&self) -> Option<&T> {
        match self {
            Definition::Import(_) => None,
            Definition::Local(it) => Some(it),
        }
    }
}

#[derive(Copy, Clone)]
pub struct Export<'a> {
    pub name: &'a str,
    pub entity: EntityIndex,
}

/// An index with its space.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum EntityIndex {
    Function(FuncIndex),
    Table(TableIndex),
    Memory(MemoryIndex),
    Global(GlobalIndex),
    Tag(TagIndex),
}

pub struct Element<'a> {
    pub mode: ElementMode<'a>,
    pub ty: RefType,
    pub items: ElementItems<'a>,
}

pub enum ElementMode<'a> {
    Passive,
    Declared,
    Active { table: TableIndex, offset: ConstExpr<'a> },
}

pub enum ElementItems<'a> {
    Functions(Vec<FuncIndex>),
    Expressions(Vec<ConstExpr<'a>>),
}

impl ElementItems<'_> {
    pub fn len(&self) -> usize {
        match self {
            ElementItems::Functions(it) => it.len(),
            ElementItems::Expressions(it) => it.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

pub struct Data<'a> {
    pub mode: DataMode<'a>,
    pub bytes: &'a [u8],
}

pub enum DataMode<'a> {
    Passive,
    Active { memory: MemoryIndex, offset: ConstExpr<'a> },
}

impl<'a> Module<'a> {
    pub fn function_type(&self, func: FuncIndex) -> &FuncType {
        self.signature(self.functions[func].ty)
    }

    /// # Panics
    /// When the type is not one of functions.
    pub fn signature(&self, ty: TypeIndex) -> &FuncType {
        match &self.types[ty].composite_type.inner {
            CompositeInnerType::Func(ty) => ty,
            other => panic!("validated: {other:?} is the type of a function"),
        }
    }

    /// A type as the validator knows it, with the module's own indices.
    pub fn with_indices(&self, ty: ValType) -> ValType {
        let ValType::Ref(reference) = ty else { return ty };
        let index = match reference.heap_type() {
            HeapType::Concrete(UnpackedIndex::Id(id)) | HeapType::Exact(UnpackedIndex::Id(id)) => {
                self.type_ids.get(&id)
            }
            _ => None,
        };
        let known = index.and_then(|index| {
            RefType::new(reference.is_nullable(), HeapType::Concrete(UnpackedIndex::Module(index.as_u32())))
        });
        known.map_or(ty, ValType::Ref)
    }

    /// The type that it is declared to be a subtype of.
    pub fn supertype(&self, ty: TypeIndex) -> Option<TypeIndex> {
        let index = self.types[ty].supertype_idxs.first()?;
        Some(TypeIndex::from_u32(index.as_module_index().expect("types of a module have its indices")))
    }

    /// A type and its supertypes, from itself on.
    pub fn supertypes(&self, ty: TypeIndex) -> impl Iterator<Item = TypeIndex> {
        iter::successors(Some(ty), |ty| self.supertype(*ty))
    }

    /// The values that an exception holds.
    pub fn tag_values(&self, tag: TagIndex) -> &[ValType] {
        self.signature(self.tags[tag].ty).params()
    }

    /// Functions with a body, in index order.
    pub fn bodies(&self) -> impl Iterator<Item = (FuncIndex, &FunctionBody<'a>)> {
        self.functions.iter().filter_map(|(index, func)| Some((index, func.definition.local()?)))
    }

    /// A fresh validator for the body of `func`.
    ///
    /// # Panics
    /// When `func` is imported, and so has no body.
    pub fn validator(&self, func: FuncIndex) -> FuncToValidate<ValidatorResources> {
        FuncToValidate {
            resources: self.resources.clone().expect("a module with a body has validator resources"),
            index: func.as_u32(),
            ty: self.functions[func].ty.as_u32(),
            features: self.features,
        }
    }

    pub fn export(&self, name: &str) -> Option<EntityIndex> {
        self.exports.iter().find(|export| export.name == name).map(|export| export.entity)
    }

    /// The name of a function in messages: ``function 7 (`fib`)``.
    pub fn describe(&self, func: FuncIndex) -> String {
        match self.names.function(func) {
            Some(name) => format!("function {} (`{}`)", func.as_u32(), shown(name)),
            None => format!("function {}", func.as_u32()),
        }
    }
}

/// Bytes that a value takes in memory.
pub fn value_size(ty: ValType) -> u64 {
    match ty {
        ValType::I32 | ValType::F32 => 4,
        ValType::I64 | ValType::F64 | ValType::Ref(_) => 8,
        ValType::V128 => 16,
    }
}
