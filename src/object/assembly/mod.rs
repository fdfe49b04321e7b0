//! An object as assembly that GNU's assembler takes, for `--emit asm`: sections, symbols,
//! relocations, instructions, and lines of the source as comments.
//!
//! Comes in: the bytes of a finished object in ELF, so that nothing is left out that the linker
//! gets. What is assembled of the text has the same bytes in each section, because tables say where
//! in the code something is. So instructions that an assembler may encode otherwise are bytes, with
//! the instruction as a comment (see `x86_64.rs`). Of aarch64, whose instructions have one encoding
//! each, numbers.

mod comments;
mod flow;
mod names;
mod x86_64;

use crate::code::Code;
use crate::number::to_u32;
use crate::unit::Unit;
use anyhow::{Context, Result, bail};
use comments::Comments;
use names::Names;
use object::read::elf::{ElfFile64, SectionHeader};
use object::{
    Architecture, LittleEndian, Object, ObjectComdat, ObjectSection, ObjectSymbol, RelocationFlags, SectionIndex,
    SymbolIndex, SymbolKind, elf,
};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

type Elf<'d> = ElfFile64<'d, LittleEndian>;

/// What a field of a section gets from the linker.
struct Field {
    offset: u64,
    kind: elf::RelocationType,
    /// A name as the assembler reads it.
    symbol: String,
    addend: i64,
}

/// A function in the text section.
struct Function {
    start: u64,
    end: u64,
    /// Offsets at which instructions begin, beside the first.
    entries: Vec<u64>,
}

/// Prints the object that was written of the unit. `source` reads a file of source, if it may.
///
/// # Errors
/// When the object's format has no such assembly.
pub fn print(unit: &Unit, code: &Code, object: &[u8], source: &dyn Fn(&Path) -> Option<String>) -> Result<String> {
    let Ok(file) = Elf::parse(object) else { bail!(ONLY) };
    if !matches!(file.architecture(), Architecture::X86_64 | Architecture::Aarch64) {
        bail!(ONLY);
    }
    let comments = Comments::of(unit, code, source)?;
    let printer = Printer { names: Names::of(&file), file, comments };
    let mut text = String::new();
    printer.print(&mut text)?;
    Ok(text)
}

const ONLY: &str =
    "--emit asm is for objects in ELF for x86-64 and aarch64\nhelp: --emit listing shows the code of others";

struct Printer<'d> {
    file: Elf<'d>,
    names: Names,
    comments: Comments,
}

