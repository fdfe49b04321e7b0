//! The text section: functions one behind the other, signature fields before those whose address is taken, calls between
//! them resolved.

use crate::abi;
use crate::code::{Code, CompiledFunction, Relocation, RelocationKind, Target};
use crate::layout::{Layout, Symbol};
use crate::wasm::Module;
use anyhow::{Result, bail};
use std::collections::HashMap;

pub struct Text {
    pub bytes: Vec<u8>,
    pub alignment: u64,
    /// Offset of each function of [`Code::functions`].
    pub starts: Vec<u32>,
    /// Offset by symbol.
    pub offsets: HashMap<Symbol, u32>,
    /// What the linker has to resolve; offsets are in the section.
    pub relocations: Vec<Relocation>,
}

/// Puts the functions together.
///
/// # Errors
/// When they take 2 GiB or more: calls would not reach.
pub fn assemble(module: &Module, layout: &Layout, code: &Code) -> Result<Text> {
    let size: usize = code.functions.iter().map(|func| func.bytes.len() + 32).sum();
    let mut text = Text {
        bytes: Vec::with_capacity(size),
        alignment: 16,
        starts: Vec::with_capacity(code.functions.len()),
        offsets: HashMap::with_capacity(code.functions.len()),
        relocations: Vec::new(),
    };
    for func in &code.functions {
        text.place(module, layout, func);
    }
    if text.bytes.len() >= i32::MAX as usize {
        bail!("the machine code takes {} bytes, more than the 2 GiB of one object", text.bytes.len());
    }
    for (func, index) in code.functions.iter().zip(0..) {
        text.resolve(func, index);
    }
    Ok(text)
}

/// Fills the space between functions: `int3`, so that a stray jump stops.
const PADDING: u8 = 0xcc;

impl Text {
    fn place(&mut self, module: &Module, layout: &Layout, func: &CompiledFunction) {
        let alignment = func.alignment.max(16) as usize;
        self.alignment = self.alignment.max(alignment as u64);
        let field = abi::SIGNATURE_FIELD_BEFORE_ENTRY as usize;
        let needs_field = matches!(func.symbol, Symbol::Function(_));
        let unpadded = self.bytes.len() + if needs_field { field } else { 0 };
        let start = unpadded.next_multiple_of(alignment);
        self.bytes.resize(start, PADDING);
        if let Symbol::Function(index) = func.symbol {
            // The field holds signature - entry. A relocation gives signature + addend - field.
            self.bytes[start - field..].fill(0);
            self.relocations.push(Relocation {
                offset: (start - field) as u32,
                kind: RelocationKind::Relative4,
                target: Target::Symbol(Symbol::Signature(layout.signature(module, index))),
                addend: -(field as i64),
            });
        }
        self.bytes.extend_from_slice(&func.bytes);
        self.starts.push(start as u32);
        self.offsets.insert(func.symbol, start as u32);
    }

    fn resolve(&mut self, func: &CompiledFunction, index: usize) {
        let start = self.starts[index];
        for relocation in &func.relocations {
            let offset = start + relocation.offset;
            let target = match relocation.target {
                Target::Here(inside) => Some(start + inside),
                Target::Symbol(symbol) => self.offsets.get(&symbol).copied(),
                Target::Runtime(_) => None,
            };
            match (target, relocation.kind) {
                (Some(target), RelocationKind::Relative4 | RelocationKind::Call4) => {
                    let value = i64::from(target) + relocation.addend - i64::from(offset);
                    let value = i32::try_from(value).expect("the section is smaller than 2 GiB");
                    self.bytes[offset as usize..][..4].copy_from_slice(&value.to_le_bytes());
                }
                _ => self.relocations.push(Relocation { offset, ..*relocation }),
            }
        }
    }
}
