//! Active segments of data and elements: offsets at the borders, and those whose sum with the
//! length wraps. A module for each.

use super::form::{FORMS, Form, MemoryOrigin};
use super::sample::Sample;
use super::script::Script;

const DATA: &str = "abcd";

/// Entries of each table.
const ENTRIES: u64 = 10;

/// How the module knows the offset.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
enum Offset {
    Constant,
    /// It is a sum that wraps around.
    Sum,
    /// It is a global of another module.
    Imported,
}

const OFFSETS: [Offset; 3] = [Offset::Constant, Offset::Sum, Offset::Imported];

/// A script of many modules.
pub fn active(sample: Sample) -> Script {
    let mut script = Script::default();
    for form in FORMS.iter().filter(|form| !form.grown && form.place != MemoryOrigin::Supplied) {
        for (number, at) in numbers(form.wide, form.bytes(), DATA.len() as u64).into_iter().enumerate() {
            for length in [DATA.len(), 0] {
                for offset in OFFSETS {
                    if sample.takes(&(form.name, number, length, offset)) {
                        data(&mut script, form, at, &DATA[..length], offset);
                    }
                }
            }
        }
    }
    for wide in [false, true] {
        for (number, at) in numbers(wide, ENTRIES, 2).into_iter().enumerate() {
            for length in [2, 0] {
                for offset in OFFSETS {
                    if sample.takes(&(wide, number, length, offset)) {
                        elements(&mut script, wide, at, length, offset);
                    }
                }
            }
        }
    }
    script
}

/// Offsets at both ends, and those that the length takes over an end.
fn numbers(wide: bool, size: u64, length: u64) -> Vec<u64> {
    let top = if wide { u64::MAX } else { u64::from(u32::MAX) };
    let mut numbers =
        vec![0, size - length, size - length + 1, size, size + 1, 1 << 31, top - length, top - length + 1, top];
    if wide {
        numbers.extend([1 << 32, 1 << 47, 1 << 63]);
    }
    numbers
}

/// Where the module gets the offset, and its expression.
fn expression(script: &mut Script, ty: &str, at: u64, offset: Offset) -> (String, String) {
    match offset {
        Offset::Constant => (String::new(), format!("({ty}.const {at:#x})")),
        Offset::Sum => {
            let top = if ty == "i64" { u64::MAX } else { u64::from(u32::MAX) };
            let part = at.wrapping_add(1000) & top;
            (String::new(), format!("({ty}.sub ({ty}.const {part:#x}) ({ty}.const 1000))"))
        }
        Offset::Imported => {
            script.line(&format!("(module (global (export \"at\") {ty} ({ty}.const {at:#x})))\n(register \"offset\")"));
            (format!("(import \"offset\" \"at\" (global $at {ty}))"), "(global.get $at)".to_owned())
        }
    }
}

fn data(script: &mut Script, form: &Form, at: u64, data: &str, offset: Offset) {
    let (import, expression) = expression(script, form.index(), at, offset);
    for (name, module) in form.providers() {
        script.line(&module);
        script.line(&format!("(register \"{name}\")"));
    }
    let ty = form.memory_type();
    let memory = match form.place {
        MemoryOrigin::Own => format!("(memory $m {ty})"),
        MemoryOrigin::Second => format!("(memory $other 1) (memory $m {ty})"),
        MemoryOrigin::Imported | MemoryOrigin::Supplied => format!("(import \"env\" \"memory\" (memory $m {ty}))"),
    };
    // The sum of all bytes, each with its place.
    let index = form.index();
    let look = format!(
        r#"(func (export "sum") (result i64) (local $a {index}) (local $sum i64)
  (loop $next
    (local.set $sum (i64.add (i64.mul (local.get $sum) (i64.const 31)) (i64.load8_u $m (local.get $a))))
    (local.set $a ({index}.add (local.get $a) ({index}.const 1)))
    (br_if $next ({index}.lt_u (local.get $a) ({index}.const {bytes}))))
  (local.get $sum))"#,
        bytes = form.bytes(),
    );
    let module = format!("(module {import} {memory} (data (memory $m) (offset {expression}) \"{data}\")\n{look})");
    let is_inside = u128::from(at) + data.len() as u128 <= u128::from(form.bytes());
    let place = usize::try_from(at).unwrap_or(usize::MAX);
    let sum = (0..form.bytes() as usize).fold(0u64, |sum, byte| {
        let in_data = byte.checked_sub(place).and_then(|byte| data.as_bytes().get(byte)).filter(|_| is_inside);
        sum.wrapping_mul(31).wrapping_add(u64::from(in_data.copied().unwrap_or(0)))
    });
    match is_inside {
        true => {
            script.line(&module);
            script.assert_module(&format!("(assert_return (invoke \"sum\") (i64.const {sum}))"));
        }
        false => script.assert_module(&format!("(assert_trap {module} \"out of bounds memory access\")")),
    }
    if form.place == MemoryOrigin::Imported {
        // What another module sees of it, whether or not this one came to be.
        script.line(&format!("(module {memory} {look})"));
        script.assert_module(&format!("(assert_return (invoke \"sum\") (i64.const {sum}))"));
    }
}

fn elements(script: &mut Script, wide: bool, at: u64, length: usize, offset: Offset) {
    let ty = if wide { "i64" } else { "i32" };
    let (import, expression) = expression(script, ty, at, offset);
    let items = " $f".repeat(length);
    let module = format!(
        r#"(module {import} (table $t {ty} {ENTRIES} funcref) (elem (table $t) (offset {expression}) func{items})
(func $f)
(func (export "sum") (result i64) (local $i {ty}) (local $sum i64)
  (loop $next
    (local.set $sum (i64.shl (local.get $sum) (i64.const 1)))
    (if (i32.eqz (ref.is_null (table.get $t (local.get $i))))
      (then (local.set $sum (i64.add (local.get $sum) (i64.const 1)))))
    (local.set $i ({ty}.add (local.get $i) ({ty}.const 1)))
    (br_if $next ({ty}.lt_u (local.get $i) ({ty}.const {ENTRIES}))))
  (local.get $sum)))"#
    );
    if u128::from(at) + length as u128 > u128::from(ENTRIES) {
        return script.assert_module(&format!("(assert_trap {module} \"out of bounds table access\")"));
    }
    let is_set = |entry: u64| entry.checked_sub(at).is_some_and(|entry| entry < length as u64);
    let sum = (0..ENTRIES).fold(0, |sum, entry| sum << 1 | u64::from(is_set(entry)));
    script.line(&module);
    script.assert_module(&format!("(assert_return (invoke \"sum\") (i64.const {sum}))"));
}
