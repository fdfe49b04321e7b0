//! Expressions over the locals of a function, as text.

use test_kit::dice::Dice;

/// The locals of a function that an expression may read, by type.
#[derive(Clone, Debug, Default)]
pub struct Locals {
    pub ints: Vec<String>,
    pub longs: Vec<String>,
    pub floats: Vec<String>,
    pub doubles: Vec<String>,
}

/// Numbers around which arithmetic changes.
pub const BORDERS: [i64; 28] = [
    0,
    1,
    2,
    3,
    4,
    7,
    8,
    15,
    16,
    31,
    32,
    63,
    64,
    127,
    128,
    255,
    -1,
    -2,
    -8,
    0xffff,
    0x1_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fff8,
    0xffff_ffff,
    0x1_0000_0000,
    i64::MAX,
    i64::MIN,
];

/// An `i32`.
pub fn int(dice: &mut Dice, locals: &Locals, depth: usize) -> String {
    if depth == 0 || dice.below(6) == 0 {
        return match dice.below(4) {
            0 => format!("(i32.const {})", dice.one_of(&BORDERS) as i32),
            1 => "(global.get $g)".to_owned(),
            _ => local(dice, &locals.ints, "(i32.const 5)"),
        };
    }
    let a = int(dice, locals, depth - 1);
    match dice.below(24) {
        0..5 => format!("(i32.{} {a} {})", shift(dice), amount(dice, locals, "i32", depth)),
        5..12 => format!("(i32.{} {a} {})", binary(dice), int(dice, locals, depth - 1)),
        12 => format!("(i32.{} {a} {})", division(dice), divisor(dice, locals, "i32")),
        13 | 14 => format!("(i32.{} {a} {})", comparison(dice), int(dice, locals, depth - 1)),
        15 => {
            let b = long(dice, locals, depth - 1);
            format!("(i64.{} {b} {})", comparison(dice), long(dice, locals, depth - 1))
        }
        16 => format!("(i32.{} {a})", dice.one_of(&["clz", "ctz", "popcnt", "eqz", "extend8_s", "extend16_s"])),
        17 | 18 => format!("(i32.wrap_i64 {})", long(dice, locals, depth - 1)),
        19 => format!("(i64.eqz {})", long(dice, locals, depth - 1)),
        20 => {
            let (b, c) = (int(dice, locals, depth - 1), int(dice, locals, depth - 1));
            format!("(select {a} {b} {c})")
        }
        21 => {
            let (b, c) = (int(dice, locals, depth - 1), int(dice, locals, depth - 1));
            format!("(if (result i32) {a} (then {b}) (else {c}))")
        }
        22 => format!("(call $more {a})"),
        _ => format!("(i32.and {a} (i32.const {}))", dice.one_of(&[1, 7, 255, 0xffff, 0xfff8, -8])),
    }
}

/// An `i64`.
pub fn long(dice: &mut Dice, locals: &Locals, depth: usize) -> String {
    if depth == 0 || dice.below(6) == 0 {
        return match dice.below(4) {
            0 => format!("(i64.const {})", dice.one_of(&BORDERS)),
            1 => "(global.get $h)".to_owned(),
            _ => local(dice, &locals.longs, "(i64.const 6)"),
        };
    }
    let a = long(dice, locals, depth - 1);
    match dice.below(20) {
        0..5 => format!("(i64.{} {a} {})", shift(dice), amount(dice, locals, "i64", depth)),
        5..11 => format!("(i64.{} {a} {})", binary(dice), long(dice, locals, depth - 1)),
        11 => format!("(i64.{} {a} {})", division(dice), divisor(dice, locals, "i64")),
        12 => format!("(i64.{} {a})", dice.one_of(&["clz", "ctz", "popcnt", "extend8_s", "extend16_s", "extend32_s"])),
        13..16 => {
            let sign = dice.one_of(&["s", "u"]);
            format!("(i64.extend_i32_{sign} {})", int(dice, locals, depth - 1))
        }
        16 => {
            let (b, c) = (long(dice, locals, depth - 1), int(dice, locals, depth - 1));
            format!("(select {a} {b} {c})")
        }
        17 => {
            let (b, c) = (long(dice, locals, depth - 1), int(dice, locals, depth - 1));
            format!("(if (result i64) {c} (then {a}) (else {b}))")
        }
        18 => {
            let b = int(dice, locals, depth - 1);
            format!("(call $mix {a} {b})")
        }
        // One half of a result of 128 bits.
        _ => {
            let b = long(dice, locals, depth - 1);
            let c = long(dice, locals, 0);
            match dice.below(3) {
                0 => format!("(i64.xor (i64.mul_wide_{} {a} {b}))", dice.one_of(&["s", "u"])),
                1 => format!("(i64.sub (i64.add128 {a} {b} {c} {a}))"),
                _ => format!("(i64.add (i64.sub128 {a} {c} {b} {a}))"),
            }
        }
    }
}

