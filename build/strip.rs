//! Objects without what no program needs, and shared libraries without their contents.

use crate::Result;
use object::LittleEndian as LE;
use object::elf::{self, FileHeader64, SectionHeader64};
use object::pod::{bytes_of, from_bytes};

/// Beginnings of the names of sections that no program uses.
pub const DEBUG: [&[u8]; 5] = [b".debug", b".zdebug", b".comment", b".llvm", b".stab"];

/// And those of the unwinding tables: panics abort, and the backtrace of a trap does not need them,
/// but C does.
pub const UNUSED: [&[u8]; 6] = [b".debug", b".zdebug", b".comment", b".llvm", b".stab", b".eh_frame"];

/// The object without the sections whose names begin like these.
///
/// Sections keep their numbers, so that nothing else has to change; what is removed becomes an
/// unused section header.
pub fn strip(data: &[u8], removed: &[&[u8]]) -> Result<Vec<u8>> {
    let file = object::read::elf::ElfFile64::<LE>::parse(data)?;
    let mut header = *file.elf_header();
    let table = file.elf_section_table();
    let mut sections: Vec<SectionHeader64<LE>> = table.iter().copied().collect();
    let is_removed = |section: &SectionHeader64<LE>| -> Result<bool> {
        let name = table.section_name(LE, section)?;
        Ok(removed.iter().any(|prefix| name.starts_with(prefix)))
    };
    let mut result = bytes_of(&header).to_vec();
    for (section, old) in sections.iter_mut().zip(table.iter()) {
        let is_relocation = matches!(old.sh_type.get(LE), elf::SHT_RELA | elf::SHT_REL);
        let subject =
            if is_relocation { table.section(object::SectionIndex(old.sh_info.get(LE) as usize))? } else { old };
        if is_removed(subject)? {
            *section = *from_bytes(&[0; size_of::<SectionHeader64<LE>>()]).expect("the right size").0;
        } else if old.sh_type.get(LE) != elf::SHT_NOBITS && old.sh_type.get(LE) != elf::SHT_NULL {
            let alignment = old.sh_addralign.get(LE).max(1) as usize;
            result.resize(result.len().next_multiple_of(alignment), 0);
            section.sh_offset.set(LE, result.len() as u64);
            let start = old.sh_offset.get(LE) as usize;
            result.extend(&data[start..start + old.sh_size.get(LE) as usize]);
        }
    }
    result.resize(result.len().next_multiple_of(8), 0);
    header.e_shoff.set(LE, result.len() as u64);
    result[..size_of::<FileHeader64<LE>>()].copy_from_slice(bytes_of(&header));
    sections.iter().for_each(|section| result.extend(bytes_of(section)));
    Ok(result)
}

/// A shared library with zeros in place of all contents but what a linker reads: symbols, their
/// versions, and its name. Compressed it is small.
pub fn hollow(data: &[u8]) -> Result<Vec<u8>> {
    let file = object::read::elf::ElfFile64::<LE>::parse(data)?;
    let mut result = vec![0; data.len()];
    let mut keep =
        |start: usize, length: usize| result[start..start + length].copy_from_slice(&data[start..start + length]);
    let header = file.elf_header();
    keep(0, size_of_val(header));
    keep(header.e_phoff.get(LE) as usize, size_of_val(file.elf_program_headers()));
    let sections = file.elf_section_table();
    keep(header.e_shoff.get(LE) as usize, sections.len() * size_of::<SectionHeader64<LE>>());
    for section in sections.iter() {
        let is_read = matches!(
            section.sh_type.get(LE),
            elf::SHT_DYNSYM
                | elf::SHT_DYNAMIC
                | elf::SHT_GNU_VERSYM
                | elf::SHT_GNU_VERDEF
                | elf::SHT_GNU_VERNEED
                | elf::SHT_STRTAB
        );
        if is_read {
            keep(section.sh_offset.get(LE) as usize, section.sh_size.get(LE) as usize);
        }
    }
    Ok(result)
}