impl Printer<'_> {
    fn print(&self, text: &mut String) -> Result<()> {
        for section in self.file.sections() {
            let header = section.elf_section_header();
            let kind = match header.sh_type(LittleEndian) {
                elf::SHT_PROGBITS => "@progbits",
                elf::SHT_NOBITS => "@nobits",
                elf::SHT_NOTE => "@note",
                elf::SHT_INIT_ARRAY => "@init_array",
                elf::SHT_FINI_ARRAY => "@fini_array",
                elf::SHT_X86_64_UNWIND if self.file.architecture() == Architecture::X86_64 => "@unwind",
                // The assembler makes its own tables of symbols and relocations.
                _ => continue,
            };
            let name = section.name().context("a section's name")?;
            let group = self.group(section.index());
            let flags = flags(header.sh_flags(LittleEndian).0);
            let size = match header.sh_entsize(LittleEndian) {
                // Without a size the linker merges nothing, and the assembler wants one.
                size if flags.contains('M') => format!(",{}", size.max(1)),
                _ => String::new(),
            };
            let group = group.map_or(String::new(), |symbol| format!(",{symbol},comdat"));
            writeln!(text, "\n\t.section {name},\"{flags}\",{kind}{size}{group}")?;
            writeln!(text, "\t.balign {}", section.align().max(1))?;
            self.print_section(text, section.index(), section.size(), section.data().unwrap_or_default())?;
        }
        self.print_symbols(text)
    }

    /// Labels, fields and bytes in their order.
    fn print_section(&self, text: &mut String, index: SectionIndex, size: u64, data: &[u8]) -> Result<()> {
        let mut labels: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
        let mut functions = Vec::new();
        for symbol in self.file.symbols().filter(|symbol| symbol.section_index() == Some(index)) {
            if let Some(name) = self.names.symbol(symbol.index()) {
                labels.entry(symbol.address()).or_default().push(name);
            }
            if symbol.kind() == SymbolKind::Text && symbol.size() != 0 {
                let (start, end) = (symbol.address(), symbol.address().saturating_add(symbol.size()));
                functions.push(Function { start, end, entries: self.comments.entries(start).to_vec() });
            }
        }
        functions.sort_by_key(|function| function.start);
        functions.dedup_by_key(|function| function.start);
        let fields = self.fields(index)?;
        if data.is_empty() {
            return self.print_zeros(text, &labels, size);
        }
        let mut at = 0;
        for function in &functions {
            self.print_data(text, (at, function.start), data, &fields, &labels)?;
            self.print_function(text, function, data, &fields, &labels)?;
            at = function.end;
        }
        self.print_data(text, (at, size), data, &fields, &labels)?;
        print_labels(text, &labels, size)
    }

    fn print_function(
        &self,
        text: &mut String,
        function: &Function,
        data: &[u8],
        fields: &[Field],
        labels: &BTreeMap<u64, Vec<&str>>,
    ) -> Result<()> {
        let comment = self.comment();
        for line in self.comments.before(function.start) {
            writeln!(text, "{comment} {line}")?;
        }
        print_labels(text, labels, function.start)?;
        let bytes = slice(data, function.start, function.end)?;
        let own = fields.iter().filter(|field| (function.start..function.end).contains(&field.offset));
        let own: Vec<&Field> = own.collect();
        match self.file.architecture() {
            Architecture::X86_64 => x86_64::print(text, function, bytes, &own, &self.comments),
            _ => {
                let mut own = own.into_iter().peekable();
                for (at, word) in (function.start..).step_by(4).zip(bytes.chunks(4)) {
                    for line in self.comments.lines(at) {
                        writeln!(text, "\t{comment} {line}")?;
                    }
                    while let Some(field) = own.next_if(|field| field.offset < at.saturating_add(4)) {
                        print_relocation(text, self.file.architecture(), field, field.offset.saturating_sub(at))?;
                    }
                    match word {
                        [a, b, c, d] => write!(text, "\t.inst 0x{:08x}", u32::from_le_bytes([*a, *b, *c, *d]))?,
                        rest => print_bytes(text, rest)?,
                    }
                    let notes = self.comments.notes(at, at.saturating_add(4));
                    writeln!(text, "{}", notes.map(|note| format!("\t{comment} {note}")).unwrap_or_default())?;
                }
                Ok(())
            }
        }
    }

    fn print_data(
        &self,
        text: &mut String,
        (start, end): (u64, u64),
        data: &[u8],
        fields: &[Field],
        labels: &BTreeMap<u64, Vec<&str>>,
    ) -> Result<()> {
        let mut at = start;
        let first = fields.partition_point(|field| field.offset < start);
        let mut fields = fields[first..].iter().take_while(|field| field.offset < end).peekable();
        while at < end {
            print_labels(text, labels, at)?;
            let next_label = labels.range(at.saturating_add(1)..end).next().map_or(end, |(offset, _)| *offset);
            match fields.peek() {
                Some(field) if field.offset == at => {
                    let Field { symbol, addend, .. } = field;
                    let (directive, size) = match self.directive(field.kind) {
                        Some(known) => known,
                        None => {
                            print_relocation(text, self.file.architecture(), field, 0)?;
                            fields.next();
                            continue;
                        }
                    };
                    writeln!(
                        text,
                        "\t{directive} {}{}",
                        sum(symbol, *addend),
                        if relative(field.kind) { "-." } else { "" }
                    )?;
                    at = at.saturating_add(size);
                    fields.next();
                }
                next => {
                    let stop = next.map_or(next_label, |field| field.offset.min(next_label));
                    print_plain(text, slice(data, at, stop)?)?;
                    at = stop;
                }
            }
        }
        Ok(())
    }

    fn print_zeros(&self, text: &mut String, labels: &BTreeMap<u64, Vec<&str>>, size: u64) -> Result<()> {
        let mut at = 0;
        while at < size {
            print_labels(text, labels, at)?;
            let next = labels.range(at.saturating_add(1)..size).next().map_or(size, |(offset, _)| *offset);
            writeln!(text, "\t.zero {}", next.saturating_sub(at))?;
            at = next;
        }
        print_labels(text, labels, size)
    }

    /// What linkers know of symbols, beside their places.
    fn print_symbols(&self, text: &mut String) -> Result<()> {
        writeln!(text)?;
        for symbol in self.file.symbols() {
            let Some(name) = self.names.symbol(symbol.index()) else { continue };
            let raw = symbol.elf_symbol();
            match raw.st_bind() {
                elf::STB_GLOBAL if !symbol.is_undefined() => writeln!(text, "\t.globl {name}")?,
                elf::STB_WEAK => writeln!(text, "\t.weak {name}")?,
                _ => {}
            }
            match raw.st_visibility() {
                elf::STV_HIDDEN => writeln!(text, "\t.hidden {name}")?,
                elf::STV_PROTECTED => writeln!(text, "\t.protected {name}")?,
                _ => {}
            }
            match raw.st_type() {
                elf::STT_FUNC => writeln!(text, "\t.type {name},@function")?,
                elf::STT_OBJECT => writeln!(text, "\t.type {name},@object")?,
                elf::STT_TLS => writeln!(text, "\t.type {name},@tls_object")?,
                _ => {}
            }
            if symbol.size() != 0 {
                writeln!(text, "\t.size {name},{}", symbol.size())?;
            }
        }
        Ok(())
    }

    /// The name of the group of which the linker keeps one, if the section is in one.
    fn group(&self, index: SectionIndex) -> Option<&str> {
        let mut groups = self.file.comdats();
        let group = groups.find(|group| group.sections().any(|section| section == index))?;
        self.names.symbol(group.symbol())
    }

    /// The relocations of a section, sorted by offset.
    fn fields(&self, index: SectionIndex) -> Result<Vec<Field>> {
        let mut fields = Vec::new();
        for (offset, relocation) in self.file.section_by_index(index)?.relocations() {
            let RelocationFlags::Elf { r_type } = relocation.flags() else { bail!("a relocation of another format") };
            let object::RelocationTarget::Symbol(symbol) = relocation.target() else {
                bail!("a relocation of nothing")
            };
            let symbol = self.names.target(symbol).context("a symbol without a name")?.to_owned();
            fields.push(Field { offset, kind: r_type, symbol, addend: relocation.addend() });
        }
        fields.sort_by_key(|field| field.offset);
        Ok(fields)
    }

    /// How a field of data is written, and its size, where the assembler has a word for it.
    fn directive(&self, kind: elf::RelocationType) -> Option<(&'static str, u64)> {
        match (self.file.architecture(), kind) {
            (Architecture::X86_64, elf::R_X86_64_64) | (Architecture::Aarch64, elf::R_AARCH64_ABS64) => {
                Some((".quad", 8))
            }
            (Architecture::X86_64, elf::R_X86_64_32 | elf::R_X86_64_PC32)
            | (Architecture::Aarch64, elf::R_AARCH64_ABS32 | elf::R_AARCH64_PREL32) => Some((".long", 4)),
            _ => None,
        }
    }

    /// What begins a comment at the end of a line.
    fn comment(&self) -> &'static str {
        if self.file.architecture() == Architecture::X86_64 { "#" } else { "//" }
    }
}

