//! A loop of one block, and which of its 32-bit values are affine in the number of the iteration.

use super::sum::Sum;
use crate::abi::trap::Trap;
use crate::number::low_half;
use crate::translate::trap_of;
use cranelift_codegen::ir::{Block, Function, Inst, InstructionData, MemFlags, Opcode, Value, ValueDef, types};
use std::collections::HashMap;

/// Loops with more instructions stay as they are.
const MAX_INSTRUCTIONS: usize = 400;

/// A block that is its own successor.
pub struct Body<'f> {
    pub func: &'f Function,
    pub block: Block,
    /// All but the branch at the end, and but for reads that look for an interrupt.
    pub insts: Vec<Inst>,
    /// Whether there are such reads.
    pub is_polled: bool,
    pub branch: Inst,
    /// What the branch hands to the next iteration, by parameter.
    pub next: Vec<Value>,
    /// Where the branch leads otherwise, and with what.
    pub exit: Block,
    pub exit_arguments: Vec<Value>,
    /// The loop goes on when the branch's condition holds.
    pub goes_on_when: bool,
    /// The 32-bit values that are sums of parameters, of values from outside and of constants.
    sums: HashMap<Value, Sum>,
    /// What each induction variable grows by, modulo 2^32.
    steps: HashMap<Value, u32>,
}

/// Whether a block is a loop of one block, from its branch alone.
pub fn is_loop(func: &Function, block: Block) -> bool {
    let Some(branch) = func.layout.last_inst(block) else { return false };
    let InstructionData::Brif { blocks, .. } = &func.dfg.insts[branch] else { return false };
    let [a, b] = blocks.each_ref().map(|call| call.block(&func.dfg.value_lists) == block);
    a != b
}

/// Whether another version of the loop may have the instruction.
fn may_be_copied(func: &Function, inst: Inst) -> bool {
    let opcode = func.dfg.insts[inst].opcode();
    let is_access = is_load(opcode) || is_store(opcode);
    let has_effect = opcode.is_call()
        || opcode.is_branch()
        || opcode.is_terminator()
        || opcode.can_load()
        || opcode.can_store()
        || opcode.other_side_effects();
    is_access || !has_effect
}

/// Whether an instruction looks for an interrupt.
fn is_poll(func: &Function, inst: Inst) -> bool {
    match func.dfg.insts[inst] {
        InstructionData::Load { flags, .. } => {
            let code = func.dfg.mem_flags[flags].trap_code();
            code.is_some_and(|code| trap_of(code) == Trap::Interrupted)
        }
        _ => false,
    }
}

fn is_load(opcode: Opcode) -> bool {
    matches!(
        opcode,
        Opcode::Load
            | Opcode::Uload8
            | Opcode::Sload8
            | Opcode::Uload16
            | Opcode::Sload16
            | Opcode::Uload32
            | Opcode::Sload32
            | Opcode::Uload8x8
            | Opcode::Sload8x8
            | Opcode::Uload16x4
            | Opcode::Sload16x4
            | Opcode::Uload32x2
            | Opcode::Sload32x2
    )
}

fn is_store(opcode: Opcode) -> bool {
    matches!(opcode, Opcode::Store | Opcode::Istore8 | Opcode::Istore16 | Opcode::Istore32)
}

impl<'f> Body<'f> {
    /// The loop that the block is; `None` where it has what a loop's other version can't have.
    /// Values have no aliases.
    pub fn read(func: &'f Function, block: Block) -> Option<Body<'f>> {
        let mut insts: Vec<_> = func.layout.block_insts(block).take(MAX_INSTRUCTIONS).collect();
        let branch = insts.pop()?;
        let n_insts = insts.len();
        insts.retain(|&inst| !is_poll(func, inst));
        let InstructionData::Brif { blocks, .. } = &func.dfg.insts[branch] else { return None };
        let pool = &func.dfg.value_lists;
        let goes_on_when = blocks[0].block(pool) == block;
        let (back, out) = if goes_on_when { (blocks[0], blocks[1]) } else { (blocks[1], blocks[0]) };
        let mut body = Body {
            func,
            block,
            is_polled: insts.len() < n_insts,
            insts,
            branch,
            next: back.args(pool).map(|it| it.as_value()).collect::<Option<_>>()?,
            exit: out.block(pool),
            exit_arguments: out.args(pool).map(|it| it.as_value()).collect::<Option<_>>()?,
            goes_on_when,
            sums: HashMap::new(),
            steps: HashMap::new(),
        };
        if !body.insts.iter().all(|&inst| may_be_copied(func, inst)) {
            return None;
        }
        body.find_sums();
        Some(body)
    }

    pub fn parameters(&self) -> &'f [Value] {
        self.func.dfg.block_params(self.block)
    }

    /// What the next iteration gets for a parameter.
    pub fn next_of(&self, parameter: Value) -> Value {
        let at = self.parameters().iter().position(|&it| it == parameter);
        self.next[at.expect("it is a parameter of the loop")]
    }

    /// Whether the loop makes the value: it may be another one in each iteration.
    pub fn makes(&self, value: Value) -> bool {
        match self.func.dfg.value_def(value) {
            ValueDef::Result(inst, _) => self.func.layout.inst_block(inst) == Some(self.block),
            ValueDef::Param(block, _) => block == self.block,
            ValueDef::Union(..) => false,
        }
    }

