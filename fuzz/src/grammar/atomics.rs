//! Atomic accesses of all widths: read, modify and write, compare and exchange, waiting for what
//! nobody notifies.

use super::expression::{Locals, int, long};
use super::{Element, World};
use test_kit::dice::Dice;

/// A type, bits of an access that is narrower, and the end of its name.
const WIDTHS: [(&str, &str, &str); 7] = [
    ("i32", "", ""),
    ("i32", "8", "_u"),
    ("i32", "16", "_u"),
    ("i64", "", ""),
    ("i64", "8", "_u"),
    ("i64", "16", "_u"),
    ("i64", "32", "_u"),
];

pub fn element(dice: &mut Dice, world: &World, number: usize) -> Element {
    let locals = Locals {
        ints: ["$a", "$b"].map(str::to_owned).into(),
        longs: ["$c", "$sum"].map(str::to_owned).into(),
        ..Locals::default()
    };
    let statements: String = (0..3 + dice.below(6)).map(|_| statement(dice, world, &locals) + "\n").collect();
    let entries = format!(
        "(func $atomic{number} (param $a i32) (param $b i32) (param $c i64) (result i64) (local $sum i64)
         {statements} (local.get $sum))\n"
    );
    Element { entries, others: String::new() }
}

fn statement(dice: &mut Dice, world: &World, locals: &Locals) -> String {
    let (ty, bits, end) = dice.one_of(&WIDTHS);
    let value = |dice: &mut Dice| if ty == "i32" { int(dice, locals, 2) } else { long(dice, locals, 2) };
    let add = |text: String| {
        let text = if ty == "i32" { format!("(i64.extend_i32_u {text})") } else { text };
        format!("(local.set $sum (i64.rotl (i64.add (local.get $sum) {text}) (i64.const 5)))")
    };
    let at = address(dice, world, locals);
    match dice.below(12) {
        0..4 => {
            let operator = dice.one_of(&["add", "sub", "and", "or", "xor", "xchg"]);
            add(format!("({ty}.atomic.rmw{bits}.{operator}{end} {at} {})", value(dice)))
        }
        4..7 => {
            // Now and then what is there is what is expected.
            let expected = if dice.below(2) == 0 { format!("({ty}.const 0)") } else { value(dice) };
            add(format!("({ty}.atomic.rmw{bits}.cmpxchg{end} {at} {expected} {})", value(dice)))
        }
        7 => add(format!("({ty}.atomic.load{bits}{end} {at})")),
        8 | 9 => format!("({ty}.atomic.store{bits} {at} {})", value(dice)),
        10 if world.is_shared => {
            let width = &ty[1..];
            let text = format!("(memory.atomic.wait{width} {at} {} (i64.const {}))", value(dice), dice.below(2000));
            format!("(local.set $sum (i64.add (i64.extend_i32_u {text}) (local.get $sum)))")
        }
        10 => "(atomic.fence)".to_owned(),
        _ => {
            let text = format!("(memory.atomic.notify {at} {})", int(dice, locals, 1));
            format!("(local.set $sum (i64.add (i64.extend_i32_u {text}) (local.get $sum)))")
        }
    }
}

/// Mostly a place inside of the memory that is aligned.
fn address(dice: &mut Dice, world: &World, locals: &Locals) -> String {
    let size = world.pages * 0x1_0000;
    let index = match dice.below(8) {
        0 => format!("(i32.const {})", size.wrapping_sub(dice.one_of(&[0, 1, 2, 4, 8])) as u32),
        1 => int(dice, locals, 1),
        _ => format!("(i32.and {} (i32.const {}))", int(dice, locals, 1), dice.one_of(&[0x38, 0x7ff8, 0xfff8])),
    };
    let index = if world.is_wide { format!("(i64.extend_i32_u {index})") } else { index };
    match dice.below(3) {
        0 => format!("offset={} {index}", dice.one_of(&[8, 16, 0x1000, 0xfff8])),
        _ => index,
    }
}