/// An `f64`, which may be any NaN.
pub fn double(dice: &mut Dice, locals: &Locals, depth: usize) -> String {
    const NUMBERS: [&str; 14] = [
        "0",
        "-0",
        "1",
        "-1.5",
        "0x1p31",
        "-0x1p31",
        "0x1p63",
        "0x1p64",
        "0x1.fffffep127",
        "0x1p-1074",
        "inf",
        "-inf",
        "nan",
        "4294967295.5",
    ];
    if depth == 0 || dice.below(6) == 0 {
        return match dice.below(3) {
            0 => format!("(f64.const {})", dice.one_of(&NUMBERS)),
            _ => local(dice, &locals.doubles, "(f64.const 0.1)"),
        };
    }
    let a = double(dice, locals, depth - 1);
    match dice.below(12) {
        0..5 => format!("(f64.{} {a} {})", float_binary(dice), double(dice, locals, depth - 1)),
        5 | 6 => format!("(f64.{} {a})", float_unary(dice)),
        7 => format!("(f64.copysign {a} (call $canon64 {}))", double(dice, locals, depth - 1)),
        8 => format!("(f64.promote_f32 {})", float(dice, locals, depth - 1)),
        9 => format!("(f64.convert_i32_{} {})", dice.one_of(&["s", "u"]), int(dice, locals, depth - 1)),
        10 => format!("(f64.convert_i64_{} {})", dice.one_of(&["s", "u"]), long(dice, locals, depth - 1)),
        _ => {
            let (b, c) = (double(dice, locals, depth - 1), double(dice, locals, depth - 1));
            format!("(select {a} {b} (f64.{} {b} {c}))", float_comparison(dice))
        }
    }
}

/// An `f32`, which may be any NaN.
pub fn float(dice: &mut Dice, locals: &Locals, depth: usize) -> String {
    const NUMBERS: [&str; 12] =
        ["0", "-0", "1", "-2.5", "0x1p31", "-0x1p31", "0x1p63", "0x1.fffffep127", "0x1p-149", "inf", "-inf", "nan"];
    if depth == 0 || dice.below(6) == 0 {
        return match dice.below(3) {
            0 => format!("(f32.const {})", dice.one_of(&NUMBERS)),
            _ => local(dice, &locals.floats, "(f32.const 0.1)"),
        };
    }
    let a = float(dice, locals, depth - 1);
    match dice.below(11) {
        0..5 => format!("(f32.{} {a} {})", float_binary(dice), float(dice, locals, depth - 1)),
        5 | 6 => format!("(f32.{} {a})", float_unary(dice)),
        7 => format!("(f32.demote_f64 {})", double(dice, locals, depth - 1)),
        8 => format!("(f32.convert_i32_{} {})", dice.one_of(&["s", "u"]), int(dice, locals, depth - 1)),
        9 => format!("(f32.convert_i64_{} {})", dice.one_of(&["s", "u"]), long(dice, locals, depth - 1)),
        _ => format!("(f32.copysign {a} (call $canon32 {}))", float(dice, locals, depth - 1)),
    }
}

/// An `i32` or `i64` of floating-point numbers: conversions of which some trap.
pub fn converted(dice: &mut Dice, locals: &Locals, depth: usize) -> String {
    let to = dice.one_of(&["i32", "i64"]);
    let from = dice.one_of(&["f32", "f64"]);
    let operand = if from == "f32" { float(dice, locals, depth) } else { double(dice, locals, depth) };
    let text = match dice.below(6) {
        0 => format!("({to}.trunc_{from}_{} {operand})", dice.one_of(&["s", "u"])),
        1..4 => format!("({to}.trunc_sat_{from}_{} {operand})", dice.one_of(&["s", "u"])),
        _ if from == "f64" => return format!("(i64.reinterpret_f64 (call $canon64 {operand}))"),
        _ => return format!("(i64.extend_i32_u (i32.reinterpret_f32 (call $canon32 {operand})))"),
    };
    if to == "i32" { format!("(i64.extend_i32_s {text})") } else { text }
}

/// One of the locals.
fn local(dice: &mut Dice, names: &[String], otherwise: &str) -> String {
    if names.is_empty() { otherwise.to_owned() } else { format!("(local.get {})", names[dice.below(names.len())]) }
}

fn shift(dice: &mut Dice) -> &'static str {
    dice.one_of(&["shl", "shl", "shr_u", "shr_s", "rotl", "rotr"])
}

/// What a shift shifts by: mostly a constant, now and then more than the type has bits.
fn amount(dice: &mut Dice, locals: &Locals, ty: &str, depth: usize) -> String {
    let constant = dice.one_of(&[0, 1, 2, 3, 4, 5, 8, 16, 24, 31, 32, 33, 48, 63, 64, -1]);
    match dice.below(3) {
        0 if ty == "i32" => int(dice, locals, depth - 1),
        0 => long(dice, locals, depth - 1),
        _ => format!("({ty}.const {constant})"),
    }
}

fn binary(dice: &mut Dice) -> &'static str {
    dice.one_of(&["add", "add", "add", "sub", "sub", "mul", "and", "or", "xor"])
}

fn division(dice: &mut Dice) -> &'static str {
    dice.one_of(&["div_s", "div_u", "rem_s", "rem_u"])
}

/// Mostly a constant: any other may be zero.
fn divisor(dice: &mut Dice, locals: &Locals, ty: &str) -> String {
    let constant = dice.one_of(&[1, 2, 3, 7, 8, 10, 16, 1000, -1, -3, 0x7fff_ffff, i64::from(i32::MIN)]);
    match dice.below(8) {
        0 if ty == "i32" => int(dice, locals, 1),
        0 => long(dice, locals, 1),
        _ => format!("({ty}.const {constant})"),
    }
}

fn comparison(dice: &mut Dice) -> &'static str {
    dice.one_of(&["eq", "ne", "lt_s", "lt_u", "gt_s", "gt_u", "le_s", "le_u", "ge_s", "ge_u"])
}

fn float_binary(dice: &mut Dice) -> &'static str {
    dice.one_of(&["add", "sub", "mul", "div", "min", "max"])
}

fn float_unary(dice: &mut Dice) -> &'static str {
    dice.one_of(&["abs", "neg", "sqrt", "ceil", "floor", "trunc", "nearest"])
}

fn float_comparison(dice: &mut Dice) -> &'static str {
    dice.one_of(&["eq", "ne", "lt", "gt", "le", "ge"])
}
