//! Objects: structures in a deep hierarchy, casts and branches on them, arrays whose ranges end at
//! borders, functions called by a supertype of their own.

use super::expression::{Locals, int, long};
use super::{Element, World};
use test_kit::dice::Dice;

/// Structures that extend each other: more than a record shows of its supertypes.
const DEPTH: usize = 11;

pub fn element(dice: &mut Dice, _world: &World, number: usize) -> Element {
    let n = number;
    let locals = Locals {
        ints: ["$a", "$b"].map(str::to_owned).into(),
        longs: ["$c", "$sum"].map(str::to_owned).into(),
        ..Locals::default()
    };
    let statements: String = (0..4 + dice.below(8)).map(|_| statement(dice, &locals, n) + "\n").collect();
    let entries = format!(
        "(func $object{n} (param $a i32) (param $b i32) (param $c i64) (result i64)
         (local $sum i64) (local $r anyref) (local $e (ref null $o{n}_0)) (local $v (ref null $bytes{n}))
         (local.set $v (array.new $bytes{n} (local.get $a) (i32.const 20)))
         {statements} (local.get $sum))\n"
    );
    let mut others = String::new();
    for depth in 0..DEPTH {
        let super_type = if depth > 0 { format!("$o{n}_{}", depth - 1) } else { String::new() };
        let own = ["i32", "i8", "i64", "f64", "i16"][..(depth / 2).min(5)].iter();
        let fields: String = own.map(|ty| format!("(field (mut {ty}))")).collect();
        others +=
            &format!("(type $o{n}_{depth} (sub {super_type} (struct (field (mut i32)) (field (mut i64)) {fields})))\n");
    }
    others += &format!(
        "(type $bytes{n} (array (mut i8)))
         (type $words{n} (array (mut i64)))
         (type $functions{n} (array (mut funcref)))
         (type $f{n} (sub (func (param i32) (result i32))))
         (type $g{n} (sub $f{n} (func (param i32) (result i32))))
         (func $f{n} (type $f{n}) (i32.add (local.get 0) (i32.const 3)))
         (func $g{n} (type $g{n}) (i32.mul (local.get 0) (i32.const 3)))
         (table $calls{n} funcref (elem $f{n} $g{n} $same))
         (data $bytes{n} \"0123456789abcdefghijklmn\")
         (elem $functions{n} funcref (ref.func $f{n}) (ref.null func) (ref.func $g{n}))\n"
    );
    Element { entries, others }
}

fn statement(dice: &mut Dice, locals: &Locals, n: usize) -> String {
    let add = |text: String| format!("(local.set $sum (i64.rotl (i64.add (local.get $sum) {text}) (i64.const 5)))");
    let add_int = |text: String| add(format!("(i64.extend_i32_u {text})"));
    let depth = dice.below(DEPTH);
    let near = |dice: &mut Dice| match dice.below(3) {
        0 => format!("(i32.const {})", dice.one_of(&[0, 1, 8, 19, 20, 21, -1])),
        1 => format!("(i32.and {} (i32.const 15))", int(dice, locals, 1)),
        _ => format!("(i32.const {})", dice.below(8)),
    };
    let null = dice.one_of(&["", "null"]);
    let bytes = "(local.get $v)";
    match dice.below(22) {
        0..3 => format!("(local.set $r {})", object(dice, locals, n)),
        3 => add_int(format!("(ref.test (ref {null} $o{n}_{depth}) (local.get $r))")),
        4 => format!("(local.set $e (ref.cast (ref null $o{n}_{depth}) (local.get $r)))"),
        5 | 6 => format!(
            "(block $is (result (ref {null} $o{n}_{depth}))
               (local.set $r (br_on_cast $is anyref (ref {null} $o{n}_{depth}) (local.get $r)))
               {} (struct.new_default $o{n}_{depth}))
             (local.set $e)",
            add("(i64.const 1)".to_owned())
        ),
        7 | 8 => format!(
            "(block $no (result anyref)
               (local.set $e (br_on_cast_fail $no anyref (ref {null} $o{n}_{depth}) (local.get $r)))
               {} (local.get $r))
             (local.set $r)",
            add("(i64.const 2)".to_owned())
        ),
        9 => add_int(format!("(struct.get $o{n}_0 0 (local.get $e))")),
        10 => format!("(struct.set $o{n}_0 1 (local.get $e) {})", long(dice, locals, 1)),
        11 => add_int(format!("(array.get_{} $bytes{n} {bytes} {})", dice.one_of(&["s", "u"]), near(dice))),
        12 => format!("(array.set $bytes{n} {bytes} {} {})", near(dice), int(dice, locals, 1)),
        13 => format!("(array.fill $bytes{n} {bytes} {} {} {})", near(dice), int(dice, locals, 1), near(dice)),
        14 => {
            let (to, from, length) = (near(dice), near(dice), near(dice));
            format!("(array.copy $bytes{n} $bytes{n} {bytes} {to} {bytes} {from} {length})")
        }
        15 => format!("(array.init_data $bytes{n} $bytes{n} {bytes} {} {} {})", near(dice), near(dice), near(dice)),
        16 => format!("(local.set $v (array.new_data $bytes{n} $bytes{n} {} {}))", near(dice), near(dice)),
        17 => add_int(format!(
            "(ref.is_null (array.get $functions{n} (array.new_elem $functions{n} $functions{n} {} {}) {}))",
            near(dice),
            near(dice),
            near(dice)
        )),
        18 => {
            let ty = dice.one_of(&["$f", "$g"]);
            let place = dice.one_of(&[0, 1, 1, 1, 2, 3]);
            add_int(format!("(call_indirect $calls{n} (type {ty}{n}) {} (i32.const {place}))", int(dice, locals, 1)))
        }
        19 => {
            let sign = dice.one_of(&["s", "u"]);
            add_int(format!("(i31.get_{sign} (ref.cast (ref null i31) (local.get $r)))"))
        }
        20 => add_int("(ref.eq (ref.cast eqref (local.get $r)) (local.get $e))".to_owned()),
        _ => match dice.below(3) {
            0 => "(local.set $r (any.convert_extern (extern.convert_any (local.get $r))))".to_owned(),
            1 => add_int(format!("(ref.test (ref {}) (local.get $r))", dice.one_of(&["struct", "array", "eq", "i31"]))),
            _ => add_int(format!("(array.len {bytes})")),
        },
    }
}

fn object(dice: &mut Dice, locals: &Locals, n: usize) -> String {
    match dice.below(7) {
        0..3 => format!("(struct.new_default $o{n}_{})", dice.below(DEPTH)),
        3 => format!("(struct.new $o{n}_0 {} {})", int(dice, locals, 1), long(dice, locals, 1)),
        4 => format!("(ref.i31 {})", int(dice, locals, 1)),
        5 => format!("(array.new_fixed $words{n} 2 {} {})", long(dice, locals, 1), long(dice, locals, 1)),
        _ => "(ref.null none)".to_owned(),
    }
}
