//! The rest of a program's code: functions of the runtime and the C library, byte for byte but for
//! relocated fields.

use super::Linked;
use super::elf::{Elf, Symbol};
use super::relocated::value;
use super::section::{Field, differs};
use anyhow::{Context, Result};
use object::elf;
use object::read::archive::ArchiveFile;
use object::read::{Object as _, ObjectSection as _, ObjectSymbol as _, RelocationTarget};
use object::{RelocationFlags, SectionFlags, SymbolKind};
use std::collections::HashMap;
use std::ops::Range;
use yaxpeax_arch::LengthedInstruction as _;
use yaxpeax_x86::long_mode::{InstDecoder, Opcode};

/// The functions that programs may have besides those of modules.
#[derive(Default)]
pub struct Runtime {
    functions: HashMap<String, Vec<Function>>,
    /// Code without a name, which joins that of other objects.
    pieces: Vec<Function>,
}

struct Function {
    bytes: Vec<u8>,
    /// With the names that they lead to; empty: data of the same object.
    fields: Vec<(Field, String)>,
}

impl Runtime {
    /// Reads objects and archives.
    ///
    /// # Errors
    /// When one can't be read.
    pub fn read<'f>(files: impl IntoIterator<Item = &'f [u8]>) -> Result<Runtime> {
        let mut runtime = Runtime::default();
        for file in files {
            let Ok(archive) = ArchiveFile::parse(file) else {
                runtime.add(file)?;
                continue;
            };
            for member in archive.members() {
                runtime.add(member?.data(file)?)?;
            }
        }
        Ok(runtime)
    }

    fn add(&mut self, object: &[u8]) -> Result<()> {
        let file = object::File::parse(object)?;
        let functions = || file.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text);
        let mut fields: HashMap<usize, Vec<(Field, String)>> = HashMap::new();
        for section in file.sections() {
            let mut own = Vec::new();
            for (offset, relocation) in section.relocations() {
                let RelocationTarget::Symbol(index) = relocation.target() else { continue };
                let RelocationFlags::Elf { r_type } = relocation.flags() else { continue };
                let mut field = Field { offset, kind: r_type.0, symbol: index.0, addend: relocation.addend() };
                let mut symbol = file.symbol_by_index(index)?;
                // A place in a section may be a function that no other object sees.
                if symbol.kind() == SymbolKind::Section {
                    let end = if field.kind == elf::R_X86_64_64.0 { 0 } else { 4 };
                    let place = (symbol.section_index(), field.addend.wrapping_add(end).cast_unsigned());
                    if let Some(function) = functions().find(|it| (it.section_index(), it.address()) == place) {
                        symbol = function;
                        field.addend = -end;
                    }
                }
                own.push((field, symbol.name()?.to_owned()));
            }
            own.sort_by_key(|(field, _)| field.offset);
            fields.insert(section.index().0, own);
        }
        for section in file.sections() {
            let SectionFlags::Elf { sh_flags, .. } = section.flags() else { continue };
            if sh_flags.0 & elf::SHF_EXECINSTR.0 == 0 || section.size() == 0 {
                continue;
            }
            let data = section.data()?;
            let fields = fields.get(&section.index().0).map_or(&[][..], Vec::as_slice);
            let named = file.symbols().filter(|symbol| symbol.section_index() == Some(section.index()));
            let named = named.filter(|symbol| {
                symbol.kind() != SymbolKind::Section && !symbol.name_bytes().is_ok_and(<[u8]>::is_empty)
            });
            let named: Vec<_> = named
                .map(|symbol| Ok((symbol.name()?.to_owned(), symbol.address(), symbol.size())))
                .collect::<Result<_>>()?;
            for (name, start, size) in &named {
                let next = named.iter().map(|(_, other, _)| *other).filter(|other| other > start).min();
                let end = if *size > 0 { start.checked_add(*size) } else { next.or(Some(section.size())) };
                let function = Function::cut(data, fields, *start..end.context("a function has no end")?)?;
                self.functions.entry(name.clone()).or_default().push(function);
            }
            if named.is_empty() {
                self.pieces.push(Function::cut(data, fields, 0..section.size())?);
            }
        }
        Ok(())
    }
}

impl Function {
    /// A part of a section.
    fn cut(data: &[u8], fields: &[(Field, String)], range: Range<u64>) -> Result<Function> {
        let bytes = data.get(usize::try_from(range.start)?..usize::try_from(range.end)?);
        let bytes = bytes.context("a function leaves its section")?.to_vec();
        let inside = fields.iter().filter(|(field, _)| range.contains(&field.offset));
        let moved = |(field, name): &(Field, String)| {
            (Field { offset: field.offset - range.start, ..field.clone() }, name.clone())
        };
        Ok(Function { bytes, fields: inside.map(moved).collect() })
    }
}

