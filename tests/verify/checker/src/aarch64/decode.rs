//! Words of code as [`Operation`]s. The tables of `disarm64`, which come from binutils', say what a
//! word is; its fields are read here as the Arm Architecture Reference Manual (C4, "A64 Instruction
//! Set Encoding") has them for each class.

use super::operation::{
    Access, Address, Bits, Extend, Kind, Logic, Offset, Operation, Register, Second, Select, Shift, Target, Wide,
    Writeback, Written,
};
use crate::image::Image;
use crate::machine::{Decoded, Leads};
use disarm64::decoder::{InsnId, Opcode, decode as look_up};
use disarm64::{InsnOpcode, InsnOperand};
use disarm64_defn::{InsnClass, InsnOperandClass};

/// A word and what it does.
#[derive(Clone)]
pub struct Instruction {
    pub opcode: Opcode,
    pub operation: Operation,
    /// Its bits 10 to 21 are a number without a sign, where a linker can write a place in a page.
    pub has_place: bool,
}

pub fn decode(image: &Image, at: u32, end: u32) -> Result<Decoded<Instruction>, String> {
    let bytes = image.text.get(at as usize..end as usize).and_then(|bytes| bytes.first_chunk::<4>());
    let word = Word(u32::from_le_bytes(*bytes.ok_or("not an instruction: it is cut off")?));
    if !at.is_multiple_of(4) {
        return Err("not an instruction: not on a word".into());
    }
    let opcode = look_up(word.0).ok_or_else(|| format!("not an instruction: {:#010x}", word.0))?;
    if let Some(operation) = probe(image, at, end) {
        return Ok(Decoded {
            at,
            next: at + 16,
            leads: Leads::On,
            instruction: Instruction { opcode, operation, has_place: false },
        });
    }
    let operation = word.operation(&opcode).unwrap_or(Operation::Refused);
    let target = |distance: i64| {
        let has_relocation = image.relocations.contains_key(&at);
        u32::try_from(i64::from(at) + distance).ok().filter(|_| !has_relocation)
    };
    let leads = match operation {
        Operation::Jump(distance) => Leads::Jump(target(distance)),
        Operation::JumpTo(_) => Leads::Jump(None),
        Operation::Call(_) | Operation::CallOf(_) => Leads::Call,
        Operation::Branch { distance, .. }
        | Operation::BranchOnZero { distance, .. }
        | Operation::BranchOnBit { distance, .. } => Leads::Branch(target(distance)),
        Operation::Return(_) | Operation::Trap => Leads::End,
        _ => Leads::On,
    };
    let has_place = match opcode.definition().class {
        InsnClass::ADDSUB_IMM => !word.is_set(22),
        InsnClass::LDST_POS => true,
        _ => false,
    };
    Ok(Decoded { at, next: at + 4, leads, instruction: Instruction { opcode, operation, has_place } })
}

/// The loop that touches the pages of a large frame, whose four instructions are taken for one:
///
/// ```text
/// 1: sub x16, x16, #4096
///    str wzr, [sp, x16]
///    cmn x16, x17
///    b.gt 1b
/// ```
fn probe(image: &Image, at: u32, end: u32) -> Option<Operation> {
    const LOOP: [u32; 4] = [0xd140_0610, 0xb830_6bff, 0xab11_021f, 0x54ff_ffac];
    let bytes = image.text.get(at as usize..end as usize)?.first_chunk::<16>()?;
    let words = bytes.chunks_exact(4).map(|word| u32::from_le_bytes(word.try_into().expect("four bytes")));
    let has_relocation = image.relocations.range(at..at + 16).next().is_some();
    (words.eq(LOOP) && !has_relocation).then_some(Operation::Probe { distance: 16, end: 17 })
}

#[derive(Copy, Clone)]
struct Word(u32);

impl Word {
    fn bits(self, low: u32, count: u32) -> u32 {
        (self.0 >> low) & ((1 << count) - 1)
    }

    fn is_set(self, bit: u32) -> bool {
        self.bits(bit, 1) == 1
    }

    fn signed(self, low: u32, count: u32) -> i64 {
        i64::from((self.bits(low, count) << (32 - count)).cast_signed() >> (32 - count))
    }

    fn number(self, low: u32) -> u8 {
        u8::try_from(self.bits(low, 5)).expect("five bits")
    }

    /// A register of which 31 is the zero register.
    fn register(self, low: u32) -> Register {
        Some(self.number(low)).filter(|number| *number != 31)
    }

