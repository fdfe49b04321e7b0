//! Reads a built program back: which powers it was given, what it runs, which processor it wants.
//!
//! Comes in: an executable. Two things are read from it: the section [`OPTIONS_SECTION`], and the
//! [`Program`] record that the runtime starts from. A stripped program has no symbol for the
//! record; then it is where the pointer to the section is. Only ELF so far, as the linker makes
//! nothing else.
// Numbers that a module chooses are checked; see `tests/tidy.rs`.
#![deny(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss
)]

use crate::abi::grant::Grant;
use crate::abi::image::Image;
use crate::abi::memory::Memory;
use crate::abi::program::{EntryKind, OPTIONS_SECTION, PROGRAM_SYMBOL, Program};
use crate::number::to_usize;
use anyhow::{Context, Result, bail};
use goblin::elf::program_header::{PT_LOAD, ProgramHeader};
use goblin::elf::{Elf, Reloc};
use std::mem::offset_of;
use std::path::Path;

/// What a program was given when it was built.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    pub dirs: Vec<Dir>,
    /// `K=V`, or `K` for a variable whose value is that at run time.
    pub env: Vec<String>,
    pub inherit_env: bool,
    /// Guest's names of the directory trees that it carries.
    pub embedded: Vec<String>,
    /// Bytes that these take.
    pub embedded_size: u64,
    pub max_memory: Option<String>,
    pub max_table: Option<String>,
    pub max_stack: Option<String>,
    /// Options that this version does not know.
    pub unknown: Vec<String>,
    /// Name of the exported function that runs, or a library's prefix.
    pub entry: String,
    /// A library: nothing runs before its host calls.
    pub library: bool,
    /// The entry takes its arguments from the command line and its results are printed.
    pub invoke: bool,
    pub wasi: bool,
    /// The WASI functions that its modules call; of other modules than preview 1 with the module's
    /// name.
    pub wasi_imports: Vec<String>,
    /// The memories that its modules bring.
    pub memories: Vec<LinearMemory>,
    pub fixed_powers: bool,
    /// Functions and data of C that the modules use directly, outside of the sandbox.
    pub foreign: Vec<Foreign>,
    /// Level of the x86-64 psABI that the program asks for; 0 if it asks for none.
    pub cpu_level: u8,
}

/// A directory of the host and the name that the program knows it by.
#[derive(Debug, PartialEq, Eq)]
pub struct Dir {
    pub host: String,
    pub guest: String,
    /// The program can change nothing in it.
    pub read_only: bool,
}

/// A linear memory, in bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct LinearMemory {
    pub initial: u64,
    /// What the module allows; the user's limit may be lower.
    pub maximum: u64,
    pub is_shared: bool,
}

/// A C function that a module imports.
#[derive(Debug, PartialEq, Eq)]
pub struct Foreign {
    pub module: String,
    pub name: String,
    pub symbol: String,
}

/// Reads the program at `path`.
pub fn read(path: &Path) -> Result<Inspection> {
    let bytes = std::fs::read(path).with_context(|| format!("can't read {}", path.display()))?;
    inspect(&bytes).with_context(|| path.display().to_string())
}

fn inspect(bytes: &[u8]) -> Result<Inspection> {
    if bytes.starts_with(b"\0asm") {
        bail!("this is a WebAssembly module, not a program\nhelp: inspect shows the program that was built from it");
    }
    let not_ours = "this is not a program built by wasm2native";
    if !bytes.starts_with(b"\x7fELF") {
        bail!("{not_ours}: it is no ELF file");
    }
    let elf = Elf::parse(bytes).context(not_ours)?;
    if elf.header.e_type == goblin::elf::header::ET_REL {
        bail!("this is an object; powers are given to programs only");
    }
    let executable = Executable { bytes, elf };
    let program = executable.program().with_context(|| format!("{not_ours}: it has no options"))?;
    let mut inspection = executable.facts(program).context("the record of its options is damaged")?;
    inspection.take_options(executable.options(program).context("its options are damaged")?);
    inspection.foreign = executable.foreign(program).context("its list of imports is damaged")?;
    inspection.wasi_imports = executable.wasi_imports(program).context("its list of imports is damaged")?;
    inspection.memories = executable.memories(program).context("the record of its memories is damaged")?;
    Ok(inspection)
}

