//! An object of LLVM taken apart: its functions become [`CompiledFunction`]s, like those of any
//! generator.
//!
//! A function brings the constants and jump tables that it uses: they follow its code. Distances
//! within a function are thus known here; what is left are relocations to other symbols.

use super::function::COMPARED;
use super::lines::Row;
use super::processor::Processor;
use super::{frames, inlined, landings, lines, types};
use crate::abi::builtin::Builtin;
use crate::abi::trap::Trap;
use crate::code::{
    Compared, ComparedValue, CompiledFunction, DebugMap, Frame, FrameRule, Register, Relocation, RelocationKind,
    RelocationTarget, Site,
};
use crate::layout::Symbol;
use crate::number::{to_u32, to_usize};
use anyhow::{Context, Result, bail};
use gimli::read::{EndianSlice, Reader};
use object::elf;
use object::read::elf::ElfFile64;
use object::{
    LittleEndian, Object, ObjectSection, ObjectSymbol, RelocationFlags, RelocationTarget as ObjectTarget, SectionFlags,
    SectionIndex, SymbolKind,
};
use std::collections::HashMap;

pub type Elf<'data> = ElfFile64<'data, LittleEndian>;

/// What a message calls a function.
pub type Describe<'a> = dyn Fn(Symbol) -> String + Sync + 'a;

/// The functions of an object in the order of its symbols, with maps for debuggers if wanted.
///
/// # Errors
/// When the object has what this generator does not ask for, or a function's frame is one that the
/// runtime can't walk.
pub fn functions(
    object: &[u8],
    processor: &Processor,
    describe: &Describe,
    wants_map: bool,
) -> Result<Vec<CompiledFunction>> {
    let file = Elf::parse(object)?;
    let mut sections = Vec::new();
    let mut numbers = HashMap::new();
    for symbol in file.symbols().filter(|symbol| symbol.is_definition()) {
        let Some(name) = types::of_symbol(symbol.name()?) else { continue };
        let section = symbol.section_index().context("a function without a section")?;
        numbers.insert(section, sections.len());
        sections.push((Symbol::decode(&name), section, to_u32(symbol.size())));
    }
    let (mut sites, mut compared) = sites(&file, &numbers, processor)?;
    let mut inlined = inlined::read(&file, &numbers)?;
    let mut rows: Vec<Vec<Row>> = vec![Vec::new(); sections.len()];
    for (number, row) in lines::rows(&file, &numbers)? {
        sites[number].push(row.site);
        rows[number].push(row);
    }
    let mut frames = frames::read(&file, &numbers)?;
    let sizes = sizes(&file, &numbers)?;
    let mut functions = Vec::with_capacity(sections.len());
    for (number, &(symbol, section, size)) in sections.iter().enumerate() {
        let mut sites = std::mem::take(&mut sites[number]);
        sites.retain(|site| site.offset <= size);
        // Calls first, as in Cranelift's: a trap may stand where a call before it returns to.
        sites.sort_by_key(|site| (site.offset, site.trap.is_some()));
        let scopes = std::mem::take(&mut inlined[number]);
        let homes: HashMap<u32, u32> = rows[number].iter().map(|row| (row.site.offset, row.home)).collect();
        for site in &mut sites {
            let home = homes.get(&site.offset).filter(|_| site.trap.is_none());
            site.scope = home.map_or_else(|| scopes.around(site), |home| scopes.at(*home));
        }
        let map = wants_map.then(|| DebugMap {
            positions: lines::positions(std::mem::take(&mut rows[number]), &scopes, size),
            locals: Vec::new(),
        });
        // Of rows that say the same the first is enough.
        sites.dedup_by(|next, last| next.trap.is_none() && last.says(next));
        let mut taking =
            Taking { file: &file, processor, own: section, bytes: Vec::new(), pieces: HashMap::new(), alignment: 16 };
        let relocations = taking.take_all(to_usize(size.into()))?;
        let name = types::symbol(&symbol.encode());
        let code = &taking.bytes[..to_usize(size.into())];
        let frame = frames[number].as_ref();
        let frame_size = sizes.get(&number).and_then(|size| below(frame?, *size, processor));
        let try_calls = landings::read(&file, &name, code, frame_size, processor)?;
        let stored = frame.map_or(Ok(0), |frame| frames::stored(frame, &processor.frame));
        let stored = stored.with_context(|| describe(symbol))?;
        functions.push(CompiledFunction {
            symbol,
            alignment: taking.alignment,
            bytes: taking.bytes,
            relocations,
            sites,
            compared: std::mem::take(&mut compared[number]),
            try_calls,
            inlined: scopes.functions,
            stored,
            frame: frames[number].take(),
            debug: map,
            has_frame: true,
        });
    }
    Ok(functions)
}

