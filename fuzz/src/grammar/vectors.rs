//! Vectors of integers: shuffles that are other operations, shifts, lanes, comparisons and masks.

use super::expression::{Locals, int, long};
use super::{Element, World};
use test_kit::dice::Dice;

const SHAPES: [&str; 4] = ["i8x16", "i16x8", "i32x4", "i64x2"];

pub fn element(dice: &mut Dice, _world: &World, number: usize) -> Element {
    let statements: String = (0..2 + dice.below(5))
        .map(|_| {
            let name = dice.one_of(&["$x", "$y"]);
            format!("(local.set {name} {})\n", vector(dice, 3))
        })
        .collect();
    let mask = dice.one_of(&SHAPES);
    let entries = format!(
        "(func $vector{number} (param $a i32) (param $c i64) (param $v v128) (result v128 v128 i32)
         (local $x v128) (local $y v128) {statements}
         (local.get $x) (local.get $y) (i32.add ({mask}.bitmask (local.get $x)) (v128.any_true (local.get $y))))\n"
    );
    Element { entries, others: String::new() }
}

fn vector(dice: &mut Dice, depth: usize) -> String {
    let locals = Locals { ints: vec!["$a".to_owned()], longs: vec!["$c".to_owned()], ..Locals::default() };
    if depth == 0 || dice.below(6) == 0 {
        return match dice.below(5) {
            0 => format!("(i64x2.splat {})", long(dice, &locals, 1)),
            1 => format!("(i32x4.splat {})", int(dice, &locals, 1)),
            2 => {
                let byte = |dice: &mut Dice| dice.one_of(&["0", "1", "-1", "127", "-128", "85"]).to_owned();
                format!("(v128.const i8x16 {})", (0..16).map(|_| byte(dice) + " ").collect::<String>())
            }
            3 => "(local.get $v)".to_owned(),
            _ => format!("(local.get {})", dice.one_of(&["$x", "$y"])),
        };
    }
    let a = vector(dice, depth - 1);
    let shape = dice.one_of(&SHAPES);
    match dice.below(12) {
        0 => {
            let b = vector(dice, depth - 1);
            format!("(i8x16.shuffle {} {a} {b})", lanes(dice))
        }
        1 => {
            let b = vector(dice, depth - 1);
            format!("(i8x16.swizzle {a} {b})")
        }
        2 | 3 => {
            let amount = match dice.below(2) {
                0 => int(dice, &locals, 1),
                _ => format!("(i32.const {})", dice.one_of(&[0, 1, 7, 8, 15, 16, 31, 32, 63, 64, 65, -1])),
            };
            format!("({shape}.{} {a} {amount})", dice.one_of(&["shl", "shr_u", "shr_s"]))
        }
        4 => {
            let b = vector(dice, depth - 1);
            format!("({shape}.{} {a} {b})", dice.one_of(&["add", "sub", "eq", "ne", "lt_s", "gt_s", "ge_s"]))
        }
        5 => {
            let b = vector(dice, depth - 1);
            format!("(v128.{} {a} {b})", dice.one_of(&["and", "or", "xor", "andnot"]))
        }
        6 => {
            let (b, c) = (vector(dice, depth - 1), vector(dice, depth - 1));
            format!("(v128.bitselect {a} {b} {c})")
        }
        7 => format!("({shape}.{} {a})", dice.one_of(&["neg", "abs"])),
        8 => {
            let b = vector(dice, depth - 1);
            let narrow = dice.one_of(&[
                "i8x16.narrow_i16x8_s",
                "i8x16.narrow_i16x8_u",
                "i16x8.narrow_i32x4_s",
                "i16x8.narrow_i32x4_u",
                "i16x8.q15mulr_sat_s",
                "i32x4.dot_i16x8_s",
                "i8x16.avgr_u",
                "i16x8.mul",
                "i64x2.mul",
                "i64x2.extmul_high_i32x4_u",
                "i32x4.extmul_low_i16x8_s",
                "i8x16.add_sat_s",
                "i16x8.sub_sat_u",
                "i8x16.min_u",
                "i32x4.max_u",
                "i16x8.lt_u",
            ]);
            format!("({narrow} {a} {b})")
        }
        9 => {
            let widen = dice.one_of(&[
                "i16x8.extend_low_i8x16_s",
                "i16x8.extend_high_i8x16_u",
                "i32x4.extend_high_i16x8_s",
                "i64x2.extend_low_i32x4_u",
                "i8x16.popcnt",
                "i16x8.extadd_pairwise_i8x16_s",
                "i32x4.extadd_pairwise_i16x8_u",
                "v128.not",
                "i32x4.trunc_sat_f32x4_s",
                "i32x4.trunc_sat_f64x2_u_zero",
            ]);
            format!("({widen} {a})")
        }
        10 => match dice.below(3) {
            0 => format!("(i8x16.replace_lane {} {a} {})", dice.below(16), int(dice, &locals, 1)),
            1 => format!("(i64x2.replace_lane {} {a} {})", dice.below(2), long(dice, &locals, 1)),
            _ => format!("(i32x4.splat ({shape}.all_true {a}))"),
        },
        _ => {
            let b = vector(dice, depth - 1);
            format!("(select {a} {b} {})", int(dice, &locals, 1))
        }
    }
}

/// The lanes of a shuffle: any, or such as another instruction makes.
fn lanes(dice: &mut Dice) -> String {
    let lane = |dice: &mut Dice, start: usize, step: usize, place: usize| match step {
        0 => dice.below(32),
        _ => (start + step * place) % 32,
    };
    let (start, step) = (dice.below(32), dice.one_of(&[0, 0, 1, 1, 2, 31]));
    let unpack = dice.below(4) == 0;
    let width = dice.one_of(&[1, 2, 4, 8]);
    let of = |dice: &mut Dice, place: usize| match unpack {
        true => (place / (2 * width)) * width + place % width + 16 * ((place / width) % 2),
        false => lane(dice, start, step, place),
    };
    (0..16).map(|place| format!("{} ", of(dice, place))).collect()
}
