//! The object of a library with instances: the image, and the functions for the host beside it.
//!
//! A function for the host jumps to the address that its instance, the first argument, has for it
//! (see [`crate::abi::instance`]). So a call costs a jump more than that of another library.

use super::bytes::Data;
use super::interface::{Item, ItemKind};
use crate::abi::instance::{IMAGE_SECTION, Instance, InstancesFields, OWN, RelocationFields, SegmentFields};
use crate::abi::program::{SHARED_SYMBOL, SharedFields, VERSION};
use crate::abi::record::Zero;
use anyhow::{Context, Result, bail};
use object::elf::{self, RelocationType};
use object::write::{Object, Relocation, StandardSection, Symbol, SymbolId, SymbolSection};
use object::{
    Architecture, BinaryFormat, Endianness, RelocationFlags, SectionKind, SymbolFlags, SymbolKind, SymbolScope,
};

/// The image of a library with instances. Places and lengths are in bytes, from the start of an
/// instance.
pub struct Payload {
    pub image: Vec<u8>,
    /// How many bytes an instance takes.
    pub length: u64,
    pub segments: Vec<Segment>,
    pub addresses: Vec<Address>,
    /// What is to be defined elsewhere.
    pub symbols: Vec<String>,
    /// Where the instance's record lies.
    pub instance: u64,
    /// Where the image has addresses that debuggers read; without `-g` nowhere.
    pub described: Vec<u64>,
}

/// See [`crate::abi::instance::Segment`].
pub struct Segment {
    pub place: u64,
    pub offset: u64,
    pub image_length: u64,
    pub length: u64,
    pub is_code: bool,
    pub is_constant: bool,
}

/// See [`crate::abi::instance::Relocation`].
pub struct Address {
    pub place: u64,
    /// Index of the symbol; none: of the instance itself.
    pub symbol: Option<u64>,
    pub addend: i64,
}

/// Where an instance has the word of a symbol of the interface, by its number.
fn place(number: usize) -> Result<u32> {
    let place = number.checked_mul(8).and_then(|place| place.checked_add(size_of::<Instance>()));
    place.and_then(|place| u32::try_from(place).ok()).context("the module has too many exports")
}

/// Writes the object.
///
/// # Errors
/// The target is another than ELF on x86-64 and aarch64.
pub fn write(architecture: Architecture, payload: &Payload, interface: &[Item], prefix: &str) -> Result<Vec<u8>> {
    let mut writer = Writer { object: Object::new(BinaryFormat::Elf, architecture, Endianness::Little), architecture };
    let library = writer.describe(payload, prefix)?;
    for (number, item) in interface.iter().enumerate() {
        match item.kind {
            ItemKind::New => writer.new_instance(&item.symbol, library)?,
            ItemKind::Free => writer.free(&item.symbol)?,
            ItemKind::Table(_) | ItemKind::Tag(_) => {}
            ItemKind::Global(_) => {
                let code = writer.variable(place(number)?)?;
                writer.function(&item.symbol, &code, &[]);
            }
            _ => {
                let code = writer.jump(place(number)?)?;
                writer.function(&item.symbol, &code, &[]);
            }
        }
    }
    // No code asks for a stack that can be run.
    writer.object.add_section(Vec::new(), b".note.GNU-stack".to_vec(), SectionKind::Other);
    writer.object.write().context("can't write the object")
}

struct Writer {
    object: Object<'static>,
    architecture: Architecture,
}

/// Bytes of code that a symbol's address goes into: offset, type, symbol, addend.
type Fixup = (u64, RelocationType, SymbolId, i64);

