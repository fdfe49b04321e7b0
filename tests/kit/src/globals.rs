//! Random modules that write and read globals on all kinds of ways: prologues that move a stack
//! pointer, early returns, branches, loops, calls of functions that read what was written,
//! exceptions and traps.
//!
//! `check(n)` makes the call of number `n`; it gives a hash of all that was observed.

use crate::dice::Dice;
use anyhow::Result;
use std::fmt::Write;

/// Name of the export.
pub const CHECK: &str = "check";
/// The calls that [`CHECK`] knows.
pub const N_CALLS: u32 = 24;

const N_FUNCTIONS: usize = 8;

/// The module of `seed`.
///
/// # Errors
/// When it is not valid, which is an error of this file.
pub fn module(seed: u64) -> Result<Vec<u8>> {
    let mut dice = Dice::new("globals", seed);
    let mut functions = String::new();
    for number in 0..N_FUNCTIONS {
        functions += &Body { dice: &mut dice, number, n_labels: 0, n_loops: 0 }.write()?;
    }
    let arms: String =
        (0..N_FUNCTIONS).map(|it| format!("(call $f{it} (local.get $a) (local.get $b)) return)\n")).collect();
    let blocks: String = (0..=N_FUNCTIONS).map(|_| "(block ").collect();
    let targets: String = (0..N_FUNCTIONS).map(|it| format!("{it} ")).collect();
    let names: String = (0..N_FUNCTIONS).map(|it| format!("$f{it} ")).collect();
    let text = format!(
        r#"(module
  (memory 1 8)
  (type $f (func (param i32 i32) (result i32)))
  (tag $tag (param i32))
  (table funcref (elem {names}))
  (global $sp (mut i32) (i32.const 65536))
  (global $long (mut i64) (i64.const 1))
  (global $other (mut i32) (i32.const 7))
  (global $float (mut f64) (f64.const 0.5))
  ;; Bytes 0 to 7: a hash of what was observed. Bytes 8 to 11: how many calls there may be.
  (func $observe
    (i64.store (i32.const 0) (i64.add
      (i64.mul (i64.load (i32.const 0)) (i64.const 0x100000001b3))
      (i64.xor (i64.xor (global.get $long) (i64.reinterpret_f64 (global.get $float)))
        (i64.or (i64.shl (i64.extend_i32_u (global.get $sp)) (i64.const 32)) (i64.extend_i32_u (global.get $other)))))))
  (func $may_call (result i32)
    (i32.store (i32.const 8) (i32.sub (i32.load (i32.const 8)) (i32.const 1)))
    (i32.gt_s (i32.load (i32.const 8)) (i32.const 0)))
  {functions}
  (func $choose (param $n i32) (param $a i32) (param $b i32) (result i32)
    {blocks} (br_table {targets} (i32.rem_u (local.get $n) (i32.const {N_FUNCTIONS})))
    )
    {arms}
    unreachable)
  (func (export "{CHECK}") (param $n i64) (result i64) (local $it i32)
    (i32.store (i32.const 8) (i32.const 300))
    (local.set $it (i32.wrap_i64 (local.get $n)))
    (block $caught (result i32)
      (try_table (result i32) (catch $tag $caught)
        (call $choose (local.get $it) (i32.mul (local.get $it) (i32.const 0x9e3779b1))
          (i32.sub (local.get $it) (i32.const {N_CALLS})))))
    (local.set $it)
    (call $observe)
    (i64.add (i64.load (i32.const 0)) (i64.extend_i32_s (local.get $it)))))"#
    );
    Ok(wat::parse_str(text)?)
}

/// A function that is being written.
struct Body<'d> {
    dice: &'d mut Dice,
    number: usize,
    n_labels: usize,
    n_loops: usize,
}

