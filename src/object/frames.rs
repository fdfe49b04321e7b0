//! Frame information: `.eh_frame` (DWARF 5, 6.4; LSB "Exception Frames"), by `gimli`, so that debuggers and unwinders walk
//! through our frames.

use super::text::Text;
use super::writer::Writer;
use crate::code::Code;
use crate::layout::Symbol;
use anyhow::{Context, Result};
use gimli::RunTimeEndian;
use gimli::constants::{DW_EH_PE_pcrel, DW_EH_PE_sdata4};
use gimli::write::{EhFrame, EndianVec, FrameTable, RelocateWriter, Relocation, RelocationTarget};
use object::elf;
use object::write::StandardSection;

pub fn write(writer: &mut Writer, code: &Code, text: &Text) -> Result<()> {
    let Some(mut common) = code.frame_common.clone() else { return Ok(()) };
    common.fde_address_encoding = gimli::constants::DwEhPe(DW_EH_PE_pcrel.0 | DW_EH_PE_sdata4.0);
    let mut table = FrameTable::default();
    let common = table.add_cie(common);
    for func in &code.functions {
        if let Some(frame) = &func.frame {
            table.add_fde(common, frame.clone());
        }
    }
    let mut eh_frame = EhFrame::from(Section { data: EndianVec::new(RunTimeEndian::Little), relocations: Vec::new() });
    table.write_eh_frame(&mut eh_frame).context("frame information")?;
    let section = writer.object.section_id(StandardSection::EhFrame);
    writer.object.append_section_data(section, eh_frame.0.data.slice(), 8);
    let text_section = writer.object.section_id(StandardSection::Text);
    let text_symbol = writer.object.section_symbol(text_section);
    for relocation in &eh_frame.0.relocations {
        let RelocationTarget::Symbol(packed) = relocation.target else {
            unreachable!("frames refer to functions, never to sections");
        };
        let start = text.offsets[&Symbol::unpack(packed)];
        let addend = i64::from(start) + relocation.addend;
        writer.add_relocation(section, relocation.offset as u64, text_symbol, elf::R_X86_64_PC32, addend);
    }
    Ok(())
}

#[derive(Clone)]
struct Section {
    data: EndianVec<RunTimeEndian>,
    relocations: Vec<Relocation>,
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
