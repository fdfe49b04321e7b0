//! Vectors of floating-point numbers, with NaNs and infinities in some lanes. Each result is made
//! canonical. Relaxed operators give what the processor gives, and are left out.

use super::expression::{Locals, double, float, int};
use super::{Element, World};
use test_kit::dice::Dice;

pub fn element(dice: &mut Dice, _world: &World, number: usize) -> Element {
    let statements: String = (0..2 + dice.below(5))
        .map(|_| {
            let name = dice.one_of(&["$x", "$y"]);
            format!("(local.set {name} {})\n", vector(dice, number, 3))
        })
        .collect();
    let entries = format!(
        "(func $floats{number} (param $a i32) (param $e f32) (param $f f64) (param $v v128) (result v128 v128)
         (local $x v128) (local $y v128) {statements} (local.get $x) (local.get $y))\n"
    );
    let others: String = [("f32x4", "nan nan nan nan"), ("f64x2", "nan nan")]
        .map(|(shape, nans)| {
            format!(
                "(func ${shape}{number} (param v128) (result v128) (v128.bitselect (local.get 0)
                 (v128.const {shape} {nans}) ({shape}.eq (local.get 0) (local.get 0))))\n"
            )
        })
        .concat();
    Element { entries, others }
}

fn vector(dice: &mut Dice, number: usize, depth: usize) -> String {
    let locals = Locals {
        ints: vec!["$a".to_owned()],
        floats: vec!["$e".to_owned()],
        doubles: vec!["$f".to_owned()],
        ..Locals::default()
    };
    let shape = dice.one_of(&["f32x4", "f64x2"]);
    let lane = |dice: &mut Dice| match shape {
        "f32x4" => format!("(call $canon32 {})", float(dice, &locals, 1)),
        _ => format!("(call $canon64 {})", double(dice, &locals, 1)),
    };
    let n_lanes = if shape == "f32x4" { 4 } else { 2 };
    if depth == 0 || dice.below(6) == 0 {
        return match dice.below(4) {
            0 => format!("({shape}.splat {})", lane(dice)),
            1 => {
                let number = |dice: &mut Dice| dice.one_of(&["0", "-0", "1.5", "nan", "inf", "-inf", "0x1p31", "-3e9"]);
                let lanes: String = (0..n_lanes).map(|_| format!("{} ", number(dice))).collect();
                format!("(v128.const {shape} {lanes})")
            }
            2 => "(local.get $v)".to_owned(),
            _ => format!("(local.get {})", dice.one_of(&["$x", "$y"])),
        };
    }
    let operand = |dice: &mut Dice| vector(dice, number, depth - 1);
    let (a, b) = (operand(dice), operand(dice));
    let canonical = |text: String| format!("(call ${shape}{number} {text})");
    match dice.below(11) {
        0..3 => {
            let operator = dice.one_of(&["add", "sub", "mul", "div", "min", "max", "pmin", "pmax"]);
            canonical(format!("({shape}.{operator} {a} {b})"))
        }
        3 => {
            let operator = dice.one_of(&["abs", "neg", "sqrt", "ceil", "floor", "trunc", "nearest"]);
            canonical(format!("({shape}.{operator} {a})"))
        }
        4 => format!("({shape}.{} {a} {b})", dice.one_of(&["eq", "ne", "lt", "gt", "le", "ge"])),
        5 => canonical(format!("({shape}.replace_lane {} {a} {})", dice.below(n_lanes), lane(dice))),
        6 => canonical(format!("({shape}.splat ({shape}.extract_lane {} {a}))", dice.below(n_lanes))),
        7 => {
            let convert = dice.one_of(&[
                "f32x4.convert_i32x4_s",
                "f32x4.convert_i32x4_u",
                "f64x2.convert_low_i32x4_s",
                "f64x2.convert_low_i32x4_u",
                "i32x4.trunc_sat_f32x4_s",
                "i32x4.trunc_sat_f32x4_u",
                "i32x4.trunc_sat_f64x2_s_zero",
                "i32x4.trunc_sat_f64x2_u_zero",
            ]);
            format!("({convert} {a})")
        }
        8 => format!("(call $f64x2{number} (f64x2.promote_low_f32x4 {a}))"),
        9 => format!("(call $f32x4{number} (f32x4.demote_f64x2_zero {a}))"),
        _ => format!("(select {a} {b} {})", int(dice, &locals, 1)),
    }
}
