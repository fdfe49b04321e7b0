//! Functions with large frames, some of which call each other as deep as the fuel lasts.

use super::expression::{Locals, int, long};
use super::{Element, World};
use std::fmt::Write;
use test_kit::dice::Dice;

pub fn element(dice: &mut Dice, _world: &World, number: usize) -> Element {
    let n = dice.one_of(&[30, 200, 600, 1500]);
    let ty = dice.one_of(&["i64", "v128", "f64"]);
    let params = Locals { ints: vec!["$a".to_owned()], longs: vec!["$c".to_owned()], ..Locals::default() };
    // Each value is live from the first half of the function to the second.
    let (make, take) = match ty {
        "i64" => ("(i64.add (local.get $c) (i64.const #))", "(local.get $s#)"),
        "f64" => (
            "(f64.add (f64.convert_i64_s (local.get $c)) (f64.const #))",
            "(i64.trunc_sat_f64_s (f64.mul (local.get $s#) (f64.const 0.5)))",
        ),
        _ => (
            "(i64x2.add (i64x2.splat (local.get $c)) (v128.const i64x2 # 3))",
            "(i64.add (i64x2.extract_lane 0 (local.get $s#)) (i64x2.extract_lane 1 (local.get $s#)))",
        ),
    };
    let mut text = format!("(func $frame{number} (param $a i32) (param $c i64) (result i64) (local $sum i64)\n");
    (0..n).for_each(|it| write!(text, "(local $s{it} {ty})").expect("a string takes all"));
    for it in 0..n {
        writeln!(text, "(local.set $s{it} {})", make.replace('#', &it.to_string())).expect("a string takes all");
    }
    let condition = match dice.below(2) {
        0 => "(i32.gt_u (global.get $fuel) (i32.const 280))".to_owned(),
        _ => int(dice, &params, 2),
    };
    let deeper = format!("(call $frame{number} {} (i64.add (local.get $c) (i64.const 1)))", int(dice, &params, 1));
    // A frame may have 24 KB: 64 of them are far from the end of the stack.
    write!(
        text,
        "(call $spend)
         (if (i32.and {condition} (i32.gt_u (global.get $fuel) (i32.const 240)))
           (then (local.set $sum {deeper}))
           (else (local.set $sum (call $mix {} (local.get $a)))))\n",
        long(dice, &params, 2)
    )
    .expect("a string takes all");
    for it in 0..n {
        let value = take.replace('#', &it.to_string());
        writeln!(text, "(local.set $sum (i64.add (i64.rotl (local.get $sum) (i64.const 1)) {value}))")
            .expect("a string takes all");
    }
    text += "(local.get $sum))\n";
    Element { entries: text, others: String::new() }
}
