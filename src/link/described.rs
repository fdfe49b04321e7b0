//! Where the debug information of an image has addresses of the image.
//!
//! Debuggers take an image with addresses as they are in the process. So the runtime adds the start
//! of an instance at these places (`wasi-shim/src/debugger.rs`).

use anyhow::{Context, Result, ensure};
use object::elf::{self, ProgramHeader64, SectionHeader64, Sym64};
use object::read::elf::{ElfFile64, FileHeader, SectionHeader, Sym};
use object::{Endianness, Object, ObjectSection, ObjectSymbol, RelocationTarget, SectionFlags};
use std::mem::{offset_of, size_of};

type File<'a> = ElfFile64<'a, Endianness>;

/// Byte offsets in the image of such addresses, of 8 bytes each: in sections of DWARF, in symbols,
/// and in the headers of sections and segments. `object`: what the image was linked of.
///
/// # Errors
/// The linker has changed the sections of DWARF.
pub fn places(object: &[u8], image: &[u8]) -> Result<Vec<u64>> {
    let (object, image) = (File::parse(object)?, File::parse(image)?);
    let mut places = dwarf(&object, &image)?;
    let endian = image.endian();
    let header = image.elf_header();
    type Segment = ProgramHeader64<Endianness>;
    for number in 0..header.e_phnum(endian).into() {
        let at = Table { start: header.e_phoff(endian), entry: size_of::<Segment>() };
        places.push(at.field(number, offset_of!(Segment, p_vaddr))?);
        places.push(at.field(number, offset_of!(Segment, p_paddr))?);
    }
    type Section = SectionHeader64<Endianness>;
    for (number, section) in image.elf_section_table().iter().enumerate() {
        if section.sh_flags(endian).contains(elf::SHF_ALLOC) {
            let at = Table { start: header.e_shoff(endian), entry: size_of::<Section>() };
            places.push(at.field(number, offset_of!(Section, sh_addr))?);
        }
        if section.sh_type(endian) != elf::SHT_SYMTAB {
            continue;
        }
        type Symbol = Sym64<Endianness>;
        let symbols = section.data_as_array::<Symbol, _>(endian, image.data())?;
        let at = Table { start: section.sh_offset(endian), entry: size_of::<Symbol>() };
        for (number, symbol) in symbols.iter().enumerate() {
            if !symbol.is_undefined(endian) && !symbol.is_absolute(endian) {
                places.push(at.field(number, offset_of!(Symbol, st_value))?);
            }
        }
    }
    Ok(places)
}

/// An array in a file, in bytes.
struct Table {
    start: u64,
    entry: usize,
}

impl Table {
    fn field(&self, number: usize, offset: usize) -> Result<u64> {
        let place = number.checked_mul(self.entry).and_then(|place| place.checked_add(offset));
        place.and_then(|place| self.start.checked_add(place as u64)).context("it is too large")
    }
}

/// The linker has put the object's sections into the image as they were, but for the addresses.
fn dwarf(object: &File, image: &File) -> Result<Vec<u64>> {
    /// What linkers write where an address is of something that they left out.
    const LEFT_OUT: u64 = 1;
    let mut places = Vec::new();
    for section in object.sections() {
        let name = section.name()?;
        let Some(linked) = image.section_by_name(name).filter(|_| name.starts_with(".debug_")) else { continue };
        let (start, _) = linked.file_range().context("a section of DWARF has no contents")?;
        let bytes = linked.data()?;
        for (offset, relocation) in section.relocations() {
            let RelocationTarget::Symbol(symbol) = relocation.target() else { continue };
            let target = object.symbol_by_index(symbol)?.section_index();
            let target = target.map(|target| object.section_by_index(target)).transpose()?;
            if !target.is_some_and(|target| is_loaded(&target)) {
                continue;
            }
            ensure!(linked.size() == section.size(), "the linker has changed {name}");
            let field = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)?.first_chunk::<8>());
            if field.is_some_and(|field| u64::from_le_bytes(*field) > LEFT_OUT) {
                places.push(start.checked_add(offset).context("it is too large")?);
            }
        }
    }
    Ok(places)
}

fn is_loaded<'a>(section: &impl ObjectSection<'a>) -> bool {
    matches!(section.flags(), SectionFlags::Elf { sh_flags, .. } if sh_flags.contains(elf::SHF_ALLOC))
}
