//! How to walk out of functions, from LLVM's `.eh_frame`.

use super::adopt::{Elf, resolve};
use super::processor;
use crate::abi::frame::{GAP, HAS_FRAME, N_BEFORE, places};
use crate::code::{Frame, FrameRule, Register};
use crate::number::to_usize;
use anyhow::{Context, Result, bail};
use gimli::read::{BaseAddresses, CallFrameInstruction, CieOrFde, EhFrame, UnwindSection};
use object::{Object, ObjectSection, SectionIndex};
use std::collections::HashMap;

/// Where the frame pointer of the caller lies, from the CFA, if nothing is between them but the
/// return address.
const FRAME_RECORD: i32 = -16;

const WORD: u32 = 8;

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

/// What [`frame`](crate::abi::frame) says of a function: the registers that it stores, and when its
/// frame is there.
///
/// # Errors
/// When they lie elsewhere.
pub fn stored(frame: &Frame, processor: &processor::Frame) -> Result<u32> {
    let frame_pointer = Register(processor.frame_pointer);
    let Frame::Dwarf(rules) = frame else { bail!("clang wrote frames that are not DWARF's") };
    let stored: Vec<(Register, i32)> = rules
        .iter()
        .filter_map(|(_, rule)| match rule {
            FrameRule::Stored(register, place) if register.0 != processor.return_address => Some((*register, *place)),
            _ => None,
        })
        .collect();
    let Some((_, own)) = stored.iter().find(|(register, _)| *register == frame_pointer) else {
        bail!("clang made a function without a frame pointer");
    };
    let gap = match processor.return_is_stored {
        true => gap(*own).context("clang stored a frame pointer at a place that is not known here")?,
        false => 0,
    };
    let n_before = n_before(rules, processor).context("clang set up a frame in a way that is not known here")?;
    let mut word = HAS_FRAME | n_before | gap;
    let mut bit = HAS_FRAME;
    for number in processor.groups.iter().flat_map(|group| group.registers) {
        bit <<= 1;
        if stored.iter().any(|(register, _)| register.0 == *number) {
            word |= bit;
        }
    }
    let numbers: Vec<u16> = processor.groups.iter().flat_map(|group| group.registers).copied().collect();
    let mut known = vec![(frame_pointer, *own)];
    places(processor.groups, word, |nth, place| known.push((Register(numbers[nth]), own.saturating_add(place))));
    match stored.iter().find(|it| !known.contains(it)) {
        Some((register, _)) => bail!("clang stored register {} at a place that is not known here", register.0),
        None => Ok(word),
    }
}

/// What lies between a frame pointer, which is stored at that place, and the return address that
/// the call stored. A tail call with more arguments makes that room.
fn gap(own: i32) -> Option<u32> {
    let bytes = u32::try_from(FRAME_RECORD.checked_sub(own)?).ok()?;
    bytes.is_multiple_of(WORD).then_some(bytes)?.checked_div(WORD)?.checked_mul(GAP)
}

/// How many instructions precede the frame, where the table of functions says it.
fn n_before(rules: &[(u32, FrameRule)], processor: &processor::Frame) -> Option<u32> {
    const MOST: u32 = u32::MAX / N_BEFORE;
    let Some(instruction) = processor.instruction else { return Some(0) };
    let is_set = |rule: &FrameRule| matches!(rule, FrameRule::Cfa(it, _) | FrameRule::CfaRegister(it) if it.0 == processor.frame_pointer);
    let (offset, _) = rules.iter().find(|(_, rule)| is_set(rule))?;
    let number = offset.checked_div(instruction)?;
    (number <= MOST).then_some(number.checked_mul(N_BEFORE)?)
}

struct Reader {
    offset: u32,
    cfa: (Register, i32),
    saved: Vec<(Register, i32)>,
    rules: Vec<(u32, FrameRule)>,
}

impl Reader {
    fn read(&mut self, instruction: &CallFrameInstruction<usize>, factor: i64) -> Result<()> {
        // It is below zero where a tail call has let go of arguments.
        let signed = |offset: u64| i32::try_from(offset.cast_signed()).context("a frame is too large");
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
