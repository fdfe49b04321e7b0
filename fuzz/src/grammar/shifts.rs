//! Arithmetic of integers: shifts that fold into others, into sums and into masks.

use super::expression::{Locals, int, long};
use super::{Element, World};
use test_kit::dice::Dice;

pub fn element(dice: &mut Dice, _world: &World, number: usize) -> Element {
    let locals = Locals {
        ints: ["$a", "$b", "$x"].map(str::to_owned).into(),
        longs: ["$c", "$d", "$y"].map(str::to_owned).into(),
        ..Locals::default()
    };
    let mut statements = String::new();
    for _ in 0..2 + dice.below(4) {
        statements += &match dice.below(2) {
            0 => format!("(local.set $x {})\n", int(dice, &locals, 4)),
            _ => format!("(local.set $y {})\n", long(dice, &locals, 4)),
        };
    }
    let entries = format!(
        "(func $shift{number} (param $a i32) (param $b i32) (param $c i64) (param $d i64) (result i64 i32)
         (local $x i32) (local $y i64) {statements} (local.get $y) (local.get $x))\n"
    );
    Element { entries, others: String::new() }
}
