//! The runtime's object, so that it can stand in one program with a standard library of Rust: its
//! own names are local, and the ends of that library lead to its own.

use crate::Result;
use crate::runtime_target::Jump;
use object::elf::{self, SectionHeader64};
use object::pod::{bytes_of, from_bytes};
use object::{LittleEndian as LE, Object, ObjectSymbol, SymbolIndex};

type Elf<'data> = object::read::elf::ElfFile64<'data, LE>;
type Symbol<'data, 'file> = object::read::elf::ElfSymbol64<'data, 'file, LE>;

/// What other objects may refer to in the runtime: functions of `abi/builtin.rs` and those of WASI.
const INTERFACE: [&str; 2] = ["w2n_", "wasi_"];

/// The object with all other symbols than those of [`INTERFACE`] local, so that it can be linked
/// with a program in Rust, which has a standard library of its own. Local symbols stand before
/// global ones, so that symbols get other numbers.
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
        if symbol.st_shndx.get(LE) != elf::SHN_UNDEF && !is_interface {
            symbol.set_st_info(elf::STB_LOCAL, symbol.st_type());
        }
        symbols.push((index, symbol));
    }
    // The first symbol, which stands for none, is local. The sort keeps the order otherwise.
    symbols.sort_by_key(|(_, symbol)| symbol.st_bind() != elf::STB_LOCAL);
    let n_local = symbols.iter().filter(|(_, symbol)| symbol.st_bind() == elf::STB_LOCAL).count();
    let mut numbers = vec![0; symbols.len()];
    symbols.iter().enumerate().for_each(|(new, (old, _))| numbers[old.0] = new as u32);

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
                let size = size_of::<elf::Rela64<LE>>();
                for at in (start..start + header.sh_size.get(LE) as usize).step_by(size) {
                    let mut relocation = *from_bytes::<elf::Rela64<LE>>(&data[at..]).map_err(|()| "misaligned")?.0;
                    let symbol = numbers[relocation.r_sym(LE, false) as usize];
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
pub const REDIRECTED: [(&str, &str); 3] = [
    ("rust_begin_unwind", "w2n_panic"),
    ("9panicking15panic_with_hook", "w2n_panic_unknown"),
    ("5alloc8rust_oom", "w2n_out_of_memory"),
];

/// Makes functions that never return jump to others: their code becomes one jump. Where the
/// compiler names them otherwise, nothing changes but the size of programs.
pub fn redirect(data: &[u8], pairs: &[(&str, &str)], jump: &Jump) -> Result<Vec<u8>> {
    let file = object::read::elf::ElfFile64::<LE>::parse(data)?;
    let mut result = data.to_vec();
    for &(from, to) in pairs {
        let find = |end: &str| file.symbols().find(|symbol| symbol.name().is_ok_and(|name| name.ends_with(end)));
        match (find(from), find(to)) {
            (Some(from), Some(to)) if write_jump(&mut result, jump, &file, (&from, to.index()))? => {}
            _ => println!("cargo::warning=the runtime is larger than it should be: no function `{from}`"),
        }
    }
    Ok(result)
}

/// Overwrites the code of a function that has a section for itself, and its relocations. Says
/// whether it could.
fn write_jump(result: &mut [u8], jump: &Jump, file: &Elf, ends: (&Symbol, SymbolIndex)) -> Result<bool> {
    let (function, target) = ends;
    let Some(section) = function.section_index() else { return Ok(false) };
    let table = file.elf_section_table();
    let code = table.section(section)?;
    let mut relocations = table
        .iter()
        .filter(|header| header.sh_type.get(LE) == elf::SHT_RELA && header.sh_info.get(LE) as usize == section.0);
    let Some(relocations) = relocations.next() else { return Ok(false) };
    let is_alone = function.address() == 0 && function.size() == code.sh_size.get(LE);
    if !is_alone || function.size() < jump.code.len() as u64 {
        return Ok(false);
    }
    let start = code.sh_offset.get(LE) as usize;
    result[start..start + jump.code.len()].copy_from_slice(jump.code);
    // A relocation of type 0 does nothing.
    let start = relocations.sh_offset.get(LE) as usize;
    result[start..start + relocations.sh_size.get(LE) as usize].fill(0);
    let size = size_of::<elf::Rela64<LE>>();
    let mut relocation =
        *from_bytes::<elf::Rela64<LE>>(&result[start..start + size]).map_err(|()| "misaligned section")?.0;
    relocation.r_offset.set(LE, jump.offset);
    relocation.set_r_info(LE, false, target.0 as u32, elf::RelocationType(jump.relocation));
    relocation.r_addend.set(LE, jump.addend);
    result[start..start + size].copy_from_slice(bytes_of(&relocation));
    Ok(true)
}