/// The sizes of frames, by the numbers of functions: 8 bytes of address, then the size.
fn sizes(file: &Elf, numbers: &HashMap<SectionIndex, usize>) -> Result<HashMap<usize, u64>> {
    let mut sizes = HashMap::new();
    for section in file.sections().filter(|section| section.name() == Ok(".stack_sizes")) {
        let mut data = EndianSlice::new(section.data()?, gimli::LittleEndian);
        let length = data.len();
        let mut relocations: HashMap<_, _> = section.relocations().collect();
        while !data.is_empty() {
            let at = u64::try_from(length.saturating_sub(data.len()))?;
            data.skip(size_of::<u64>())?;
            let size = data.read_uleb128()?;
            let relocation = relocations.remove(&at).context("the size of a frame without a function")?;
            let (target, _) = resolve(file, relocation.target(), relocation.addend())?;
            if let Some(number) = target.and_then(|target| numbers.get(&target)) {
                sizes.insert(*number, size);
            }
        }
    }
    Ok(sizes)
}

/// How much of a frame of that size lies below its frame pointer.
fn below(frame: &Frame, size: u64, processor: &Processor) -> Option<u32> {
    let Frame::Dwarf(rules) = frame else { return None };
    let frame_pointer = Register(processor.frame.frame_pointer);
    let from_end = rules.iter().find_map(|(_, rule)| match rule {
        FrameRule::Stored(register, place) if *register == frame_pointer => Some(place.unsigned_abs()),
        _ => None,
    })?;
    // The size does not count what a call stores.
    let stored = if processor.frame.return_is_stored { size_of::<u64>() } else { 0 };
    let above = u64::from(from_end).checked_sub(u64::try_from(stored).ok()?)?;
    u32::try_from(size.checked_sub(above)?).ok()
}

/// For each function.
type Each<T> = Vec<Vec<T>>;

/// What inline assembly noted of the traps, per function: 8 bytes of address, 4 of the reason and
/// whether a register has what was compared, 4 of the offset in the module.
fn sites(
    file: &Elf,
    numbers: &HashMap<SectionIndex, usize>,
    processor: &Processor,
) -> Result<(Each<Site>, Each<Compared>)> {
    const RECORD: usize = 16;
    let (mut sites, mut compared) = (vec![Vec::new(); numbers.len()], vec![Vec::new(); numbers.len()]);
    let Some(section) = file.section_by_name(".w2n.sites") else { return Ok((sites, compared)) };
    let data = section.data()?;
    for (at, relocation) in section.relocations() {
        let (target, place) = resolve(file, relocation.target(), relocation.addend())?;
        let number =
            *numbers.get(&target.context("a trap outside of the object")?).context("a trap without a function")?;
        let at = to_usize(at);
        let record = data.get(at..at.saturating_add(RECORD)).context("a trap's record is cut off")?;
        let word = |at: usize| u32::from_le_bytes(record[at..at.saturating_add(4)].try_into().expect("four bytes"));
        let reason = u8::try_from(word(8) & !COMPARED).ok().and_then(Trap::of).context("a trap without a reason")?;
        let offset = u32::try_from(place).context("a trap before its function")?;
        sites[number].push(Site { offset, trap: Some(reason), wasm_offset: word(12), scope: 0 });
        if word(8) & COMPARED != 0 {
            compared[number].push(Compared { offset, value: ComparedValue::Register(processor.compared.1) });
        }
    }
    compared.iter_mut().for_each(|all| all.sort_by_key(|compared| compared.offset));
    Ok((sites, compared))
}

