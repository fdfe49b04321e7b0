//! `wasm2native inspect`: prints what a program may do.

use crate::console::Console;
use crate::flags::Inspect;
use anyhow::Result;
use std::process::ExitCode;
use wasm2native::abi::program::OPTIONS_VARIABLE;
use wasm2native::abi::setting::{DEV, TMP};
use wasm2native::abi::shim::of_symbol;
use wasm2native::abi::table::DEFAULT_MAX_TABLE;
use wasm2native::inspect::{self, Dir, Foreign, Inspection, LinearMemory};
use wasm2native::stdio;

pub fn run(args: &Inspect, console: &Console) -> Result<ExitCode> {
    let mut status = ExitCode::SUCCESS;
    for program in &args.programs {
        match inspect::read(program) {
            Ok(inspection) => {
                let text = format!("{}\n{}", program.display(), describe(&inspection));
                stdio::print(text)?;
            }
            Err(error) => {
                console.error(&error);
                status = ExitCode::FAILURE;
            }
        }
    }
    Ok(status)
}

fn describe(inspection: &Inspection) -> String {
    let mut text = String::new();
    let mut row = |label: &str, values: Vec<String>| {
        let none = ["none".to_owned()];
        let values = if values.is_empty() { &none[..] } else { &values[..] };
        for (nth, value) in values.iter().enumerate() {
            let label = if nth == 0 { label } else { "" };
            text.push_str(&format!("  {label:<13} {}\n", visible(value)));
        }
    };
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
    text
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
fn wrap<'a>(names: impl Iterator<Item = &'a String>) -> Vec<String> {
    const LONGEST: usize = 90;
    let mut lines: Vec<String> = Vec::new();
    for name in names {
        match lines.last_mut() {
            Some(line) if line.len() + name.len() < LONGEST => {
                line.push_str(", ");
                line.push_str(name);
            }
            _ => lines.push(name.clone()),
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
