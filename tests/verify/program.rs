//! A finished program that a damage is done to: places of it by names, and fields of its code.

use object::elf::{PT_LOAD, ProgramHeader64};
use object::read::elf::{ElfFile64, ProgramHeader as _};
use object::{Architecture, LittleEndian, Object as _, ObjectSection as _, ObjectSymbol as _, SymbolKind};
use std::ops::Range;

pub struct Program {
    pub bytes: Vec<u8>,
}

/// The bits of `adrp` that have the page: the two low ones stand above the others.
const OF_ADR: u32 = 0x60ff_ffe0;

impl Program {
    fn elf(&self) -> ElfFile64<'_, LittleEndian> {
        ElfFile64::parse(&*self.bytes).expect("it is a program")
    }

    pub fn is_arm(&self) -> bool {
        self.elf().architecture() == Architecture::Aarch64
    }

    /// Address and size. Of two of that name, the module's, which no other object sees.
    pub fn symbol(&self, name: &str) -> (u64, u64) {
        let elf = self.elf();
        let named = || elf.symbols().filter(|symbol| symbol.name() == Ok(name));
        let symbol = named().find(|symbol| symbol.is_local()).or_else(|| named().next());
        symbol.map(|symbol| (symbol.address(), symbol.size())).expect("the program has such a symbol")
    }

    pub fn address(&self, name: &str) -> u64 {
        self.symbol(name).0
    }

    /// Where the bytes of an address lie in the file.
    pub fn offset(&self, address: u64) -> usize {
        let elf = self.elf();
        let mut loaded = elf.elf_program_headers().iter().filter(|header| header.p_type(LittleEndian) == PT_LOAD);
        let place = loaded.find_map(|header| {
            let distance = address.checked_sub(header.p_vaddr(LittleEndian))?;
            (distance < header.p_filesz(LittleEndian)).then(|| header.p_offset(LittleEndian) + distance)
        });
        usize::try_from(place.expect("the file has it")).expect("it is in memory")
    }

    pub fn place(&self, name: &str) -> usize {
        self.offset(self.address(name))
    }

    pub fn set(&mut self, place: usize, bytes: &[u8]) {
        self.bytes[place..place + bytes.len()].copy_from_slice(bytes);
    }

    pub fn flip(&mut self, name: &str, by: isize) {
        let place = self.place(name).checked_add_signed(by).expect("it is in the file");
        self.bytes[place] ^= 1;
    }

    pub fn word(&self, address: u64) -> u32 {
        let place = self.offset(address);
        u32::from_le_bytes(self.bytes[place..place + 4].try_into().expect("four"))
    }

    pub fn change(&mut self, address: u64, change: impl FnOnce(u32) -> u32) {
        let (place, word) = (self.offset(address), change(self.word(address)));
        self.set(place, &word.to_le_bytes());
    }

    /// Makes the field of a function that leads to a symbol lead to another, and `by` units on:
    /// bytes, or instructions.
    pub fn redirect(&mut self, function: &str, from: &str, to: &str, by: u64) {
        let (address, size) = self.symbol(function);
        let (from, to) = (self.address(from), self.address(to));
        let code = address..address + size;
        if !self.is_arm() {
            return self.redirect_x86(code, from, to + by);
        }
        if let Some(page) = self.find_address(code.clone(), from) {
            let pages = (to >> 12).wrapping_sub(page >> 12);
            self.change(page, |word| word & !OF_ADR | adr_bits(pages));
            return self
                .change(page + 4, |word| word & !(0xfff << 10) | u32::try_from(to & 0xfff).expect("masked") << 10);
        }
        let call = code.step_by(4).find(|&at| self.called(at) == Some(from)).expect("the function refers to it");
        let distance = (to + 4 * by).wrapping_sub(call) >> 2 & 0x3ff_ffff;
        self.change(call, |word| word & !0x3ff_ffff | u32::try_from(distance).expect("masked"));
    }

    fn redirect_x86(&mut self, code: Range<u64>, from: u64, to: u64) {
        let leads = |at: &u64| (at + 4).wrapping_add_signed(self.word(*at).cast_signed().into()) == from;
        let field = (code.start..code.end - 3).find(leads).expect("the function refers to it");
        let distance = i32::try_from(to.wrapping_sub(field + 4).cast_signed()).expect("it is near");
        self.change(field, |_| distance.cast_unsigned());
    }

    /// Where `adrp` and `add` make an address.
    pub fn find_address(&self, mut code: Range<u64>, wanted: u64) -> Option<u64> {
        code.end -= 4;
        code.step_by(4).find(|&at| {
            let (page, add) = (self.word(at), self.word(at + 4));
            let low = u64::from(add >> 10 & 0xfff);
            page >> 24 & 0x9f == 0x90 && add >> 22 == 0x91 << 2 && self.page(at) + low == wanted
        })
    }

    /// The page that `adrp` makes.
    pub fn page(&self, at: u64) -> u64 {
        let word = self.word(at);
        let pages = (word >> 5 & 0x7_ffff) << 2 | word >> 29 & 3;
        let pages = i64::from((pages << 11).cast_signed() >> 11);
        (at & !0xfff).wrapping_add_signed(pages << 12)
    }

    /// Code of functions with a symbol.
    pub fn functions(&self) -> Vec<Range<u64>> {
        let elf = self.elf();
        let functions = elf.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text);
        functions.map(|symbol| symbol.address()..symbol.address() + symbol.size()).collect()
    }

    /// Addresses of a section.
    pub fn section(&self, name: &str) -> Range<u64> {
        let elf = self.elf();
        let section = elf.section_by_name(name).expect("the program has it");
        section.address()..section.address() + section.size()
    }

    /// Where bytes begin in the file, for the first time.
    pub fn find(&self, bytes: &[u8]) -> usize {
        self.bytes.windows(bytes.len()).position(|window| window == bytes).expect("the program has them")
    }

    /// Where an instruction that calls leads.
    pub fn called(&self, at: u64) -> Option<u64> {
        let place = self.offset(at);
        if self.is_arm() {
            let word = self.word(at);
            let distance = i64::from((word << 6).cast_signed() >> 6) << 2;
            return (word >> 26 == 0x25).then(|| at.wrapping_add_signed(distance));
        }
        let is_call = self.bytes[place] == 0xe8;
        is_call.then(|| (at + 5).wrapping_add_signed(self.word(at + 1).cast_signed().into()))
    }

    /// Whether a call of a function's beginning stands there.
    pub fn is_call(&self, at: u64) -> bool {
        let target = self.called(at);
        self.elf().symbols().any(|symbol| Some(symbol.address()) == target && symbol.size() > 0)
    }

    /// The program header of a kind with these flags, by its place.
    pub fn header(&self, kind: u32, flags: u32) -> usize {
        let elf = self.elf();
        let is_it = |header: &&ProgramHeader64<LittleEndian>| {
            header.p_type(LittleEndian).0 == kind && header.p_flags(LittleEndian).0 & flags == flags
        };
        let number = elf.elf_program_headers().iter().position(|header| is_it(&header)).expect("there is one");
        64 + 56 * number
    }

    pub fn grant(&mut self, kind: u32, has: u32, more: u32) {
        let flags = self.header(kind, has) + 4;
        self.bytes[flags] |= u8::try_from(more).expect("three bits");
    }
}

/// Pages, as `adrp` has them.
pub fn adr_bits(pages: u64) -> u32 {
    let pages = u32::try_from(pages & 0x1f_ffff).expect("masked");
    (pages & 3) << 29 | pages >> 2 << 5
}
