//! DWARF of a few hundred kilobytes of which much could follow: what becomes of it stays in
//! proportion, and the program is made.

use anyhow::{Result, ensure};
use gimli::constants as dw;
use gimli::write::{
    Address, AttributeValue, DwarfUnit, EndianVec, Expression, LineProgram, LineString, Location, LocationList, Range,
    RangeList, Sections,
};
use gimli::{Encoding, Format, LineEncoding, LittleEndian};
use std::process::Command;
use test_kit::folder::Folder;
use test_kit::process::outcome;
use wasm_encoder::{CustomSection, Section};

/// Operators of the function, and entries that are about all of them.
const N_OPERATORS: u64 = 10_000;
const N_ENTRIES: usize = 20_000;
/// Ranges in a list: every other ten bytes.
const N_RANGES: u64 = N_OPERATORS / 10;

#[derive(Copy, Clone, Debug)]
enum Form {
    /// Blocks with one list of ranges.
    Blocks,
    /// Variables with one list of places.
    Variables,
    /// Entries with one long name.
    Names,
    /// Units with one table of lines.
    Lines,
    /// Units with one table of abbreviations.
    Abbreviations,
    /// Units with tables of abbreviations that begin one after the other and have one end.
    Overlapping,
    /// Units with attributes of no bytes.
    Attributes,
}

/// A module with a function of many operators, which sets its local every now and then.
fn module() -> Result<Vec<u8>> {
    let body = "(local.set 0 (i32.add (local.get 0) (i32.const 3)))".repeat(N_OPERATORS as usize / 4);
    let text = format!("(module (func (export \"run\") (param i32) (result i32) {body} (local.get 0)))");
    Ok(wat::parse_str(text)?)
}

fn add_dwarf(module: &[u8], form: Form) -> Result<Vec<u8>> {
    let encoding = Encoding { address_size: 4, format: Format::Dwarf32, version: 5 };
    let mut dwarf = DwarfUnit::new(encoding);
    let string = |text: &str| LineString::String(text.as_bytes().to_vec());
    let mut program = LineProgram::new(encoding, LineEncoding::default(), string("/"), None, string("a.c"), None);
    let folder = program.default_directory();
    let file = program.add_file(string("a.c"), folder, None);
    // The body follows the number of functions and its own size.
    let (start, length) = (4, N_OPERATORS * 2);
    program.begin_sequence(Some(Address::Constant(start)));
    let n_lines = if matches!(form, Form::Lines) { N_OPERATORS } else { 1 };
    for line in 0..n_lines {
        let row = program.row();
        (row.address_offset, row.file, row.line) = (line, file, line + 1);
        program.generate_row();
    }
    program.end_sequence(length);
    dwarf.unit.line_program = program;
    let root = dwarf.unit.root();
    let func = dwarf.unit.add(root, dw::DW_TAG_subprogram);
    let entry = dwarf.unit.get_mut(func);
    entry.set(dw::DW_AT_low_pc, AttributeValue::Address(Address::Constant(start)));
    entry.set(dw::DW_AT_high_pc, AttributeValue::Udata(length));
    entry.set(dw::DW_AT_name, AttributeValue::String(b"run".to_vec()));
    let ranges = (0..N_RANGES).map(|at| {
        let [begin, end] = [at * 20, at * 20 + 10].map(|at| Address::Constant(start + at));
        Range::StartEnd { begin, end }
    });
    let ranges = dwarf.unit.ranges.add(RangeList(ranges.collect()));
    let mut place = Expression::new();
    place.op_wasm_local(0);
    place.op(dw::DW_OP_stack_value);
    let places = (0..N_RANGES).map(|at| {
        let [begin, end] = [at * 20, at * 20 + 10].map(|at| Address::Constant(start + at));
        Location::StartEnd { begin, end, data: place.clone() }
    });
    let places = dwarf.unit.locations.add(LocationList(places.collect()));
    // All count by their size.
    let length = if matches!(form, Form::Names) { 1 << 18 } else { 1 };
    let name = dwarf.strings.add("a".repeat(length));
    for _ in 0..N_ENTRIES {
        let tag = if matches!(form, Form::Blocks) { dw::DW_TAG_lexical_block } else { dw::DW_TAG_variable };
        let id = dwarf.unit.add(func, tag);
        let entry = dwarf.unit.get_mut(id);
        match form {
            Form::Blocks => entry.set(dw::DW_AT_ranges, AttributeValue::RangeListRef(ranges)),
            Form::Variables => entry.set(dw::DW_AT_location, AttributeValue::LocationListRef(places)),
            Form::Names => entry.set(dw::DW_AT_name, AttributeValue::StringRef(name)),
            Form::Lines | Form::Abbreviations | Form::Overlapping | Form::Attributes => break,
        }
    }
    let mut sections = Sections::new(EndianVec::new(LittleEndian));
    dwarf.write(&mut sections)?;
    let mut described = module.to_vec();
    sections.for_each(|id, section| {
        let mut data = section.slice().to_vec();
        match (form, id) {
            (Form::Lines, gimli::SectionId::DebugInfo) => data = data.repeat(N_ENTRIES),
            (Form::Abbreviations | Form::Overlapping | Form::Attributes, gimli::SectionId::DebugInfo) => {
                data.clear();
                (0..N_ENTRIES).for_each(|number| data.extend(unit(form, number)));
            }
            (Form::Abbreviations | Form::Overlapping | Form::Attributes, gimli::SectionId::DebugAbbrev) => {
                data = abbreviations(form);
            }
            _ => {}
        }
        CustomSection { name: id.name().into(), data: data.into() }.append_to(&mut described);
        Ok::<_, anyhow::Error>(())
    })?;
    Ok(described)
}

