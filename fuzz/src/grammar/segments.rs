//! Segments of data and elements that are copied, dropped and used again, and bulk operations whose
//! ranges end at borders.

use super::expression::{Locals, int, long};
use super::{Element, World};
use test_kit::dice::Dice;

pub fn element(dice: &mut Dice, world: &World, number: usize) -> Element {
    let locals = Locals {
        ints: ["$a", "$b", "$x"].map(str::to_owned).into(),
        longs: ["$c"].map(str::to_owned).into(),
        ..Locals::default()
    };
    let statements: String = (0..3 + dice.below(6)).map(|_| statement(dice, world, &locals, number) + "\n").collect();
    let entries = format!(
        "(func $segment{number} (param $a i32) (param $b i32) (param $c i64) (result i32) (local $x i32)
         {statements} (local.get $x))\n"
    );
    let start = if world.is_wide { "i64.const" } else { "i32.const" };
    let active = if world.pages > 0 { format!("({start} {})", dice.one_of(&[0, 8, 65_530])) } else { String::new() };
    let length = dice.one_of(&[0, 1, 6, 6, 6]);
    let others = format!(
        "(data $passive{number} \"{}\")
         (data $active{number} {active} \"{}\")
         (table $table{number} {} 12 funcref)
         (elem $elements{number} funcref (ref.func $same) (ref.null func) (ref.func $more) (ref.func $twice))
         (elem $declared{number} (table $table{number}) (i32.const {}) func $more $same)\n",
        &"0123456789abcdef"[..dice.one_of(&[0, 1, 7, 16])],
        &"ABCDEF"[..length],
        dice.one_of(&[3, 4, 9]),
        dice.below(2),
    );
    Element { entries, others }
}

fn statement(dice: &mut Dice, world: &World, locals: &Locals, number: usize) -> String {
    let data = if dice.below(3) == 0 { format!("$active{number}") } else { format!("$passive{number}") };
    let elements = if dice.below(3) == 0 { format!("$declared{number}") } else { format!("$elements{number}") };
    let table = format!("$table{number}");
    let small = |dice: &mut Dice| format!("(i32.const {})", dice.one_of(&[0, 0, 1, 2, 3, 4, 5, 16, 17, -1]));
    let wide = |text: String| if world.is_wide { format!("(i64.extend_i32_u {text})") } else { text };
    let size = i64::try_from(world.pages * 0x1_0000).expect("there are few pages");
    let address = |dice: &mut Dice| {
        let near = dice.one_of(&[0, 1, 5, 16, 17]);
        match dice.below(4) {
            0 => wide(format!("(i32.const {})", size - near)),
            1 => wide(format!("(i32.const {})", dice.one_of(&[0, 3, 64, 65_535]))),
            2 if world.is_wide => long(dice, locals, 1),
            _ => wide(format!("(i32.and {} (i32.const 0xffff))", int(dice, locals, 1))),
        }
    };
    let length = |dice: &mut Dice| {
        wide(match dice.below(4) {
            0 => format!("(i32.and {} (i32.const 31))", int(dice, locals, 1)),
            1 => int(dice, locals, 1),
            _ => format!("(i32.const {})", dice.one_of(&[0, 1, 3, 8, 15, 16, 17, 33, 64, 255, 4096])),
        })
    };
    let count = |text: String| format!("(local.set $x (i32.add (i32.mul (local.get $x) (i32.const 31)) {text}))");
    match dice.below(15) {
        0..3 => format!("(memory.init $m0 {data} {} {} {})", address(dice), small(dice), small(dice)),
        3 => format!("(data.drop {data})"),
        4 => {
            let (to, from, n) = (address(dice), address(dice), length(dice));
            format!("(memory.copy $m0 $m0 {to} {from} {n})")
        }
        5 => {
            let (to, value, n) = (address(dice), int(dice, locals, 1), length(dice));
            format!("(memory.fill $m0 {to} {value} {n})")
        }
        6 | 7 => format!("(table.init {table} {elements} {} {} {})", small(dice), small(dice), small(dice)),
        8 => format!("(elem.drop {elements})"),
        9 => format!("(table.copy {table} {table} {} {} {})", small(dice), small(dice), small(dice)),
        10 => format!("(table.copy $functions {table} (i32.const 4) {} {})", small(dice), small(dice)),
        11 => format!("(table.fill {table} {} (ref.func $twice) {})", small(dice), small(dice)),
        12 => count(format!("(table.grow {table} (ref.func $more) {})", small(dice))),
        13 => count(format!("(ref.is_null (table.get {table} {}))", small(dice))),
        _ => count(format!("(call_indirect {table} (type $unary) {} {})", int(dice, locals, 1), small(dice))),
    }
}
