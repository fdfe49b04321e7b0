//! Builds the runtime that `wasm2native` carries, see `src/link/runtime.rs`.
//!
//! Comes in: the crate `wasi-shim`, and the C library of this machine or of Rust's musl target.
//! Goes out, in `OUT_DIR`: the files that [`pack`] writes.
//!
//! `WASM2NATIVE_RUNTIME_LIBC=glibc|musl` chooses the C library. For a target without either, the
//! files are empty, and only objects and programs that another linker finishes can be made.

mod archive;
#[path = "../wasi-shim/src/abi/c_library.rs"]
mod c_library;
mod libraries;
mod localize;
mod pack;
#[path = "../src/runtime_target.rs"]
mod runtime_target;
mod shim;
mod strip;

use libraries::Libraries;
use runtime_target::{RUNTIME_TARGETS, RuntimeTarget};
use std::error::Error;
use std::path::PathBuf;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    for path in ["build", "src/runtime_target.rs", "wasi-shim"] {
        println!("cargo::rerun-if-changed={path}");
    }
    for variable in ["WASM2NATIVE_RUNTIME_LIBC", "CC"] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let target = target()?;
    let libraries = target.map(Libraries::find).transpose()?;
    let runtime = target.map(|target| shim::build(target.triple, &out)).transpose()?;
    println!("cargo::rustc-env=WASM2NATIVE_RUNTIME_TARGET={}", target.map_or("", |target| target.triple));
    pack::write(&out, target, runtime.unwrap_or_default(), &libraries.unwrap_or_default())
}

/// The target of the runtime: that of the C library which the user names, or that of the compiler.
/// Nothing if there is no runtime for it.
fn target() -> Result<Option<&'static RuntimeTarget>> {
    let compiler = std::env::var("TARGET")?;
    let Ok(name) = std::env::var("WASM2NATIVE_RUNTIME_LIBC") else {
        return Ok(RUNTIME_TARGETS.iter().find(|target| target.triple == compiler));
    };
    let named = RUNTIME_TARGETS.iter().filter(|target| target.c_library == name);
    let processor = compiler.split('-').next().unwrap_or_default();
    let own = named.clone().find(|target| target.triple.split('-').next() == Some(processor));
    let found = own.or(named.clone().next());
    Ok(Some(found.ok_or_else(|| format!("WASM2NATIVE_RUNTIME_LIBC is `{name}`, not `glibc` or `musl`"))?))
}
