//! Handlers in loops and in each other: what was written before a throw is read after the catch,
//! exceptions are thrown on, pass frames and leave loops.

use super::expression::{Locals, int, long};
use super::{Element, World};
use test_kit::dice::Dice;

pub fn element(dice: &mut Dice, _world: &World, number: usize) -> Element {
    let locals = Locals {
        ints: ["$a", "$x", "$n"].map(str::to_owned).into(),
        longs: ["$c", "$y"].map(str::to_owned).into(),
        ..Locals::default()
    };
    let mut body = Body { dice, locals, number, n_labels: 0 };
    let (one, two) = (body.statements(2), body.statements(1));
    let rounds = body.dice.one_of(&[1, 2, 5, 12]);
    let entries = format!(
        "(func $try{number} (param $a i32) (param $c i64) (result i64 i32) (local $x i32) (local $y i64) (local $n i32)
         (local $z f64) (local $r exnref)
         (loop $again (call $spend) {one}
           (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const {rounds}))))
         {two}
         (i64.add (local.get $y) (i64.reinterpret_f64 (call $canon64 (local.get $z)))) (local.get $x))\n"
    );
    // Throws from a frame further in.
    let inner = Locals { ints: vec!["0".to_owned()], longs: vec!["1".to_owned()], ..Locals::default() };
    let (one, two, three) = (int(body.dice, &inner, 2), int(body.dice, &inner, 2), int(body.dice, &inner, 1));
    let others = format!(
        "(func $throw{number} (param i32 i64) (result i32)
         (call $spend)
         (if {one} (then (throw $number (local.get 0))))
         (if {two} (then (throw $pair (local.get 1) (f64.convert_i32_s (local.get 0)))))
         (if (i32.eq {three} (i32.const 3)) (then (throw $nothing)))
         (i32.add (local.get 0) (i32.const 1)))\n"
    );
    Element { entries, others }
}

struct Body<'d> {
    dice: &'d mut Dice,
    locals: Locals,
    number: usize,
    n_labels: usize,
}

impl Body<'_> {
    fn statements(&mut self, depth: usize) -> String {
        (0..1 + self.dice.below(4)).map(|_| self.statement(depth) + "\n").collect()
    }

    fn statement(&mut self, depth: usize) -> String {
        let number = self.number;
        if depth > 0 && self.dice.below(2) == 0 {
            return self.handled(depth - 1);
        }
        match self.dice.below(9) {
            0 | 1 => format!("(local.set $x {})", int(self.dice, &self.locals, 2)),
            2 | 3 => format!("(local.set $y {})", long(self.dice, &self.locals, 2)),
            4 => format!(
                "(local.set $z (f64.add (local.get $z) (f64.convert_i32_s {})))",
                int(self.dice, &self.locals, 1)
            ),
            5 | 6 => format!(
                "(local.set $x (call $throw{number} {} {}))",
                int(self.dice, &self.locals, 2),
                long(self.dice, &self.locals, 1)
            ),
            7 => format!(
                "(local.set $x (call_indirect $functions (type $unary) {} (i32.const 3)))",
                int(self.dice, &self.locals, 1)
            ),
            _ => format!("(if {} (then (throw $number (local.get $x))))", int(self.dice, &self.locals, 2)),
        }
    }

    /// A block whose statements are under handlers.
    fn handled(&mut self, depth: usize) -> String {
        let label = self.n_labels;
        self.n_labels += 4;
        let (l0, l1, l2, l3) = (label, label + 1, label + 2, label + 3);
        let inside = self.statements(depth);
        let [zero, one, two] = [(); 3].map(|()| self.statements(depth.min(1)));
        let catches = match self.dice.below(5) {
            0 => format!("(catch $number $l{l0})"),
            1 => format!("(catch $pair $l{l1}) (catch $number $l{l0})"),
            2 => format!("(catch_all_ref $l{l2})"),
            3 => format!("(catch $pair $l{l1}) (catch_all_ref $l{l2})"),
            _ => format!("(catch $number $l{l0}) (catch $pair $l{l1}) (catch_all_ref $l{l2})"),
        };
        // A caught reference is thrown again, at times.
        let again = match self.dice.below(3) {
            0 => format!("(if {} (then (throw_ref (local.get $r))))", int(self.dice, &self.locals, 1)),
            _ => String::new(),
        };
        format!(
            "(block $l{l3}
               (block $l{l0} (result i32)
                 (block $l{l1} (result i64 f64)
                   (block $l{l2} (result exnref)
                     (try_table {catches} {inside})
                     (br $l{l3}))
                   (local.set $r) {two} {again} (br $l{l3}))
                 (local.set $z) (local.set $y) {one} (br $l{l3}))
               (local.set $x) {zero})"
        )
    }
}
