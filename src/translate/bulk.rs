//! Bulk operations on memories and tables: copy, fill, initialise from a segment, drop a segment.
//!
//! All bounds are checked before the first byte is written, in 64 bits.

use super::symbols::Region;
use super::translator::Translator;
use super::types::POINTER;
use crate::abi::builtin::Builtin;
use crate::abi::memory::Segment;
use crate::abi::trap::Trap;
use crate::layout::{SegmentPlan, Symbol};
use crate::number::to_displacement;
use crate::wasm::{DataIndex, ElementIndex, MemoryIndex, TableIndex};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Type, Value, types};
use std::mem::offset_of;

/// A checked range of native addresses.
#[derive(Copy, Clone)]
pub struct Range {
    pub start: Value,
    pub bytes: Value,
}

/// Copies and fills of a known length up to this are done in place, without a call.
const SHORT: u64 = 64;

impl Translator<'_> {
    pub fn memory_copy(&mut self, destination: MemoryIndex, source: MemoryIndex) {
        let (to, from, n) = self.pop3();
        let to = self.memory_range(destination, to, n, Trap::MemoryOutOfBounds);
        let from = self.memory_range(source, from, n, Trap::MemoryOutOfBounds);
        match self.known_length(n) {
            Some(length) => self.copy_short(destination, source, to.start, from.start, length),
            None => self.copy_bytes(Builtin::Memmove, to, from),
        }
    }

    pub fn memory_fill(&mut self, memory: MemoryIndex) {
        let (to, byte, n) = self.pop3();
        let to = self.memory_range(memory, to, n, Trap::MemoryOutOfBounds);
        match self.known_length(n) {
            Some(length) => self.fill_short(memory, to.start, byte, length),
            None => {
                self.call_builtin(Builtin::Memset, &[to.start, byte, to.bytes]);
            }
        }
    }

    pub fn memory_init(&mut self, memory: MemoryIndex, data: DataIndex) {
        let (to, from, n) = self.pop3();
        self.init_memory(memory, data, [to, from, n], Trap::MemoryOutOfBounds);
    }

    /// `memory.init` with operands destination, source, length.
    pub fn init_memory(&mut self, memory: MemoryIndex, data: DataIndex, [to, from, n]: [Value; 3], trap: Trap) {
        let (segment, plan) = (Symbol::Data(data), self.env.layout.data[data]);
        self.check_segment(segment, plan, from, n, trap);
        let to = self.memory_range(memory, to, n, trap);
        if is_empty(plan) {
            return;
        }
        let (from, n) = (self.widen(from), self.widen(n));
        let base = self.segment_base(segment);
        let start = self.builder.ins().iadd(base, from);
        self.copy_bytes(Builtin::Memcpy, to, Range { start, bytes: n });
    }

    pub fn data_drop(&mut self, data: DataIndex) {
        self.drop_segment(Symbol::Data(data), self.env.layout.data[data]);
    }

    pub fn table_copy(&mut self, destination: TableIndex, source: TableIndex) {
        let (to, from, n) = self.pop3();
        let to = self.table_range(destination, to, n, Trap::TableOutOfBounds);
        let from = self.table_range(source, from, n, Trap::TableOutOfBounds);
        self.copy_bytes(Builtin::Memmove, to, from);
    }

    pub fn table_init(&mut self, table: TableIndex, element: ElementIndex) {
        let (to, from, n) = self.pop3();
        self.init_table(table, element, [to, from, n], Trap::TableOutOfBounds);
    }

    /// `table.init` with operands destination, source, length.
    pub fn init_table(&mut self, table: TableIndex, element: ElementIndex, [to, from, n]: [Value; 3], trap: Trap) {
        let (segment, plan) = (Symbol::Element(element), self.env.layout.elements[element]);
        self.check_segment(segment, plan, from, n, trap);
        let to = self.table_range(table, to, n, trap);
        if is_empty(plan) {
            return;
        }
        let from = self.widen(from);
        let base = self.segment_base(segment);
        let offset = self.entries_to_bytes(table, from);
        let start = self.builder.ins().iadd(base, offset);
        self.copy_bytes(Builtin::Memcpy, to, Range { start, bytes: to.bytes });
    }

    /// Code that runs for each address from `start` up to `end`.
    pub fn each(&mut self, start: Value, end: Value, step: i64, body: impl FnOnce(&mut Self, Value)) {
        let (head, inside, done) = (self.create_block(), self.builder.create_block(), self.builder.create_block());
        let place = self.builder.append_block_param(head, POINTER);
        self.builder.ins().jump(head, &[start.into()]);
        self.builder.switch_to_block(head);
        let more = self.builder.ins().icmp(IntCC::UnsignedLessThan, place, end);
        self.builder.ins().brif(more, inside, &[], done, &[]);
        self.builder.seal_block(inside);
        self.builder.switch_to_block(inside);
        body(self, place);
        let next = self.builder.ins().iadd_imm_u(place, step);
        self.builder.ins().jump(head, &[next.into()]);
        self.builder.seal_block(head);
        self.builder.seal_block(done);
        self.builder.switch_to_block(done);
    }

    pub fn elem_drop(&mut self, element: ElementIndex) {
        self.drop_segment(Symbol::Element(element), self.env.layout.elements[element]);
    }

    pub fn drop_segment(&mut self, segment: Symbol, plan: SegmentPlan) {
        if is_empty(plan) {
            return;
        }
        let descriptor = self.address_of(segment);
        let flags = self.trusted(Region::Descriptor);
        let zero = self.iconst(types::I64, 0);
        self.builder.ins().store(flags, zero, descriptor, to_displacement(offset_of!(Segment, length)));
    }

    /// The address of an entry of `1 << shift` bytes in a segment, after its check.
    pub fn segment_place(&mut self, segment: Symbol, plan: SegmentPlan, from: Value, shift: u32) -> Value {
        if is_empty(plan) {
            return self.iconst(POINTER, 0);
        }
        let from = self.widen(from);
        let offset = self.builder.ins().ishl_imm_u(from, i64::from(shift));
        let base = self.segment_base(segment);
        self.builder.ins().iadd(base, offset)
    }

    pub fn segment_base(&mut self, segment: Symbol) -> Value {
        let descriptor = self.address_of(segment);
        let flags = self.trusted(Region::Descriptor);
        self.builder.ins().load(POINTER, flags, descriptor, to_displacement(offset_of!(Segment, base)))
    }

    /// Traps unless a segment has `n` bytes or entries from `from`.
    pub fn check_segment(&mut self, segment: Symbol, plan: SegmentPlan, from: Value, n: Value, trap: Trap) {
        let end = self.add_or_trap(from, n, trap);
        let length = if is_empty(plan) {
            self.iconst(types::I64, 0)
        } else {
            let descriptor = self.address_of(segment);
            let flags = self.trusted(Region::Descriptor);
            self.builder.ins().load(types::I64, flags, descriptor, to_displacement(offset_of!(Segment, length)))
        };
        self.trap_if_above(end, length, trap);
    }

    /// `n` bytes from `index`.
    fn memory_range(&mut self, memory: MemoryIndex, index: Value, n: Value, trap: Trap) -> Range {
        let end = self.add_or_trap(index, n, trap);
        let size = self.memory_bytes(memory);
        let outside = self.trap_if_above(end, size, trap);
        let start = self.memory_address(memory, index);
        Range { start: self.guard(outside, start), bytes: self.widen(n) }
    }

    /// `n` entries from `index`.
    pub fn table_range(&mut self, table: TableIndex, index: Value, n: Value, trap: Trap) -> Range {
        let end = self.add_or_trap(index, n, trap);
        let length = self.table_length(table);
        let outside = self.trap_if_above(end, length, trap);
        let (index, n) = (self.widen(index), self.widen(n));
        let start = self.entry_address(table, index);
        Range { start: self.guard(outside, start), bytes: self.entries_to_bytes(table, n) }
    }

    fn copy_bytes(&mut self, builtin: Builtin, to: Range, from: Range) {
        self.call_builtin(builtin, &[to.start, from.start, to.bytes]);
    }

    fn known_length(&self, n: Value) -> Option<u64> {
        self.known_unsigned(n).filter(|length| *length <= SHORT)
    }

    /// Everything is loaded before anything is stored, so that the ranges may overlap.
    fn copy_short(&mut self, destination: MemoryIndex, source: MemoryIndex, to: Value, from: Value, length: u64) {
        let flags = self.short_flags(source);
        let (ty, offsets) = pieces(length, self.widest_access());
        let pieces: Vec<_> = offsets.map(|offset| (self.builder.ins().load(ty, flags, from, offset), offset)).collect();
        let flags = self.short_flags(destination);
        for (piece, offset) in pieces {
            self.builder.ins().store(flags, piece, to, offset);
        }
    }

    fn fill_short(&mut self, memory: MemoryIndex, to: Value, byte: Value, length: u64) {
        let flags = self.short_flags(memory);
        let (ty, offsets) = pieces(length, self.widest_access());
        let byte = self.builder.ins().ireduce(types::I8, byte);
        let value = match ty {
            types::I8 => byte,
            types::I8X16 => self.builder.ins().splat(types::I8X16, byte),
            _ => {
                let byte = self.builder.ins().uextend(ty, byte);
                let ones = 0x0101_0101_0101_0101 & u64::MAX.checked_shr(64u32.saturating_sub(ty.bits())).unwrap_or(0);
                let ones = self.iconst(ty, ones.cast_signed());
                self.builder.ins().imul(byte, ones)
            }
        };
        for offset in offsets {
            self.builder.ins().store(flags, value, to, offset);
        }
    }

    fn widest_access(&self) -> u64 {
        if self.env.machine.vectors { 16 } else { 8 }
    }

    /// Flags for accesses whose bounds were checked, but which may lie anywhere.
    fn short_flags(&mut self, memory: MemoryIndex) -> MemFlagsData {
        self.checked(memory).with_notrap()
    }
}

/// Whether a segment counts as dropped from the start, so that nothing refers to its descriptor.
fn is_empty(plan: SegmentPlan) -> bool {
    matches!(plan, SegmentPlan::Placed { .. } | SegmentPlan::Declared)
}

/// Covers a length with accesses of one size, at most `widest` bytes: their type and offsets. The
/// last one overlaps the one before it where the size does not divide the length.
fn pieces(length: u64, widest: u64) -> (Type, impl Iterator<Item = i32>) {
    let ty = match length.min(widest) {
        16.. => types::I8X16,
        8.. => types::I64,
        4.. => types::I32,
        2.. => types::I16,
        _ => types::I8,
    };
    let bytes = u64::from(ty.bytes());
    let last = length.saturating_sub(bytes);
    (ty, (0..length.div_ceil(bytes)).map(move |number| to_displacement(number.saturating_mul(bytes).min(last))))
}
