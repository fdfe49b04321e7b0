//! A module with a few damages.
//!
//! Most of them keep the sizes of sections and bodies right, so that what is damaged is reached: a
//! byte that says something else in the right place often makes a valid module that does something
//! else.

use std::ops::Range;
use test_kit::dice::Dice;
use wasmparser::{Parser, Payload};

/// Values that numbers are replaced by: those at borders.
const BORDERS: [u8; 12] = [0x00, 0x01, 0x02, 0x0b, 0x3f, 0x40, 0x41, 0x7e, 0x7f, 0x80, 0xfe, 0xff];

/// A mutant of a valid module.
pub fn mutate(module: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = module.to_vec();
    let sections = sections(module);
    for _ in 0..1 + dice.below(3) {
        let place = place(&bytes, &sections, dice);
        match dice.below(16) {
            // Most mutants differ in some bytes, and nothing moves.
            0..=4 => bytes[place] = BORDERS[dice.below(BORDERS.len())],
            5..=7 => bytes[place] ^= 1 << dice.below(8),
            8 => bytes[place] = dice.below(256) as u8,
            9 | 10 => {
                let other = place_near(&bytes, place, dice);
                bytes.swap(place, other);
            }
            11 => {
                // A part of the module over another one.
                let from = self::place(&bytes, &sections, dice);
                let length = (1 + dice.below(12)).min(bytes.len() - from.max(place));
                bytes.copy_within(from..from + length, place);
            }
            12 => bytes.truncate(place),
            13 => {
                bytes.remove(place);
            }
            14 => bytes.insert(place, dice.below(256) as u8),
            _ => swap_sections(&mut bytes, &sections, dice),
        }
        if bytes.is_empty() {
            return bytes;
        }
    }
    bytes
}

/// Where the sections lie, with their heads.
fn sections(module: &[u8]) -> Vec<Range<usize>> {
    let mut ends = vec![8];
    for payload in Parser::new(0).parse_all(module) {
        let Ok(payload) = payload else { break };
        if matches!(payload, Payload::CodeSectionEntry(_) | Payload::Version { .. } | Payload::End(_)) {
            continue;
        }
        if let Some((_, range)) = payload.as_section() {
            ends.push(range.end as usize);
        }
    }
    ends.windows(2).map(|pair| pair[0]..pair[1]).collect()
}

/// A place in the module: each section is as likely as another, however long.
fn place(bytes: &[u8], sections: &[Range<usize>], dice: &mut Dice) -> usize {
    if sections.is_empty() || dice.below(8) == 0 {
        return dice.below(bytes.len());
    }
    let section = &sections[dice.below(sections.len())];
    let start = section.start + dice.below(section.len().max(1));
    // Beginnings hold counts and sizes.
    let place = if dice.below(4) == 0 { section.start + dice.below(section.len().clamp(1, 8)) } else { start };
    place.min(bytes.len() - 1)
}

fn place_near(bytes: &[u8], place: usize, dice: &mut Dice) -> usize {
    (place + 1 + dice.below(8)).min(bytes.len() - 1)
}

/// Two sections in each other's places.
fn swap_sections(bytes: &mut [u8], sections: &[Range<usize>], dice: &mut Dice) {
    if sections.len() < 2 {
        return;
    }
    let first = dice.below(sections.len() - 1);
    let (one, two) = (&sections[first], &sections[first + 1]);
    if two.end <= bytes.len() {
        bytes[one.start..two.end].rotate_left(one.len());
    }
}
