//! What the user's objects, archives and shared libraries define and need, read before any linker
//! sees them.
//!
//! Comes in: a file's bytes. Goes out: its objects with their symbols, or what is wrong with the
//! file in words that name it.

use crate::runtime_target::Machine;
use anyhow::{Context, Result, bail};
use goblin::elf::section_header::{SHF_ALLOC, SHN_ABS, SHN_COMMON, SHN_UNDEF};
use goblin::elf::{Elf, Sym, header, sym};
use object::read::archive::ArchiveFile;
use std::path::Path;

/// An object, on its own or as member of an archive.
#[derive(Debug)]
pub struct ObjectSymbols {
    /// `helper.o`, `libz.a(inflate.o)`.
    pub name: String,
    pub defined: Vec<Definition>,
    /// What others must define; a weak reference asks for nothing.
    pub undefined: Vec<String>,
    /// The relocation that only a program with a fixed address can have, and its section.
    pub fixed_address: Option<(&'static str, String)>,
    /// Code that only the compiler's own linker plugin understands (`-flto`).
    pub intermediate: bool,
}

/// What a symbol stands for, as far as linkers know.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum SymbolKind {
    Function,
    Data,
    ThreadLocal,
    /// Code or data: assembly often does not say.
    Unknown,
}

#[derive(Debug)]
pub struct Definition {
    pub name: String,
    pub kind: SymbolKind,
    /// In bytes.
    pub size: u64,
    /// Another definition may stand beside it.
    pub weak: bool,
}

/// What the first bytes of a file say that it is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Format {
    Elf,
    Archive,
    ThinArchive,
    Bitcode,
    /// For another system: its name.
    Foreign(&'static str),
    Other,
}

pub fn format(bytes: &[u8]) -> Format {
    match bytes {
        [0x7f, b'E', b'L', b'F', ..] => Format::Elf,
        _ if bytes.starts_with(b"!<arch>\n") => Format::Archive,
        _ if bytes.starts_with(b"!<thin>\n") => Format::ThinArchive,
        [b'B', b'C', 0xc0, 0xde, ..] | [0xde, 0xc0, 0x17, 0x0b, ..] => Format::Bitcode,
        [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..] | [0xca, 0xfe, 0xba, 0xbe, ..] => Format::Foreign("macOS"),
        [b'M', b'Z', ..] | [0x64, 0x86, ..] => Format::Foreign("Windows"),
        _ => Format::Other,
    }
}

/// The one object of a file `.o`.
///
/// # Errors
/// Damaged, or not for the machine of the runtime.
pub fn object(name: &str, bytes: &[u8], machine: &Machine) -> Result<ObjectSymbols> {
    match format(bytes) {
        Format::Elf => {}
        Format::Bitcode => return Ok(intermediate(name)),
        Format::Foreign(system) => bail!("this is an object for {system}; a program for Linux needs ELF objects"),
        _ => bail!("this is not an object"),
    }
    let elf = parse(bytes, machine)?;
    if elf.header.e_type != header::ET_REL {
        bail!("this is {}, not an object", describe_type(elf.header.e_type));
    }
    let name_of = |symbol: &Sym| elf.strtab.get_at(symbol.st_name).filter(|name| !name.is_empty());
    let mut object = ObjectSymbols { intermediate: false, ..intermediate(name) };
    for symbol in elf.syms.iter().filter(|symbol| symbol.st_bind() != sym::STB_LOCAL) {
        let Some(name) = name_of(&symbol) else { continue };
        if symbol.st_shndx != SHN_UNDEF as usize {
            object.defined.push(definition(name, &symbol));
        } else if symbol.st_bind() != sym::STB_WEAK {
            object.undefined.push(name.to_owned());
        }
    }
    // Also where there is machine code besides it: the built-in linker refuses both.
    let section_names = elf.section_headers.iter().filter_map(|it| elf.shdr_strtab.get_at(it.sh_name));
    object.intermediate = section_names.into_iter().any(|name| name.starts_with(".gnu.lto_"));
    object.fixed_address = fixed_address(&elf, machine);
    Ok(object)
}

/// Bit of `DT_FLAGS_1` of a position-independent program.
const DF_1_PIE: u64 = 0x0800_0000;

/// What a shared library defines for others.
///
/// # Errors
/// As [`object()`].
pub fn shared(name: &str, bytes: &[u8], machine: &Machine) -> Result<ObjectSymbols> {
    let elf = parse(bytes, machine)?;
    let flags = elf.dynamic.as_ref().map_or(0, |dynamic| dynamic.info.flags_1);
    if flags & DF_1_PIE != 0 || (elf.interpreter.is_some() && elf.soname.is_none()) {
        bail!("this is a program, not a shared library");
    }
    let mut object = ObjectSymbols { intermediate: false, ..intermediate(name) };
    for symbol in elf.dynsyms.iter() {
        let is_visible = symbol.st_bind() != sym::STB_LOCAL && symbol.st_shndx != SHN_UNDEF as usize;
        if let Some(name) = elf.dynstrtab.get_at(symbol.st_name).filter(|_| is_visible) {
            object.defined.push(Definition { weak: true, ..definition(name, &symbol) });
        }
    }
    Ok(object)
}

