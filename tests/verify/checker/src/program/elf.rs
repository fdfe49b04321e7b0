//! An executable: segments, symbols, and the addresses that its start fills in.

use super::processor::{self, Aim, Processor, Told};
use super::section::Field;
use anyhow::{Context, Result, bail, ensure};
use object::elf::{self, FileHeader64};
use object::read::elf::{ElfFile64, FileHeader as _, ProgramHeader as _};
use object::{LittleEndian, Object as _, ObjectSymbol as _, SymbolKind};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

#[derive(Clone, Debug)]
pub struct Segment {
    pub kind: u32,
    pub flags: u32,
    pub addresses: Range<u64>,
    pub alignment: u64,
    /// Of the file, from the segment's first address.
    pub bytes: Vec<u8>,
}

impl Segment {
    pub fn is_writable(&self) -> bool {
        self.flags & elf::PF_W.0 != 0
    }

    pub fn is_executable(&self) -> bool {
        self.flags & elf::PF_X.0 != 0
    }
}

#[derive(Clone, Debug)]
pub struct Symbol {
    pub address: u64,
    pub size: u64,
    pub is_code: bool,
    /// Seen by other objects than the one that defines it. Hidden symbols no longer are.
    pub is_global: bool,
}

pub struct Elf {
    pub processor: &'static dyn Processor,
    pub entry: u64,
    pub segments: Vec<Segment>,
    pub symbols: HashMap<String, Vec<Symbol>>,
    /// Variables of a thread: their places among all of them.
    variables: HashMap<String, Vec<u64>>,
    /// Where the start writes an address, and which: as if the program lay at 0.
    pub addresses: BTreeMap<u64, u64>,
    /// Where it writes something else: results of functions that choose others, and which.
    pub chosen: BTreeMap<u64, u64>,
    /// What is protected after the start.
    constants: Range<u64>,
    /// Places there, by what is written to them.
    slots: HashMap<u64, Vec<u64>>,
    /// Functions that run before and after the program, besides those of arrays.
    pub first_and_last: Vec<u64>,
}

impl Elf {
    /// # Errors
    /// When it is not a static position-independent program for a processor that is known.
    pub fn read(bytes: &[u8]) -> Result<Elf> {
        let file = ElfFile64::<LittleEndian>::parse(bytes)?;
        let header: &FileHeader64<LittleEndian> = file.elf_header();
        let endian = LittleEndian;
        let processor = processor::of(file.architecture())?;
        ensure!(header.e_type(endian) == elf::ET_DYN, "not a position-independent program");
        let mut segments = Vec::new();
        for header in file.elf_program_headers() {
            let start = header.p_vaddr(endian);
            let end = start.checked_add(header.p_memsz(endian)).context("a segment has no end")?;
            let data = header.data(endian, bytes).ok().context("a segment lies beyond the file")?;
            segments.push(Segment {
                kind: header.p_type(endian).0,
                flags: header.p_flags(endian).0,
                addresses: start..end,
                alignment: header.p_align(endian),
                bytes: data.to_vec(),
            });
        }
        ensure!(segments.iter().all(|segment| segment.kind != elf::PT_INTERP.0), "linked to shared libraries");
        let mut symbols: HashMap<String, Vec<Symbol>> = HashMap::new();
        let mut variables: HashMap<String, Vec<u64>> = HashMap::new();
        for symbol in file.symbols() {
            let name = String::from_utf8_lossy(symbol.name_bytes()?).into_owned();
            let (address, size, kind) = (symbol.address(), symbol.size(), symbol.kind());
            if symbol.is_undefined() || name.is_empty() {
                continue;
            }
            if kind == SymbolKind::Tls {
                variables.entry(name).or_default().push(address);
            } else if !matches!(kind, SymbolKind::File | SymbolKind::Section) {
                let (is_code, is_global) = (kind == SymbolKind::Text, !symbol.is_local());
                symbols.entry(name).or_default().push(Symbol { address, size, is_code, is_global });
            }
        }
        let mut elf = Elf {
            processor,
            entry: header.e_entry(endian),
            segments,
            symbols,
            variables,
            addresses: BTreeMap::new(),
            chosen: BTreeMap::new(),
            constants: 0..0,
            slots: HashMap::new(),
            first_and_last: Vec::new(),
        };
        elf.read_relocations()?;
        let constants = elf.segments.iter().find(|segment| segment.kind == elf::PT_GNU_RELRO.0);
        elf.constants = constants.map_or(0..0, |segment| segment.addresses.clone());
        let places = || elf.constants.clone();
        for (&slot, &address) in elf.addresses.range(places()).chain(elf.chosen.range(places())) {
            elf.slots.entry(address).or_default().push(slot);
        }
        Ok(elf)
    }

    pub fn has_symbols(&self) -> bool {
        !self.symbols.is_empty()
    }

    pub fn loaded(&self) -> impl Iterator<Item = &Segment> {
        self.segments.iter().filter(|segment| segment.kind == elf::PT_LOAD.0)
    }

    /// The loaded segment that has all of a range.
    pub fn segment_of(&self, range: &Range<u64>) -> Option<&Segment> {
        self.loaded().find(|segment| segment.addresses.start <= range.start && range.end <= segment.addresses.end)
    }

    pub fn bytes(&self, address: u64, count: u64) -> Option<&[u8]> {
        let segment = self.segment_of(&(address..address.checked_add(count)?))?;
        let start = usize::try_from(address - segment.addresses.start).ok()?;
        segment.bytes.get(start..start.checked_add(usize::try_from(count).ok()?)?)
    }