struct Executable<'a> {
    bytes: &'a [u8],
    elf: Elf<'a>,
}

impl<'a> Executable<'a> {
    /// Address of the [`Program`].
    fn program(&self) -> Option<u64> {
        let symbol = |symbol: &goblin::elf::Sym| self.elf.strtab.get_at(symbol.st_name) == Some(PROGRAM_SYMBOL);
        if let Some(symbol) = self.elf.syms.iter().find(symbol) {
            return Some(symbol.st_value);
        }
        let section =
            |header: &&goblin::elf::SectionHeader| self.elf.shdr_strtab.get_at(header.sh_name) == Some(OPTIONS_SECTION);
        let section = self.elf.section_headers.iter().find(section)?;
        let field = offset_of!(Program, options) as u64;
        let mut candidates = self.pointers_to(section.sh_addr).filter_map(|pointer| pointer.checked_sub(field));
        candidates.find(|&program| self.is_program(program, section.sh_size))
    }

    /// Whether there can be a [`Program`] at an address: other things may point to where the
    /// section is, above all if it is empty.
    fn is_program(&self, program: u64, options_size: u64) -> bool {
        let is = |offset: usize, test: &dyn Fn(u64) -> bool| self.field(program, offset).is_some_and(test);
        let is_code = |address: u64| {
            let mut segments = self.elf.program_headers.iter();
            segments.any(|header| {
                let end = header.p_vaddr.saturating_add(header.p_memsz);
                header.is_executable() && (header.p_vaddr..end).contains(&address)
            })
        };
        is(offset_of!(Program, options_length), &|length| length <= options_size)
            && is(offset_of!(Program, images), &|images| self.at(images).is_some())
            && self.facts(program).is_some_and(|facts| {
                is(offset_of!(Program, entry), &|entry| if facts.library { entry == 0 } else { is_code(entry) })
            })
    }

    /// Addresses of words that hold `target` when the program runs.
    fn pointers_to(&self, target: u64) -> impl Iterator<Item = u64> {
        let relocated = self
            .relocations()
            .filter(move |reloc| reloc.r_addend == Some(target.cast_signed()))
            .map(|reloc| reloc.r_offset);
        let loaded = self.elf.program_headers.iter().filter(|header| header.p_type == PT_LOAD);
        let stored = loaded.flat_map(move |header| {
            let unaligned = header.p_vaddr.wrapping_neg() % 8;
            let bytes = self.segment(header).and_then(|bytes| bytes.get(to_usize(unaligned)..)).unwrap_or_default();
            let start = header.p_vaddr.wrapping_add(unaligned);
            let addresses = (0..).map(move |nth: u64| start.wrapping_add(nth.wrapping_mul(8)));
            let words = bytes.chunks_exact(8).zip(addresses);
            words.filter(move |(word, _)| *word == target.to_le_bytes()).map(|(_, address)| address)
        });
        relocated.chain(stored)
    }

    fn facts(&self, program: u64) -> Option<Inspection> {
        let byte = |field: usize| self.at(program.checked_add(field as u64)?)?.first().copied();
        let entry = self.field(program, offset_of!(Program, entry_name))?;
        Some(Inspection {
            entry: string(self.at(entry)?.split(|&byte| byte == 0).next()?),
            library: byte(offset_of!(Program, kind))? == EntryKind::Library as u8,
            invoke: byte(offset_of!(Program, kind))? == EntryKind::Invoke as u8,
            wasi: self.field(program, offset_of!(Program, start_wasi))? != 0,
            fixed_powers: byte(offset_of!(Program, fixed_powers))? != 0,
            cpu_level: byte(offset_of!(Program, cpu_level))?,
            embedded_size: self.field(program, offset_of!(Program, embedded_length))?,
            ..Inspection::default()
        })
    }

    /// The words fixed at build time.
    fn options(&self, program: u64) -> Option<Vec<String>> {
        self.words(program, offset_of!(Program, options), offset_of!(Program, options_length))
    }

