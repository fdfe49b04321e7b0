//! What code is made for: target triples and their names, and the versions of processors.

use crate::options::Options;
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
