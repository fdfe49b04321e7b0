//! What code is made for: target triples and their names, and the level of processor that a program
//! checks for.

use crate::options::{Cpu, Options};
use anyhow::{Result, anyhow, bail};
use std::str::FromStr;
use target_lexicon::{Architecture as A, BinaryFormat, Environment, OperatingSystem, Riscv64Architecture, Triple};

/// What objects are made for, by the names that rustc and clang give them, and what they are.
pub const TARGETS: [(&str, &str); 13] = [
    ("x86_64-unknown-linux-gnu", "ELF"),
    ("x86_64-unknown-linux-musl", "ELF"),
    ("aarch64-unknown-linux-gnu", "ELF"),
    ("aarch64-unknown-linux-musl", "ELF"),
    ("riscv64gc-unknown-linux-gnu", "ELF; SIMD with --cpu rv64gcv"),
    ("riscv64gc-unknown-linux-musl", "ELF; SIMD with --cpu rv64gcv"),
    ("s390x-unknown-linux-gnu", "ELF"),
    ("s390x-unknown-linux-musl", "ELF"),
    ("x86_64-apple-darwin", "Mach-O"),
    ("aarch64-apple-darwin", "Mach-O"),
    ("x86_64-pc-windows-msvc", "COFF"),
    ("x86_64-pc-windows-gnu", "COFF"),
    ("aarch64-pc-windows-msvc", "COFF"),
];

/// The triple that `options` name.
///
/// # Errors
/// When it is not a triple, or is one that we can't compile for.
pub fn triple(options: &Options) -> Result<Triple> {
    const HELP: &str = "--target help lists what there is";
    let Some(name) = &options.target else { return check(Triple::host()) };
    let triple = Triple::from_str(&canonical(name))
        .map_err(|error| anyhow!("`{name}` is not a target triple: {error}\nhelp: {HELP}"))?;
    check(triple).map_err(|_| anyhow!("target {name} is not supported\nhelp: {HELP}"))
}

/// Names that clang takes and [`Triple`] does not know.
fn canonical(name: &str) -> String {
    if let Some(architecture) = name.strip_suffix("-w64-mingw32") {
        return format!("{architecture}-pc-windows-gnu");
    }
    match name.split_once("-macos") {
        Some((front, version)) if !version.starts_with('x') => format!("{front}-macosx{version}"),
        _ => name.to_owned(),
    }
}

fn check(triple: Triple) -> Result<Triple> {
    let is_64 = !matches!(triple.environment, Environment::Gnux32 | Environment::GnuIlp32);
    let has_floats = match triple.architecture {
        A::Riscv64(riscv) => !matches!(riscv, Riscv64Architecture::Riscv64imac),
        _ => true,
    };
    let known = match (triple.operating_system, triple.architecture) {
        (OperatingSystem::Linux, A::X86_64 | A::Aarch64(_) | A::Riscv64(_) | A::S390x) => {
            triple.binary_format == BinaryFormat::Elf && triple.environment != Environment::Android
        }
        (OperatingSystem::Darwin(_) | OperatingSystem::MacOSX(_), A::X86_64 | A::Aarch64(_)) => {
            triple.binary_format == BinaryFormat::Macho
        }
        (OperatingSystem::Windows, A::X86_64 | A::Aarch64(_)) => triple.binary_format == BinaryFormat::Coff,
        _ => false,
    };
    let little = triple.architecture == A::S390x || triple.endianness() == Ok(target_lexicon::Endianness::Little);
    if known && is_64 && has_floats && little {
        return Ok(triple);
    }
    bail!("target {triple} is not supported");
}

/// Level of the architecture that the program checks for when it starts: 0 is none. On x86-64 it is
/// that of the psABI ("Micro-Architecture Levels"); on aarch64, N of ARMv8.N.
pub fn cpu_level(triple: &Triple, cpu: &Cpu) -> u8 {
    match (triple.architecture, cpu) {
        (A::X86_64, Cpu::Default) => 2,
        (A::X86_64, Cpu::Named(name)) => match name.split('+').next().unwrap_or_default() {
            "x86-64-v2" | "nehalem" | "corei7" | "westmere" | "sandybridge" | "corei7-avx" | "ivybridge"
            | "core-avx-i" | "bdver1" | "bdver2" | "bdver3" | "bdver4" => 2,
            "x86-64-v3" | "haswell" | "core-avx2" | "broadwell" | "skylake" | "znver1" | "znver2" | "znver3"
            | "alderlake" | "raptorlake" | "meteorlake" | "sierraforest" | "grandridge" => 3,
            "x86-64-v4" | "skylake-avx512" | "skx" | "cascadelake" | "cooperlake" | "cannonlake" | "icelake"
            | "icelake-client" | "icelake-server" | "tigerlake" | "sapphirerapids" | "graniterapids" | "znver4" => 4,
            _ => 1,
        },
        (A::Aarch64(_), Cpu::Named(name)) => arm_level(name),
        _ => 0,
    }
}

/// What ARMv8.N has beyond its predecessor: N, and the features that code may use, by Cranelift's
/// names.
const ARM_LEVELS: [(u8, &[&str]); 3] = [(1, &["lse"]), (2, &["fp16", "dotprod"]), (4, &["pauth"])];

/// The features of a processor, or of a version of the architecture.
pub fn arm_features(base: &str) -> Option<impl Iterator<Item = &'static str>> {
    let level = match base {
        "generic" | "armv8-a" => 0,
        "armv8.1-a" => 1,
        "neoverse-n1" | "armv8.2-a" => 2,
        "apple-m1" | "armv8.4-a" => 4,
        _ => return None,
    };
    Some(ARM_LEVELS.iter().filter(move |row| row.0 <= level).flat_map(|row| row.1).copied())
}

/// The highest level whose features `name` asks for.
fn arm_level(name: &str) -> u8 {
    let mut parts = name.split('+');
    let base: Vec<_> = parts.next().and_then(arm_features).into_iter().flatten().collect();
    let asked: Vec<_> = parts.chain(base).collect();
    let is_asked = |row: &&(u8, &[&str])| row.1.iter().any(|feature| asked.contains(feature));
    ARM_LEVELS.iter().filter(is_asked).map(|row| row.0).max().unwrap_or(0)
}
