//! Libraries in the hands of real compilers: C, C++ and Rust programs are compiled, linked with
//! what wasm2native made, and run.
//!
//! Programs and modules stand in `host/`. Each prints what it saw, and a test compares that with
//! what it ought to see. A test whose compiler is missing is ignored, and names it.

mod config;
mod cxx;
mod data;
mod dynamic;
mod guards;
mod header;
mod instances;
mod interrupt;
mod library;
mod linked;
mod objects;
mod replace;
mod reset;
mod rust;
mod threads;
mod traps;
mod wrap;
mod zlib;

use anyhow::Result;
use std::path::Path;
use test_kit::folder::Folder;
use test_kit::{generator, tool};

fn main() {
    let groups = [
        config::trials(),
        cxx::trials(),
        data::trials(),
        dynamic::trials(),
        guards::trials(),
        header::trials(),
        instances::trials(),
        interrupt::trials(),
        library::trials(),
        linked::trials(),
        replace::trials(),
        objects::trials(),
        reset::trials(),
        rust::trials(),
        threads::trials(),
        traps::trials(),
        wrap::trials(),
        zlib::trials(),
    ];
    test_kit::trial::run(groups.into_iter().flatten());
}

/// A folder with these files of `host/`, for a test that needs this compiler.
///
/// # Errors
/// When there is no such compiler.
fn host(compiler: &str, files: &[&str]) -> Result<Folder> {
    tool::require(compiler)?;
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/embed/host");
    Ok(Folder::with_copies(&source, files))
}

/// The flags of each way to make code: without optimization, with it, and by LLVM if there is a
/// clang and the suite has not chosen a generator.
fn generators() -> Vec<&'static [&'static str]> {
    let mut generators = vec![&["-O0"][..], &[]];
    if generator::name().is_none() && ["clang", "clang-19", "clang-18"].into_iter().any(tool::is_available) {
        generators.push(&["--generator", "llvm"]);
    }
    generators
}
