//! How to walk out of a function, from Cranelift's notes on its prologue.
//!
//! Cranelift can write DWARF itself, but its DWARF is wrong for functions that make room for the
//! arguments of a tail call. Such a function gets less stack for arguments from its caller than the
//! function that it ends with needs. Its prologue makes the frame as usual, then
//! moves frame pointer and return address down by the difference. Cranelift notes that but forgets
//! it in its DWARF: the address that all rules start from, and so every saved register, would be
//! wrong by the difference.

use crate::code::{FrameConventions, FrameRule, Register};
use crate::number::to_u32;
use cranelift_codegen::CompiledCode;
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::isa::unwind::UnwindInst;
use target_lexicon::Architecture;

/// Bytes that a usual frame has above the frame pointer: the caller's frame pointer and the return
/// address.
const SETUP: u32 = 16;

/// Why distances in a frame have 31 bits.
const SMALL: &str = "Cranelift refuses frames of 2 GiB";

/// The registers that frames are made with.
struct Registers {
    stack_pointer: Register,
    frame_pointer: Option<Register>,
    return_address: Register,
    /// Calls store the return address on the stack, without an instruction of the prologue.
    is_return_stored: bool,
}

/// As the processors' ABI documents number them: x86-64 psABI figure 3.36, AArch64 DWARF
/// section 4.1, RISC-V psABI "DWARF Register Numbers", s390x ELF ABI table 1.20.
fn registers(architecture: Architecture) -> Option<Registers> {
    let registers = |stack_pointer, frame_pointer: Option<u16>, return_address, is_return_stored| Registers {
        stack_pointer: Register(stack_pointer),
        frame_pointer: frame_pointer.map(Register),
        return_address: Register(return_address),
        is_return_stored,
    };
    match architecture {
        Architecture::X86_64 => Some(registers(7, Some(6), 16, true)),
        Architecture::Aarch64(_) => Some(registers(31, Some(29), 30, false)),
        Architecture::Riscv64(_) => Some(registers(2, Some(8), 1, false)),
        Architecture::S390x => Some(registers(15, None, 14, false)),
        _ => None,
    }
}

/// What holds for all frames; `None` where DWARF has no part.
pub fn conventions(isa: &dyn TargetIsa) -> Option<FrameConventions> {
    let architecture = isa.triple().architecture;
    let Registers { stack_pointer, return_address, is_return_stored, .. } = registers(architecture)?;
    let (code_alignment, cfa) = match architecture {
        Architecture::X86_64 => (1, 8),
        Architecture::Aarch64(_) => (4, 0),
        Architecture::Riscv64(_) => (2, 0),
        // The area where a callee saves registers lies below the CFA.
        _ => (1, 160),
    };
    let mut initial = vec![FrameRule::Cfa(stack_pointer, cfa)];
    initial.extend(is_return_stored.then_some(FrameRule::Stored(return_address, -8)));
    Some(FrameConventions { code_alignment, data_alignment: -8, return_address, initial })
}

/// The rules, from any instruction on that may fault or call, and on x86-64 from all of the
/// prologue.
///
/// # Panics
/// When the processor has no [`conventions`].
pub fn rules(isa: &dyn TargetIsa, code: &CompiledCode) -> Vec<(u32, FrameRule)> {
    let registers = registers(isa.triple().architecture).expect("the caller asked for the conventions");
    let insts = &code.buffer.unwind_info;
    let upward = insts.iter().find_map(|(_, inst)| match inst {
        UnwindInst::DefineNewFrame { offset_upward_to_caller_sp, .. } => Some(*offset_upward_to_caller_sp),
        _ => None,
    });
    let mut rules =
        Rules { registers, upward: distance(upward.unwrap_or(SETUP)), downward: 0, cfa: 0, all: Vec::new() };
    for (offset, inst) in insts {
        rules.add(isa, code, *offset, inst);
    }
    rules.all
}

/// A distance in a frame.
fn distance(bytes: u32) -> i32 {
    i32::try_from(bytes).expect(SMALL)
}

/// How far a register lies below the CFA.
fn below(distance: i32, size: i32) -> i32 {
    size.checked_sub(distance).expect(SMALL)
}

/// Rules under construction.
struct Rules {
    registers: Registers,
    /// From the frame pointer up to the CFA.
    upward: i32,
    /// From the frame pointer down to the first saved register.
    downward: i32,
    /// From the stack pointer up to the CFA, where there is no frame pointer.
    cfa: i32,
    all: Vec<(u32, FrameRule)>,
}

