//! Frame information, so that debuggers and unwinders walk through our frames: `.eh_frame` (DWARF
//! 5, 6.4; LSB "Exception Frames"), by `gimli`, or `.pdata` and `.xdata` (PE format, "The .pdata
//! Section").

use super::dwarf::Section;
use super::text::{Text, offset_in_text};
use super::writer::Writer;
use crate::code::{Code, Frame, FrameConventions, FrameRule, Register, RelocationKind};
use crate::layout::Symbol;
use crate::number::to_u32;
use anyhow::{Context, Result};
use gimli::Encoding;
use gimli::constants::{DW_EH_PE_absptr, DW_EH_PE_pcrel, DW_EH_PE_sdata4, DW_OP_lit0, DW_OP_lit1, DwEhPe};
use gimli::write::{
    Address, CallFrameInstruction, CommonInformationEntry, EhFrame, Expression, FrameDescriptionEntry, FrameTable,
    RelocationTarget,
};
use object::write::{SectionId, StandardSection, SymbolId};
use object::{Architecture, BinaryFormat, SectionKind};

pub fn write(writer: &mut Writer, code: &Code, text: &Text) -> Result<()> {
    match writer.format.binary {
        BinaryFormat::Coff => write_windows(writer, code, text),
        _ => return write_dwarf(writer, code),
    }
    Ok(())
}

fn write_dwarf(writer: &mut Writer, code: &Code) -> Result<()> {
    let Some(conventions) = &code.frame_conventions else { return Ok(()) };
    let is_macho = writer.format.binary == BinaryFormat::MachO;
    // Apple's tools want whole words.
    let size = if is_macho { DW_EH_PE_absptr } else { DW_EH_PE_sdata4 };
    let mut common = common_entry(conventions);
    common.fde_address_encoding = DwEhPe(DW_EH_PE_pcrel.0 | size.0);
    let mut table = FrameTable::default();
    let common = table.add_cie(common);
    for func in &code.functions {
        if let Some(Frame::Dwarf(rules)) = &func.frame {
            let address = Address::Symbol { symbol: func.symbol.pack(), addend: 0 };
            let mut entry = FrameDescriptionEntry::new(address, to_u32(func.bytes.len()));
            rules.iter().for_each(|(offset, rule)| entry.add_instruction(*offset, instruction(rule)));
            table.add_fde(common, entry);
        }
    }
    let mut eh_frame = EhFrame::from(Section::new(writer.format.endianness));
    table.write_eh_frame(&mut eh_frame).context("frame information")?;
    let section = writer.object.section_id(StandardSection::EhFrame);
    writer.object.append_section_data(section, eh_frame.0.data.slice(), 8);
    let section_start = is_macho.then(|| writer.local_label("w2n.eh_frame", section));
    for relocation in &eh_frame.0.relocations {
        let RelocationTarget::Symbol(packed) = relocation.target else {
            unreachable!("frames refer to functions, never to sections");
        };
        let function = writer.refer(Symbol::unpack(packed));
        let (offset, addend) = (relocation.offset as u64, relocation.addend);
        match section_start {
            Some(start) => {
                let here = addend.checked_sub_unsigned(offset).expect("a section is smaller than the address space");
                writer.add_difference(section, offset, function, start, relocation.size.into(), here);
            }
            None => writer.add_relocation(section, offset, function, RelocationKind::Relative4, addend),
        }
    }
    Ok(())
}

fn common_entry(conventions: &FrameConventions) -> CommonInformationEntry {
    // Version 1 is that of `.eh_frame` (LSB, "The Common Information Entry Format").
    let encoding = Encoding { address_size: 8, format: gimli::Format::Dwarf32, version: 1 };
    let FrameConventions { code_alignment, data_alignment, return_address, initial } = conventions;
    let mut entry = CommonInformationEntry::new(encoding, *code_alignment, *data_alignment, register(*return_address));
    initial.iter().for_each(|rule| entry.add_instruction(instruction(rule)));
    entry
}

fn register(Register(number): Register) -> gimli::Register {
    gimli::Register(number)
}

fn instruction(rule: &FrameRule) -> CallFrameInstruction {
    match *rule {
        FrameRule::Cfa(base, offset) => CallFrameInstruction::Cfa(register(base), offset),
        FrameRule::CfaRegister(base) => CallFrameInstruction::CfaRegister(register(base)),
        FrameRule::CfaOffset(offset) => CallFrameInstruction::CfaOffset(offset),
        FrameRule::Stored(stored, offset) => CallFrameInstruction::Offset(register(stored), offset),
        FrameRule::Equals(known, offset) => CallFrameInstruction::ValOffset(register(known), offset),
        FrameRule::SignedReturn(is_signed) => {
            // A register that only unwinders know (DWARF for the Arm 64-bit Architecture, 4.1).
            const RA_SIGN_STATE: gimli::Register = gimli::Register(34);
            let mut value = Expression::new();
            value.op(if is_signed { DW_OP_lit1 } else { DW_OP_lit0 });
            CallFrameInstruction::ValExpression(RA_SIGN_STATE, value)
        }
    }
}

/// A row of `.pdata` per function: where it begins, on x64 where it ends, and its record, all from
/// the beginning of the image.
fn write_windows(writer: &mut Writer, code: &Code, text: &Text) {
    let records = code.functions.iter().zip(&text.starts).filter_map(|(func, start)| match &func.frame {
        Some(Frame::Windows(record)) => Some((*start, to_u32(func.bytes.len()), record)),
        _ => None,
    });
    let records: Vec<_> = records.collect();
    if records.is_empty() {
        return;
    }
    let text_start = writer.text_start();
    let xdata = writer.object.add_section(Vec::new(), b".xdata".to_vec(), SectionKind::ReadOnlyData);
    let pdata = writer.object.add_section(Vec::new(), b".pdata".to_vec(), SectionKind::ReadOnlyData);
    let xdata_start = writer.local_label("w2n.xdata", xdata);
    for (start, length, record) in records {
        let place = writer.object.append_section_data(xdata, record, 4);
        put_image_relative(writer, pdata, text_start, start.into());
        if writer.format.architecture == Architecture::X86_64 {
            put_image_relative(writer, pdata, text_start, offset_in_text(start, length).into());
        }
        put_image_relative(writer, pdata, xdata_start, place);
    }
}

fn put_image_relative(writer: &mut Writer, section: SectionId, symbol: SymbolId, addend: u64) {
    let offset = writer.object.append_section_data(section, &[0; 4], 4);
    writer.add_image_relative(section, offset, symbol, addend.cast_signed());
}
