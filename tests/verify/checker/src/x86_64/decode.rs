//! Instructions as the disassembler gives them, and their operands.

use crate::image::Image;
use crate::machine::{Decoded, Leads};
use crate::value::Relation;
use yaxpeax_arch::LengthedInstruction;
use yaxpeax_x86::long_mode::{ConditionCode, InstDecoder, Instruction, Opcode, Operand, RegSpec, register_class};

pub fn decode(image: &Image, at: u32, end: u32) -> Result<Decoded<Instruction>, String> {
    let bytes = &image.text[at as usize..end as usize];
    let instruction =
        InstDecoder::default().decode_slice(bytes).map_err(|error| format!("not an instruction: {error}"))?;
    let length = u32::try_from(instruction.len().to_const()).expect("at most 15");
    let next = at + length;
    let target = || {
        let distance = immediate(&instruction.operand(0)).filter(|_| image.relocation_in(at, next).is_none());
        distance.and_then(|distance| u32::try_from(i64::from(next) + distance).ok())
    };
    let leads = match instruction.opcode() {
        Opcode::JMP => Leads::Jump(target()),
        Opcode::CALL => Leads::Call,
        Opcode::RETURN | Opcode::UD2 => Leads::End,
        opcode if opcode.is_jcc() => Leads::Branch(target()),
        _ => Leads::On,
    };
    Ok(Decoded { at, next, leads, instruction })
}

/// What a conditional instruction asks for; `None`: another thing than how two numbers compare.
pub fn relation(opcode: Opcode) -> Option<Relation> {
    use ConditionCode::{A, AE, B, BE, G, GE, L, LE, NZ, Z};
    Some(match opcode.condition()? {
        Z => Relation::Equal,
        NZ => Relation::NotEqual,
        B => Relation::Below,
        AE => Relation::AtLeast,
        A => Relation::Above,
        BE => Relation::AtMost,
        L => Relation::SignedBelow,
        GE => Relation::SignedAtLeast,
        G => Relation::SignedAbove,
        LE => Relation::SignedAtMost,
        _ => return None,
    })
}

/// Whether an instruction computes, loads and stores, and nothing else: those of vectors, and a
/// list of others.
pub fn is_plain(instruction: &Instruction) -> bool {
    use Opcode::{
        ADC, ADD, AND, ANDN, BEXTR, BLSI, BLSMSK, BLSR, BSF, BSR, BSWAP, BT, BTC, BTR, BTS, BZHI, CBW, CDQ, CDQE,
        CMPXCHG, CMPXCHG16B, CQO, CWD, CWDE, DEC, DIV, IDIV, IMUL, INC, LZCNT, MFENCE, MOVBE, MUL, MULX, NEG, NOT, OR,
        POPCNT, RCL, RCR, ROL, ROR, RORX, SAR, SARX, SBB, SHLD, SHLX, SHRD, SHRX, SUB, TZCNT, XADD, XCHG, XOR,
    };
    let vectors = [register_class::X, register_class::Y, register_class::Z, register_class::K];
    let is_vector = |operand: Operand| match operand {
        Operand::Register { reg }
        | Operand::RegisterMaskMerge { reg, .. }
        | Operand::RegisterMaskMergeSae { reg, .. }
        | Operand::RegisterMaskMergeSaeNoround { reg, .. } => vectors.contains(&reg.class()),
        _ => false,
    };
    let has_vector = (0..instruction.operand_count()).any(|number| is_vector(instruction.operand(number)));
    let is_listed = matches!(
        instruction.opcode(),
        ADC | ADD
            | AND
            | ANDN
            | BEXTR
            | BLSI
            | BLSMSK
            | BLSR
            | BSF
            | BSR
            | BSWAP
            | BT
            | BTC
            | BTR
            | BTS
            | BZHI
            | CBW
            | CDQ
            | CDQE
            | CMPXCHG
            | CMPXCHG16B
            | CQO
            | CWD
            | CWDE
            | DEC
            | DIV
            | IDIV
            | IMUL
            | INC
            | LZCNT
            | MFENCE
            | MOVBE
            | MUL
            | MULX
            | NEG
            | NOT
            | OR
            | POPCNT
            | RCL
            | RCR
            | ROL
            | ROR
            | RORX
            | SAR
            | SARX
            | SBB
            | SHLD
            | SHLX
            | SHRD
            | SHRX
            | SUB
            | TZCNT
            | XADD
            | XCHG
            | XOR
    );
    has_vector || is_listed
}

/// The number of a general register, and its width.
pub fn register(operand: &Operand) -> Option<(u8, u32)> {
    match operand {
        Operand::Register { reg } => general(*reg),
        _ => None,
    }
}

pub fn general(reg: RegSpec) -> Option<(u8, u32)> {
    match reg.class() {
        register_class::Q => Some((reg.num(), 8)),
        register_class::D => Some((reg.num(), 4)),
        register_class::W => Some((reg.num(), 2)),
        register_class::RB => Some((reg.num(), 1)),
        // `ah` and the like lie in another register than their number says.
        register_class::B if reg.num() >= 4 => Some((reg.num() - 4, 3)),
        register_class::B => Some((reg.num(), 1)),
        _ => None,
    }
}

pub fn immediate(operand: &Operand) -> Option<i64> {
    match *operand {
        Operand::ImmediateI8 { imm } => Some(imm.into()),
        Operand::ImmediateU8 { imm } => Some(imm.into()),
        Operand::ImmediateI16 { imm } => Some(imm.into()),
        Operand::ImmediateU16 { imm } => Some(imm.into()),
        Operand::ImmediateI32 { imm } => Some(imm.into()),
        Operand::ImmediateU32 { imm } => Some(imm.into()),
        Operand::ImmediateI64 { imm } => Some(imm),
        Operand::ImmediateU64 { imm } => Some(imm.cast_signed()),
        _ => None,
    }
}

/// Bytes that an instruction accesses: the most there can be, where that is not known.
pub fn memory_size(instruction: &Instruction) -> u32 {
    use Opcode::{
        VPMOVSXBD, VPMOVSXBQ, VPMOVSXBW, VPMOVSXDQ, VPMOVSXWD, VPMOVSXWQ, VPMOVZXBD, VPMOVZXBQ, VPMOVZXBW, VPMOVZXDQ,
        VPMOVZXWD, VPMOVZXWQ,
    };
    const MOST: u32 = 64;
    let size = instruction.mem_size().and_then(|size| size.bytes_size()).map_or(MOST, u32::from);
    // The disassembler gives the size of the result.
    let part = match instruction.opcode() {
        VPMOVSXBW | VPMOVSXWD | VPMOVSXDQ | VPMOVZXBW | VPMOVZXWD | VPMOVZXDQ => 2,
        VPMOVSXBD | VPMOVSXWQ | VPMOVZXBD | VPMOVZXWQ => 4,
        VPMOVSXBQ | VPMOVZXBQ => 8,
        _ => return size,
    };
    let width = match instruction.operand(0) {
        Operand::Register { reg } | Operand::RegisterMaskMerge { reg, .. } => u32::from(reg.width()),
        _ => return size,
    };
    width / part
}
