//! An evaluator for the CLIF of one function that makes one access: follows addresses exactly, and
//! everything else not at all.
//!
//! Of a memory only the borders exist: where it begins, how many bytes it has, and how far the
//! address space after it faults. An access inside is noted, one after the memory is the trap of
//! its flags, and anything else is an error. So is an instruction that is not known here, and an
//! address that depends on what a memory holds.

use super::form::Cause;
use anyhow::{Context, Result, bail, ensure};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    ExternalName, Function, GlobalValueData, Inst, InstructionData, MemFlags, Opcode, TrapCode, Type, Value,
};
use std::collections::HashMap;
use std::mem::offset_of;
use wasm2native::abi::builtin::Builtin;
use wasm2native::abi::memory::{Memory, X86_64_PAGE};
use wasm2native::abi::trap::Trap;
use wasm2native::layout::Symbol;

/// A linear memory.
#[derive(Copy, Clone, Debug)]
pub struct Borders {
    pub base: u64,
    pub bytes: u64,
    /// Distance from the base to the end of what faults after it.
    pub reserved: u64,
}

/// What the function did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// So many bytes at this distance from the base of the memory of this number.
    Access {
        memory: usize,
        at: u64,
        size: u64,
    },
    Call {
        builtin: Builtin,
        arguments: Vec<Word>,
    },
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Word {
    Known(u64),
    /// Data: nothing that an address or a condition may be made of.
    Data,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    Returned,
    Trapped(Cause),
}

/// Where descriptors of memories lie, a page each.
const DESCRIPTORS: u64 = 0x1111_0000_0000;

pub struct Evaluator<'f> {
    func: &'f Function,
    memories: &'f [Borders],
    values: HashMap<Value, Word>,
    events: Vec<Event>,
}

enum Next {
    Continue,
    Stop(End),
}

/// Calls `func` with these arguments.
///
/// # Errors
/// When an access goes where nothing is known to be, or something is not understood.
pub fn evaluate(func: &Function, memories: &[Borders], arguments: &[Word]) -> Result<(Vec<Event>, End)> {
    let mut it = Evaluator { func, memories, values: HashMap::new(), events: Vec::new() };
    let block = func.layout.entry_block().context("the function has a block")?;
    let parameters = func.dfg.block_params(block);
    ensure!(parameters.len() == arguments.len(), "{} parameters", parameters.len());
    it.values.extend(parameters.iter().copied().zip(arguments.iter().copied()));
    for inst in func.layout.block_insts(block) {
        let next = it.step(inst).with_context(|| format!("at `{}`", func.dfg.display_inst(inst)))?;
        if let Next::Stop(end) = next {
            return Ok((it.events, end));
        }
    }
    bail!("the block has no end")
}

