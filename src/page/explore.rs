//! `wasm2native explore`: a module's functions as source, WAT, CLIF and machine code side by side.
//!
//! Comes in: each function, as the stages left it. Goes out: one page. A function is compressed by
//! itself and unpacked when it is shown, so that a page with ten thousand of them opens at once.

use super::{Parts, assemble, page_text};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use serde::Serialize;
use std::io::Write;

/// A function as each stage left it. Offsets are those of operators in the module's binary form.
#[derive(Serialize)]
pub struct FunctionView {
    pub name: String,
    /// Lines of the text form, with the operators' offsets.
    pub wat: Vec<(Option<u32>, String)>,
    /// In Cranelift's text form, where an instruction begins with its operator's offset: `@002a`.
    pub clif: String,
    pub code: Vec<Instruction>,
    /// Where operators come from, in the order of their offsets.
    pub positions: Vec<Position>,
    /// Bytes of machine code.
    pub code_size: u32,
}

/// A machine instruction: its address in the function, its operator, and its text.
#[derive(Serialize)]
pub struct Instruction(pub u32, pub Option<u32>, pub String);

/// The operator at an offset comes from a line, counted from 1, of a file of [`Positions::files`].
#[derive(Copy, Clone, Debug, Serialize)]
pub struct Position(pub u32, pub u32, pub u32);

/// What is known of where a module comes from.
pub trait Positions: Sync {
    /// Source files: names, and texts where they can be read.
    fn files(&self) -> Vec<(String, Option<String>)>;

    /// File and line of the operator at an offset.
    fn find(&self, wasm_offset: u32) -> Option<(u32, u32)>;
}

/// A function that is compressed for the page.
pub struct PackedFunction {
    name: String,
    wat_lines: usize,
    code_size: u32,
    bytes: Vec<u8>,
}

/// Compresses a function, on the thread that made it.
pub fn pack(view: &FunctionView) -> PackedFunction {
    let FunctionView { name, wat, code_size, .. } = view;
    PackedFunction { name: name.clone(), wat_lines: wat.len(), code_size: *code_size, bytes: deflate(view) }
}

/// The page of a module called `title`.
pub fn print(title: &str, functions: &[PackedFunction], files: &[(String, Option<String>)]) -> String {
    /// The start of each piece in the text of all pieces, and its length.
    #[derive(Serialize)]
    struct Index<'a> {
        title: &'a str,
        functions: Vec<(&'a str, usize, usize, usize, u32)>,
        files: Vec<(&'a str, usize, usize)>,
    }
    let mut pieces = String::new();
    let mut add = |bytes: &[u8]| {
        let start = pieces.len();
        STANDARD.encode_string(bytes, &mut pieces);
        (start, pieces.len() - start)
    };
    let functions = functions.iter().map(|it| {
        let (start, length) = add(&it.bytes);
        (&it.name[..], start, length, it.wat_lines, it.code_size)
    });
    let functions = functions.collect();
    let files = files.iter().map(|(name, text)| {
        let (start, length) = add(&deflate(text));
        (&name[..], start, length)
    });
    let index = Index { title, functions, files: files.collect() };
    let index = STANDARD.encode(deflate(&index));
    let parts = Parts {
        title,
        style: include_str!("explore.css"),
        body: include_str!("explore.html"),
        script: include_str!("explore.js"),
    };
    assemble(&parts, &[page_text("index", &index), page_text("pieces", &pieces)].concat())
}

/// JSON, compressed as `deflate-raw` of browsers.
fn deflate(value: &impl Serialize) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    serde_json::to_writer(&mut encoder, value).expect("the data has no maps with other keys than strings");
    encoder.flush().and_then(|()| encoder.finish()).expect("a vector takes everything")
}
