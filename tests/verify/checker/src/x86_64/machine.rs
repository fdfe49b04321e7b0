//! Instructions of x86-64 as changes of a [`State`].
//!
//! What is not listed here is read from the disassembler's own tables: registers that it writes
//! get an unknown number, and its accesses are checked like all others. What those tables do not
//! describe is refused.

use super::decode::{general, immediate, is_plain, memory_size, register, relation};
use super::{RSP, X86};
use crate::image::RelocationKind;
use crate::machine::{Decoded, Exit, LOADED, Machine, PART, RESULT};
use crate::state::{Flags, Range, State};
use crate::value::{Base, Expr, Place, Value};
use yaxpeax_x86::long_mode::{Instruction, Opcode, Operand, RegSpec, Segment, register_class};

impl Machine<'_, X86> {
    /// Executes an instruction.
    pub fn step(&mut self, mut state: State, decoded: &Decoded<Instruction>) -> Exit {
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
            Opcode::JMP => return self.jump_by(state, decoded),
            Opcode::CALL => return self.call_by(state, decoded),
            Opcode::RETURN => return self.return_by(&state, instruction),
            _ if opcode.is_jcc() => return self.branch(state, relation(opcode), decoded.leads),
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
                    width @ (4 | 8) => self.compared(&mut state, left, right, width),
                    width @ (1 | 2) => {
                        let cut = |value: Value| {
                            let constant = value.as_constant().map(|it| Value::constant(it & bits_of(width)));
                            constant.unwrap_or(value)
                        };
                        Flags::Compare { left: cut(left), right: cut(right), width }
                    }
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
                let condition = self.condition(&state, relation(opcode));
                let register = register(&instruction.operand(0));
                // The rest of the register stays.
                let whole = register.is_some_and(|(number, _)| self.is_at_most(&state, number, 255));
                let flag = self.terms.intern(Expr::Flag { condition, whole });
                match register {
                    Some((number, 1)) => state.registers[usize::from(number)] = Value::term(flag),
                    _ => {
                        let byte = self.made(&mut state, RESULT, Range::upto(1));
                        self.write(&mut state, instruction, 0, byte);
                    }
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
            Some((number, width @ (1 | 2))) if self.is_at_most(state, number, u64::MAX.into()) => {
                let value = state.registers[usize::from(number)].clone();
                self.masked(state, &value, &Value::constant(bits_of(width)), 8)
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
        let place = Place::Register(number);
        let value = match width {
            8 => value,
            4 => state.low_half(&mut self.terms, &value),
            _ => self.made(state, place, Range::ALL),
        };
        self.set_register(state, number, value);
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

/// All bits of one or two bytes.
fn bits_of(width: u32) -> i64 {
    if width == 1 { 0xff } else { 0xffff }
}