/// The objects in an archive. Those of a thin one are files beside it: `read` reads them.
///
/// # Errors
/// Damaged, or a member that is not an object for the machine of the runtime; the message names the
/// member.
pub fn archive(
    name: &str,
    bytes: &[u8],
    machine: &Machine,
    mut read: impl FnMut(&Path) -> Result<Vec<u8>>,
) -> Result<Vec<ObjectSymbols>> {
    const DAMAGED: &str = "the archive is damaged";
    let archive = ArchiveFile::parse(bytes).context(DAMAGED)?;
    let mut objects = Vec::new();
    for member in archive.members() {
        let member = member.context(DAMAGED)?;
        let member_name = String::from_utf8_lossy(member.name());
        let full_name = format!("{name}({member_name})");
        let owned;
        let data = if member.is_thin() {
            owned = read(Path::new(&*member_name))?;
            &owned[..]
        } else {
            member.data(bytes).context(DAMAGED)?
        };
        objects.push(object(&full_name, data, machine).with_context(|| format!("member {member_name}"))?);
    }
    Ok(objects)
}

fn intermediate(name: &str) -> ObjectSymbols {
    let name = name.to_owned();
    ObjectSymbols { name, defined: Vec::new(), undefined: Vec::new(), fixed_address: None, intermediate: true }
}

/// Whether the file is a shared library.
pub fn is_shared(bytes: &[u8]) -> bool {
    // `e_type`, in the byte order of all processors that count here.
    format(bytes) == Format::Elf && bytes.get(16..18) == Some(&header::ET_DYN.to_le_bytes())
}

fn parse<'a>(bytes: &'a [u8], own: &Machine) -> Result<Elf<'a>> {
    let elf = Elf::parse(bytes).context("the file is damaged")?;
    if elf.header.e_machine != own.number {
        let machine = match elf.header.e_machine {
            header::EM_386 => "i386".to_owned(),
            machine => header::machine_to_str(machine).to_lowercase(),
        };
        bail!("this is for {machine}, and the program is for {}", own.elf_name);
    }
    if !elf.is_64 {
        bail!("this is for the {} ABI, and the program is for {}", own.narrow_abi, own.elf_name);
    }
    let length = bytes.len() as u64;
    let ends = elf.section_headers.iter().filter(|it| it.sh_type != goblin::elf::section_header::SHT_NOBITS);
    if ends.into_iter().any(|it| it.sh_offset.saturating_add(it.sh_size) > length) {
        bail!("the file is damaged: it ends before its sections do");
    }
    if elf.header.e_type == header::ET_REL {
        check_relocations(&elf)?;
    }
    Ok(elf)
}

/// What linkers rely on in an object.
fn check_relocations(elf: &Elf) -> Result<()> {
    for (section, relocations) in &elf.shdr_relocs {
        let target = elf.section_headers.get(*section).and_then(|it| elf.section_headers.get(it.sh_info as usize));
        let size = target.context("the file is damaged: relocations of a section that is not there")?.sh_size;
        for relocation in relocations.iter() {
            if relocation.r_offset > size {
                bail!("the file is damaged: a relocation lies outside of its section");
            }
            if relocation.r_sym > 0 && relocation.r_sym >= elf.syms.len() {
                bail!("the file is damaged: a relocation names a symbol that is not there");
            }
        }
    }
    Ok(())
}

fn describe_type(e_type: u16) -> &'static str {
    match e_type {
        header::ET_EXEC => "a program",
        header::ET_DYN => "a program or a shared library",
        header::ET_CORE => "a core dump",
        _ => "an ELF file of unknown type",
    }
}

fn definition(name: &str, symbol: &Sym) -> Definition {
    let is_common = symbol.st_shndx == SHN_COMMON as usize;
    let kind = match symbol.st_type() {
        sym::STT_FUNC | sym::STT_GNU_IFUNC => SymbolKind::Function,
        sym::STT_OBJECT | sym::STT_COMMON => SymbolKind::Data,
        sym::STT_TLS => SymbolKind::ThreadLocal,
        _ if is_common => SymbolKind::Data,
        _ => SymbolKind::Unknown,
    };
    // `inline` functions and templates of C++ may be defined as often as one likes.
    let weak = is_common || matches!(symbol.st_bind(), sym::STB_WEAK | sym::STB_GNU_UNIQUE);
    Definition { name: name.to_owned(), kind, size: symbol.st_size, weak }
}

/// A relocation by a 32-bit absolute address in what is loaded: it has no room for the address of a
/// position-independent program.
fn fixed_address(elf: &Elf, machine: &Machine) -> Option<(&'static str, String)> {
    for (section, relocations) in &elf.shdr_relocs {
        let target = elf.section_headers.get(elf.section_headers.get(*section)?.sh_info as usize)?;
        if target.sh_flags & u64::from(SHF_ALLOC) == 0 {
            continue;
        }
        for relocation in relocations.iter() {
            let fixed = machine.fixed_relocations;
            let Some(&(_, name)) = fixed.iter().find(|(number, _)| *number == relocation.r_type) else { continue };
            let is_absolute = elf.syms.get(relocation.r_sym).is_some_and(|it| it.st_shndx == SHN_ABS as usize);
            if !is_absolute {
                let section = elf.shdr_strtab.get_at(target.sh_name).unwrap_or("a section");
                return Some((name, section.to_owned()));
            }
        }
    }
    None
}
