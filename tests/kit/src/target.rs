//! The target that programs of the tests are made for: this machine, or the one that the
//! environment variable `W2N_TARGET` names.
//!
//! What follows from it: the flag of our commands ([`words`], [`cot_words`]), the C compiler
//! (`tool::cc`), and the emulator before each program (`process::program`). Tests that differ on a
//! target stand in its [`manifest`](crate::manifest).

use std::sync::LazyLock;

static TRIPLE: LazyLock<Option<String>> = LazyLock::new(|| std::env::var("W2N_TARGET").ok());

/// Where the tests run.
pub const HOST: &str = std::env::consts::ARCH;

/// The target that was named.
pub fn triple() -> Option<&'static str> {
    TRIPLE.as_deref()
}

/// The target's processor, as Rust calls it.
pub fn processor() -> &'static str {
    triple().and_then(|triple| triple.split('-').next()).unwrap_or(HOST)
}

/// Whether programs of the target can't run on this machine by themselves.
pub fn is_foreign() -> bool {
    processor() != HOST
}

/// Whether a suite runs only the part of its tests that its head names: `W2N_PART=1`, for targets
/// whose programs are slow.
pub fn is_part() -> bool {
    std::env::var_os("W2N_PART").is_some_and(|value| value != "0")
}

/// Stands in lists of flags for a processor with more features than the target's least one.
pub const CPU: &str = "CPU";

/// The flags, with this machine's own processor or one that the emulator has for [`CPU`].
pub fn with_cpu(flags: &[&'static str]) -> impl Iterator<Item = &'static str> {
    let cpu = match processor() {
        _ if !is_foreign() => "native",
        "aarch64" => "neoverse-n1",
        "x86_64" => "x86-64-v2",
        _ => "generic",
    };
    flags.iter().map(move |&flag| if flag == CPU { cpu } else { flag })
}

/// What tells `wasm2native` the target.
pub fn words() -> Vec<&'static str> {
    triple().map(|triple| ["--target", triple]).into_iter().flatten().collect()
}

/// What tells `cot build` the target.
pub fn cot_words() -> Vec<String> {
    let processor = match processor() {
        "aarch64" => "arm64",
        "x86_64" => "amd64",
        other => other,
    };
    triple().map(|_| format!("--target={processor}-linux")).into_iter().collect()
}
