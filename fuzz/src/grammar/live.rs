//! Many values of all types that live across calls: in straight code, in loops and around branches.

use super::expression::{Locals, double, int, long};
use super::{Element, World};
use std::fmt::Write;
use test_kit::dice::Dice;

pub fn element(dice: &mut Dice, _world: &World, number: usize) -> Element {
    let counts = [0; 4].map(|_| dice.one_of(&[1, 3, 8, 20]));
    let names = |letter: &str, n: usize| (0..n).map(|it| format!("${letter}{it}")).collect::<Vec<_>>();
    let locals = Locals {
        ints: names("i", counts[0]),
        longs: names("l", counts[1]),
        floats: Vec::new(),
        doubles: names("d", counts[2]),
    };
    let vectors = names("v", counts[3]);
    let mut text = format!("(func $live{number} (param $a i32) (param $c i64) (param $f f64) (result i64 i32 f64)\n");
    let groups = [("i32", &locals.ints), ("i64", &locals.longs), ("f64", &locals.doubles), ("v128", &vectors)];
    for (ty, names) in groups {
        names.iter().for_each(|name| text.push_str(&format!("(local {name} {ty})")));
    }
    text += "(local $n i32)\n";
    for (place, name) in locals.ints.iter().enumerate() {
        write!(text, "(local.set {name} (i32.add (local.get $a) (i32.const {place})))").expect("a string takes all");
    }
    for (place, name) in locals.longs.iter().enumerate() {
        write!(text, "(local.set {name} (i64.mul (local.get $c) (i64.const {place})))").expect("a string takes all");
    }
    for (place, name) in locals.doubles.iter().enumerate() {
        write!(text, "(local.set {name} (f64.add (local.get $f) (f64.const {place})))").expect("a string takes all");
    }
    for (place, name) in vectors.iter().enumerate() {
        write!(text, "(local.set {name} (i64x2.add (i64x2.splat (local.get $c)) (v128.const i64x2 {place} -{place})))")
            .expect("a string takes all");
    }
    let statements: String = (0..3 + dice.below(8)).map(|_| statement(dice, &locals, &vectors) + "\n").collect();
    text += &match dice.below(2) {
        0 => statements,
        _ => format!(
            "(loop $again (call $spend) {statements}
             (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const {}))))\n",
            dice.one_of(&[1, 3, 9])
        ),
    };
    let sum = |ty: &str, operator: &str, names: &[String]| {
        let first = format!("(local.get {})", names[0]);
        names.iter().skip(1).fold(first, |sum, name| format!("({ty}.{operator} {sum} (local.get {name}))"))
    };
    let vector = vectors
        .iter()
        .skip(1)
        .fold(format!("(local.get {})", vectors[0]), |sum, name| format!("(v128.xor {sum} (local.get {name}))"));
    writeln!(
        text,
        "(i64.add {} (i64x2.extract_lane 1 {vector})) {} (call $canon64 {}))",
        sum("i64", "xor", &locals.longs),
        sum("i32", "add", &locals.ints),
        sum("f64", "add", &locals.doubles)
    )
    .expect("a string takes all");
    Element { entries: text, others: String::new() }
}

fn statement(dice: &mut Dice, locals: &Locals, vectors: &[String]) -> String {
    let (i, l) = (dice.below(locals.ints.len()), dice.below(locals.longs.len()));
    let (d, v) = (dice.below(locals.doubles.len()), dice.below(vectors.len()));
    let (i, l, d, v) = (&locals.ints[i], &locals.longs[l], &locals.doubles[d], &vectors[v]);
    match dice.below(9) {
        0 | 1 => format!("(local.set {l} (call $mix {} {}))", long(dice, locals, 2), int(dice, locals, 1)),
        2 => format!(
            "(local.set {i} (call_indirect $functions (type $unary) {} (i32.const {})))",
            int(dice, locals, 1),
            dice.below(3)
        ),
        3 => format!("(local.set {d} {})", double(dice, locals, 2)),
        4 => format!(
            "(local.set {v} (i64x2.add (local.get {v}) (i64x2.splat (call $mix (local.get {l}) (local.get {i})))))"
        ),
        5 => format!("(if {} (then (local.set {i} (call $more (local.get {i})))))", int(dice, locals, 2)),
        6 => format!("(local.set {i} {})", int(dice, locals, 3)),
        7 => format!(
            "(if {} (then (local.set {l} (call $mix (local.get {l}) (local.get {i}))))
             (else (local.set {d} (f64.add (local.get {d}) (f64.const 1)))))",
            int(dice, locals, 1)
        ),
        _ => format!("(local.set {l} {})", long(dice, locals, 3)),
    }
}