/// Whether the field gets a distance.
fn relative(kind: elf::RelocationType) -> bool {
    matches!(kind, elf::R_X86_64_PC32 | elf::R_AARCH64_PREL32)
}

fn flags(bits: u64) -> String {
    let all = [
        (elf::SHF_ALLOC, 'a'),
        (elf::SHF_WRITE, 'w'),
        (elf::SHF_EXECINSTR, 'x'),
        (elf::SHF_MERGE, 'M'),
        (elf::SHF_STRINGS, 'S'),
        (elf::SHF_TLS, 'T'),
        (elf::SHF_GROUP, 'G'),
    ];
    all.iter().filter(|(bit, _)| bits & bit.0 != 0).map(|(_, letter)| *letter).collect()
}

fn slice(data: &[u8], start: u64, end: u64) -> Result<&[u8]> {
    let range = usize::try_from(start)?..usize::try_from(end)?;
    data.get(range).context("a section is cut off")
}

fn print_labels(text: &mut String, labels: &BTreeMap<u64, Vec<&str>>, at: u64) -> Result<()> {
    for label in labels.get(&at).into_iter().flatten() {
        writeln!(text, "{label}:")?;
    }
    Ok(())
}

/// `symbol+8`
fn sum(symbol: &str, addend: i64) -> String {
    match addend {
        0 => symbol.to_owned(),
        _ => format!("{symbol}{addend:+}"),
    }
}

