//! Features of processors: their names, and how a program finds out that a processor has one.
//!
//! A generator lists the features that it may use, by its own names. What goes out are the
//! [`Requirement`]s that a program checks when it starts. Objects for processors without a runtime
//! check nothing.
//!
//! To add a feature: its row. Until then Cranelift's new ones fail a test, and LLVM is told not to
//! use it.

use super::cranelift::isa::Isa;
use super::llvm::clang::Clang;
use crate::abi::feature::aarch64::{HWCAP, HWCAP2};
use crate::abi::feature::x86_64::{EXTENDED_ECX, LEAF_1_ECX, LEAF_7_1_EAX, LEAF_7_EBX, LEAF_7_ECX, LEAF_7_EDX, XCR0};
use crate::code::Requirement;
use anyhow::Result;
use target_lexicon::{Architecture, Triple};

/// A feature: our name, which is Cranelift's without `has_` where Cranelift has one, LLVM's name,
/// and registers with the numbers of their bits.
type Row = (&'static str, &'static str, &'static [(u8, &'static [u8])]);

/// Intel SDM 2, "CPUID"; AMD64 Architecture Programmer's Manual 3, appendix E. AVX needs registers
/// that the system saves: Intel SDM 1, 14.3 and 15.2.
const X86_64: &[Row] = &[
    ("sse3", "sse3", &[(LEAF_1_ECX, &[0])]),
    ("pclmul", "pclmul", &[(LEAF_1_ECX, &[1])]),
    ("ssse3", "ssse3", &[(LEAF_1_ECX, &[9])]),
    ("fma", "fma", &[(LEAF_1_ECX, &[12])]),
    ("cmpxchg16b", "cx16", &[(LEAF_1_ECX, &[13])]),
    ("sse41", "sse4.1", &[(LEAF_1_ECX, &[19])]),
    ("sse42", "sse4.2", &[(LEAF_1_ECX, &[20])]),
    ("movbe", "movbe", &[(LEAF_1_ECX, &[22])]),
    ("popcnt", "popcnt", &[(LEAF_1_ECX, &[23])]),
    ("aes", "aes", &[(LEAF_1_ECX, &[25])]),
    ("avx", "avx", &[(LEAF_1_ECX, &[27, 28]), (XCR0, &[1, 2])]),
    ("f16c", "f16c", &[(LEAF_1_ECX, &[29])]),
    ("bmi1", "bmi", &[(LEAF_7_EBX, &[3])]),
    ("avx2", "avx2", &[(LEAF_7_EBX, &[5])]),
    ("bmi2", "bmi2", &[(LEAF_7_EBX, &[8])]),
    ("avx512f", "avx512f", &[(LEAF_7_EBX, &[16]), (XCR0, &[5, 6, 7])]),
    ("avx512dq", "avx512dq", &[(LEAF_7_EBX, &[17])]),
    ("adx", "adx", &[(LEAF_7_EBX, &[19])]),
    ("avx512ifma", "avx512ifma", &[(LEAF_7_EBX, &[21])]),
    ("avx512cd", "avx512cd", &[(LEAF_7_EBX, &[28])]),
    ("sha", "sha", &[(LEAF_7_EBX, &[29])]),
    ("avx512bw", "avx512bw", &[(LEAF_7_EBX, &[30])]),
    ("avx512vl", "avx512vl", &[(LEAF_7_EBX, &[31])]),
    ("avx512vbmi", "avx512vbmi", &[(LEAF_7_ECX, &[1])]),
    ("avx512vbmi2", "avx512vbmi2", &[(LEAF_7_ECX, &[6])]),
    ("gfni", "gfni", &[(LEAF_7_ECX, &[8])]),
    ("vaes", "vaes", &[(LEAF_7_ECX, &[9])]),
    ("vpclmulqdq", "vpclmulqdq", &[(LEAF_7_ECX, &[10])]),
    ("avx512vnni", "avx512vnni", &[(LEAF_7_ECX, &[11])]),
    ("avx512bitalg", "avx512bitalg", &[(LEAF_7_ECX, &[12])]),
    ("avx512vpopcnt", "avx512vpopcntdq", &[(LEAF_7_ECX, &[14])]),
    ("avx512fp16", "avx512fp16", &[(LEAF_7_EDX, &[23])]),
    ("avx_vnni", "avxvnni", &[(LEAF_7_1_EAX, &[4])]),
    ("avx512bf16", "avx512bf16", &[(LEAF_7_1_EAX, &[5])]),
    ("avx_ifma", "avxifma", &[(LEAF_7_1_EAX, &[23])]),
    ("sahf", "sahf", &[(EXTENDED_ECX, &[0])]),
    ("lzcnt", "lzcnt", &[(EXTENDED_ECX, &[5])]),
    ("sse4a", "sse4a", &[(EXTENDED_ECX, &[6])]),
    ("xop", "xop", &[(EXTENDED_ECX, &[11])]),
    ("fma4", "fma4", &[(EXTENDED_ECX, &[16])]),
    ("tbm", "tbm", &[(EXTENDED_ECX, &[21])]),
    // Every x86-64 processor has these; `crc32` is a part of SSE4.2, `evex512` of AVX-512.
    ("", "64bit", &[]),
    ("", "cmov", &[]),
    ("", "crc32", &[]),
    ("", "cx8", &[]),
    ("", "evex512", &[]),
    ("", "fxsr", &[]),
    ("", "mmx", &[]),
    ("", "sse", &[]),
    ("", "sse2", &[]),
    ("", "x87", &[]),
];

