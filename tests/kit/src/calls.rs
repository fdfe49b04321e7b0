//! Random modules of small functions that call each other: what the compiler copies into callers.
//!
//! `check(n)` makes the call of number `n`; it gives a hash of its results, the globals and the
//! memory. Functions call those before them, so that all calls end, and one in four of them itself
//! with a smaller number. All loops together have 20 rounds.

use crate::dice::Dice;
use anyhow::Result;
use std::fmt::Write;

/// Name of the export.
pub const CHECK: &str = "check";
/// The calls that [`CHECK`] knows: two of each function.
pub const N_CALLS: u32 = 2 * N_FUNCTIONS as u32;

const N_FUNCTIONS: usize = 10;

/// The module of `seed`.
///
/// # Errors
/// When it is not valid, which is an error of this file.
pub fn module(seed: u64) -> Result<Vec<u8>> {
    let mut dice = Dice::new("calls", seed);
    // One memory in four has addresses of 64 bits.
    let is_wide = seed.is_multiple_of(4);
    let mut functions: Vec<Function> = Vec::new();
    let mut texts = String::new();
    let mut calls = String::new();
    for number in 0..N_FUNCTIONS {
        let function = Function { n_params: dice.below(4), n_results: dice.one_of(&[0, 1, 1, 1, 2]) };
        functions.push(function);
        texts += &Body { dice: &mut dice, functions: &functions, is_wide, tries: 0 }.write(number)?;
        for call in [2 * number, 2 * number + 1] {
            let arguments: String =
                (0..function.n_params).map(|_| format!("(i32.const {})", dice.one_of(&NUMBERS))).collect();
            let mix = "(call $mix)".repeat(function.n_results);
            writeln!(
                calls,
                "(if (i64.eq (local.get $n) (i64.const {call})) (then (call $f{number} {arguments}) {mix}))"
            )?;
        }
    }
    let (wide, zero) = if is_wide { ("i64", "i64.const 0") } else { ("", "i32.const 0") };
    let text = format!(
        r#"(module
  (type $unary (func (param i32) (result i32)))
  (tag $e (param i32))
  (memory {wide} 1 4)
  (table 2 2 funcref)
  (elem (i32.const 0) $same $more)
  (global $g (mut i32) (i32.const 3))
  (global $h (mut i64) (i64.const 5))
  (global $rounds (mut i32) (i32.const 20))
  (func $same (type $unary) (local.get 0))
  (func $more (type $unary) (i32.add (local.get 0) (global.get $g)))
  (func $mix (param i32)
    (global.set $h (i64.rotl (i64.mul (i64.xor (global.get $h) (i64.extend_i32_u (local.get 0)))
      (i64.const 0x100000001b3)) (i64.const 7))))
  (func $fail (param i32) (throw $e (i32.xor (local.get 0) (i32.const 77))))
  {texts}
  (func (export "{CHECK}") (param $n i64) (result i64)
    (block $caught (result i32)
      (try_table (catch $e $caught) {calls})
      (i32.const 1))
    (call $mix)
    (call $mix (global.get $g))
    (call $mix (i32.load offset=16 ({zero})))
    (call $mix (i32.load offset=40 ({zero})))
    (global.get $h)))"#
    );
    Ok(wat::parse_str(text)?)
}

const NUMBERS: [i32; 10] = [0, 1, 2, 3, 7, 40, -1, 65532, 65533, i32::MIN];

#[derive(Copy, Clone)]
struct Function {
    /// All are `i32`.
    n_params: usize,
    n_results: usize,
}

/// A body in the making.
struct Body<'a> {
    dice: &'a mut Dice,
    /// Those that may be called, and at last this one.
    functions: &'a [Function],
    /// Addresses have 64 bits.
    is_wide: bool,
    tries: usize,
}

