//! Arithmetic of floating-point numbers with NaNs, infinities and zeros of both signs, and
//! conversions of what just fits and what just does not.

use super::expression::{Locals, converted, double, float};
use super::{Element, World};
use test_kit::dice::Dice;

pub fn element(dice: &mut Dice, _world: &World, number: usize) -> Element {
    let locals = Locals {
        ints: vec!["$a".to_owned()],
        longs: vec!["$c".to_owned()],
        floats: ["$e", "$x"].map(str::to_owned).into(),
        doubles: ["$f", "$y"].map(str::to_owned).into(),
    };
    let mut statements = String::new();
    for _ in 0..2 + dice.below(4) {
        statements += &match dice.below(3) {
            0 => format!("(local.set $x {})\n", float(dice, &locals, 3)),
            1 => format!("(local.set $y {})\n", double(dice, &locals, 3)),
            _ => format!("(local.set $sum (i64.add (local.get $sum) {}))\n", converted(dice, &locals, 2)),
        };
    }
    let entries = format!(
        "(func $float{number} (param $a i32) (param $c i64) (param $e f32) (param $f f64) (result f32 f64 i64)
         (local $x f32) (local $y f64) (local $sum i64) {statements}
         (call $canon32 (local.get $x)) (call $canon64 (local.get $y)) (local.get $sum))\n"
    );
    Element { entries, others: String::new() }
}
