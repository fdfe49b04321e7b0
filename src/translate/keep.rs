//! References in the frame, for the collector, which looks at every word of it.
//!
//! Cranelift holds a reference, or an address inside of the object, for as long as either is used.
//! LLVM may hold an address before or after the object instead, from which it computes all that it
//! wants: for an array that a loop goes through. So with LLVM each reference is stored in the frame
//! when it comes into being, and where a local is read: volatile, so that the store stays.

use super::symbols::Region;
use super::translator::Translator;
use super::types::POINTER;
use crate::layout::objects::is_traced;
use crate::number::to_displacement;
use cranelift_codegen::ir::{InstBuilder, StackSlot, StackSlotData, StackSlotKind, Value};
use std::collections::HashMap;
use wasmparser::ValType;

/// Bytes of a reference.
const SIZE: u32 = 8;

/// Where a function keeps references.
#[derive(Default)]
pub struct Kept {
    /// It grows with each place.
    slot: Option<StackSlot>,
    /// Byte offsets in it, by local.
    locals: HashMap<u32, u32>,
}

impl Translator<'_> {
    /// Keeps a new value, if it can be an object.
    pub fn keep_new(&mut self, value: Value, ty: ValType) {
        if self.env.machine.keeps_references || !is_traced(self.env.module, ty) {
            return;
        }
        let place = self.new_place();
        self.keep_at(value, place);
    }

    /// Keeps what is read from a local.
    pub fn keep_local(&mut self, local: u32, value: Value) {
        let is_object = self.subject.is_some_and(|ty| is_traced(self.env.module, ty));
        if self.env.machine.keeps_references || !is_object {
            return;
        }
        let place = match self.scratch.kept.locals.get(&local) {
            Some(place) => *place,
            None => {
                let place = self.new_place();
                self.scratch.kept.locals.insert(local, place);
                place
            }
        };
        self.keep_at(value, place);
    }

    /// Byte offset of a new place in the slot.
    fn new_place(&mut self) -> u32 {
        let slot = match self.scratch.kept.slot {
            Some(slot) => slot,
            None => {
                let slot = self.builder.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, 0, 3));
                self.scratch.kept.slot = Some(slot);
                slot
            }
        };
        let size = &mut self.builder.func.sized_stack_slots[slot].size;
        let place = *size;
        *size = size.checked_add(SIZE).expect("a body has fewer than 2^29 operators");
        place
    }

    fn keep_at(&mut self, value: Value, place: u32) {
        let slot = self.scratch.kept.slot.expect("there is a place in it");
        let frame = self.builder.ins().stack_addr(POINTER, slot, 0);
        let flags = self.trusted(Region::Kept);
        let offset = usize::try_from(place).map_or(i32::MAX, to_displacement);
        self.builder.ins().store(flags, value, frame, offset);
    }
}
