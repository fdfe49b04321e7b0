//! The rest of a program's code: functions of the runtime and the C library, byte for byte but for
//! relocated fields.

use super::Linked;
use super::elf::{Elf, Symbol};
use super::processor::{self, Processor};
use super::relocated::{THREAD_ADDRESS, wrong};
use super::section::Field;
use super::template::Template;
use anyhow::{Context, Result};
use object::elf;
use object::read::archive::ArchiveFile;
use object::read::{Object as _, ObjectSection as _, ObjectSymbol as _, RelocationTarget};
use object::{RelocationFlags, SectionFlags, SymbolKind};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

/// The functions that programs may have besides those of modules.
#[derive(Default)]
pub struct Runtime {
    functions: HashMap<String, Vec<Function>>,
    /// Code without a name, which joins that of other objects.
    pieces: Vec<Function>,
}

struct Function {
    template: Template,
    fields: Vec<(Field, Target)>,
}

/// What a field leads to.
#[derive(Clone)]
struct Target {
    /// Empty: data of the same object.
    name: String,
    /// No other object sees it, and the linker may drop the name.
    is_local: bool,
    /// It may have no definition.
    is_weak: bool,
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
        let processor = processor::of(file.architecture())?;
        let functions = || file.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text);
        let mut fields: HashMap<usize, Vec<(Field, Target)>> = HashMap::new();
        for section in file.sections() {
            let mut own = Vec::new();
            for (offset, relocation) in section.relocations() {
                let RelocationTarget::Symbol(index) = relocation.target() else { continue };
                let RelocationFlags::Elf { r_type } = relocation.flags() else { continue };
                let mut field = Field { offset, kind: r_type.0, symbol: index.0, addend: relocation.addend() };
                let mut symbol = file.symbol_by_index(index)?;
                // A place in a section may be a function that no other object sees.
                if symbol.kind() == SymbolKind::Section {
                    let end = processor.origin(field.kind);
                    let place = (symbol.section_index(), field.addend.wrapping_add(end).cast_unsigned());
                    if let Some(function) = functions().find(|it| (it.section_index(), it.address()) == place) {
                        symbol = function;
                        field.addend = -end;
                        field.symbol = symbol.index().0;
                    }
                }
                let (is_local, is_weak) = (symbol.is_local(), symbol.is_weak());
                own.push((field, Target { name: symbol.name()?.to_owned(), is_local, is_weak }));
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
            let named =
                named.filter(|symbol| symbol.kind() != SymbolKind::Section && !symbol.name().is_ok_and(is_no_name));
            let named: Vec<_> = named
                .map(|symbol| Ok((symbol.name()?.to_owned(), symbol.address(), symbol.size())))
                .collect::<Result<_>>()?;
            for (name, start, size) in &named {
                let next = named.iter().map(|(_, other, _)| *other).filter(|other| other > start).min();
                let end = if *size > 0 { start.checked_add(*size) } else { next.or(Some(section.size())) };
                let function = Function::cut(processor, data, fields, *start..end.context("a function has no end")?)?;
                self.functions.entry(name.clone()).or_default().push(function);
            }
            if named.is_empty() {
                self.pieces.push(Function::cut(processor, data, fields, 0..section.size())?);
            }
        }
        Ok(())
    }
}

impl Function {
    /// A part of a section.
    fn cut(processor: &dyn Processor, data: &[u8], fields: &[(Field, Target)], range: Range<u64>) -> Result<Function> {
        let bytes = data.get(usize::try_from(range.start)?..usize::try_from(range.end)?);
        let mut template = Template::new(bytes.context("a function leaves its section")?);
        let inside = fields.iter().filter(|(field, _)| range.contains(&field.offset));
        let moved = |(field, target): &(Field, Target)| {
            (Field { offset: field.offset - range.start, ..field.clone() }, target.clone())
        };
        let fields: Vec<_> = inside.map(moved).collect();
        fields.iter().for_each(|(field, _)| processor.fill_in(field, &mut template));
        Ok(Function { template, fields })
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
        let size = function.template.len();
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
    let found = elf.bytes(address, function.template.len()).ok_or("beyond the program")?;
    if let Some(offset) = function.template.differs(found) {
        return Err(format!("not the runtime's byte at {offset:#x}"));
    }
    let mut of_symbols: BTreeMap<usize, (&Target, Vec<&Field>)> = BTreeMap::new();
    for (field, target) in function.fields.iter().filter(|(_, target)| !target.name.is_empty()) {
        of_symbols.entry(field.symbol).or_insert((target, Vec::new())).1.push(field);
    }
    for (Target { name, is_local, is_weak }, fields) in of_symbols.into_values() {
        // The runtime has functions that nobody else sees, whose names the C library has, too.
        let mut places: Vec<u64> = elf.symbols.get(name).into_iter().flatten().map(|symbol| symbol.address).collect();
        if places.is_empty() && !elf.has_variable(name) {
            if *is_local || name == THREAD_ADDRESS {
                continue;
            }
            if !is_weak {
                return Err(format!("`{name}` is not in the program"));
            }
            places.push(0);
        }
        if let Some((offset, reason)) = wrong(elf, address, &fields, &places, name).into_iter().next() {
            return Err(format!("{reason} at {offset:#x}"));
        }
    }
    Ok(())
}

/// What does nothing, jumps to functions that the start chooses, and pieces of the runtime.
fn is_filled(elf: &Elf, runtime: &Runtime, start: u64, end: u64) -> bool {
    let mut at = start;
    while at < end {
        let Some(rest) = elf.bytes(at, end - at) else { return false };
        let jump = || elf.processor.jump(elf, at).filter(|(slot, _)| elf.resolver(*slot).is_some());
        let piece = || runtime.pieces.iter().find(|piece| is_function(elf, piece, at).is_ok());
        let length = elf.processor.filler(at, rest).or_else(|| jump().map(|(_, size)| size));
        match length.or_else(|| piece().map(|piece| piece.template.len())) {
            Some(length) => at += length,
            None => return false,
        }
    }
    true
}

/// Whether it names nothing but what follows: code or data (AAELF64, "Mapping symbols").
fn is_no_name(name: &str) -> bool {
    let is_it = |mark| name.strip_prefix(mark).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    name.is_empty() || is_it("$x") || is_it("$d")
}
