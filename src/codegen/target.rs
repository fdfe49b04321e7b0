//! What code is made for: target triples and their names, and the level of processor that a program
//! checks for.

use crate::options::{Cpu, Options};
use anyhow::{Result, anyhow, bail};
use std::str::FromStr;
use target_lexicon::{BinaryFormat, Environment, OperatingSystem, Riscv64Architecture, Triple};

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
    use target_lexicon::Architecture as A;
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

/// Level of the x86-64 psABI ("Micro-Architecture Levels") that the program checks for when
/// it starts: 0 is none.
pub fn cpu_level(cpu: &Cpu) -> u8 {
    match cpu {
        Cpu::Default => 2,
        Cpu::Native => 0,
        Cpu::Named(name) => match name.split('+').next().unwrap_or_default() {
            "x86-64-v2" => 2,
            "x86-64-v3" => 3,
            "x86-64-v4" => 4,
            _ => 1,
        },
    }
}
