//! The memories that accesses are tried on, and the oracle: exact arithmetic that says what each
//! access must do.
//!
//! A memory begins with a pattern in which no word repeats. The pattern of an address is a function
//! of the address, so that neither the modules nor the tests keep a copy of it.

use super::kind::{Action, Kind};
use std::fmt::Write;
use wasm2native::abi::memory::{CHECKED_GUARD, SMALL_GUARD, X86_64_PAGE};

/// What the name of a memory form promises.
#[derive(Copy, Clone, Debug)]
pub struct Form {
    pub name: &'static str,
    /// Addresses have 64 bits.
    pub wide: bool,
    pub shared: bool,
    /// A page is one byte.
    pub bytewise: bool,
    /// It had half of its size at the start.
    pub grown: bool,
    pub place: MemoryOrigin,
}

/// Where a memory comes from.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum MemoryOrigin {
    /// The module's only one.
    Own,
    /// Another memory precedes it.
    Second,
    /// Another module of the program exports it.
    Imported,
    /// The program supplies it.
    Supplied,
}

const PLAIN: Form =
    Form { name: "", wide: false, shared: false, bytewise: false, grown: false, place: MemoryOrigin::Own };
const WIDE: Form = Form { wide: true, ..PLAIN };

/// All forms.
pub static FORMS: [Form; 16] = [
    Form { name: "memory32", ..PLAIN },
    Form { name: "memory64", ..WIDE },
    Form { name: "grown32", grown: true, ..PLAIN },
    Form { name: "grown64", grown: true, ..WIDE },
    Form { name: "shared32", shared: true, ..PLAIN },
    Form { name: "shared64", shared: true, ..WIDE },
    Form { name: "bytewise32", bytewise: true, ..PLAIN },
    Form { name: "bytewise64", bytewise: true, ..WIDE },
    Form { name: "imported32", place: MemoryOrigin::Imported, ..PLAIN },
    Form { name: "imported64", place: MemoryOrigin::Imported, ..WIDE },
    Form { name: "second32", place: MemoryOrigin::Second, ..PLAIN },
    Form { name: "second64", place: MemoryOrigin::Second, ..WIDE },
    Form { name: "second-bytewise64", place: MemoryOrigin::Second, bytewise: true, ..WIDE },
    Form { name: "supplied32", place: MemoryOrigin::Supplied, ..PLAIN },
    Form { name: "supplied64", place: MemoryOrigin::Supplied, ..WIDE },
    Form { name: "supplied-bytewise64", place: MemoryOrigin::Supplied, bytewise: true, ..WIDE },
];

/// What an access must do.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It reaches this address.
    Reaches(u64),
    Traps(Cause),
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    OutOfBounds,
    Unaligned,
    NotShared,
}

impl Cause {
    /// In the words of the specification's tests.
    pub fn message(self) -> &'static str {
        match self {
            Cause::OutOfBounds => "out of bounds memory access",
            Cause::Unaligned => "unaligned atomic",
            Cause::NotShared => "expected shared memory",
        }
    }
}

const WASM_PAGE: u64 = 65536;

impl Form {
    /// Size in bytes. That of a memory with pages of one byte ends within a word, and within a page
    /// of the machine.
    pub fn bytes(&self) -> u64 {
        match (self.bytewise, self.grown) {
            (true, _) => 2 * X86_64_PAGE + 13,
            (false, true) => 2 * WASM_PAGE,
            (false, false) => WASM_PAGE,
        }
    }

    /// The largest address that its type holds.
    pub fn top(&self) -> u64 {
        if self.wide { u64::MAX } else { u64::from(u32::MAX) }
    }

