//! The accesses of a loop whose addresses are a base plus an affine 32-bit index.

use super::body::Body;
use super::sum::Sum;
use cranelift_codegen::ir::{GlobalValue, Inst, InstructionData, Opcode, Value, types};
use std::collections::BTreeMap;

/// More checks than this before a loop cost too much.
const MAX_GROUPS: usize = 8;

/// Indices that differ by constants: one check serves all.
pub struct Group {
    /// The sum, but for its constant, at the beginning of an iteration.
    pub terms: Sum,
    /// What the indices grow by in an iteration.
    pub step: i32,
    /// The lowest constant, and how far the highest is above it.
    pub lowest: i32,
    pub spread: u32,
}

/// The first byte of a memory.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Base {
    /// It is made before the loop.
    Outside(Value),
    Constant(i64),
    /// As the reverse of its bits.
    Reversed(i64),
    /// From a descriptor that nobody writes.
    Loaded(GlobalValue, i32),
}

pub struct Access {
    /// What makes the base in the loop.
    pub base: (Base, Value),
    /// Of the group among all.
    pub group: usize,
    /// From the group's lowest index to the first byte.
    pub displacement: i32,
}

/// What [`find`] finds.
pub struct Accesses {
    pub groups: Vec<Group>,
    pub by_inst: BTreeMap<Inst, Access>,
}

/// The accesses and their groups; `None` where they need too many checks, or where no index moves.
pub fn find(body: &Body) -> Option<Accesses> {
    let mut groups: Vec<Group> = Vec::new();
    let mut found = Vec::new();
    for &inst in &body.insts {
        let Some((address, offset)) = operand(body, inst) else { continue };
        let Some((base, sum, step)) = parts(body, address) else { continue };
        let constant = sum.constant.cast_signed();
        let terms = sum.minus(&Sum::constant(sum.constant))?;
        let group = match groups.iter().position(|it| it.terms == terms) {
            Some(group) => group,
            None => {
                groups.push(Group { terms, step, lowest: constant, spread: 0 });
                groups.len().saturating_sub(1)
            }
        };
        groups[group].lowest = groups[group].lowest.min(constant);
        found.push((inst, base, group, constant, offset));
    }
    if groups.len() > MAX_GROUPS || groups.iter().all(|group| group.step == 0) {
        return None;
    }
    let mut by_inst = BTreeMap::new();
    for (inst, base, group, constant, offset) in found {
        let distance = constant.abs_diff(groups[group].lowest);
        groups[group].spread = groups[group].spread.max(distance);
        let displacement = i32::try_from(i64::from(distance).checked_add(i64::from(offset))?).ok()?;
        by_inst.insert(inst, Access { base, group, displacement });
    }
    Some(Accesses { groups, by_inst })
}

/// The address that an instruction accesses, and the constant that it adds.
fn operand(body: &Body, inst: Inst) -> Option<(Value, i32)> {
    match body.func.dfg.insts[inst] {
        _ if !body.is_access(inst) => None,
        InstructionData::Load { arg, offset, .. } => Some((arg, offset.into())),
        InstructionData::Store { args, offset, .. } => Some((args[1], offset.into())),
        _ => None,
    }
}

fn parts(body: &Body, address: Value) -> Option<((Base, Value), Sum, i32)> {
    let &InstructionData::Binary { opcode: Opcode::Iadd, args: [a, b] } = body.definition(address)? else {
        return None;
    };
    let index = |value| match body.definition(value) {
        Some(&InstructionData::Unary { opcode: Opcode::Uextend, arg })
            if body.func.dfg.value_type(value) == types::I64 =>
        {
            body.affine(arg)
        }
        _ => None,
    };
    let (base, (sum, step)) = match index(b) {
        Some(sum) => (a, sum),
        None => (b, index(a)?),
    };
    Some(((base_of(body, base)?, base), sum, step))
}

fn base_of(body: &Body, value: Value) -> Option<Base> {
    if let Some(constant) = body.integer(value) {
        return Some(Base::Constant(constant));
    }
    if !body.makes(value) {
        return Some(Base::Outside(value));
    }
    match *body.definition(value)? {
        InstructionData::Unary { opcode: Opcode::Bitrev, arg } => body.integer(arg).map(Base::Reversed),
        InstructionData::Load { opcode: Opcode::Load, arg, flags, offset } if body.is_constant(flags) => {
            match *body.definition(arg)? {
                InstructionData::UnaryGlobalValue { opcode: Opcode::SymbolValue, global_value } => {
                    Some(Base::Loaded(global_value, offset.into()))
                }
                _ => None,
            }
        }
        _ => None,
    }
}
