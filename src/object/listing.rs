//! Machine code as text, for `--emit listing`: AT&T syntax as `objdump -d` prints it, names in
//! place of what the linker fills in, and the Wasm offset of every place that can trap or be
//! returned to, and where exceptions land.

use crate::code::{Code, CompiledFunction, Relocation, RelocationTarget};
use crate::layout::Symbol;
use crate::number::to_u32;
use crate::translate::Architecture;
use crate::unit::Unit;
use iced_x86::{Decoder, DecoderOptions, Formatter, GasFormatter, Instruction};
use std::fmt::Write;

/// Prints the functions in their order.
pub fn print(unit: &Unit, code: &Code) -> String {
    let mut text = String::new();
    for func in &code.functions {
        print_function(unit, func, &mut text);
    }
    text
}

fn print_function(unit: &Unit, func: &CompiledFunction, text: &mut String) {
    let result: std::fmt::Result = (|| {
        writeln!(text, "# {}, {} bytes", unit.describe(func.symbol), func.bytes.len())?;
        writeln!(text, "{}:", symbol_name(unit, func.symbol))?;
        each_instruction(unit, func, |start, line| writeln!(text, "  {start:6x}:  {line}"))?;
        writeln!(text)
    })();
    result.expect("a string takes everything");
}

/// The instructions of a function of x86-64, each with its offset; nothing for other processors.
pub fn instructions(unit: &Unit, architecture: Architecture, func: &CompiledFunction) -> Option<Vec<(u32, String)>> {
    let mut all = Vec::new();
    let mut add = |start, line: &str| {
        all.push((start, line.to_owned()));
        Ok(())
    };
    matches!(architecture, Architecture::X86_64).then(|| each_instruction(unit, func, &mut add))?.ok()?;
    Some(all)
}

/// Offset and text of each instruction, with what is known of its place as a comment.
fn each_instruction(
    unit: &Unit,
    func: &CompiledFunction,
    mut take: impl FnMut(u32, &str) -> std::fmt::Result,
) -> std::fmt::Result {
    let mut formatter = GasFormatter::new();
    let mut decoder = Decoder::with_ip(64, &func.bytes, 0, DecoderOptions::NONE);
    let mut instruction = Instruction::default();
    let mut sites = func.sites.iter().peekable();
    let mut relocations = func.relocations.iter().peekable();
    let mut try_calls = func.try_calls.iter().peekable();
    while decoder.can_decode() {
        let start = to_u32(decoder.position());
        decoder.decode_out(&mut instruction);
        let end = to_u32(decoder.position());
        let mut line = String::new();
        formatter.format(&instruction, &mut line);
        while let Some(relocation) = relocations.next_if(|relocation| relocation.offset < end) {
            write!(line, "  # {}", target_name(unit, relocation))?;
        }
        while let Some(site) = sites.next_if(|site| match site.trap {
            Some(_) => site.offset < end,
            None => site.offset <= end,
        }) {
            match site.trap {
                Some(trap) => write!(line, "  # wasm {:#x}: {}", site.wasm_offset, trap.message())?,
                None => write!(line, "  # wasm {:#x}", site.wasm_offset)?,
            }
        }
        while let Some(call) = try_calls.next_if(|call| call.return_address <= end) {
            for (tag, landing) in &call.handlers {
                let tag = tag.map_or("any exception".to_owned(), |tag| format!("tag {}", tag.as_u32()));
                write!(line, "; {tag} lands at {landing:#x}")?;
            }
        }
        take(start, &line)?;
    }
    Ok(())
}

fn target_name(unit: &Unit, relocation: &Relocation) -> String {
    match relocation.target {
        RelocationTarget::Symbol(symbol) => symbol_name(unit, symbol),
        RelocationTarget::Runtime(name) => name.to_owned(),
        RelocationTarget::Here(offset) => format!("+{offset:#x}"),
    }
}

fn symbol_name(unit: &Unit, symbol: Symbol) -> String {
    match symbol {
        Symbol::Function(func) | Symbol::Import(func) => match unit.module.names.function(func) {
            Some(name) => name.escape_debug().to_string(),
            None => format!("wasm_function_{}", func.as_u32()),
        },
        Symbol::Builtin(builtin) => builtin.symbol().to_owned(),
        Symbol::Signature(index) => unit.layout.signatures[index].clone(),
        other => format!("{other:?}").to_lowercase(),
    }
}