/// A unit of one entry (DWARF 5, 7.5.1.1), which has a table of its own if they overlap.
fn unit(form: Form, number: usize) -> Vec<u8> {
    let number = if matches!(form, Form::Overlapping) { number } else { 0 };
    let table = u32::try_from(number * abbreviation(0).len()).expect("tables are small").to_le_bytes();
    // Length without itself, version 5, DW_UT_compile, 4 bytes in an address, table, entry.
    [&[11, 0, 0, 0, 5, 0, 1, 4][..], &table, &code(number)].concat()
}

/// A table of abbreviations.
fn abbreviations(form: Form) -> Vec<u8> {
    let mut table = match form {
        // DW_AT_external by DW_FORM_flag_present.
        Form::Attributes => [&code(0)[..], &[0x11, 0], &[0x3f, 0x19].repeat(N_ENTRIES), &[0, 0]].concat(),
        _ => (0..N_ENTRIES).flat_map(abbreviation).collect(),
    };
    table.push(0);
    table
}

/// DW_TAG_compile_unit, without children and attributes.
fn abbreviation(number: usize) -> [u8; 7] {
    let [a, b, c] = code(number);
    [a, b, c, 0x11, 0, 0, 0]
}

/// A number from 1, with three bytes (DWARF 5, 7.6).
fn code(number: usize) -> [u8; 3] {
    let [a, b, c, _] = u32::try_from(number + 1).expect("tables are small").to_le_bytes();
    let all = u32::from_le_bytes([a, b, c, 0]);
    [all & 127 | 128, all >> 7 & 127 | 128, all >> 14 & 127].map(|byte| byte as u8)
}

/// Seconds of processor time, and KiB of address space, that each build may take: several times
/// what it does.
const MOST: (u32, u32) = (60, 3 << 20);

pub fn bounded() -> Result<()> {
    let folder = Folder::empty();
    let module = module()?;
    for (form, levels) in [
        (Form::Blocks, &["-O2"][..]),
        (Form::Variables, &["-O0", "-O2"]),
        (Form::Names, &["-O0"]),
        (Form::Lines, &["-O0"]),
        (Form::Abbreviations, &["-O0"]),
        (Form::Overlapping, &["-O0"]),
        (Form::Attributes, &["-O0"]),
    ] {
        folder.write("m.wasm", add_dwarf(&module, form)?);
        for level in levels {
            let mut command = Command::new("sh");
            let (seconds, kib) = MOST;
            command.args(["-c", &format!("ulimit -t {seconds} && ulimit -v {kib} && exec \"$@\""), "sh"]);
            command.arg(test_kit::command::wasm2native().get_program());
            command.args(["m.wasm", "-g", level, "-j1", "-c", "-o", "m.o"]).current_dir(folder.path("."));
            let said = outcome(&mut command);
            ensure!(said.status == 0, "{form:?} {level}: {said:?}");
            let size = std::fs::metadata(folder.path("m.o"))?.len();
            ensure!(size < 100 << 20, "{form:?} {level}: {size} bytes");
        }
    }
    Ok(())
}
