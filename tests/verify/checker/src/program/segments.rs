//! What may be written and what may be executed, and where a program begins.

use super::Linked;
use super::elf::{Elf, Segment};
use super::section::{Placed, Section};
use object::elf;
use std::ops::Range;

pub fn check(elf: &Elf, objects: &[Placed], modules: &[Range<u64>], linked: &mut Linked) {
    for segment in elf.loaded().filter(|segment| segment.is_writable() && segment.is_executable()) {
        linked.fail(format!("the segment at {:#x} can be written and executed", segment.addresses.start));
    }
    let stack = elf.segments.iter().find(|segment| segment.kind == elf::PT_GNU_STACK.0);
    if stack.is_none_or(Segment::is_executable) {
        linked.fail("the stack is executable");
    }
    let constants = check_constants(elf, linked);
    for section in objects.iter().flat_map(|object| object.sections.values()) {
        check_section(elf, section, &constants, linked);
    }
    check_code_is_fixed(elf, linked);
    check_beginnings(elf, modules, linked);
}

/// Data that the start fills in and then protects: whole pages, and all of a segment.
fn check_constants(elf: &Elf, linked: &mut Linked) -> Range<u64> {
    let Some(constants) = elf.segments.iter().find(|segment| segment.kind == elf::PT_GNU_RELRO.0) else {
        linked.fail("no data is protected after the start");
        return 0..0;
    };
    let range = constants.addresses.clone();
    let is_whole = range.end.is_multiple_of(elf.processor.page());
    let is_segment = elf.loaded().any(|segment| segment.addresses == range && segment.is_writable());
    if !is_whole || !is_segment {
        linked.fail("what is protected after the start is not a whole segment");
    }
    range
}

fn check_section(elf: &Elf, section: &Section, constants: &Range<u64>, linked: &mut Linked) {
    let range = section.start..section.start.saturating_add(section.size);
    let Some(segment) = elf.segment_of(&range) else {
        return linked.fail(format!("{} is not loaded", section.name));
    };
    let has = |flag: u64| section.flags & flag != 0;
    let is_constant = section.name.starts_with(".data.rel.ro");
    let is_protected = constants.start <= range.start && range.end <= constants.end;
    if has(elf::SHF_EXECINSTR.0) != segment.is_executable() {
        linked.fail(format!("{} is executable, or its code is not", section.name));
    }
    if !has(elf::SHF_WRITE.0) && segment.is_writable() {
        linked.fail(format!("{} can be written", section.name));
    }
    if has(elf::SHF_WRITE.0) && !segment.is_writable() {
        linked.fail(format!("{} can't be written", section.name));
    }
    if is_constant != is_protected {
        linked.fail(format!("{} is protected after the start, or its constants are not", section.name));
    }
}

/// The start changes no code.
fn check_code_is_fixed(elf: &Elf, linked: &mut Linked) {
    for &place in elf.addresses.keys().chain(elf.chosen.keys()) {
        if elf.segment_of(&(place..place.saturating_add(8))).is_none_or(|segment| !segment.is_writable()) {
            linked.fail(format!("the start writes to {place:#x}, which is code or a constant"));
        }
    }
}

/// The program begins in the runtime, and so do functions that run before `main` and after it.
fn check_beginnings(elf: &Elf, modules: &[Range<u64>], linked: &mut Linked) {
    let is_own = |address: &u64| modules.iter().any(|module| module.contains(address));
    let starts: Vec<u64> = elf.find("_start").into_iter().filter(|start| !is_own(start)).collect();
    if starts != [elf.entry] {
        linked.fail(format!("the program begins at {:#x}, which is not the runtime's start", elf.entry));
    }
    let mut others: Vec<Option<u64>> = elf.first_and_last.iter().copied().map(Some).collect();
    for (first, last) in [("__init_array_start", "__init_array_end"), ("__fini_array_start", "__fini_array_end")] {
        let (Some(&first), Some(&last)) = (elf.find(first).first(), elf.find(last).first()) else { continue };
        others.extend((first..last).step_by(8).map(|place| elf.addresses.get(&place).copied()));
    }
    let functions = || elf.symbols.values().flatten().filter(|symbol| symbol.is_code);
    for target in others {
        let is_function = target.is_some_and(|target| functions().any(|symbol| symbol.address == target));
        if !is_function || target.as_ref().is_none_or(is_own) {
            linked.fail(format!("what runs before or after the program is not the runtime's: {target:x?}"));
        }
    }
}