impl Writer {
    /// The description of the library and what it refers to.
    fn describe(&mut self, payload: &Payload, prefix: &str) -> Result<SymbolId> {
        let Payload { image, length, segments, addresses, symbols, instance, described } = payload;
        let name = self.local("name", StandardSection::ReadOnlyData, Data::from([prefix.as_bytes(), &[0]].concat()), 1);
        let mut rows = Data::default();
        for &Segment { place, offset, image_length, length, is_code, is_constant } in segments {
            let (is_code, is_constant) = (is_code.into(), is_constant.into());
            rows.record(SegmentFields { place, offset, image_length, length, is_code, is_constant });
        }
        let segment_rows = self.local("segments", StandardSection::ReadOnlyData, rows, 8);
        let mut rows = Data::default();
        for &Address { place, symbol, addend } in addresses {
            rows.record(RelocationFields { place, symbol: symbol.unwrap_or(OWN), addend: addend.cast_unsigned() });
        }
        let relocation_rows = self.local("relocations", StandardSection::ReadOnlyData, rows, 8);
        let mut rows = Data::default();
        for symbol in symbols {
            let symbol = self.undefined(symbol, SymbolKind::Unknown);
            rows.address(symbol);
        }
        let symbol_rows = self.local("symbols", StandardSection::ReadOnlyDataWithRel, rows, 8);
        let is_described = !described.is_empty();
        let describe = is_described.then(|| self.undefined("w2n_describe_instance", SymbolKind::Text));
        let rows: Vec<u8> = described.iter().flat_map(|place| place.to_le_bytes()).collect();
        let n_described = described.len() as u64;
        let described = is_described.then(|| self.local("described", StandardSection::ReadOnlyData, rows.into(), 8));
        // Of whole pages, so that it shares none.
        let image_length = image.len() as u64;
        let section = IMAGE_SECTION.as_bytes().to_vec();
        let section = self.object.add_section(Vec::new(), section, SectionKind::ReadOnlyData);
        let symbol = self.symbol("w2n.image", SymbolKind::Data, SymbolScope::Compilation, false);
        self.object.add_symbol_data(symbol, section, image, 4096);
        let image = symbol;
        let mut shared = Data::default();
        shared.record(SharedFields { version: VERSION, padding: Zero, programs: Zero, main: Zero, attempt: Zero });
        let symbol = self.symbol(SHARED_SYMBOL, SymbolKind::Data, SymbolScope::Dynamic, true);
        self.define(symbol, StandardSection::Data, shared, 8);
        let mut data = Data::default();
        data.record(InstancesFields {
            version: VERSION,
            padding: Zero,
            name: Some(name),
            image: Some(image),
            image_length,
            length: *length,
            segments: Some(segment_rows),
            n_segments: segments.len() as u64,
            relocations: Some(relocation_rows),
            n_relocations: addresses.len() as u64,
            symbols: Some(symbol_rows),
            n_symbols: symbols.len() as u64,
            instance: *instance,
            describe,
            described,
            n_described,
            free: Zero,
            file_number: Zero,
            file: Zero,
            end: Zero,
        });
        Ok(self.local("instances", StandardSection::Data, data, 8))
    }

    /// `PREFIX_new`: the runtime's function, which gets the library first.
    fn new_instance(&mut self, name: &str, library: SymbolId) -> Result<()> {
        let target = self.undefined("w2n_instance_new", SymbolKind::Text);
        match self.architecture {
            Architecture::X86_64 => {
                // mov rsi, rdi; lea rdi, [rip + library]; jmp target
                let code = [0x48, 0x89, 0xfe, 0x48, 0x8d, 0x3d, 0, 0, 0, 0, 0xe9, 0, 0, 0, 0];
                let fixups = [(6, elf::R_X86_64_PC32, library, -4), (11, elf::R_X86_64_PLT32, target, -4)];
                self.function(name, &code, &fixups);
            }
            Architecture::Aarch64 => {
                // mov x1, x0; adrp x0, library; add x0, x0, :lo12:library; b target
                let code = words(&[0xaa00_03e1, 0x9000_0000, 0x9100_0000, 0x1400_0000]);
                let fixups = [
                    (4, elf::R_AARCH64_ADR_PREL_PG_HI21, library, 0),
                    (8, elf::R_AARCH64_ADD_ABS_LO12_NC, library, 0),
                    (12, elf::R_AARCH64_JUMP26, target, 0),
                ];
                self.function(name, &code, &fixups);
            }
            _ => bail!(OTHER),
        }
        Ok(())
    }

    /// `PREFIX_free`
    fn free(&mut self, name: &str) -> Result<()> {
        let target = self.undefined("w2n_instance_free", SymbolKind::Text);
        match self.architecture {
            Architecture::X86_64 => {
                self.function(name, &[0xe9, 0, 0, 0, 0], &[(1, elf::R_X86_64_PLT32, target, -4)]);
            }
            Architecture::Aarch64 => {
                self.function(name, &words(&[0x1400_0000]), &[(0, elf::R_AARCH64_JUMP26, target, 0)]);
            }
            _ => bail!(OTHER),
        }
        Ok(())
    }

