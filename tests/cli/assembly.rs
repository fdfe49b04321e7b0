//! `--emit asm`: GNU's assembler makes the object of it that the compiler writes.

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use object::{Object, ObjectSection, ObjectSymbol, RelocationFlags, RelocationTarget, SectionFlags, elf};
use std::collections::{BTreeMap, BTreeSet};
use test_kit::fixture::{self, Fixture};
use test_kit::folder::Folder;
use test_kit::trial::trial;
use test_kit::{tool, trials};

/// The folders of fixtures, of which each makes a test for each processor.
const AREAS: [&str; 9] = ["atomic", "bench", "call", "ctl", "exn", "mem", "num", "simd", "tail"];

/// Targets, and their assemblers.
const TARGETS: [(&str, &str, &str); 2] = [
    ("x86-64", "x86_64-unknown-linux-gnu", "x86_64-linux-gnu-as"),
    ("aarch64", "aarch64-unknown-linux-gnu", "aarch64-linux-gnu-as"),
];

pub fn trials() -> Vec<Trial> {
    let of_target = |(name, target, assembler): (&'static str, &'static str, &'static str)| {
        let trial = move |area| trial(format!("assembly/{name}-{area}"), move || same_objects(area, target, assembler));
        AREAS.into_iter().map(trial)
    };
    let mut trials: Vec<_> = TARGETS.into_iter().flat_map(of_target).collect();
    trials.extend(trials!["assembly": what_is_assembled_runs, comments_show_the_source]);
    trials
}

fn same_objects(area: &str, target: &str, assembler: &str) -> Result<()> {
    tool::require(assembler)?;
    let folder = Folder::empty();
    let mut n_compared = 0;
    let prefix = format!("{area}/");
    for path in fixture::all()?.into_iter().filter(|path| fixture::name_of(path).starts_with(&prefix)) {
        let fixture = Fixture::read(&path)?;
        if fixture.is_c() || fixture.is_cxx() {
            continue;
        }
        folder.write("a.wat", &fixture.source);
        for flags in [&["-g", "-O0"][..], &[]] {
            let direct = [&["a.wat", "-c", "-q", "-o", "direct.o", "--target", target], flags].concat();
            if folder.wasm2native(&direct).status != 0 {
                continue;
            }
            folder.builds(&[&["a.wat", "-S", "-q", "-o", "a.s", "--target", target], flags].concat());
            folder.silent_tool(assembler, &["a.s", "-o", "a.o"]);
            let [direct, assembled] = ["direct.o", "a.o"].map(|name| picture(&folder.read(name)));
            let (direct, assembled) = (direct?, assembled?);
            for (name, section) in &direct {
                let other = assembled.get(name).with_context(|| format!("{}: no {name}", fixture.name))?;
                ensure!(section.flags == other.flags, "{} {flags:?}: flags of {name}", fixture.name);
                ensure!(section.symbols == other.symbols, "{} {flags:?}: symbols of {name}", fixture.name);
                ensure!(section.bytes == other.bytes, "{} {flags:?}: bytes of {name}", fixture.name);
                ensure!(section.fields == other.fields, "{} {flags:?}: relocations of {name}", fixture.name);
            }
            n_compared += 1;
        }
    }
    ensure!(n_compared >= 4, "only {n_compared} objects of {area}");
    Ok(())
}

/// What a linker sees of a section.
struct Section {
    flags: u64,
    bytes: Vec<u8>,
    /// Global symbols: name, place, size.
    symbols: BTreeSet<(String, u64, u64)>,
    /// Place, kind, and what belongs there: a name, or a section and an offset in it.
    fields: BTreeSet<(u64, u32, String, i64)>,
}

