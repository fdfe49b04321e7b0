//! The text section: functions one after the other, signature fields before those whose address is
//! taken, calls between them resolved.

use super::format::ObjectFormat;
use crate::abi;
use crate::code::{Code, CompiledFunction, Relocation, RelocationKind, RelocationTarget};
use crate::layout::{Layout, Symbol};
use crate::number::to_u32;
use crate::wasm::Module;
use anyhow::{Result, bail};
use object::Architecture;
use std::collections::HashMap;

/// Bytes of the field before a function's entry, see [`abi::table::SIGNATURE_FIELD_BEFORE_ENTRY`].
const SIGNATURE_FIELD: usize = abi::table::SIGNATURE_FIELD_BEFORE_ENTRY.unsigned_abs() as usize;

pub struct Text {
    pub bytes: Vec<u8>,
    pub alignment: u64,
    /// Offset of each function of [`Code::functions`].
    pub starts: Vec<u32>,
    /// Offset by symbol.
    pub offsets: HashMap<Symbol, u32>,
    /// What the linker must resolve, sorted by offset. Offsets are in the section, and so is
    /// [`RelocationTarget::Here`].
    pub relocations: Vec<Relocation>,
}

/// The most bytes of code in one object: every distance in it fits into the 32 bits of an
/// instruction.
const LARGEST: usize = i32::MAX as usize;

/// Puts the functions together.
///
/// # Errors
/// When they are so large that calls would not reach.
pub fn assemble(module: &Module, layout: &Layout, code: &Code, format: ObjectFormat) -> Result<Text> {
    let size =
        code.functions.iter().fold(0usize, |size, func| size.saturating_add(func.bytes.len()).saturating_add(32));
    let mut text = Text {
        bytes: Vec::with_capacity(size.min(LARGEST)),
        alignment: 16,
        starts: Vec::with_capacity(code.functions.len()),
        offsets: HashMap::with_capacity(code.functions.len()),
        relocations: Vec::new(),
    };
    for func in &code.functions {
        text.place(module, layout, func, padding(format))?;
    }
    for (func, index) in code.functions.iter().zip(0..) {
        text.resolve(func, index)?;
    }
    text.relocations.sort_by_key(|relocation| relocation.offset);
    Ok(text)
}

/// Fills the space between functions, so that a stray jump stops: `int3`; on the other processors,
/// zeros are not an instruction.
fn padding(format: ObjectFormat) -> u8 {
    if format.architecture == Architecture::X86_64 { 0xcc } else { 0 }
}

impl Text {
    fn place(&mut self, module: &Module, layout: &Layout, func: &CompiledFunction, padding: u8) -> Result<()> {
        let alignment = func.alignment.max(to_u32(SIGNATURE_FIELD));
        self.alignment = self.alignment.max(u64::from(alignment));
        let needs_field = matches!(func.symbol, Symbol::Function(_));
        let field = if needs_field { SIGNATURE_FIELD } else { 0 };
        let start =
            self.bytes.len().checked_add(field).and_then(|end| end.checked_next_multiple_of(alignment as usize));
        let end = start.and_then(|start| start.checked_add(func.bytes.len())).filter(|end| *end < LARGEST);
        let (Some(start), Some(_)) = (start, end) else {
            bail!("the machine code takes more than the 2 GiB of one object");
        };
        self.bytes.resize(start, padding);
        let start = to_u32(start);
        if let Symbol::Function(index) = func.symbol {
            let field = self.bytes.last_chunk_mut::<SIGNATURE_FIELD>().expect("room was made for it");
            field.fill(0);
            self.relocations.push(Relocation {
                offset: before_entry(start),
                kind: RelocationKind::FromNext4,
                target: RelocationTarget::Symbol(Symbol::Signature(layout.signature(module, index))),
                addend: 0,
            });
        }
        self.bytes.extend_from_slice(&func.bytes);
        self.starts.push(start);
        self.offsets.insert(func.symbol, start);
        Ok(())
    }

    fn resolve(&mut self, func: &CompiledFunction, index: usize) -> Result<()> {
        let start = self.starts[index];
        for relocation in &func.relocations {
            let offset = offset_in_text(start, relocation.offset);
            let target = match relocation.target {
                RelocationTarget::Here(inside) => Some(offset_in_text(start, inside)),
                RelocationTarget::Symbol(symbol) => self.offsets.get(&symbol).copied(),
                RelocationTarget::Runtime(_) => None,
            };
            if let Some(target) = target {
                let distance = i64::from(target).checked_add(relocation.addend);
                let distance = distance.and_then(|target| target.checked_sub(offset.into()));
                let distance = distance.expect("addends are small");
                if patch(&mut self.bytes[offset as usize..], relocation.kind, distance)? {
                    continue;
                }
            }
            let target = match relocation.target {
                RelocationTarget::Here(inside) => RelocationTarget::Here(offset_in_text(start, inside)),
                other => other,
            };
            self.relocations.push(Relocation { offset, target, ..*relocation });
        }
        Ok(())
    }
}

/// The offset in the section of what has an offset in a function.
pub fn offset_in_text(start: u32, inside: u32) -> u32 {
    start.checked_add(inside).expect("the section is smaller than 2 GiB")
}

/// Where the signature field of a function stands, from the offset of its entry.
fn before_entry(start: u32) -> u32 {
    start.checked_sub(to_u32(SIGNATURE_FIELD)).expect("room was made for it")
}

/// Writes the distance into a field. `false` if only the linker knows what belongs there.
///
/// # Errors
/// When the distance is too large for the instruction.
fn patch(field: &mut [u8], kind: RelocationKind, distance: i64) -> Result<bool> {
    let near = i32::try_from(distance).expect("the section is smaller than 2 GiB");
    match kind {
        RelocationKind::Relative4 | RelocationKind::Call4 => field[..4].copy_from_slice(&near.to_le_bytes()),
        RelocationKind::S390xRelative4 | RelocationKind::S390xCall4 => {
            field[..4].copy_from_slice(&(near / 2).to_be_bytes());
        }
        RelocationKind::Aarch64Call26 => {
            const REACH: i64 = 1 << 27;
            if !(-REACH..REACH).contains(&distance) {
                bail!(
                    "the machine code is so large that a call does not reach: on aarch64, {REACH} bytes are the limit"
                );
            }
            edit(field, |word| word | (near.cast_unsigned() >> 2 & 0x03ff_ffff));
        }
        RelocationKind::RiscvCall => {
            // `jalr` adds its 12 bits with their sign.
            let upper = near.wrapping_add(0x800).cast_unsigned() & 0xffff_f000;
            edit(field, |word| word | upper);
            edit(&mut field[4..], |word| word | near.cast_unsigned() << 20);
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// Changes an instruction of 4 bytes, in little-endian order.
fn edit(field: &mut [u8], change: impl FnOnce(u32) -> u32) {
    let word = u32::from_le_bytes(field[..4].try_into().expect("4 bytes"));
    field[..4].copy_from_slice(&change(word).to_le_bytes());
}
