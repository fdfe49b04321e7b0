//! Tables: access to entries, size and growth.
//!
//! A table of functions keeps an [`abi::table::FuncEntry`] for each, so that a call through it need
//! not touch the callee; other tables keep one reference for each. A table that nothing can grow is
//! found at a fixed symbol and has a constant length.
//!
//! [`abi::table::FuncEntry`]: crate::abi::table::FuncEntry

use super::symbols::Region;
use super::translator::Translator;
use super::types::POINTER;
use crate::abi::builtin::Builtin;
use crate::abi::table::{FuncEntry, Table};
use crate::abi::trap::Trap;
use crate::layout::{Symbol, TablePlan};
use crate::number::to_displacement;
use crate::wasm::TableIndex;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use std::mem::offset_of;

/// A reference as tables keep it.
#[derive(Copy, Clone)]
pub struct Entry {
    pub reference: Value,
    /// Signature identity, in tables of functions.
    pub signature: Option<Value>,
}

impl Translator<'_> {
    pub fn table_get(&mut self, table: TableIndex) {
        let index = self.pop();
        let entry = self.table_entry(table, index, Trap::TableOutOfBounds);
        let flags = self.trusted(Region::Table(table));
        let reference = self.builder.ins().load(POINTER, flags, entry, to_displacement(offset_of!(FuncEntry, code)));
        self.push_typed(reference, self.env.module.tables[table].ty.element_type.into());
    }

    pub fn table_set(&mut self, table: TableIndex) {
        let (index, reference) = self.pop2();
        let address = self.table_entry(table, index, Trap::TableOutOfBounds);
        let entry = self.entry_of(table, reference);
        self.store_entry(Region::Table(table), address, entry);
    }

    pub fn table_size(&mut self, table: TableIndex) {
        let length = self.table_length(table);
        let length = self.narrow(length, self.table_plan(table).index);
        self.push(length);
    }

    pub fn table_grow(&mut self, table: TableIndex) {
        let (reference, n) = self.pop2();
        let n = self.widen(n);
        let Entry { reference, signature } = self.entry_of(table, reference);
        let signature = signature.unwrap_or_else(|| self.iconst(POINTER, 0));
        let descriptor = self.address_of(Symbol::Table(table));
        let previous = self.call_builtin(Builtin::TableGrow, &[descriptor, n, reference, signature]);
        let previous = self.narrow(previous.expect("it has a result"), self.table_plan(table).index);
        self.push(previous);
    }

    pub fn table_fill(&mut self, table: TableIndex) {
        let (first, reference, n) = self.pop3();
        let range = self.table_range(table, first, n, Trap::TableOutOfBounds);
        let entry = self.entry_of(table, reference);
        let end = self.builder.ins().iadd(range.start, range.bytes);
        self.fill_entries(table, range.start, end, entry);
    }

    /// Writes `entry` to every place from `start` up to `end`.
    pub fn fill_entries(&mut self, table: TableIndex, start: Value, end: Value, entry: Entry) {
        let size = self.table_plan(table).entry_size();
        self.each(start, end, size.cast_signed(), |it, place| it.store_entry(Region::Table(table), place, entry));
    }

    /// The address of an entry, after the bounds check, which may raise `trap`.
    pub fn table_entry(&mut self, table: TableIndex, index: Value, trap: Trap) -> Value {
        let length = match self.table_plan(table).fixed {
            // Compared in 32 bits where the index has no more.
            Some(length) if length <= u64::from(u32::MAX) => self.iconst(self.type_of(index), length.cast_signed()),
            _ => self.table_length(table),
        };
        let index64 = self.widen(index);
        let compared = if self.type_of(length) == types::I32 { index } else { index64 };
        let outside = self.builder.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, compared, length);
        self.builder.ins().trapnz(outside, super::translator::trap_code(trap));
        let address = self.entry_address(table, index64);
        self.guard(outside, address)
    }

    /// The address of an entry known to exist, or of the end.
    pub fn entry_address(&mut self, table: TableIndex, index: Value) -> Value {
        let base = self.table_base(table);
        let offset = self.entries_to_bytes(table, index);
        self.builder.ins().iadd(base, offset)
    }

    pub fn entries_to_bytes(&mut self, table: TableIndex, n: Value) -> Value {
        let shift = self.table_plan(table).entry_size().trailing_zeros();
        self.builder.ins().ishl_imm_u(n, i64::from(shift))
    }

    fn table_base(&mut self, table: TableIndex) -> Value {
        if self.table_plan(table).fixed.is_some() {
            return self.address_of(Symbol::TableEntries(table));
        }
        let descriptor = self.address_of(Symbol::Table(table));
        let flags = self.trusted(Region::Descriptor);
        self.builder.ins().load(POINTER, flags, descriptor, to_displacement(offset_of!(Table, base)))
    }

    /// Number of entries, as an `i64`.
    pub fn table_length(&mut self, table: TableIndex) -> Value {
        if let Some(length) = self.table_plan(table).fixed {
            return self.iconst(types::I64, length.cast_signed());
        }
        let descriptor = self.address_of(Symbol::Table(table));
        let flags = self.trusted(Region::Descriptor);
        self.builder.ins().load(types::I64, flags, descriptor, to_displacement(offset_of!(Table, length)))
    }

    /// What is stored in `table` for `reference`.
    pub fn entry_of(&mut self, table: TableIndex, reference: Value) -> Entry {
        let functions = self.table_plan(table).functions;
        let signature = functions.then(|| self.signature_of(reference));
        Entry { reference, signature }
    }

    pub fn store_entry(&mut self, region: Region, address: Value, entry: Entry) {
        let flags = self.trusted(region);
        self.builder.ins().store(flags, entry.reference, address, to_displacement(offset_of!(FuncEntry, code)));
        if let Some(signature) = entry.signature {
            self.builder.ins().store(flags, signature, address, to_displacement(offset_of!(FuncEntry, signature)));
        }
    }

    pub fn table_plan(&self, table: TableIndex) -> TablePlan {
        self.env.layout.tables[table]
    }
}