impl Evaluator<'_> {
    fn step(&mut self, inst: Inst) -> Result<Next> {
        let result = match self.func.dfg.insts[inst] {
            InstructionData::UnaryImm { opcode: Opcode::Iconst, imm } => Word::Known(imm.bits() as u64),
            InstructionData::UnaryConst { .. }
            | InstructionData::UnaryIeee32 { .. }
            | InstructionData::UnaryIeee64 { .. }
            | InstructionData::LoadNoOffset { opcode: Opcode::Bitcast, .. } => Word::Data,
            InstructionData::Unary { opcode, arg } => self.unary(opcode, arg)?,
            InstructionData::BinaryImm8 { opcode: Opcode::Extractlane, .. }
            | InstructionData::TernaryImm8 { opcode: Opcode::Insertlane, .. } => Word::Data,
            InstructionData::Binary { opcode, args } => self.binary(opcode, args)?,
            InstructionData::Ternary { opcode: Opcode::Select | Opcode::SelectSpectreGuard, args } => {
                match self.known(args[0])? {
                    0 => self.value(args[2])?,
                    _ => self.value(args[1])?,
                }
            }
            InstructionData::IntCompare { opcode: Opcode::Icmp, args, cond } => {
                Word::Known(u64::from(compare(cond, self.known(args[0])?, self.known(args[1])?)?))
            }
            InstructionData::IntAddTrap { opcode: Opcode::UaddOverflowTrap, args, code } => {
                ensure!(self.type_of(args[0]).bits() == 64, "a sum of other than 64 bits");
                match self.known(args[0])?.checked_add(self.known(args[1])?) {
                    Some(sum) => Word::Known(sum),
                    None => return trapped(code),
                }
            }
            InstructionData::CondTrap { opcode, arg, code } => {
                let is_set = self.known(arg)? != 0;
                return match opcode {
                    Opcode::Trapnz if is_set => trapped(code),
                    Opcode::Trapz if !is_set => trapped(code),
                    Opcode::Trapnz | Opcode::Trapz => Ok(Next::Continue),
                    _ => bail!("unknown instruction"),
                };
            }
            InstructionData::Trap { opcode: Opcode::Trap, code } => return trapped(code),
            InstructionData::UnaryGlobalValue { opcode: Opcode::SymbolValue, global_value } => {
                let GlobalValueData::Symbol { name: ExternalName::User(name), .. } =
                    self.func.global_values[global_value]
                else {
                    bail!("not a symbol");
                };
                match Symbol::decode(&self.func.params.user_named_funcs()[name]) {
                    Symbol::Memory(memory) => Word::Known(DESCRIPTORS + X86_64_PAGE * u64::from(memory.as_u32())),
                    other => bail!("unknown symbol {other:?}"),
                }
            }
            InstructionData::Call { opcode: Opcode::Call, .. } => self.call(inst)?,
            InstructionData::MultiAry { opcode: Opcode::Return, .. } => return Ok(Next::Stop(End::Returned)),
            _ => return self.memory_operation(inst),
        };
        let results = self.func.dfg.inst_results(inst);
        let [value] = *results else {
            ensure!(results.is_empty(), "several results");
            return Ok(Next::Continue);
        };
        self.define(value, result);
        Ok(Next::Continue)
    }

    fn unary(&self, opcode: Opcode, arg: Value) -> Result<Word> {
        Ok(match opcode {
            Opcode::Uextend | Opcode::Ireduce => self.value(arg)?,
            Opcode::Bitrev if self.type_of(arg).bits() == 64 => match self.value(arg)? {
                Word::Known(value) => Word::Known(value.reverse_bits()),
                Word::Data => Word::Data,
            },
            Opcode::Sextend => match self.value(arg)? {
                Word::Known(value) => {
                    let unused = 64 - self.type_of(arg).bits();
                    Word::Known(((value << unused) as i64 >> unused) as u64)
                }
                Word::Data => Word::Data,
            },
            Opcode::Splat | Opcode::ScalarToVector | Opcode::SwidenLow | Opcode::UwidenLow | Opcode::Bnot => Word::Data,
            _ => bail!("unknown instruction"),
        })
    }

    fn binary(&self, opcode: Opcode, args: [Value; 2]) -> Result<Word> {
        let (Word::Known(a), Word::Known(b)) = (self.value(args[0])?, self.value(args[1])?) else {
            return Ok(Word::Data);
        };
        let bits = self.type_of(args[0]).bits();
        let shift = b & u64::from(bits - 1);
        Ok(Word::Known(match opcode {
            Opcode::Iadd => a.wrapping_add(b),
            Opcode::Isub => a.wrapping_sub(b),
            Opcode::Imul => a.wrapping_mul(b),
            Opcode::Band => a & b,
            Opcode::Bor => a | b,
            Opcode::Ishl => a << shift,
            Opcode::Ushr => a >> shift,
            _ => bail!("unknown instruction"),
        }))
    }

    /// Loads, stores, and what is both.
    fn memory_operation(&mut self, inst: Inst) -> Result<Next> {
        let dfg = &self.func.dfg;
        let (address, offset, flags, stored) = match dfg.insts[inst] {
            InstructionData::Load { arg, flags, offset, .. } => (arg, i64::from(offset), flags, None),
            InstructionData::Store { args, flags, offset, .. } => (args[1], i64::from(offset), flags, Some(args[0])),
            InstructionData::LoadNoOffset { opcode: Opcode::AtomicLoad, arg, flags } => (arg, 0, flags, None),
            InstructionData::StoreNoOffset { opcode: Opcode::AtomicStore, args, flags } => {
                (args[1], 0, flags, Some(args[0]))
            }
            InstructionData::AtomicRmw { args, flags, .. } => (args[0], 0, flags, None),
            InstructionData::AtomicCas { args, flags, .. } => (args[0], 0, flags, None),
            _ => bail!("unknown instruction"),
        };
        let result = dfg.inst_results(inst).first().copied();
        let ty = self.type_of(stored.or(result).context("neither value nor result")?);
        let size = access_size(dfg.insts[inst].opcode(), ty)?;
        let address = self.known(address)?.wrapping_add(offset as u64);
        if let Some(word) = self.field(address, size) {
            self.define(result.context("a descriptor is never written")?, Word::Known(word));
            return Ok(Next::Continue);
        }
        if !self.reach(address, size, flags)? {
            return Ok(Next::Stop(End::Trapped(Cause::OutOfBounds)));
        }
        if let Some(result) = result {
            self.define(result, Word::Data);
        }
        Ok(Next::Continue)
    }

    /// A field of a memory's descriptor.
    fn field(&self, address: u64, size: u64) -> Option<u64> {
        const BASE: u64 = offset_of!(Memory, base) as u64;
        const BYTES: u64 = offset_of!(Memory, bytes) as u64;
        let distance = address.checked_sub(DESCRIPTORS)?;
        let memory = self.memories.get(usize::try_from(distance / X86_64_PAGE).ok()?)?;
        match (distance % X86_64_PAGE, size) {
            (BASE, 8) => Some(memory.base),
            (BYTES, 8) => Some(memory.bytes),
            _ => None,
        }
    }

    /// Notes an access inside a memory; false if it faults after one.
    fn reach(&mut self, address: u64, size: u64, flags: MemFlags) -> Result<bool> {
        for (memory, borders) in self.memories.iter().enumerate() {
            let Some(at) = address.checked_sub(borders.base) else { continue };
            let Some(end) = at.checked_add(size) else { continue };
            if end <= borders.bytes {
                self.events.push(Event::Access { memory, at, size });
                return Ok(true);
            }
            // Bytes up to the end of the machine's page can be accessed.
            if end > borders.bytes.next_multiple_of(X86_64_PAGE) && end <= borders.reserved {
                let code = self.func.dfg.mem_flags[flags].trap_code().context("it faults, and must not")?;
                ensure!(cause(code)? == Cause::OutOfBounds, "it faults with {code}");
                return Ok(false);
            }
        }
        bail!("it escapes: {size} bytes at {address:#x}, memories {:x?}", self.memories)
    }

    fn call(&mut self, inst: Inst) -> Result<Word> {
        let InstructionData::Call { func_ref, .. } = self.func.dfg.insts[inst] else { bail!("not a call") };
        let ExternalName::User(name) = self.func.dfg.ext_funcs[func_ref].name else { bail!("unknown callee") };
        let Symbol::Builtin(builtin) = Symbol::decode(&self.func.params.user_named_funcs()[name]) else {
            bail!("not a function of the runtime");
        };
        let arguments = self.func.dfg.inst_args(inst).iter().map(|&arg| self.value(arg)).collect::<Result<_>>()?;
        self.events.push(Event::Call { builtin, arguments });
        Ok(Word::Data)
    }

    fn define(&mut self, value: Value, word: Word) {
        let bits = self.type_of(value).bits();
        let word = match word {
            Word::Known(number) if bits <= 64 => Word::Known(number & u64::MAX >> (64 - bits)),
            _ => Word::Data,
        };
        self.values.insert(value, word);
    }

    fn type_of(&self, value: Value) -> Type {
        self.func.dfg.value_type(value)
    }

    fn value(&self, value: Value) -> Result<Word> {
        let value = self.func.dfg.resolve_aliases(value);
        self.values.get(&value).copied().with_context(|| format!("{value} is not known yet"))
    }

    fn known(&self, value: Value) -> Result<u64> {
        match self.value(value)? {
            Word::Known(number) => Ok(number),
            Word::Data => bail!("{value} depends on data"),
        }
    }
}

