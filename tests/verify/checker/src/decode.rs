//! Instructions as the disassembler gives them, and their operands.

use crate::value::Value;
use yaxpeax_arch::LengthedInstruction;
use yaxpeax_x86::long_mode::{InstDecoder, Instruction, Opcode, Operand, RegSpec, register_class};

/// An instruction at its place in the text.
#[derive(Clone)]
pub struct Decoded {
    pub at: u32,
    pub next: u32,
    pub instruction: Instruction,
}

pub fn decode(text: &[u8], at: u32, end: u32) -> Result<Decoded, String> {
    let bytes = &text[at as usize..end as usize];
    let instruction =
        InstDecoder::default().decode_slice(bytes).map_err(|error| format!("not an instruction: {error}"))?;
    let length = u32::try_from(instruction.len().to_const()).expect("at most 15");
    Ok(Decoded { at, next: at + length, instruction })
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

/// A constant as 64 bits without a sign.
pub fn unsigned(mut value: Value) -> Value {
    if value.as_constant().is_some_and(|constant| constant < 0) {
        value.sum.constant += 1 << 64;
    }
    value
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
