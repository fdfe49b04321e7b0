//! Where the values of locals are, for debuggers.
//!
//! [`Locals::Follow`] notes which value a local has from which operator on, and names the values
//! in CLIF by labels. What was known before a construct holds after it if the local keeps its value
//! there. Reading a local tells its value too, so that little is unknown for long.
//! [`Locals::Keep`] stores each value in the frame besides, where it is found at any time.

use super::body::location;
use super::translator::{Scratch, Translator};
use super::types::POINTER;
use crate::debug::stacked::{STACKED, Stacked};
use crate::number::to_u32;
use cranelift_codegen::ir::{
    self, InstBuilder, InstructionData, Opcode, StackSlot, StackSlotData, StackSlotKey, StackSlotKind, Value, ValueDef,
    ValueLabel, ValueLabelAssignments, ValueLabelStart,
};
use cranelift_entity::packed_option::ReservedValue;
use cranelift_frontend::Variable;
use std::collections::{BTreeMap, HashSet};
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

/// How many places of the operand stack are kept, or named at one operator.
const MOST_STACKED: usize = 64;

/// How much work the notes of a function may be: a module chooses how deep its blocks are, and how
/// many locals are set in them.
const MOST_STEPS: u32 = 1 << 26;

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
    /// Of locals in the order of their beginnings.
    pub stays: Vec<Stay>,
    /// The value of each label.
    labels: Vec<Value>,
    /// For each local, the value that it has at the operator at hand.
    current: Vec<Option<Current>>,
    /// Locals that were set, in order, with what was known before.
    set: Vec<(u32, Option<Current>)>,
    /// How many had been set when each open construct began; and where it began, if it is a loop.
    opened: Vec<(usize, Option<u32>)>,
    /// The last stay of each local, and the stay of the same local before each stay.
    last: Vec<Option<usize>>,
    before: Vec<Option<usize>>,
    /// Locals that are set in the loop that begins at an offset.
    set_in_loop: HashSet<(u32, u32)>,
    /// How much was looked through. Beyond [`MOST_STEPS`] nothing more is noted.
    steps: u32,
    /// Where locals are kept.
    slots: Vec<Option<StackSlot>>,
    /// Where places of the operand stack are kept, by their numbers.
    stack_slots: BTreeMap<u32, StackSlot>,
    /// The places of the operand stack that are noted at the operator at hand.
    on_stack: Vec<Current>,
    /// Byte offset of the operator at hand.
    offset: u32,
    /// The same, for places of the operand stack.
    operator: u32,
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
            Operator::Else => self.restore(),
            // An exception may come from before or after what was set.
            Operator::Catch { .. } | Operator::CatchAll => self.forget_set(),
            Operator::End | Operator::Delegate { .. } => self.leave(),
            _ => {}
        }
    }

    /// The other way of an `if` begins: what was known before it holds again.
    fn restore(&mut self) {
        let Some(&(n_set, _)) = self.opened.last() else { return };
        for place in (n_set..self.set.len()).rev() {
            let (local, before) = self.set[place];
            self.forget(local, self.offset);
            if let Some(before) = before {
                let stay = Stay { start: self.offset, end: u32::MAX, ..self.stays[before.stay] };
                self.push(stay, before.value);
            }
        }
    }

    /// A construct ends. Out of a loop there is one way.
    fn leave(&mut self) {
        if let Some((_, None)) = self.opened.last() {
            self.forget_set();
        }
        self.opened.pop();
    }

    /// Ends what is known of locals that were set in the innermost construct: other ways may lead
    /// to the operator at hand.
    fn forget_set(&mut self) {
        let Some(&(n_set, _)) = self.opened.last() else { return };
        for place in n_set..self.set.len() {
            self.forget(self.set[place].0, self.offset);
        }
    }

    /// Ends what is known of a local.
    fn forget(&mut self, local: u32, offset: u32) {
        self.count();
        if let Some(current) = self.current[local as usize].take() {
            self.stays[current.stay].end = offset;
        }
    }

    /// Ends what was known of a local where the loops around the operator begin: it is set again.
    fn forget_before_loops(&mut self, local: u32) {
        for place in 0..self.opened.len() {
            self.count();
            let (_, Some(start)) = self.opened[place] else { continue };
            if !self.set_in_loop.insert((local, start)) {
                continue;
            }
            let mut stay = self.last[local as usize];
            while let Some(number) = stay {
                self.count();
                if self.stays[number].start < start {
                    self.stays[number].end = self.stays[number].end.min(start);
                    break;
                }
                stay = self.before[number];
            }
        }
    }

    fn count(&mut self) {
        self.steps = self.steps.saturating_add(1);
    }

    fn begin(&mut self, local: u32, offset: u32, value: Value, func: &ir::Function) {
        let known = self.known(value, func);
        self.push(Stay { local, start: offset, end: u32::MAX, value: known }, value);
    }

    fn known(&mut self, value: Value, func: &ir::Function) -> Known {
        match constant(func, value) {
            Some(bits) => Known::Constant(bits),
            None => {
                self.labels.push(value);
                Known::Label(to_u32(self.labels.len().saturating_sub(1)))
            }
        }
    }

    /// A place of the operand stack gets a name, from here on to where it should end.
    fn begin_stacked(&mut self, Stacked { start, end, slot }: Stacked, value: Value, func: &ir::Function) {
        self.on_stack.push(Current { stay: self.stays.len(), value });
        let (local, value) = (STACKED.saturating_add(slot), self.known(value, func));
        self.stays.push(Stay { local, start, end, value });
        self.before.push(None);
    }

    /// Ends what is known of places of the operand stack that have ended, or have another value.
    fn leave_stacked(&mut self, stack: &[Value], offset: u32) {
        let mut on_stack = std::mem::take(&mut self.on_stack);
        on_stack.retain(|current| {
            self.count();
            let stay = &mut self.stays[current.stay];
            let value = stay.local.checked_sub(STACKED).and_then(|slot| stack.get(slot as usize));
            let is_there = offset < stay.end && value == Some(&current.value);
            stay.end = if is_there { stay.end } else { stay.end.min(offset) };
            is_there
        });
        self.on_stack = on_stack;
    }

    fn push(&mut self, stay: Stay, value: Value) {
        let (local, number) = (stay.local as usize, self.stays.len());
        self.before.push(self.last[local].replace(number));
        self.current[local] = Some(Current { stay: number, value });
        self.stays.push(stay);
    }

    /// Whether the function is small enough to be followed.
    fn is_within_limits(&self) -> bool {
        self.steps < MOST_STEPS
    }

    /// The function is whole. Replaces values that are aliases: passes forget them.
    pub fn resolve(&mut self, func: &ir::Function) {
        if !self.is_within_limits() {
            self.stays.clear();
            self.labels.clear();
        }
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
        self.env.locals == Locals::Follow && self.scratch.notes.is_within_limits()
    }

    /// The next local, at the beginning of the function, with its value.
    pub fn note_declared(&mut self, local: Variable, value: Value) {
        if self.env.locals == Locals::Keep {
            let slot =
                (local.as_u32() < MOST_KEPT).then(|| self.place_to_keep(local.as_u32(), self.type_of(value).bytes()));
            self.scratch.notes.slots.push(slot);
            self.keep(local.as_u32(), value);
        }
        if self.follows() {
            self.scratch.notes.current.push(None);
            self.scratch.notes.last.push(None);
            self.scratch.notes.begin(local.as_u32(), 0, value, self.builder.func);
        }
    }

    fn place_to_keep(&mut self, local: u32, size: u32) -> StackSlot {
        let alignment = u8::try_from(size.trailing_zeros()).expect("a register has few bytes");
        let key = StackSlotKey::new(local.into());
        let slot = StackSlotData::new_with_key(StackSlotKind::ExplicitSlot, size, alignment, key);
        self.builder.create_sized_stack_slot(slot)
    }

    /// An operator begins.
    pub fn note_operator(&mut self, operator: &Operator, offset: u32) {
        if self.follows() {
            self.scratch.notes.enter(operator, offset);
        }
    }

    /// An operator begins, before which values of the operand stack belong to variables.
    pub fn note_stacked(&mut self, offset: u32) {
        let stacked = self.env.stacked;
        let before = std::mem::replace(&mut self.scratch.notes.operator, offset);
        if stacked.is_empty() || !self.reachable {
            return;
        }
        let first = stacked.partition_point(|stacked| stacked.start < offset);
        let beginning = stacked[first..].iter().take_while(|stacked| stacked.start == offset);
        let values = beginning.filter_map(|stacked| Some((stacked, *self.scratch.stack.get(stacked.slot as usize)?)));
        let values: Vec<_> = values.take(MOST_STACKED).collect();
        match self.env.locals {
            Locals::Off => {}
            Locals::Keep => {
                // The stores belong to the operator that made the values: a debugger that stops
                // before this one sees them.
                self.builder.set_srcloc(location(before.into()));
                for (stacked, value) in values {
                    // The widest register: the place may have values of several types.
                    const WIDEST: u32 = 16;
                    let slot = match self.scratch.notes.stack_slots.get(&stacked.slot) {
                        Some(slot) => *slot,
                        None if self.scratch.notes.stack_slots.len() >= MOST_STACKED => continue,
                        None => self.place_to_keep(STACKED.saturating_add(stacked.slot), WIDEST),
                    };
                    self.scratch.notes.stack_slots.insert(stacked.slot, slot);
                    self.builder.ins().stack_store(POINTER, value, slot, 0);
                }
                self.builder.set_srcloc(location(offset.into()));
            }
            Locals::Follow if !self.follows() => {}
            Locals::Follow => {
                let Scratch { notes, stack, .. } = &mut *self.scratch;
                notes.leave_stacked(stack, offset);
                for (stacked, value) in values {
                    notes.begin_stacked(*stacked, value, self.builder.func);
                }
            }
        }
    }

    /// A local gets a value, which it has at the operator that follows.
    pub fn note_set(&mut self, local: u32, value: Value) {
        self.keep(local, value);
        if !self.follows() {
            return;
        }
        let notes = &mut self.scratch.notes;
        notes.set.push((local, notes.current[local as usize]));
        let next = notes.offset.saturating_add(1);
        notes.forget(local, next);
        notes.forget_before_loops(local);
        notes.begin(local, next, value, self.builder.func);
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
        if let Some(Some(slot)) = self.scratch.notes.slots.get(local as usize) {
            self.builder.ins().stack_store(POINTER, value, *slot, 0);
        }
    }
}
