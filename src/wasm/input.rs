//! From a file to a binary module. `.wasm` and `.wat` are distinguished by content, never by name.

use super::excerpt;
use crate::number::to_usize;
use crate::report::code::Code;
use crate::report::excerpt::Excerpt;
use crate::report::{Coded, Located};
use crate::script;
use anyhow::{Context, Result, bail};
use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use wast::Wat;
use wast::parser::{self, ParseBuffer};

/// How a binary begins.
const MAGIC: &[u8] = b"\0asm";

/// The name of standard input in messages.
pub const STDIN: &str = "<stdin>";

/// A file's contents with the name that messages use for it.
pub struct Input {
    pub name: String,
    pub bytes: Vec<u8>,
}

impl Input {
    /// Reads a file; `-` is standard input.
    pub fn read(path: &Path) -> Result<Input> {
        if path == Path::new("-") {
            let bytes = read_all(std::io::stdin().lock(), 0).context("can't read standard input")?;
            return Ok(Input { name: STDIN.to_owned(), bytes });
        }
        let name = path.display().to_string();
        let read = || {
            let file = File::open(path)?;
            let length = file.metadata()?.len();
            read_all(file, length)
        };
        let bytes = read().with_context(|| format!("can't read {name}"))?;
        Ok(Input { name, bytes })
    }

    /// Whether this is a test script rather than a module.
    pub fn is_script(&self) -> bool {
        self.script().is_some()
    }

    /// The text, if it is a script.
    pub fn script(&self) -> Option<&str> {
        self.text().filter(|text| script::is_script(text))
    }

    /// The text, if the module is one. For messages: it may be that of a binary form.
    pub fn module_text(&self) -> Option<&str> {
        self.text().filter(|_| !self.bytes.starts_with(MAGIC))
    }

    /// The contents as text. Some editors begin it with a byte order mark.
    fn text(&self) -> Option<&str> {
        std::str::from_utf8(self.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.bytes)).ok()
    }

    /// The module's binary form: the bytes themselves, or the text translated.
    ///
    /// # Errors
    /// When it is neither a module nor a text that can be translated.
    pub fn binary(&self) -> Result<Cow<'_, [u8]>> {
        if self.bytes.starts_with(MAGIC) {
            refuse_component(&self.bytes)?;
            return Ok(Cow::Borrowed(&self.bytes));
        }
        let neither = |why| {
            let message =
                format!("neither a WebAssembly binary (it does not begin with \"\\0asm\") nor text (it {why})");
            Coded::new(Code::NotAModule, message)
        };
        let text = self.text().ok_or_else(|| neither("is not UTF-8"))?;
        if self.bytes.is_empty() {
            bail!(Coded::new(Code::NotAModule, "the file is empty"));
        }
        if self.bytes.contains(&0) {
            bail!(neither("holds zero bytes"));
        }
        let wasm = self.encode(text).map_err(|error| self.text_error(text, &error))?;
        refuse_component(&wasm)?;
        Ok(Cow::Owned(wasm))
    }

    fn encode(&self, text: &str) -> Result<Vec<u8>, wast::Error> {
        let buffer = ParseBuffer::new(text)?;
        parser::parse::<Wat>(&buffer)?.encode()
    }

    /// The parser's message with the line that it is about.
    fn text_error(&self, text: &str, error: &wast::Error) -> Located {
        let start = error.span().offset();
        let end = excerpt::end_of_token(text, start);
        Located::new(Excerpt::of_text(&self.name, text, start..end), error.message())
    }
}

impl Input {
    /// The same module as [`Input::binary`] makes of a text, with the lines of the text as DWARF.
    pub fn with_lines(&self) -> Option<Vec<u8>> {
        let is_text = !self.bytes.starts_with(MAGIC);
        let mut parser = wat::Parser::new();
        parser.generate_dwarf(wat::GenerateDwarf::Lines);
        parser.parse_str(Some(Path::new(&self.name)), self.text().filter(|_| is_text)?).ok()
    }
}

/// Reads a file; `length` is its size in bytes, or 0 if that is unknown.
fn read_all(file: impl Read, length: u64) -> Result<Vec<u8>> {
    // Offsets in a module have 32 bits.
    const MOST: u64 = u32::MAX as u64;
    let mut bytes = Vec::new();
    if length <= MOST {
        bytes.try_reserve_exact(to_usize(length))?;
        // One byte more shows that there are too many.
        file.take(MOST.saturating_add(1)).read_to_end(&mut bytes)?;
    }
    if length.max(bytes.len() as u64) > MOST {
        bail!("it is larger than the {MOST} bytes that are supported");
    }
    Ok(bytes)
}

/// Components have the magic number of modules and another version (component model, "Binary
/// Format").
fn refuse_component(wasm: &[u8]) -> Result<()> {
    if wasm.get(4..8) == Some(&[0x0d, 0, 1, 0]) {
        bail!(Coded::new(
            Code::Component,
            "this is a WebAssembly component, not a core module; extract the module, or build for wasm32-wasip1 instead of wasip2"
        ));
    }
    Ok(())
}
