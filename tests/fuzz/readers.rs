//! Damaged modules, as bytes and as text, through every stage up to an object.

use crate::edit::Damaged;
use crate::{time, with_stack};
use bolero::check;
use std::sync::LazyLock;
use tempfile::TempDir;
use test_kit::fixture::{self, Fixture};
use wasm2native::driver;
use wasm2native::options::{Emit, OptLevel, Options, Output};
use wasm2native::progress::Silent;
use wasm2native::wasm::input::Input;

/// Longer inputs would be few in a second.
const MOST_BYTES: usize = 8000;

/// The texts of fixtures.
static TEXTS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let paths = fixture::all().expect("the fixtures can be listed");
    let fixtures = paths.iter().filter_map(|path| Fixture::read(path).ok());
    let texts = fixtures.filter(|fixture| !fixture.is_c()).map(|fixture| fixture.source.into_bytes());
    texts.filter(|text| text.len() < MOST_BYTES).collect()
});

/// Their binary forms.
static MODULES: LazyLock<Vec<Vec<u8>>> =
    LazyLock::new(|| TEXTS.iter().filter_map(|text| wat::parse_bytes(text).ok()).map(Vec::from).collect());

pub fn binaries() {
    with_stack(|| {
        let folder = tempfile::tempdir().expect("a folder can be made");
        check!().with_test_time(time()).with_type::<Damaged>().for_each(|damaged| {
            compile(&folder, damaged.of(&MODULES), damaged.choice);
        });
    });
}

pub fn texts() {
    with_stack(|| {
        let folder = tempfile::tempdir().expect("a folder can be made");
        check!().with_test_time(time()).with_type::<Damaged>().for_each(|damaged| {
            compile(&folder, damaged.of(&TEXTS), damaged.choice);
        });
    });
}

/// What is compiled for: a choice of forms and options. An error is as good as a result.
fn compile(folder: &TempDir, bytes: Vec<u8>, choice: u8) {
    const FORMS: [&[Emit]; 4] = [
        &[Emit::Obj],
        &[Emit::Obj, Emit::Asm],
        &[Emit::Facts, Emit::Layout, Emit::Image, Emit::Linkage, Emit::Header, Emit::Cxx, Emit::Rust, Emit::Wat],
        &[Emit::Clif, Emit::Listing],
    ];
    let bit = |number: u8| choice & 1 << number != 0;
    let options = Options {
        opt_level: if bit(2) { OptLevel::None } else { OptLevel::Speed },
        memory_checks: bit(3),
        debug: bit(4),
        target: bit(5).then(|| "aarch64-unknown-linux-gnu".to_owned()),
        inline: bit(6),
        enable: if bit(7) { vec!["custom-page-sizes".to_owned()] } else { Vec::new() },
        ..Options::default()
    };
    let file = folder.path().join("out");
    let outputs: Vec<_> = (FORMS[usize::from(choice % 4)].iter())
        .map(|emit| Output { emit: *emit, file: file.with_extension(format!("{emit:?}")) })
        .collect();
    let input = Input { name: "fuzz.wasm".to_owned(), bytes };
    let _ = driver::build(&input, &options, &outputs, &Silent);
}
