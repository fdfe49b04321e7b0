//! Tail calls with few and many arguments of all types, direct and through tables and references,
//! in circles.

use super::expression::{Locals, double, int, long};
use super::{Element, World};
use test_kit::dice::Dice;

const TYPES: [&str; 6] = ["i32", "i64", "f32", "f64", "v128", "i64"];

pub fn element(dice: &mut Dice, world: &World, number: usize) -> Element {
    let mut element = Element::default();
    let n_functions = 2 + dice.below(3);
    let signatures: Vec<Vec<&str>> = (0..n_functions)
        .map(|_| {
            let n = dice.one_of(&[0, 1, 3, 6, 7, 9, 12, 17, 24]);
            (0..n).map(|_| dice.one_of(&TYPES)).collect()
        })
        .collect();
    for (own, signature) in signatures.iter().enumerate() {
        let params: String = signature.iter().map(|ty| format!("(param {ty})")).collect();
        element.others += &format!("(type $tail{number}_{own} (func {params} (result i64 f64)))\n");
        let locals = locals(signature);
        let (next, other) = (dice.below(n_functions), dice.below(n_functions));
        let tail = call(dice, world, &locals, number, next, &signatures[next]);
        let plain = format!(
            "(call $tail{number}_{other} {}) (local.set $second) (local.set $first)",
            arguments(dice, &locals, &signatures[other])
        );
        let middle = if dice.below(3) == 0 { plain } else { String::new() };
        let mixed: String = (signature.iter().enumerate())
            .map(|(place, ty)| {
                format!("(local.set $sum (i64.add (i64.rotl (local.get $sum) (i64.const 3)) {}))\n", as_long(ty, place))
            })
            .collect();
        element.others += &format!(
            "(func $tail{number}_{own} (type $tail{number}_{own}) (local $sum i64) (local $first i64) (local $second f64)
             {mixed}
             (if (i32.eqz (global.get $fuel)) (then (return (local.get $sum) (f64.const 0.5))))
             (call $spend)
             (global.set $h (i64.add (global.get $h) (local.get $sum)))
             (if {} (then {middle}))
             (if {} (then (return (i64.xor (local.get $sum) (local.get $first)) (call $canon64 (local.get $second)))))
             {tail})\n",
            int(dice, &locals, 1),
            int(dice, &locals, 2),
        );
    }
    let names: String = (0..n_functions).map(|own| format!("$tail{number}_{own} ")).collect();
    element.others += &format!("(table $tails{number} funcref (elem {names}))\n(elem declare func {names})\n");
    let params = Locals {
        ints: vec!["$a".to_owned()],
        longs: vec!["$c".to_owned()],
        doubles: vec!["$f".to_owned()],
        ..Locals::default()
    };
    let first = dice.below(n_functions);
    element.entries = format!(
        "(func $start{number} (param $a i32) (param $c i64) (param $f f64) (result i64 f64)
         (call $tail{number}_{first} {}))\n",
        arguments(dice, &params, &signatures[first])
    );
    element
}

/// The parameters that expressions can read; locals follow them.
fn locals(signature: &[&str]) -> Locals {
    let of = |wanted: &str| {
        let places = signature.iter().enumerate().filter(|(_, ty)| **ty == wanted);
        places.map(|(place, _)| place.to_string()).collect()
    };
    Locals { ints: of("i32"), longs: of("i64"), floats: of("f32"), doubles: of("f64") }
}

fn as_long(ty: &str, place: usize) -> String {
    match ty {
        "i32" => format!("(i64.extend_i32_s (local.get {place}))"),
        "i64" => format!("(local.get {place})"),
        "f32" => format!("(i64.extend_i32_u (i32.reinterpret_f32 (call $canon32 (local.get {place}))))"),
        "f64" => format!("(i64.reinterpret_f64 (call $canon64 (local.get {place})))"),
        _ => format!("(i64.sub (i64x2.extract_lane 1 (local.get {place})) (i64x2.extract_lane 0 (local.get {place})))"),
    }
}

fn arguments(dice: &mut Dice, locals: &Locals, signature: &[&str]) -> String {
    let argument = |ty: &&str| match *ty {
        "i32" => int(dice, locals, 1),
        "i64" => long(dice, locals, 1),
        "f32" => super::expression::float(dice, locals, 1),
        "f64" => double(dice, locals, 1),
        _ => format!("(i64x2.splat {})", long(dice, locals, 1)),
    };
    signature.iter().map(argument).collect::<Vec<_>>().join(" ")
}

fn call(dice: &mut Dice, world: &World, locals: &Locals, number: usize, callee: usize, signature: &[&str]) -> String {
    let arguments = arguments(dice, locals, signature);
    match dice.below(4) {
        0 => format!(
            "(return_call_indirect $tails{number} (type $tail{number}_{callee}) {arguments} (i32.const {callee}))"
        ),
        1 if !world.is_plain => {
            format!("(return_call_ref $tail{number}_{callee} {arguments} (ref.func $tail{number}_{callee}))")
        }
        _ => format!("(return_call $tail{number}_{callee} {arguments})"),
    }
}
