//! The object of a library with instances → the image that the runtime maps for each of them.
//!
//! Comes in: the module's object. Goes out: what [`crate::abi::instance`] says of the image. The
//! linker makes a shared library of it, whose segments and dynamic relocations are read here, so
//! that the runtime has no ELF file to understand.

use super::files::Files;
use super::runtime::Runtime;
use super::{command, described, run};
use crate::abi::instance::INSTANCE_SYMBOL;
use crate::object::instances::{Address, Payload, Segment};
use anyhow::{Context, Result, bail};
use object::elf::{self, PF_W, PF_X, PT_GNU_RELRO, PT_LOAD, PT_TLS};
use object::read::elf::{ElfFile64, FileHeader, ProgramHeader};
use object::{Endianness, Object, ObjectSymbol, RelocationFlags, RelocationTarget};
use std::collections::HashMap;
use std::path::PathBuf;

const FLAGS: &str = "-shared -Bsymbolic -z noexecstack -z relro -z now --gc-sections --build-id=none \
    --no-identity-comment --hash-style=gnu --warn-unresolved-symbols --version-script <exports> -o library <module>";

/// Links the image. `for_debuggers`: with everything that debuggers read.
///
/// # Errors
/// The module has variables that are a thread's own; a message of the linker.
pub fn link(runtime: &Runtime, object: Vec<u8>, for_debuggers: bool) -> Result<Payload> {
    let script = format!("{{ global: {INSTANCE_SYMBOL}; local: *; }};\n");
    let described = for_debuggers.then(|| object.clone());
    let inputs = [("<exports>", script.into_bytes()), ("<module>", object)];
    let inputs = inputs.map(|(name, bytes)| (PathBuf::from(name), bytes.into()));
    let (files, output) = Files::new(inputs.into());
    // All warnings are about symbols that are defined beside the image.
    let mut arguments = command(runtime, FLAGS);
    if !for_debuggers {
        arguments.push("--strip-all".to_owned());
    }
    run(&arguments, files)?;
    let bytes = std::mem::take(&mut *output.lock().expect("no thread panics while it holds the lock"));
    let read = || {
        let places = described.map(|object| described::places(&object, &bytes)).transpose()?;
        anyhow::Ok(Payload { described: places.unwrap_or_default(), ..read(bytes)? })
    };
    read().context("the linker made an image that is not known here")
}

fn read(bytes: Vec<u8>) -> Result<Payload> {
    let file = ElfFile64::<Endianness>::parse(&*bytes)?;
    let endian = file.endian();
    let headers = file.elf_header().program_headers(endian, &*bytes)?;
    let mut segments = Vec::new();
    let mut length = 0u64;
    let constant = headers.iter().find(|header| header.p_type(endian) == PT_GNU_RELRO);
    let constant = constant.map(|it| (it.p_vaddr(endian), it.p_memsz(endian)));
    for header in headers {
        if header.p_type(endian) == PT_TLS {
            bail!("it has variables that are a thread's own");
        }
        if header.p_type(endian) != PT_LOAD {
            continue;
        }
        let (place, flags) = (header.p_vaddr(endian), header.p_flags(endian));
        let end = place.checked_add(header.p_memsz(endian)).context("it is too large")?;
        length = length.max(end);
        segments.push(Segment {
            place,
            offset: header.p_offset(endian),
            image_length: header.p_filesz(endian),
            length: header.p_memsz(endian),
            is_code: (flags & PF_X).0 != 0,
            is_constant: (flags & PF_W).0 == 0
                || constant.is_some_and(|(start, length)| start <= place && start.saturating_add(length) >= end),
        });
    }
    let mut symbols = Vec::new();
    let mut numbers = HashMap::new();
    let mut addresses = Vec::new();
    let table = file.dynamic_symbol_table().context("it has no symbols")?;
    for (place, relocation) in file.dynamic_relocations().into_iter().flatten() {
        let RelocationFlags::Elf { r_type } = relocation.flags() else { bail!("it has strange relocations") };
        let (symbol, addend) = match (kind(file.elf_header().e_machine(endian), r_type), relocation.target()) {
            (Some(Kind::Own), _) => (None, relocation.addend()),
            (Some(Kind::Symbol { has_addend }), RelocationTarget::Symbol(index)) => {
                let symbol = object::ObjectSymbolTable::symbol_by_index(&table, index)?;
                let addend = if has_addend { relocation.addend() } else { 0 };
                match symbol.is_undefined() {
                    false => (None, addend.wrapping_add_unsigned(symbol.address())),
                    true => {
                        let number = *numbers.entry(index).or_insert_with(|| symbols.len() as u64);
                        if number == symbols.len() as u64 {
                            symbols.push(symbol.name()?.to_owned());
                        }
                        (Some(number), addend)
                    }
                }
            }
            _ => bail!("it has a relocation of type {}", r_type.0),
        };
        addresses.push(Address { place, symbol, addend });
    }
    let instance = file.dynamic_symbols().find(|symbol| symbol.name() == Ok(INSTANCE_SYMBOL));
    let instance = instance.context("it has no instance")?.address();
    Ok(Payload { image: bytes, length, segments, addresses, symbols, instance, described: Vec::new() })
}

/// What a dynamic relocation puts at its place.
enum Kind {
    /// An address in the image.
    Own,
    /// That of a symbol.
    Symbol { has_addend: bool },
}

fn kind(machine: elf::Machine, r_type: elf::RelocationType) -> Option<Kind> {
    match (machine, r_type) {
        (elf::EM_X86_64, elf::R_X86_64_RELATIVE) | (elf::EM_AARCH64, elf::R_AARCH64_RELATIVE) => Some(Kind::Own),
        (elf::EM_X86_64, elf::R_X86_64_64) | (elf::EM_AARCH64, elf::R_AARCH64_ABS64) => {
            Some(Kind::Symbol { has_addend: true })
        }
        (elf::EM_X86_64, elf::R_X86_64_GLOB_DAT | elf::R_X86_64_JUMP_SLOT)
        | (elf::EM_AARCH64, elf::R_AARCH64_GLOB_DAT | elf::R_AARCH64_JUMP_SLOT) => {
            Some(Kind::Symbol { has_addend: false })
        }
        _ => None,
    }
}
