//! Names of symbols as the assembler reads them: each its own, in quotation marks where it has
//! other characters than C's names.

use super::{Elf, number};
use object::{Object, ObjectSection, ObjectSymbol, SymbolIndex, SymbolKind};
use std::collections::{HashMap, HashSet};

pub struct Names {
    /// By the number of the symbol.
    symbols: HashMap<u32, String>,
    /// Names of sections, by the number of the section's symbol.
    sections: HashMap<u32, String>,
}

impl Names {
    pub fn of(file: &Elf) -> Names {
        let mut names = Names { symbols: HashMap::new(), sections: HashMap::new() };
        let mut taken = HashSet::new();
        // Names that others refer to are first: they stay as they are.
        let (global, local): (Vec<_>, Vec<_>) = file.symbols().partition(|symbol| !symbol.is_local());
        for symbol in global.into_iter().chain(local) {
            let index = number(symbol.index());
            if symbol.kind() == SymbolKind::Section {
                let section = symbol.section_index().and_then(|index| file.section_by_index(index).ok());
                let name = section.and_then(|section| Some(section.name().ok()?.to_owned()));
                names.sections.extend(name.map(|name| (index, name)));
                continue;
            }
            let name = symbol.name().unwrap_or_default();
            if name.is_empty() || symbol.kind() == SymbolKind::File {
                continue;
            }
            let name = if symbol.is_local() { unique(readable(name), &mut taken) } else { name.to_owned() };
            taken.insert(name.clone());
            names.symbols.insert(index, quoted(name));
        }
        names
    }

    /// The name of a symbol.
    pub fn symbol(&self, index: SymbolIndex) -> Option<&str> {
        self.symbols.get(&number(index)).map(String::as_str)
    }

    /// What a relocation refers to: a symbol or a section.
    pub fn target(&self, index: SymbolIndex) -> Option<&str> {
        self.symbol(index).or_else(|| self.sections.get(&number(index)).map(String::as_str))
    }
}

/// Without characters that mean something to the assembler even in quotation marks.
fn readable(name: &str) -> String {
    let is_special = |letter: char| letter.is_control() || matches!(letter, '"' | '\\' | '%' | '$' | '@' | '#' | ';');
    name.chars().map(|letter| if is_special(letter) { '_' } else { letter }).collect()
}

/// Assemblers have one name for one place; objects may have a name twice.
fn unique(name: String, taken: &mut HashSet<String>) -> String {
    if !taken.contains(&name) {
        return name;
    }
    let mut numbers = 1u64..;
    loop {
        let next = format!("{name}.{}", numbers.next().unwrap_or_default());
        if !taken.contains(&next) {
            return next;
        }
    }
}

fn quoted(name: String) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
    match name.bytes().all(is_plain) && !name.starts_with(|first: char| first.is_ascii_digit()) {
        true => name,
        false => format!("\"{name}\""),
    }
}
