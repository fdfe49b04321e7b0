//! Random modules with loops that the compiler makes over: indices that start anywhere and wrap,
//! ends of all kinds, bodies unrolled evenly and not.
//!
//! `check(n)` makes the call of number `n`; it gives a hash of what the loop left behind.

use crate::dice::Dice;
use anyhow::Result;
use std::fmt::Write;

/// Name of the export.
pub const CHECK: &str = "check";
/// The calls that [`CHECK`] knows.
pub const N_CALLS: u32 = 24;

/// Bytes that are looked at after a loop: at the start of the memory and at its end.
const WINDOW: u32 = 4096;

/// The module of `seed`.
///
/// # Errors
/// When it is not valid, which is an error of this file.
pub fn module(seed: u64) -> Result<Vec<u8>> {
    let mut dice = Dice::new("loops", seed);
    // All of 4 GiB, where no index is outside, or a page, where most are.
    let is_whole = seldom_traps(seed);
    let pages = if is_whole { 0x1_0000 } else { 1 };
    let (last, top) = (pages * 0x1_0000_u64 - u64::from(WINDOW), is_whole);
    let mut calls = String::new();
    let mut functions = String::new();
    for number in 0..N_CALLS {
        let (function, arguments) = Loop::roll(&mut dice, top).write(number)?;
        functions += &function;
        writeln!(
            calls,
            "(if (i64.eq (local.get $n) (i64.const {number})) (then (return (call $f{number} {arguments}))))"
        )?;
    }
    let text = format!(
        r#"(module
  (memory {pages})
  (func $hash (param $h i64) (param $at i32) (result i64) (local $end i32)
    (local.set $end (i32.add (local.get $at) (i32.const {WINDOW})))
    (loop $next
      (local.set $h (i64.mul (i64.xor (local.get $h) (i64.load (local.get $at))) (i64.const 0x100000001b3)))
      (local.set $h (i64.rotl (local.get $h) (i64.const 7)))
      (br_if $next (i32.ne (local.tee $at (i32.add (local.get $at) (i32.const 8))) (local.get $end))))
    (local.get $h))
  (func $fill (param $at i32) (local $n i32)
    (loop $next
      (i32.store (i32.add (local.get $at) (local.get $n))
        (i32.xor (i32.mul (i32.add (local.get $n) (local.get $at)) (i32.const 0x9e3779b1)) (i32.const 0x55)))
      (br_if $next (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 4))) (i32.const {WINDOW})))))
  (func $all (param $h i64) (result i64)
    (call $hash (call $hash (local.get $h) (i32.const 0)) (i32.const {last})))
  {functions}
  (func (export "{CHECK}") (param $n i64) (result i64)
    (call $fill (i32.const 0))
    (call $fill (i32.const {last}))
    {calls}
    (i64.const -1)))"#
    );
    Ok(wat::parse_str(text)?)
}

/// Whether the memory of the module of `seed` ends where addresses do: few accesses are outside.
pub fn seldom_traps(seed: u64) -> bool {
    !seed.is_multiple_of(2)
}

/// A loop of one block.
struct Loop {
    start: i32,
    step: i32,
    rounds: i32,
    /// Beyond the last value that the comparison sees.
    slack: i32,
    comparison: &'static str,
    /// The branch at the end leaves the loop.
    leaves: bool,
    /// The comparison is of the value before the step.
    is_late: bool,
    bases: [i32; 2],
    /// Are the bases and the bound arguments, or constants?
    are_arguments: bool,
    statements: Vec<String>,
}

impl Loop {
    fn roll(dice: &mut Dice, is_whole: bool) -> Loop {
        let step: i32 = dice.one_of(&[1, 2, 4, 8, 8, 12, 16, 24, 32, -1, -4, -8, -16, -24, 3]);
        let rounds = dice.one_of(&[1, 1, 2, 3, 7, 16, 40]);
        let starts = [0, 0, 8, 64, 1000, -8, -64, -320, -1000, i32::MAX - 20, i32::MIN, i32::MIN + 40, 4000];
        let start = dice.one_of(&starts);
        let (comparison, slack) = match dice.below(3) {
            0 => ("ne", 0),
            _ if step > 0 => (dice.one_of(&["lt_s", "lt_u", "le_s", "le_u"]), dice.below(step as usize + 1) as i32),
            _ => {
                (dice.one_of(&["gt_s", "gt_u", "ge_s", "ge_u"]), -(dice.below(step.unsigned_abs() as usize + 1) as i32))
            }
        };
        // A loop that goes on for ever ends where the memory does; all of 4 GiB has no end.
        let comparison = if is_whole { "ne" } else { comparison };
        let slack = if is_whole { 0 } else { slack };
        let near: [i32; 8] = [0, 16, 256, 2048, 3000, -256, -2048, -4096];
        let base = |dice: &mut Dice| match dice.below(3) {
            0 => dice.one_of(&near),
            // The sum with the start is near zero.
            _ => dice.one_of(&near).wrapping_sub(start),
        };
        let bases = [base(dice), base(dice)];
        let copies = dice.one_of(&[1, 1, 2, 2, 3, 4, 4, 8]);
        let distance = if step % copies == 0 { step / copies } else { dice.one_of(&[1, 4, 8]) };
        let n_statements = 1 + dice.below(2);
        let kinds: Vec<_> = (0..n_statements).map(|_| Statement::roll(dice, is_whole)).collect();
        let odd = dice.below(4) == 0;
        let mut statements = Vec::new();
        for copy in 0..copies {
            for kind in &kinds {
                // At times one copy is not like the others.
                let extra = if odd && copy + 1 == copies { dice.one_of(&[1, 8, -8]) } else { 0 };
                statements.push(kind.write(copy * distance + extra));
            }
        }
        match dice.below(8) {
            0 => statements.reverse(),
            // All copies load before the first stores.
            1 | 2 => statements = loads_first(copies, distance, dice.one_of(&[4, 8, -8])),
            _ => {}
        }
        Loop {
            start,
            step,
            rounds,
            slack,
            comparison,
            leaves: dice.below(3) == 0,
            is_late: dice.below(3) == 0,
            bases,
            are_arguments: dice.below(4) != 0,
            statements,
        }
    }

