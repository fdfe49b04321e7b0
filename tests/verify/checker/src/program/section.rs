//! The sections of an object, where they lie in a program.
//!
//! The linker keeps a section in one piece. Its symbols tell its place, on which all must agree;
//! its bytes must be the object's, but for relocated fields.

use super::Linked;
use super::elf::Elf;
use super::template::Template;
use anyhow::{Context, Result, ensure};
use object::elf;
use object::read::{Object as _, ObjectSection as _, ObjectSymbol as _, RelocationTarget};
use object::{RelocationFlags, SectionFlags};
use std::collections::HashMap;
use std::ops::Range;

/// A section, its contents, and where it lies.
pub struct Section {
    pub name: String,
    pub flags: u64,
    pub start: u64,
    pub size: u64,
    /// Empty if it has zeros only.
    pub template: Template,
    pub fields: Vec<Field>,
}

/// A field that the linker filled in.
#[derive(Clone, Debug)]
pub struct Field {
    pub offset: u64,
    pub kind: u32,
    pub symbol: usize,
    pub addend: i64,
}

#[derive(Clone, Debug, Default)]
pub struct Symbol {
    pub name: String,
    pub section: Option<usize>,
    pub offset: u64,
    pub is_weak: bool,
}

/// An object in a program.
pub struct Placed {
    /// By index in the object; those that are not in the program are not here.
    pub sections: HashMap<usize, Section>,
    pub symbols: Vec<Symbol>,
}

impl Placed {
    /// # Errors
    /// When it can't be read.
    pub fn read(elf: &Elf, object: &[u8], linked: &mut Linked) -> Result<Placed> {
        let file = object::File::parse(object)?;
        ensure!(file.architecture() == elf.processor.architecture(), "the object is of another processor");
        let mut symbols = Vec::new();
        for symbol in file.symbols() {
            let index = symbol.index().0;
            symbols.resize(symbols.len().max(index + 1), Symbol::default());
            symbols[index] = Symbol {
                name: String::from_utf8_lossy(symbol.name_bytes()?).into_owned(),
                section: symbol.section_index().map(|section| section.0),
                offset: symbol.address(),
                is_weak: symbol.is_weak(),
            };
        }
        let mut placed = Placed { sections: HashMap::new(), symbols };
        for section in file.sections() {
            let SectionFlags::Elf { sh_flags, .. } = section.flags() else { continue };
            let name = section.name()?.to_owned();
            if sh_flags.0 & elf::SHF_ALLOC.0 == 0 || name == ".eh_frame" || section.size() == 0 {
                continue;
            }
            ensure!(sh_flags.0 & elf::SHF_MERGE.0 == 0, "the linker takes {name} apart");
            let Some(start) = placed.find(elf, section.index().0) else {
                // Data that nothing needs is left out; a field that leads there fails.
                if sh_flags.0 & elf::SHF_EXECINSTR.0 != 0 {
                    linked.fail(format!("the code in {name} is not found"));
                }
                continue;
            };
            let mut fields = Vec::new();
            for (offset, relocation) in section.relocations() {
                let RelocationTarget::Symbol(symbol) = relocation.target() else { continue };
                let RelocationFlags::Elf { r_type } = relocation.flags() else { continue };
                fields.push(Field { offset, kind: r_type.0, symbol: symbol.0, addend: relocation.addend() });
            }
            let mut template = Template::new(section.data().context("a section lies beyond its object")?);
            fields.iter().for_each(|field| elf.processor.fill_in(field, &mut template));
            let section_here = Section { name, flags: sh_flags.0, start, size: section.size(), template, fields };
            placed.sections.insert(section.index().0, section_here);
        }
        placed.check_symbols(elf, linked);
        Ok(placed)
    }

    /// Where most of a section's symbols say that it begins.
    fn find(&self, elf: &Elf, section: usize) -> Option<u64> {
        let mut votes: HashMap<u64, usize> = HashMap::new();
        for symbol in self.symbols.iter().filter(|symbol| symbol.section == Some(section) && !symbol.is_weak) {
            for place in elf.symbols.get(&symbol.name).into_iter().flatten() {
                if let Some(start) = place.address.checked_sub(symbol.offset) {
                    *votes.entry(start).or_default() += 1;
                }
            }
        }
        votes.into_iter().max_by_key(|&(start, n_votes)| (n_votes, std::cmp::Reverse(start))).map(|(start, _)| start)
    }

    /// Every name that the object defines stands where its section is.
    fn check_symbols(&self, elf: &Elf, linked: &mut Linked) {
        // Linkers drop names of compilers, which begin so.
        let is_dropped = |name: &str| name.is_empty() || name.starts_with(".L");
        for symbol in self.symbols.iter().filter(|symbol| !is_dropped(&symbol.name) && !symbol.is_weak) {
            let Some(section) = symbol.section.and_then(|section| self.sections.get(&section)) else { continue };
            let address = section.start.wrapping_add(symbol.offset);
            let places = elf.symbols.get(&symbol.name).map_or(&[][..], Vec::as_slice);
            if !places.iter().any(|place| place.address == address) {
                linked.fail(format!("`{}` is not at its place in {}", symbol.name, section.name));
            }
        }
    }

    /// The bytes of the object, but for relocated fields.
    pub fn check_contents(&self, elf: &Elf, linked: &mut Linked) {
        for section in self.sections.values() {
            linked.sections += 1;
            if section.template.len() == 0 {
                continue;
            }
            let Some(found) = elf.bytes(section.start, section.size) else {
                linked.fail(format!("{} lies beyond the program", section.name));
                continue;
            };
            if let Some(offset) = section.template.differs(found) {
                let place = self.describe(section, offset);
                linked.fail(format!("{place}: not the object's byte"));
            }
        }
    }

    /// Ranges of code.
    pub fn code(&self) -> Vec<Range<u64>> {
        let is_code = |section: &&Section| section.flags & elf::SHF_EXECINSTR.0 != 0;
        let sections = self.sections.values().filter(is_code);
        sections.map(|section| section.start..section.start.saturating_add(section.size)).collect()
    }

    /// A place as the nearest symbol before it.
    pub fn describe(&self, section: &Section, offset: u64) -> String {
        let is_here = |symbol: &&Symbol| {
            let own = symbol.section.and_then(|index| self.sections.get(&index));
            own.is_some_and(|own| std::ptr::eq(own, section)) && symbol.offset <= offset && !symbol.name.is_empty()
        };
        match self.symbols.iter().filter(is_here).max_by_key(|symbol| symbol.offset) {
            Some(symbol) => format!("`{}`+{:#x}", symbol.name, offset - symbol.offset),
            None => format!("{}+{offset:#x}", section.name),
        }
    }
}