/// A section of debug information, in which the address of code becomes the number of its function,
/// and the place there in the lower 32 bits.
///
/// # Errors
/// When it has relocations of another form.
pub fn relocated(file: &Elf, name: &str, numbers: &HashMap<SectionIndex, usize>) -> Result<Vec<u8>> {
    let Some(section) = file.section_by_name(name) else { return Ok(Vec::new()) };
    let mut data = section.data()?.to_vec();
    for (at, relocation) in section.relocations() {
        let (target, place) = resolve(file, relocation.target(), relocation.addend())?;
        let function = target.and_then(|target| numbers.get(&target)).copied().unwrap_or(0);
        let address = u64::try_from(function)?.checked_shl(32).context("too many functions")? | u64::try_from(place)?;
        let at = to_usize(at);
        let size = usize::from(relocation.size() / 8);
        let field = data.get_mut(at..at.saturating_add(size)).context("an address is cut off")?;
        field.copy_from_slice(address.to_le_bytes().get(..size).context("an address of another size")?);
    }
    Ok(data)
}

/// The section of a relocation's target, where it is of this object, and the place in it.
pub fn resolve(file: &Elf, target: ObjectTarget, addend: i64) -> Result<(Option<SectionIndex>, i64)> {
    let ObjectTarget::Symbol(symbol) = target else { bail!("a relocation without a symbol") };
    let symbol = file.symbol_by_index(symbol)?;
    let place = symbol.address().cast_signed().checked_add(addend).context("a relocation wraps")?;
    Ok((symbol.section_index(), place))
}

/// A function that is being taken over.
struct Taking<'f, 'data> {
    file: &'f Elf<'data>,
    processor: &'f Processor,
    own: SectionIndex,
    bytes: Vec<u8>,
    /// Where pieces of other sections lie in `bytes`.
    pieces: HashMap<(SectionIndex, u64), usize>,
    alignment: u32,
}

impl Taking<'_, '_> {
    fn take_all(&mut self, size: usize) -> Result<Vec<Relocation>> {
        let mut relocations = Vec::new();
        let own = self.file.section_by_index(self.own)?;
        self.bytes = own.data()?.get(..size).context("a function is cut off")?.to_vec();
        self.alignment = self.alignment.max(to_u32(own.align()));
        for (at, relocation) in own.relocations() {
            relocations.extend(self.relocate(to_usize(at), &relocation)?);
        }
        // Tables of jumps refer to the code; nothing refers to further pieces.
        let pieces: Vec<_> = self.pieces.iter().map(|(key, place)| (*key, *place)).collect();
        for ((section, start), place) in pieces {
            let section = self.file.section_by_index(section)?;
            let length = piece_size(&section);
            for (at, relocation) in section.relocations() {
                let inside = at.checked_sub(start).filter(|inside| *inside < length);
                let Some(inside) = inside else { continue };
                let kept = self.relocate(place.saturating_add(to_usize(inside)), &relocation)?;
                if kept.is_some() {
                    bail!("a constant of clang's refers to another symbol");
                }
            }
        }
        relocations.sort_by_key(|relocation| relocation.offset);
        Ok(relocations)
    }

    /// Applies a relocation at a place of `bytes`, or returns it for the linker.
    fn relocate(&mut self, at: usize, relocation: &object::Relocation) -> Result<Option<Relocation>> {
        let RelocationFlags::Elf { r_type } = relocation.flags() else { bail!("a relocation that is not ELF's") };
        let addend = relocation.addend();
        let ObjectTarget::Symbol(index) = relocation.target() else { bail!("a relocation without a symbol") };
        let symbol = self.file.symbol_by_index(index)?;
        let name = symbol.name()?;
        let before = self.bytes.get(..at).context("a relocation outside of its section")?;
        let Some(kind) = (self.processor.relocation)(before, r_type, name) else {
            bail!("clang made a relocation of type {r_type:?} to `{name}`, which is not known here");
        };
        let target = match (types::of_symbol(name), symbol.section_index()) {
            (Some(name), _) => RelocationTarget::Symbol(Symbol::decode(&name)),
            // After a landing pad that takes nothing, which is never reached.
            (None, None) if name == "_Unwind_Resume" => RelocationTarget::Symbol(Symbol::Builtin(Builtin::Throw)),
            (None, None) => RelocationTarget::Runtime(runtime_function(name)?),
            (None, Some(section)) => {
                let target = self.here(section, &symbol, addend)?;
                if kind == RelocationKind::Relative4 {
                    self.point(at, target)?;
                    return Ok(None);
                }
                // Only where the function lies says more.
                return Ok(Some(Relocation {
                    offset: to_u32(at),
                    kind,
                    target: RelocationTarget::Here(u32::try_from(target).context("a relocation wraps")?),
                    addend: 0,
                }));
            }
        };
        Ok(Some(Relocation { offset: to_u32(at), kind, target, addend }))
    }

