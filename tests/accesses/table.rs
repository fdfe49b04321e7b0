//! Tables with indices of 32 and 64 bits: access to entries, calls through them, bulk operations
//! and growth.

use super::sample::Sample;
use super::script::{Call, Script};
use std::fmt::Write;

const OUTSIDE: &str = "out of bounds table access";

/// What a table begins with and may grow to. The last entries of a grown table are those by which
/// it grew.
const ENTRIES: u64 = 10;

#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
struct Form {
    wide: bool,
    /// Entries are functions, and otherwise references of the host.
    functions: bool,
    /// It may grow, so that its place and length are variables.
    grown: bool,
    /// Another module has it.
    imported: bool,
}

/// A script with a module for each form of table.
pub fn operations(sample: Sample) -> Script {
    let mut script = Script::default();
    let both = [false, true];
    for wide in both {
        for functions in both {
            for grown in both {
                for imported in both {
                    let form = Form { wide, functions, grown, imported };
                    Tables { form, sample, script: &mut script }.write();
                }
            }
        }
    }
    script
}

fn fits(start: u64, n: u64, length: u64) -> bool {
    u128::from(start) + u128::from(n) <= u128::from(length)
}

struct Tables<'a> {
    form: Form,
    sample: Sample,
    script: &'a mut Script,
}

