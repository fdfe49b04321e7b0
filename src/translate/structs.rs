//! Structs, and what structs and arrays share: access to a value in an object.
//!
//! A reference that may be null is not compared where the access itself faults: the first page of
//! the address space is never mapped.

use super::symbols::Region;
use super::translator::{Translator, trap_code};
use super::types::value_type;
use crate::abi::trap::Trap;
use crate::layout::Symbol;
use crate::layout::objects::{StructPlan, TypePlan, storage_size};
use crate::number::{to_displacement, to_usize};
use crate::wasm::TypeIndex;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value, types};
use wasmparser::{CompositeInnerType, StorageType, ValType};

/// Offsets below this fault in an object at address 0.
const NULL_PAGE: u32 = 4096;

/// How a packed value becomes an `i32`.
#[derive(Copy, Clone)]
pub enum Extension {
    Signed,
    /// And how everything else is read.
    Unsigned,
}

/// A value in an object.
#[derive(Copy, Clone)]
pub struct Place {
    pub object: Value,
    /// In bytes from `object`.
    pub offset: u32,
    pub storage: StorageType,
    pub region: Region,
    /// What an access raises where the object may be null and is not known to be there.
    pub null: Option<Trap>,
}

impl Translator<'_> {
    pub fn struct_new(&mut self, ty: TypeIndex) {
        let n_fields = self.struct_plan(ty).offsets.len();
        let start = self.canonicalise(n_fields);
        let values = self.scratch.stack.split_off(start);
        self.new_struct(ty, &values);
    }

    pub fn struct_new_default(&mut self, ty: TypeIndex) {
        let fields: Vec<_> = (0..self.struct_plan(ty).offsets.len()).map(|field| self.field(ty, field)).collect();
        let values: Vec<_> = fields.into_iter().map(|(storage, ..)| self.zero(unpacked(storage))).collect();
        self.new_struct(ty, &values);
    }

    fn new_struct(&mut self, ty: TypeIndex, values: &[Value]) {
        let size = self.struct_plan(ty).size;
        let object = self.allocate(size, Symbol::TypeRecord(self.env.layout.record_of[ty]));
        for (field, &value) in values.iter().enumerate() {
            let (storage, offset, region) = self.field(ty, field);
            self.write(Place { object, offset, storage, region, null: None }, value);
        }
        self.push_object(object, ty);
    }

    pub fn struct_get(&mut self, ty: TypeIndex, field: u32, extension: Extension) {
        let object = self.pop();
        let place = self.field_of(object, ty, field);
        let value = self.read(place, extension);
        match place.storage {
            StorageType::Val(ty) => self.push_typed(value, ty),
            StorageType::I8 | StorageType::I16 => self.push(value),
        }
    }

    pub fn struct_set(&mut self, ty: TypeIndex, field: u32) {
        let (object, value) = self.pop2();
        let value = self.canonical(value);
        let place = self.field_of(object, ty, field);
        self.write(place, value);
    }

    fn field_of(&mut self, object: Value, ty: TypeIndex, field: u32) -> Place {
        let (storage, offset, region) = self.field(ty, to_usize(field.into()));
        let null = self.subject_may_be_null().then_some(Trap::NullStructReference);
        Place { object, offset, storage, region, null }
    }

    fn struct_plan(&self, ty: TypeIndex) -> &StructPlan {
        match &self.env.layout.types[ty] {
            TypePlan::Struct(plan) => plan,
            other => panic!("validated: {other:?} is a struct"),
        }
    }

    fn field(&self, ty: TypeIndex, field: usize) -> (StorageType, u32, Region) {
        let CompositeInnerType::Struct(fields) = &self.env.module.types[ty].composite_type.inner else {
            panic!("validated: a struct")
        };
        (fields.fields[field].element_type, self.struct_plan(ty).offsets[field], Region::Field(field))
    }

    /// Reads a value; a packed one becomes an `i32`.
    pub fn read(&mut self, place: Place, extension: Extension) -> Value {
        let (flags, offset) = self.access(place);
        let object = place.object;
        match (place.storage, extension) {
            (StorageType::I8, Extension::Signed) => self.builder.ins().sload8(types::I32, flags, object, offset),
            (StorageType::I8, Extension::Unsigned) => self.builder.ins().uload8(types::I32, flags, object, offset),
            (StorageType::I16, Extension::Signed) => self.builder.ins().sload16(types::I32, flags, object, offset),
            (StorageType::I16, Extension::Unsigned) => self.builder.ins().uload16(types::I32, flags, object, offset),
            (StorageType::Val(ty), _) => self.builder.ins().load(value_type(ty), flags, object, offset),
        }
    }

    /// Writes a value; of a packed one its low bits.
    pub fn write(&mut self, place: Place, value: Value) {
        let (flags, offset) = self.access(place);
        match place.storage {
            StorageType::I8 => self.builder.ins().istore8(flags, value, place.object, offset),
            StorageType::I16 => self.builder.ins().istore16(flags, value, place.object, offset),
            StorageType::Val(_) => self.builder.ins().store(flags, value, place.object, offset),
        };
    }

    /// Flags and offset of an access, after the test for null that it needs.
    fn access(&mut self, place: Place) -> (MemFlagsData, i32) {
        let Place { object, offset, storage, region, null } = place;
        let fault = self.check_null(object, offset, null);
        // Numbers are in Wasm's order everywhere, as data segments have them; the collector reads
        // references.
        let flags = match storage {
            StorageType::Val(ValType::Ref(_)) => MemFlagsData::new(),
            _ => super::translator::little_endian(),
        };
        let flags = if storage_size(storage) > 8 { flags } else { flags.with_aligned() };
        let flags = flags.with_trap_code(fault.map(trap_code));
        (self.in_region(flags, region), to_displacement(to_usize(offset.into())))
    }

    /// Traps on null, unless the access at `offset` that follows does: then, what that must raise.
    pub fn check_null(&mut self, object: Value, offset: u32, null: Option<Trap>) -> Option<Trap> {
        let trap = null?;
        if self.env.machine.null_faults && offset < NULL_PAGE {
            return Some(trap);
        }
        self.builder.ins().trapz(object, trap_code(trap));
        None
    }
}

/// The CLIF type of a field's value on the stack.
pub fn unpacked(storage: StorageType) -> cranelift_codegen::ir::Type {
    match storage {
        StorageType::I8 | StorageType::I16 => types::I32,
        StorageType::Val(ty) => value_type(ty),
    }
}