fn trapped(code: TrapCode) -> Result<Next> {
    Ok(Next::Stop(End::Trapped(cause(code)?)))
}

fn cause(code: TrapCode) -> Result<Cause> {
    const OUT_OF_BOUNDS: u8 = Trap::MemoryOutOfBounds as u8;
    const UNALIGNED: u8 = Trap::UnalignedAtomic as u8;
    match code.as_raw().get() {
        OUT_OF_BOUNDS => Ok(Cause::OutOfBounds),
        UNALIGNED => Ok(Cause::Unaligned),
        _ => bail!("unknown trap {code}"),
    }
}

fn compare(condition: IntCC, a: u64, b: u64) -> Result<bool> {
    Ok(match condition {
        IntCC::Equal => a == b,
        IntCC::NotEqual => a != b,
        IntCC::UnsignedGreaterThan => a > b,
        IntCC::UnsignedGreaterThanOrEqual => a >= b,
        IntCC::UnsignedLessThan => a < b,
        IntCC::UnsignedLessThanOrEqual => a <= b,
        _ => bail!("unknown condition"),
    })
}

/// How many bytes an instruction reaches whose value, or result, is a `ty`.
fn access_size(opcode: Opcode, ty: Type) -> Result<u64> {
    use Opcode::{
        AtomicCas, AtomicLoad, AtomicRmw, AtomicStore, Istore8, Istore16, Istore32, Load, Sload8, Sload8x8, Sload16,
        Sload16x4, Sload32, Sload32x2, Store, Uload8, Uload8x8, Uload16, Uload16x4, Uload32, Uload32x2,
    };
    Ok(match opcode {
        Load | Store | AtomicLoad | AtomicStore | AtomicRmw | AtomicCas => u64::from(ty.bytes()),
        Sload8 | Uload8 | Istore8 => 1,
        Sload16 | Uload16 | Istore16 => 2,
        Sload32 | Uload32 | Istore32 => 4,
        Sload8x8 | Uload8x8 | Sload16x4 | Uload16x4 | Sload32x2 | Uload32x2 => 8,
        _ => bail!("unknown instruction"),
    })
}
