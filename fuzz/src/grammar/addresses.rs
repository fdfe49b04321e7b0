//! Accesses whose addresses are sums, shifts and differences near all borders: of the memory, of
//! 32 and 64 bits, of static offsets.

use super::expression::{Locals, int, long};
use super::{Element, World};
use test_kit::dice::Dice;

/// Loads, with how their result becomes an `i64` (`$` is the load).
const LOADS: [(&str, &str); 18] = [
    ("i32.load", "(i64.extend_i32_u $)"),
    ("i32.load8_s", "(i64.extend_i32_s $)"),
    ("i32.load8_u", "(i64.extend_i32_u $)"),
    ("i32.load16_s", "(i64.extend_i32_s $)"),
    ("i32.load16_u", "(i64.extend_i32_u $)"),
    ("i64.load", "$"),
    ("i64.load8_s", "$"),
    ("i64.load8_u", "$"),
    ("i64.load16_s", "$"),
    ("i64.load32_s", "$"),
    ("i64.load32_u", "$"),
    ("f32.load", "(i64.extend_i32_u (i32.reinterpret_f32 $))"),
    ("f64.load", "(i64.reinterpret_f64 $)"),
    ("v128.load", "(i64x2.extract_lane 1 $)"),
    ("v128.load8x8_s", "(i64x2.extract_lane 1 $)"),
    ("v128.load16_splat", "(i64x2.extract_lane 0 $)"),
    ("v128.load32_zero", "(i64x2.extract_lane 0 $)"),
    ("v128.load64_splat", "(i64x2.extract_lane 1 $)"),
];

/// Stores, with what they store of an `i64` (`$`).
const STORES: [(&str, &str); 10] = [
    ("i32.store", "(i32.wrap_i64 $)"),
    ("i32.store8", "(i32.wrap_i64 $)"),
    ("i32.store16", "(i32.wrap_i64 $)"),
    ("i64.store", "$"),
    ("i64.store8", "$"),
    ("i64.store16", "$"),
    ("i64.store32", "$"),
    ("f32.store", "(f32.convert_i32_s (i32.wrap_i64 $))"),
    ("f64.store", "(f64.convert_i64_s $)"),
    ("v128.store", "(i64x2.splat $)"),
];

pub fn element(dice: &mut Dice, world: &World, number: usize) -> Element {
    let mut element = Element::default();
    for copy in 0..1 + dice.below(3) {
        let locals = Locals {
            ints: ["$a", "$b"].map(str::to_owned).into(),
            longs: ["$c", "$d", "$sum"].map(str::to_owned).into(),
            ..Locals::default()
        };
        let statements: String = (0..2 + dice.below(6)).map(|_| statement(dice, world, &locals) + "\n").collect();
        let body = match dice.below(3) {
            // The index grows, so that an access in the loop leaves the memory at some point.
            0 => format!(
                "(loop $again (call $spend) {statements}
                 (local.set $a (i32.add (local.get $a) (i32.const {})))
                 (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const {}))))",
                dice.one_of(&[1, 4, 8, -8, 0x1000]),
                dice.one_of(&[2, 5, 40]),
            ),
            _ => statements,
        };
        element.entries += &format!(
            "(func $address{number}_{copy} (param $a i32) (param $b i32) (param $c i64) (param $d i64) (result i64)
             (local $sum i64) (local $n i32) {body} (local.get $sum))\n"
        );
    }
    element
}

fn statement(dice: &mut Dice, world: &World, locals: &Locals) -> String {
    let at = access(dice, world, locals);
    let add = |value: String| format!("(local.set $sum (i64.rotl (i64.add (local.get $sum) {value}) (i64.const 7)))");
    match dice.below(16) {
        0..8 => {
            let (load, convert) = dice.one_of(&LOADS);
            add(convert.replace('$', &format!("({load} {at})")))
        }
        8..13 => {
            let (store, convert) = dice.one_of(&STORES);
            let value = long(dice, locals, 2);
            format!("({store} {at} {})", convert.replace('$', &value))
        }
        13 => {
            // Lanes have a place of their own in the text.
            let lane = dice.below(4);
            add(format!("(i64x2.extract_lane 0 (v128.load32_lane {} (i64x2.splat (local.get $c))))", laned(&at, lane)))
        }
        14 if !world.is_plain => {
            let operator = dice.one_of(&["add", "sub", "and", "or", "xor", "xchg"]);
            let (address, _) = parts(dice, world, locals);
            add(format!("(i64.atomic.rmw.{operator} {address} (local.get $c))"))
        }
        _ => {
            let grow = if world.is_wide { "(i64.const 1)" } else { "(i32.const 1)" };
            let grown = if world.is_wide { "$" } else { "(i64.extend_i32_u $)" };
            add(grown.replace('$', &format!("(memory.grow $m0 {grow})")))
        }
    }
}

