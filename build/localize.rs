//! The runtime's object, so that it can stand in one program with a standard library of Rust: its
//! own names are local, and the ends of that library lead to its own.

use crate::Result;
use object::elf::{self, SectionHeader64};
use object::pod::{bytes_of, from_bytes};
use object::{LittleEndian as LE, Object, ObjectSection, ObjectSymbol, SectionIndex, SymbolKind};
use std::collections::HashMap;

type Elf<'data> = object::read::elf::ElfFile64<'data, LE>;
type Symbol<'data, 'file> = object::read::elf::ElfSymbol64<'data, 'file, LE>;

/// What other objects may refer to in the runtime: functions of `abi/builtin.rs` and those of WASI.
const INTERFACE: [&str; 2] = ["w2n_", "wasi_"];

/// What a host may define in place of the runtime: single functions of WASI. Linkers prefer its
/// definition to a weak one.
const REPLACEABLE: &str = "wasi_";

/// The object with all other symbols than those of [`INTERFACE`] local, so that it can be linked
/// with a program in Rust, which has a standard library of its own. Local symbols stand before
/// global ones, so that symbols get other numbers. And with the relocations to an end of the
/// standard library leading to the runtime's, see [`REDIRECTED`].
pub fn localize(data: &[u8]) -> Result<Vec<u8>> {
    let file = object::read::elf::ElfFile64::<LE>::parse(data)?;
    let headers: Vec<SectionHeader64<LE>> = file.elf_section_table().iter().copied().collect();
    let end =
        file.symbols().find(|symbol| symbol.name() == Ok("w2n_panic_unknown")).ok_or("the runtime has no panic")?;
    let end = file.elf_symbol_table().symbol(end.index())?;
    let mut symbols = Vec::new();
    for (index, symbol) in file.elf_symbol_table().enumerate() {
        let mut symbol = *symbol;
        let name = file.elf_symbol_table().symbol_name(LE, &symbol)?;
        let is_interface = INTERFACE.iter().any(|prefix| name.starts_with(prefix.as_bytes()));
        if name.starts_with(b"_Unwind_") {
            // Nothing unwinds: panics abort. What would begin it must not be looked for elsewhere.
            let name = symbol.st_name;
            symbol = *end;
            symbol.st_name = name;
        }
        if symbol.st_shndx.get(LE) != elf::SHN_UNDEF {
            match name {
                _ if !is_interface => symbol.set_st_info(elf::STB_LOCAL, symbol.st_type()),
                _ if name.starts_with(REPLACEABLE.as_bytes()) => symbol.set_st_info(elf::STB_WEAK, symbol.st_type()),
                _ => {}
            }
        }
        symbols.push((index, symbol));
    }
    // The first symbol, which stands for none, is local. The sort keeps the order otherwise.
    symbols.sort_by_key(|(_, symbol)| symbol.st_bind() != elf::STB_LOCAL);
    let n_local = symbols.iter().filter(|(_, symbol)| symbol.st_bind() == elf::STB_LOCAL).count();
    let mut numbers = vec![0; symbols.len()];
    symbols.iter().enumerate().for_each(|(new, (old, _))| numbers[old.0] = new as u32);

    let redirected = redirected(&file)?;
    let mut result = data.to_vec();
    let mut put = |at: usize, bytes: &[u8]| result[at..at + bytes.len()].copy_from_slice(bytes);
    for (number, mut header) in headers.into_iter().enumerate() {
        let start = header.sh_offset.get(LE) as usize;
        match header.sh_type.get(LE) {
            elf::SHT_SYMTAB => {
                header.sh_info.set(LE, n_local as u32);
                let place = |index: usize| start + index * size_of::<elf::Sym64<LE>>();
                symbols.iter().enumerate().for_each(|(index, (_, symbol))| put(place(index), bytes_of(symbol)));
            }
            elf::SHT_RELA => {
                // Unwinding tables go on to describe the function that they were written for.
                let subject = file.elf_section_table().section(SectionIndex(header.sh_info.get(LE) as usize))?;
                let is_table = file.elf_section_table().section_name(LE, subject)?.starts_with(b".eh_frame");
                let size = size_of::<elf::Rela64<LE>>();
                for at in (start..start + header.sh_size.get(LE) as usize).step_by(size) {
                    let mut relocation = *from_bytes::<elf::Rela64<LE>>(&data[at..]).map_err(|()| "misaligned")?.0;
                    let old = relocation.r_sym(LE, false) as usize;
                    let symbol = numbers[redirected.get(&old).copied().filter(|_| !is_table).unwrap_or(old)];
                    relocation.set_r_info(LE, false, symbol, relocation.r_type(LE, false));
                    put(at, bytes_of(&relocation));
                }
            }
            // Groups are for objects of which some sections may be left out in favour of others:
            // here, all is taken.
            elf::SHT_GROUP => header = *from_bytes(&[0; size_of::<SectionHeader64<LE>>()]).expect("the right size").0,
            elf::SHT_SYMTAB_SHNDX | elf::SHT_REL => return Err("the runtime has sections of an unknown kind".into()),
            _ => {}
        }
        header.sh_flags.set(LE, elf::SectionFlags(header.sh_flags.get(LE).0 & !elf::SHF_GROUP.0));
        put(file.elf_header().e_shoff.get(LE) as usize + number * size_of_val(&header), bytes_of(&header));
    }
    Ok(result)
}

/// The standard library's ends of a program that went wrong, by the ends of their symbols, and the
/// runtime's own: see `wasi-shim/src/panic.rs`.
const REDIRECTED: [(&str, &str); 4] = [
    ("rust_begin_unwind", "w2n_panic"),
    ("9panicking15panic_with_hook", "w2n_panic_unknown"),
    ("5alloc8rust_oom", "w2n_out_of_memory"),
    // It would print the text that was cut, for which it knows what of Unicode is printable.
    ("3str19slice_error_fail_rt", "w2n_panic_unknown"),
];

/// The numbers of symbols that stand for an end of the standard library, with those of the symbols
/// to take for them: a function's own symbol and its section's. What is only called from there is
/// then called by nobody, so that no linker takes it into a program. Where the compiler names or
/// places the functions otherwise, nothing changes but the size of programs.
fn redirected(file: &Elf) -> Result<HashMap<usize, usize>> {
    let mut numbers = HashMap::new();
    for (from, to) in REDIRECTED {
        let find = |end: &str| file.symbols().find(|symbol| symbol.name().is_ok_and(|name| name.ends_with(end)));
        let alone = find(from).and_then(|function| Some((function.index(), section_of_its_own(file, &function)?)));
        let (Some((function, section)), Some(to)) = (alone, find(to)) else {
            println!("cargo::warning=the runtime is larger than it should be: no function `{from}`");
            continue;
        };
        let of_section = file
            .symbols()
            .filter(|symbol| symbol.kind() == SymbolKind::Section && symbol.section_index() == Some(section));
        numbers.extend(of_section.map(|symbol| symbol.index()).chain([function]).map(|it| (it.0, to.index().0)));
    }
    Ok(numbers)
}

/// The section of a function that nothing else is in.
fn section_of_its_own(file: &Elf, function: &Symbol) -> Option<SectionIndex> {
    let section = file.section_by_index(function.section_index()?).ok()?;
    (function.address() == 0 && function.size() == section.size()).then(|| section.index())
}
