//! The commands of a test script: [`Script`](crate::abi::script::Script), in the object that holds
//! the program's description.

use super::bytes::Data;
use super::writer::{Writer, entry_symbol, image_symbol, provided_symbol};
use crate::abi::record::Zero;
use crate::abi::script::{Action, CommandFields, Outcome, Pattern, PatternFields, ScriptFields};
use crate::abi::value::Value;
use crate::number::to_u32;
use crate::resolve::Provider;
use crate::wasm::FuncIndex;
use object::SymbolKind;
use object::write::{StandardSection, SymbolId};
use std::collections::HashMap;

/// [`Command`](crate::abi::script::Command) before it has addresses.
pub struct Command {
    pub line: u32,
    pub action: Action,
    pub subject: Subject,
    pub outcome: Outcome,
    pub is_assertion: bool,
    pub arguments: Vec<Value>,
    /// Alternatives per result.
    pub results: Vec<Vec<Pattern>>,
    /// Both for messages, as a script has them.
    pub call: String,
    pub expected: String,
    /// Type codes of the results.
    pub types: Vec<u8>,
    pub message: String,
}

impl Command {
    /// An assertion that holds.
    pub fn new(line: u32) -> Command {
        Command {
            line,
            action: Action::Hold,
            subject: Subject::Nothing,
            outcome: Outcome::Any,
            is_assertion: true,
            arguments: Vec::new(),
            results: Vec::new(),
            call: String::new(),
            expected: String::new(),
            types: Vec::new(),
            message: String::new(),
        }
    }
}

/// What a command acts on.
pub enum Subject {
    Nothing,
    Instance(usize),
    Function {
        instance: usize,
        func: FuncIndex,
    },
    Global {
        provider: Provider,
        size: u64,
    },
    /// The next commands, as a count, or one command, by its number.
    Steps(usize),
}

/// Writes the script; its symbol.
pub fn write(writer: &mut Writer, commands: &[Command]) -> SymbolId {
    let mut pools = Pools::default();
    let mut names = HashMap::new();
    let rows: Vec<_> = commands.iter().map(|command| row(writer, &mut names, &mut pools, command)).collect();
    let mut local = |name, data, alignment| writer.local(name, StandardSection::ReadOnlyData, data, alignment);
    let values = local("w2n.script.values", pools.values, 16);
    let patterns = local("w2n.script.patterns", pools.patterns, 16);
    let texts = local("w2n.script.texts", pools.texts, 1);
    let mut table = Data::default();
    for row in rows {
        table.record_at(row, |pointee| match pointee {
            Pointee::Symbol(symbol) => (symbol, 0),
            Pointee::Value(offset) => (values, offset),
            Pointee::Pattern(offset) => (patterns, offset),
            Pointee::Text(offset) => (texts, offset),
        });
    }
    let table = writer.local("w2n.script.commands", StandardSection::ReadOnlyDataWithRel, table, 8);
    let mut script = Data::default();
    script.record(ScriptFields { commands: Some(table), n_commands: commands.len() as u64 });
    writer.local("w2n.script", StandardSection::ReadOnlyDataWithRel, script, 8)
}

/// What a command points to: a symbol, or an offset in one of the [`Pools`].
enum Pointee {
    Symbol(SymbolId),
    Value(i64),
    Pattern(i64),
    Text(i64),
}

/// Data that commands point into.
#[derive(Default)]
struct Pools {
    values: Data,
    patterns: Data,
    texts: Data,
}

/// A command as the runtime reads it. What it points to is added to the pools.
fn row(
    writer: &mut Writer,
    names: &mut HashMap<String, SymbolId>,
    pools: &mut Pools,
    command: &Command,
) -> CommandFields<Pointee> {
    let mut symbol = |name: String, kind| {
        Some(Pointee::Symbol(*names.entry(name.clone()).or_insert_with(|| writer.undefined(name, kind))))
    };
    let (image, entry, global, size) = match command.subject {
        Subject::Nothing => (None, None, None, 0),
        Subject::Steps(number) => (None, None, None, number as u64),
        Subject::Instance(instance) => (symbol(image_symbol(instance), SymbolKind::Data), None, None, 0),
        Subject::Function { instance, func } => (None, symbol(entry_symbol(instance, func), SymbolKind::Text), None, 0),
        Subject::Global { provider, size } => (None, None, symbol(provided_symbol(provider), SymbolKind::Data), size),
    };
    let mut text = |text: &[u8]| {
        let start = end(&pools.texts);
        pools.texts.bytes.extend(text.iter().map(|byte| if *byte == 0 { b'?' } else { *byte }).chain([0]));
        Some(Pointee::Text(start))
    };
    let [subject, expected, types, message] =
        [command.call.as_bytes(), command.expected.as_bytes(), &command.types, command.message.as_bytes()]
            .map(&mut text);
    let row = CommandFields {
        line: command.line,
        action: command.action as u8,
        outcome: command.outcome as u8,
        is_assertion: u8::from(command.is_assertion),
        padding: Zero,
        n_arguments: to_u32(command.arguments.len()),
        n_results: to_u32(command.results.len()),
        image,
        entry,
        global,
        size,
        arguments: Some(Pointee::Value(end(&pools.values))),
        results: Some(Pointee::Pattern(end(&pools.patterns))),
        subject,
        expected,
        types,
        message,
    };
    pools.values.bytes.extend(command.arguments.iter().flat_map(|value| value.0));
    command.results.iter().flatten().for_each(|pattern| write_pattern(&mut pools.patterns, pattern));
    row
}

/// The offset of what will be added next.
fn end(data: &Data) -> i64 {
    (data.bytes.len() as u64).cast_signed()
}

fn write_pattern(data: &mut Data, pattern: &Pattern) {
    let Pattern { value, mask, kind, has_alternative, padding: _ } = *pattern;
    data.record(PatternFields { value, mask, kind, has_alternative, padding: Zero });
}
