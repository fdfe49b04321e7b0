//! Instructions of aarch64 as changes of a [`State`].

use super::decode::Instruction;
use super::operation::{Extend, Operation, Register, Second, Shift, Written};
use super::{Aarch64, SP, vector};
use crate::image::{RelocationKind, SymbolNumber};
use crate::machine::{Decoded, Exit, Machine, PART, RESULT};
use crate::report::Class;
use crate::state::{Flags, Range, State};
use crate::value::{Base, Expr, Place, Relation, Value};

/// What the second operand is in part.
const SECOND: Place = Place::Register(PART);

impl Machine<'_, Aarch64> {
    /// Executes an instruction.
    pub fn step(&mut self, mut state: State, decoded: &Decoded<Instruction>) -> Exit {
        (self.at, self.next) = (decoded.at, decoded.next);
        if !self.seen.insert(self.at) {
            state.forget_site(&mut self.terms, self.at);
        }
        let operation = decoded.instruction.operation;
        let relocation = self.knowledge.image.relocations.get(&self.at).map(|it| it.kind);
        if let Some(kind) = relocation
            && !takes(&decoded.instruction, kind)
        {
            self.fail(format!("`{}` has the relocation {kind:?}", decoded.instruction.opcode));
        }
        if self.knowledge.image.relocations.range(self.at + 1..self.next).next().is_some() {
            self.fail("a relocation in the middle of an instruction");
        }
        match operation {
            Operation::Nothing => {}
            Operation::Trap => return Exit::Ways(Vec::new()),
            Operation::Refused => {
                self.fail(format!("`{}` is not an instruction that code may have", decoded.instruction.opcode));
            }
            Operation::Add { .. } if relocation.is_some() => self.add_page(&mut state, operation),
            Operation::Add { .. } => self.add(&mut state, operation),
            Operation::Logic { .. } => self.logic(&mut state, operation),
            Operation::Wide { .. } => self.wide(&mut state, operation),
            Operation::Address { to, distance } => {
                let value = Value::at(Base::Text, i64::from(self.at) + distance);
                self.put(&mut state, to, 8, value);
            }
            Operation::Page { to } => self.page(&mut state, to),
            Operation::Bits { .. } => self.bits(&mut state, operation),
            Operation::Select { .. } => self.select_register(&mut state, operation),
            Operation::Reverse { width, to, from } => self.reverse(&mut state, to, from, width),
            Operation::CompareIf => state.flags = Flags::Unknown,
            Operation::Multiply { .. } => self.multiply(&mut state, operation),
            Operation::Access(access) => self.access(&mut state, &access),
            Operation::Probe { distance, end } => self.probe(&mut state, distance, end),
            Operation::Jump(_) => return self.jump(state, decoded),
            Operation::JumpTo(register) => return self.jump_to(state, register),
            Operation::Call(_) => return self.call_at(state, decoded),
            Operation::CallOf(register) => return self.call_of(state, register),
            Operation::Return(register) => return self.return_to(&state, register),
            Operation::Branch { code, .. } => {
                let relation = relation(&state, code);
                return self.branch(state, relation, decoded.leads);
            }
            Operation::BranchOnZero { width, register, is_zero, .. } => {
                return self.branch_on_zero(state, register, width, is_zero, decoded.leads);
            }
            Operation::BranchOnBit { register, bit, is_zero, .. } => {
                return self.branch_on_bit(state, register, bit, is_zero, decoded.leads);
            }
            Operation::ThreadPointer { to } => {
                let value = Value::term(self.terms.intern(Expr::ThreadPointer));
                self.put(&mut state, to, 8, value);
            }
            Operation::Other { written, sets_flags } => self.other(&mut state, written, sets_flags),
        }
        Exit::Next(Box::new(state))
    }

    /// The number in a register.
    pub fn get(&mut self, state: &State, register: Register, width: u32) -> Value {
        let Some(number) = register else { return Value::constant(0) };
        let value = state.registers[usize::from(number)].clone();
        if width == 4 { state.low_half(&mut self.terms, &value) } else { value }
    }

    /// Writes a register, of which the upper half is 0 after 32 bits.
    pub fn put(&mut self, state: &mut State, register: Register, width: u32, value: Value) {
        let Some(number) = register else { return };
        let value = if width == 4 { state.low_half(&mut self.terms, &value) } else { value };
        self.set_register(state, number, value);
    }

    /// A register gets a number of which nothing is known.
    pub fn put_unknown(&mut self, state: &mut State, register: Register, width: u32) {
        let value = self.made(state, RESULT, Range::of_bytes(width));
        self.put(state, register, width, value);
    }

    /// Writes a vector register: its low half, if the value is that.
    pub fn put_vector(&mut self, state: &mut State, number: u8, low: Option<Value>) {
        let Some(number) = vector(number) else { return };
        let value = self.or_unknown(state, low);
        self.set_register(state, number, value);
    }

    /// The second operand.
    pub fn second(&mut self, state: &mut State, second: Second, width: u32) -> Value {
        match second {
            Second::Constant(constant) => Value::constant(constant.cast_signed()),
            Second::Shifted { register, shift, by } => {
                let value = self.get(state, register, width);
                let result = match shift {
                    _ if by == 0 => Some(value),
                    Shift::Left => value.times(1i64.wrapping_shl(by)),
                    Shift::Right | Shift::Signed | Shift::Other => None,
                };
                result.unwrap_or_else(|| self.made(state, SECOND, Range::of_bytes(width)))
            }
            Second::Extended { register, extend, by } => {
                let value = self.extended(state, register, extend);
                let result = if by == 0 { Some(value) } else { value.times(1 << by) };
                result.unwrap_or_else(|| self.made(state, SECOND, Range::ALL))
            }
        }
    }

    fn extended(&mut self, state: &mut State, register: Register, extend: Extend) -> Value {
        let most = match extend {
            Extend::All => return self.get(state, register, 8),
            Extend::Word => return self.get(state, register, 4),
            Extend::SignedWord => i32::MAX.into(),
            Extend::Unsigned(bytes) => Range::of_bytes(bytes).high,
            Extend::Other => -1,
        };
        let bytes = if extend == Extend::SignedWord { 4 } else { 8 };
        let value = self.get(state, register, bytes);
        let is_small = state.is_between(&self.terms, &value.sum, 0, most);
        match extend {
            _ if value.base.is_none() && is_small => value,
            Extend::SignedWord if self.signed_half(state, &value).is_some() => {
                self.signed_half(state, &value).expect("it is one")
            }
            Extend::Unsigned(bytes) => self.made(state, SECOND, Range::of_bytes(bytes)),
            _ => self.made(state, SECOND, Range::ALL),
        }
    }

    /// Touches the pages of a frame, one after the other.
    fn probe(&mut self, state: &mut State, distance: u8, end: u8) {
        let stack = &state.registers[usize::from(SP)];
        let is_frame = stack.offset_from(Base::Stack).is_some();
        let most = state.registers[usize::from(end)].as_constant();
        let is_bounded = most.is_some_and(|most| (1..1 << 31).contains(&most));
        if is_frame && is_bounded && state.registers[usize::from(distance)].as_constant() == Some(0) {
            self.count(Class::Frame);
        } else {
            self.fail("pages are touched that are not those of the frame");
        }
        self.put_unknown(state, Some(distance), 8);
        state.flags = Flags::Unknown;
    }

    fn other(&mut self, state: &mut State, written: Written, sets_flags: bool) {
        match written {
            Written::Nothing => {}
            Written::General(register, width) => self.put_unknown(state, register, width),
            Written::Vector(number) => self.put_vector(state, number, None),
        }
        if sets_flags {
            state.flags = Flags::Unknown;
        }
    }

    /// The page of a symbol, whose place in it an `add` brings.
    fn page(&mut self, state: &mut State, to: Register) {
        let relocation = self.knowledge.image.relocations.get(&self.at).copied();
        let value = match relocation {
            Some(it) if it.kind == RelocationKind::Page => Value::at(Base::Page(it.symbol), it.addend),
            Some(it) if it.kind == RelocationKind::ThreadLocalPage && it.addend == 0 => {
                Value::at(Base::ThreadLocal(it.symbol), 0)
            }
            _ => {
                self.fail("the address of a page without a symbol");
                self.made(state, RESULT, Range::ALL)
            }
        };
        self.put(state, to, 8, value);
    }

    /// What a symbol and an addend name: a label of the code lies in the text.
    pub fn address_of(&self, symbol: SymbolNumber, addend: i64) -> Value {
        let image = self.knowledge.image;
        match image.offset_of(symbol, addend).filter(|_| !image.symbols[symbol].is_code) {
            Some(offset) => Value::at(Base::Text, offset),
            None => Value::at(Base::Symbol(symbol), addend),
        }
    }

    fn add_page(&mut self, state: &mut State, operation: Operation) {
        let Operation::Add { width: 8, is_minus: false, sets_flags: false, to, left, right } = operation else {
            return self.fail("a part of an address is not added");
        };
        let relocation = self.knowledge.image.relocations[&self.at];
        let page = match relocation.kind {
            RelocationKind::PageOffset => Base::Page(relocation.symbol),
            _ => Base::ThreadLocal(relocation.symbol),
        };
        let found = self.get(state, left, 8).offset_from(page);
        if found != Some(relocation.addend) || right != Second::Constant(0) {
            return self.fail("a part of an address is added to another page");
        }
        let value = match page {
            Base::Page(symbol) => self.address_of(symbol, relocation.addend),
            base => Value::at(base, 0),
        };
        self.put(state, to, 8, value);
    }
}

