//! The runtime, by programs in Rust that are linked with it as those of modules are: its own C
//! library (`wasi-shim/libc`), and its heap of objects.
//!
//! What modules do with it is tested by all other suites.

use anyhow::{Result, anyhow};
use libtest_mimic::{Arguments, Trial};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use test_kit::folder::Folder;
use test_kit::trial::{Skip, trial};
use wasm2native::link::native::Natives;
use wasm2native::link::runtime::{self, Runtime};
use wasm2native::link::{LinkRequest, link};
use wasm2native::options::LinkOptions;

fn main() {
    let trials: Vec<Trial> = vec![
        trial("threads-locks-memory-and-errors", stress),
        trial("objects-stay-as-long-as-they-are-wanted", heap),
        trial("objects-stay-with-a-collection-before-each", heap_stressed),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

/// What `stress.rs` prints. It fails with a message if something else is wrong.
const STRESS: &str = "\
first
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
last
";

fn stress() -> Result<()> {
    let folder = build("stress.rs")?;
    folder.program_with("program", &["one", "two words"], &[("STRESS", "it is")]).prints(STRESS);
    Ok(())
}

/// What `heap.rs` prints with a heap of 64 MiB.
const HEAP: &str = "\
graphs: true
interior: there
churn: done
Some(HeapExhausted): out of memory for objects: they take N bytes, the next takes 1073741824; --max-heap allows 67108864
Some(HeapExhausted): out of memory for objects: they take N bytes, the next takes 137438953472; --max-heap allows 67108864
Some(HeapExhausted): out of memory for objects: they take N bytes, the next takes 4611686018427387904; --max-heap allows 67108864
Some(HeapExhausted): out of memory for objects: they take N bytes, the next takes 18446744073709551608; --max-heap allows 67108864
Some(HeapExhausted): out of memory for objects: they take N bytes, the next takes 18446744073709551615; --max-heap allows 67108864
list of 24: true true
list of 480: true true
list of 8000: true true
list of 1048576: true true
churn: done
host: as it was
Some(CastFailure): cast failure: found null, expected eq
Some(CastFailure): cast failure: found i31, expected eq
Some(CastFailure): cast failure: found thing, expected thing
Some(CastFailure): cast failure: found a word of the host, expected eq
Some(CastFailure): cast failure: found a word of the host, expected eq
signatures: [1, 1, 1, 0, 0, 1]
";

fn heap() -> Result<()> {
    let folder = build("heap.rs")?;
    let outcome = folder.program_with("program", &[], &[("WASM2NATIVE_OPTIONS", "--max-heap 64M --gc-stats")]);
    // How much there is when more is asked for depends on what the stack still holds.
    let (said, number) = (outcome.stdout.to_string(), |text: &str| text.find(' ').unwrap_or(0));
    let parts: Vec<&str> = said.split("they take ").collect();
    let cut = parts.iter().enumerate().map(|(nth, part)| if nth == 0 { part } else { &part[number(part)..] });
    assert_eq!(cut.collect::<Vec<_>>().join("they take N"), HEAP, "{outcome:#?}");
    let last = outcome.stderr.lines().last().unwrap_or_default().to_owned();
    assert!(last.contains(" collections, longest ") && last.ends_with("bytes at most"), "{outcome:#?}");
    Ok(())
}

fn heap_stressed() -> Result<()> {
    let folder = build("heap.rs")?;
    let outcome = folder.program_with("program", &["stress"], &[("WASM2NATIVE_OPTIONS", "--gc-stress")]);
    outcome.prints("graphs: true\ninterior: there\n");
    Ok(())
}

/// As all code that the runtime walks through.
const FRAMES: &str = "-Cforce-frame-pointers=yes";

/// Where the programs that run here are made for.
fn target() -> String {
    std::env::var("W2N_TARGET").unwrap_or_else(|_| target_lexicon::HOST.to_string())
}

/// The folder of this file.
fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/runtime")
}

/// A folder with `program`, made of a source of this folder.
fn build(source: &str) -> Result<Folder> {
    let triple = target();
    let runtime = own_runtime(&triple)?;
    let folder = Folder::with_copies(&sources(), &[source]);
    // The contract, for programs that stand for what the compiler writes.
    let abi = Path::new(env!("CARGO_MANIFEST_DIR")).join("wasi-shim/src/abi");
    std::os::unix::fs::symlink(abi, folder.path("abi"))?;
    let rustc = rustc(&triple)?;
    let flags =
        ["--edition", "2024", "--crate-type", "staticlib", "-Cpanic=abort", "-Copt-level=2", "-Clto=fat", FRAMES];
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

/// A rustc on the PATH that has the standard library of a target.
fn rustc(triple: &str) -> Result<String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let has_library = |rustc: &String| {
        let output = Command::new(rustc).args(["--print", "target-libdir", "--target", triple]).output();
        let folder = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        let files = folder.and_then(std::fs::read_dir).into_iter().flatten().flatten();
        files.map(|file| file.file_name()).any(|name| name.to_string_lossy().starts_with("libstd-"))
    };
    let mut all = std::env::split_paths(&path).map(|folder| folder.join("rustc").display().to_string());
    let found = all.find(has_library);
    found.ok_or_else(|| Skip::Reason(format!("no rustc here has the standard library of {triple}")).into())
}

/// The runtime of a target that has the own library.
fn own_runtime(triple: &str) -> Result<Runtime> {
    let parsed = triple.parse().map_err(|error| anyhow!("{triple}: {error}"))?;
    let runtime = runtime::of(&parsed, None)?.filter(|runtime| runtime.target.has_own_library);
    runtime.ok_or_else(|| Skip::Reason(format!("there is no own C library for {triple}")).into())
}