    /// 4 or 8 bytes, by the highest bit.
    fn width(self) -> u32 {
        if self.is_set(31) { 8 } else { 4 }
    }

    /// `None`: not one that code may have.
    fn operation(self, opcode: &Opcode) -> Option<Operation> {
        use InsnClass as C;
        let name = opcode.definition().mnemonic;
        match opcode.definition().class {
            C::ADDSUB_IMM | C::ADDSUB_SHIFT | C::ADDSUB_EXT => self.add(name, opcode.definition().class),
            C::LOG_IMM | C::LOG_SHIFT => self.logic(name, opcode.definition().class),
            C::MOVEWIDE => self.wide(name),
            C::PCRELADDR => {
                let distance = self.signed(5, 19) << 2 | i64::from(self.bits(29, 2));
                match name {
                    "adr" => Some(Operation::Address { to: self.register(0), distance }),
                    "adrp" => Some(Operation::Page { to: self.register(0) }),
                    _ => None,
                }
            }
            C::BITFIELD => {
                let kind = match name {
                    "ubfm" => Bits::Unsigned,
                    "sbfm" => Bits::Signed,
                    "bfm" => Bits::Insert,
                    _ => return None,
                };
                let (first, last) = (self.bits(16, 6), self.bits(10, 6));
                let (to, from) = (self.register(0), self.register(5));
                Some(Operation::Bits { width: self.width(), kind, to, from, first, last })
            }
            C::CONDSEL => {
                let kind = match name {
                    "csel" => Select::Plain,
                    "csinc" => Select::Increment,
                    "csinv" | "csneg" => Select::Other,
                    _ => return None,
                };
                let (to, left, right) = (self.register(0), self.register(5), self.register(16));
                Some(Operation::Select { width: self.width(), kind, to, left, right, code: self.bits(12, 4) })
            }
            C::CONDCMP_IMM | C::CONDCMP_REG if matches!(name, "ccmp" | "ccmn") => Some(Operation::CompareIf),
            C::DP_1SRC if name == "rbit" => {
                Some(Operation::Reverse { width: self.width(), to: self.register(0), from: self.register(5) })
            }
            C::DP_3SRC if matches!(name, "madd" | "msub") => Some(Operation::Multiply {
                width: self.width(),
                to: self.register(0),
                left: self.register(5),
                right: self.register(16),
                plus: self.register(10),
                is_minus: name == "msub",
            }),
            C::COMPBRANCH if matches!(name, "cbz" | "cbnz") => Some(Operation::BranchOnZero {
                width: self.width(),
                register: self.register(0),
                is_zero: name == "cbz",
                distance: self.signed(5, 19) * 4,
            }),
            C::TESTBRANCH if matches!(name, "tbz" | "tbnz") => Some(Operation::BranchOnBit {
                register: self.register(0),
                bit: self.bits(31, 1) << 5 | self.bits(19, 5),
                is_zero: name == "tbz",
                distance: self.signed(5, 14) * 4,
            }),
            C::CONDBRANCH if opcode.id() == InsnId::B_C_ADDR_PCREL19 && self.bits(0, 4) < 14 => {
                Some(Operation::Branch { code: self.bits(0, 4), distance: self.signed(5, 19) * 4 })
            }
            C::BRANCH_IMM => {
                let distance = self.signed(0, 26) * 4;
                match name {
                    "b" => Some(Operation::Jump(distance)),
                    "bl" => Some(Operation::Call(distance)),
                    _ => None,
                }
            }
            C::BRANCH_REG => match name {
                "br" => Some(Operation::JumpTo(self.register(5))),
                "blr" => Some(Operation::CallOf(self.register(5))),
                "ret" => Some(Operation::Return(self.register(5))),
                _ => None,
            },
            C::EXCEPTION => (name == "udf").then_some(Operation::Trap),
            C::IC_SYSTEM => self.system(opcode),
            C::LOADLIT
            | C::LDST_POS
            | C::LDST_UNSCALED
            | C::LDST_IMM9
            | C::LDST_REGOFF
            | C::LDSTPAIR_OFF
            | C::LDSTPAIR_INDEXED
            | C::LDSTEXCL
            | C::LSE_ATOMIC
            | C::ASISDLSE
            | C::ASISDLSO => self.access(opcode).map(Operation::Access),
            _ => self.other(opcode),
        }
    }

