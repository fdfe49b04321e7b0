//! Where the values of locals are, for debuggers.
//!
//! [`Locals::Follow`] notes which value a local has from which operator on, and names the values
//! in CLIF by labels. What was known before a construct holds after it if the local keeps its value
//! there. Reading a local tells its value too, so that little is unknown for long.
//! [`Locals::Keep`] stores each value in the frame besides, where it is found at any time.

use super::translator::Translator;
use super::types::POINTER;
use crate::number::to_u32;
use cranelift_codegen::ir::{
    self, InstBuilder, InstructionData, Opcode, StackSlot, StackSlotData, StackSlotKey, StackSlotKind, Value, ValueDef,
    ValueLabel, ValueLabelAssignments, ValueLabelStart,
};
use cranelift_entity::packed_option::ReservedValue;
use std::collections::BTreeMap;
use wasmparser::Operator;

/// What code tells debuggers of locals.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum Locals {
    /// Nothing; code has no positions either.
    #[default]
    Off,
    /// Where they are as long as the code needs them.
    Follow,
    /// They are in the frame all the time, which costs a store for each.
    Keep,
}

/// How many locals of a function are kept: frames stay small enough for any stack.
const MOST_KEPT: u32 = 4096;

/// From one operator to another, a local has a value.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Stay {
    pub local: u32,
    /// Byte offsets in the module, of which the first is inside.
    pub start: u32,
    pub end: u32,
    pub value: Known,
}

/// What is known of a value.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// It is in the machine where Cranelift says that this label's value is.
    Label(u32),
    /// Its bits.
    Constant(u64),
}

/// What a function's translation notes.
#[derive(Default)]
pub struct Notes {
    /// In the order of their beginnings.
    pub stays: Vec<Stay>,
    /// The value of each label.
    labels: Vec<Value>,
    /// For each local, the value that it has at the operator at hand.
    current: Vec<Option<Current>>,
    /// Locals that were set, in order, with what was known before.
    set: Vec<(u32, Option<Current>)>,
    /// How many had been set when each open construct began; and where it began, if it is a loop.
    opened: Vec<(usize, Option<u32>)>,
    /// Where locals are kept.
    slots: Vec<Option<StackSlot>>,
    /// Byte offset of the operator at hand.
    offset: u32,
}

/// The place of a stay in [`Notes::stays`], and the value.
#[derive(Copy, Clone)]
struct Current {
    stay: usize,
    value: Value,
}

impl Notes {
    pub fn clear(&mut self) {
        *self = Notes::default();
    }

    /// An operator begins.
    fn enter(&mut self, operator: &Operator, offset: u32) {
        self.offset = offset;
        match operator {
            Operator::Loop { .. } => self.opened.push((self.set.len(), Some(offset))),
            Operator::Block { .. } | Operator::If { .. } | Operator::TryTable { .. } | Operator::Try { .. } => {
                self.opened.push((self.set.len(), None));
            }
            Operator::Else | Operator::Catch { .. } | Operator::CatchAll => self.restore(),
            Operator::End | Operator::Delegate { .. } => self.leave(),
            _ => {}
        }
    }

    /// Another part of a construct begins, of which what was set in the part before says nothing.
    fn restore(&mut self) {
        let Some(&(n_set, _)) = self.opened.last() else { return };
        for place in (n_set..self.set.len()).rev() {
            let (local, before) = self.set[place];
            self.forget(local, self.offset);
            let Some(before) = before else { continue };
            self.current[local as usize] = Some(Current { stay: self.stays.len(), value: before.value });
            let stay = Stay { start: self.offset, end: u32::MAX, ..self.stays[before.stay] };
            self.stays.push(stay);
        }
    }

    /// A construct ends. What was set in it is not known there, where other ways may lead; out of a
    /// loop there is one way.
    fn leave(&mut self) {
        let Some((n_set, None)) = self.opened.pop() else { return };
        for place in n_set..self.set.len() {
            self.forget(self.set[place].0, self.offset);
        }
    }

    /// Ends what is known of a local.
    fn forget(&mut self, local: u32, offset: u32) {
        if let Some(current) = self.current[local as usize].take() {
            self.stays[current.stay].end = offset;
        }
    }

    /// Ends what was known of a local where the loops around the operator begin: it is set again.
    fn forget_before_loops(&mut self, local: u32) {
        let Some(start) = self.opened.iter().find_map(|(_, start)| *start) else { return };
        for stay in self.stays.iter_mut().rev().filter(|stay| stay.local == local) {
            if stay.start >= start {
                continue;
            }
            stay.end = stay.end.min(start);
            break;
        }
    }

