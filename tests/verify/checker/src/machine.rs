//! Instructions of x86-64 as changes of a [`State`].
//!
//! What is not listed here is read from the disassembler's own tables: registers that it writes
//! get an unknown number, and its accesses are checked like all others. What those tables do not
//! describe is refused.

use crate::decode::{Decoded, general, immediate, is_plain, memory_size, register};
use crate::image::{Function, RelocationKind};
use crate::knowledge::Knowledge;
use crate::report::{Class, Failure, Report};
use crate::signature::Convention;
use crate::state::{Fact, Flags, Range, State};
use crate::value::{Base, Expr, Id, Place, RETURN_ADDRESS, Sum, Terms, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use yaxpeax_x86::long_mode::{Instruction, Opcode, Operand, RegSpec, Segment, register_class};

pub const RAX: u8 = 0;
pub const RSP: u8 = 4;
pub const RBP: u8 = 5;
pub const RSI: u8 = 6;
pub const RDI: u8 = 7;
pub const RDX: u8 = 2;

/// Values that an instruction has only for itself: what it loads, makes, or reads in part.
pub const LOADED: Place = Place::Register(32);
pub const RESULT: Place = Place::Register(33);
const PART: u8 = 34;

/// Whether a place is one of those.
pub fn is_temporary(place: Place) -> bool {
    matches!(place, Place::Register(32..))
}

/// Where control goes after an instruction.
pub enum Exit {
    Next(Box<State>),
    Ways(Vec<(u32, State)>),
}

/// Where code goes by an address in a register: a table of jumps, by its instruction.
pub type JumpTables = BTreeMap<u32, Vec<u32>>;

pub struct Machine<'k> {
    pub knowledge: &'k Knowledge<'k>,
    pub function: &'k Function,
    /// `None`: in the C convention, or with a type whose name is a hash.
    pub convention: Option<Convention>,
    pub terms: Terms,
    pub jump_tables: JumpTables,
    /// Parts of the text that are tables or constants.
    pub constants: BTreeSet<(u32, u32)>,
    /// Inequalities that end loops, by which they may be proved.
    pub unequal: Vec<Sum>,
    /// What a term of the head of a loop is at first.
    pub first: HashMap<Id, Sum>,
    /// Results are wanted, and not only states.
    pub is_recording: bool,
    pub report: Report,
    /// The instruction.
    pub at: u32,
    pub next: u32,
    /// A term of which nothing is known.
    pub unknown: Id,
    seen: HashSet<u32>,
}