/// A relocation of the field that is `distance` bytes from here.
fn print_relocation(text: &mut String, architecture: Architecture, field: &Field, distance: u64) -> Result<()> {
    let name = kind_name(architecture, field.kind)?;
    Ok(writeln!(text, "\t.reloc .+{distance},{name},{}", sum(&field.symbol, field.addend))?)
}

/// The names that the processors' ELF documents give.
fn kind_name(architecture: Architecture, kind: elf::RelocationType) -> Result<&'static str> {
    macro_rules! names {
        ($($name:ident)*) => {
            [$((elf::$name, stringify!($name))),*]
        };
    }
    let x86 = names! {
        R_X86_64_64 R_X86_64_PC32 R_X86_64_PLT32 R_X86_64_32 R_X86_64_TLSGD R_X86_64_GOTPCREL R_X86_64_GOTPCRELX
        R_X86_64_REX_GOTPCRELX
    };
    let arm = names! {
        R_AARCH64_ABS64 R_AARCH64_ABS32 R_AARCH64_PREL32 R_AARCH64_CALL26 R_AARCH64_JUMP26 R_AARCH64_ADR_PREL_PG_HI21
        R_AARCH64_ADD_ABS_LO12_NC R_AARCH64_LDST8_ABS_LO12_NC R_AARCH64_LDST16_ABS_LO12_NC
        R_AARCH64_LDST32_ABS_LO12_NC R_AARCH64_LDST64_ABS_LO12_NC R_AARCH64_LDST128_ABS_LO12_NC
        R_AARCH64_TLSDESC_ADR_PAGE21 R_AARCH64_TLSDESC_LD64_LO12 R_AARCH64_TLSDESC_ADD_LO12 R_AARCH64_TLSDESC_CALL
        R_AARCH64_ADR_GOT_PAGE R_AARCH64_LD64_GOT_LO12_NC
    };
    let names: &[_] = if architecture == Architecture::X86_64 { &x86 } else { &arm };
    let found = names.iter().find(|(known, _)| *known == kind);
    found.map(|(_, name)| *name).with_context(|| format!("the relocation {} has no name", kind.0))
}

/// Bytes without relocations: zeros, texts and numbers.
fn print_plain(text: &mut String, bytes: &[u8]) -> Result<()> {
    const SHORTEST: usize = 6;
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    let mut rest = bytes;
    let mut numbers: &[u8] = &[];
    while !rest.is_empty() {
        let n_zeros = rest.iter().take_while(|byte| **byte == 0).count();
        let n_plain = rest.iter().take(64).take_while(|byte| is_plain(byte)).count();
        if n_zeros < SHORTEST && n_plain < SHORTEST {
            let n = n_zeros.max(n_plain).max(1);
            let length = numbers.len().saturating_add(n);
            let start = bytes.len().saturating_sub(rest.len()).saturating_sub(numbers.len());
            numbers = &bytes[start..][..length];
            rest = &rest[n..];
            continue;
        }
        print_numbers(text, std::mem::take(&mut numbers))?;
        let n = n_zeros.max(n_plain);
        match n_zeros >= n_plain {
            true => writeln!(text, "\t.zero {n}")?,
            false => writeln!(text, "\t.ascii \"{}\"", str::from_utf8(&rest[..n])?)?,
        }
        rest = &rest[n..];
    }
    print_numbers(text, numbers)
}

fn print_numbers(text: &mut String, bytes: &[u8]) -> Result<()> {
    for line in bytes.chunks(16) {
        print_bytes(text, line)?;
        writeln!(text)?;
    }
    Ok(())
}

/// On one line, which is not ended.
fn print_bytes(text: &mut String, bytes: &[u8]) -> Result<()> {
    let words: Vec<String> = bytes.iter().map(|byte| format!("{byte:#04x}")).collect();
    Ok(write!(text, "\t.byte {}", words.join(","))?)
}

/// The symbol of an object's symbol table as an index of 32 bits.
fn number(index: SymbolIndex) -> u32 {
    to_u32(index.0)
}
