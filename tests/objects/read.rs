//! An object as it can be seen from outside, whatever its format: read back by `goblin`, which
//! shares no code with what wrote it.

use anyhow::{Context, Result, bail, ensure};
use goblin::elf::{Elf, reloc, section_header, sym};
use goblin::mach::{MachO, header as macho_header, symbols as macho_symbols};
use goblin::pe::{Coff, header as coff_header, section_table, symbol as coff_symbol};

pub struct Picture {
    /// As the format's header has it: `e_machine`, `cputype`, `Machine`.
    pub machine: u32,
    pub sections: Vec<Section>,
    pub symbols: Vec<Symbol>,
}

pub struct Section {
    pub name: String,
    pub size: u64,
    pub alignment: u64,
    /// Offset of its bytes in the file; `None` if they are zeros that the file does not hold.
    pub file_offset: Option<u64>,
    pub is_code: bool,
    pub is_writable: bool,
    pub relocations: Vec<Relocation>,
}

#[derive(Debug)]
pub struct Relocation {
    pub offset: u64,
    /// Bytes that it changes.
    pub width: u64,
    /// It puts a whole address there, which the loader has to change wherever the program lies.
    pub is_absolute: bool,
    /// Index in [`Picture::symbols`].
    pub symbol: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Symbol {
    pub name: String,
    /// Index in [`Picture::sections`], and the offset there.
    pub place: Option<(usize, u64)>,
    pub is_global: bool,
    /// Visible in a library made of the object.
    pub is_exported: bool,
    /// One among all that objects define is kept.
    pub is_merged: bool,
}

pub fn read(bytes: &[u8]) -> Result<Picture> {
    match bytes {
        [0x7f, b'E', b'L', b'F', ..] => read_elf(bytes),
        [0xcf, 0xfa, 0xed, 0xfe, ..] => read_macho(bytes),
        _ => read_coff(bytes),
    }
}

fn read_elf(bytes: &[u8]) -> Result<Picture> {
    let elf = Elf::parse(bytes)?;
    ensure!(elf.header.e_type == goblin::elf::header::ET_REL, "it is not a relocatable object");
    let big = elf.header.e_machine == goblin::elf::header::EM_S390;
    ensure!(elf.is_64 && elf.little_endian != big, "class or byte order is wrong");
    let mut sections = Vec::new();
    for header in &elf.section_headers {
        sections.push(Section {
            name: elf.shdr_strtab.get_at(header.sh_name).context("a section without a name")?.to_owned(),
            size: header.sh_size,
            alignment: header.sh_addralign,
            file_offset: (header.sh_type != section_header::SHT_NOBITS).then_some(header.sh_offset),
            is_code: header.is_executable(),
            is_writable: header.is_writable(),
            relocations: Vec::new(),
        });
    }
    for (index, relocations) in &elf.shdr_relocs {
        let section = elf.section_headers[*index].sh_info as usize;
        ensure!(elf.section_headers[*index].sh_type == section_header::SHT_RELA, "addends are to be explicit");
        for relocation in relocations {
            let (width, is_absolute) = elf_kind(elf.header.e_machine, relocation.r_type)?;
            let (offset, symbol) = (relocation.r_offset, relocation.r_sym);
            sections[section].relocations.push(Relocation { offset, width, is_absolute, symbol });
        }
    }
    let symbols = elf.syms.iter().map(|symbol| {
        let section = symbol.st_shndx;
        Ok(Symbol {
            name: elf.strtab.get_at(symbol.st_name).context("a symbol without a name")?.to_owned(),
            place: (section != 0).then_some((section, symbol.st_value)),
            is_global: symbol.st_bind() != sym::STB_LOCAL,
            is_exported: symbol.st_bind() != sym::STB_LOCAL && symbol.st_visibility() == sym::STV_DEFAULT,
            is_merged: symbol.st_bind() == sym::STB_WEAK,
        })
    });
    Ok(Picture { machine: elf.header.e_machine.into(), sections, symbols: symbols.collect::<Result<_>>()? })
}

/// s390x ELF ABI supplement, "Relocation Types".
const R_390_32: u32 = 4;
const R_390_PC32: u32 = 5;
const R_390_PC32DBL: u32 = 19;
const R_390_PLT32DBL: u32 = 20;
const R_390_64: u32 = 22;

/// Width, and whether it is an address.
fn elf_kind(machine: u16, kind: u32) -> Result<(u64, bool)> {
    use goblin::elf::header::{EM_AARCH64, EM_RISCV, EM_S390, EM_X86_64};
    Ok(match (machine, kind) {
        (EM_X86_64, reloc::R_X86_64_64)
        | (EM_AARCH64, reloc::R_AARCH64_ABS64)
        | (EM_RISCV, reloc::R_RISCV_64)
        | (EM_S390, R_390_64) => (8, true),
        (EM_X86_64, reloc::R_X86_64_PC32 | reloc::R_X86_64_PLT32)
        | (
            EM_AARCH64,
            reloc::R_AARCH64_PREL32
            | reloc::R_AARCH64_CALL26
            | reloc::R_AARCH64_ADR_PREL_PG_HI21
            | reloc::R_AARCH64_ADD_ABS_LO12_NC,
        )
        | (EM_RISCV, reloc::R_RISCV_32_PCREL | reloc::R_RISCV_PCREL_HI20 | reloc::R_RISCV_PCREL_LO12_I)
        | (EM_S390, R_390_PC32 | R_390_PC32DBL | R_390_PLT32DBL) => (4, false),
        (EM_RISCV, reloc::R_RISCV_CALL_PLT) => (8, false),
        // Between sections of debug information.
        (EM_X86_64, reloc::R_X86_64_32)
        | (EM_AARCH64, reloc::R_AARCH64_ABS32)
        | (EM_RISCV, reloc::R_RISCV_32)
        | (EM_S390, R_390_32) => (4, false),
        _ => bail!("relocation {kind} of machine {machine} was not expected"),
    })
}

fn read_macho(bytes: &[u8]) -> Result<Picture> {
    let macho = MachO::parse(bytes, 0)?;
    ensure!(macho.header.filetype == macho_header::MH_OBJECT, "it is not a relocatable object");
    ensure!(
        macho.header.flags & macho_header::MH_SUBSECTIONS_VIA_SYMBOLS == 0,
        "functions can't be moved apart: what stands before an entry belongs to it"
    );
    let mut sections = Vec::new();
    let mut addresses = Vec::new();
    let context = goblin::container::Ctx::new(goblin::container::Container::Big, goblin::container::Endian::Little);
    for (section, _) in macho.segments.sections().flatten().collect::<goblin::error::Result<Vec<_>>>()? {
        const S_ATTR_PURE_INSTRUCTIONS: u32 = 0x8000_0000;
        const S_ZEROFILL: u32 = 1;
        let segment = section.segname()?.to_owned();
        let mut relocations = Vec::new();
        let mut is_second = false;
        for relocation in section.iter_relocations(bytes, context) {
            let relocation = relocation?;
            let width = 1 << relocation.r_length();
            ensure!(relocation.is_extern(), "relocations are to name symbols");
            // The second half of a difference is not an address.
            let is_absolute = width == 8 && !is_second;
            is_second = matches!((macho.header.cputype, relocation.r_type()), (X86_64, 5) | (ARM64, 1));
            relocations.push(Relocation {
                offset: relocation.r_address as u64,
                width,
                is_absolute: is_absolute && !is_second,
                symbol: relocation.r_symbolnum(),
            });
        }
        addresses.push(section.addr);
        sections.push(Section {
            name: format!("{segment},{}", section.name()?),
            size: section.size,
            alignment: 1 << section.align,
            file_offset: (section.flags & 0xff != S_ZEROFILL).then_some(section.offset.into()),
            is_code: section.flags & S_ATTR_PURE_INSTRUCTIONS != 0,
            is_writable: segment == "__DATA",
            relocations,
        });
    }
    let symbols = macho.symbols().map(|symbol| {
        let (name, nlist) = symbol?;
        let is_global = nlist.is_global();
        Ok(Symbol {
            name: name.to_owned(),
            place: (nlist.n_sect != 0).then(|| (nlist.n_sect - 1, nlist.n_value - addresses[nlist.n_sect - 1])),
            is_global,
            is_exported: is_global && nlist.n_type & macho_symbols::N_PEXT == 0,
            is_merged: nlist.n_desc & macho_symbols::N_WEAK_DEF != 0,
        })
    });
    let symbols = symbols.collect::<Result<_>>()?;
    Ok(Picture { machine: macho.header.cputype, sections, symbols })
}

const X86_64: u32 = goblin::mach::cputype::CPU_TYPE_X86_64;
const ARM64: u32 = goblin::mach::cputype::CPU_TYPE_ARM64;

fn read_coff(bytes: &[u8]) -> Result<Picture> {
    let coff = Coff::parse(bytes)?;
    let strings = coff.strings.as_ref().context("no table of strings")?;
    let table = coff.symbols.as_ref().context("no table of symbols")?;
    // Relocations count auxiliary records, too: these are symbols that nothing may refer to.
    let mut symbols = vec![None; coff.header.number_of_symbol_table as usize];
    let mut comdat = vec![false; coff.sections.len()];
    for (section, header) in coff.sections.iter().enumerate() {
        comdat[section] = header.characteristics & section_table::IMAGE_SCN_LNK_COMDAT != 0;
    }
    for (index, inline, symbol) in table.iter() {
        let name = match inline {
            Some(name) => name.to_owned(),
            None => strings.get_at(symbol.name_offset().context("no name")? as usize).context("no name")?.to_owned(),
        };
        let place = usize::try_from(symbol.section_number).ok().filter(|number| *number > 0);
        let is_global = symbol.storage_class == coff_symbol::IMAGE_SYM_CLASS_EXTERNAL;
        symbols[index] = Some(Symbol {
            name,
            place: place.map(|number| (number - 1, symbol.value.into())),
            is_global,
            is_exported: is_global,
            is_merged: is_global && place.is_some_and(|number| comdat[number - 1]),
        });
    }
    let mut sections = Vec::new();
    for header in &coff.sections {
        let mut relocations = Vec::new();
        for relocation in header.relocations(bytes)? {
            let (width, is_absolute) = coff_kind(coff.header.machine, relocation.typ)?;
            let symbol = relocation.symbol_table_index as usize;
            ensure!(symbols.get(symbol).is_some_and(Option::is_some), "relocation of auxiliary record {symbol}");
            let offset = relocation.virtual_address.into();
            relocations.push(Relocation { offset, width, is_absolute, symbol });
        }
        sections.push(Section {
            name: header.real_name.clone().map_or_else(|| header.name().map(str::to_owned), Ok)?,
            size: header.size_of_raw_data.into(),
            alignment: (1 << (header.characteristics >> 20 & 0xf)) >> 1,
            file_offset: (header.pointer_to_raw_data != 0).then_some(header.pointer_to_raw_data.into()),
            is_code: header.characteristics & section_table::IMAGE_SCN_MEM_EXECUTE != 0,
            is_writable: header.characteristics & section_table::IMAGE_SCN_MEM_WRITE != 0,
            relocations,
        });
    }
    let nothing = Symbol { name: String::new(), place: None, is_global: false, is_exported: false, is_merged: false };
    let symbols = symbols.into_iter().map(|symbol| symbol.unwrap_or(nothing.clone())).collect();
    Ok(Picture { machine: coff.header.machine.into(), sections, symbols })
}

/// PE format, "COFF Relocations (Object Only)".
fn coff_kind(machine: u16, kind: u16) -> Result<(u64, bool)> {
    use coff_header::{COFF_MACHINE_ARM64, COFF_MACHINE_X86_64};
    Ok(match (machine, kind) {
        // ADDR64
        (COFF_MACHINE_X86_64, 1) | (COFF_MACHINE_ARM64, 0xe) => (8, true),
        // ADDR32NB, REL32, SECREL
        (COFF_MACHINE_X86_64, 3 | 4 | 0xb) => (4, false),
        // ADDR32NB, BRANCH26, PAGEBASE_REL21, PAGEOFFSET_12A, SECREL, REL32
        (COFF_MACHINE_ARM64, 2 | 3 | 4 | 6 | 8 | 0x11) => (4, false),
        _ => bail!("relocation {kind} of machine {machine} was not expected"),
    })
}
