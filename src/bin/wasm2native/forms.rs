//! The forms of output, as `--emit` names them.

use std::path::PathBuf;
use wasm2native::options::Emit;

/// An element of `--emit`.
#[derive(Clone)]
pub struct EmitItem {
    pub emit: Emit,
    pub file: Option<PathBuf>,
}

/// The forms of output: name in `--emit`, and description in help.
pub const FORMS: [(&str, Emit, &str); 18] = [
    ("exe", Emit::Exe, "a program"),
    ("obj", Emit::Obj, "a relocatable object, as -c"),
    ("staticlib", Emit::Staticlib, "an archive for C, C++ or Rust programs, with the runtime"),
    ("sharedlib", Emit::Sharedlib, "a shared library for them, with the runtime"),
    ("header", Emit::Header, "a header for C and C++ with what the library declares"),
    ("c++", Emit::Cxx, "the same, and a class for C++17"),
    ("rust", Emit::Rust, "the same for Rust"),
    ("asm", Emit::Asm, "the object as assembly for GNU as, as -S"),
    ("listing", Emit::Listing, "machine code as text, for people"),
    ("clif", Emit::Clif, "Cranelift's intermediate form"),
    ("llvm-ir", Emit::LlvmIr, "what clang gets, with --generator llvm"),
    ("wat", Emit::Wat, "the module as text"),
    ("linkage", Emit::Linkage, "who defines what the module imports, as text"),
    ("facts", Emit::Facts, "what analysis found out: what is reachable, written, grown"),
    ("layout", Emit::Layout, "where memories, tables and globals live in the native program"),
    ("image", Emit::Image, "what memories and tables hold at the start"),
    ("link-map", Emit::LinkMap, "sections and symbols of the program, by address"),
    (
        "runtime",
        Emit::Runtime,
        "an archive with the runtime alone: to link objects with, and for --runtime; takes no INPUT",
    ),
];

impl EmitItem {
    /// The name on the command line.
    pub fn name(&self) -> &'static str {
        FORMS.iter().find(|(_, emit, _)| *emit == self.emit).expect("every form has a row").0
    }
}

/// `FORM` or `FORM=FILE`.
pub fn emit_item(text: &str) -> Result<EmitItem, String> {
    let (name, file) = match text.split_once('=') {
        Some((_, "")) => return Err("the file's name is missing after `=`".to_owned()),
        Some((name, file)) => (name, Some(PathBuf::from(file))),
        None => (text, None),
    };
    match FORMS.iter().find(|(known, ..)| *known == name) {
        Some(&(_, emit, _)) => Ok(EmitItem { emit, file }),
        None => Err(format!("[possible values: {}]", FORMS.map(|(name, ..)| name).join(", "))),
    }
}
