//! An object as the checker sees it: text, functions, and what each address in the text stands for.
//!
//! Comes in: an ELF object that `-c` or `--keep` wrote. Relocations name what code
//! refers to, so no address is guessed.

use anyhow::{Context, Result, ensure};
use object::read::{Object as _, ObjectSection as _, ObjectSymbol as _, RelocationTarget};
use object::{Architecture, RelocationFlags, SectionIndex, SymbolKind, elf};
use std::collections::{BTreeMap, HashMap};

/// Index of a symbol in [`Image::symbols`].
pub type SymbolNumber = usize;

#[derive(Clone, Debug, Default)]
pub struct Symbol {
    pub name: String,
    pub size: u64,
    /// Section and offset; `None` where another object defines it.
    pub place: Option<(usize, u64)>,
    pub is_code: bool,
}

#[derive(Clone, Debug)]
pub struct Function {
    pub name: String,
    pub symbol: SymbolNumber,
    /// Offsets in the text; constants and tables of jumps lie before `end`, too.
    pub start: u32,
    pub end: u32,
    /// The encoded type, of functions in the internal convention.
    pub signature: Option<String>,
    /// Whether it is in the internal convention.
    pub is_internal: bool,
}

#[derive(Copy, Clone, Debug, PartialEq)]
pub enum RelocationKind {
    Relative,
    ThreadLocal,
    Absolute,
    /// aarch64: a call or jump.
    Branch,
    /// aarch64: the page of an address, and the place in it.
    Page,
    PageOffset,
    /// aarch64: the place in a page, of an access of so many bytes.
    PageAccess(u32),
    /// aarch64: likewise of a descriptor of a symbol of each thread, and its call.
    ThreadLocalPage,
    ThreadLocalLoad,
    ThreadLocalOffset,
    ThreadLocalCall,
    Other(u32),
}

#[derive(Copy, Clone, Debug)]
pub struct Relocation {
    pub kind: RelocationKind,
    pub symbol: SymbolNumber,
    pub addend: i64,
}

/// A handler of a call: where an exception lands, and how far below the frame pointer the stack
/// pointer is then.
#[derive(Copy, Clone, Debug)]
pub struct Landing {
    pub at: u32,
    pub frame_size: u32,
}

pub struct Image {
    pub architecture: Architecture,
    pub text: Vec<u8>,
    /// The number of its section.
    text_section: usize,
    /// Sorted by start.
    pub functions: Vec<Function>,
    pub symbols: Vec<Symbol>,
    /// Of the text, by offset.
    pub relocations: BTreeMap<u32, Relocation>,
    /// By return address.
    pub landings: HashMap<u32, Vec<Landing>>,
    /// What the runtime knows of functions' frames, by where they begin: `abi::image::Function`.
    pub frames: HashMap<u32, u32>,
    /// Contents of all sections with data.
    contents: HashMap<usize, Vec<u8>>,
    data_relocations: HashMap<usize, BTreeMap<u64, Relocation>>,
}

