//! The own C library of programs that call no C (`wasi-shim/libc`), by programs in Rust that are
//! linked with it as those of modules are.
//!
//! What modules do with it is tested by all other suites.

use anyhow::{Result, anyhow};
use libtest_mimic::{Arguments, Trial};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use test_kit::folder::Folder;
use test_kit::tool;
use test_kit::trial::{Skip, trial};
use wasm2native::link::native::Natives;
use wasm2native::link::runtime::{self, Runtime};
use wasm2native::link::{LinkRequest, link};
use wasm2native::options::LinkOptions;

fn main() {
    let trials: Vec<Trial> = vec![trial("threads-locks-memory-and-errors", stress)];
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

/// What `stress.rs` prints. It fails with a message if something else is wrong.
const STRESS: &str = "\
joined: 1000 dropped, sum 100000
detached: 2000 dropped, few mappings: true
turns: 4000
stacks: true true 2500
memory: 8 threads, all alike: true
times: true
errors: -1 Bad file descriptor (os error 9)
errors: No such file or directory (os error 2)
errors: Unknown error (os error 4000)
arguments: [\"one\", \"two words\"] Some((\"STRESS\", \"it is\"))
";

fn stress() -> Result<()> {
    let folder = build("stress.rs")?;
    folder.program_with("program", &["one", "two words"], &[("STRESS", "it is")]).prints(STRESS);
    Ok(())
}

/// A folder with `program`, made of a source of this folder.
fn build(source: &str) -> Result<Folder> {
    tool::require("rustc")?;
    let triple = std::env::var("W2N_TARGET").unwrap_or_else(|_| target_lexicon::HOST.to_string());
    let runtime = own_runtime(&triple)?;
    let folder = Folder::with_copies(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/runtime"), &[source]);
    // As for the build script: another rustc may have the target's standard library.
    let rustc = std::env::var(format!("WASM2NATIVE_RUSTC_{}", triple.replace('-', "_"))).unwrap_or("rustc".to_owned());
    let flags = ["--edition", "2024", "--crate-type", "staticlib", "-Cpanic=abort", "-Copt-level=2", "-Clto=fat"];
    folder.silent_tool(&rustc, &[&flags[..], &["--target", &triple, "-o", "library.a", source]].concat());
    let options = LinkOptions { files: vec![folder.path("library.a")], ..LinkOptions::default() };
    let natives = Natives::read(&options, runtime.target)?;
    let request =
        LinkRequest { runtime: &runtime, objects: Vec::new(), natives, uses_c: false, strip: false, options: &options };
    let (program, _) = link(request)?;
    folder.write("program", program);
    std::fs::set_permissions(folder.path("program"), Permissions::from_mode(0o755))?;
    Ok(folder)
}

/// The runtime of a target that has the own library.
fn own_runtime(triple: &str) -> Result<Runtime> {
    let parsed = triple.parse().map_err(|error| anyhow!("{triple}: {error}"))?;
    let runtime = runtime::of(&parsed, None)?.filter(|runtime| runtime.target.has_own_library);
    runtime.ok_or_else(|| Skip::Reason(format!("there is no own C library for {triple}")).into())
}
