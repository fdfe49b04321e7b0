//! Where the relocated fields of an object lead in a program: to what their symbols name.

use super::Linked;
use super::elf::Elf;
use super::section::{Field, Placed, Section};
use object::elf;

pub fn check(elf: &Elf, object: &Placed, linked: &mut Linked) {
    for section in object.sections.values() {
        for field in &section.fields {
            linked.fields += 1;
            if let Err(reason) = check_field(elf, object, section, field) {
                let place = object.describe(section, field.offset);
                linked.fail(format!("{place}: {reason}"));
            }
        }
    }
}

fn check_field(elf: &Elf, object: &Placed, section: &Section, field: &Field) -> Result<(), String> {
    let place = section.start.wrapping_add(field.offset);
    let found = value(elf, field, place)?;
    let symbol = object.symbols.get(field.symbol).ok_or("a relocation of no symbol")?;
    let own = symbol.section.and_then(|index| object.sections.get(&index));
    let own = own.map(|section| section.start.wrapping_add(symbol.offset));
    let wanted = match own {
        // Of several definitions that may stand for each other, the linker took one.
        Some(own) if symbol.is_weak => [vec![own], elf.find(&symbol.name)].concat(),
        Some(own) => vec![own],
        None => elf.find(&symbol.name),
    };
    // A weak name that nothing defines is null.
    let is_null = wanted.is_empty() && symbol.is_weak && found == 0;
    if wanted.contains(&found) || is_null {
        return Ok(());
    }
    Err(format!("leads to {found:#x}, and not to `{}`", symbol.name))
}

/// Kinds that are the distance from the field.
const DISTANCES: [u32; 5] = [
    elf::R_X86_64_PC32.0,
    elf::R_X86_64_PLT32.0,
    elf::R_X86_64_GOTPCREL.0,
    elf::R_X86_64_GOTPCRELX.0,
    elf::R_X86_64_REX_GOTPCRELX.0,
];

/// The address that a field leads to, without the addend.
pub fn value(elf: &Elf, field: &Field, place: u64) -> Result<u64, String> {
    let addend = field.addend.cast_unsigned();
    match field.kind {
        it if DISTANCES.contains(&it) => {
            let bytes = elf.bytes(place, 4).ok_or("beyond the program")?;
            let distance = i32::from_le_bytes(bytes.try_into().expect("four bytes"));
            Ok(place.wrapping_add_signed(distance.into()).wrapping_sub(addend))
        }
        it if it == elf::R_X86_64_64.0 => match elf.addresses.get(&place) {
            Some(address) => Ok(address.wrapping_sub(addend)),
            None if elf.word(place) == Some(0) => Ok(0),
            None => Err("the program's start does not fill in the address".into()),
        },
        other => Err(format!("a relocation of kind {other}")),
    }
}
