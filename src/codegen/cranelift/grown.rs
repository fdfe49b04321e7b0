//! Frame information of functions that make room for the arguments of a tail call.
//!
//! Such a function gets less stack for arguments from its caller than a function that it ends with
//! needs. Its prologue makes the frame as usual, then moves frame pointer and return address down
//! by the difference. Cranelift notes that but forgets it when it writes DWARF
//! (`isa/unwind/systemv.rs`): the address that all rules start from, and so every saved register,
//! would be wrong by the difference.

use crate::number::to_u32;
use cranelift_codegen::CompiledCode;
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::isa::unwind::UnwindInst;
use gimli::write::{Address, CallFrameInstruction, FrameDescriptionEntry};
use gimli::{Register, X86_64};
use target_lexicon::Architecture;

/// Bytes that a usual frame has above the frame pointer: the caller's frame pointer and the return
/// address.
const SETUP: u32 = 16;
const SETUP_SIZE: i32 = SETUP.cast_signed();

/// Why distances in a frame have 31 bits.
const SMALL: &str = "Cranelift refuses frames of 2 GiB";

/// The rules for walking out of the function, from any instruction on that may fault or call, and
/// on x86-64 from all of the prologue; `None` if its frame is as usual.
pub fn describe(isa: &dyn TargetIsa, address: Address, code: &CompiledCode) -> Option<FrameDescriptionEntry> {
    let insts = &code.buffer.unwind_info;
    let upward = insts.iter().find_map(|(_, inst)| match inst {
        UnwindInst::DefineNewFrame { offset_upward_to_caller_sp, .. } => Some(*offset_upward_to_caller_sp),
        _ => None,
    })?;
    if upward == SETUP {
        return None;
    }
    let (frame_pointer, return_address) = registers(isa.triple().architecture)?;
    let mut frame = FrameDescriptionEntry::new(address, to_u32(code.code_buffer().len()));
    let upward = i32::try_from(upward).expect(SMALL);
    let mut downward = 0i32;
    // How far a register lies below the address that all rules start from.
    let below = |distance: i32, size: i32| size.checked_sub(distance).expect(SMALL);
    for (offset, inst) in insts {
        let mut add = |inst| frame.add_instruction(*offset, inst);
        match *inst {
            UnwindInst::PushFrameRegs { .. } => {
                add(CallFrameInstruction::CfaOffset(SETUP_SIZE));
                add(CallFrameInstruction::Offset(frame_pointer, below(SETUP_SIZE, 0)));
                add(CallFrameInstruction::Offset(return_address, below(SETUP_SIZE, 8)));
                if frame_pointer == X86_64::RBP {
                    add_prologue(&mut frame, code.code_buffer(), *offset as usize, upward);
                }
            }
            UnwindInst::DefineNewFrame { offset_downward_to_clobbers, .. } => {
                downward = i32::try_from(offset_downward_to_clobbers).expect(SMALL);
                add(CallFrameInstruction::Cfa(frame_pointer, upward));
                add(CallFrameInstruction::Offset(frame_pointer, below(upward, 0)));
                add(CallFrameInstruction::Offset(return_address, below(upward, 8)));
            }
            UnwindInst::SaveReg { clobber_offset, reg } => {
                let register = isa.map_regalloc_reg_to_dwarf(reg.into()).expect("every saved register has a number");
                let place =
                    i32::try_from(clobber_offset).ok().and_then(|place| place.checked_sub(downward)).expect(SMALL);
                add(CallFrameInstruction::Offset(Register(register), below(upward, place)));
            }
            // With a frame pointer, the stack pointer does not matter.
            _ => {}
        }
    }
    Some(frame)
}

/// DWARF's numbers of the frame pointer, and of the return address or the register that holds it.
fn registers(architecture: Architecture) -> Option<(Register, Register)> {
    match architecture {
        Architecture::X86_64 => Some((X86_64::RBP, X86_64::RA)),
        Architecture::Aarch64(_) => Some((gimli::AArch64::X29, gimli::AArch64::X30)),
        Architecture::Riscv64(_) => Some((gimli::RiscV::S0, gimli::RiscV::RA)),
        // Its frames have no frame pointer.
        _ => None,
    }
}

/// The instructions between `push rbp`, which ends at `start`, and the new frame: `mov rbp, rsp;
/// sub rsp, N; mov rbp, rsp`, and then copies, which leave the old places as they are.
fn add_prologue(frame: &mut FrameDescriptionEntry, code: &[u8], start: usize, upward: i32) {
    const MOV_RBP_RSP: [u8; 3] = [0x48, 0x89, 0xe5];
    const SUB_RSP_BYTE: [u8; 3] = [0x48, 0x83, 0xec];
    const SUB_RSP_WORD: [u8; 3] = [0x48, 0x81, 0xec];
    let prologue = &code[start..];
    let rest = prologue.strip_prefix(&MOV_RBP_RSP).expect("Cranelift sets the frame pointer");
    let behind_mov = place_of(code, rest);
    let rest = match (rest.strip_prefix(&SUB_RSP_BYTE), rest.strip_prefix(&SUB_RSP_WORD)) {
        (Some([_, rest @ ..]), _) | (_, Some([_, _, _, _, rest @ ..])) => rest,
        _ => panic!("Cranelift moves the stack pointer with sub"),
    };
    let rest = rest.strip_prefix(&MOV_RBP_RSP).expect("Cranelift sets the frame pointer again");
    frame.add_instruction(behind_mov, CallFrameInstruction::CfaRegister(X86_64::RBP));
    frame.add_instruction(place_of(code, rest), CallFrameInstruction::CfaOffset(upward));
}

/// Where the rest of some code begins in it.
fn place_of(code: &[u8], rest: &[u8]) -> u32 {
    to_u32(code.len().checked_sub(rest.len()).expect("it is a part of the code"))
}