impl Rules {
    fn add(&mut self, isa: &dyn TargetIsa, code: &CompiledCode, offset: u32, inst: &UnwindInst) {
        match *inst {
            UnwindInst::PushFrameRegs { .. } => {
                self.push(offset, FrameRule::CfaOffset(distance(SETUP)));
                self.store_setup(offset, distance(SETUP), self.is_grown() || !self.registers.is_return_stored);
                if self.is_grown() && isa.triple().architecture == Architecture::X86_64 {
                    self.add_grown_prologue(code.code_buffer(), offset as usize);
                }
            }
            UnwindInst::DefineNewFrame { offset_upward_to_caller_sp, offset_downward_to_clobbers } => {
                self.cfa = distance(offset_upward_to_caller_sp);
                self.downward = distance(offset_downward_to_clobbers);
                match self.registers.frame_pointer {
                    Some(frame_pointer) if self.is_grown() => {
                        self.push(offset, FrameRule::Cfa(frame_pointer, self.upward));
                        self.store_setup(offset, self.upward, true);
                    }
                    Some(frame_pointer) => self.push(offset, FrameRule::CfaRegister(frame_pointer)),
                    None => {}
                }
            }
            UnwindInst::StackAlloc { size } => {
                // With a frame pointer, the stack pointer does not matter.
                if self.registers.frame_pointer.is_none() {
                    self.cfa = self.cfa.checked_add(distance(size)).expect(SMALL);
                    self.push(offset, FrameRule::CfaOffset(self.cfa));
                }
            }
            UnwindInst::SaveReg { clobber_offset, reg } => {
                let register = isa.map_regalloc_reg_to_dwarf(reg.into()).expect("every saved register has a number");
                self.push(offset, FrameRule::Stored(Register(register), self.place(clobber_offset)));
            }
            UnwindInst::RegStackOffset { clobber_offset, reg } => {
                let register = isa.map_regalloc_reg_to_dwarf(reg.into()).expect("every saved register has a number");
                self.push(offset, FrameRule::Equals(Register(register), self.place(clobber_offset)));
            }
            UnwindInst::Aarch64SetPointerAuth { return_addresses } => {
                self.push(offset, FrameRule::SignedReturn(return_addresses));
            }
        }
    }

    fn push(&mut self, offset: u32, rule: FrameRule) {
        self.all.push((offset, rule));
    }

    /// Whether the prologue makes room for the arguments of a tail call.
    fn is_grown(&self) -> bool {
        self.registers.frame_pointer.is_some() && self.upward != distance(SETUP)
    }

    /// Frame pointer and return address lie at the end of the frame, `size` bytes below the CFA.
    fn store_setup(&mut self, offset: u32, size: i32, with_return: bool) {
        if let Some(frame_pointer) = self.registers.frame_pointer {
            self.push(offset, FrameRule::Stored(frame_pointer, below(size, 0)));
        }
        if with_return {
            self.push(offset, FrameRule::Stored(self.registers.return_address, below(size, 8)));
        }
    }

    /// Where a saved register lies, from the CFA.
    fn place(&self, clobber_offset: u32) -> i32 {
        let from_frame_pointer = distance(clobber_offset).checked_sub(self.downward).expect(SMALL);
        below(self.upward, from_frame_pointer)
    }

    /// The instructions between `push rbp`, which ends at `start`, and the new frame: `mov rbp,
    /// rsp; sub rsp, N; mov rbp, rsp`, and then copies, which leave the old places as they are.
    fn add_grown_prologue(&mut self, code: &[u8], start: usize) {
        const MOV_RBP_RSP: [u8; 3] = [0x48, 0x89, 0xe5];
        const SUB_RSP_BYTE: [u8; 3] = [0x48, 0x83, 0xec];
        const SUB_RSP_WORD: [u8; 3] = [0x48, 0x81, 0xec];
        let frame_pointer = self.registers.frame_pointer.expect("x86-64 has one");
        let rest = code[start..].strip_prefix(&MOV_RBP_RSP).expect("Cranelift sets the frame pointer");
        self.push(offset_of(code, rest), FrameRule::CfaRegister(frame_pointer));
        let rest = match (rest.strip_prefix(&SUB_RSP_BYTE), rest.strip_prefix(&SUB_RSP_WORD)) {
            (Some([_, rest @ ..]), _) | (_, Some([_, _, _, _, rest @ ..])) => rest,
            _ => panic!("Cranelift moves the stack pointer with sub"),
        };
        let rest = rest.strip_prefix(&MOV_RBP_RSP).expect("Cranelift sets the frame pointer again");
        self.push(offset_of(code, rest), FrameRule::CfaOffset(self.upward));
    }
}

/// Where the rest of some code begins in it.
fn offset_of(code: &[u8], rest: &[u8]) -> u32 {
    to_u32(code.len().checked_sub(rest.len()).expect("it is a part of the code"))
}
