//! Tables of branches: dense, sparse and large ones, with values, to blocks and to loops.

use super::expression::{Locals, int};
use super::{Element, World};
use test_kit::dice::Dice;

pub fn element(dice: &mut Dice, _world: &World, number: usize) -> Element {
    let locals = Locals { ints: ["$a", "$b", "$x"].map(str::to_owned).into(), ..Locals::default() };
    let n_blocks = 2 + dice.below(5);
    let has_value = dice.below(2) == 0;
    let n_targets = dice.one_of(&[1, 2, 3, 4, 8, 9, 17, 60, 300]);
    // One label more than blocks: that of the loop.
    let targets: String = (0..=n_targets).map(|_| format!("$l{} ", dice.below(n_blocks + 1))).collect();
    let index = match dice.below(4) {
        0 => int(dice, &locals, 2),
        1 => format!("(i32.sub (local.get $a) (i32.const {}))", dice.one_of(&[1, 5, 100, -1])),
        2 => format!("(i32.and {} (i32.const {}))", int(dice, &locals, 1), dice.one_of(&[3, 7, 63])),
        _ => format!("(i32.rem_u {} (i32.const {n_targets}))", int(dice, &locals, 1)),
    };
    let ty = if has_value { "(result i32)" } else { "" };
    let value = |text: String| if has_value { text } else { String::new() };
    let branch = format!("(br_table {targets} {} {index})", value(int(dice, &locals, 1)));
    let mut body = branch;
    for block in 1..=n_blocks {
        let add = format!("(i32.add (local.get $x) (i32.const {}))", 3 * block);
        let after = match has_value {
            true => format!("(local.set $x (i32.xor {add}))"),
            false => format!("(local.set $x {add})"),
        };
        let end = match dice.below(4) {
            0 => format!("(return (local.get $x) (i32.const {block}))"),
            1 if has_value => format!("(br $l{} (local.get $x))", if block < n_blocks { block + 1 } else { 0 }),
            1 => format!("(br $l{})", if block < n_blocks { block + 1 } else { 0 }),
            _ => value("(local.get $x)".to_owned()),
        };
        body = format!("(block $l{block} {ty} {body})\n {after} {end}");
    }
    let (param, start, end) = match has_value {
        true => ("(param i32) (result i32)", "(i32.const 5)", "(local.set $x)"),
        false => ("", "", ""),
    };
    let take = if has_value { "(local.set $x (i32.add (local.get $x)))" } else { "" };
    let entries = format!(
        "(func $branch{number} (param $a i32) (param $b i32) (result i32 i32) (local $x i32)
         {start}
         (loop $l0 {param} (call $spend) {take}
           (local.set $a (i32.add (local.get $a) (i32.const 1)))
           {body})
         {end} (local.get $x) (local.get $a))\n"
    );
    Element { entries, others: String::new() }
}
