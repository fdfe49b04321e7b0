//! The runtime under AddressSanitizer: calls with arguments of all kinds, through a host whose
//! runtime was compiled with the checks. They are `unsafe` features of the compiler
//! (`RUSTC_BOOTSTRAP`), for this test alone; it runs with `W2N_FULL=1`.
//!
//! Leaks are not looked for: LeakSanitizer reads pages that nobody may read. ThreadSanitizer wants
//! a standard library of its own, whose source is not part of a toolchain.

use crate::driver::{self, Answer, FREE, Guest, MEMORY};
use crate::oracle;
use anyhow::{Context, Result, bail, ensure};
use libtest_mimic::Trial;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use test_kit::dice::Dice;
use test_kit::folder::Folder;
use test_kit::trial::Skip;
use test_kit::{command, process, target, tool, trials};
use wasm2native::abi::wasi;

pub fn trials() -> Vec<Trial> {
    trials!["sanitized": it_complains, sequences_of_calls, calls_with_hostile_numbers]
}

const TARGET: &str = "x86_64-unknown-linux-gnu";

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
    if !test_kit::trial::is_full() {
        bail!(Skip::Reason("it compiles the runtime once more; W2N_FULL=1 runs it".to_owned()));
    }
    if target::is_foreign() || process::is_emulated() || !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        bail!(Skip::Reason("the sanitizer's runtime is that of this machine".to_owned()));
    }
    tool::require("cc")?;
    let built = HOSTS.get_or_init(|| build().map_err(|error| format!("{error:#}")));
    built.as_ref().map(|(_, hosts)| hosts).map_err(|error| anyhow::anyhow!("{error}"))
}

fn build() -> Result<(Folder, [PathBuf; 2])> {
    let folder = Folder::empty();
    folder.write("driver.wat", driver::text());
    folder.builds(&["-c", "driver.wat", "--dir", "ours::/", "-o", "driver.o"]);
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(&cargo);
    command.args(["rustc", "--locked", "--package", "wasi-shim", "--lib", "--crate-type", "staticlib", "--release"]);
    command.args(["--target", TARGET, "--target-dir"]).arg(command::scratch().join("sanitized"));
    command.env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", "-Zsanitizer=address -Cforce-frame-pointers=yes");
    process::run(command.current_dir(env!("CARGO_MANIFEST_DIR")), b"")?.succeeds();
    let archive = command::scratch().join("sanitized").join(TARGET).join("release/libwasi_shim.a");
    let root = process::run(Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]), b"")?;
    let sanitizer = Path::new(root.stdout.trim()).join("librustc-stable_rt.asan.a");
    if !sanitizer.exists() {
        bail!("this toolchain has no {}", sanitizer.display());
    }
    let hosts = [("host", HOST), ("wrong", WRONG)].map(|(name, text)| {
        folder.write(&format!("{name}.c"), text);
        let path = folder.path(name);
        let mut cc = tool::cc();
        cc.arg(folder.path(format!("{name}.c"))).arg(folder.path("driver.o")).arg(&archive);
        cc.args(["-Wl,--whole-archive"]).arg(&sanitizer).args(["-Wl,--no-whole-archive", "-rdynamic"]);
        cc.args(["-lpthread", "-ldl", "-lm", "-lgcc_s", "-o"]).arg(&path);
        process::run(&mut cc, b"").map(|outcome| outcome.succeeds()).map(|_| path)
    });
    let [host, wrong] = hosts;
    Ok((folder, [host.context("the host")?, wrong.context("the wrong host")?]))
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