    /// The instruction that makes a value.
    pub fn definition(&self, value: Value) -> Option<&'f InstructionData> {
        match self.func.dfg.value_def(value) {
            ValueDef::Result(inst, 0) => Some(&self.func.dfg.insts[inst]),
            _ => None,
        }
    }

    pub fn integer(&self, value: Value) -> Option<i64> {
        match self.definition(value)? {
            InstructionData::UnaryImm { opcode: Opcode::Iconst, imm } => Some(imm.bits()),
            _ => None,
        }
    }

    /// Whether an instruction accesses what may change, or may fault.
    pub fn is_access(&self, inst: Inst) -> bool {
        match self.func.dfg.insts[inst] {
            InstructionData::Load { opcode, flags, .. } => is_load(opcode) && !self.is_constant(flags),
            InstructionData::Store { opcode, .. } => is_store(opcode),
            _ => false,
        }
    }

    pub fn is_store(&self, inst: Inst) -> bool {
        is_store(self.func.dfg.insts[inst].opcode())
    }

    /// Whether a load gives the same wherever it is made.
    pub fn is_constant(&self, flags: MemFlags) -> bool {
        let flags = self.func.dfg.mem_flags[flags];
        flags.readonly() && flags.can_move() && flags.trap_code().is_none()
    }

    /// Whether an instruction that is not an access may trap.
    pub fn can_trap(&self, inst: Inst) -> bool {
        let opcode = self.func.dfg.insts[inst].opcode();
        opcode.can_trap() && !is_load(opcode) && !is_store(opcode)
    }

    fn find_sums(&mut self) {
        let dfg = &self.func.dfg;
        let numbers = self.parameters().iter().filter(|&&it| dfg.value_type(it) == types::I32);
        self.sums = numbers.map(|&it| (it, Sum::value(it))).collect();
        for &inst in &self.insts {
            let Some(&result) = dfg.inst_results(inst).first() else { continue };
            if dfg.value_type(result) == types::I32
                && let Some(sum) = self.sum_of(&dfg.insts[inst])
            {
                self.sums.insert(result, sum);
            }
        }
        for (&parameter, &next) in self.parameters().iter().zip(&self.next) {
            let step = self.sum(next).and_then(|it| it.minus(&Sum::value(parameter))?.as_constant());
            if dfg.value_type(parameter) == types::I32
                && let Some(step) = step
            {
                self.steps.insert(parameter, step);
            }
        }
    }

    /// Of an instruction with a 32-bit result.
    fn sum_of(&self, data: &InstructionData) -> Option<Sum> {
        match *data {
            InstructionData::UnaryImm { opcode: Opcode::Iconst, imm } => {
                Some(Sum::constant(low_half(imm.bits().cast_unsigned())))
            }
            InstructionData::Binary { opcode: Opcode::Iadd, args: [a, b] } => self.sum(a)?.plus(&self.sum(b)?),
            InstructionData::Binary { opcode: Opcode::Isub, args: [a, b] } => self.sum(a)?.minus(&self.sum(b)?),
            InstructionData::Binary { opcode: Opcode::Imul, args: [a, b] } => {
                let (a, b) = (self.sum(a)?, self.sum(b)?);
                match (a.as_constant(), b.as_constant()) {
                    (_, Some(factor)) => Some(a.times(factor)),
                    (Some(factor), _) => Some(b.times(factor)),
                    _ => None,
                }
            }
            InstructionData::Binary { opcode: Opcode::Ishl, args: [a, b] } => {
                // The distance is taken modulo 32.
                let distance = self.integer(b)? & 31;
                Some(self.sum(a)?.times(1 << distance))
            }
            _ => None,
        }
    }

    /// What a 32-bit value is a sum of.
    pub fn sum(&self, value: Value) -> Option<Sum> {
        if let Some(sum) = self.sums.get(&value) {
            return Some(sum.clone());
        }
        match self.integer(value) {
            Some(constant) => Some(Sum::constant(low_half(constant.cast_unsigned()))),
            None => (!self.makes(value)).then(|| Sum::value(value)),
        }
    }

    /// What a sum grows by from one iteration to the next; `None` where that is not the same in all
    /// iterations.
    pub fn step(&self, sum: &Sum) -> Option<i32> {
        let mut steps = sum.terms().iter().map(|&(value, factor)| match self.makes(value) {
            false => Some(0),
            true => Some(self.steps.get(&value)?.wrapping_mul(factor)),
        });
        let step = steps.try_fold(0_u32, |sum, step| Some(sum.wrapping_add(step?)))?;
        Some(step.cast_signed())
    }

    /// As [`Body::sum`], where it grows by the same in all iterations.
    pub fn affine(&self, value: Value) -> Option<(Sum, i32)> {
        let sum = self.sum(value).filter(|_| self.func.dfg.value_type(value) == types::I32)?;
        let step = self.step(&sum)?;
        Some((sum, step))
    }

    /// What a parameter grows by, if it is an induction variable.
    pub fn parameter_step(&self, parameter: Value) -> Option<u32> {
        self.steps.get(&parameter).copied()
    }
}
