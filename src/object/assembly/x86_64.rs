//! Functions of x86-64 in the syntax of AT&T.
//!
//! An assembler may choose between encodings of an instruction, and which it takes differs between
//! assemblers. So an instruction is written as one only where there is nothing to choose, or where
//! a prefix such as `{disp32}` makes the choice; all others are bytes. Should an assembler choose
//! another length nevertheless, the last lines of each function are an error.

use super::comments::Comments;
use super::flow::Flow;
use super::{Field, Function, print_bytes, print_plain, print_relocation, sum};
use anyhow::{Context, Result};
use iced_x86::{Formatter, GasFormatter, Instruction, OpKind};
use object::{Architecture, elf};
use std::fmt::Write;

pub fn print(
    text: &mut String,
    function: &Function,
    bytes: &[u8],
    fields: &[&Field],
    comments: &Comments,
) -> Result<()> {
    let start = function.start;
    let entries = function.entries.iter().filter_map(|entry| entry.checked_sub(start));
    let flow = Flow::of(bytes, entries);
    let mut syntax = GasFormatter::new();
    let options = syntax.options_mut();
    options.set_gas_show_mnemonic_size_suffix(true);
    options.set_rip_relative_addresses(true);
    options.set_uppercase_hex(false);
    let (first, last) = (label(start), label(start.saturating_add(bytes.len() as u64)));
    writeln!(text, "{first}:")?;
    let mut fields = fields.iter().copied().peekable();
    let mut at = 0;
    let length = bytes.len() as u64;
    let places = Places { start, flow: &flow, comments };
    while at < length {
        let place = start.saturating_add(at);
        for line in comments.lines(place) {
            writeln!(text, "\t# {line}")?;
        }
        if at != 0 && flow.has_label(at) {
            writeln!(text, "{}:", label(place))?;
        }
        let Some(instruction) = flow.instructions.get(&at) else {
            at = print_constants(text, (start, at), bytes, &flow, &mut fields)?;
            continue;
        };
        let end = at.saturating_add(instruction.len() as u64);
        let is_here = |field: &&Field| field.offset < start.saturating_add(end);
        let own: Vec<&Field> = std::iter::from_fn(|| fields.next_if(is_here)).collect();
        let note = comments.notes(place, start.saturating_add(end));
        let note = note.map(|note| format!("\t# {note}")).unwrap_or_default();
        let encoding = slice(bytes, at, end)?;
        match line(instruction, encoding, &own, &places, &mut syntax) {
            Some(line) => writeln!(text, "\t{line}{note}")?,
            None => {
                for field in &own {
                    print_relocation(text, Architecture::X86_64, field, field.offset.saturating_sub(place))?;
                }
                let mut shown = String::new();
                syntax.format(instruction, &mut shown);
                print_bytes(text, encoding)?;
                writeln!(text, "\t# {shown}{note}")?;
            }
        }
        at = end;
    }
    // Where the function is longer or shorter than it was, one of the two would go backwards.
    writeln!(text, "{last}_end:\n\t.org {first}+{length}\n\t.org {last}_end")?;
    Ok(())
}

/// The bytes from an offset on that are not instructions, up to the next label or instruction.
fn print_constants<'f>(
    text: &mut String,
    (start, at): (u64, u64),
    bytes: &[u8],
    flow: &Flow,
    fields: &mut std::iter::Peekable<impl Iterator<Item = &'f Field>>,
) -> Result<u64> {
    let after = at.saturating_add(1);
    let length = bytes.len() as u64;
    let next = flow.instructions.range(after..).next().map_or(length, |(next, _)| *next);
    let next = flow.labels.range(after..).next().map_or(next, |label| next.min(*label));
    let place = start.saturating_add(at);
    while let Some(field) = fields.next_if(|field| field.offset < start.saturating_add(next)) {
        print_relocation(text, Architecture::X86_64, field, field.offset.saturating_sub(place))?;
    }
    print_plain(text, slice(bytes, at, next)?)?;
    Ok(next)
}

fn slice(bytes: &[u8], start: u64, end: u64) -> Result<&[u8]> {
    bytes.get(usize::try_from(start)?..usize::try_from(end)?).context("an instruction is cut off")
}

/// The local label of a place in the section.
fn label(place: u64) -> String {
    format!(".L{place:x}")
}

/// What instructions of a function refer to.
struct Places<'p> {
    start: u64,
    flow: &'p Flow,
    comments: &'p Comments,
}