    /// The function, and the arguments it is called with.
    fn write(&self, number: u32) -> Result<(String, String)> {
        let seen = if self.is_late { self.rounds - 1 } else { self.rounds };
        let reached = self.start.wrapping_add(self.step.wrapping_mul(seen));
        let bound = reached.wrapping_sub(self.slack);
        let constant = |value: i32| format!("(i32.const {value})");
        let (a, b, end, start) = match self.are_arguments {
            true => ["$a", "$b", "$end", "$start"].map(|it| format!("(local.get {it})")).into(),
            false => [self.bases[0], self.bases[1], bound, self.start].map(constant).into(),
        };
        let comparison =
            format!("(i32.{} (local.get {}) {end})", self.comparison, if self.is_late { "$before" } else { "$i" });
        let (open, close) = match self.leaves {
            true => ("(block $out (loop $next", format!("(br_if $out (i32.eqz {comparison})) (br $next)))")),
            false => ("(loop $next", format!("(br_if $next {comparison}))")),
        };
        let statements = self.statements.join("\n      ").replace("$A", &a).replace("$B", &b);
        let temporaries: String = (0..8).map(|it| format!("(local $t{it} i32)")).collect();
        let function = format!(
            "(func $f{number} (param $a i32) (param $b i32) (param $end i32) (param $start i32) (result i64)
    (local $i i32) (local $before i32) (local $sum i32) (local $long i64) (local $float f64) (local $last i32)
    {temporaries}
    (local.set $i {start})
    {open}
      {statements}
      (local.set $before (local.get $i))
      (local.set $i (i32.add (local.get $i) (i32.const {})))
      {close}
    (call $all (i64.add
      (i64.xor (local.get $long) (i64.reinterpret_f64 (local.get $float)))
      (i64.extend_i32_u (i32.add (i32.mul (local.get $sum) (i32.const 31))
        (i32.xor (local.get $last) (i32.add (local.get $i) (local.get $before))))))))\n",
            self.step
        );
        let arguments = [self.bases[0], self.bases[1], bound, self.start].map(constant).join(" ");
        Ok((function, arguments))
    }
}

/// Copies that load, all before what they store `to` bytes further.
fn loads_first(copies: i32, distance: i32, to: i32) -> Vec<String> {
    let at = |moved: i32| format!("(i32.add (i32.add $A (local.get $i)) (i32.const {moved}))");
    let loads = (0..copies).map(|copy| format!("(local.set $t{copy} (i32.load {}))", at(copy * distance)));
    let stores = (0..copies)
        .map(|copy| format!("(i32.store {} (i32.add (local.get $t{copy}) (i32.const 3)))", at(copy * distance + to)));
    loads.chain(stores).collect()
}

/// One of what a copy of a body does. `$A` and `$B` are bases, and the index is added to them.
#[derive(Copy, Clone)]
struct Statement {
    kind: usize,
    offset: u32,
    to: i32,
    is_whole: bool,
}

impl Statement {
    fn roll(dice: &mut Dice, is_whole: bool) -> Statement {
        Statement {
            kind: dice.below(10),
            offset: dice.one_of(&[0, 0, 8, 100]),
            to: dice.one_of(&[0, 0, 4, 8, -8, 64]),
            is_whole,
        }
    }

    fn write(&self, distance: i32) -> String {
        let Statement { offset, to, .. } = self;
        let at =
            |base: &str, distance: i32| format!("(i32.add (i32.add {base} (local.get $i)) (i32.const {distance}))");
        let (from, into) = (at("$A", distance), at("$B", distance.wrapping_add(*to)));
        match self.kind {
            0 => format!("(f64.store offset={offset} {into} (f64.add (f64.load {into}) (f64.const 1.5)))"),
            1 => format!("(i32.store {into} (i32.add (i32.load offset={offset} {from}) (i32.load {into})))"),
            2 => format!("(i32.store8 offset={offset} {into} (i32.xor (i32.load8_u {from}) (i32.const 0x5a)))"),
            3 => format!("(local.set $sum (i32.add (local.get $sum) (i32.load offset={offset} {from})))"),
            4 => format!("(local.set $long (i64.add (local.get $long) (i64.load32_s {from})))"),
            5 => format!("(i64.store {into} (i64.extend_i32_s (i32.mul (local.get $i) (i32.const {}))))", distance | 1),
            // Of loads without influence LLVM keeps no trap; see docs/generators.md.
            6 if self.is_whole => format!("(local.set $last (i32.load16_s offset={offset} {from}))"),
            6 => format!("(local.set $last (i32.xor (i32.mul (local.get $last) (i32.const 3)) (i32.load16_s {from})))"),
            7 => format!("(i32.store {into} (local.get $last)) (local.set $last (i32.load {from}))"),
            8 => format!("(local.set $float (f64.add (local.get $float) (f64.convert_i32_s (i32.load16_u {from}))))"),
            _ => format!("(i32.store offset={offset} {into} (i32.const 7))"),
        }
    }
}