    /// Type of addresses.
    pub fn index(&self) -> &'static str {
        if self.wide { "i64" } else { "i32" }
    }

    /// An address as a constant.
    pub fn constant(&self, address: u64) -> String {
        format!("({}.const {address:#x})", self.index())
    }

    /// What follows `(memory $m`.
    pub fn memory_type(&self) -> String {
        let pages = if self.bytewise { self.bytes() } else { 1 };
        let maximum = if self.grown { 2 } else { pages };
        let shared = if self.shared { " shared" } else { "" };
        let page_size = if self.bytewise { " (pagesize 1)" } else { "" };
        format!("{} {pages} {maximum}{shared}{page_size}", self.index())
    }

    /// Static offsets worth trying: both sides of every border that a number may have, and of our
    /// own guard.
    pub fn offsets(&self) -> Vec<u64> {
        let mut offsets = vec![0, 1];
        let around = |border: u64| [border - 1, border, border + 1];
        offsets.extend(around(1 << 31));
        if self.wide {
            offsets.extend(around(1 << 32));
            offsets.extend(around(1 << 63));
            offsets.extend([CHECKED_GUARD - 16, CHECKED_GUARD - 8, CHECKED_GUARD]);
            offsets.extend(u64::MAX - 15..=u64::MAX);
        } else {
            offsets.extend([SMALL_GUARD - 16, SMALL_GUARD - 8, SMALL_GUARD - 1, SMALL_GUARD]);
            let top = u64::from(u32::MAX);
            offsets.extend([16, 8, 4, 2, 1].map(|back| top + 1 - back));
        }
        offsets
    }

    /// Indices worth trying with an offset: both ends, those whose sum with the offset is at an end
    /// of the memory or just beside it, also by wrapping around, and those of which the low 32 bits
    /// alone would fit.
    pub fn indices(&self, offset: u64, size: u64) -> Vec<u64> {
        let bytes = self.bytes();
        let top = self.top();
        let last = bytes - size;
        let aligned = last & !(size - 1);
        let targets = [0, 8, aligned, last, last + 1, bytes, 0u64.wrapping_sub(size), u64::MAX];
        let sums = targets.map(|target| target.wrapping_sub(offset) & top);
        let mut indices = vec![0, last, last + 1, bytes, top - size + 1, top];
        indices.extend(sums);
        if self.wide {
            indices.push(1 << 32);
        }
        indices.sort_unstable();
        indices.dedup();
        indices
    }

    /// What `kind` must do at `index` and `offset`.
    ///
    /// An atomic access that is neither aligned nor inside is reported as unaligned; the
    /// specification leaves the order open, and this is wasmtime's. Wait and notify need a sum of
    /// 64 bits before they can be either.
    pub fn outcome(&self, kind: &Kind, index: u64, offset: u64) -> Outcome {
        let address = u128::from(index) + u128::from(offset);
        let fits = address + u128::from(kind.size) <= u128::from(self.bytes());
        let is_aligned = address.is_multiple_of(u128::from(kind.size));
        let is_number = address <= u128::from(u64::MAX) || !kind.is_call();
        match kind.action {
            _ if kind.atomic && !is_aligned && is_number => Outcome::Traps(Cause::Unaligned),
            _ if !fits => Outcome::Traps(Cause::OutOfBounds),
            Action::Wait if !self.shared => Outcome::Traps(Cause::NotShared),
            _ => Outcome::Reaches(address as u64),
        }
    }

    /// Modules that must be there first, by the names under which they are imported.
    pub fn providers(&self) -> Vec<(&'static str, String)> {
        match self.place {
            MemoryOrigin::Imported => {
                vec![("env", format!("(module (memory (export \"memory\") {}))", self.memory_type()))]
            }
            _ => Vec::new(),
        }
    }

    /// The fields of a module that declare `$m`, fill it with the pattern, and export what looks at
    /// it:
    ///
    /// * `whole`: 0 if `$m` holds the pattern, or else the first wrong address and one more;
    /// * `stored`: the same, but for bytes of which the value is given; puts the pattern back;
    /// * `copied`, `filled`: the same for bytes that have the pattern of another address, or are
    ///   all equal.
    pub fn fields(&self) -> String {
        let (ty, bytes) = (self.memory_type(), self.bytes());
        let mut fields = match self.place {
            MemoryOrigin::Own => format!("(memory $m {ty})\n"),
            MemoryOrigin::Second => format!("(memory $other 1) (memory $m {ty})\n"),
            MemoryOrigin::Imported | MemoryOrigin::Supplied => {
                format!("(import \"env\" \"memory\" (memory $m {ty}))\n")
            }
        };
        let grow = match self.grown {
            true => format!("(drop (memory.grow $m {}))", self.constant(1)),
            false => String::new(),
        };
        let (at_a, at_to) = match self.wide {
            true => ("(local.get $a)", "(local.get $to)"),
            false => ("(i32.wrap_i64 (local.get $a))", "(i32.wrap_i64 (local.get $to))"),
        };
        let other = match self.place {
            MemoryOrigin::Second => {
                "(local.set $a (i64.const 0))
                 (loop $next
                   (if (i64.ne (i64.load $other (i32.wrap_i64 (local.get $a))) (i64.const 0))
                     (then (return (i64.const -1))))
                   (local.set $a (i64.add (local.get $a) (i64.const 8)))
                   (br_if $next (i64.lt_u (local.get $a) (i64.const 65536))))"
            }
            _ => "",
        };
        write!(
            fields,
            r#"
(func $word (param $a i64) (result i64)
  (i64.mul (i64.add (i64.shr_u (local.get $a) (i64.const 3)) (i64.const 1)) (i64.const {FACTOR:#x})))
(func $byte (param $a i64) (result i64)
  (i64.and (i64.const 255)
    (i64.shr_u (call $word (local.get $a)) (i64.shl (i64.and (local.get $a) (i64.const 7)) (i64.const 3)))))
(func $init (local $a i64)
  {grow}
  (loop $next
    (i64.store8 $m {at_a} (call $byte (local.get $a)))
    (local.set $a (i64.add (local.get $a) (i64.const 1)))
    (br_if $next (i64.lt_u (local.get $a) (i64.const {bytes})))))
(start $init)
(func $whole (export "whole") (result i64) (local $a i64)
  {other}
  (local.set $a (i64.const 0))
  (loop $next
    (if (i64.ne (i64.load $m {at_a}) (call $word (local.get $a)))
      (then (return (i64.add (local.get $a) (i64.const 1)))))
    (local.set $a (i64.add (local.get $a) (i64.const 8)))
    (br_if $next (i64.lt_u (local.get $a) (i64.const {words}))))
  (block $end
    (loop $next
      (br_if $end (i64.eq (local.get $a) (i64.const {bytes})))
      (if (i64.ne (i64.load8_u $m {at_a}) (call $byte (local.get $a)))
        (then (return (i64.add (local.get $a) (i64.const 1)))))
      (local.set $a (i64.add (local.get $a) (i64.const 1)))
      (br $next)))
  (i64.const 0))
(func $expect (param $to i64) (param $byte i64) (result i64)
  (if (i64.ne (i64.load8_u $m {at_to}) (local.get $byte)) (then (return (i64.add (local.get $to) (i64.const 1)))))
  (i64.store8 $m {at_to} (call $byte (local.get $to)))
  (i64.const 0))
(func $stored (export "stored") (param $to i64) (param $n i64) (param $low i64) (param $high i64) (result i64) (local $wrong i64)
  (loop $next
    (local.set $wrong (call $expect (local.get $to) (i64.and (local.get $low) (i64.const 255))))
    (if (i64.ne (local.get $wrong) (i64.const 0)) (then (return (local.get $wrong))))
    (local.set $low (i64.or (i64.shr_u (local.get $low) (i64.const 8)) (i64.shl (local.get $high) (i64.const 56))))
    (local.set $high (i64.shr_u (local.get $high) (i64.const 8)))
    (local.set $to (i64.add (local.get $to) (i64.const 1)))
    (local.set $n (i64.sub (local.get $n) (i64.const 1)))
    (br_if $next (i64.ne (local.get $n) (i64.const 0))))
  (call $whole))
(func (export "copied") (param $to i64) (param $from i64) (param $n i64) (result i64) (local $wrong i64)
  (block $end
    (loop $next
      (br_if $end (i64.eqz (local.get $n)))
      (local.set $wrong (call $expect (local.get $to) (call $byte (local.get $from))))
      (if (i64.ne (local.get $wrong) (i64.const 0)) (then (return (local.get $wrong))))
      (local.set $to (i64.add (local.get $to) (i64.const 1)))
      (local.set $from (i64.add (local.get $from) (i64.const 1)))
      (local.set $n (i64.sub (local.get $n) (i64.const 1)))
      (br $next)))
  (call $whole))
(func (export "filled") (param $to i64) (param $byte i64) (param $n i64) (result i64) (local $wrong i64)
  (block $end
    (loop $next
      (br_if $end (i64.eqz (local.get $n)))
      (local.set $wrong (call $expect (local.get $to) (local.get $byte)))
      (if (i64.ne (local.get $wrong) (i64.const 0)) (then (return (local.get $wrong))))
      (local.set $to (i64.add (local.get $to) (i64.const 1)))
      (local.set $n (i64.sub (local.get $n) (i64.const 1)))
      (br $next)))
  (call $whole))
"#,
            words = bytes & !7,
        )
        .expect("strings can be written");
        fields
    }
}

const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

fn pattern_byte(address: u64) -> u8 {
    ((address / 8 + 1).wrapping_mul(FACTOR) >> (address % 8 * 8)) as u8
}

/// What `size` bytes of the pattern hold.
pub fn pattern(address: u64, size: u64) -> u128 {
    (0..size).rev().fold(0, |all, at| all << 8 | u128::from(pattern_byte(address + at)))
}