impl Places<'_> {
    /// The label of an offset in the function, which may be the beginning of another.
    fn label(&self, at: u64) -> Option<String> {
        let place = self.start.wrapping_add(at);
        (at == 0 || self.flow.has_label(at) || self.comments.function(place).is_some()).then(|| label(place))
    }

    /// What a memory operand that counts from the next instruction refers to.
    fn address(&self, instruction: &Instruction, fields: &[&Field]) -> Option<String> {
        match fields {
            [] => self.label(instruction.memory_displacement64()),
            [field] if field.kind == elf::R_X86_64_PC32 => {
                let end = self.start.saturating_add(instruction.next_ip());
                let distance = i64::try_from(end.checked_sub(field.offset)?).ok()?;
                Some(sum(&field.symbol, field.addend.checked_add(distance)?))
            }
            _ => None,
        }
    }
}

/// The instruction as the assembler has it, if it encodes it like this.
fn line(
    instruction: &Instruction,
    encoding: &[u8],
    fields: &[&Field],
    places: &Places,
    syntax: &mut GasFormatter,
) -> Option<String> {
    let mut mnemonic = String::new();
    syntax.format_mnemonic(instruction, &mut mnemonic);
    if instruction.op0_kind() == OpKind::NearBranch64 {
        return branch(instruction, encoding, fields, places, mnemonic.trim_end_matches('q'));
    }
    let is_relative = instruction.is_ip_rel_memory_operand();
    if !fields.is_empty() && !is_relative {
        return None;
    }
    let prefix = prefix(instruction, encoding)?;
    let mut operands = Vec::new();
    for operand in 0..syntax.operand_count(instruction) {
        let mut text = String::new();
        let number = syntax.get_instruction_operand(instruction, operand).ok().flatten();
        let is_memory = number.is_some_and(|number| instruction.op_kind(number) == OpKind::Memory);
        match is_memory && is_relative {
            true => write!(text, "{}(%rip)", places.address(instruction, fields)?).ok()?,
            false => syntax.format_operand(instruction, &mut text, operand).ok()?,
        }
        operands.push(text);
    }
    Some(format!("{prefix}{mnemonic} {}", operands.join(",")).trim_end().to_owned())
}

/// A jump or call: to a label, or to a symbol by way of a stub.
fn branch(
    instruction: &Instruction,
    encoding: &[u8],
    fields: &[&Field],
    places: &Places,
    mnemonic: &str,
) -> Option<String> {
    let target = instruction.near_branch64();
    match (fields, encoding) {
        ([], [0xe8, ..]) => {
            let name = places.comments.function(places.start.wrapping_add(target))?;
            Some(format!("{mnemonic} {}\t# {name}", places.label(target)?))
        }
        ([], [0xe9, ..] | [0x0f, 0x80..=0x8f, ..]) => Some(format!("{{disp32}} {mnemonic} {}", places.label(target)?)),
        ([Field { kind: elf::R_X86_64_PLT32, symbol, addend: -4, .. }], [0xe8 | 0xe9, ..]) => {
            Some(format!("{mnemonic} {symbol}@PLT"))
        }
        _ => None,
    }
}

/// What makes the assembler choose this encoding; `None` where nothing does.
fn prefix(instruction: &Instruction, encoding: &[u8]) -> Option<&'static str> {
    if encoding[0] == 0xf0 && encoding.get(1) == Some(&0x66) {
        // Which of the two prefixes comes first.
        return None;
    }
    let (rex, rest) = match encoding {
        [rex @ 0x40..=0x4f, rest @ ..] => (Some(rex), rest),
        _ => (None, encoding),
    };
    match (rex, rest) {
        // Nothing needs it but four registers of a byte.
        (Some(0x40), _) => None,
        // An immediate operand that a byte could hold.
        (_, [0x69 | 0x81, ..]) if last_immediate(instruction).is_none_or(|value| i8::try_from(value).is_ok()) => None,
        (_, [0x68, ..]) => None,
        // A shift by 1 has a form of its own.
        (_, [0xc0 | 0xc1, _, .., 1]) => None,
        // Forms that are shorter for `%eax`, or for any register.
        (_, [0x80 | 0x81, 0xc0 | 0xc8 | 0xd0 | 0xd8 | 0xe0 | 0xe8 | 0xf0 | 0xf8, ..] | [0xf6 | 0xf7, 0xc0, ..]) => None,
        (None | Some(0x40..=0x47), [0xc6 | 0xc7, 0xc0..=0xc7, ..]) => None,
        // `op register, register/memory`, of which memory is a register.
        (_, [0x8a | 0x8b, 0xc0..=0xff]) => Some("{load} "),
        (_, [op @ ..0x3e, 0xc0..=0xff]) if op & 7 == 2 || op & 7 == 3 => Some("{load} "),
        _ => Some(""),
    }
}

fn last_immediate(instruction: &Instruction) -> Option<i64> {
    Some(instruction.immediate(instruction.op_count().checked_sub(1)?).cast_signed())
}
