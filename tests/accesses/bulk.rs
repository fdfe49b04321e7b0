//! Bulk operations and growth of memories: ranges at the borders, lengths that wrap, lengths of
//! zero, lengths that are known.

use super::form::{Form, MemoryOrigin};
use super::sample::Sample;
use super::script::{Call, Script, number};
use wasm2native::abi::memory::WASM_PAGE;

const OUTSIDE: &str = "out of bounds memory access";

/// Bytes of the passive segment: those of the pattern's first addresses.
const SEGMENT: u64 = 64;

/// Lengths that the compiler gets to know. Those up to 64 make no call.
pub const KNOWN: [u64; 16] = [0, 1, 2, 3, 5, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65];

pub const BYTE: u8 = 0xa5;

struct Bulk<'a> {
    form: &'a Form,
    sample: Sample,
    script: Script,
}

pub fn operations(form: &Form, sample: Sample) -> Script {
    let mut it = Bulk { form, sample, script: Script::with_memory(form) };
    it.fields();
    it.copies();
    it.fills();
    it.initializations();
    it.growth();
    it.script.end_module();
    it.script
}

/// Whether `n` bytes from `start` are among the first `size`.
pub fn fits(start: u64, n: u64, size: u64) -> bool {
    u128::from(start) + u128::from(n) <= u128::from(size)
}

/// Numbers of the memory's index type at its own borders and those of the memory.
pub fn addresses(form: &Form) -> Vec<u64> {
    let (bytes, top) = (form.bytes(), form.top());
    let mut addresses = vec![0, 1, bytes - 16, bytes - 1, bytes, bytes + 1, 1 << 31, top - 15, top];
    if form.wide {
        addresses.extend([1 << 32, 1 << 63]);
    }
    addresses
}

/// Lengths with which a range from one of these addresses ends at a border, or wraps around.
pub fn lengths(form: &Form, starts: &[u64]) -> Vec<u64> {
    let (bytes, top) = (form.bytes(), form.top());
    let mut lengths = vec![0, 1, 16, bytes + 1, 1 << 31, top - 15, top];
    if form.wide {
        lengths.extend([1 << 32, 1 << 63]);
    }
    for start in starts {
        let to = |end: u64| end.wrapping_sub(*start) & top;
        lengths.extend([to(bytes - 1), to(bytes), to(bytes + 1), to(0), to(16)]);
    }
    lengths.sort_unstable();
    lengths.dedup();
    lengths
}

/// The functions that both kinds of test call.
pub fn functions(form: &Form) -> String {
    let ty = form.index();
    let data: String = (0..SEGMENT).map(|at| format!("\\{:02x}", super::form::pattern(at, 1))).collect();
    let mut fields = format!(
        r#"
(data $d "{data}")
(func (export "copy") (param $to {ty}) (param $from {ty}) (param $n {ty})
  (memory.copy $m $m (local.get $to) (local.get $from) (local.get $n)))
(func (export "fill") (param $to {ty}) (param $n {ty})
  (memory.fill $m (local.get $to) (i32.const {BYTE}) (local.get $n)))
(func (export "init") (param $to {ty}) (param $from i32) (param $n i32)
  (memory.init $m $d (local.get $to) (local.get $from) (local.get $n)))
(func (export "drop") (data.drop $d))
(func (export "grow") (param $n {ty}) (result {ty}) (memory.grow $m (local.get $n)))
(func (export "size") (result {ty}) (memory.size $m))
"#
    );
    for n in KNOWN {
        fields.push_str(&format!(
            "(func (export \"copy {n}\") (param $to {ty}) (param $from {ty})
                   (memory.copy $m $m (local.get $to) (local.get $from) {constant}))
                 (func (export \"fill {n}\") (param $to {ty})
                   (memory.fill $m (local.get $to) (i32.const {BYTE}) {constant}))\n",
            constant = form.constant(n)
        ));
    }
    fields
}

