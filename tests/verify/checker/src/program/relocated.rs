//! Where the relocated fields of an object lead in a program: to what their symbols name.
//!
//! Fields may tell parts of an address only. All those of one symbol, in a section or a function,
//! must be parts of one place.

use super::Linked;
use super::elf::Elf;
use super::processor::{Aim, Told};
use super::section::{Field, Placed, Section};
use std::collections::BTreeMap;

pub fn check(elf: &Elf, object: &Placed, linked: &mut Linked) {
    for section in object.sections.values() {
        let mut of_symbols: BTreeMap<usize, Vec<&Field>> = BTreeMap::new();
        for field in &section.fields {
            linked.fields += 1;
            of_symbols.entry(field.symbol).or_default().push(field);
        }
        for (symbol, fields) in of_symbols {
            for (offset, reason) in check_symbol(elf, object, section, symbol, &fields) {
                let place = object.describe(section, offset);
                linked.fail(format!("{place}: {reason}"));
            }
        }
    }
}

fn check_symbol(elf: &Elf, object: &Placed, section: &Section, symbol: usize, fields: &[&Field]) -> Vec<(u64, String)> {
    let Some(symbol) = object.symbols.get(symbol) else {
        return vec![(fields[0].offset, "a relocation of no symbol".into())];
    };
    let own = symbol.section.and_then(|index| object.sections.get(&index));
    let own = own.map(|section| section.start.wrapping_add(symbol.offset));
    let places = match own {
        // Of several definitions that may stand for each other, the linker took one.
        Some(own) if symbol.is_weak => [vec![own], elf.find(&symbol.name)].concat(),
        Some(own) => vec![own],
        None => elf.find(&symbol.name),
    };
    // A weak name that nothing defines is null.
    let places = if places.is_empty() && symbol.is_weak { vec![0] } else { places };
    // The linker replaces calls of it, with what is before them.
    if places.is_empty() && symbol.name == THREAD_ADDRESS {
        return Vec::new();
    }
    // What the linker makes of these is not known to the byte.
    let is_open = |field: &Field| {
        let told = elf.processor.read(elf, field, section.start.wrapping_add(field.offset));
        matches!(told, Ok(Some(Told { aim: Aim::Either, .. })))
    };
    let open = fields.iter().filter(|field| is_open(field));
    let open = open.map(|field| {
        (field.offset, format!("a relocation of kind {}, for which the linker may change code", field.kind))
    });
    open.chain(wrong(elf, section.start, fields, &places, &symbol.name)).collect()
}

/// The function that finds a variable of a thread, on x86-64.
pub const THREAD_ADDRESS: &str = "__tls_get_addr";

/// Fields of one symbol that do not lead to one of the places where it may be, and why, by offset
/// from `start`.
pub fn wrong(elf: &Elf, start: u64, fields: &[&Field], places: &[u64], name: &str) -> Vec<(u64, String)> {
    let mut reasons = Vec::new();
    let mut groups: BTreeMap<(Aim, u64), Vec<(&Field, Told)>> = BTreeMap::new();
    for &field in fields {
        match elf.processor.read(elf, field, start.wrapping_add(field.offset)) {
            Ok(Some(told)) => {
                // Each of these may lead another way.
                let alone = if told.aim == Aim::Either { field.offset } else { 0 };
                groups.entry((told.aim, alone)).or_default().push((field, told));
            }
            Ok(None) => {}
            Err(reason) => reasons.push((field.offset, reason)),
        }
    }
    for ((aim, _), group) in groups {
        let is_of = |candidate: u64, &(field, told): &(&Field, Told)| {
            candidate.wrapping_add_signed(field.addend) & told.mask == told.bits
        };
        let mut candidates = candidates(elf, aim, &group, places, name);
        // The place that most fields have is meant.
        candidates.sort_by_cached_key(|&it| group.iter().filter(|pair| !is_of(it, pair)).count());
        let wrong = group.iter().filter(|pair| candidates.first().is_none_or(|&it| !is_of(it, pair)));
        reasons.extend(
            wrong.map(|(field, told)| (field.offset, format!("{}, and not to `{name}`", describe(field, told)))),
        );
    }
    reasons
}

fn describe(field: &Field, told: &Told) -> String {
    if told.is_whole() {
        return format!("leads to {:#x}", told.bits.wrapping_add_signed(field.addend.wrapping_neg()));
    }
    format!("leads to a place with the bits {:#x} of {:#x}", told.bits, told.mask)
}

/// Where fields that aim so may lead, when the symbol is at one of `places`.
fn candidates(elf: &Elf, aim: Aim, group: &[(&Field, Told)], places: &[u64], name: &str) -> Vec<u64> {
    let mut candidates = Vec::new();
    let found = group.iter().filter(|(_, told)| told.is_whole());
    let found = found.map(|(field, told)| told.bits.wrapping_add_signed(field.addend.wrapping_neg()));
    if matches!(aim, Aim::Address | Aim::Either) {
        // Of a function that the start chooses, a jump to the choice.
        let is_jump = |&at: &u64| {
            let resolver = elf.processor.jump(elf, at).and_then(|(slot, _)| elf.resolver(slot));
            resolver.is_some_and(|resolver| places.contains(&resolver))
        };
        candidates.extend(places);
        candidates.extend(found.clone().filter(is_jump));
    }
    if matches!(aim, Aim::Slot | Aim::Either) {
        candidates.extend(places.iter().flat_map(|place| elf.slots(*place)));
        // A slot of a number, which nothing moves.
        let parts = group.iter().flat_map(|(_, one)| group.iter().map(move |(_, other)| (one, other)));
        let joined = parts.filter(|(one, other)| one.mask ^ other.mask == !0).map(|(one, other)| one.bits | other.bits);
        let is_number = |at: &u64| elf.constant(*at).is_some_and(|number| places.contains(&number));
        candidates.extend(found.chain(joined).filter(is_number));
    }
    if aim == Aim::Thread {
        candidates.extend(elf.thread_offsets(name));
        // Of a weak one that is not there, null.
        candidates.extend(places.iter().filter(|&&place| place == 0));
    }
    candidates
}