impl<'k> Machine<'k> {
    pub fn new(knowledge: &'k Knowledge<'k>, function: &'k Function) -> Machine<'k> {
        let mut terms = Terms::default();
        let unknown = terms.intern(Expr::Made { site: u32::MAX, place: RESULT });
        Machine {
            unknown,
            knowledge,
            function,
            convention: function.signature.as_deref().and_then(|name| knowledge.convention(name)),
            terms,
            jump_tables: JumpTables::new(),
            constants: BTreeSet::new(),
            unequal: Vec::new(),
            first: HashMap::new(),
            is_recording: false,
            report: Report::default(),
            at: function.start,
            next: function.start,
            seen: HashSet::new(),
        }
    }

    /// Forgets states, but not what is known of the function's form.
    pub fn restart(&mut self) {
        self.seen.clear();
    }

    /// Whether it is in the internal convention.
    pub fn is_internal(&self) -> bool {
        self.function.is_internal
    }

    /// The state at the entry.
    pub fn entry(&mut self) -> State {
        let tables = self.terms.intern(Expr::Entry(RETURN_ADDRESS + 1));
        let registers = std::array::from_fn(|number| match u8::try_from(number).expect("16") {
            RSP => Value::at(Base::Stack, 0),
            number => Value::term(self.terms.intern(Expr::Entry(number))),
        });
        let mut state = State {
            registers,
            slots: BTreeMap::new(),
            tables,
            ranges: HashMap::new(),
            facts: Vec::new(),
            flags: Flags::Unknown,
            signatures: Vec::new(),
            words: Vec::new(),
            escaped: None,
        };
        state.slots.insert(0, Value::term(self.terms.intern(Expr::Entry(RETURN_ADDRESS))));
        state
    }

    pub fn fail(&mut self, reason: impl Into<String>) {
        if self.is_recording {
            let function = self.function.name.clone();
            let offset = self.at - self.function.start;
            self.report.failures.push(Failure { function, offset, reason: reason.into() });
        }
    }

    pub fn count(&mut self, class: Class) {
        if self.is_recording {
            *self.report.classes.entry(class).or_default() += 1;
        }
    }

    /// A number of which only the range is known.
    pub fn made(&mut self, state: &mut State, place: Place, range: Range) -> Value {
        let id = self.terms.intern(Expr::Made { site: self.at, place });
        if range == Range::ALL {
            state.ranges.remove(&id);
        } else {
            state.ranges.insert(id, range);
        }
        Value::term(id)
    }

    /// Executes an instruction.
    pub fn step(&mut self, mut state: State, decoded: &Decoded) -> Exit {
        let instruction = &decoded.instruction;
        (self.at, self.next) = (decoded.at, decoded.next);
        if !self.seen.insert(self.at) {
            state.forget_site(&mut self.terms, self.at);
        }
        let opcode = instruction.opcode();
        for operand in 0..instruction.operand_count() {
            let is_memory = instruction.operand(operand).is_memory();
            let segment = instruction.segment_override_for_op(operand);
            if is_memory && segment.is_some_and(|it| matches!(it, Segment::FS | Segment::GS)) {
                self.fail("an access relative to a segment");
            }
        }
        match opcode {
            Opcode::NOP => {}
            Opcode::UD2 => return Exit::Ways(Vec::new()),
            Opcode::JMP => return self.jump(state, instruction),
            Opcode::CALL => return self.call(state, instruction),
            Opcode::RETURN => return self.return_(state, instruction),
            _ if opcode.is_jcc() => return self.branch(state, instruction),
            Opcode::MOV => {
                let value = self.read(&mut state, instruction, 1);
                self.write(&mut state, instruction, 0, value);
            }
            Opcode::MOVZX => {
                let value = self.zero_extended(&mut state, instruction);
                self.write(&mut state, instruction, 0, value);
            }
            Opcode::MOVSXD | Opcode::MOVSX => {
                let value = self.sign_extended(&mut state, instruction);
                self.write(&mut state, instruction, 0, value);
            }
            Opcode::LEA => {
                let address = match self.address(&state, instruction.operand(1)) {
                    Some(address) => address,
                    None => self.made(&mut state, RESULT, Range::ALL),
                };
                self.write(&mut state, instruction, 0, address);
            }
            Opcode::ADD | Opcode::SUB if !instruction.prefixes.lock() => self.add(&mut state, instruction),
            Opcode::CMP => {
                let (left, right) = (self.read(&mut state, instruction, 0), self.read(&mut state, instruction, 1));
                state.flags = match self.width(instruction, 0) {
                    4 | 8 => self.compared(&mut state, left, right, self.width(instruction, 0)),
                    _ => Flags::Unknown,
                };
            }
            Opcode::TEST => self.test(&mut state, instruction),
            Opcode::AND if !instruction.prefixes.lock() => self.and(&mut state, instruction),
            Opcode::XOR if instruction.operand(0) == instruction.operand(1) => {
                self.write(&mut state, instruction, 0, Value::constant(0));
                state.flags = Flags::Unknown;
            }
            Opcode::OR if instruction.operand(0) == instruction.operand(1) => self.test(&mut state, instruction),
            Opcode::INC | Opcode::DEC if !instruction.prefixes.lock() => {
                let value = self.read(&mut state, instruction, 0);
                let moved = value.offset_by(if opcode == Opcode::INC { 1 } else { -1 });
                self.write(&mut state, instruction, 0, moved.clone());
                state.flags = self.result(&mut state, instruction, moved);
            }
            Opcode::SHL | Opcode::SAL | Opcode::SHR => self.shift(&mut state, instruction),
            Opcode::IMUL if instruction.operand_count() == 3 => {
                let value = self.read(&mut state, instruction, 1);
                let factor = immediate(&instruction.operand(2));
                let product = factor.and_then(|factor| value.times(factor));
                let product = self.or_unknown(&mut state, product);
                self.write(&mut state, instruction, 0, product);
                state.flags = Flags::Unknown;
            }
            _ if opcode.is_cmovcc() => self.conditional_move(&mut state, instruction),
            _ if opcode.is_setcc() => {
                let condition = self.condition(&state, opcode);
                let flag = self.terms.intern(Expr::Flag { condition, whole: false });
                match register(&instruction.operand(0)) {
                    Some((number, 1)) => state.registers[usize::from(number)] = Value::term(flag),
                    _ => self.other(&mut state, instruction),
                }
            }
            Opcode::PUSH => self.push(&mut state, instruction),
            Opcode::POP => self.pop(&mut state, instruction),
            _ => self.other(&mut state, instruction),
        }
        Exit::Next(Box::new(state))
    }

    pub fn width(&self, instruction: &Instruction, operand: u8) -> u32 {
        let of_operand = instruction.operand(operand);
        match register(&of_operand) {
            Some((_, width)) => width,
            None => match of_operand.is_memory() {
                true => memory_size(instruction),
                false => 8,
            },
        }
    }

    pub fn or_unknown(&mut self, state: &mut State, value: Option<Value>) -> Value {
        match value {
            Some(value) => value,
            None => self.made(state, RESULT, Range::ALL),
        }
    }

    /// The number that an operand has: zero above its width. Immediates keep their sign.
    pub fn read(&mut self, state: &mut State, instruction: &Instruction, operand: u8) -> Value {
        let of_operand = instruction.operand(operand);
        if let Some(constant) = immediate(&of_operand) {
            return Value::constant(constant);
        }
        if of_operand.is_memory() {
            return self.load(state, of_operand, memory_size(instruction));
        }
        match register(&of_operand) {
            Some((number, 8)) => state.registers[usize::from(number)].clone(),
            Some((number, 4)) => {
                let value = state.registers[usize::from(number)].clone();
                state.low_half(&mut self.terms, &value)
            }
            Some((_, width)) => self.made(state, Place::Register(PART + operand), Range::of_bytes(width)),
            None => self.made(state, Place::Register(PART + operand), Range::ALL),
        }
    }

    pub fn load(&mut self, state: &mut State, operand: Operand, size: u32) -> Value {
        match self.address(state, operand) {
            Some(address) => self.loaded(state, &address, size),
            None => {
                self.fail("the address of a load is not known");
                self.made(state, LOADED, Range::of_bytes(size))
            }
        }
    }

    /// Writes a result, of which the operand takes what it has room for.
    pub fn write(&mut self, state: &mut State, instruction: &Instruction, operand: u8, value: Value) {
        let of_operand = instruction.operand(operand);
        if of_operand.is_memory() {
            match self.address(state, of_operand) {
                Some(address) => self.store(state, &address, memory_size(instruction), Some(value)),
                None => self.fail("the address of a store is not known"),
            }
            return;
        }
        let Some((number, width)) = register(&of_operand) else { return };
        if number == RSP && !self.is_stack_pointer(state, &value) {
            self.fail("the stack pointer gets a value that is not in the frame");
        }
        let place = Place::Register(number);
        let value = match width {
            8 => value,
            4 => state.low_half(&mut self.terms, &value),
            _ => self.made(state, place, Range::ALL),
        };
        // A value that this instruction made moves with its name.
        state.registers[usize::from(number)] = match self.temporary(&value) {
            Some(old) => {
                let range = state.range(&self.terms, old);
                let sum = self.made(state, place, range).sum;
                self.rename(state, old, &sum);
                Value { base: value.base, sum }
            }
            None => value,
        };
    }

    pub fn temporary(&self, value: &Value) -> Option<Id> {
        let is_own = |id: &Id| match self.terms.expr(*id) {
            Expr::Made { site, place } => *site == self.at && is_temporary(*place),
            _ => false,
        };
        value.sum.as_term().filter(is_own)
    }

    /// What is known of a term holds of its new name instead.
    pub fn rename(&mut self, state: &mut State, old: Id, new: &Sum) {
        for fact in state.facts.clone() {
            let factor = fact.sum.factor(old);
            if factor != 0
                && let Some(without) = fact.sum.exactly_plus_times(&Sum::term(old), -factor)
                && let Some(sum) = without.exactly_plus_times(new, factor)
            {
                state.add_fact(&self.terms, Fact { sum, limit: fact.limit });
            }
        }
        state.forget(&HashSet::from([old]));
    }

    pub fn is_stack_pointer(&self, state: &State, value: &Value) -> bool {
        value.base == Some(Base::Stack) && state.upper(&self.terms, &value.sum) <= 8 + i128::from(self.most_arguments())
    }

    /// Bytes of arguments above the return address.
    pub fn most_arguments(&self) -> u32 {
        match (self.convention, self.is_internal()) {
            (Some(convention), _) => convention.stack,
            // Named by a hash: as many as a type can have. A function for C: likewise, to read.
            (None, _) => 16 * 1000,
        }
    }

    /// The address that an operand is.
    pub fn address(&mut self, state: &State, operand: Operand) -> Option<Value> {
        let (base, index, displacement) = match operand {
            Operand::MemDeref { base } => (Some(base), None, 0),
            Operand::Disp { base, disp } => (Some(base), None, disp),
            Operand::MemIndexScale { index, scale } => (None, Some((index, scale)), 0),
            Operand::MemIndexScaleDisp { index, scale, disp } => (None, Some((index, scale)), disp),
            Operand::MemBaseIndexScale { base, index, scale } => (Some(base), Some((index, scale)), 0),
            Operand::MemBaseIndexScaleDisp { base, index, scale, disp } => (Some(base), Some((index, scale)), disp),
            Operand::AbsoluteU32 { addr } => return Some(Value::constant(addr.cast_signed().into())),
            Operand::AbsoluteU64 { addr } => return Some(Value::constant(addr.cast_signed())),
            _ => return None,
        };
        if base == Some(RegSpec::rip()) {
            return self.relative_address(displacement);
        }
        let mut address = Value::constant(displacement.into());
        if let Some(base) = base {
            let (number, 8) = general(base)? else { return None };
            address = address.plus(&state.registers[usize::from(number)])?;
        }
        if let Some((index, scale)) = index {
            let (number, 8) = general(index)? else { return None };
            let index = &state.registers[usize::from(number)];
            let scaled = if scale == 1 { index.clone() } else { index.times(scale.into())? };
            address = address.plus(&scaled)?;
        }
        Some(address)
    }

    pub fn relative_address(&self, displacement: i32) -> Option<Value> {
        let Some((relocation, before_end)) = self.knowledge.image.relocation_in(self.at, self.next) else {
            let offset = i64::from(self.next) + i64::from(displacement);
            let function = u32::try_from(offset).ok().and_then(|offset| self.knowledge.image.function_at(offset));
            return Some(match function {
                Some(function) => Value::at(Base::Symbol(function.symbol), 0),
                None => Value::at(Base::Text, offset),
            });
        };
        let offset = relocation.addend + before_end;
        match relocation.kind {
            RelocationKind::Relative => Some(Value::at(Base::Symbol(relocation.symbol), offset)),
            RelocationKind::ThreadLocal => Some(Value::at(Base::ThreadLocal(relocation.symbol), offset)),
            _ => None,
        }
    }

    pub fn push(&mut self, state: &mut State, instruction: &Instruction) {
        let value = self.read(state, instruction, 0);
        let place = state.registers[usize::from(RSP)].offset_by(-8);
        state.registers[usize::from(RSP)] = place.clone();
        self.store(state, &place, 8, Some(value));
    }

    pub fn pop(&mut self, state: &mut State, instruction: &Instruction) {
        let place = state.registers[usize::from(RSP)].clone();
        let value = self.loaded(state, &place, 8);
        state.registers[usize::from(RSP)] = place.offset_by(8);
        self.write(state, instruction, 0, value);
    }

    /// Any other instruction, by the disassembler's tables.
    pub fn other(&mut self, state: &mut State, instruction: &Instruction) {
        if !is_plain(instruction) {
            return self.fail(format!("`{instruction}` is not an instruction that code may have"));
        }
        let behavior = instruction.behavior();
        let Ok(operands) = behavior.all_operands() else {
            return self.complex(state, instruction);
        };
        let mut written = Vec::new();
        for (operand, access) in operands.iter() {
            if operand.is_memory() {
                match self.address(state, operand) {
                    Some(address) if access.is_write() => {
                        if access.is_read() {
                            self.loaded(state, &address, memory_size(instruction));
                        }
                        self.store(state, &address, memory_size(instruction), None);
                    }
                    Some(address) => {
                        self.loaded(state, &address, memory_size(instruction));
                    }
                    None => self.fail(format!("the address of `{instruction}` is not known")),
                }
            } else if access.is_write()
                && let Operand::Register { reg } = operand
            {
                written.push(reg);
            }
        }
        for reg in written {
            self.overwrite(state, reg);
        }
        if behavior.flags_access().is_some_and(|access| access.is_write()) {
            state.flags = Flags::Unknown;
        }
    }

    pub fn overwrite(&mut self, state: &mut State, reg: RegSpec) {
        if reg.class() == register_class::RFLAGS {
            state.flags = Flags::Unknown;
        }
        let Some((number, width)) = general(reg) else { return };
        if number == RSP {
            self.fail("the stack pointer gets a value that is not in the frame");
        }
        let range = if width == 4 { Range::of_bytes(4) } else { Range::ALL };
        state.registers[usize::from(number)] = self.made(state, Place::Register(number), range);
    }

    /// What the tables have no operands for.
    pub fn complex(&mut self, state: &mut State, instruction: &Instruction) {
        let is_of_registers = (0..instruction.operand_count()).all(|it| !instruction.operand(it).is_memory());
        match instruction.opcode() {
            Opcode::BT | Opcode::BTC | Opcode::BTR | Opcode::BTS if is_of_registers => {
                if let Operand::Register { reg } = instruction.operand(0) {
                    self.overwrite(state, reg);
                }
                state.flags = Flags::Unknown;
            }
            _ => self.fail(format!("`{instruction}` is not an instruction that code may have")),
        }
    }
}
