//! How to walk out of functions, from LLVM's `.eh_frame`.

use super::adopt::{Elf, resolve};
use crate::abi::image::{HAS_FRAME, STORED};
use crate::code::{Frame, FrameRule, Register};
use crate::number::to_usize;
use anyhow::{Context, Result, bail};
use gimli::read::{BaseAddresses, CallFrameInstruction, CieOrFde, EhFrame, UnwindSection};
use object::{Object, ObjectSection, SectionIndex};
use std::collections::HashMap;

/// The frames of the functions, by their numbers.
///
/// # Errors
/// When the section can't be read.
pub fn read(file: &Elf, numbers: &HashMap<SectionIndex, usize>) -> Result<Vec<Option<Frame>>> {
    let mut frames = vec![None; numbers.len()];
    let Some(section) = file.section_by_name(".eh_frame") else { return Ok(frames) };
    let mut data = section.data()?.to_vec();
    // The distance to a function becomes the one to an address that is the function's number.
    for (at, relocation) in section.relocations() {
        let (target, _) = resolve(file, relocation.target(), relocation.addend())?;
        let Some(&number) = target.and_then(|section| numbers.get(&section)) else { continue };
        let distance = i32::try_from(i64::try_from(number)?.saturating_sub(i64::try_from(at)?))?;
        let at = to_usize(at);
        let field = data.get_mut(at..at.saturating_add(4)).context("an address is cut off")?;
        field.copy_from_slice(&distance.to_le_bytes());
    }
    let mut table = EhFrame::new(&data, gimli::LittleEndian);
    table.set_address_size(8);
    let bases = BaseAddresses::default().set_eh_frame(0);
    let mut entries = table.entries(&bases);
    while let Some(entry) = entries.next()? {
        let CieOrFde::Fde(partial) = entry else { continue };
        let fde = partial.parse(EhFrame::cie_from_offset)?;
        let number = usize::try_from(fde.initial_address())?;
        let factor = fde.cie().data_alignment_factor();
        let mut reader = Reader { offset: 0, cfa: (Register(0), 0), saved: Vec::new(), rules: Vec::new() };
        for instruction in [fde.cie().instructions(&table, &bases), fde.instructions(&table, &bases)] {
            let mut instructions = instruction;
            while let Some(instruction) = instructions.next()? {
                reader.read(&instruction, factor)?;
            }
        }
        // What holds at the first instruction is said once for all functions.
        let n_initial = reader.rules.iter().take_while(|(offset, _)| *offset == 0).count();
        let rules = reader.rules.split_off(n_initial);
        *frames.get_mut(number).context("a frame without a function")? = Some(Frame::Dwarf(rules));
    }
    Ok(frames)
}

/// The registers that a function preserves by storing them below its frame pointer, as bits of
/// [`Function::frame`](crate::abi::image::Function::frame).
///
/// # Errors
/// When they lie elsewhere.
pub fn stored(frame: &Frame) -> Result<u32> {
    /// DWARF's number of the frame pointer. It and the return address lie between the stored
    /// registers and the CFA.
    const FRAME_POINTER: Register = Register(6);
    /// Where the frame pointer of the caller lies, from the CFA.
    const OWN: i32 = -16;
    let Frame::Dwarf(rules) = frame else { bail!("clang wrote frames that are not DWARF's") };
    let places: Vec<(Register, i32)> = rules
        .iter()
        .filter_map(|(_, rule)| match rule {
            FrameRule::Stored(register, place) if *register != FRAME_POINTER => Some((*register, *place)),
            _ => None,
        })
        .collect();
    // Such a tail call makes room between the frame pointer and the return address, which the
    // runtime's walk, and so what is thrown, would take from the wrong place.
    if rules.iter().any(|(_, rule)| matches!(rule, FrameRule::Stored(FRAME_POINTER, place) if *place != OWN)) {
        bail!(
            "it makes a tail call with more arguments on the stack than it has itself, which --generator llvm \
             can't do: use --generator cranelift"
        );
    }
    let (mut stored, mut bit, mut place) = (0, HAS_FRAME, OWN);
    for number in STORED {
        bit <<= 1;
        if places.iter().any(|(register, _)| *register == Register(number)) {
            place = place.saturating_sub(8);
            if !places.contains(&(Register(number), place)) {
                bail!("clang stored register {number} at a place that is not known here");
            }
            stored |= bit;
        }
    }
    Ok(stored)
}

struct Reader {
    offset: u32,
    cfa: (Register, i32),
    saved: Vec<(Register, i32)>,
    rules: Vec<(u32, FrameRule)>,
}

impl Reader {
    fn read(&mut self, instruction: &CallFrameInstruction<usize>, factor: i64) -> Result<()> {
        let signed = |offset: u64| i32::try_from(offset).context("a frame is too large");
        let rule = match *instruction {
            CallFrameInstruction::AdvanceLoc { delta } => {
                self.offset = self.offset.checked_add(delta).context("a function is too large")?;
                return Ok(());
            }
            CallFrameInstruction::DefCfa { register, offset } => {
                self.cfa = (Register(register.0), signed(offset)?);
                FrameRule::Cfa(self.cfa.0, self.cfa.1)
            }
            CallFrameInstruction::DefCfaRegister { register } => {
                self.cfa.0 = Register(register.0);
                FrameRule::CfaRegister(self.cfa.0)
            }
            CallFrameInstruction::DefCfaOffset { offset } => {
                self.cfa.1 = signed(offset)?;
                FrameRule::CfaOffset(self.cfa.1)
            }
            CallFrameInstruction::Offset { register, factored_offset } => {
                let offset = i64::try_from(factored_offset)?.checked_mul(factor).context("a frame is too large")?;
                FrameRule::Stored(Register(register.0), i32::try_from(offset)?)
            }
            CallFrameInstruction::RememberState => {
                self.saved.push(self.cfa);
                return Ok(());
            }
            CallFrameInstruction::RestoreState => {
                self.cfa = self.saved.pop().context("a frame restores what it did not remember")?;
                FrameRule::Cfa(self.cfa.0, self.cfa.1)
            }
            // In an epilogue, where the slot still has the value.
            CallFrameInstruction::Restore { .. } | CallFrameInstruction::Nop => return Ok(()),
            ref other => bail!("clang described a frame by {other:?}, which is not known here"),
        };
        self.rules.push((self.offset, rule));
        Ok(())
    }
}