impl Image {
    /// # Errors
    /// When it is not an object for x86-64 or aarch64, or has no text.
    pub fn read(bytes: &[u8]) -> Result<Image> {
        let file = object::File::parse(bytes)?;
        let architecture = file.architecture();
        let is_known = matches!(architecture, Architecture::X86_64 | Architecture::Aarch64);
        ensure!(is_known, "not an object for x86-64 or aarch64");
        let text = file.section_by_name(".text").context("the object has no section .text")?;
        let mut image = Image {
            architecture,
            text: text.data()?.to_vec(),
            text_section: text.index().0,
            functions: Vec::new(),
            symbols: Vec::new(),
            relocations: BTreeMap::new(),
            landings: HashMap::new(),
            frames: HashMap::new(),
            contents: HashMap::new(),
            data_relocations: HashMap::new(),
        };
        for symbol in file.symbols() {
            let index = symbol.index().0;
            image.symbols.resize(image.symbols.len().max(index + 1), Symbol::default());
            image.symbols[index] = Symbol {
                name: String::from_utf8_lossy(symbol.name_bytes()?).into_owned(),
                size: symbol.size(),
                place: symbol.section_index().map(|section| (section.0, symbol.address())),
                is_code: symbol.kind() == SymbolKind::Text,
            };
        }
        for section in file.sections() {
            let relocations = section.relocations().map(|(offset, relocation)| {
                let RelocationTarget::Symbol(symbol) = relocation.target() else { panic!("of a symbol") };
                let RelocationFlags::Elf { r_type } = relocation.flags() else { panic!("of ELF") };
                let kind = kind_of(architecture, r_type.0);
                (offset, Relocation { kind, symbol: symbol.0, addend: relocation.addend() })
            });
            image.data_relocations.insert(section.index().0, relocations.collect());
            if section.index() != text.index() {
                image.contents.insert(section.index().0, section.data()?.to_vec());
            }
        }
        let own = image.data_relocations.remove(&text.index().0).unwrap_or_default();
        image.relocations =
            own.into_iter().map(|(offset, it)| Ok((u32::try_from(offset)?, it))).collect::<Result<_>>()?;
        image.find_functions(text.index())?;
        image.find_landings()?;
        image.find_frames();
        Ok(image)
    }

    fn find_functions(&mut self, text: SectionIndex) -> Result<()> {
        let mut found = BTreeMap::new();
        for (number, symbol) in self.symbols.iter().enumerate() {
            let Some((section, offset)) = symbol.place else { continue };
            if section != text.0 || !symbol.is_code || symbol.size == 0 {
                continue;
            }
            let start = u32::try_from(offset)?;
            let end = u32::try_from(offset + symbol.size)?;
            ensure!(self.text.len() >= end as usize, "function {} leaves the text", symbol.name);
            // Exports have a second name.
            let name = symbol.name.clone();
            // What callbacks have in common has no signature: no reference is made of it.
            let is_internal = name.strip_prefix("w2n.callbacks.").is_some_and(|it| it.parse::<u32>().is_ok());
            found.entry(start).or_insert(Function { name, symbol: number, start, end, signature: None, is_internal });
        }
        for function in found.values_mut() {
            let field = function.start.checked_sub(4).and_then(|field| self.relocations.get(&field));
            let name = field.map(|relocation| self.symbols[relocation.symbol].name.as_str());
            function.signature = name.and_then(|it| it.strip_prefix("w2n.sig.")).map(str::to_owned);
            function.is_internal |= function.signature.is_some();
        }
        self.functions = found.into_values().collect();
        let overlap = self.functions.windows(2).find(|pair| pair[0].end > pair[1].start);
        ensure!(overlap.is_none(), "functions overlap: {overlap:?}");
        Ok(())
    }

    /// Reads `abi::exception::{TryCall, Handler}`.
    fn find_landings(&mut self) -> Result<()> {
        const LAST: u32 = 1 << 31;
        let (Some(calls), Some(handlers)) = (self.data("w2n.try_calls"), self.data("w2n.handlers")) else {
            return Ok(());
        };
        let word = |bytes: &[u8], at: usize| -> Result<u32> {
            let bytes = bytes.get(at..at + 4).context("the table of handlers is too short")?;
            Ok(u32::from_le_bytes(bytes.try_into()?))
        };
        let mut landings: HashMap<u32, Vec<Landing>> = HashMap::new();
        for call in calls.chunks_exact(12) {
            let (return_address, frame_size, mut next) = (word(call, 0)?, word(call, 4)?, word(call, 8)? as usize);
            loop {
                let (tag, at) = (word(handlers, next * 8)?, word(handlers, next * 8 + 4)?);
                landings.entry(return_address).or_default().push(Landing { at, frame_size });
                next += 1;
                if tag & LAST != 0 {
                    break;
                }
            }
        }
        self.landings = landings;
        Ok(())
    }

