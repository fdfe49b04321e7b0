//! Reads a built program back: which powers it was given, what it runs, which processor it wants.
//!
//! Comes in: an executable. Two things are read from it: the section [`OPTIONS_SECTION`], and the
//! [`Program`] record that the runtime starts from. A stripped program has no symbol for the
//! record; then it is where the pointer to the section is. Only ELF so far, as the linker makes
//! nothing else.
// Numbers that a module chooses are checked; see `tests/tidy`.
#![deny(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss
)]

pub mod module;

use crate::abi::feature::{Requirement, RequirementFields};
use crate::abi::grant::Grant;
use crate::abi::image::ImageFields;
use crate::abi::instance::IMAGE_SECTION;
use crate::abi::memory::MemoryFields;
use crate::abi::program::{EntryKind, OPTIONS_SECTION, PROGRAM_SYMBOL, Program, ProgramFields};
use crate::abi::record::Fields;
use crate::abi::setting::{DEFAULT_TMP, Setting, parse_duration};
use crate::abi::shim;
use crate::number::to_usize;
use crate::runtime_target::{RUNTIME_TARGETS, RuntimeTarget};
use anyhow::{Context, Result, bail};
use goblin::elf::Elf;
use goblin::elf::program_header::{PT_LOAD, ProgramHeader};
use serde::Serialize;
use std::collections::HashMap;
use std::mem::offset_of;
use std::path::Path;

/// What a program was given when it was built.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Inspection {
    pub dirs: Vec<Dir>,
    /// `K=V`, or `K` for a variable whose value is that at run time.
    pub env: Vec<String>,
    pub inherit_env: bool,
    /// The devices null, zero and urandom.
    pub dev: bool,
    /// The most bytes in a `/tmp` of its own.
    pub tmp: Option<u64>,
    /// Addresses to listen at.
    pub tcp_listen: Vec<String>,
    /// The sockets that it is started with.
    pub listen_fd: bool,
    /// Guest's names of the directory trees that it carries.
    pub embedded: Vec<String>,
    /// Bytes that these take.
    pub embedded_size: u64,
    pub max_memory: Option<u64>,
    pub max_table: Option<u64>,
    pub max_heap: Option<u64>,
    pub max_stack: Option<u64>,
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
    /// Its modules have a heap: for objects of garbage-collected types, or exceptions.
    pub has_objects: bool,
    pub fixed_powers: bool,
    /// The time after which it ends.
    pub timeout: Option<String>,
    /// Functions and data of C that the modules use directly, outside of the sandbox.
    pub foreign: Vec<Foreign>,
    /// What the runtime has for the modules' toolchains, as [`Foreign`] names it.
    pub shims: Vec<Foreign>,
    /// The features of the processor that the program needs.
    pub features: Vec<String>,
    /// The processor's name.
    pub processor: &'static str,
}

/// A directory of the host and the name that the program knows it by.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Dir {
    pub host: String,
    pub guest: String,
    /// The program can change nothing in it.
    pub read_only: bool,
}

/// A linear memory, in bytes.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct LinearMemory {
    pub initial: u64,
    /// What the module allows; the user's limit may be lower.
    pub maximum: u64,
    pub is_shared: bool,
}

/// A C function that a module imports.
#[derive(Debug, PartialEq, Eq, Serialize)]
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

fn section<'e>(elf: &'e Elf, name: &str) -> Option<&'e goblin::elf::SectionHeader> {
    elf.section_headers.iter().find(|header| elf.shdr_strtab.get_at(header.sh_name) == Some(name))
}

/// Reads a program.
///
/// # Errors
/// When it is not one of ours, or is damaged.
pub fn inspect(bytes: &[u8]) -> Result<Inspection> {
    let not_ours = "this is not a program built by wasm2native";
    if !bytes.starts_with(b"\x7fELF") {
        bail!("{not_ours}: it is not an ELF file");
    }
    let elf = Elf::parse(bytes).context(not_ours)?;
    if elf.header.e_type == goblin::elf::header::ET_REL {
        bail!("this is an object; powers are given to programs only");
    }
    let is_for = |target: &&RuntimeTarget| target.machine.number == elf.header.e_machine;
    let target =
        RUNTIME_TARGETS.iter().find(is_for).with_context(|| format!("{not_ours}: no runtime is for its processor"))?;
    // A library with instances: its image is a file in the file.
    let image = section(&elf, IMAGE_SECTION).and_then(|header| bytes.get(header.file_range()?));
    let (bytes, elf) = match image {
        Some(image) => (image, Elf::parse(image).context(not_ours)?),
        None => (bytes, elf),
    };
    let executable = Executable::new(bytes, elf);
    let program = executable.program().with_context(|| format!("{not_ours}: it has no options"))?;
    let program = executable.record(program).context("the record of its options is damaged")?;
    let mut inspection = executable.facts(&program).context("the record of its options is damaged")?;
    inspection.processor = target.machine.name;
    inspection.take_options(&executable.options(&program).context("its options are damaged")?);
    let foreign = executable.foreign(&program).context("its list of imports is damaged")?;
    (inspection.shims, inspection.foreign) = foreign.into_iter().partition(|it| it.symbol.starts_with(shim::PREFIX));
    inspection.wasi_imports = executable.wasi_imports(&program).context("its list of imports is damaged")?;
    inspection.features = executable.features(&program).context("its list of features is damaged")?;
    inspection.memories = executable.memories(&program).context("the record of its memories is damaged")?;
    inspection.has_objects = executable.has_objects(&program).context("the record of its heap is damaged")?;
    Ok(inspection)
}

