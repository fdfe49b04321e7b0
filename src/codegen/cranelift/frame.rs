//! How to walk out of a function: Cranelift's notes on the prologue as DWARF, or as Windows has it.

use super::unwind;
use crate::code::Frame;
use crate::number::to_u32;
use anyhow::{Result, anyhow};
use cranelift_codegen::binemit::CodeOffset;
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::isa::unwind::{UnwindInfo, UnwindInst};
use cranelift_codegen::{CompiledCode, RegClass};
use target_lexicon::OperatingSystem;

/// Whether the function has a frame of its own.
pub fn is_set_up(code: &CompiledCode) -> bool {
    let is_set_up =
        |inst: &UnwindInst| matches!(inst, UnwindInst::PushFrameRegs { .. } | UnwindInst::StackAlloc { .. });
    code.buffer.unwind_info.iter().any(|(_, inst)| is_set_up(inst))
}

/// The object's record of the function's frame; `None` if it needs none.
///
/// # Errors
/// When Cranelift has no frame information for the function.
pub fn describe(isa: &dyn TargetIsa, code: &CompiledCode) -> Result<Option<Frame>> {
    if isa.triple().operating_system != OperatingSystem::Windows {
        return Ok(unwind::conventions(isa).map(|_| Frame::Dwarf(unwind::rules(isa, code))));
    }
    // A function that leaves the stack alone needs no record.
    if !is_set_up(code) {
        return Ok(None);
    }
    Ok(match code.create_unwind_info(isa).map_err(|error| anyhow!("frame information: {error}"))? {
        Some(UnwindInfo::WindowsX64(_)) => Some(Frame::Windows(x64_record(&code.buffer.unwind_info))),
        Some(UnwindInfo::WindowsArm64(info)) => {
            let mut codes = vec![ARM64_END; usize::from(info.code_words()).saturating_add(1).saturating_mul(4)];
            info.emit(&mut codes);
            arm64_record(code.code_buffer().len(), &codes).map(Frame::Windows)
        }
        _ => None,
    })
}

/// `UNWIND_INFO` (Microsoft, "x64 exception handling"). Cranelift's own record is not used: it has
/// no room for where saved registers lie.
///
/// The prologue is `push rbp; mov rbp, rsp; sub rsp, N`, then the saved registers are stored after
/// the frame pointer. The record tells it as if their area were allocated first and `rbp` then set
/// to its end, so that their places count from its start, as they must.
fn x64_record(insts: &[(CodeOffset, UnwindInst)]) -> Vec<u8> {
    const PUSH_NONVOL: u8 = 0;
    const ALLOC_SMALL: u8 = 2;
    const SET_FPREG: u8 = 3;
    const SAVE_NONVOL: u8 = 4;
    const SAVE_XMM128: u8 = 8;
    const RBP: u8 = 5;
    let mut frame_offset = 0u8;
    let mut end = 0;
    // In the order of the prologue; the record has them the other way round.
    let mut codes: Vec<Vec<u8>> = Vec::new();
    for (offset, inst) in insts {
        // A prologue that probes a large frame may be longer: the rest is reached only
        // when all of it is done.
        end = u8::try_from(*offset).unwrap_or(u8::MAX);
        let code = |operation: u8, info: u8| vec![end, info << 4 | operation];
        match *inst {
            UnwindInst::PushFrameRegs { .. } => codes.push(code(PUSH_NONVOL, RBP)),
            UnwindInst::DefineNewFrame { offset_downward_to_clobbers: size, .. } => {
                let size = u8::try_from(size).expect("all registers that Windows saves take 224 bytes");
                frame_offset = size / 16;
                if let Some(above) = size.checked_sub(8) {
                    codes.push(code(ALLOC_SMALL, above / 8));
                }
                codes.push(code(SET_FPREG, 0));
            }
            UnwindInst::SaveReg { clobber_offset, reg } => {
                let (operation, place) = match reg.class() {
                    RegClass::Int => (SAVE_NONVOL, clobber_offset / 8),
                    _ => (SAVE_XMM128, clobber_offset / 16),
                };
                let place = u16::try_from(place).expect("all registers that Windows saves take 224 bytes");
                codes.push([code(operation, reg.hw_enc()), place.to_le_bytes().to_vec()].concat());
            }
            // What is allocated below the saved registers does not matter: the frame pointer is
            // set.
            _ => {}
        }
    }
    let mut codes: Vec<u8> = codes.into_iter().rev().flatten().collect();
    let n_codes = u8::try_from(codes.len() / 2).expect("a code for each saved register, and three more");
    codes.resize(codes.len().next_multiple_of(4), 0);
    [vec![1, end, n_codes, frame_offset << 4 | RBP], codes].concat()
}

/// The unwind code `end`.
const ARM64_END: u8 = 0xe4;

/// A full `.xdata` record (Microsoft, "ARM64 exception handling") without epilogues. `None` where
/// the function is too long for one; then unwinders can't walk out of it.
fn arm64_record(code_length: usize, codes: &[u8]) -> Option<Vec<u8>> {
    let (length, n_words) = (u32::try_from(code_length / 4).ok()?, to_u32(codes.len() / 4));
    if length >= 1 << 18 {
        return None;
    }
    let header = match n_words < 32 {
        true => vec![length | n_words << 27],
        false => vec![length, n_words << 16],
    };
    Some(header.iter().flat_map(|word| word.to_le_bytes()).chain(codes.iter().copied()).collect())
}