    fn foreign(&self, program: u64) -> Option<Vec<Foreign>> {
        let words = self.words(program, offset_of!(Program, foreign), offset_of!(Program, foreign_length))?;
        let words = words.chunks_exact(3);
        let import = |it: &[String]| Foreign { module: it[0].clone(), name: it[1].clone(), symbol: it[2].clone() };
        words.remainder().is_empty().then(|| words.map(import).collect())
    }

    fn wasi_imports(&self, program: u64) -> Option<Vec<String>> {
        self.words(program, offset_of!(Program, wasi_imports), offset_of!(Program, wasi_imports_length))
    }

    fn memories(&self, program: u64) -> Option<Vec<LinearMemory>> {
        let images = self.array(program, offset_of!(Program, images), offset_of!(Program, n_images))?;
        let mut memories = Vec::new();
        for image in images {
            for memory in self.array(image, offset_of!(Image, memories), offset_of!(Image, n_memories))? {
                memories.push(LinearMemory {
                    initial: self.field(memory, offset_of!(Memory, bytes))?,
                    maximum: self.field(memory, offset_of!(Memory, maximum))?,
                    is_shared: self.field(memory, offset_of!(Memory, is_shared))? != 0,
                });
            }
        }
        Some(memories)
    }

    /// The addresses in an array, by the fields of its address and of its length.
    fn array(&self, structure: u64, start: usize, length: usize) -> Option<Vec<u64>> {
        let length = self.field(structure, length)?;
        let start = self.field(structure, start)?;
        (0..length).map(|nth| self.field(start, usize::try_from(nth.checked_mul(8)?).ok()?)).collect()
    }

    /// Texts ended by zero bytes, by the fields of their address and of their length.
    fn words(&self, program: u64, start: usize, length: usize) -> Option<Vec<String>> {
        let length = self.field(program, length)?;
        if length == 0 {
            return Some(Vec::new());
        }
        let start = self.field(program, start)?;
        let words = self.at(start)?.get(..usize::try_from(length).ok()?)?;
        Some(words.strip_suffix(&[0])?.split(|&byte| byte == 0).map(string).collect())
    }

    /// A word of the [`Program`], as it is after relocation; addresses count from where the program
    /// is loaded.
    fn field(&self, program: u64, offset: usize) -> Option<u64> {
        let address = program.checked_add(offset as u64)?;
        if let Some(reloc) = self.relocations().find(|reloc| reloc.r_offset == address) {
            return reloc.r_addend.map(i64::cast_unsigned);
        }
        Some(u64::from_le_bytes(*self.at(address)?.first_chunk()?))
    }

    fn relocations(&self) -> impl Iterator<Item = Reloc> {
        self.elf.dynrelas.iter()
    }

    /// The file's bytes from an address to the end of its segment.
    fn at(&self, address: u64) -> Option<&'a [u8]> {
        let segment = self.elf.program_headers.iter().find(|header| {
            header.p_type == PT_LOAD
                && (header.p_vaddr..header.p_vaddr.saturating_add(header.p_filesz)).contains(&address)
        })?;
        self.segment(segment)?.get(usize::try_from(address.checked_sub(segment.p_vaddr)?).ok()?..)
    }

    fn segment(&self, header: &ProgramHeader) -> Option<&'a [u8]> {
        let start = usize::try_from(header.p_offset).ok()?;
        self.bytes.get(start..start.checked_add(usize::try_from(header.p_filesz).ok()?)?)
    }
}

impl Inspection {
    fn take_options(&mut self, words: Vec<String>) {
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let (name, value) = match word.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (&word[..], None),
            };
            let mut value = || value.clone().or_else(|| words.next()).unwrap_or_default();
            match name {
                "--dir" => {
                    let value = value();
                    match Grant::parse(value.as_bytes()) {
                        Ok(Grant { host, guest, read_only }) => {
                            self.dirs.push(Dir { host: string(host), guest: string(guest), read_only });
                        }
                        Err(_) => self.unknown.push(format!("--dir {value}")),
                    }
                }
                "--embed" => self.embedded.push(value()),
                "--env" => self.env.push(value()),
                "--inherit-env" => self.inherit_env = true,
                "--max-memory" => self.max_memory = Some(value()),
                "--max-table" => self.max_table = Some(value()),
                "--max-stack" => self.max_stack = Some(value()),
                _ => self.unknown.push(word),
            }
        }
    }
}

fn string(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