/// The immediates of an access with a lane: the lane follows the offset.
fn laned(access: &str, lane: usize) -> String {
    match access.split_once(' ') {
        Some((offset, address)) if offset.starts_with("offset=") => format!("{offset} {lane} {address}"),
        _ => format!("{lane} {access}"),
    }
}

/// Offset and address of an access.
fn access(dice: &mut Dice, world: &World, locals: &Locals) -> String {
    let (address, offset) = parts(dice, world, locals);
    if offset == 0 { address } else { format!("offset={offset} {address}") }
}

fn parts(dice: &mut Dice, world: &World, locals: &Locals) -> (String, u64) {
    let size = world.pages * 0x1_0000;
    let near = dice.one_of(&[0, 1, 4, 7, 8, 9, 15, 16, 17, 64]);
    // Half of the accesses stay inside.
    if world.pages > 0 && dice.below(2) == 0 {
        let masked = format!("(i32.and {} (i32.const {}))", int(dice, locals, 2), dice.one_of(&[0xff, 0xfff8, 0x7fff]));
        return (widened(dice, world, masked), dice.one_of(&[0, 0, 1, 8, 16, 100]));
    }
    let borders =
        [size, 0, 0x7fff_ffff, 0x8000_0000, 0x1_0000_0000, 0x7fff_ffff_ffff_ffff, 0x8000_0000_0000_0000, u64::MAX];
    let mut offset = match dice.below(3) {
        0 => 0,
        1 => dice.one_of(&[1, 4, 8, 0xfff0, 0xffff]),
        _ => dice.one_of(&borders).wrapping_sub(near),
    };
    if !world.is_wide {
        offset &= 0xffff_ffff;
    }
    let constant = dice.one_of(&borders).wrapping_sub(near).wrapping_sub(if dice.below(2) == 0 { offset } else { 0 });
    if world.is_wide && dice.below(2) == 0 {
        let (c, index) = (constant.cast_signed(), long(dice, locals, 1));
        let address = match dice.below(5) {
            0 => format!("(i64.const {c})"),
            1 => format!("(i64.add {index} (i64.const {c}))"),
            2 => format!("(i64.sub {index} (i64.const {c}))"),
            3 => format!("(i64.add (i64.shl {index} (i64.const {})) (local.get $c))", dice.one_of(&[1, 2, 3, 4, 32])),
            _ => format!("(i64.add (i64.and {index} (i64.const 0xff)) (i64.const {c}))"),
        };
        return (address, offset);
    }
    let (c, index) = (constant as i32, int(dice, locals, 1));
    let address = match dice.below(7) {
        0 => format!("(i32.const {c})"),
        1 => format!("(i32.add {index} (i32.const {c}))"),
        2 => format!("(i32.sub {index} (i32.const {c}))"),
        3 => format!("(i32.add (i32.shl {index} (i32.const {})) (local.get $b))", dice.one_of(&[1, 2, 3, 4, 31])),
        4 => format!("(i32.add (i32.add {index} (local.get $b)) (i32.const {c}))"),
        5 => format!("(i32.wrap_i64 (i64.add (i64.extend_i32_u {index}) (i64.const {c})))"),
        _ => format!("(i32.add (i32.and {index} (i32.const 0xff)) (i32.const {c}))"),
    };
    (widened(dice, world, address), offset)
}

/// An `i32` as an address of the first memory.
fn widened(dice: &mut Dice, world: &World, address: String) -> String {
    match (world.is_wide, dice.below(4)) {
        (false, _) => address,
        (true, 0) => format!("(i64.extend_i32_s {address})"),
        (true, _) => format!("(i64.extend_i32_u {address})"),
    }
}
