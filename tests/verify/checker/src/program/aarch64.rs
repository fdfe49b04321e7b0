//! Relocations and gaps of aarch64. Source: ELF for the Arm 64-bit Architecture (AAELF64), section
//! 5.7, and for instructions the Arm Architecture Reference Manual, section C6.2.
//!
//! An instruction holds a part of an address: the distance to it, the distance to its page, or the
//! low bits. All other bits are the object's. Accesses to variables of a thread become moves of
//! constants, as a program knows where they lie.

use super::elf::{Elf, Segment};
use super::processor::{Aim, Processor, Told};
use super::section::Field;
use super::template::Template;
use object::Architecture;
use object::elf::{self, RelocationType};

pub struct Aarch64;

/// Of addresses that `adrp` makes.
const PAGE: u64 = 4096;

/// Where instructions have their number.
const OF_BRANCH: u32 = 0x03ff_ffff;
/// And of a load of a constant beside the code.
const OF_CONDITION: u32 = 0x00ff_ffe0;
const OF_TEST: u32 = 0x0007_ffe0;
/// The two low bits stand above the others.
const OF_ADR: u32 = 0x60ff_ffe0;
/// An addition, or a load or store.
const OF_OFFSET: u32 = 0x003f_fc00;
const OF_MOVE: u32 = 0x001f_ffe0;

const NOP: u32 = 0xd503_201f;
/// `movz x0, #0, lsl #16`
const MOVE_HIGH: u32 = 0xd2a0_0000;
/// `movk x0, #0`
const MOVE_LOW: u32 = 0xf280_0000;

/// How a number tells an address.
enum Meaning {
    /// From the instruction, in units of two to this.
    Distance(u32),
    /// From the instruction's page, in pages.
    Page,
    /// From the page where the table of slots begins, in words.
    InTable,
    /// Bits of it, from this one on: those of a mask.
    Part(u32, u64),
}

/// A kind of relocated instruction, and what it has: the bits of its number and its meaning.
fn row(kind: u32) -> Option<(Aim, u32, Meaning)> {
    use Aim::{Address, Slot, Thread};
    use Meaning::{Distance, InTable, Page, Part};
    const LOW: u64 = PAGE - 1;
    Some(match RelocationType(kind) {
        elf::R_AARCH64_CALL26 | elf::R_AARCH64_JUMP26 => (Address, OF_BRANCH, Distance(2)),
        elf::R_AARCH64_CONDBR19 | elf::R_AARCH64_LD_PREL_LO19 => (Address, OF_CONDITION, Distance(2)),
        elf::R_AARCH64_TSTBR14 => (Address, OF_TEST, Distance(2)),
        elf::R_AARCH64_ADR_PREL_LO21 => (Address, OF_ADR, Distance(0)),
        elf::R_AARCH64_ADR_PREL_PG_HI21 => (Address, OF_ADR, Page),
        // Bits that the instruction's unit leaves out are 0.
        elf::R_AARCH64_ADD_ABS_LO12_NC | elf::R_AARCH64_LDST8_ABS_LO12_NC => (Address, OF_OFFSET, Part(0, LOW)),
        elf::R_AARCH64_LDST16_ABS_LO12_NC => (Address, OF_OFFSET, Part(1, LOW)),
        elf::R_AARCH64_LDST32_ABS_LO12_NC => (Address, OF_OFFSET, Part(2, LOW)),
        elf::R_AARCH64_LDST64_ABS_LO12_NC => (Address, OF_OFFSET, Part(3, LOW)),
        elf::R_AARCH64_LDST128_ABS_LO12_NC => (Address, OF_OFFSET, Part(4, LOW)),
        elf::R_AARCH64_ADR_GOT_PAGE => (Slot, OF_ADR, Page),
        elf::R_AARCH64_LD64_GOT_LO12_NC => (Slot, OF_OFFSET, Part(3, LOW)),
        elf::R_AARCH64_LD64_GOTPAGE_LO15 => (Slot, OF_OFFSET, InTable),
        elf::R_AARCH64_TLSLE_ADD_TPREL_HI12 => (Thread, OF_OFFSET, Part(12, !LOW)),
        elf::R_AARCH64_TLSLE_ADD_TPREL_LO12_NC => (Thread, OF_OFFSET, Part(0, LOW)),
        elf::R_AARCH64_TLSIE_ADR_GOTTPREL_PAGE21 | elf::R_AARCH64_TLSDESC_ADD_LO12 => {
            (Thread, OF_MOVE, Part(16, !0xffff))
        }
        elf::R_AARCH64_TLSIE_LD64_GOTTPREL_LO12_NC | elf::R_AARCH64_TLSDESC_CALL => (Thread, OF_MOVE, Part(0, 0xffff)),
        // They tell nothing.
        elf::R_AARCH64_TLSDESC_ADR_PAGE21 | elf::R_AARCH64_TLSDESC_LD64_LO12 => (Thread, 0, Part(0, 0)),
        _ => return None,
    })
}

