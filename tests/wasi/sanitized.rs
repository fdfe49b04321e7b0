//! The runtime under AddressSanitizer: calls with arguments of all kinds, through a host whose
//! runtime was compiled with the checks.
//!
//! Leaks are not looked for: LeakSanitizer reads pages that nobody may read.

use crate::driver::{self, Answer, FREE, Guest, MEMORY};
use crate::oracle;
use crate::sanitizer::Sanitizer;
use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use test_kit::dice::Dice;
use test_kit::folder::Folder;
use test_kit::{process, trials};
use wasm2native::abi::wasi;

pub fn trials() -> Vec<Trial> {
    trials!["sanitized": it_complains, sequences_of_calls, calls_with_hostile_numbers]
}

/// Calls one of the driver's functions: what begins its loop.
const HOST: &str = "int driver_init(void);\nvoid driver__start(void);\n\
    int main(void) { driver_init(); driver__start(); return 0; }\n";

/// With a write behind a block of memory.
const WRONG: &str = "#include <stdlib.h>\nint driver_init(void);\n\
    void __asan_storeN(void *, size_t);\n\
    int main(void) { char *block = malloc(10); driver_init(); __asan_storeN(block + 10, 1); return 0; }\n";

/// Hosts of the driver, linked with the checked runtime: the right one, and the wrong one.
fn hosts() -> Result<&'static [PathBuf; 2]> {
    static HOSTS: OnceLock<std::result::Result<(Folder, [PathBuf; 2]), String>> = OnceLock::new();
    Sanitizer::Address.require()?;
    let built = HOSTS.get_or_init(|| build().map_err(|error| format!("{error:#}")));
    built.as_ref().map(|(_, hosts)| hosts).map_err(|error| anyhow::anyhow!("{error}"))
}

fn build() -> Result<(Folder, [PathBuf; 2])> {
    let folder = Folder::empty();
    folder.write("driver.wat", driver::text());
    folder.builds(&["-c", "driver.wat", "--dir", "ours::/", "-o", "driver.o"]);
    for (name, text) in [("host", HOST), ("wrong", WRONG)] {
        folder.write(&format!("{name}.c"), text);
        Sanitizer::Address.link(&folder, &[&format!("{name}.c"), "driver.o"], name)?;
    }
    let hosts = ["host", "wrong"].map(|name| folder.path(name));
    Ok((folder, hosts))
}

/// Signals are the runtime's.
const OPTIONS: &str = "detect_leaks=0:handle_segv=0:handle_sigbus=0:handle_sigill=0:handle_sigfpe=0:\
    use_sigaltstack=0:allocator_may_return_null=1";

fn start(folder: &Path) -> Guest {
    let host = &hosts().expect("it was built before")[0];
    Guest::spawn(Command::new(host), "", &|command| {
        command.env("ASAN_OPTIONS", OPTIONS).current_dir(folder);
    })
}

/// The checks are there.
fn it_complains() -> Result<()> {
    let wrong = &hosts()?[1];
    let folder = Folder::empty();
    std::fs::create_dir(folder.path("ours"))?;
    let mut command = Command::new(wrong);
    let outcome = process::run(command.env("ASAN_OPTIONS", OPTIONS).current_dir(folder.path(".")), b"")?;
    ensure!(outcome.stderr.contains("heap-buffer-overflow"), "{outcome:#?}");
    Ok(())
}

fn sequences_of_calls() -> Result<()> {
    hosts()?;
    oracle::compare(100_000..100_200, &start)
}

const NUMBERS: [u64; 14] = [
    0,
    1,
    3,
    4,
    FREE as u64,
    FREE as u64 + 8,
    MEMORY as u64 - 1,
    MEMORY as u64 - 8,
    MEMORY as u64,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fff8,
    0xffff_ffff,
    u64::MAX,
];

/// Each function with numbers at all borders. A trap ends the host; the sanitizer must say nothing.
fn calls_with_hostile_numbers() -> Result<()> {
    hosts()?;
    let mut n_calls = 0;
    for (index, function) in wasi::FUNCTIONS.iter().enumerate() {
        // These end the process, or wait.
        if ["proc_exit", "proc_raise", "poll_oneoff"].contains(&function.name) {
            continue;
        }
        let mut dice = Dice::new("sanitized", index as u64);
        let folder = Folder::with(&[("ours/a", "text"), ("ours/d/b", "")]);
        let mut guest = start(&folder.path("."));
        for _ in 0..150 {
            guest.load(FREE, b"a\0\0\0d/b\0");
            let numbers = function.names.iter().map(|name| match name.contains("fd") || *name == "to" {
                // The driver's own streams stay.
                true => 3 + dice.below(3) as u64,
                false => dice.one_of(&NUMBERS),
            });
            let numbers: Vec<u64> = numbers.collect();
            n_calls += 1;
            if let Answer::Ended(status, said) = guest.call(function.name, &numbers) {
                ensure!(
                    status == 134 && !said.contains("AddressSanitizer"),
                    "{}({numbers:?}): {status} {said}",
                    function.name
                );
                guest = start(&folder.path("."));
            }
        }
        if let Answer::Ended(status, said) = guest.end() {
            ensure!(status == 0, "{}: {status} {said}", function.name);
        }
    }
    println!("{n_calls} calls");
    Ok(())
}