    pub fn word(&self, address: u64) -> Option<u64> {
        Some(u64::from_le_bytes(self.bytes(address, 8)?.try_into().ok()?))
    }

    /// Where a name is defined: symbols that others see come first.
    pub fn find(&self, name: &str) -> Vec<u64> {
        let all = self.symbols.get(name).map_or(&[][..], Vec::as_slice);
        let global: Vec<u64> = all.iter().filter(|symbol| symbol.is_global).map(|symbol| symbol.address).collect();
        if global.is_empty() { all.iter().map(|symbol| symbol.address).collect() } else { global }
    }

    /// Constants where the start writes an address, or the choice of the function there.
    pub fn slots(&self, address: u64) -> &[u64] {
        self.slots.get(&address).map_or(&[], Vec::as_slice)
    }

    /// A word that is protected after the start, and to which nothing is written.
    pub fn constant(&self, place: u64) -> Option<u64> {
        let is_filled_in = self.addresses.contains_key(&place) || self.chosen.contains_key(&place);
        (self.is_protected(place) && !is_filled_in).then(|| self.word(place))?
    }

    /// The function that chooses what the start writes to a slot, if that is protected then.
    pub fn resolver(&self, slot: u64) -> Option<u64> {
        self.chosen.get(&slot).copied().filter(|_| self.is_protected(slot))
    }

    /// Whether a word is.
    fn is_protected(&self, place: u64) -> bool {
        self.constants.start <= place && place.checked_add(8).is_some_and(|end| end <= self.constants.end)
    }

    /// What a whole address in data tells.
    ///
    /// # Errors
    /// When it is a number.
    pub fn filled_in(&self, field: &Field, place: u64) -> Result<Told, String> {
        match self.addresses.get(&place).or_else(|| self.chosen.get(&place)) {
            Some(address) => Ok(Told::whole(Aim::Address, *address)),
            None if self.word(place) == Some(0) => Ok(Told::whole(Aim::Address, field.addend.cast_unsigned())),
            None => Err("the program's start does not fill in the address".into()),
        }
    }

    pub fn has_variable(&self, name: &str) -> bool {
        self.variables.contains_key(name)
    }

    /// The distances of variables of that name from the thread's pointer.
    pub fn thread_offsets(&self, name: &str) -> Vec<u64> {
        let Some(all) = self.segments.iter().find(|segment| segment.kind == elf::PT_TLS.0) else { return Vec::new() };
        let places = self.variables.get(name).into_iter().flatten();
        places.filter_map(|&place| self.processor.thread_offset(place, all)).collect()
    }

    /// Reads what the dynamic section names.
    fn read_relocations(&mut self) -> Result<()> {
        let Some(dynamic) = self.segments.iter().find(|segment| segment.kind == elf::PT_DYNAMIC.0) else {
            return Ok(());
        };
        let mut entries = HashMap::new();
        for pair in dynamic.bytes.chunks_exact(16) {
            let word = |at: usize| u64::from_le_bytes(pair[at..at + 8].try_into().expect("eight"));
            entries.entry(word(0)).or_insert(word(8));
        }
        let table = |place: i64, size: i64| {
            let entry = |tag: i64| entries.get(&tag.cast_unsigned()).copied();
            let (place, size) = (entry(place), entry(size).unwrap_or(0));
            let bytes = place.and_then(|place| self.bytes(place, size)).map(<[u8]>::to_vec);
            if place.is_some() { bytes.context("a table of relocations lies beyond the file") } else { Ok(Vec::new()) }
        };
        let packed = table(elf::DT_RELR.0, elf::DT_RELRSZ.0)?;
        let plain = table(elf::DT_RELA.0, elf::DT_RELASZ.0)?;
        let chosen = table(elf::DT_JMPREL.0, elf::DT_PLTRELSZ.0)?;
        for place in unpack(&packed) {
            let address = self.word(place).context("a relocation of what the file does not have")?;
            self.addresses.insert(place, address);
        }
        self.first_and_last = [elf::DT_INIT.0, elf::DT_FINI.0]
            .into_iter()
            .filter_map(|tag| entries.get(&tag.cast_unsigned()).copied())
            .collect();
        let [address, choice] = self.processor.start_kinds();
        for entry in plain.chunks_exact(24).chain(chosen.chunks_exact(24)) {
            let word = |at: usize| u64::from_le_bytes(entry[at..at + 8].try_into().expect("eight"));
            let kind = u32::try_from(word(8) & 0xffff_ffff).expect("masked");
            match kind {
                it if it == address => drop(self.addresses.insert(word(0), word(16))),
                it if it == choice => drop(self.chosen.insert(word(0), word(16))),
                other => bail!("a relocation of kind {other}, which a static program does not need"),
            }
        }
        Ok(())
    }
}

/// The places of packed relocations: an address, or 63 bits for the words after the last place.
fn unpack(packed: &[u8]) -> Vec<u64> {
    let mut places = Vec::new();
    let mut next = 0u64;
    for word in packed.chunks_exact(8) {
        let word = u64::from_le_bytes(word.try_into().expect("eight"));
        if word & 1 == 0 {
            places.push(word);
            next = word.wrapping_add(8);
            continue;
        }
        places.extend((1..64).filter(|bit| word >> bit & 1 != 0).map(|bit| next.wrapping_add(8 * (bit - 1))));
        next = next.wrapping_add(8 * 63);
    }
    places
}