impl Body<'_> {
    fn write(&mut self, number: usize) -> Result<String> {
        let Function { n_params, n_results } = self.functions[number];
        let mut text = format!("(func $f{number}");
        (0..n_params).for_each(|_| text.push_str(" (param i32)"));
        (0..n_results).for_each(|_| text.push_str(" (result i32)"));
        // Small functions have no locals of their own.
        let n_locals = n_params + self.dice.below(2);
        (n_params..n_locals).for_each(|_| text.push_str(" (local i32)"));
        text.push('\n');
        let itself = n_params > 0 && self.dice.below(4) == 0;
        if itself {
            let ends = "(i32.const 9)".repeat(n_results);
            write!(text, "(if (i32.gt_u (local.get 0) (i32.const 3)) (then (return {ends})))")?;
            let others = "(local.get 0)".repeat(n_params - 1);
            let drops = "(drop)".repeat(n_results);
            write!(
                text,
                "(if (local.get 0) (then (call $f{number} (i32.sub (local.get 0) (i32.const 1)) {others}) {drops}))"
            )?;
        }
        for _ in 0..self.dice.below(3) {
            text += &self.statement(n_locals, 2);
        }
        for _ in 0..n_results {
            text += &self.value(n_locals, 3);
        }
        text.push_str(")\n");
        Ok(text)
    }

    fn statement(&mut self, n_locals: usize, depth: usize) -> String {
        let value = self.value(n_locals, depth);
        match self.dice.below(9) {
            0 | 1 => format!("(global.set $g {value})"),
            2 => format!("(i32.store offset=16 {} {value})", self.address(n_locals)),
            3 if n_locals > 0 => format!("(local.set {} {value})", self.dice.below(n_locals)),
            4 => format!("(if {value} (then {}))", self.value(n_locals, 1) + "(call $mix)"),
            5 => format!("(if (i32.eq {value} (i32.const 7)) (then (call $fail {})))", self.value(n_locals, 1)),
            6 if self.tries == 0 => {
                self.tries += 1;
                format!(
                    "(block $h{0} (result i32) (try_table (catch $e $h{0}) {value} (call $mix)) (i32.const 4)) (call $mix)",
                    self.tries
                )
            }
            7 => format!(
                "(block $out (loop $again (br_if $out (i32.eqz (global.get $rounds)))
                (global.set $rounds (i32.sub (global.get $rounds) (i32.const 1))) {value} (call $mix) (br $again)))"
            ),
            _ => format!("{value} (call $mix)"),
        }
    }

    fn address(&mut self, n_locals: usize) -> String {
        let value = self.value(n_locals, 1);
        let value = if self.dice.below(4) == 0 { value } else { format!("(i32.and {value} (i32.const 31))") };
        if self.is_wide { format!("(i64.extend_i32_u {value})") } else { value }
    }

    /// An expression of type `i32`.
    fn value(&mut self, n_locals: usize, depth: usize) -> String {
        if depth == 0 || self.dice.below(5) == 0 {
            return match self.dice.below(3) {
                0 if n_locals > 0 => format!("(local.get {})", self.dice.below(n_locals)),
                1 => "(global.get $g)".to_owned(),
                _ => format!("(i32.const {})", self.dice.one_of(&NUMBERS)),
            };
        }
        let a = self.value(n_locals, depth - 1);
        match self.dice.below(10) {
            0 => format!("(i32.add {a} {})", self.value(n_locals, depth - 1)),
            1 => format!("(i32.mul {a} {})", self.value(n_locals, depth - 1)),
            2 => format!("(i32.div_s {a} {})", self.value(n_locals, depth - 1)),
            3 => format!("(i32.lt_u {a} {})", self.value(n_locals, depth - 1)),
            4 => format!("(i32.load offset=16 {})", self.address(n_locals)),
            5 => format!("(call_indirect (type $unary) {a} (i32.const {}))", self.dice.below(2)),
            _ => self.call(n_locals, depth, &a),
        }
    }

    /// A call of a function that has a result.
    fn call(&mut self, n_locals: usize, depth: usize, first: &str) -> String {
        let own = self.functions.len() - 1;
        let Some(number) = (0..own).rev().find(|it| self.functions[*it].n_results > 0 && self.dice.below(3) > 0) else {
            return format!("(call $same {first})");
        };
        let Function { n_params, n_results } = self.functions[number];
        let mut text = format!("(call $f{number}");
        for place in 0..n_params {
            text += &if place == 0 { first.to_owned() } else { self.value(n_locals, depth - 1) };
        }
        // Of two results one goes into the hash.
        match n_results {
            1 => text + ")",
            _ => format!("(block (result i32) {text}) (call $mix))"),
        }
    }
}
