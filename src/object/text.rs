//! The text section: functions one behind the other, signature fields before those whose address is taken, calls between
//! them resolved.

use super::format::Format;
use crate::abi;
use crate::code::{Code, CompiledFunction, Relocation, RelocationKind, Target};
use crate::layout::{Layout, Symbol};
use crate::wasm::Module;
use anyhow::{Result, bail};
use object::Architecture;
use std::collections::HashMap;

pub struct Text {
    pub bytes: Vec<u8>,
    pub alignment: u64,
    /// Offset of each function of [`Code::functions`].
    pub starts: Vec<u32>,
    /// Offset by symbol.
    pub offsets: HashMap<Symbol, u32>,
    /// What the linker has to resolve, sorted by offset. Offsets are in the section, and so is [`Target::Here`].
    pub relocations: Vec<Relocation>,
}

/// Puts the functions together.
///
/// # Errors
/// When they are so large that calls would not reach.
pub fn assemble(module: &Module, layout: &Layout, code: &Code, format: Format) -> Result<Text> {
    let size: usize = code.functions.iter().map(|func| func.bytes.len() + 32).sum();
    let mut text = Text {
        bytes: Vec::with_capacity(size),
        alignment: 16,
        starts: Vec::with_capacity(code.functions.len()),
        offsets: HashMap::with_capacity(code.functions.len()),
        relocations: Vec::new(),
    };
    for func in &code.functions {
        text.place(module, layout, func, padding(format));
    }
    if text.bytes.len() >= i32::MAX as usize {
        bail!("the machine code takes {} bytes, more than the 2 GiB of one object", text.bytes.len());
    }
    for (func, index) in code.functions.iter().zip(0..) {
        text.resolve(func, index)?;
    }
    text.relocations.sort_by_key(|relocation| relocation.offset);
    Ok(text)
}

/// Fills the space between functions, so that a stray jump stops: `int3`; on the other processors, zeros are no instruction.
fn padding(format: Format) -> u8 {
    if format.architecture == Architecture::X86_64 { 0xcc } else { 0 }
}

impl Text {
    fn place(&mut self, module: &Module, layout: &Layout, func: &CompiledFunction, padding: u8) {
        let alignment = func.alignment.max(16) as usize;
        self.alignment = self.alignment.max(alignment as u64);
        let field = abi::SIGNATURE_FIELD_BEFORE_ENTRY as usize;
        let needs_field = matches!(func.symbol, Symbol::Function(_));
        let unpadded = self.bytes.len() + if needs_field { field } else { 0 };
        let start = unpadded.next_multiple_of(alignment);
        self.bytes.resize(start, padding);
        if let Symbol::Function(index) = func.symbol {
            self.bytes[start - field..].fill(0);
            self.relocations.push(Relocation {
                offset: (start - field) as u32,
                kind: RelocationKind::FromNext4,
                target: Target::Symbol(Symbol::Signature(layout.signature(module, index))),
                addend: 0,
            });
        }
        self.bytes.extend_from_slice(&func.bytes);
        self.starts.push(start as u32);
        self.offsets.insert(func.symbol, start as u32);
    }

    fn resolve(&mut self, func: &CompiledFunction, index: usize) -> Result<()> {
        let start = self.starts[index];
        for relocation in &func.relocations {
            let offset = start + relocation.offset;
            let target = match relocation.target {
                Target::Here(inside) => Some(start + inside),
                Target::Symbol(symbol) => self.offsets.get(&symbol).copied(),
                Target::Runtime(_) => None,
            };
            if let Some(target) = target {
                let distance = i64::from(target) + relocation.addend - i64::from(offset);
                if patch(&mut self.bytes[offset as usize..], relocation.kind, distance)? {
                    continue;
                }
            }
            let target = match relocation.target {
                Target::Here(inside) => Target::Here(start + inside),
                other => other,
            };
            self.relocations.push(Relocation { offset, target, ..*relocation });
        }
        Ok(())
    }
}

/// Writes the distance into a field. `false` if only the linker knows what belongs there.
///
/// # Errors
/// When the distance is too large for the instruction.
fn patch(field: &mut [u8], kind: RelocationKind, distance: i64) -> Result<bool> {
    // The section is smaller than 2 GiB.
    let near = distance as i32;
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
            edit(field, |word| word | (near as u32 >> 2 & 0x03ff_ffff));
        }
        RelocationKind::RiscvCall => {
            // `jalr` adds its 12 bits with their sign.
            let upper = near.wrapping_add(0x800) as u32 & 0xffff_f000;
            edit(field, |word| word | upper);
            edit(&mut field[4..], |word| word | (near as u32) << 20);
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