impl Tables<'_> {
    fn write(&mut self) {
        let module = self.module();
        self.script.field(&module);
        if !self.form.functions {
            for entry in 0..ENTRIES {
                let (index, reference) = (self.constant(entry), format!("(ref.extern {entry})"));
                self.script.returns(&Call::new("begin", &[index, format!("(i32.const {entry})"), reference]), "");
            }
        }
        self.is_whole();
        self.single_entries();
        self.ranges();
        self.initializations();
        self.growth();
        self.script.end_module();
    }

    fn module(&mut self) -> String {
        let Form { wide, functions, grown, imported } = self.form;
        let ty = self.index();
        let reference = if functions { "funcref" } else { "externref" };
        let null = if functions { "(ref.null func)" } else { "(ref.null extern)" };
        let first = if grown { ENTRIES - 4 } else { ENTRIES };
        let limits = format!("{ty} {first} {ENTRIES} {reference}");
        let table = match imported {
            true => {
                self.script.line(&format!("(module (table (export \"table\") {limits}))\n(register \"tables\")"));
                format!("(import \"tables\" \"table\" (table $t {limits}))")
            }
            false => format!("(table $t {limits})"),
        };
        let grow = match grown {
            true => format!("(drop (table.grow $t {null} {}))", self.constant(4)),
            false => String::new(),
        };
        let wrapped = if wide { "(i64.extend_i32_u (local.get $i))" } else { "(local.get $i)" };
        let mut module = format!(
            r#"{table}
(table $backup {ENTRIES} {reference})
(func (export "get") (param $i {ty}) (result {reference}) (table.get $t (local.get $i)))
(func (export "is null") (param $i {ty}) (result i32) (ref.is_null (table.get $t (local.get $i))))
(func (export "clear") (param $i {ty}) (table.set $t (local.get $i) {null}))
(func (export "fill") (param $i {ty}) (param $n {ty}) (table.fill $t (local.get $i) {null} (local.get $n)))
(func (export "copy") (param $to {ty}) (param $from {ty}) (param $n {ty})
  (table.copy $t $t (local.get $to) (local.get $from) (local.get $n)))
(func (export "init") (param $to {ty}) (param $from i32) (param $n i32)
  (table.init $t $e (local.get $to) (local.get $from) (local.get $n)))
(func (export "drop") (elem.drop $e))
(func (export "size") (result {ty}) (table.size $t))
{grow_function}
(func (export "restore")
  (table.copy $t $backup {zero} (i32.const 0) (i32.const {ENTRIES})))
"#,
            zero = self.constant(0),
            grow_function = match grown {
                true => format!(
                    "(func (export \"grow\") (param $n {ty}) (result {ty}) (table.grow $t {null} (local.get $n)))"
                ),
                false => String::new(),
            },
        );
        if functions {
            let names: String = (0..ENTRIES).map(|entry| format!(" $f{entry}")).collect();
            for entry in 0..ENTRIES {
                writeln!(module, "(func $f{entry} (result i32) (i32.const {entry}))").expect("strings can be written");
            }
            write!(
                module,
                r#"(elem $e func{names})
(elem (table $backup) (i32.const 0) func{names})
(func (export "number") (param $i {ty}) (result i32) (call_indirect $t (result i32) (local.get $i)))
(func $start {grow} (table.copy $t $backup {zero} (i32.const 0) (i32.const {ENTRIES})))
(start $start)
"#,
                zero = self.constant(0),
            )
        } else {
            let nulls = "(ref.null extern) ".repeat(ENTRIES as usize);
            write!(
                module,
                r#"(elem $e externref {nulls})
(func (export "begin") (param {ty}) (param $i i32) (param $reference externref)
  (table.set $backup (local.get $i) (local.get $reference))
  (table.set $t {wrapped} (local.get $reference)))
(func $start {grow})
(start $start)
"#
            )
        }
        .expect("strings can be written");
        module
    }

    fn index(&self) -> &'static str {
        if self.form.wide { "i64" } else { "i32" }
    }

    fn constant(&self, index: u64) -> String {
        format!("({}.const {index:#x})", self.index())
    }

    fn top(&self) -> u64 {
        if self.form.wide { u64::MAX } else { u64::from(u32::MAX) }
    }

    /// Indices at the borders, and those of which the low bits alone, or the product with an
    /// entry's size, would fit.
    fn indices(&self) -> Vec<u64> {
        let top = self.top();
        let mut indices =
            vec![0, ENTRIES - 1, ENTRIES, ENTRIES + 1, 1 << 28, (1 << 28) + 1, 1 << 29, 1 << 31, top - 1, top];
        if self.form.wide {
            indices.extend([1 << 32, (1 << 32) + 1, 1 << 60, (1 << 60) + 1, 1 << 61, (1 << 61) + 1, 1 << 63]);
        }
        indices
    }

    fn takes(&self, what: &str, numbers: [u64; 3]) -> bool {
        self.sample.takes(&(self.form, what, numbers))
    }

    fn call(&self, name: &str, indices: &[u64]) -> Call {
        Call::new(name, &indices.iter().map(|index| self.constant(*index)).collect::<Vec<_>>())
    }

    /// Every entry is the one of this number, or null.
    fn holds(&mut self, expected: impl Fn(u64) -> Option<u64>) {
        for entry in 0..ENTRIES {
            match expected(entry) {
                None => self.script.returns(&self.call("is null", &[entry]), "(i32.const 1)"),
                Some(number) if self.form.functions => {
                    self.script.returns(&self.call("number", &[entry]), &format!("(i32.const {number})"));
                }
                Some(number) => {
                    self.script.returns(&self.call("get", &[entry]), &format!("(ref.extern {number})"));
                }
            }
        }
    }

    fn is_whole(&mut self) {
        self.holds(Some);
    }

    fn restore(&mut self) {
        self.script.returns(&Call::new("restore", &[]), "");
    }

    fn single_entries(&mut self) {
        for index in self.indices() {
            if !self.takes("single", [index, 0, 0]) {
                continue;
            }
            let is_inside = index < ENTRIES;
            let names: &[&str] = if self.form.functions { &["number"] } else { &[] };
            for name in names {
                match is_inside {
                    true => self.script.returns(&self.call(name, &[index]), &format!("(i32.const {index})")),
                    false => self.script.traps(&self.call(name, &[index]), "undefined element"),
                }
            }
            match is_inside {
                true => self.script.returns(&self.call("is null", &[index]), "(i32.const 0)"),
                false => self.script.traps(&self.call("get", &[index]), OUTSIDE),
            }
            match is_inside {
                true => {
                    self.script.returns(&self.call("clear", &[index]), "");
                    self.holds(|entry| (entry != index).then_some(entry));
                    self.restore();
                }
                false => self.script.traps(&self.call("clear", &[index]), OUTSIDE),
            }
        }
        self.is_whole();
    }

    /// Lengths with which a range from `start` ends at a border, or wraps around.
    fn lengths(&self, start: u64) -> Vec<u64> {
        let to = |end: u64| end.wrapping_sub(start) & self.top();
        let mut lengths = vec![0, 1, ENTRIES, ENTRIES + 1, to(ENTRIES), to(ENTRIES + 1), to(0), to(1)];
        lengths.extend([1 << 28, 1 << 31, self.top()]);
        if self.form.wide {
            lengths.extend([1 << 32, 1 << 60, 1 << 61]);
        }
        lengths.sort_unstable();
        lengths.dedup();
        lengths
    }

    fn ranges(&mut self) {
        for to in self.indices() {
            for n in self.lengths(to) {
                if self.takes("fill", [to, n, 0]) {
                    let is_inside = fits(to, n, ENTRIES);
                    let call = self.call("fill", &[to, n]);
                    self.try_call(&call, is_inside, |entry| (!(to..to + n).contains(&entry)).then_some(entry));
                }
            }
            for from in self.indices() {
                let mut lengths = self.lengths(to);
                lengths.extend(self.lengths(from));
                lengths.sort_unstable();
                lengths.dedup();
                for n in lengths {
                    if self.takes("copy", [to, from, n]) {
                        let is_inside = fits(to, n, ENTRIES) && fits(from, n, ENTRIES);
                        let call = self.call("copy", &[to, from, n]);
                        let moved = |entry| if (to..to + n).contains(&entry) { entry - to + from } else { entry };
                        self.try_call(&call, is_inside, |entry| Some(moved(entry)));
                    }
                }
            }
        }
        self.is_whole();
    }

    /// Makes the call, looks at the table where it succeeds, and puts the table back.
    fn try_call(&mut self, call: &Call, is_inside: bool, expected: impl Fn(u64) -> Option<u64>) {
        match is_inside {
            true => {
                self.script.returns(call, "");
                self.holds(expected);
                self.restore();
            }
            false => self.script.traps(call, OUTSIDE),
        }
    }

    fn initializations(&mut self) {
        const MOST: u64 = u32::MAX as u64;
        let functions = self.form.functions;
        for length in [ENTRIES, 0] {
            for to in self.indices() {
                for from in [0, 1, ENTRIES - 1, ENTRIES, ENTRIES + 1, 1 << 28, 1 << 31, MOST] {
                    for n in [0, 1, ENTRIES - 1, ENTRIES, ENTRIES + 1, 1 << 28, 1 << 31, MOST] {
                        if !self.takes("init", [to, from, n]) {
                            continue;
                        }
                        let small = [from, n].map(|number| format!("(i32.const {number})"));
                        let arguments: Vec<_> = [self.constant(to)].into_iter().chain(small).collect();
                        let is_inside = fits(to, n, ENTRIES) && fits(from, n, length);
                        self.try_call(&Call::new("init", &arguments), is_inside, |entry| {
                            match (to..to + n).contains(&entry) {
                                true => functions.then(|| entry - to + from),
                                false => Some(entry),
                            }
                        });
                    }
                }
            }
            self.is_whole();
            // From now on the segment is empty.
            self.script.returns(&Call::new("drop", &[]), "");
        }
    }

    /// The table has reached its maximum.
    fn growth(&mut self) {
        let size = self.constant(ENTRIES);
        let numbers = match self.form.grown {
            true => self.indices(),
            false => Vec::new(),
        };
        for n in numbers {
            let result = if n == 0 { size.clone() } else { self.constant(self.top()) };
            self.script.returns(&self.call("grow", &[n]), &result);
        }
        self.script.returns(&Call::new("size", &[]), &size);
        self.is_whole();
    }
}