/// Linux, `arch/arm64/elf_hwcaps.rst`.
const AARCH64: &[Row] = &[
    ("aes", "aes", &[(HWCAP, &[3, 4])]),
    ("sha2", "sha2", &[(HWCAP, &[5, 6])]),
    ("crc", "crc", &[(HWCAP, &[7])]),
    ("lse", "lse", &[(HWCAP, &[8])]),
    ("fp16", "fullfp16", &[(HWCAP, &[9, 10])]),
    ("rdm", "rdm", &[(HWCAP, &[12])]),
    ("jsconv", "jsconv", &[(HWCAP, &[13])]),
    ("complxnum", "complxnum", &[(HWCAP, &[14])]),
    ("rcpc", "rcpc", &[(HWCAP, &[15])]),
    ("sha3", "sha3", &[(HWCAP, &[17, 21])]),
    ("sm4", "sm4", &[(HWCAP, &[18, 19])]),
    ("dotprod", "dotprod", &[(HWCAP, &[20])]),
    ("sve", "sve", &[(HWCAP, &[22])]),
    ("fp16fml", "fp16fml", &[(HWCAP, &[23])]),
    ("lse2", "lse2", &[(HWCAP, &[25])]),
    ("rcpc-immo", "rcpc-immo", &[(HWCAP, &[26])]),
    ("flagm", "flagm", &[(HWCAP, &[27])]),
    ("pauth", "pauth", &[(HWCAP, &[30])]),
    ("sve2", "sve2", &[(HWCAP2, &[1])]),
    ("altnzcv", "altnzcv", &[(HWCAP2, &[7])]),
    ("fptoint", "fptoint", &[(HWCAP2, &[8])]),
    ("i8mm", "i8mm", &[(HWCAP2, &[13])]),
    ("bf16", "bf16", &[(HWCAP2, &[14])]),
    // Every ARMv8 processor has these, or their instructions are never chosen for the code of a
    // module: they are for the system, or do nothing where they are unknown.
    ("", "bti", &[]),
    ("", "ccdp", &[]),
    ("", "ccidx", &[]),
    ("", "dit", &[]),
    ("", "ete", &[]),
    ("", "fp-armv8", &[]),
    ("", "mte", &[]),
    ("", "neon", &[]),
    ("", "perfmon", &[]),
    ("", "predres", &[]),
    ("", "rand", &[]),
    ("", "ras", &[]),
    ("", "sb", &[]),
    ("", "spe", &[]),
    ("", "specrestrict", &[]),
    ("", "ssbs", &[]),
    ("", "trbe", &[]),
    ("", "zcm", &[]),
    ("", "zcz", &[]),
];

/// The rows of an architecture, if it has a runtime.
fn rows(triple: &Triple) -> Option<&'static [Row]> {
    match triple.architecture {
        Architecture::X86_64 => Some(X86_64),
        Architecture::Aarch64(_) => Some(AARCH64),
        _ => None,
    }
}

/// What the code of a generator may use of the processor.
pub struct Allowed {
    /// For clang, the target and the processor without what is not known here.
    pub flags: Vec<String>,
    pub requirements: Vec<Requirement>,
}

impl Allowed {
    pub fn cranelift(isa: &Isa) -> Allowed {
        Allowed { flags: Vec::new(), requirements: of_cranelift(isa.triple(), isa.features()) }
    }

