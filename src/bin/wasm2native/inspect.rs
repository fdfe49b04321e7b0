//! `wasm2native inspect`: prints what a program may do, or what a module consists of.

use crate::Usage;
use crate::commands::Inspect;
use crate::console::Console;
use crate::inspect_module;
use anyhow::{Context, Result, bail};
use serde::Serialize;
use std::path::Path;
use std::process::ExitCode;
use wasm2native::abi::program::OPTIONS_VARIABLE;
use wasm2native::abi::setting::{DEV, TMP};
use wasm2native::abi::shim::of_symbol;
use wasm2native::abi::table::DEFAULT_MAX_TABLE;
use wasm2native::inspect::module::{self, ModuleReport};
use wasm2native::inspect::{self, Dir, Foreign, Inspection, LinearMemory};
use wasm2native::output;
use wasm2native::page::treemap;
use wasm2native::stdio;
use wasm2native::wasm::input::Input;

pub fn run(args: &Inspect, console: &Console) -> Result<ExitCode> {
    if let (Some(_), [_, more, ..]) = (&args.html, &args.files[..]) {
        return Err(Usage(format!("--html shows one program; {} is another", more.display())).into());
    }
    let mut status = ExitCode::SUCCESS;
    for file in &args.files {
        match describe_file(file, args) {
            Ok(text) => stdio::print(text)?,
            Err(error) => {
                console.error(&error);
                status = ExitCode::FAILURE;
            }
        }
    }
    Ok(status)
}

/// A file's description, as the user wants it.
fn describe_file(file: &Path, args: &Inspect) -> Result<String> {
    let (described, rows) = match read(file)? {
        Inspected::Module(report) => (Described::module(file, &report)?, inspect_module::describe(&report)),
        Inspected::Program(inspection) => (Described::program(file, &inspection)?, describe(&inspection)),
    };
    if let Some(page) = &args.html {
        write_page(file, page, &rows, described.kind)?;
        return Ok(String::new());
    }
    Ok(match args.json {
        true => serde_json::to_string(&described)? + "\n",
        false => format!("{}\n{}", file.display(), rows.text()),
    })
}

/// The page about a program or library.
fn write_page(file: &Path, page: &Path, rows: &Rows, kind: &str) -> Result<()> {
    let name = file.display().to_string();
    if kind == "module" {
        bail!("{name}: --html shows programs and libraries\nhelp: wasm2native explore shows a module");
    }
    let bytes = std::fs::read(file).with_context(|| format!("can't read {name}"))?;
    let title = file.file_name().unwrap_or_default().to_string_lossy();
    output::write(page, treemap::print(&title, &bytes, &rows.0).with_context(|| name)?.as_bytes())
}

/// What a file turned out to be.
enum Inspected {
    Program(Box<Inspection>),
    Module(Box<ModuleReport>),
}

fn read(file: &Path) -> Result<Inspected> {
    let input = Input::read(file)?;
    let text = std::str::from_utf8(&input.bytes).unwrap_or_default();
    // A module's text begins with a parenthesis or a comment.
    let is_module = input.bytes.starts_with(b"\0asm") || text.trim_start().starts_with(['(', ';']);
    Ok(match is_module {
        true => Inspected::Module(Box::new(module::read(&input)?)),
        false => Inspected::Program(Box::new(inspect::inspect(&input.bytes).context(input.name)?)),
    })
}

/// A line of `--json`.
#[derive(Serialize)]
struct Described {
    file: String,
    kind: &'static str,
    #[serde(flatten)]
    facts: serde_json::Value,
}

impl Described {
    fn module(file: &Path, report: &ModuleReport) -> Result<Described> {
        let facts = serde_json::to_value(report)?;
        Ok(Described { file: file.display().to_string(), kind: "module", facts })
    }

    fn program(file: &Path, inspection: &Inspection) -> Result<Described> {
        let kind = if inspection.library { "library" } else { "program" };
        let facts = serde_json::to_value(inspection)?;
        Ok(Described { file: file.display().to_string(), kind, facts })
    }
}

/// A description: labels, and values that stand below each other.
#[derive(Default)]
pub struct Rows(Vec<(String, Vec<String>)>);

impl Rows {
    pub fn add(&mut self, label: &str, values: Vec<String>) {
        let values = if values.is_empty() { vec!["none".to_owned()] } else { values };
        self.0.push((label.to_owned(), values.iter().map(|value| visible(value)).collect()));
    }

    pub fn text(&self) -> String {
        let mut text = String::new();
        for (label, values) in &self.0 {
            for (nth, value) in values.iter().enumerate() {
                let label = if nth == 0 { label } else { "" };
                text.push_str(&format!("  {label:<13} {value}\n"));
            }
        }
        text
    }
}