    /// Code that jumps to the address at a place of the first argument.
    fn jump(&self, place: u32) -> Result<Vec<u8>> {
        match self.architecture {
            // jmp [rdi + place]
            Architecture::X86_64 => Ok([&[0xff, 0xa7], &place.to_le_bytes()[..]].concat()),
            // br x16
            Architecture::Aarch64 => Ok([load(place, 16), words(&[0xd61f_0200])].concat()),
            _ => bail!(OTHER),
        }
    }

    /// Code that returns the address at a place of the first argument.
    fn variable(&self, place: u32) -> Result<Vec<u8>> {
        match self.architecture {
            // mov rax, [rdi + place]; ret
            Architecture::X86_64 => Ok([&[0x48, 0x8b, 0x87], &place.to_le_bytes()[..], &[0xc3]].concat()),
            // ret
            Architecture::Aarch64 => Ok([load(place, 0), words(&[0xd65f_03c0])].concat()),
            _ => bail!(OTHER),
        }
    }

    fn function(&mut self, name: &str, code: &[u8], fixups: &[Fixup]) {
        let symbol = self.symbol(name, SymbolKind::Text, SymbolScope::Dynamic, false);
        let section = self.object.section_id(StandardSection::Text);
        let start = self.object.add_symbol_data(symbol, section, code, 16);
        for &(offset, r_type, symbol, addend) in fixups {
            let offset = start.saturating_add(offset);
            self.relocate(section, offset, r_type, symbol, addend);
        }
    }

    fn local(&mut self, name: &str, section: StandardSection, data: Data, alignment: u64) -> SymbolId {
        let symbol = self.symbol(&format!("w2n.{name}"), SymbolKind::Data, SymbolScope::Compilation, false);
        self.define(symbol, section, data, alignment);
        symbol
    }

    fn define(&mut self, symbol: SymbolId, section: StandardSection, data: Data, alignment: u64) {
        let section = self.object.section_id(section);
        let start = self.object.add_symbol_data(symbol, section, &data.bytes, alignment);
        let r_type = match self.architecture {
            Architecture::Aarch64 => elf::R_AARCH64_ABS64,
            _ => elf::R_X86_64_64,
        };
        for (offset, target, addend) in data.addresses {
            self.relocate(section, start.saturating_add(offset), r_type, target, addend);
        }
    }

    fn relocate(
        &mut self,
        section: object::write::SectionId,
        offset: u64,
        r_type: RelocationType,
        symbol: SymbolId,
        addend: i64,
    ) {
        let relocation = Relocation { offset, symbol, addend, flags: RelocationFlags::Elf { r_type } };
        self.object.add_relocation(section, relocation).expect("both are of the same format");
    }

    fn undefined(&mut self, name: &str, kind: SymbolKind) -> SymbolId {
        self.symbol(name, kind, SymbolScope::Unknown, false)
    }

    fn symbol(&mut self, name: &str, kind: SymbolKind, scope: SymbolScope, weak: bool) -> SymbolId {
        let (name, section, flags) = (name.as_bytes().to_vec(), SymbolSection::Undefined, SymbolFlags::None);
        self.object.add_symbol(Symbol { name, value: 0, size: 0, kind, scope, weak, section, flags })
    }
}

const OTHER: &str = "libraries with instances are available for x86-64 and aarch64 Linux";

/// `ldr xR, [x0, #place]`, through x16 where the place is far.
fn load(place: u32, register: u32) -> Vec<u8> {
    const FAR: u32 = 8 << 12;
    if place < FAR {
        return words(&[0xf940_0000 | (place >> 3) << 10 | register]);
    }
    let halves = [place & 0xffff, place >> 16];
    // movz x16, #low; movk x16, #high, lsl #16; ldr xR, [x0, x16]
    words(&[0xd280_0010 | halves[0] << 5, 0xf2a0_0010 | halves[1] << 5, 0xf870_6800 | register])
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}
