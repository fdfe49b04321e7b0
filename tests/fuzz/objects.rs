//! Damaged objects and archives to link with: read, and linked into a program if they are accepted.

use crate::edit::Damaged;
use crate::{time, with_stack};
use bolero::check;
use std::path::Path;
use wasm2native::driver;
use wasm2native::options::{Emit, LinkOptions, Options, Output};
use wasm2native::progress::Silent;
use wasm2native::wasm::input::Input;

/// Calls what the objects define.
const MODULE: &str = r#"(module
  (import "env" "f" (func $f (param i32) (result i32)))
  (func (export "main") (result i32) (call $f (i32.const 1))))"#;

/// What the objects are made of.
const LIBRARY: &str = r#"(module
  (global $g (export "g") (mut i32) (i32.const 3))
  (memory (export "memory") 1)
  (func (export "f") (param i32) (result i32) (i32.add (global.get $g) (i32.load (local.get 0)))))"#;

pub fn objects() {
    with_stack(|| {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let corpus = [("library.o", Emit::Obj), ("library.a", Emit::Staticlib), ("library.so", Emit::Sharedlib)]
            .map(|(name, emit)| library(&folder.path().join(name), emit));
        // The runtime in an archive makes most of its bytes; its own names would be defined twice.
        let corpus = corpus.map(|bytes| bytes[..bytes.len().min(40_000)].to_vec());
        let file = folder.path().join("damaged.o");
        check!().with_test_time(time()).with_type::<Damaged>().for_each(|damaged| {
            // Most are objects.
            let corpus = if damaged.choice % 4 > 0 { &corpus[..1] } else { &corpus[..] };
            std::fs::write(&file, damaged.of(corpus)).expect("files can be written");
            let input = Input { name: "fuzz.wat".to_owned(), bytes: MODULE.as_bytes().to_vec() };
            let link = LinkOptions { files: vec![file.clone()], ..LinkOptions::default() };
            let _ = driver::program(&input, &Options { link, ..Options::default() }, &Silent);
        });
    });
}

fn library(file: &Path, emit: Emit) -> Vec<u8> {
    let input = Input { name: "library.wat".to_owned(), bytes: LIBRARY.as_bytes().to_vec() };
    // The names that the import has: `f`.
    let options = Options { own_names: true, ..Options::default() };
    driver::build(&input, &options, &[Output { emit, file: file.to_owned() }], &Silent).expect("the module is sound");
    std::fs::read(file).expect("it was written")
}
