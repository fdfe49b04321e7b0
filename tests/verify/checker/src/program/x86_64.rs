//! Relocations and gaps of x86-64. Source: the x86-64 psABI, section 4.4.

use super::elf::Elf;
use super::processor::{Aim, Processor, Told};
use super::section::Field;
use super::template::Template;
use object::Architecture;
use object::elf;
use yaxpeax_arch::LengthedInstruction as _;
use yaxpeax_x86::long_mode::{InstDecoder, Opcode};

pub struct X86_64;

impl Processor for X86_64 {
    fn architecture(&self) -> Architecture {
        Architecture::X86_64
    }

    fn start_kinds(&self) -> [u32; 2] {
        [elf::R_X86_64_RELATIVE.0, elf::R_X86_64_IRELATIVE.0]
    }

    fn page(&self) -> u64 {
        4096
    }

    fn size(&self, kind: u32) -> u64 {
        if kind == elf::R_X86_64_64.0 { 8 } else { 4 }
    }

    /// Distances are counted from the field's end, where the instruction ends mostly.
    fn origin(&self, kind: u32) -> i64 {
        if kind == elf::R_X86_64_64.0 { 0 } else { 4 }
    }

    /// A linker makes loads of addresses shorter instructions, and accesses to variables of a
    /// thread direct ones.
    fn fill_in(&self, field: &Field, template: &mut Template) {
        let (before, after) = match field.kind {
            it if it == elf::R_X86_64_GOTPCREL.0 || it == elf::R_X86_64_GOTPCRELX.0 => (2, 4),
            it if it == elf::R_X86_64_REX_GOTPCRELX.0 || it == elf::R_X86_64_GOTTPOFF.0 => (3, 4),
            it if it == elf::R_X86_64_TLSGD.0 => (4, 12),
            it if it == elf::R_X86_64_TLSLD.0 => (3, 9),
            kind => (0, self.size(kind)),
        };
        template.open(&(field.offset.saturating_sub(before)..field.offset.saturating_add(after)));
    }

    fn read(&self, elf: &Elf, field: &Field, place: u64) -> Result<Option<Told>, String> {
        let aim = match field.kind {
            it if it == elf::R_X86_64_PC32.0 || it == elf::R_X86_64_PLT32.0 => Aim::Address,
            it if it == elf::R_X86_64_GOTPCREL.0 => Aim::Either,
            it if it == elf::R_X86_64_GOTPCRELX.0 || it == elf::R_X86_64_REX_GOTPCRELX.0 => Aim::Either,
            it if it == elf::R_X86_64_64.0 => return elf.filled_in(field, place).map(Some),
            _ => return Ok(None),
        };
        let bytes = elf.bytes(place, 4).ok_or("beyond the program")?;
        let distance = i32::from_le_bytes(bytes.try_into().expect("four bytes"));
        // A load of a number that nothing moves, such as null, may have become one of a constant:
        // its operand is a register, and not a place.
        let before = place.checked_sub(1).and_then(|at| elf.bytes(at, 1));
        if field.kind == elf::R_X86_64_REX_GOTPCRELX.0 && before.is_some_and(|operand| operand[0] >= 0xc0) {
            let number = i64::from(distance).wrapping_add(field.addend);
            return Ok(Some(Told::whole(aim, number.cast_unsigned())));
        }
        Ok(Some(Told::whole(aim, place.wrapping_add_signed(distance.into()))))
    }

    /// `endbr64; bnd jmp [slot]`.
    fn jump(&self, elf: &Elf, at: u64) -> Option<(u64, u64)> {
        const SIZE: u64 = 11;
        let [0xf3, 0x0f, 0x1e, 0xfa, 0xf2, 0xff, 0x25, distance @ ..] = elf.bytes(at, SIZE)? else { return None };
        let distance = i32::from_le_bytes(distance.try_into().expect("four bytes"));
        Some((at.wrapping_add(SIZE).wrapping_add_signed(distance.into()), SIZE))
    }

    /// Zeros, traps, and instructions that do nothing.
    fn filler(&self, _: u64, rest: &[u8]) -> Option<u64> {
        match (rest[0], InstDecoder::default().decode_slice(rest)) {
            (0 | 0xcc, _) => Some(1),
            (_, Ok(one)) if one.opcode() == Opcode::NOP => Some(one.len().to_const()),
            _ => None,
        }
    }
}