    fn begin(&mut self, local: u32, offset: u32, value: Value, func: &ir::Function) {
        let known = match constant(func, value) {
            Some(bits) => Known::Constant(bits),
            None => {
                self.labels.push(value);
                Known::Label(to_u32(self.labels.len().saturating_sub(1)))
            }
        };
        self.current[local as usize] = Some(Current { stay: self.stays.len(), value });
        self.stays.push(Stay { local, start: offset, end: u32::MAX, value: known });
    }

    /// Replaces values that are aliases: passes forget them.
    pub fn resolve(&mut self, func: &ir::Function) {
        for value in &mut self.labels {
            *value = original(func, *value).unwrap_or(*value);
        }
    }

    /// Names the values in CLIF.
    pub fn label(&self, func: &mut ir::Function) {
        let mut starts: BTreeMap<Value, ValueLabelAssignments> = BTreeMap::new();
        for (label, value) in self.labels.iter().enumerate() {
            let Some(value) = original(func, *value) else { continue };
            let start = ValueLabelStart { from: Default::default(), label: ValueLabel::from_u32(to_u32(label)) };
            match starts.entry(value).or_insert_with(|| ValueLabelAssignments::Starts(Vec::new())) {
                ValueLabelAssignments::Starts(starts) => starts.push(start),
                ValueLabelAssignments::Alias { .. } => unreachable!("none is made here"),
            }
        }
        func.dfg.values_labels = Some(starts);
    }
}

/// The value that a value is an alias of, or itself. `None` if nothing is left of it.
fn original(func: &ir::Function, mut value: Value) -> Option<Value> {
    while let Some(next) = func.dfg.value_alias_dest_for_serialization(value) {
        value = (next != Value::reserved_value()).then_some(next)?;
    }
    func.dfg.value_is_valid(value).then_some(value)
}

/// The bits of a value that is a constant.
fn constant(func: &ir::Function, value: Value) -> Option<u64> {
    let ValueDef::Result(inst, 0) = func.dfg.value_def(original(func, value)?) else { return None };
    match func.dfg.insts[inst] {
        InstructionData::UnaryImm { opcode: Opcode::Iconst, imm } => Some(imm.bits().cast_unsigned()),
        InstructionData::UnaryIeee32 { imm, .. } => Some(imm.bits().into()),
        InstructionData::UnaryIeee64 { imm, .. } => Some(imm.bits()),
        _ => None,
    }
}

impl Translator<'_> {
    fn follows(&self) -> bool {
        self.env.locals != Locals::Off
    }

    /// The next local, at the beginning of the function, with its value.
    pub fn note_declared(&mut self, value: Value) {
        if !self.follows() {
            return;
        }
        let local = to_u32(self.scratch.notes.current.len());
        let ty = self.type_of(value);
        let is_kept = self.env.locals == Locals::Keep && local < MOST_KEPT;
        let slot = is_kept.then(|| {
            let alignment = u8::try_from(ty.bytes().trailing_zeros()).expect("a register has few bytes");
            let key = StackSlotKey::new(u64::from(local));
            self.builder.create_sized_stack_slot(StackSlotData::new_with_key(
                StackSlotKind::ExplicitSlot,
                ty.bytes(),
                alignment,
                key,
            ))
        });
        self.scratch.notes.current.push(None);
        self.scratch.notes.slots.push(slot);
        self.scratch.notes.begin(local, 0, value, self.builder.func);
        self.keep(local, value);
    }

    /// An operator begins.
    pub fn note_operator(&mut self, operator: &Operator, offset: u32) {
        if self.follows() {
            self.scratch.notes.enter(operator, offset);
        }
    }

    /// A local gets a value, which it has at the operator that follows.
    pub fn note_set(&mut self, local: u32, value: Value) {
        if !self.follows() {
            return;
        }
        let notes = &mut self.scratch.notes;
        notes.set.push((local, notes.current[local as usize]));
        let next = notes.offset.saturating_add(1);
        notes.forget(local, next);
        notes.forget_before_loops(local);
        notes.begin(local, next, value, self.builder.func);
        self.keep(local, value);
    }

    /// A local is read.
    pub fn note_get(&mut self, local: u32, value: Value) {
        if !self.follows() {
            return;
        }
        let notes = &mut self.scratch.notes;
        let current = notes.current[local as usize];
        if current.is_some_and(|current| current.value == value) {
            return;
        }
        let offset = notes.offset;
        notes.forget(local, offset);
        notes.begin(local, offset, value, self.builder.func);
    }

    fn keep(&mut self, local: u32, value: Value) {
        if let Some(slot) = self.scratch.notes.slots[local as usize] {
            self.builder.ins().stack_store(POINTER, value, slot, 0);
        }
    }
}
