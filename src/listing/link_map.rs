//! The map of a linked program: sections and symbols by address, as linkers print it with `-Map`.

use anyhow::{Context, Result};
use object::{Object, ObjectSection, ObjectSymbol, SectionIndex, SymbolKind};
use std::collections::HashMap;

/// A symbol in its section.
struct Row<'data> {
    address: u64,
    size: u64,
    name: &'data str,
}

/// Sections in the order of their addresses, with the symbols that lie in them.
///
/// # Errors
/// When the program can't be read.
pub fn print(program: &[u8]) -> Result<String> {
    let file = object::File::parse(program).context("can't read the program")?;
    let mut symbols: HashMap<SectionIndex, Vec<Row>> = HashMap::new();
    for symbol in file.symbols().filter(|symbol| !matches!(symbol.kind(), SymbolKind::File | SymbolKind::Section)) {
        let (Some(section), Ok(name)) = (symbol.section_index(), symbol.name()) else { continue };
        symbols.entry(section).or_default().push(Row { address: symbol.address(), size: symbol.size(), name });
    }
    let mut sections: Vec<_> = file.sections().filter(|section| section.address() != 0).collect();
    sections.sort_by_key(|section| (section.address(), section.index().0));
    let mut text = format!("{:>16} {:>10}  section or symbol\n", "address", "size");
    for section in sections {
        let name = section.name().context("a section has no name")?;
        text.push_str(&format!("{:>16x} {:>10x}  {name}\n", section.address(), section.size()));
        let mut rows = symbols.remove(&section.index()).unwrap_or_default();
        rows.sort_by_key(|row| (row.address, row.name));
        for Row { address, size, name } in rows {
            text.push_str(&format!("{address:>16x} {size:>10x}    {}\n", name.escape_debug()));
        }
    }
    Ok(text)
}