/// The sections of an object that have contents, by name. Relocations of local symbols are those of
/// their sections.
fn picture(bytes: &[u8]) -> Result<BTreeMap<String, Section>> {
    let file = object::File::parse(bytes)?;
    let mut sections = BTreeMap::new();
    for section in file.sections() {
        let SectionFlags::Elf { sh_flags, .. } = section.flags() else { continue };
        let name = section.name()?.to_owned();
        // A name may occur more than once: what is empty says nothing.
        if section.size() == 0
            || name.starts_with(".rela")
            || name.ends_with("tab")
            || [".note.gnu.property", ".group"].contains(&&name[..])
        {
            continue;
        }
        let mut fields = BTreeSet::new();
        for (offset, relocation) in section.relocations() {
            let RelocationFlags::Elf { r_type } = relocation.flags() else { continue };
            let RelocationTarget::Symbol(symbol) = relocation.target() else { continue };
            let symbol = file.symbol_by_index(symbol)?;
            let field = match symbol.section_index().filter(|_| symbol.is_local()) {
                Some(index) => {
                    let name = file.section_by_index(index)?.name()?.to_owned();
                    (offset, r_type.0, name, relocation.addend() + symbol.address().cast_signed())
                }
                None => (offset, r_type.0, symbol.name()?.to_owned(), relocation.addend()),
            };
            fields.insert(field);
        }
        let own = file.symbols().filter(|it| it.section_index() == Some(section.index()) && !it.is_local());
        let symbols =
            own.map(|it| Ok((it.name()?.to_owned(), it.address(), it.size()))).collect::<Result<BTreeSet<_>>>()?;
        let flags = sh_flags.0 & !elf::SHF_INFO_LINK.0;
        // Sections of which the linker keeps one may have the same name.
        let key = match symbols.first() {
            Some((symbol, ..)) if name.ends_with("generator") => format!("{name} {symbol}"),
            _ => name,
        };
        sections.insert(key, Section { flags, bytes: section.data()?.to_vec(), symbols, fields });
    }
    Ok(sections)
}

const LIBRARY: &str = r#"(module
    (memory 1)
    (data (i32.const 8) "\07")
    (table funcref (elem $add $sub))
    (global $n (mut i32) (i32.const 0))
    (type $binary (func (param i32 i32) (result i32)))
    (func $add (type $binary) (i32.add (local.get 0) (local.get 1)))
    (func $sub (type $binary) (i32.sub (local.get 0) (local.get 1)))
    (func (export "pick") (param i32 i32 i32) (result i32)
        (global.set $n (i32.add (global.get $n) (i32.load (i32.const 8))))
        (block $two (block $one (block $zero (br_table $zero $one $two (local.get 0)))
            (return (call_indirect (type $binary) (local.get 1) (local.get 2) (i32.const 0))))
            (return (call_indirect (type $binary) (local.get 1) (local.get 2) (i32.const 1))))
        (global.get $n)))"#;

const HOST: &str = r#"#include "lib.h"
#include <stdio.h>
int main(void) {
    int sum = lib_pick(0, 20, 3), difference = lib_pick(1, 20, 3);
    printf("%d %d %d\n", sum, difference, lib_pick(2, 0, 0));
    return 0;
}
"#;

fn what_is_assembled_runs() -> Result<()> {
    tool::require("as")?;
    tool::require("cc")?;
    let folder = Folder::with(&[("lib.wat", LIBRARY), ("host.c", HOST)]);
    folder.builds(&["--emit", "runtime=runtime.a"]);
    folder.builds(&["lib.wat", "--emit", "asm,obj,header"]);
    folder.silent_tool("as", &["lib.s", "-o", "assembled.o"]);
    for (object, program) in [("lib.o", "direct"), ("assembled.o", "app")] {
        folder.cc(&["host.c", object, "runtime.a", "-lm", "-o", program]);
        let out = folder.program(program, &[]).succeeds();
        ensure!(out.stdout == "23 17 21\n", "{object}: {out:?}");
    }
    Ok(())
}

fn comments_show_the_source() -> Result<()> {
    let folder = Folder::with(&[("lib.wat", LIBRARY)]);
    for target in TARGETS.map(|(_, target, _)| target) {
        folder.builds(&["lib.wat", "-g", "-O0", "-S", "-o", "lib.s", "--target", target]);
        let text = String::from_utf8(folder.read("lib.s"))?;
        for comment in
            [" lib.wat:7: (func $add (type $binary) (i32.add", " function 0 (`add`), ", ": out of bounds memory"]
        {
            ensure!(text.contains(comment), "{target}: no {comment} in {text}");
        }
    }
    Ok(())
}