struct Executable<'a> {
    bytes: &'a [u8],
    elf: Elf<'a>,
    /// What words hold after relocation, by their address; nothing where the file does not say.
    /// Addresses count from where the program is loaded.
    relocated: HashMap<u64, Option<i64>>,
}

impl<'a> Executable<'a> {
    fn new(bytes: &'a [u8], elf: Elf<'a>) -> Executable<'a> {
        let mut relocated = HashMap::new();
        for relocation in elf.dynrelas.iter() {
            relocated.entry(relocation.r_offset).or_insert(relocation.r_addend);
        }
        Executable { bytes, elf, relocated }
    }

    /// Address of the [`Program`].
    fn program(&self) -> Option<u64> {
        let symbol = |symbol: &goblin::elf::Sym| self.elf.strtab.get_at(symbol.st_name) == Some(PROGRAM_SYMBOL);
        if let Some(symbol) = self.elf.syms.iter().find(symbol) {
            return Some(symbol.st_value);
        }
        let section = section(&self.elf, OPTIONS_SECTION)?;
        let field = offset_of!(Program, options) as u64;
        let mut candidates = self.pointers_to(section.sh_addr).filter_map(|pointer| pointer.checked_sub(field));
        candidates.find(|&program| self.is_program(program, section.sh_size))
    }

    /// Whether there can be a [`Program`] at an address: other things may point to where the
    /// section is, above all if it is empty.
    fn is_program(&self, address: u64, options_size: u64) -> bool {
        let Some(program) = self.record::<ProgramFields<u64>>(address) else { return false };
        let Some(facts) = self.facts(&program) else { return false };
        let is_code = |address: u64| {
            let mut segments = self.elf.program_headers.iter();
            segments.any(|header| {
                let end = header.p_vaddr.saturating_add(header.p_memsz);
                header.is_executable() && (header.p_vaddr..end).contains(&address)
            })
        };
        program.options_length <= options_size
            && program.images.is_some_and(|images| self.at(images).is_some())
            && if facts.library { program.entry.is_none() } else { program.entry.is_some_and(is_code) }
    }

    /// Addresses of words that hold `target` when the program runs.
    fn pointers_to(&self, target: u64) -> impl Iterator<Item = u64> {
        let relocations = self.elf.dynrelas.iter();
        let relocated =
            relocations.filter(move |reloc| reloc.r_addend == Some(target.cast_signed())).map(|reloc| reloc.r_offset);
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

    fn facts(&self, program: &ProgramFields<u64>) -> Option<Inspection> {
        Some(Inspection {
            entry: string(self.at(program.entry_name?)?.split(|&byte| byte == 0).next()?),
            library: program.kind == EntryKind::Library as u8,
            invoke: program.kind == EntryKind::Invoke as u8,
            wasi: program.start_wasi.is_some(),
            fixed_powers: program.fixed_powers != 0,
            embedded_size: program.embedded_length,
            ..Inspection::default()
        })
    }

    /// The words fixed at build time.
    fn options(&self, program: &ProgramFields<u64>) -> Option<Vec<String>> {
        self.words(program.options, program.options_length)
    }

    fn foreign(&self, program: &ProgramFields<u64>) -> Option<Vec<Foreign>> {
        let words = self.words(program.foreign, program.foreign_length)?;
        let words = words.chunks_exact(3);
        let import = |it: &[String]| Foreign { module: it[0].clone(), name: it[1].clone(), symbol: it[2].clone() };
        words.remainder().is_empty().then(|| words.map(import).collect())
    }

    fn wasi_imports(&self, program: &ProgramFields<u64>) -> Option<Vec<String>> {
        self.words(program.wasi_imports, program.wasi_imports_length)
    }

    fn features(&self, program: &ProgramFields<u64>) -> Option<Vec<String>> {
        let record = |nth: u64| {
            let offset = nth.checked_mul(size_of::<Requirement>() as u64)?;
            let record: RequirementFields<u64> = self.record(program.requirements?.checked_add(offset)?)?;
            Some(string(record.name.split(|&byte| byte == 0).next()?))
        };
        let mut names: Vec<String> = (0..program.n_requirements).map(record).collect::<Option<_>>()?;
        names.sort();
        names.dedup();
        Some(names)
    }

    fn memories(&self, program: &ProgramFields<u64>) -> Option<Vec<LinearMemory>> {
        let mut memories = Vec::new();
        for image in self.array(program.images, program.n_images)? {
            let image: ImageFields<u64> = self.record(image)?;
            for memory in self.array(image.memories, image.n_memories)? {
                let memory: MemoryFields<u64> = self.record(memory)?;
                memories.push(LinearMemory {
                    initial: memory.bytes,
                    maximum: memory.maximum,
                    is_shared: memory.is_shared != 0,
                });
            }
        }
        Some(memories)
    }

    /// Whether a module has garbage-collected types or exceptions.
    fn has_objects(&self, program: &ProgramFields<u64>) -> Option<bool> {
        let heap = |image| Some(self.record::<ImageFields<u64>>(image)?.heap.is_some());
        let heaps: Vec<bool> =
            self.array(program.images, program.n_images)?.into_iter().map(heap).collect::<Option<_>>()?;
        Some(heaps.contains(&true))
    }

    /// The addresses in an array.
    fn array(&self, start: Option<u64>, length: u64) -> Option<Vec<u64>> {
        let word = |nth: u64| self.word(start?.checked_add(nth.checked_mul(8)?)?);
        (0..length).map(word).collect()
    }

    /// Texts ended by zero bytes.
    fn words(&self, start: Option<u64>, length: u64) -> Option<Vec<String>> {
        if length == 0 {
            return Some(Vec::new());
        }
        let words = self.at(start?)?.get(..usize::try_from(length).ok()?)?;
        Some(words.strip_suffix(&[0])?.split(|&byte| byte == 0).map(string).collect())
    }

    /// The record at an address.
    fn record<R: Fields<u64>>(&self, address: u64) -> Option<R> {
        let number = |at: usize, size: usize| {
            let bytes = self.at(address.checked_add(at as u64)?)?.get(..size)?;
            Some(bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
        };
        let pointer = |at: usize| {
            let target = self.word(address.checked_add(at as u64)?)?;
            Some((target != 0).then_some(target))
        };
        R::read(&number, &pointer)
    }

    /// A word, as it is after relocation.
    fn word(&self, address: u64) -> Option<u64> {
        match self.relocated.get(&address) {
            Some(addend) => addend.map(i64::cast_unsigned),
            None => Some(u64::from_le_bytes(*self.at(address)?.first_chunk()?)),
        }
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
    fn take_options(&mut self, words: &[String]) {
        let mut rest = words.iter().map(String::as_bytes);
        while let Some(word) = rest.next() {
            match Setting::parse(word, &mut rest) {
                Ok(Setting::Dir(text)) => match Grant::parse(text) {
                    Ok(Grant { host, guest, read_only }) => {
                        self.dirs.push(Dir { host: string(host), guest: string(guest), read_only });
                    }
                    Err(_) => self.unknown.push(format!("--dir {}", string(text))),
                },
                Ok(Setting::Embed(guest)) => self.embedded.push(string(guest)),
                Ok(Setting::Env(variable)) => self.env.push(string(variable)),
                Ok(Setting::InheritEnv) => self.inherit_env = true,
                Ok(Setting::Dev) => self.dev = true,
                Ok(Setting::Tmp(bytes)) => self.tmp = Some(bytes.unwrap_or(DEFAULT_TMP)),
                Ok(Setting::TcpListen(address)) => self.tcp_listen.push(string(address)),
                Ok(Setting::ListenFd) => self.listen_fd = true,
                Ok(Setting::MaxMemory(bytes)) => self.max_memory = Some(bytes),
                Ok(Setting::MaxTable(bytes)) => self.max_table = Some(bytes),
                Ok(Setting::MaxHeap(bytes)) => self.max_heap = Some(bytes),
                // They are for the variable.
                Ok(Setting::GcStats | Setting::GcStress) => self.unknown.push(string(word)),
                Ok(Setting::MaxStack(bytes)) => self.max_stack = Some(bytes),
                Ok(Setting::Timeout(duration)) => match parse_duration(duration) {
                    Some((0, ..)) => self.timeout = None,
                    Some((_, number, unit)) => self.timeout = Some(format!("{} {}", string(number), string(unit))),
                    None => self.unknown.push(format!("--timeout {}", string(duration))),
                },
                Err(_) => self.unknown.push(string(word)),
            }
        }
    }
}

fn string(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
