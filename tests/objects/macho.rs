//! Mach-O objects through linkers of other machines: LLVM's `ld64.lld`, and that of `zig cc`, which
//! brings Apple's list of system symbols. What they make is read back; nothing here runs it.

use crate::read::{self, Picture, Symbol};
use crate::{Kind, PREFIX, object, undefined};
use anyhow::{Result, ensure};
use goblin::mach::MachO;
use goblin::mach::header::{MH_DYLIB, MH_EXECUTE};
use std::process::Command;
use test_kit::{process, tool, toolchain};
use wasm2native::options::Options;

const LINKERS: [&str; 2] = ["ld64.lld-19", "ld64.lld"];

/// A memory with data, a table, a global, an import, and a call in each direction.
const MODULE: &str = r#"(module
    (import "env" "host" (func $host (param i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 8) "\2a")
    (global $calls (mut i32) (i32.const 0))
    (table 2 funcref)
    (elem (i32.const 0) $read $ask)
    (type $function (func (param i32) (result i32)))
    (func $read (type $function) (i32.load8_u (local.get 0)))
    (func $ask (type $function) (call $host (local.get 0)))
    (func (export "run") (type $function)
        (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
        (call_indirect (type $function) (local.get 0) (global.get $calls))))"#;

/// A library of a module's object.
///
/// # Errors
/// [`test_kit::trial::Skip`] without the linker.
pub fn becomes_a_library(kind: Kind) -> Result<()> {
    tool::require(linker().unwrap_or(LINKERS[0]))?;
    let bytes = object(kind, "it.wat", MODULE.as_bytes(), &Options::default())?;
    link_where_possible(kind, &read::read(&bytes)?, &bytes)
}

fn linker() -> Option<&'static str> {
    LINKERS.into_iter().find(|linker| tool::is_available(linker))
}

/// Links an object to a dynamic library, if this machine has the linker. What the object leaves
/// undefined comes from a library of which there is only a list of symbols.
pub fn link_where_possible(kind: Kind, picture: &Picture, bytes: &[u8]) -> Result<()> {
    let Some(linker) = linker() else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let (input, list, output) = (folder.path().join("it.o"), folder.path().join("it.tbd"), folder.path().join("it"));
    std::fs::write(&input, bytes)?;
    std::fs::write(&list, symbol_list(kind, picture)?)?;
    let mut command = Command::new(linker);
    command.args(["-arch", architecture(kind), "-platform_version", "macos", "12.0", "12.0", "-dylib", "-o"]);
    run(command.arg(&output).arg(&input).arg(&list))?;
    check_linked(picture, &std::fs::read(&output)?, MH_DYLIB)
}

/// A library in the text form of Apple's SDK, without code: what is undefined, and what the linker
/// itself refers to.
fn symbol_list(kind: Kind, picture: &Picture) -> Result<String> {
    let target = format!("{}-macos", architecture(kind));
    let symbols: Vec<_> = undefined(kind, picture)?.iter().map(|name| format!("'_{name}'")).collect();
    let symbols = [&symbols[..], &["dyld_stub_binder".to_owned()]].concat().join(", ");
    Ok(format!(
        "--- !tapi-tbd\ntbd-version: 4\ntargets: [ {target} ]\ninstall-name: '/usr/lib/libhost.dylib'\n\
         exports:\n  - targets: [ {target} ]\n    symbols: [ {symbols} ]\n...\n"
    ))
}

/// As linkers name the processor.
fn architecture(kind: Kind) -> &'static str {
    if kind.target.starts_with("aarch64") { "arm64" } else { "x86_64" }
}

/// A program with a `main` in C, and with the runtime's functions there.
///
/// # Errors
/// [`test_kit::trial::Skip`] without the compiler.
pub fn becomes_a_program(kind: Kind) -> Result<()> {
    let zig = toolchain::zig()?;
    let bytes = object(kind, "it.wat", MODULE.as_bytes(), &Options::default())?;
    let picture = read::read(&bytes)?;
    let folder = tempfile::tempdir()?;
    let functions = undefined(kind, &picture)?.into_iter().map(|name| format!("void {name}(void) {{ abort(); }}\n"));
    let functions: String = functions.collect();
    let source = format!(
        "#include <stdlib.h>\n{functions}int {PREFIX}_run(int);\nint main(void) {{ return {PREFIX}_run(8); }}\n"
    );
    let [source_path, input, output] = ["main.c", "it.o", "it"].map(|name| folder.path().join(name));
    std::fs::write(&source_path, source)?;
    std::fs::write(&input, &bytes)?;
    let mut command = Command::new(zig[0]);
    command
        .args(&zig[1..])
        .args(["cc", "-target", &format!("{}-macos", zig_processor(kind)), "-nostdlib", "-lc"])
        .arg("-fno-sanitize=undefined");
    command.arg("-o").arg(&output).arg(&source_path).arg(&input);
    // Its cache is in the home folder otherwise, which may be closed.
    run(command.env("ZIG_GLOBAL_CACHE_DIR", folder.path()).env("ZIG_LOCAL_CACHE_DIR", folder.path()))?;
    check_linked(&picture, &std::fs::read(&output)?, MH_EXECUTE)
}

fn zig_processor(kind: Kind) -> &'static str {
    kind.target.split('-').next().unwrap_or(kind.target)
}

/// Linkers may warn of nothing: what they warn of is lost, or is not what it seems.
fn run(command: &mut Command) -> Result<()> {
    let outcome = process::run(command, b"")?;
    ensure!(outcome.status == 0 && outcome.stderr.is_empty(), "{command:?}: {outcome:#?}");
    Ok(())
}

/// The exports are there, and each function with the bytes before it: nothing is cut into parts by
/// symbols, or left out.
fn check_linked(picture: &Picture, bytes: &[u8], file_type: u32) -> Result<()> {
    let linked = MachO::parse(bytes, 0)?;
    ensure!(linked.header.filetype == file_type, "it is a file of type {}", linked.header.filetype);
    let symbols: Vec<_> = linked.symbols().collect::<Result<_, _>>()?;
    let is_wanted = |symbol: &&Symbol| symbol.place.is_some() && symbol.is_exported && !symbol.is_merged;
    for symbol in picture.symbols.iter().filter(is_wanted) {
        ensure!(symbols.iter().any(|(name, _)| *name == symbol.name), "{} is lost", symbol.name);
    }
    let code = picture.sections.iter().filter(|section| section.is_code).map(|section| section.size).sum::<u64>();
    let mut linked_code = 0;
    for segment in &linked.segments {
        for (section, _) in segment.sections()? {
            if section.name()? == "__text" {
                linked_code += section.size;
            }
        }
    }
    ensure!(linked_code >= code, "{code} bytes of code became {linked_code}");
    Ok(())
}