/// Whether a relocation belongs to an instruction.
fn takes(instruction: &Instruction, kind: RelocationKind) -> bool {
    let Instruction { operation, has_place, .. } = instruction;
    match kind {
        RelocationKind::Page | RelocationKind::ThreadLocalPage => matches!(operation, Operation::Page { .. }),
        RelocationKind::PageOffset | RelocationKind::ThreadLocalOffset => {
            matches!(operation, Operation::Add { .. }) && *has_place
        }
        RelocationKind::PageAccess(bytes) => {
            matches!(operation, Operation::Access(access) if access.size == bytes) && *has_place
        }
        RelocationKind::Branch => matches!(operation, Operation::Call(_) | Operation::Jump(_)),
        RelocationKind::ThreadLocalLoad => matches!(operation, Operation::Access(_)),
        RelocationKind::ThreadLocalCall => matches!(operation, Operation::CallOf(_)),
        _ => false,
    }
}

/// What a condition asks for, as [`Machine::branch`] takes it: after a sum, `Below` is a carry.
pub fn relation(state: &State, code: u32) -> Option<Relation> {
    let is_sum = matches!(state.flags, Flags::Sum { .. });
    Some(match code {
        0 => Relation::Equal,
        1 => Relation::NotEqual,
        2 if is_sum => Relation::Below,
        3 if is_sum => Relation::AtLeast,
        2 => Relation::AtLeast,
        3 => Relation::Below,
        8 => Relation::Above,
        9 => Relation::AtMost,
        10 => Relation::SignedAtLeast,
        11 => Relation::SignedBelow,
        12 => Relation::SignedAbove,
        13 => Relation::SignedAtMost,
        _ => return None,
    })
}
