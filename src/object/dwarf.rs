//! Sections of DWARF that refer to symbols and to each other, as `gimli` writes them.

use super::writer::Writer;
use crate::code::RelocationKind;
use crate::layout::Symbol;
use anyhow::{Context, Result};
use gimli::write::{EndianVec, RelocateWriter, Relocation, RelocationTarget, Sections};
use gimli::{RunTimeEndian, SectionId};
use object::write::StandardSegment;
use object::{
    BinaryFormat, Endianness, RelocationEncoding, RelocationFlags, RelocationKind as GenericRelocation, SectionKind,
};
use std::collections::HashMap;

/// A section in work.
#[derive(Clone)]
pub struct Section {
    pub data: EndianVec<RunTimeEndian>,
    pub relocations: Vec<Relocation>,
}

impl Section {
    pub fn new(endianness: Endianness) -> Section {
        let endian = match endianness {
            Endianness::Little => RunTimeEndian::Little,
            Endianness::Big => RunTimeEndian::Big,
        };
        Section { data: EndianVec::new(endian), relocations: Vec::new() }
    }
}

impl RelocateWriter for Section {
    type Writer = EndianVec<RunTimeEndian>;

    fn writer(&self) -> &Self::Writer {
        &self.data
    }

    fn writer_mut(&mut self) -> &mut Self::Writer {
        &mut self.data
    }

    fn relocate(&mut self, relocation: Relocation) {
        self.relocations.push(relocation);
    }
}

/// Adds the sections to the object.
///
/// # Errors
/// When the format can't express a reference.
pub fn write(writer: &mut Writer, sections: &mut Sections<Section>) -> Result<()> {
    let is_macho = writer.format.binary == BinaryFormat::MachO;
    let mut ids = HashMap::new();
    sections.for_each(|id, section| {
        if !section.data.slice().is_empty() {
            let name = if is_macho { macho_name(id) } else { id.name().to_owned() };
            let segment = writer.object.segment_name(StandardSegment::Debug).to_vec();
            let kind = if id.is_string() { SectionKind::DebugString } else { SectionKind::Debug };
            ids.insert(id, writer.object.add_section(segment, name.into_bytes(), kind));
        }
        Ok::<_, anyhow::Error>(())
    })?;
    sections.for_each_mut(|id, section| {
        let Some(&own) = ids.get(&id) else { return Ok(()) };
        let (relocations, mut data) = (std::mem::take(&mut section.relocations), section.data.slice().to_vec());
        if is_macho {
            // Apple's tools know which section is meant: there is one of each kind.
            let within = relocations.iter().filter(|it| matches!(it.target, RelocationTarget::Section(_)));
            for Relocation { offset, size, addend, .. } in within {
                let field = data.get_mut(*offset..).and_then(|rest| rest.get_mut(..usize::from(*size)));
                let field = field.context("a reference is cut off")?;
                field.copy_from_slice(&addend.to_le_bytes()[..field.len()]);
            }
        }
        // Formats that keep addends in the data want it first.
        writer.object.set_section_data(own, data, 1);
        for Relocation { offset, size, target, addend, .. } in relocations {
            let at = offset as u64;
            match target {
                RelocationTarget::Symbol(symbol) => {
                    let symbol = writer.refer(Symbol::unpack(symbol));
                    writer.add_relocation(own, at, symbol, RelocationKind::Absolute8, addend);
                }
                RelocationTarget::Section(_) if is_macho => {}
                RelocationTarget::Section(other) => {
                    let symbol = writer.object.section_symbol(ids[&other]);
                    let kind = match writer.format.binary {
                        BinaryFormat::Coff => GenericRelocation::SectionOffset,
                        _ => GenericRelocation::Absolute,
                    };
                    let size = size.checked_mul(8).context("a reference is too large")?;
                    let flags = RelocationFlags::Generic { kind, encoding: RelocationEncoding::Generic, size };
                    let relocation = object::write::Relocation { offset: at, symbol, addend, flags };
                    writer.object.add_relocation(own, relocation).context("debug information")?;
                }
            }
        }
        Ok(())
    })
}

/// Names of sections have 16 bytes at most.
fn macho_name(id: SectionId) -> String {
    format!("__{}", id.name().trim_start_matches('.')).chars().take(16).collect()
}
