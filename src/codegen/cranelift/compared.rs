//! Where code has what it compared with the size of a memory, when it traps for that.
//!
//! Comes in: machine code with its traps. Cranelift moves the trapping instruction to the end of
//! the function and jumps there right after the comparison, so all registers are still what they
//! were: those that the comparison names hold the value. Nothing is added to the code for it.

use crate::abi::trap::Trap;
use crate::code::{Compared, ComparedValue, Site};
use crate::codegen::inline::origin::Origins;
use cranelift_codegen::CompiledCode;
use cranelift_codegen::isa::TargetIsa;
use iced_x86::{Decoder, DecoderOptions, Instruction, Mnemonic, OpKind, Register};
use std::collections::HashSet;
use target_lexicon::Architecture;

/// Tells of each compare in a piece of code where its jump leads, and what it compares. The number
/// is where the piece begins.
type Read = fn(&[u8], u32, &mut dyn FnMut(u32, ComparedValue));

/// The traps of `sites` of which the value is known, sorted by offset.
pub fn find(isa: &dyn TargetIsa, code: &CompiledCode, origins: &Origins, sites: &[Site]) -> Vec<Compared> {
    let wanted = sites.iter().filter(|site| site.trap == Some(Trap::MemoryOutOfBounds));
    let operators: HashSet<u32> = wanted.clone().map(|site| site.wasm_offset).collect();
    let offsets: HashSet<u32> = wanted.map(|site| site.offset).collect();
    let read: Read = match isa.triple().architecture {
        _ if offsets.is_empty() => return Vec::new(),
        Architecture::X86_64 => read_x86_64,
        Architecture::Aarch64(_) => read_aarch64,
        _ => return Vec::new(),
    };
    let mut found = Vec::new();
    // Constants and tables of jumps lie between instructions, but none among those of an access.
    for location in code.buffer.get_srclocs_sorted() {
        if !operators.contains(&origins.origin(location.loc).wasm_offset) {
            continue;
        }
        let Some(bytes) = slice(code.code_buffer(), location.start, location.end) else { continue };
        read(bytes, location.start, &mut |target, value| {
            if offsets.contains(&target) {
                found.push(Compared { offset: target, value });
            }
        });
    }
    found.sort_by_key(|compared: &Compared| compared.offset);
    found.dedup_by_key(|compared| compared.offset);
    found
}

fn slice(bytes: &[u8], start: u32, end: u32) -> Option<&[u8]> {
    bytes.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
}

/// Each jump for a value above a size, or for a sum that wrapped: where it leads, and the value.
fn read_x86_64(bytes: &[u8], start: u32, add: &mut dyn FnMut(u32, ComparedValue)) {
    let mut before = Instruction::default();
    for instruction in &mut Decoder::with_ip(64, bytes, start.into(), DecoderOptions::NONE) {
        let operand = match (before.mnemonic(), instruction.mnemonic()) {
            (Mnemonic::Cmp, Mnemonic::Ja) | (Mnemonic::Add, Mnemonic::Jb) => Some(0),
            (Mnemonic::Cmp, Mnemonic::Jb) => Some(1),
            _ => None,
        };
        let is_jump = instruction.op0_kind() == OpKind::NearBranch64;
        let value = operand.filter(|_| is_jump).and_then(|operand| x86_64_operand(&before, operand));
        if let (Some(value), Ok(target)) = (value, u32::try_from(instruction.near_branch64())) {
            add(target, value);
        }
        before = instruction;
    }
}

fn x86_64_operand(instruction: &Instruction, operand: u32) -> Option<ComparedValue> {
    match instruction.op_kind(operand) {
        OpKind::Register => {
            // They stand in the order of their numbers.
            let registers = Register::RAX as usize..=Register::R15 as usize;
            let register = instruction.op_register(operand) as usize;
            let number = register.checked_sub(*registers.start()).filter(|_| registers.contains(&register));
            Some(ComparedValue::Register(u8::try_from(number?).ok()?))
        }
        OpKind::Immediate8to64 | OpKind::Immediate32to64 => {
            Some(ComparedValue::Constant(instruction.immediate(operand)))
        }
        _ => None,
    }
}

/// The same. (Arm ARM, C6.2: `B.cond`, `SUBS` and `ADDS` of 64 bits.)
fn read_aarch64(bytes: &[u8], start: u32, add: &mut dyn FnMut(u32, ComparedValue)) {
    const HIGHER: u32 = 8;
    const CARRY: u32 = 2;
    const LOWER: u32 = 3;
    /// The stack pointer, or zero.
    const LAST: u32 = 31;
    let mut before = 0;
    let mut at = start;
    for word in bytes.chunks_exact(4) {
        let instruction = u32::from_le_bytes(word.try_into().expect("four bytes"));
        let is_jump = instruction & 0xff00_0010 == 0x5400_0000;
        let is_of_registers = before & 0xff20_0000 == 0xeb00_0000;
        let is_compare = before & 31 == LAST
            && (is_of_registers || before & 0xffe0_0000 == 0xeb20_0000 || before & 0xff80_0000 == 0xf100_0000);
        let is_sum = before & 0xff20_0000 == 0xab00_0000
            || before & 0xffe0_0000 == 0xab20_0000
            || before & 0xff80_0000 == 0xb100_0000;
        let register = match instruction & 15 {
            HIGHER if is_compare => before >> 5 & 31,
            // Not shifted.
            LOWER if is_compare && is_of_registers && before >> 10 & 63 == 0 => before >> 16 & 31,
            CARRY if is_sum => before & 31,
            _ => LAST,
        };
        if is_jump && register != LAST {
            let distance = (instruction << 8).cast_signed() >> 13;
            let target = at.checked_add_signed(distance.saturating_mul(4));
            let number = u8::try_from(register).ok();
            if let Some((target, number)) = target.zip(number) {
                add(target, ComparedValue::Register(number));
            }
        }
        before = instruction;
        at = at.saturating_add(4);
    }
}