/// What the linker makes of an instruction, but for its number.
fn rewritten(kind: u32, word: u32) -> u32 {
    let (to, from) = (word & 31, word >> 5 & 31);
    match RelocationType(kind) {
        // `adrp x0; ldr x1, [x0]; add x0, x0; blr x1`: the other two do nothing.
        elf::R_AARCH64_TLSDESC_ADR_PAGE21 | elf::R_AARCH64_TLSDESC_LD64_LO12 => NOP,
        elf::R_AARCH64_TLSDESC_ADD_LO12 => MOVE_HIGH,
        elf::R_AARCH64_TLSDESC_CALL => MOVE_LOW,
        elf::R_AARCH64_TLSIE_ADR_GOTTPREL_PAGE21 => MOVE_HIGH | to,
        // The low half joins the high one, so both must be of one register.
        elf::R_AARCH64_TLSIE_LD64_GOTTPREL_LO12_NC if to == from => MOVE_LOW | to,
        _ => word,
    }
}

/// The number in bits of an instruction.
fn number(word: u32, bits: u32) -> u64 {
    if bits == OF_ADR {
        return u64::from((word >> 5 & 0x7_ffff) << 2 | word >> 29 & 3);
    }
    u64::from((word & bits) >> bits.trailing_zeros().min(31))
}

fn signed(word: u32, bits: u32) -> i64 {
    let unused = 64 - bits.count_ones();
    (number(word, bits) << unused).cast_signed() >> unused
}

fn word(elf: &Elf, at: u64) -> Option<u32> {
    Some(u32::from_le_bytes(elf.bytes(at, 4)?.try_into().ok()?))
}

fn page_of(address: u64) -> u64 {
    address & !(PAGE - 1)
}

/// Bytes of a word that has an address or a distance.
fn data_size(kind: u32) -> Option<u64> {
    match RelocationType(kind) {
        elf::R_AARCH64_ABS64 | elf::R_AARCH64_PREL64 => Some(8),
        elf::R_AARCH64_PREL32 => Some(4),
        _ => None,
    }
}

impl Processor for Aarch64 {
    fn architecture(&self) -> Architecture {
        Architecture::Aarch64
    }

    fn start_kinds(&self) -> [u32; 2] {
        [elf::R_AARCH64_RELATIVE.0, elf::R_AARCH64_IRELATIVE.0]
    }

    fn page(&self) -> u64 {
        1 << 16
    }

    fn size(&self, kind: u32) -> u64 {
        data_size(kind).unwrap_or(4)
    }

    fn origin(&self, _: u32) -> i64 {
        0
    }

    fn fill_in(&self, field: &Field, template: &mut Template) {
        if let Some(size) = data_size(field.kind) {
            template.open(&(field.offset..field.offset.saturating_add(size)));
        } else if let Some((_, bits, _)) = row(field.kind) {
            template.change(field.offset, |word| (rewritten(field.kind, word), bits));
        }
    }

    fn read(&self, elf: &Elf, field: &Field, place: u64) -> Result<Option<Told>, String> {
        const BEYOND: &str = "beyond the program";
        let far = |distance: i64| Ok(Some(Told::whole(Aim::Address, place.wrapping_add_signed(distance))));
        match RelocationType(field.kind) {
            elf::R_AARCH64_ABS64 => return elf.filled_in(field, place).map(Some),
            elf::R_AARCH64_PREL64 => return far(elf.word(place).ok_or(BEYOND)?.cast_signed()),
            elf::R_AARCH64_PREL32 => return far(word(elf, place).ok_or(BEYOND)?.cast_signed().into()),
            _ => {}
        }
        let (aim, bits, meaning) = row(field.kind).ok_or_else(|| format!("a relocation of kind {}", field.kind))?;
        let word = word(elf, place).ok_or(BEYOND)?;
        Ok(Some(match meaning {
            Meaning::Distance(unit) => Told::whole(aim, place.wrapping_add_signed(signed(word, bits) << unit)),
            Meaning::Page => {
                let page = page_of(place).wrapping_add_signed(signed(word, bits) * PAGE.cast_signed());
                Told { aim, bits: page, mask: !(PAGE - 1) }
            }
            Meaning::InTable => {
                let table = elf.find("_GLOBAL_OFFSET_TABLE_");
                let [table] = table[..] else { return Err("a table of slots without a name".into()) };
                Told::whole(aim, page_of(table).wrapping_add(number(word, bits) << 3))
            }
            Meaning::Part(from, mask) => Told { aim, bits: number(word, bits) << from, mask },
        }))
    }

    /// Variables of a thread follow two words that the pointer leads to (variant 1).
    fn thread_offset(&self, place: u64, variables: &Segment) -> Option<u64> {
        16u64.checked_next_multiple_of(variables.alignment.max(1))?.checked_add(place)
    }

    /// `adrp x16, slot; ldr x17, [x16, slot]; br x17`, and what fills the last word.
    fn jump(&self, elf: &Elf, at: u64) -> Option<(u64, u64)> {
        let word = |by: u64| word(elf, at.checked_add(by)?);
        let (page, load) = (word(0)?, word(4)?);
        let is_jump = page & !OF_ADR == 0x9000_0010 && load & !OF_OFFSET == 0xf940_0211;
        let is_whole = is_jump && word(8)? == 0xd61f_0220 && word(12)? == NOP;
        let page = page_of(at).wrapping_add_signed(signed(page, OF_ADR) * PAGE.cast_signed());
        is_whole.then(|| (page.wrapping_add(number(load, OF_OFFSET) << 3), 16))
    }

    /// Zeros, and instructions that do nothing.
    fn filler(&self, at: u64, rest: &[u8]) -> Option<u64> {
        if rest[0] == 0 {
            return Some(1);
        }
        (at.is_multiple_of(4) && rest.starts_with(&NOP.to_le_bytes())).then_some(4)
    }
}