impl Body<'_> {
    fn write(&mut self) -> Result<String> {
        let number = self.number;
        let frame = self.dice.one_of(&[0, 0, 16, 48]);
        let early = self.dice.below(3) == 0;
        let statements = self.statements(4);
        let mut text = String::new();
        writeln!(
            text,
            "(func $f{number} (param $a i32) (param $b i32) (result i32) (local $frame i32) (local $x i32)"
        )?;
        writeln!(text, "  {}", (0..self.n_loops).map(|it| format!("(local $k{it} i32)")).collect::<String>())?;
        writeln!(text, "  (if (i32.eqz (call $may_call)) (then (return (i32.const 3))))")?;
        if early {
            writeln!(text, "  (if (i32.and (local.get $a) (i32.const 1)) (then (return (local.get $b))))")?;
        }
        if frame > 0 {
            writeln!(text, "  (global.set $sp (local.tee $frame (i32.sub (global.get $sp) (i32.const {frame}))))")?;
        }
        writeln!(text, "{statements}")?;
        if frame > 0 {
            writeln!(text, "  (global.set $sp (i32.add (local.get $frame) (i32.const {frame})))")?;
        }
        writeln!(text, "  (i32.add (local.get $x) (i32.xor (local.get $a) (local.get $b))))")?;
        Ok(text)
    }

    fn statements(&mut self, depth: usize) -> String {
        let n = 1 + self.dice.below(4);
        (0..n).map(|_| self.statement(depth) + "\n").collect()
    }

    fn statement(&mut self, depth: usize) -> String {
        if depth > 0 && self.dice.below(2) == 0 {
            return self.construct(depth - 1);
        }
        let value = self.value();
        let local = self.dice.one_of(&["$a", "$b", "$x"]);
        let global = self.dice.one_of(&["$sp", "$other"]);
        match self.dice.below(16) {
            0..4 => format!("(global.set {global} {value})"),
            4 => format!("(global.set $long (i64.add (global.get $long) (i64.extend_i32_s {value})))"),
            5 => "(global.set $float (f64.add (global.get $float) (f64.const 0.25)))".to_owned(),
            6 => format!("(global.set {global} (global.get {global}))"),
            7..10 => format!("(local.set {local} {value})"),
            10 => "(call $observe)".to_owned(),
            11 | 12 if self.number > 0 => {
                let callee = self.dice.below(self.number);
                format!("(local.set {local} (call $f{callee} {value} (local.get $b)))")
            }
            13 => {
                let callee = self.dice.below(N_FUNCTIONS);
                format!("(local.set {local} (call_indirect (type $f) (local.get $a) {value} (i32.const {callee})))")
            }
            14 => self
                .dice
                .one_of(&[
                    "(drop (memory.grow (i32.const 1)))",
                    "(memory.fill (i32.const 64) (local.get $a) (i32.and (local.get $b) (i32.const 255)))",
                    "(local.set $x (i32.load (i32.and (local.get $x) (i32.const 0xfff))))",
                    "(i32.store offset=64 (i32.and (local.get $x) (i32.const 0xfff)) (global.get $sp))",
                ])
                .to_owned(),
            _ => format!("(local.set {local} (i32.add (local.get {local}) (i32.const 1)))"),
        }
    }

    /// What has statements inside.
    fn construct(&mut self, depth: usize) -> String {
        let value = self.value();
        match self.dice.below(13) {
            0..3 => {
                let (then, other) = (self.statements(depth), self.statements(depth));
                format!("(if {value} (then {then}) (else {other}))")
            }
            3 => format!("(if {value} (then {}))", self.statements(depth)),
            4 => {
                let label = self.n_labels;
                self.n_labels += 1;
                let (one, two) = (self.statements(depth), self.statements(depth));
                format!("(block $l{label} {one} (br_if $l{label} {value}) {two})")
            }
            5 => {
                let label = self.n_labels;
                self.n_labels += 2;
                let (one, two, next) = (self.statements(depth), self.statements(depth), label + 1);
                let table = format!("(br_table $l{label} $l{next} $l{label} $l{next} {value})");
                format!("(block $l{label} (block $l{next} {table}) {one}) {two}")
            }
            6..8 => {
                let (label, counter) = (self.n_labels, self.n_loops);
                self.n_labels += 1;
                self.n_loops += 1;
                let (inside, rounds) = (self.statements(depth), self.dice.one_of(&[1, 2, 3]));
                let down = format!("(local.tee $k{counter} (i32.sub (local.get $k{counter}) (i32.const 1)))");
                format!(
                    "(local.set $k{counter} (i32.const {rounds}))
                     (loop $l{label} {inside} (br_if $l{label} {down}))"
                )
            }
            8 => {
                let label = self.n_labels;
                self.n_labels += 1;
                let (inside, after) = (self.statements(depth), self.statements(depth));
                let throw = self.dice.one_of(&["", "(throw $tag (local.get $b))"]);
                format!(
                    "(block $l{label} (result i32)
                       (try_table (catch $tag $l{label}) {inside} (if {value} (then {throw})) {after})
                       (i32.const 1))
                     (local.set $x)"
                )
            }
            9..12 => self.framed(depth),
            _ => {
                let inside = self.statements(depth);
                let end = match self.dice.below(16) {
                    0 => "(unreachable)",
                    1..5 => "(throw $tag (local.get $a))",
                    _ => "(return (local.get $x))",
                };
                format!("(if (i32.eq (i32.and {value} (i32.const 7)) (i32.const 3)) (then {inside} {end}))")
            }
        }
    }

    /// A global that gets values near the one that it had, with statements between.
    fn framed(&mut self, depth: usize) -> String {
        let global = self.dice.one_of(&["$sp", "$sp", "$other"]);
        let saved = self.dice.one_of(&["$frame", "$x"]);
        let mut text = format!("(local.set {saved} (global.get {global}))");
        for _ in 0..2 + self.dice.below(2) {
            let sum = match self.dice.below(6) {
                0 => format!("(local.get {saved})"),
                1 => format!("(i32.add (i32.sub (local.get {saved}) (i32.const 16)) (i32.const 16))"),
                2 => format!("(i32.sub (local.get {saved}) (i32.const 16))"),
                3 => format!("(i32.add (i32.sub (local.get {saved}) (i32.const 16)) (i32.const -16))"),
                4 => format!("(i32.sub (i32.add (local.get {saved}) (i32.const 16)) (i32.const 16))"),
                _ => format!("(i32.add (local.get {saved}) (i32.const 16))"),
            };
            write!(text, "(global.set {global} {sum}) ").expect("a string takes all");
            if self.dice.below(3) > 0 {
                text += &self.statements(depth);
            }
        }
        text
    }

    fn value(&mut self) -> String {
        self.dice
            .one_of(&[
                "(local.get $a)",
                "(local.get $b)",
                "(local.get $x)",
                "(local.get $frame)",
                "(global.get $sp)",
                "(global.get $other)",
                "(i32.const 0)",
                "(i32.const 1)",
                "(i32.sub (global.get $sp) (i32.const 16))",
                "(i32.add (global.get $sp) (i32.const 16))",
                "(i32.add (local.get $a) (global.get $other))",
                "(i32.wrap_i64 (global.get $long))",
            ])
            .to_owned()
    }
}
