//! Strings in sections of their own. Compilers put all strings of an object in one section, which
//! linkers that do not look at single strings keep as a whole: a program would carry the file
//! names of all places that can panic.

use crate::Result;
use object::LittleEndian as LE;
use object::elf::{self, FileHeader64, Rela64, SectionHeader64, Sym64};
use object::pod::{bytes_of, from_bytes};
use std::collections::BTreeMap;

/// A section of strings, and where in it something refers to, with the section and the symbol for
/// each string that is referred to.
struct Strings<'data> {
    number: usize,
    header: SectionHeader64<LE>,
    bytes: &'data [u8],
    /// By the strings' offsets.
    places: BTreeMap<usize, (u16, u32)>,
}

impl Strings<'_> {
    /// Where the string begins that an offset lies in.
    fn start(&self, offset: u64) -> Result<usize> {
        let before = self.bytes.get(..offset as usize).ok_or("a reference lies outside of its section")?;
        Ok(before.iter().rposition(|&byte| byte == 0).map_or(0, |zero| zero + 1))
    }

    /// The length of the string that begins there, with its zero.
    fn length(&self, start: usize) -> usize {
        let rest = &self.bytes[start..];
        rest.iter().position(|&byte| byte == 0).map_or(rest.len(), |zero| zero + 1)
    }

    /// Section, symbol, and the offset from the string's start.
    fn find(&self, offset: u64) -> Result<(u16, u32, u64)> {
        let start = self.start(offset)?;
        let (section, symbol) = self.places[&start];
        Ok((section, symbol, offset - start as u64))
    }
}

/// The object with each string that something refers to in a section of its own, instead of the
/// sections of strings. Such a section stays as it is where code refers to it in another way than
/// by an address, and an object with sections that other compilers write does.
pub fn split(data: &[u8]) -> Result<Vec<u8>> {
    let file = object::read::elf::ElfFile64::<LE>::parse(data)?;
    let mut headers: Vec<SectionHeader64<LE>> = file.elf_section_table().iter().copied().collect();
    let unknown = [elf::SHT_GROUP, elf::SHT_SYMTAB_SHNDX, elf::SHT_REL];
    if headers.iter().any(|header| unknown.contains(&header.sh_type.get(LE))) {
        println!("cargo::warning=the runtime is larger than it should be: its strings stay together");
        return Ok(data.to_vec());
    }
    let mut symbols: Vec<Sym64<LE>> = file.elf_symbol_table().iter().copied().collect();
    let mut all = find(data, &headers, &symbols)?;

    // Symbols for the strings come after all local ones.
    let n_local = symbols.iter().filter(|symbol| symbol.st_bind() == elf::STB_LOCAL).count();
    let mut added = Vec::new();
    for strings in &mut all {
        let starts: Vec<usize> = strings.places.keys().copied().collect();
        for start in starts {
            let mut header = strings.header;
            header.sh_flags.set(LE, elf::SectionFlags(elf::SHF_ALLOC.0));
            header.sh_entsize.set(LE, 0);
            header.sh_offset.set(LE, strings.header.sh_offset.get(LE) + start as u64);
            header.sh_size.set(LE, strings.length(start) as u64);
            let section = u16::try_from(headers.len()).ok().filter(|it| *it < elf::SHN_LORESERVE);
            let section = section.ok_or("the object has too many sections")?;
            strings.places.insert(start, (section, (n_local + added.len()) as u32));
            let mut symbol: Sym64<LE> = *from_bytes(&[0; size_of::<Sym64<LE>>()]).expect("the right size").0;
            symbol.set_st_info(elf::STB_LOCAL, elf::STT_OBJECT);
            symbol.st_shndx.set(LE, elf::SymbolSection(section));
            headers.push(header);
            added.push(symbol);
        }
        headers[strings.number] = *from_bytes(&[0; size_of::<SectionHeader64<LE>>()]).expect("the right size").0;
    }
    let before = symbols.clone();
    for symbol in &mut symbols {
        let of = all.iter().find(|it| it.number == usize::from(symbol.st_shndx.get(LE).0));
        if let Some(strings) = of.filter(|_| symbol.st_type() != elf::STT_SECTION) {
            let (section, _, offset) = strings.find(symbol.st_value.get(LE))?;
            symbol.st_shndx.set(LE, elf::SymbolSection(section));
            symbol.st_value.set(LE, offset);
        }
    }
    let number = |old: u32| if (old as usize) < n_local { old } else { old + added.len() as u32 };
    let mut result = data.to_vec();
    for header in &mut headers {
        let start = header.sh_offset.get(LE) as usize;
        let range = start..start + header.sh_size.get(LE) as usize;
        match header.sh_type.get(LE) {
            elf::SHT_SYMTAB => {
                result.resize(result.len().next_multiple_of(8), 0);
                header.sh_offset.set(LE, result.len() as u64);
                let (local, global) = symbols.split_at(n_local);
                local.iter().chain(&added).chain(global).for_each(|symbol| result.extend(bytes_of(symbol)));
                header.sh_size.set(LE, result.len() as u64 - header.sh_offset.get(LE));
                header.sh_info.set(LE, (n_local + added.len()) as u32);
            }
            elf::SHT_RELA => {
                for at in range.step_by(size_of::<Rela64<LE>>()) {
                    let mut relocation = *from_bytes::<Rela64<LE>>(&data[at..]).map_err(|()| "misaligned")?.0;
                    let old = relocation.r_sym(LE, false);
                    let mut new = number(old);
                    if let Some(strings) = section_of(&all, &before[old as usize]) {
                        let (_, symbol, offset) = strings.find(relocation.r_addend.get(LE).cast_unsigned())?;
                        new = symbol;
                        relocation.r_addend.set(LE, offset.cast_signed());
                    }
                    relocation.set_r_info(LE, false, new, relocation.r_type(LE, false));
                    result[at..at + size_of_val(&relocation)].copy_from_slice(bytes_of(&relocation));
                }
            }
            _ => {}
        }
    }
    result.resize(result.len().next_multiple_of(8), 0);
    let mut header = *file.elf_header();
    header.e_shoff.set(LE, result.len() as u64);
    header.e_shnum.set(LE, headers.len() as u16);
    result[..size_of::<FileHeader64<LE>>()].copy_from_slice(bytes_of(&header));
    headers.iter().for_each(|section| result.extend(bytes_of(section)));
    Ok(result)
}

