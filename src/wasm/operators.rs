//! The operators of a module as text, by their place in its binary form: for people who read what
//! the stages made of them.

use std::collections::HashMap;

/// Text of each operator, as in the text format, by its byte offset in the module.
#[derive(Debug, Default)]
pub struct Operators(HashMap<u32, String>);

impl Operators {
    /// Reads a module. What can't be printed has no text.
    pub fn read(wasm: &[u8]) -> Operators {
        let mut storage = String::new();
        let lines = wasmprinter::Config::new().offsets_and_lines(wasm, &mut storage);
        let lines = lines.into_iter().flatten();
        let operator = |(offset, line): (Option<u64>, &str)| {
            // The text format closes a function with a parenthesis in place of its last `end`.
            let text = if line.trim() == ")" { "end" } else { line.trim() };
            Some((u32::try_from(offset?).ok()?, text.to_owned()))
        };
        Operators(lines.filter_map(operator).collect())
    }

    /// The operator at a byte offset.
    pub fn at(&self, offset: u32) -> Option<&str> {
        self.0.get(&offset).map(String::as_str)
    }
}
