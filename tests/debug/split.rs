//! Split DWARF: where its files are found, and what is said of those that are missing.

use super::Source;
use anyhow::{Result, ensure};
use test_kit::folder::Folder;
use test_kit::{gdb, process, target, tool};

/// What gdb says of a function's parameter.
fn shown(folder: &Folder) -> Result<String> {
    gdb::session(&folder.path("program"), "1", &["break depth", gdb::start(), "info args"])
}

pub fn files() -> Result<()> {
    let folder = Source::Clang("list.c", &["-g", "-gsplit-dwarf"]).compile()?;
    let build = |more: &[&str]| {
        let outcome =
            folder.wasm2native(&[&["module", "-g", "-O0", "--invoke", "run", "-o", "program"], more].concat());
        assert_eq!(outcome.status, 0, "{outcome:?}");
        outcome.stderr
    };
    let has_variables = |text: &str| text.contains("color = GREEN");
    let unit = "module-list.dwo";
    ensure!(build(&[]).is_empty() && has_variables(&shown(&folder)?), "with the file where it was written");

    // In a folder that its name has, or in none.
    let whole = folder.read(unit);
    std::fs::remove_file(folder.path(unit))?;
    let said = build(&[]);
    ensure!(said.contains("module-list.dwo: there is no such file"), "{said}");
    ensure!(!has_variables(&shown(&folder)?), "without the file");

    // Another build's, cut off, not a module.
    let mut other = whole.clone();
    let id = find(&other, &folder.read("module"))?;
    other[id] ^= 1;
    for (bytes, reason) in [
        (&other[..], "it is of another build than the module"),
        (&whole[..whole.len() - 300], "it is damaged"),
        (b"no module", "it is not a module"),
    ] {
        folder.write(unit, bytes);
        let said = build(&[]);
        ensure!(said.contains(reason), "{reason}: {said}");
        ensure!(!has_variables(&shown(&folder)?), "{reason}");
    }

    // Damage is an error, a warning or nothing, but no panic.
    for at in (8..whole.len()).step_by(37) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        folder.write(unit, &damaged);
        let outcome = folder.wasm2native(&["module", "-g", "--invoke", "run", "-o", "program"]);
        ensure!(matches!(outcome.status, 0 | 1), "byte {at}: {outcome:?}");
        ensure!(!outcome.stderr.contains("panicked"), "byte {at}: {outcome:?}");
    }

    folder.write(unit, &whole);
    tool::require_command("llvm-dwp-19")?;
    folder.silent_tool("llvm-dwp-19", &[unit, "-o", "all.dwp"]);
    std::fs::remove_file(folder.path(unit))?;
    ensure!(build(&["--debug-file", "all.dwp"]).is_empty() && has_variables(&shown(&folder)?), "with a package");
    std::fs::rename(folder.path("all.dwp"), folder.path("module.dwp"))?;
    ensure!(build(&[]).is_empty() && has_variables(&shown(&folder)?), "with a package beside the module");
    if !target::is_foreign() {
        let run = process::outcome(process::program(folder.path("program")).arg("1"));
        ensure!(run.status == 0, "{run:?}");
    }
    Ok(())
}

/// Where the number of the build is in a file, which the module has too.
fn find(unit: &[u8], module: &[u8]) -> Result<usize> {
    let of_module = module.windows(8).collect::<std::collections::HashSet<_>>();
    let is_number = |bytes: &[u8]| bytes.iter().filter(|byte| **byte != 0).count() > 6 && !bytes.is_ascii();
    let found = unit.windows(8).position(|bytes| is_number(bytes) && of_module.contains(bytes));
    found.ok_or_else(|| anyhow::anyhow!("they have no number in common"))
}
