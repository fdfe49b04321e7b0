//! The operators of a module as text, by their place in its binary form: for people who read what
//! the stages made of them.

use std::collections::HashMap;

/// Text of each operator, as in the text format, by its byte offset in the module.
#[derive(Debug, Default)]
pub struct Operators(HashMap<u32, String>);

/// Lines of a module's text form with the offsets of their operators, by the index of the function
/// that it defines. Empty where the module can't be printed.
pub fn functions(wasm: &[u8]) -> HashMap<u32, Vec<(Option<u32>, String)>> {
    let mut storage = String::new();
    let lines = wasmprinter::Config::new().offsets_and_lines(wasm, &mut storage);
    let mut functions: HashMap<u32, Vec<(Option<u32>, String)>> = HashMap::new();
    let mut n_functions = 0u32;
    let mut current = None;
    for (offset, line) in lines.into_iter().flatten() {
        let line = line.trim_end();
        // Fields of the module are indented by two spaces.
        if line.starts_with("  (") {
            let is_import = line.starts_with("  (import ") && line.contains("(func ");
            let is_definition = line.starts_with("  (func ");
            current = is_definition.then_some(n_functions);
            n_functions = n_functions.saturating_add(u32::from(is_import || is_definition));
        }
        let Some(function) = current else { continue };
        let offset = offset.and_then(|offset| u32::try_from(offset).ok());
        functions.entry(function).or_default().push((offset, line.get(2..).unwrap_or(line).to_owned()));
    }
    functions
}

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