    /// What clang may use with these flags.
    ///
    /// # Errors
    /// When it fails.
    pub fn llvm(clang: &Clang, triple: &Triple, flags: &[String]) -> Result<Allowed> {
        let names = clang.features(flags)?;
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let (requirements, unknown) = of_llvm(triple, &names);
        let without = |name: &&str| {
            let option = ["-Xclang", "-target-feature", "-Xclang"].map(str::to_owned);
            option.into_iter().chain([format!("-{name}")])
        };
        let flags = flags.iter().cloned().chain(unknown.iter().flat_map(without)).collect();
        Ok(Allowed { flags, requirements })
    }
}

/// Whether a feature of Cranelift's has a row, where there are any.
#[cfg(test)]
pub fn is_known(triple: &Triple, name: &str) -> bool {
    rows(triple).is_none_or(|rows| rows.iter().any(|(own, ..)| name.strip_prefix("has_") == Some(own)))
}

/// What code needs that may use these features of Cranelift's.
fn of_cranelift<'n>(triple: &Triple, names: impl Iterator<Item = &'n str>) -> Vec<Requirement> {
    let names: Vec<_> = names.filter_map(|name| name.strip_prefix("has_")).collect();
    let rows = rows(triple).into_iter().flatten();
    requirements(rows.filter(|(name, ..)| names.contains(name)))
}

/// What code needs that may use these features of LLVM's, and which of them it must not use, as
/// nothing is known of them here.
fn of_llvm<'n>(triple: &Triple, names: &[&'n str]) -> (Vec<Requirement>, Vec<&'n str>) {
    let Some(rows) = rows(triple) else { return (Vec::new(), Vec::new()) };
    // `v8.2a` and the like stand for others, which are in the list as well.
    let is_version = |name: &str| name.starts_with('v') && name[1..].starts_with(|it: char| it.is_ascii_digit());
    let is_known = |name: &str| is_version(name) || rows.iter().any(|(_, llvm, _)| *llvm == name);
    let unknown = names.iter().copied().filter(|name| !is_known(name)).collect();
    (requirements(rows.iter().filter(|(_, llvm, _)| names.contains(llvm))), unknown)
}

/// The rows are in the order of their first registers, so that the runtime reads each of these
/// once, and the records of a feature follow each other.
fn requirements<'r>(rows: impl Iterator<Item = &'r Row>) -> Vec<Requirement> {
    let bits = |numbers: &[u8]| numbers.iter().fold(0, |bits, number| bits | 1_u32 << number);
    let of_row = |&(name, _, registers): &Row| {
        registers.iter().map(move |(register, numbers)| Requirement { name, register: *register, bits: bits(numbers) })
    };
    rows.flat_map(of_row).collect()
}

#[cfg(test)]
mod tests {
    use super::{AARCH64, X86_64, of_cranelift, of_llvm};
    use crate::abi::feature::NAME_LENGTH;
    use crate::code::Requirement;
    use std::collections::BTreeSet;
    use std::str::FromStr;
    use target_lexicon::Triple;

    #[test]
    fn names_are_short_and_single() {
        for rows in [X86_64, AARCH64] {
            let llvm: BTreeSet<_> = rows.iter().map(|(_, llvm, _)| llvm).collect();
            assert_eq!(llvm.len(), rows.len());
            let checked = || rows.iter().filter(|(.., registers)| !registers.is_empty());
            let names: BTreeSet<_> = checked().map(|(name, ..)| name).collect();
            assert_eq!(names.len(), checked().count());
            assert!(names.iter().all(|name| !name.is_empty() && name.len() < NAME_LENGTH));
        }
    }

    #[test]
    fn rows_are_in_the_order_of_registers_and_unknown_features_are_returned() {
        for rows in [X86_64, AARCH64] {
            let first = |(.., registers): &super::Row| Some(registers.first()?.0);
            assert!(rows.iter().filter_map(first).is_sorted());
        }
        let triple = Triple::from_str("x86_64-unknown-linux-gnu").expect("a triple");
        let (requirements, unknown) = of_llvm(&triple, &["avx2", "amx-tile", "avx", "cmov", "sse3"]);
        assert_eq!(unknown, ["amx-tile"]);
        let expected = [("sse3", 0, 1), ("avx", 0, 3 << 27), ("avx", 6, 6), ("avx2", 1, 1 << 5)];
        assert_eq!(requirements, expected.map(|(name, register, bits)| Requirement { name, register, bits }));
        assert_eq!(of_cranelift(&triple, ["has_sse3", "has_other", "sse41"].into_iter()), requirements[..1]);
    }
}
