//! Unix archives: their members, the symbols of these, and which of them a program can need.

use crate::Result;
use object::elf;
use object::{Object, ObjectSymbol, SymbolFlags};
use std::collections::{HashMap, HashSet};
use std::io::Write;

pub struct Member {
    pub name: String,
    pub data: Vec<u8>,
}

pub fn read_archive(data: &[u8]) -> Result<Vec<Member>> {
    let archive = object::read::archive::ArchiveFile::parse(data)?;
    let member = |member: object::read::Result<object::read::archive::ArchiveMember>| {
        let member = member?;
        let name = String::from_utf8_lossy(member.name()).into_owned();
        Ok(Member { name, data: member.data(data)?.to_vec() })
    };
    archive.members().map(member).collect()
}

/// Names that an object defines for others, and names that others must define for it. A weak
/// reference asks for nothing.
pub struct Symbols {
    pub defined: Vec<String>,
    pub undefined: Vec<String>,
    /// The lines of `symbols`.
    pub index_lines: Vec<String>,
}

impl Symbols {
    pub fn read(data: &[u8]) -> Result<Symbols> {
        let file = object::File::parse(data)?;
        let mut symbols = Symbols { defined: Vec::new(), undefined: Vec::new(), index_lines: Vec::new() };
        for symbol in file.symbols() {
            let list = match (symbol.is_undefined(), symbol.is_global(), symbol.is_weak()) {
                (true, _, false) => &mut symbols.undefined,
                (false, true, _) => {
                    symbols.index_lines.extend(index_line(&symbol)?);
                    &mut symbols.defined
                }
                _ => continue,
            };
            list.push(symbol.name()?.to_owned());
        }
        Ok(symbols)
    }
}

/// `f120 printf`: letter of the kind (function, data, thread-local, other), size, name. Hidden
/// symbols are among them: in an archive many of the C library's public functions are hidden.
fn index_line(symbol: &object::Symbol) -> Result<Option<String>> {
    let SymbolFlags::Elf { st_info, .. } = symbol.flags() else { return Ok(None) };
    let letter = match st_info.st_type() {
        elf::STT_FUNC | elf::STT_GNU_IFUNC => 'f',
        elf::STT_OBJECT | elf::STT_COMMON => 'd',
        elf::STT_TLS => 't',
        _ => 'n',
    };
    Ok(Some(format!("{letter}{} {}\n", symbol.size(), symbol.name()?)))
}

/// The members that a linker may take to define the roots, without `except`. The first definition
/// counts, as it does for linkers.
pub fn closure(pool: &[Symbols], roots: Vec<String>, except: usize) -> HashSet<usize> {
    let mut definitions = HashMap::new();
    for (index, symbols) in pool.iter().enumerate() {
        for name in &symbols.defined {
            definitions.entry(name.as_str()).or_insert(index);
        }
    }
    let mut needed = HashSet::new();
    let mut wanted: Vec<&str> = roots.iter().map(String::as_str).collect();
    while let Some(name) = wanted.pop() {
        match definitions.get(name) {
            Some(&index) if index != except && needed.insert(index) => {
                wanted.extend(pool[index].undefined.iter().map(String::as_str));
            }
            _ => {}
        }
    }
    needed
}

/// A member of a Unix archive; names are numbers, because archives may hold two members of one
/// name.
pub fn append_member(archive: &mut Vec<u8>, number: usize, data: &[u8]) -> Result<()> {
    writeln!(archive, "{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`", format!("{number}.o/"), 0, 0, 0, 644, data.len())?;
    archive.extend(data);
    archive.resize(archive.len().next_multiple_of(2), b'\n');
    Ok(())
}
