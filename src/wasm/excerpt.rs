//! The lines that an error in a module is about. Comes in: an offset in the binary. Goes out: the
//! line of the text that the binary was made of, or the instructions around the offset.

use crate::number::to_usize;
use crate::report::excerpt::Excerpt;
use std::ops::Range;
use wasmparser::{FromReader, Parser, Payload, SectionLimited};
use wast::Wat;
use wast::core::{FuncKind, ModuleField, ModuleKind};
use wast::lexer::Lexer;
use wast::parser::{self, ParseBuffer};
use wast::token::{Index, Span};

/// Lines before and after the instruction that is meant.
const CONTEXT: usize = 3;

/// Modules beyond this size are not printed for the sake of a message.
const LARGEST: usize = 64 << 20;

/// The place in a module's text that belongs to an offset in its binary form. Nothing for what has
/// no place of its own in the text, and for a text that holds the binary form.
pub fn of_text(file: &str, text: &str, wasm: &[u8], offset: u64) -> Option<Excerpt> {
    let mut buffer = ParseBuffer::new_with_lexer(lexer(text)).ok()?;
    buffer.track_instr_spans(true);
    let Ok(Wat::Module(mut module)) = parser::parse::<Wat>(&buffer) else { return None };
    // Short forms become fields of their own, in the order of the binary.
    module.resolve().ok()?;
    let ModuleKind::Text(fields) = module.kind else { return None };
    let start = span_of(&fields, &Item::find(wasm, offset)?)?.offset();
    Some(Excerpt::of_text(file, text, start..end_of_form(text, start)))
}

/// The instructions around an offset in a binary, or the bytes where it can't be decoded.
pub fn of_binary(wasm: &[u8], offset: u64) -> Excerpt {
    instructions(wasm, offset).unwrap_or_else(|| bytes(wasm, offset))
}

/// A lexer that takes all that the specification allows.
fn lexer(text: &str) -> Lexer<'_> {
    let mut lexer = Lexer::new(text);
    lexer.allow_confusing_unicode(true);
    lexer
}

/// The item of a section that an offset lies in.
struct Item {
    section: Section,
    /// Counted from 0, without imports.
    number: usize,
    /// In a body, the number of the operator; nothing before the first.
    operator: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Type,
    Import,
    Function,
    Table,
    Memory,
    Tag,
    Global,
    Export,
    Start,
    Element,
    Data,
}

impl Item {
    fn find(wasm: &[u8], offset: u64) -> Option<Item> {
        let mut n_bodies = 0usize;
        for payload in Parser::new(0).parse_all(wasm) {
            let found = match payload.ok()? {
                Payload::TypeSection(section) => item(Section::Type, section, offset),
                Payload::ImportSection(section) => item(Section::Import, section, offset),
                Payload::FunctionSection(section) => item(Section::Function, section, offset),
                Payload::TableSection(section) => item(Section::Table, section, offset),
                Payload::MemorySection(section) => item(Section::Memory, section, offset),
                Payload::TagSection(section) => item(Section::Tag, section, offset),
                Payload::GlobalSection(section) => item(Section::Global, section, offset),
                Payload::ExportSection(section) => item(Section::Export, section, offset),
                Payload::ElementSection(section) => item(Section::Element, section, offset),
                Payload::DataSection(section) => item(Section::Data, section, offset),
                Payload::StartSection { range, .. } if contains(&range, offset) => {
                    Some(Item { section: Section::Start, number: 0, operator: None })
                }
                Payload::CodeSectionEntry(body) => {
                    let number = n_bodies;
                    n_bodies = n_bodies.saturating_add(1);
                    let item = || {
                        let operators = body.get_operators_reader().ok()?.into_iter_with_offsets();
                        let starts = operators.map_while(Result::ok).map(|(_, start)| start);
                        let operator = starts.take_while(|start| *start <= offset).count().checked_sub(1);
                        Some(Item { section: Section::Function, number, operator })
                    };
                    if contains(&body.range(), offset) { item() } else { None }
                }
                _ => None,
            };
            if found.is_some() {
                return found;
            }
        }
        None
    }
}

fn contains(range: &Range<u64>, offset: u64) -> bool {
    // An end that is missing is reported after the last byte.
    (range.start..=range.end).contains(&offset)
}

fn item<'a, T: FromReader<'a>>(kind: Section, section: SectionLimited<'a, T>, offset: u64) -> Option<Item> {
    if !section.range().contains(&offset) {
        return None;
    }
    let starts = section.into_iter_with_offsets().map_while(Result::ok).map(|(start, _)| start);
    let number = starts.take_while(|start| *start <= offset).count().checked_sub(1)?;
    Some(Item { section: kind, number, operator: None })
}