impl Bulk<'_> {
    fn fields(&mut self) {
        let ty = self.form.index();
        let mut fields = functions(self.form);
        if self.form.place == MemoryOrigin::Second {
            fields.push_str(&format!(
                "(func (export \"copy from other\") (param $to {ty}) (param $from i32) (param $n i32)
                   (memory.copy $m $other (local.get $to) (local.get $from) (local.get $n)))
                 (func (export \"copy to other\") (param $to i32) (param $from {ty}) (param $n i32)
                   (memory.copy $other $m (local.get $to) (local.get $from) (local.get $n)))\n"
            ));
        }
        self.script.field(&fields);
    }

    fn takes(&self, what: &str, numbers: [u64; 3]) -> bool {
        self.sample.takes(&(self.form.name, what, numbers))
    }

    fn constants(&self, addresses: &[u64]) -> Vec<String> {
        addresses.iter().map(|address| self.form.constant(*address)).collect()
    }

    /// Makes the call, and looks at the memory after it: by `check` where all is inside.
    fn try_call(&mut self, call: &Call, is_inside: bool, check: &Call) {
        match is_inside {
            true => {
                self.script.returns(call, "");
                self.script.returns(check, "(i64.const 0)");
            }
            false => {
                self.script.traps(call, OUTSIDE);
                self.script.is_whole();
            }
        }
    }

    fn copies(&mut self) {
        let bytes = self.form.bytes();
        for to in addresses(self.form) {
            for from in addresses(self.form) {
                for n in lengths(self.form, &[to, from]) {
                    if self.takes("copy", [to, from, n]) {
                        let call = Call::new("copy", &self.constants(&[to, from, n]));
                        let check = Call::new("copied", &[to, from, n].map(number));
                        self.try_call(&call, fits(to, n, bytes) && fits(from, n, bytes), &check);
                    }
                }
                for n in KNOWN {
                    if self.takes("copy known", [to, from, n]) {
                        let call = Call::new(&format!("copy {n}"), &self.constants(&[to, from]));
                        let check = Call::new("copied", &[to, from, n].map(number));
                        self.try_call(&call, fits(to, n, bytes) && fits(from, n, bytes), &check);
                    }
                }
            }
            if self.form.place == MemoryOrigin::Second {
                self.copies_between(to);
            }
        }
    }

    /// From the other memory, which holds zeros and has a page, and to it where that changes
    /// nothing.
    fn copies_between(&mut self, address: u64) {
        for other in [0, 1, WASM_PAGE - 1, WASM_PAGE, WASM_PAGE + 1, 1 << 31, u64::from(u32::MAX)] {
            for n in [0, 1, 16, WASM_PAGE, 1 << 31, u64::from(u32::MAX)] {
                if !self.takes("copy between", [address, other, n]) {
                    continue;
                }
                let is_inside = fits(address, n, self.form.bytes()) && fits(other, n, WASM_PAGE);
                let [address_text, number_text] = [self.form.constant(address), format!("(i32.const {n})")];
                let other_text = format!("(i32.const {other})");
                let from = [address_text.clone(), other_text.clone(), number_text.clone()];
                let check = Call::new("filled", &[address, 0, n].map(number));
                self.try_call(&Call::new("copy from other", &from), is_inside, &check);
                if n == 0 || !is_inside {
                    let call = Call::new("copy to other", &[other_text, address_text, number_text]);
                    self.try_call(&call, is_inside, &Call::new("whole", &[]));
                }
            }
        }
    }

    fn fills(&mut self) {
        let bytes = self.form.bytes();
        for to in addresses(self.form) {
            for n in lengths(self.form, &[to]) {
                if self.takes("fill", [to, n, 0]) {
                    let check = Call::new("filled", &[to, BYTE.into(), n].map(number));
                    self.try_call(&Call::new("fill", &self.constants(&[to, n])), fits(to, n, bytes), &check);
                }
            }
            for n in KNOWN {
                if self.takes("fill known", [to, n, 0]) {
                    let check = Call::new("filled", &[to, BYTE.into(), n].map(number));
                    let call = Call::new(&format!("fill {n}"), &self.constants(&[to]));
                    self.try_call(&call, fits(to, n, bytes), &check);
                }
            }
        }
    }

    fn initializations(&mut self) {
        const MOST: u64 = u32::MAX as u64;
        for segment in [SEGMENT, 0] {
            for to in addresses(self.form) {
                for from in [0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 1 << 31, MOST - 15, MOST] {
                    for n in [0, 1, 16, SEGMENT - 1, SEGMENT, SEGMENT + 1, 1 << 31, MOST - 15, MOST] {
                        if self.takes("init", [to, from, n]) {
                            let small = [from, n].map(|number| format!("(i32.const {number})"));
                            let arguments: Vec<_> = [self.form.constant(to)].into_iter().chain(small).collect();
                            let is_inside = fits(to, n, self.form.bytes()) && fits(from, n, segment);
                            let check = Call::new("copied", &[to, from, n].map(number));
                            self.try_call(&Call::new("init", &arguments), is_inside, &check);
                        }
                    }
                }
            }
            // From now on the segment is empty.
            self.script.returns(&Call::new("drop", &[]), "");
        }
    }

    /// The memory has reached its maximum.
    fn growth(&mut self) {
        let page = if self.form.bytewise { 1 } else { WASM_PAGE };
        let size = self.form.constant(self.form.bytes() / page);
        let top = self.form.top();
        let mut numbers = vec![0, 1, 1 << 16, (1 << 16) - 1, 1 << 31, top, top - self.form.bytes() / page + 1];
        if self.form.wide {
            numbers.extend([1 << 32, 1 << 47, 1 << 48, (1 << 48) - 1, 1 << 63]);
        }
        for n in numbers {
            let result = if n == 0 { size.clone() } else { self.form.constant(top) };
            self.script.returns(&Call::new("grow", &self.constants(&[n])), &result);
            self.script.returns(&Call::new("size", &[]), &size);
        }
        self.script.is_whole();
    }
}
