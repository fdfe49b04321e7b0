//! `wasm2native inspect MODULE`: a module's description for people.

use crate::inspect::{Rows, wrap};
use std::collections::BTreeMap;
use wasm2native::inspect::module::{Import, Memory, ModuleReport};

/// How many imports of a module, and how many exports, are shown; `--json` has all.
const MOST: usize = 40;

pub fn describe(report: &ModuleReport) -> Rows {
    let mut rows = Rows::default();
    rows.add("a module", vec![format!("{} bytes", report.size)]);
    rows.add("needs", wrap(report.features.iter().copied()));
    rows.add("imports", imports(&report.imports));
    let export =
        |export: &wasm2native::inspect::module::Export| format!("{}: {} {}", export.name, export.kind, export.ty);
    rows.add("exports", shortened(report.exports.iter().map(export).collect()));
    rows.add("memories", report.memories.iter().map(memory).collect());
    let table = |it: &wasm2native::inspect::module::Table| {
        format!("{}{}", it.describe(), if it.is_imported { ", imported" } else { "" })
    };
    rows.add("tables", report.tables.iter().map(table).collect());
    let (defined, imported) = (report.n_defined_functions, report.n_imported_functions);
    let start = if report.has_start { "; one runs at the start" } else { "" };
    rows.add("functions", vec![format!("{defined} defined, {imported} imported{start}")]);
    rows.add(
        "largest",
        report
            .largest_functions
            .iter()
            .map(|it| {
                let name = it.name.as_ref().map(|name| format!(" `{name}`")).unwrap_or_default();
                format!("{:>8} bytes  function {}{name}", it.size, it.index)
            })
            .collect(),
    );
    rows.add(
        "sections",
        report
            .sections
            .iter()
            .map(|it| {
                let custom = if it.is_custom { " (custom)" } else { "" };
                format!("{:>8} bytes  {}{custom}", it.size, it.name)
            })
            .collect(),
    );
    if !report.producers.is_empty() {
        rows.add("made by", report.producers.clone());
    }
    rows
}

/// A line for each module that is imported from, with its names.
fn imports(imports: &[Import]) -> Vec<String> {
    let mut by_module: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for import in imports {
        by_module.entry(&import.module).or_default().push(format!("{}: {} {}", import.name, import.kind, import.ty));
    }
    let lines = |(module, names): (&str, Vec<String>)| {
        std::iter::once(format!("from `{module}`:")).chain(shortened(names).into_iter().map(|name| format!("  {name}")))
    };
    by_module.into_iter().flat_map(lines).collect()
}

/// The most characters of a line: names of imports can be constants of strings.
const LONGEST: usize = 200;

fn shortened(lines: Vec<String>) -> Vec<String> {
    let cut = |line: String| match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    };
    let mut lines: Vec<String> = lines.into_iter().map(cut).collect();
    if lines.len() > MOST {
        let more = lines.len() - MOST;
        lines.truncate(MOST);
        lines.push(format!("and {more} more"));
    }
    lines
}

fn memory(memory: &Memory) -> String {
    let flags = [(memory.is_64_bit, ", 64-bit"), (memory.is_shared, ", shared"), (memory.is_imported, ", imported")];
    let flags: String = flags.iter().filter(|(is_set, _)| *is_set).map(|(_, text)| *text).collect();
    let most = memory.maximum.map(|pages| format!(", at most {pages}")).unwrap_or_default();
    format!("{} pages of {} bytes{most}{flags}", memory.initial, memory.page_size)
}