    fn add(self, name: &str, class: InsnClass) -> Option<Operation> {
        let (is_minus, sets_flags) = match name {
            "add" => (false, false),
            "adds" => (false, true),
            "sub" => (true, false),
            "subs" => (true, true),
            _ => return None,
        };
        let has_stack = class != InsnClass::ADDSUB_SHIFT;
        let left = if has_stack { Some(self.number(5)) } else { self.register(5) };
        let to = if has_stack && !sets_flags { Some(self.number(0)) } else { self.register(0) };
        let right = match class {
            InsnClass::ADDSUB_IMM => {
                Second::Constant(u64::from(self.bits(10, 12)) << if self.is_set(22) { 12 } else { 0 })
            }
            InsnClass::ADDSUB_SHIFT => self.shifted(),
            _ => self.extended(self.bits(10, 3)),
        };
        Some(Operation::Add { width: self.width(), is_minus, sets_flags, to, left, right })
    }

    fn shifted(self) -> Second {
        let shift = match self.bits(22, 2) {
            0 => Shift::Left,
            1 => Shift::Right,
            2 => Shift::Signed,
            _ => Shift::Other,
        };
        Second::Shifted { register: self.register(16), shift, by: self.bits(10, 6) }
    }

    fn extended(self, by: u32) -> Second {
        let extend = match self.bits(13, 3) {
            2 => Extend::Word,
            3 | 7 => Extend::All,
            6 => Extend::SignedWord,
            0 => Extend::Unsigned(1),
            1 => Extend::Unsigned(2),
            _ => Extend::Other,
        };
        Second::Extended { register: self.register(16), extend, by }
    }

    fn logic(self, name: &str, class: InsnClass) -> Option<Operation> {
        let (logic, inverts) = match name {
            "and" | "ands" => (Logic::And, false),
            "bic" | "bics" => (Logic::And, true),
            "orr" => (Logic::Or, false),
            "orn" => (Logic::Or, true),
            "eor" => (Logic::ExclusiveOr, false),
            "eon" => (Logic::ExclusiveOr, true),
            _ => return None,
        };
        let sets_flags = matches!(name, "ands" | "bics");
        let (to, right) = match class {
            InsnClass::LOG_IMM => {
                let mask = bit_mask(self.bits(22, 1), self.bits(10, 6), self.bits(16, 6))?;
                let mask = if self.width() == 4 { mask & 0xffff_ffff } else { mask };
                let to = if sets_flags { self.register(0) } else { Some(self.number(0)) };
                (to, Second::Constant(mask))
            }
            _ => (self.register(0), self.shifted()),
        };
        Some(Operation::Logic { width: self.width(), logic, inverts, sets_flags, to, left: self.register(5), right })
    }

    fn wide(self, name: &str) -> Option<Operation> {
        let wide = match name {
            "movz" => Wide::Zero,
            "movn" => Wide::Not,
            "movk" => Wide::Keep,
            _ => return None,
        };
        let (bits, shift) = (u64::from(self.bits(5, 16)), 16 * self.bits(21, 2));
        Some(Operation::Wide { width: self.width(), wide, to: self.register(0), bits, shift })
    }

    fn system(self, opcode: &Opcode) -> Option<Operation> {
        /// `nop`, `csdb`, and the forms of `bti`.
        const HINTS: [u32; 6] = [0, 20, 32, 34, 36, 38];
        /// `mrs x0, tpidr_el0`.
        const THREAD_POINTER: u32 = 0xd53b_d040;
        match opcode.id() {
            InsnId::HINT_UIMM7 => HINTS.contains(&self.bits(5, 7)).then_some(Operation::Nothing),
            InsnId::DMB_BARRIER | InsnId::CLREX_UIMM4 => Some(Operation::Nothing),
            InsnId::MRS_Rt_SYSREG if self.0 & !31 == THREAD_POINTER => {
                Some(Operation::ThreadPointer { to: self.register(0) })
            }
            _ => None,
        }
    }

