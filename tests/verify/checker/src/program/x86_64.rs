//! Relocations and gaps of x86-64. Source: the x86-64 psABI, section 4.4.

use super::elf::{Elf, Segment};
use super::processor::{Aim, Processor, Told};
use super::section::Field;
use super::template::Template;
use object::Architecture;
use object::elf;
use std::ops::Range;
use yaxpeax_arch::LengthedInstruction as _;
use yaxpeax_x86::long_mode::{InstDecoder, Opcode};

pub struct X86_64;

/// `lea rdi, [rip]; call __tls_get_addr` with prefixes, and what it becomes: `mov rax, fs:[0]; lea
/// rax, [rax]`. Source: "ELF Handling For Thread-Local Storage", section 5.
const GENERAL: [u8; 16] = [0x66, 0x48, 0x8d, 0x3d, 0, 0, 0, 0, 0x66, 0x66, 0x48, 0xe8, 0, 0, 0, 0];
const GENERAL_DIRECT: [u8; 16] = [0x64, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0, 0x48, 0x8d, 0x80, 0, 0, 0, 0];

/// The same without prefixes, for all variables of an object: `mov rax, fs:[0]`, with prefixes.
const LOCAL: [u8; 12] = [0x48, 0x8d, 0x3d, 0, 0, 0, 0, 0xe8, 0, 0, 0, 0];
const LOCAL_DIRECT: [u8; 12] = [0x66, 0x66, 0x66, 0x64, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0];

/// Replaces instructions that begin `before` bytes before the field, and opens a range from there.
/// Others stay, and no linker leaves them.
fn fill_in_sequence(
    template: &mut Template,
    offset: u64,
    (from, before): (&[u8], u64),
    (to, open): (&[u8], Range<u64>),
) {
    let Some(start) = offset.checked_sub(before) else { return };
    if template.replace(start, from, to) {
        template.open(&(offset.saturating_add(open.start)..offset.saturating_add(open.end)));
    }
}

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
            it if it == elf::R_X86_64_TLSGD.0 => {
                return fill_in_sequence(template, field.offset, (&GENERAL, 4), (&GENERAL_DIRECT, 8..12));
            }
            it if it == elf::R_X86_64_TLSLD.0 => {
                return fill_in_sequence(template, field.offset, (&LOCAL, 3), (&LOCAL_DIRECT, 0..0));
            }
            kind => (0, self.size(kind)),
        };
        template.open(&(field.offset.saturating_sub(before)..field.offset.saturating_add(after)));
    }

    fn read(&self, elf: &Elf, field: &Field, place: u64) -> Result<Option<Told>, String> {
        let number = |at: u64| {
            let bytes = elf.bytes(at, 4).ok_or("beyond the program")?;
            Ok::<_, String>(i64::from(i32::from_le_bytes(bytes.try_into().expect("four bytes"))))
        };
        let far = |aim| Ok(Some(Told::whole(aim, place.wrapping_add_signed(number(place)?))));
        let near = |aim, at, addend| Ok(Some(Told::whole(aim, number(at)?.wrapping_add(addend).cast_unsigned())));
        // A load may have become one of a constant: its operand is a register, and not a place.
        let before = place.checked_sub(1).and_then(|at| elf.bytes(at, 1));
        let is_constant = before.is_some_and(|operand| operand[0] >= 0xc0);
        match field.kind {
            it if it == elf::R_X86_64_64.0 => elf.filled_in(field, place).map(Some),
            it if it == elf::R_X86_64_PC32.0 || it == elf::R_X86_64_PLT32.0 => far(Aim::Address),
            it if it == elf::R_X86_64_GOTPCREL.0 || it == elf::R_X86_64_GOTPCRELX.0 => far(Aim::Either),
            // Of a number that nothing moves, such as null.
            it if it == elf::R_X86_64_REX_GOTPCRELX.0 && is_constant => near(Aim::Either, place, field.addend),
            it if it == elf::R_X86_64_REX_GOTPCRELX.0 => far(Aim::Either),
            it if it == elf::R_X86_64_GOTTPOFF.0 && is_constant => near(Aim::Thread, place, field.addend),
            it if it == elf::R_X86_64_TLSGD.0 => near(Aim::Thread, place.wrapping_add(8), field.addend),
            it if it == elf::R_X86_64_DTPOFF32.0 || it == elf::R_X86_64_TPOFF32.0 => near(Aim::Thread, place, 0),
            it if it == elf::R_X86_64_TLSLD.0 => Ok(None),
            other => Err(format!("a relocation of kind {other}")),
        }
    }

    /// Variables of a thread lie before what the pointer leads to (variant 2).
    fn thread_offset(&self, place: u64, variables: &Segment) -> Option<u64> {
        let size = variables.addresses.end.checked_sub(variables.addresses.start)?;
        Some(place.wrapping_sub(size.checked_next_multiple_of(variables.alignment.max(1))?))
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