/// Where an item begins in the text.
fn span_of(fields: &[ModuleField], item: &Item) -> Option<Span> {
    let of_section = fields.iter().filter_map(|field| match field {
        ModuleField::Type(it) if item.section == Section::Type => Some(it.span),
        ModuleField::Rec(it) if item.section == Section::Type => Some(it.span),
        ModuleField::Import(it) if item.section == Section::Import => Some(it.span),
        ModuleField::Func(it) if item.section == Section::Function => Some(match (&it.kind, item.operator) {
            (FuncKind::Inline { expression, .. }, Some(operator)) => {
                let spans = expression.instr_spans.as_deref().unwrap_or_default();
                // The function's own end is not in the text: what precedes it is.
                spans.get(operator).or(spans.last()).copied().unwrap_or(it.span)
            }
            _ => it.span,
        }),
        ModuleField::Table(it) if item.section == Section::Table => Some(it.span),
        ModuleField::Memory(it) if item.section == Section::Memory => Some(it.span),
        ModuleField::Tag(it) if item.section == Section::Tag => Some(it.span),
        ModuleField::Global(it) if item.section == Section::Global => Some(it.span),
        ModuleField::Export(it) if item.section == Section::Export => Some(it.span),
        ModuleField::Start(Index::Num(_, span)) if item.section == Section::Start => Some(*span),
        ModuleField::Elem(it) if item.section == Section::Element => Some(it.span),
        ModuleField::Data(it) if item.section == Section::Data => Some(it.span),
        _ => None,
    });
    of_section.into_iter().nth(item.number)
}

/// Where an instruction or a field that begins at `start` ends: before the next parenthesis, at the
/// end of the line at the latest.
fn end_of_form(text: &str, start: usize) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    let head = rest.find(['(', ')', '\n', ';']).unwrap_or(rest.len());
    let form = rest[..head].trim_end().len().max(1);
    start.saturating_add(form).min(text.len())
}

/// Where a word or a parenthesis that begins at `start` ends.
pub fn end_of_token(text: &str, start: usize) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    let is_end = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | ';');
    let first = rest.chars().next().map_or(0, char::len_utf8);
    start.saturating_add(rest.find(is_end).unwrap_or(rest.len()).max(first))
}

/// Lines of the module's text around the last that begins at `offset` or before.
fn instructions(wasm: &[u8], offset: u64) -> Option<Excerpt> {
    if wasm.len() > LARGEST {
        return None;
    }
    let mut storage = String::new();
    let mut config = wasmprinter::Config::new();
    let lines: Vec<_> = config.name_unnamed(false).offsets_and_lines(wasm, &mut storage).ok()?.collect();
    let starts = lines.iter().enumerate().filter_map(|(number, (start, _))| Some((start.as_ref()?, number)));
    let (_, meant) = starts.filter(|(start, _)| **start <= offset).max_by_key(|(start, number)| (**start, *number))?;
    let shown = meant.saturating_sub(CONTEXT)..meant.saturating_add(CONTEXT).min(lines.len());
    // Digits of all offsets, so that the text is aligned.
    let width = format!("{:#x}", wasm.len()).len();
    let indent = |line: &str| line.len().saturating_sub(line.trim_start().len());
    let texts = || lines[shown.clone()].iter().map(|(_, line)| line.trim_end());
    let outer = texts().filter(|line| !line.is_empty()).map(indent).min().unwrap_or(0);
    let mut excerpt = Excerpt { file: None, lines: String::new(), marked: 0..0 };
    for (number, (start, line)) in shown.clone().zip(&lines[shown.clone()]) {
        let line = line.trim_end();
        let place = start.map_or(String::new(), |start| format!("{start:#x}"));
        excerpt.lines.push_str(&format!("{place:>width$}  "));
        if number == meant {
            let start = excerpt.lines.len().saturating_add(indent(line).saturating_sub(outer));
            excerpt.marked = start..start.saturating_add(line.trim_start().len());
        }
        excerpt.lines.push_str(line.get(outer..).unwrap_or_default());
        excerpt.lines.push('\n');
    }
    Some(excerpt)
}

/// The bytes around an offset.
fn bytes(wasm: &[u8], offset: u64) -> Excerpt {
    const BEFORE: usize = 8;
    const SHOWN: usize = 16;
    let meant = to_usize(offset).min(wasm.len());
    let start = meant.saturating_sub(BEFORE);
    let some: Vec<_> = wasm[start..].iter().take(SHOWN).map(|byte| format!("{byte:02x}")).collect();
    let first = format!("{start:#x}  ");
    let at = first.len().saturating_add(meant.saturating_sub(start).saturating_mul("00 ".len()));
    let lines = format!("{first}{}", some.join(" "));
    let marked = at.min(lines.len())..at.saturating_add("00".len()).min(lines.len());
    Excerpt { file: None, lines, marked }
}
