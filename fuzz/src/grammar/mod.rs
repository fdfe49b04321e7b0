//! Random modules of our own: what a generator that chooses operators one by one hardly ever makes.
//!
//! A module has some elements, each a few functions that aim at one thing: addresses at borders,
//! folded shifts, tables of branches, tail calls, values that live across calls, handlers in loops,
//! large frames, segments that are dropped. All of them end: a loop or recursion spends fuel, which
//! is in the last global. Bits of NaNs are never seen: what could be one is made canonical first.

mod addresses;
mod atomics;
mod branches;
mod expression;
mod float_vectors;
mod floats;
mod frames;
mod live;
mod objects;
mod segments;
mod shifts;
mod tails;
mod tries;
mod vectors;

use anyhow::{Context, Result};
use test_kit::dice::Dice;

/// How many loops and calls there may be before a module traps.
pub const FUEL: u32 = 300;

/// What an element is made for.
struct World {
    /// The first memory has addresses of 64 bits.
    is_wide: bool,
    /// Its size at the start.
    pages: u64,
    /// Only what the second engine knows too: no exceptions, no atomic accesses, no typed references.
    is_plain: bool,
    /// The first memory is shared. Then there are no objects.
    is_shared: bool,
}

/// What an element adds to a module. Names in it end with the element's number.
#[derive(Default)]
struct Element {
    /// Functions that a host calls: without references in their types.
    entries: String,
    /// Types and functions that the entries use.
    others: String,
}

type Write = fn(&mut Dice, &World, usize) -> Element;

/// Those for plain modules come first, and those with objects last.
const ELEMENTS: [Write; 17] = [
    addresses::element,
    addresses::element,
    shifts::element,
    floats::element,
    branches::element,
    tails::element,
    live::element,
    frames::element,
    segments::element,
    segments::element,
    vectors::element,
    tries::element,
    tries::element,
    atomics::element,
    float_vectors::element,
    objects::element,
    objects::element,
];

/// How many of them are for plain modules, and for those with a shared memory.
const N_PLAIN: usize = 11;
const N_SHARED: usize = 15;

/// The module of `seed`.
///
/// # Errors
/// When it is not valid, which is an error of this folder.
pub fn module(seed: u64) -> Result<Vec<u8>> {
    let text = text(seed);
    wat::parse_str(&text).with_context(|| text.clone())
}

fn text(seed: u64) -> String {
    let mut dice = Dice::new("grammar", seed);
    let is_plain = dice.below(2) == 0;
    let world = World {
        is_wide: dice.below(3) == 0,
        pages: dice.one_of(&[0, 1, 1, 1, 2, 3]),
        is_plain,
        is_shared: !is_plain && dice.below(3) == 0,
    };
    let mut entries = String::new();
    let mut others = String::new();
    for number in 0..2 + dice.below(3) {
        let elements = match world {
            World { is_plain: true, .. } => &ELEMENTS[..N_PLAIN],
            World { is_shared: true, .. } => &ELEMENTS[..N_SHARED],
            _ => &ELEMENTS,
        };
        let element = dice.one_of(elements)(&mut dice, &world, number);
        entries += &element.entries;
        others += &element.others;
    }
    let wide = if world.is_wide { "i64" } else { "" };
    let pages = world.pages;
    let most = pages + dice.one_of(&[0, 1, 3]);
    let shared = if world.is_shared { "shared" } else { "" };
    let hint = dice.one_of(&["", "(@metadata.code.branch_hint \"\\00\")", "(@metadata.code.branch_hint \"\\01\")"]);
    let (tags, throw) = match world.is_plain {
        true => ("", "unreachable"),
        false => {
            ("(tag $number (param i32)) (tag $pair (param i64 f64)) (tag $nothing)", "(throw $number (local.get 0))")
        }
    };
    let more: String = (1..dice.one_of(&[1, 1, 2, 3]))
        .map(|it| format!("(memory $m{it} {} 1 2)\n", if dice.below(2) == 0 { "i64" } else { "" }))
        .collect();
    format!(
        r#"(module
(type $unary (func (param i32) (result i32)))
(type $binary (func (param i64 i32) (result i64)))
(memory $m0 {wide} {pages} {most} {shared})
{more}
{tags}
(global $g (mut i32) (i32.const 7))
(global $h (mut i64) (i64.const -3))
(global $fuel (mut i32) (i32.const {FUEL}))
(table $functions 8 16 funcref)
(elem (table $functions) (i32.const 0) func $same $more $twice $fail)
(elem declare func $same $more $twice $fail $mix)
(export "mix" (func $mix))
{entries}
{others}
(func $spend
  {hint} (if (i32.eqz (global.get $fuel)) (then unreachable))
  (global.set $fuel (i32.sub (global.get $fuel) (i32.const 1))))
(func $same (type $unary) (local.get 0))
(func $more (type $unary) (i32.add (local.get 0) (global.get $g)))
(func $twice (type $unary) (i32.shl (local.get 0) (i32.const 1)))
(func $fail (type $unary) (if (i32.and (local.get 0) (i32.const 1)) (then {throw})) (i32.const 3))
(func $mix (type $binary)
  (call $spend)
  (global.set $g (i32.rotl (i32.xor (global.get $g) (local.get 1)) (i32.const 5)))
  (global.set $h (i64.add (i64.mul (global.get $h) (i64.const 0x100000001b3)) (local.get 0)))
  (i64.rotl (i64.xor (local.get 0) (i64.extend_i32_u (global.get $g))) (i64.const 9)))
(func $canon32 (param f32) (result f32)
  (select (f32.const nan) (local.get 0) (f32.ne (local.get 0) (local.get 0))))
(func $canon64 (param f64) (result f64)
  (select (f64.const nan) (local.get 0) (f64.ne (local.get 0) (local.get 0))))
)"#
    )
}