/// The sections of strings that a symbol stands for.
fn section_of<'a, 'data>(all: &'a [Strings<'data>], symbol: &Sym64<LE>) -> Option<&'a Strings<'data>> {
    let is_section = symbol.st_type() == elf::STT_SECTION;
    all.iter().find(|it| is_section && it.number == usize::from(symbol.st_shndx.get(LE).0))
}

/// The sections of strings that can be split, with all that is referred to in them.
fn find<'data>(
    data: &'data [u8],
    headers: &[SectionHeader64<LE>],
    symbols: &[Sym64<LE>],
) -> Result<Vec<Strings<'data>>> {
    let wanted = (elf::SHF_ALLOC | elf::SHF_MERGE | elf::SHF_STRINGS).0;
    let is_one =
        |header: &SectionHeader64<LE>| header.sh_flags.get(LE).0 & wanted == wanted && header.sh_entsize.get(LE) == 1;
    let strings = |(number, header): (usize, &SectionHeader64<LE>)| {
        let start = header.sh_offset.get(LE) as usize;
        let bytes = &data[start..start + header.sh_size.get(LE) as usize];
        Strings { number, header: *header, bytes, places: BTreeMap::new() }
    };
    let mut all: Vec<_> = headers.iter().enumerate().filter(|(_, header)| is_one(header)).map(strings).collect();
    for symbol in symbols.iter().filter(|symbol| symbol.st_type() != elf::STT_SECTION) {
        if let Some(strings) = all.iter_mut().find(|it| it.number == usize::from(symbol.st_shndx.get(LE).0)) {
            let start = strings.start(symbol.st_value.get(LE))?;
            strings.places.insert(start, (0, 0));
        }
    }
    for header in headers.iter().filter(|header| header.sh_type.get(LE) == elf::SHT_RELA) {
        let start = header.sh_offset.get(LE) as usize;
        for at in (start..start + header.sh_size.get(LE) as usize).step_by(size_of::<Rela64<LE>>()) {
            let relocation = from_bytes::<Rela64<LE>>(&data[at..]).map_err(|()| "misaligned")?.0;
            let symbol = &symbols[relocation.r_sym(LE, false) as usize];
            let Some(index) = all.iter().position(|it| section_of(std::slice::from_ref(it), symbol).is_some()) else {
                continue;
            };
            // Others have addends that are not offsets in the section.
            let is_address = matches!(relocation.r_type(LE, false), elf::R_X86_64_64 | elf::R_AARCH64_ABS64);
            if !is_address {
                all.remove(index);
                continue;
            }
            let start = all[index].start(relocation.r_addend.get(LE).cast_unsigned())?;
            all[index].places.insert(start, (0, 0));
        }
    }
    Ok(all)
}