    /// Reads `abi::image::Function`: six numbers, of which the first is where it begins and the
    /// last tells of its frame.
    fn find_frames(&mut self) {
        let rows = self.data("w2n.functions").unwrap_or_default().chunks_exact(24);
        let number = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("four bytes"));
        self.frames = rows.map(|row| (number(&row[..4]), number(&row[20..]))).collect();
    }

    /// The bytes of a data symbol of the object.
    pub fn data(&self, name: &str) -> Option<&[u8]> {
        let symbol = self.symbols.iter().find(|symbol| symbol.name == name)?;
        let (section, offset) = symbol.place?;
        let start = usize::try_from(offset).ok()?;
        self.contents.get(&section)?.get(start..start + usize::try_from(symbol.size).ok()?)
    }

    /// A word of 8 bytes of a data symbol.
    pub fn word(&self, name: &str, at: usize) -> Option<u64> {
        Some(u64::from_le_bytes(self.data(name)?.get(at..at + 8)?.try_into().ok()?))
    }

    /// What the word at `at` of a data symbol is the address of.
    pub fn address_in(&self, name: &str, at: u64) -> Option<&Symbol> {
        let (section, offset) = self.symbols.iter().find(|symbol| symbol.name == name)?.place?;
        let relocation = self.data_relocations.get(&section)?.get(&(offset + at))?;
        Some(&self.symbols[relocation.symbol])
    }

    /// The place in the text that a symbol and an addend name.
    pub fn offset_of(&self, symbol: SymbolNumber, addend: i64) -> Option<i64> {
        let (section, start) = self.symbols[symbol].place?;
        i64::try_from(start).ok().filter(|_| section == self.text_section)?.checked_add(addend)
    }

    /// The function that begins at an offset.
    pub fn function_at(&self, offset: u32) -> Option<&Function> {
        let place = self.functions.binary_search_by_key(&offset, |function| function.start).ok()?;
        Some(&self.functions[place])
    }

    /// The relocation of a field inside of an instruction, and how far the field is from its end.
    pub fn relocation_in(&self, start: u32, end: u32) -> Option<(Relocation, i64)> {
        let (&field, &relocation) = self.relocations.range(start..end).next()?;
        Some((relocation, i64::from(end) - i64::from(field)))
    }
}

fn kind_of(architecture: Architecture, r_type: u32) -> RelocationKind {
    use RelocationKind as K;
    let x86_64 = [
        (elf::R_X86_64_PC32, K::Relative),
        (elf::R_X86_64_PLT32, K::Relative),
        (elf::R_X86_64_TLSGD, K::ThreadLocal),
        (elf::R_X86_64_64, K::Absolute),
    ];
    let aarch64 = [
        (elf::R_AARCH64_PREL32, K::Relative),
        (elf::R_AARCH64_CALL26, K::Branch),
        (elf::R_AARCH64_JUMP26, K::Branch),
        (elf::R_AARCH64_ADR_PREL_PG_HI21, K::Page),
        (elf::R_AARCH64_ADD_ABS_LO12_NC, K::PageOffset),
        (elf::R_AARCH64_LDST8_ABS_LO12_NC, K::PageAccess(1)),
        (elf::R_AARCH64_LDST16_ABS_LO12_NC, K::PageAccess(2)),
        (elf::R_AARCH64_LDST32_ABS_LO12_NC, K::PageAccess(4)),
        (elf::R_AARCH64_LDST64_ABS_LO12_NC, K::PageAccess(8)),
        (elf::R_AARCH64_LDST128_ABS_LO12_NC, K::PageAccess(16)),
        (elf::R_AARCH64_TLSDESC_ADR_PAGE21, K::ThreadLocalPage),
        (elf::R_AARCH64_TLSDESC_LD64_LO12, K::ThreadLocalLoad),
        (elf::R_AARCH64_TLSDESC_ADD_LO12, K::ThreadLocalOffset),
        (elf::R_AARCH64_TLSDESC_CALL, K::ThreadLocalCall),
        (elf::R_AARCH64_ABS64, K::Absolute),
    ];
    let rows = if architecture == Architecture::X86_64 { &x86_64[..] } else { &aarch64 };
    rows.iter().find(|row| row.0.0 == r_type).map_or(K::Other(r_type), |row| row.1)
}