    /// The place in `bytes` of one of this object.
    fn here<'a>(&mut self, section: SectionIndex, symbol: &impl ObjectSymbol<'a>, addend: i64) -> Result<i64> {
        let target = symbol.address().cast_signed().checked_add(addend).context("a relocation wraps")?;
        if section == self.own {
            return Ok(target);
        }
        let start = self.start_of_piece(section, symbol, target)?;
        let place = self.piece(section, start)?;
        let inside = target.checked_sub(start.cast_signed()).context("a relocation wraps")?;
        i64::try_from(place)?.checked_add(inside).context("a relocation wraps")
    }

    /// Writes the distance to a place of `bytes`.
    fn point(&mut self, at: usize, target: i64) -> Result<()> {
        let distance = target.checked_sub(i64::try_from(at)?).context("a relocation wraps")?;
        let distance = i32::try_from(distance).context("a function is too large")?;
        let field = self.bytes.get_mut(at..at.saturating_add(4)).context("a relocation outside of its section")?;
        field.copy_from_slice(&distance.to_le_bytes());
        Ok(())
    }

    /// Constants that may be merged are taken one by one, other sections whole.
    fn start_of_piece<'a>(&self, section: SectionIndex, symbol: &impl ObjectSymbol<'a>, target: i64) -> Result<u64> {
        let section = self.file.section_by_index(section)?;
        if !merges(&section) {
            return Ok(0);
        }
        if symbol.kind() != SymbolKind::Section {
            return Ok(symbol.address());
        }
        let target = u64::try_from(target).context("a relocation wraps")?;
        let size = section.elf_section_header().sh_entsize.get(LittleEndian);
        let rest = target.checked_rem(size).context("a section of constants without a size")?;
        Ok(target.saturating_sub(rest))
    }

    /// Where a piece lies, after it has been copied.
    fn piece(&mut self, section: SectionIndex, start: u64) -> Result<usize> {
        if let Some(place) = self.pieces.get(&(section, start)) {
            return Ok(*place);
        }
        let key = (section, start);
        let section = self.file.section_by_index(section)?;
        let name = section.name()?;
        if !name.starts_with(".rodata") {
            bail!("clang put something into the section {name}, which is not known here");
        }
        let alignment = section.align().max(1);
        self.alignment = self.alignment.max(to_u32(alignment));
        let place = self.bytes.len().next_multiple_of(to_usize(alignment));
        self.bytes.resize(place, 0);
        let (start, length) = (to_usize(start), to_usize(piece_size(&section)));
        let data = section.data()?.get(start..).context("a constant is cut off")?;
        self.bytes.extend(&data[..length.min(data.len())]);
        self.pieces.insert(key, place);
        Ok(place)
    }
}

type Section<'data, 'file> = object::read::elf::ElfSection64<'data, 'file, LittleEndian>;

fn merges(section: &Section) -> bool {
    matches!(section.flags(), SectionFlags::Elf { sh_flags, .. } if sh_flags.0 & elf::SHF_MERGE.0 != 0)
}

/// Bytes of a constant, or of the whole section.
fn piece_size(section: &Section) -> u64 {
    match merges(section) {
        true => section.elf_section_header().sh_entsize.get(LittleEndian),
        false => section.size(),
    }
}

/// What LLVM calls of the C library: a name of `abi/c_library.rs`.
fn runtime_function(name: &str) -> Result<&'static str> {
    let known = crate::abi::c_library::C_FUNCTIONS.split(' ').find(|known| *known == name);
    known.with_context(|| format!("clang calls `{name}`, which the runtime does not have"))
}
