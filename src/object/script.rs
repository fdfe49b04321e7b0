//! The commands of a test script: [`abi::script::Script`], in the object that holds the program's
//! description.

use super::bytes::Data;
use super::writer::{Writer, entry_symbol, image_symbol, provided_symbol};
use crate::abi;
use crate::abi::script::{Action, Outcome, Pattern};
use crate::abi::value::Value;
use crate::number::to_u32;
use crate::resolve::Provider;
use crate::wasm::FuncIndex;
use object::SymbolKind;
use object::write::{StandardSection, SymbolId};
use std::collections::HashMap;

/// [`abi::script::Command`] before it has addresses.
pub struct Command {
    pub line: u32,
    pub action: Action,
    pub subject: Subject,
    pub outcome: Outcome,
    pub is_assertion: bool,
    pub arguments: Vec<Value>,
    /// Alternatives per result.
    pub results: Vec<Vec<Pattern>>,
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
    /// So many commands behind this one, or the one of that number.
    Steps(usize),
}

/// Writes the script; its symbol.
pub fn write(writer: &mut Writer, commands: &[Command]) -> SymbolId {
    let mut pools = Pools::default();
    let mut table = Data::default();
    let mut names = HashMap::new();
    for command in commands {
        let n_results = to_u32(command.results.len());
        table.u32(command.line).byte(command.action as u8).byte(command.outcome as u8);
        table.byte(u8::from(command.is_assertion)).byte(0);
        table.u32(to_u32(command.arguments.len())).u32(n_results);
        let mut symbol =
            |name: String, kind| *names.entry(name.clone()).or_insert_with(|| writer.undefined(name, kind));
        let (image, entry, global, size) = match command.subject {
            Subject::Nothing => (None, None, None, 0),
            Subject::Steps(number) => (None, None, None, number as u64),
            Subject::Instance(instance) => (Some(symbol(image_symbol(instance), SymbolKind::Data)), None, None, 0),
            Subject::Function { instance, func } => {
                (None, Some(symbol(entry_symbol(instance, func), SymbolKind::Text)), None, 0)
            }
            Subject::Global { provider, size } => {
                (None, None, Some(symbol(provided_symbol(provider), SymbolKind::Data)), size)
            }
        };
        table.address(image).address(entry).address(global).u64(size);
        pools.point(&mut table, Pool::Values);
        pools.values.extend(command.arguments.iter().flat_map(|value| value.0));
        pools.point(&mut table, Pool::Patterns);
        command.results.iter().flatten().for_each(|pattern| write_pattern(&mut pools.patterns, pattern));
        pools.point(&mut table, Pool::Texts);
        pools.texts.extend(command.message.replace('\0', "?").bytes().chain([0]));
    }
    assert_eq!(table.bytes.len().checked_div(size_of::<abi::script::Command>()), Some(commands.len()));
    let values = writer.local("w2n.script.values", StandardSection::ReadOnlyData, Data::from(pools.values), 16);
    let patterns = writer.local("w2n.script.patterns", StandardSection::ReadOnlyData, Data::from(pools.patterns), 16);
    let texts = writer.local("w2n.script.texts", StandardSection::ReadOnlyData, Data::from(pools.texts), 1);
    table.addresses.extend(pools.fixups.into_iter().map(|(at, pool, offset)| match pool {
        Pool::Values => (at, values, offset),
        Pool::Patterns => (at, patterns, offset),
        Pool::Texts => (at, texts, offset),
    }));
    let table = writer.local("w2n.script.commands", StandardSection::ReadOnlyDataWithRel, table, 8);
    let mut script = Data::default();
    script.address(table).u64(commands.len() as u64);
    assert_eq!(script.bytes.len(), size_of::<abi::script::Script>());
    writer.local("w2n.script", StandardSection::ReadOnlyDataWithRel, script, 8)
}

/// Data that commands point into, and where they do: offset in the table of commands, pool, offset
/// in the pool.
#[derive(Default)]
struct Pools {
    values: Vec<u8>,
    patterns: Vec<u8>,
    texts: Vec<u8>,
    fixups: Vec<(u64, Pool, i64)>,
}

impl Pools {
    /// Adds a field to the table that points to what will be added to a pool next.
    fn point(&mut self, table: &mut Data, pool: Pool) {
        let length = match pool {
            Pool::Values => self.values.len(),
            Pool::Patterns => self.patterns.len(),
            Pool::Texts => self.texts.len(),
        };
        self.fixups.push((table.bytes.len() as u64, pool, (length as u64).cast_signed()));
        table.u64(0);
    }
}

enum Pool {
    Values,
    Patterns,
    Texts,
}

fn write_pattern(bytes: &mut Vec<u8>, pattern: &Pattern) {
    bytes.extend(pattern.value);
    bytes.extend(pattern.mask);
    bytes.extend([pattern.is_not_null, pattern.has_alternative]);
    bytes.resize(bytes.len().next_multiple_of(size_of::<Pattern>()), 0);
}
