//! Other builds of the compiler write the same bytes: one that is made for speed, and one for
//! aarch64, on pages of 4 KiB and of 64 KiB.
//!
//! `W2N_RELEASE_COMPILER` and `W2N_AARCH64_COMPILER` name their files; `W2N_FULL=1 .ci/run` builds
//! them. Each carries the runtimes of x86-64 and aarch64 Linux, and QEMU runs the second one, which
//! is a static program.

use crate::same::{MODULES, read};
use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use std::path::PathBuf;
use std::process::Command;
use test_kit::folder::Folder;
use test_kit::trial::{Skip, trial};
use test_kit::{command, process, product, tool};

pub fn trials() -> Vec<Trial> {
    let emulated = |size: &'static str| {
        trial(format!("same/compiler-for-aarch64-pages-of-{size}"), move || {
            let compiler = named("W2N_AARCH64_COMPILER")?;
            tool::require_command("qemu-aarch64")?;
            compare(&["qemu-aarch64".into(), "-p".into(), size.into(), compiler])
        })
    };
    vec![
        trial("same/compiler-made-for-speed", || compare(&[named("W2N_RELEASE_COMPILER")?])),
        emulated("4096"),
        emulated("65536"),
    ]
}

/// The targets whose runtimes they carry.
const TARGETS: [&str; 2] = [crate::HERE, "aarch64-unknown-linux-gnu"];

/// What is made of each module for each target, with flags.
const FORMS: [&[&str]; 4] = [&["-c"], &["-c", "-O0"], &["--emit", "staticlib"], &["--emit", "exe"]];

/// The file that an environment variable names.
fn named(variable: &str) -> Result<PathBuf> {
    let file = std::env::var_os(variable).filter(|file| !file.is_empty());
    Ok(file.map(PathBuf::from).ok_or_else(|| Skip::Reason(format!("{variable} names no compiler")))?)
}

/// All forms of all modules, by the compiler of the tests and by the one that these words start.
fn compare(other: &[PathBuf]) -> Result<()> {
    let usual = [command::wasm2native().get_program().into()];
    let mut n_compared = 0;
    for name in MODULES {
        let fixture = read(name)?;
        let folder = Folder::empty();
        product::populate(&folder.path("."), &fixture)?;
        folder.write("it.wat", &fixture.source);
        for (target, form) in TARGETS.into_iter().flat_map(|target| FORMS.map(|form| (target, form))) {
            let make = |compiler: &[PathBuf], file: &str| -> Result<Vec<u8>> {
                let mut command = Command::new(&compiler[0]);
                command.args(&compiler[1..]).args(["it.wat", "-o", file, "--target", target]).args(form);
                if form.contains(&"exe") {
                    command.args(&fixture.setup.build);
                }
                command.current_dir(folder.path(".")).env_clear();
                process::run(&mut command, b"")?.succeeds_silently();
                Ok(folder.read(file))
            };
            let is_same = make(&usual, "usual")? == make(other, "other").context("the other compiler")?;
            ensure!(is_same, "{name}, {target}, {form:?}: they differ");
            n_compared += 1;
        }
    }
    println!("{n_compared} files");
    Ok(())
}