    /// Loads and stores.
    fn access(self, opcode: &Opcode) -> Option<Access> {
        use InsnClass as C;
        match opcode.definition().class {
            C::LOADLIT => {
                let (is_vector, kind) = (self.is_set(26), self.bits(30, 2));
                let (size, is_signed) = match (is_vector, kind) {
                    (true, 0..=2) => (4 << kind, false),
                    (false, 0 | 1) => (4 << kind, false),
                    (false, 2) => (4, true),
                    _ => return None,
                };
                let address = Address { base: None, offset: Offset::Constant(self.signed(5, 19) * 4), writeback: None };
                let result = if is_signed { 8 } else { size.min(8) };
                Some(Access {
                    is_signed,
                    result,
                    ..Access::of(Kind::Load, size, [Some(self.target(0)), None], address)
                })
            }
            C::LDSTPAIR_OFF | C::LDSTPAIR_INDEXED => self.pair(),
            C::LDSTEXCL => self.exclusive(opcode),
            C::LSE_ATOMIC => self.atomic(opcode),
            C::ASISDLSE | C::ASISDLSO => self.structure(opcode),
            class => {
                let size = self.bits(30, 2);
                let is_vector = self.is_set(26);
                let (size, kind, is_signed, result) = match (is_vector, self.bits(22, 2), size) {
                    (true, 2 | 3, 1..) => return None,
                    (true, opc, size) => {
                        let size = 1u32 << (size | (opc & 2) << 1);
                        (size, if opc & 1 == 1 { Kind::Load } else { Kind::Store }, false, 8)
                    }
                    (false, 0, size) => (1 << size, Kind::Store, false, 8),
                    (false, 1, size) => (1 << size, Kind::Load, false, 8),
                    // A prefetch, or nothing.
                    (false, 2, 3) | (false, 3, 2 | 3) => return None,
                    (false, opc, size) => (1 << size, Kind::Load, true, if opc == 2 { 8 } else { 4 }),
                };
                let (offset, writeback) = match class {
                    C::LDST_POS => (Offset::Constant(i64::from(self.bits(10, 12)) * i64::from(size)), None),
                    C::LDST_UNSCALED => (Offset::Constant(self.signed(12, 9)), None),
                    C::LDST_IMM9 => {
                        let writeback = if self.is_set(11) { Writeback::Before } else { Writeback::After };
                        (Offset::Constant(self.signed(12, 9)), Some(writeback))
                    }
                    _ => {
                        let by = if self.is_set(12) { size.trailing_zeros() } else { 0 };
                        (Offset::Register(self.extended(by)), None)
                    }
                };
                let address = Address { base: Some(self.number(5)), offset, writeback };
                let target = [Some(self.target(0)), None];
                Some(Access { is_signed, result, ..Access::of(kind, size, target, address) })
            }
        }
    }

    /// A register that is loaded or stored, by the bit that says whether it is a vector's.
    fn target(self, low: u32) -> Target {
        if self.is_set(26) { Target::Vector(self.number(low)) } else { Target::General(self.register(low)) }
    }

    fn pair(self) -> Option<Access> {
        let (is_vector, opc) = (self.is_set(26), self.bits(30, 2));
        let (size, is_signed) = match (is_vector, opc) {
            (true, 0..=2) => (4 << opc, false),
            (false, 0) => (4, false),
            (false, 1) if self.is_set(22) => (4, true),
            (false, 2) => (8, false),
            _ => return None,
        };
        let writeback = match self.bits(23, 2) {
            1 => Some(Writeback::After),
            3 => Some(Writeback::Before),
            _ => None,
        };
        let offset = Offset::Constant(self.signed(15, 7) * i64::from(size));
        let address = Address { base: Some(self.number(5)), offset, writeback };
        let kind = if self.is_set(22) { Kind::Load } else { Kind::Store };
        let targets = [Some(self.target(0)), Some(self.target(10))];
        Some(Access { is_signed, ..Access::of(kind, size, targets, address) })
    }

    /// Exclusive and ordered accesses. Those of pairs are not generated.
    fn exclusive(self, opcode: &Opcode) -> Option<Access> {
        let name = opcode.definition().mnemonic.trim_end_matches(['b', 'h']);
        let address = self.plain_address();
        let access =
            |kind| Access::of(kind, 1 << self.bits(30, 2), [Some(Target::General(self.register(0))), None], address);
        match name {
            "ldar" | "ldxr" | "ldaxr" => Some(access(Kind::Load)),
            "stlr" => Some(access(Kind::Store)),
            "stxr" | "stlxr" => Some(Access { status: Some(self.register(16)), ..access(Kind::Store) }),
            _ => None,
        }
    }

    fn plain_address(self) -> Address {
        Address { base: Some(self.number(5)), offset: Offset::Constant(0), writeback: None }
    }