fn describe(inspection: &Inspection) -> Rows {
    let mut rows = Rows::default();
    let mut row = |label: &str, values: Vec<String>| rows.add(label, values);
    row("runs", vec![entry(inspection)]);
    row("directories", directories(inspection));
    let sockets = sockets(inspection);
    if !sockets.is_empty() {
        row("listens", sockets);
    }
    if !inspection.embedded.is_empty() {
        let size = format!("{} bytes in all", inspection.embedded_size);
        row("embedded", inspection.embedded.iter().cloned().chain([size]).collect());
    }
    row("environment", environment(inspection));
    row("calls WASI", wrap(inspection.wasi_imports.iter()));
    let shims: Vec<String> = inspection.shims.iter().map(shim).collect();
    if !shims.is_empty() {
        row("uses shims", wrap(shims.iter()));
    }
    let foreign = |it: &Foreign| match it.module == "env" && it.name == it.symbol {
        true => it.symbol.clone(),
        false => format!("{} as {}.{}", it.symbol, it.module, it.name),
    };
    row("uses C", inspection.foreign.iter().map(foreign).collect());
    let limit = |bytes: Option<u64>| {
        vec![bytes.map_or("no limit of its own".to_owned(), |bytes| format!("at most {bytes} bytes"))]
    };
    let memory = |it: &LinearMemory| {
        let shared = if it.is_shared { ", shared" } else { "" };
        format!("{} bytes at the start, at most {}{shared}", it.initial, it.maximum)
    };
    row("memory", inspection.memories.iter().map(memory).chain(limit(inspection.max_memory)).collect());
    row("tables", vec![tables(inspection)]);
    if inspection.has_objects || inspection.max_heap.is_some() {
        row("objects", vec![objects(inspection)]);
    }
    row("stack", limit(inspection.max_stack));
    if let Some(time) = &inspection.timeout {
        row("time", vec![format!("at most {time} (--timeout)")]);
    }
    if !inspection.unknown.is_empty() {
        row("other options", inspection.unknown.clone());
    }
    row(
        "at run time",
        vec![match inspection.fixed_powers {
            true => format!("nothing more can be granted (--fixed-powers: {OPTIONS_VARIABLE} is ignored)"),
            false => format!("{OPTIONS_VARIABLE} in the environment can grant more"),
        }],
    );
    row("processor", processor(inspection));
    rows
}

/// The processor and its features that the program was compiled for.
fn processor(inspection: &Inspection) -> Vec<String> {
    let mut lines = wrap(inspection.features.iter());
    match lines.first_mut() {
        Some(first) => *first = format!("{} with {first}", inspection.processor),
        None => lines.push(format!("any {}", inspection.processor)),
    }
    lines
}

fn directories(inspection: &Inspection) -> Vec<String> {
    let granted = |dir: &Dir| {
        let name = match dir.host == dir.guest {
            true => dir.host.clone(),
            false => format!("{} as {}", dir.host, dir.guest),
        };
        if dir.read_only { format!("{name} (read-only)") } else { name }
    };
    let mut rows: Vec<String> = inspection.dirs.iter().map(granted).collect();
    if inspection.dev {
        rows.push(format!("{DEV} with null, urandom and zero (--dev)"));
    }
    if let Some(bytes) = inspection.tmp {
        rows.push(format!("{TMP} of its own, at most {bytes} bytes (--tmp)"));
    }
    rows
}

fn sockets(inspection: &Inspection) -> Vec<String> {
    let inherited = "at the sockets that it is started with (--listenfd)".to_owned();
    let inherited = inspection.listen_fd.then_some(inherited);
    inherited.into_iter().chain(inspection.tcp_listen.iter().map(|address| format!("at {address}"))).collect()
}

/// `env.abort (AssemblyScript)`
fn shim(import: &Foreign) -> String {
    let toolchain = of_symbol(&import.symbol).map_or("unknown", |shim| shim.toolchain);
    format!("{}.{} ({toolchain})", import.module, import.name)
}

/// The limit of objects.
fn objects(inspection: &Inspection) -> String {
    match (&inspection.max_heap, &inspection.max_memory) {
        (Some(bytes), _) => format!("at most {bytes} bytes"),
        (None, Some(_)) => "as much as memory may".to_owned(),
        (None, None) => "no limit of its own".to_owned(),
    }
}

/// The limit of tables.
fn tables(inspection: &Inspection) -> String {
    match (&inspection.max_table, &inspection.max_memory) {
        (Some(bytes), _) => format!("at most {bytes} bytes"),
        (None, Some(_)) => "as much as memory may".to_owned(),
        (None, None) => format!("at most {DEFAULT_MAX_TABLE} bytes"),
    }
}

/// The value, with an escape for each character that a terminal would obey or not show, and for the
/// characters of such an escape.
fn visible(value: &str) -> String {
    let mut text = String::new();
    for c in value.chars() {
        match c {
            '"' | '\'' => text.push(c),
            c => text.extend(c.escape_debug()),
        }
    }
    text
}

/// Joins names into lines of a readable length.
pub fn wrap(names: impl Iterator<Item = impl AsRef<str>>) -> Vec<String> {
    const LONGEST: usize = 90;
    let mut lines: Vec<String> = Vec::new();
    for name in names {
        let name = name.as_ref();
        match lines.last_mut() {
            Some(line) if line.len() + name.len() < LONGEST => {
                line.push_str(", ");
                line.push_str(name);
            }
            _ => lines.push(name.to_owned()),
        }
    }
    lines
}

fn entry(inspection: &Inspection) -> String {
    let name = &inspection.entry;
    if inspection.library {
        return format!("nothing by itself: a library, {name}_*{}", if inspection.wasi { " (WASI)" } else { "" });
    }
    match (inspection.invoke, inspection.wasi) {
        (true, _) => format!("{name} (--invoke: arguments from the command line, results printed)"),
        (false, true) => format!("{name} (WASI)"),
        (false, false) => name.clone(),
    }
}

fn environment(inspection: &Inspection) -> Vec<String> {
    let variable = |variable: &String| match variable.contains('=') {
        true => variable.clone(),
        false => format!("{variable} (the value it has at run time)"),
    };
    let mut rows: Vec<String> = inspection.env.iter().map(variable).collect();
    if inspection.inherit_env {
        rows.push("everything it is started with (--inherit-env)".to_owned());
    }
    rows
}