/// All that is executable and not a module's is a function of the runtime, or fills a gap.
pub fn check(elf: &Elf, runtime: &Runtime, modules: &[Range<u64>], linked: &mut Linked) {
    let mut covered = modules.to_vec();
    for (name, symbol) in elf.symbols.iter().flat_map(|(name, all)| all.iter().map(move |symbol| (name, symbol))) {
        let is_executable = elf.loaded().any(|it| it.is_executable() && it.addresses.contains(&symbol.address));
        let is_own = modules.iter().any(|module| module.contains(&symbol.address));
        // Names of ends and the like have no code, some of the C library's functions no size.
        let is_known = symbol.size > 0 && symbol.is_code || runtime.functions.contains_key(name);
        if !is_executable || is_own || !is_known {
            continue;
        }
        match check_function(elf, runtime, name, symbol) {
            Ok(size) => {
                linked.functions += 1;
                covered.push(symbol.address..symbol.address + size);
            }
            Err(reason) => linked.fail(format!("`{name}`: {reason}")),
        }
    }
    covered.sort_by_key(|range| range.start);
    for segment in elf.loaded().filter(|segment| segment.is_executable()) {
        let mut at = segment.addresses.start;
        let end = segment.addresses.end;
        for range in covered.iter().filter(|range| segment.addresses.contains(&range.start)).chain([&(end..end)]) {
            if range.start > at && !is_filled(elf, runtime, at, range.start) {
                linked.fail(format!("code at {at:#x} to {:#x} is no function's", range.start));
            }
            at = at.max(range.end);
        }
    }
}

/// Returns its size.
fn check_function(elf: &Elf, runtime: &Runtime, name: &str, symbol: &Symbol) -> Result<u64, String> {
    let candidates = runtime.functions.get(name).ok_or("not a function of the runtime")?;
    let mut reason = "not as long as the runtime's".to_owned();
    for function in candidates {
        let size = u64::try_from(function.bytes.len()).map_err(|error| error.to_string())?;
        if symbol.size != 0 && symbol.size != size {
            continue;
        }
        match is_function(elf, function, symbol.address) {
            Ok(()) => return Ok(size),
            Err(other) => reason = other,
        }
    }
    Err(reason)
}

fn is_function(elf: &Elf, function: &Function, address: u64) -> Result<(), String> {
    let size = u64::try_from(function.bytes.len()).map_err(|error| error.to_string())?;
    let found = elf.bytes(address, size).ok_or("beyond the program")?;
    let ranges = function.fields.iter().map(|(field, _)| changed(field));
    if let Some(offset) = differs(&function.bytes, found, ranges) {
        return Err(format!("not the runtime's byte at {offset:#x}"));
    }
    for (field, name) in function.fields.iter().filter(|(_, name)| !name.is_empty()) {
        // The runtime has functions that nobody else sees, whose names the C library has, too.
        let places: Vec<u64> = elf.symbols.get(name).into_iter().flatten().map(|symbol| symbol.address).collect();
        // A weak name may have no definition.
        if !IS_FOLLOWED.contains(&field.kind) || places.is_empty() {
            continue;
        }
        let found = value(elf, field, address.wrapping_add(field.offset))?;
        // The address may lie where the start fills it in; a number may lie anywhere.
        let held = elf.addresses.get(&found).copied().or_else(|| elf.word(found));
        let through = held.is_some_and(|target| places.contains(&target));
        if !places.contains(&found) && !through && !elf.chosen.contains(&found) {
            return Err(format!("leads to {found:#x} at {:#x}, and not to `{name}`", field.offset));
        }
    }
    Ok(())
}

/// Fields of which it is known where they lead. Others are of variables of a thread.
const IS_FOLLOWED: [u32; 6] = [
    elf::R_X86_64_PC32.0,
    elf::R_X86_64_PLT32.0,
    elf::R_X86_64_64.0,
    elf::R_X86_64_GOTPCREL.0,
    elf::R_X86_64_GOTPCRELX.0,
    elf::R_X86_64_REX_GOTPCRELX.0,
];

/// What a linker may write: it makes loads of addresses shorter instructions, and accesses to
/// variables of a thread direct ones.
fn changed(field: &Field) -> Range<u64> {
    let (before, after) = match field.kind {
        it if it == elf::R_X86_64_GOTPCREL.0 || it == elf::R_X86_64_GOTPCRELX.0 => (2, 4),
        it if it == elf::R_X86_64_REX_GOTPCRELX.0 || it == elf::R_X86_64_GOTTPOFF.0 => (3, 4),
        it if it == elf::R_X86_64_TLSGD.0 => (4, 12),
        it if it == elf::R_X86_64_TLSLD.0 => (3, 9),
        _ => (0, field.size()),
    };
    field.offset.saturating_sub(before)..field.offset.saturating_add(after)
}

/// Zeros, traps, instructions that do nothing, jumps to functions that the start chooses, and
/// pieces of the runtime.
fn is_filled(elf: &Elf, runtime: &Runtime, start: u64, end: u64) -> bool {
    let mut at = start;
    while at < end {
        let Some(rest) = elf.bytes(at, end - at) else { return false };
        let piece = runtime.pieces.iter().find(|piece| is_function(elf, piece, at).is_ok());
        let length = match (rest[0], InstDecoder::default().decode_slice(rest)) {
            (0 | 0xcc, _) => 1,
            (_, Ok(one)) if one.opcode() == Opcode::NOP => one.len().to_const(),
            _ if is_chosen_jump(elf, at) => STUB,
            _ => match piece.and_then(|piece| u64::try_from(piece.bytes.len()).ok()) {
                Some(length) => length,
                None => return false,
            },
        };
        at += length;
    }
    true
}

/// Bytes of such a jump.
const STUB: u64 = 11;

/// Whether it is `endbr64; bnd jmp [slot]`, with a slot that the start fills in by a function's
/// choice.
fn is_chosen_jump(elf: &Elf, at: u64) -> bool {
    let Some([0xf3, 0x0f, 0x1e, 0xfa, 0xf2, 0xff, 0x25, distance @ ..]) = elf.bytes(at, STUB) else { return false };
    let distance = i32::from_le_bytes(distance.try_into().expect("four bytes"));
    elf.chosen.contains(&(at + STUB).wrapping_add_signed(distance.into()))
}