    /// Atomic operations, which give back what was there.
    fn atomic(self, opcode: &Opcode) -> Option<Access> {
        let name = opcode.definition().mnemonic;
        let low = match name {
            _ if name.starts_with("casp") => return None,
            _ if name.starts_with("cas") => 16,
            _ if name.starts_with("swp") || name.starts_with("ld") => 0,
            _ => return None,
        };
        let target = [Some(Target::General(self.register(low))), None];
        Some(Access::of(Kind::Both, 1 << self.bits(30, 2), target, self.plain_address()))
    }

    /// Vectors: one lane, or all.
    fn structure(self, opcode: &Opcode) -> Option<Access> {
        let size = match opcode.definition().mnemonic {
            "ld1r" => 1 << self.bits(10, 2),
            "ld1" | "st1" if opcode.definition().class == InsnClass::ASISDLSO => match self.bits(14, 2) {
                2 if self.is_set(10) => 8,
                scale => 1 << scale,
            },
            "ld1" | "st1" if self.bits(12, 4) == 7 => 8 << self.bits(30, 1),
            _ => return None,
        };
        let kind = if self.is_set(22) { Kind::Load } else { Kind::Store };
        // What a lane leaves of the rest of a register is not known: never the low half of it.
        Some(Access {
            is_part: true,
            ..Access::of(kind, size, [Some(Target::Vector(self.number(0))), None], self.plain_address())
        })
    }

    /// What computes, and neither loads, nor stores, nor jumps.
    fn other(self, opcode: &Opcode) -> Option<Operation> {
        const GENERAL: [&str; 18] = [
            "asrv", "cls", "clz", "extr", "lslv", "lsrv", "rev", "rev16", "rev32", "rorv", "sdiv", "smaddl", "smsubl",
            "smulh", "udiv", "umaddl", "umsubl", "umulh",
        ];
        use InsnClass as C;
        let name = opcode.definition().mnemonic;
        let class = opcode.definition().class;
        let first = opcode.definition().operands.first().map(|operand: &InsnOperand| operand.class);
        let is_general = first == Some(InsnOperandClass::INT_REG);
        let (general, sets_flags) = match class {
            C::FLOATCMP | C::FLOATCCMP => {
                return Some(Operation::Other { written: Written::Nothing, sets_flags: true });
            }
            C::DP_1SRC | C::DP_2SRC | C::DP_3SRC | C::EXTRACT if GENERAL.contains(&name) => (self.width(), false),
            C::ADDSUB_CARRY => (self.width(), matches!(name, "adcs" | "sbcs")),
            C::FLOAT2INT | C::FLOAT2FIX => (self.width(), false),
            C::ASIMDINS => (if self.is_set(30) { 8 } else { 4 }, false),
            C::ASIMDALL
            | C::ASIMDDIFF
            | C::ASIMDELEM
            | C::ASIMDEXT
            | C::ASIMDIMM
            | C::ASIMDMISC
            | C::ASIMDPERM
            | C::ASIMDSAME
            | C::ASIMDSHF
            | C::ASIMDTBL
            | C::ASISDDIFF
            | C::ASISDELEM
            | C::ASISDMISC
            | C::ASISDONE
            | C::ASISDPAIR
            | C::ASISDSAME
            | C::ASISDSHF
            | C::FLOATDP1
            | C::FLOATDP2
            | C::FLOATDP3
            | C::FLOATIMM
            | C::FLOATSEL => (8, false),
            _ => return None,
        };
        let written = match is_general {
            true => Written::General(self.register(0), general),
            false => Written::Vector(self.number(0)),
        };
        Some(Operation::Other { written, sets_flags })
    }
}

/// `DecodeBitMasks` of the manual: the immediate of logical instructions, in 64 bits.
fn bit_mask(n: u32, imms: u32, immr: u32) -> Option<u64> {
    let length = 31 - (n << 6 | (!imms & 0x3f)).leading_zeros().min(31);
    if length == 0 {
        return None;
    }
    let size = 1 << length;
    let (ones, rotation) = (imms & (size - 1), immr & (size - 1));
    if ones == size - 1 {
        return None;
    }
    let element = (1u64 << (ones + 1)) - 1;
    let whole = if size == 64 { u64::MAX } else { (1 << size) - 1 };
    let rotated = match rotation {
        0 => element,
        by => (element >> by | element << (size - by)) & whole,
    };
    Some((0..64 / size).fold(0, |mask, part| mask | rotated << (part * size)))
}
