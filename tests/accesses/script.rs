//! Test scripts: modules, and assertions about them that are counted.

use super::form::{Form, Outcome, pattern};
use super::kind::{self, Type};
use super::sample::Sample;
use std::fmt::Write;

/// The text of a script, and how many assertions it holds.
#[derive(Default)]
pub struct Script {
    pub text: String,
    pub n_assertions: usize,
    /// Fields of the module that is being written, and the commands that follow it.
    fields: String,
    commands: String,
}

impl Script {
    /// A script whose module has the form's memory.
    pub fn with_memory(form: &Form) -> Script {
        let mut script = Script::default();
        for (name, module) in form.providers() {
            script.line(&module);
            script.line(&format!("(register \"{name}\")"));
        }
        script.field(&form.fields());
        script
    }

    /// Writes text as it is.
    pub fn line(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    /// Adds to the module under way.
    pub fn field(&mut self, text: &str) {
        self.fields.push_str(text);
        self.fields.push('\n');
    }

    pub fn returns(&mut self, call: &Call, result: &str) {
        self.assert(&format!("(assert_return {call} {result})"));
    }

    pub fn traps(&mut self, call: &Call, message: &str) {
        self.assert(&format!("(assert_trap {call} \"{message}\")"));
    }

    /// The memory holds its pattern.
    pub fn is_whole(&mut self) {
        self.returns(&Call::new("whole", &[]), "(i64.const 0)");
    }

    fn assert(&mut self, text: &str) {
        self.commands.push_str(text);
        self.commands.push('\n');
        self.n_assertions += 1;
    }

    /// An assertion that stands alone, after what is written so far.
    pub fn assert_module(&mut self, text: &str) {
        self.line(text);
        self.n_assertions += 1;
    }

    /// Ends the module, and puts the commands after it.
    pub fn end_module(&mut self) {
        let (fields, commands) = (std::mem::take(&mut self.fields), std::mem::take(&mut self.commands));
        write!(self.text, "(module\n{fields})\n{commands}").expect("strings can be written");
    }
}

/// A call of an exported function.
pub struct Call(String);

impl Call {
    pub fn new(name: &str, arguments: &[String]) -> Call {
        Call(format!("(invoke \"{name}\" {})", arguments.join(" ")))
    }
}

impl std::fmt::Display for Call {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.0)
    }
}

/// Every kind of access with every offset, called with every index.
pub fn accesses(form: &Form, sample: Sample) -> Script {
    let mut script = Script::with_memory(form);
    for kind in kind::all() {
        for offset in form.offsets() {
            if !sample.takes(&(form.name, &kind.name, offset)) {
                continue;
            }
            let name = format!("{} {offset:#x}", kind.name);
            script.field(&kind.function(&name, form.index(), offset));
            let mut has_trapped = false;
            for index in form.indices(offset, kind.size) {
                let outcome = form.outcome(&kind, index, offset);
                let old = match outcome {
                    Outcome::Reaches(address) => pattern(address, kind.size),
                    Outcome::Traps(_) => 0,
                };
                let more = kind.more_arguments(old);
                let more = more.into_iter().map(|(ty, value)| ty.constant(value));
                let arguments: Vec<_> = [form.constant(index)].into_iter().chain(more).collect();
                let call = Call::new(&name, &arguments);
                match outcome {
                    Outcome::Traps(cause) => {
                        script.traps(&call, cause.message());
                        has_trapped = true;
                    }
                    Outcome::Reaches(address) => {
                        let result = kind.result(old).map(|(ty, value)| ty.constant(value)).unwrap_or_default();
                        script.returns(&call, &result);
                        if kind.writes() {
                            let new = kind.stored(old);
                            let numbers = [address, kind.size, new as u64, (new >> 64) as u64];
                            script.returns(&Call::new("stored", &numbers.map(number)), "(i64.const 0)");
                        }
                    }
                }
            }
            if has_trapped && kind.writes() {
                script.is_whole();
            }
        }
    }
    script.end_module();
    script
}

pub fn number(value: u64) -> String {
    Type::I64.constant(u128::from(value))
}
