//! What the processors differ in: all that the generator has to say of one is its row here.

use crate::abi::frame::{self, Group};
use crate::code::RelocationKind;
use crate::options::Cpu;
use object::elf;
use target_lexicon::{Architecture, Triple};

#[derive(Debug)]
pub struct Processor {
    /// The oldest clang that makes all of the code.
    pub oldest_clang: u32,
    /// Options for clang.
    pub options: &'static [&'static str],
    /// What `-march` names by default.
    default_cpu: &'static str,
    /// `-march` takes versions of the architecture, and `-mcpu` all other names; both with features
    /// (`generic+lse`).
    has_versions: bool,
    /// An instruction that is not one.
    pub trap: &'static str,
    /// Where a trap leaves what was compared: the register as LLVM names it, and its number.
    pub compared: (&'static str, u8),
    /// How many results a function returns in registers: integers, and others if there are
    /// floating-point numbers among them or not.
    pub n_integers: usize,
    pub n_floats: usize,
    pub n_vectors: usize,
    /// In which of the registers for arguments Cranelift's `Tail` convention has the first one.
    pub first_argument: usize,
    /// Chooses bytes of a vector by their numbers; zero for each number from this one on.
    pub choose: (&'static str, u8),
    /// Least and greatest of two numbers, of which a NaN becomes quiet. Without them, LLVM's own
    /// hand it on as it is.
    pub bounds: Option<[&'static str; 2]>,
    /// Products of which the upper halves are rounded, and saturated.
    pub rounded_products: Option<&'static str>,
    /// Numbers with a sign become the nearest of half the size without one.
    pub unsigned_halves: Option<&'static str>,
    /// The stored registers in a frame.
    pub frame: Frame,
    /// The return addresses of all calls in code.
    pub returns: fn(&[u8]) -> Vec<u32>,
    /// The relocation of a field that follows `code`.
    pub relocation: fn(code: &[u8], elf::RelocationType, name: &str) -> Option<RelocationKind>,
}

/// DWARF's numbers of the registers that frames are made with, and the groups of those that
/// functions preserve.
#[derive(Debug)]
pub struct Frame {
    pub frame_pointer: u16,
    pub return_address: u16,
    pub groups: &'static [Group],
    /// Calls store the return address on the stack, without an instruction of the prologue.
    pub return_is_stored: bool,
    /// Bytes of an instruction, by which the table of functions counts those before the frame
    /// pointer is set. Nothing where it need not know.
    pub instruction: Option<u32>,
}

impl Processor {
    /// Nothing if there is no code for it yet.
    pub fn of(triple: &Triple) -> Option<&'static Processor> {
        match triple.architecture {
            Architecture::X86_64 => Some(&X86_64),
            Architecture::Aarch64(_) => Some(&AARCH64),
            _ => None,
        }
    }

    /// The target and the processor for clang.
    pub fn flags(&self, triple: &Triple, cpu: &Cpu) -> Vec<String> {
        let name = match cpu {
            Cpu::Default => self.default_cpu,
            Cpu::Native => "native",
            Cpu::Named(name) => name,
        };
        let option = if self.has_versions && !name.starts_with("armv") { "-mcpu" } else { "-march" };
        let (name, features) = match name.split_once('+') {
            Some((name, features)) if !self.has_versions => (name, features),
            _ => (name, ""),
        };
        let features = features.split('+').filter(|feature| !feature.is_empty()).map(feature_option);
        let own = self.options.iter().map(|option| (*option).to_owned());
        [format!("--target={triple}"), format!("{option}={name}")].into_iter().chain(features).chain(own).collect()
    }
}

/// What clang tunes for where `-march` names a level of x86-64. LLVM's own tuning for a level is
/// that of an old processor of Intel's, on which a double shift is a fast rotation; elsewhere it is
/// slow.
pub fn tuning(flags: &[String]) -> Option<&'static str> {
    flags.iter().any(|flag| flag.starts_with("-march=x86-64")).then_some("generic")
}

/// Clang's option for a feature of x86-64 by Cranelift's name.
fn feature_option(feature: &str) -> String {
    let name = match feature {
        "bmi1" => "bmi",
        "sse41" => "sse4.1",
        "sse42" => "sse4.2",
        "cmpxchg16b" => "cx16",
        other => other,
    };
    format!("-m{name}")
}

static X86_64: Processor = Processor {
    oldest_clang: 15,
    // The stack pointer is the same at all calls, and at landings.
    options: &["-mllvm", "-no-x86-call-frame-opt", "-fstack-size-section"],
    default_cpu: "x86-64-v2",
    has_versions: false,
    trap: "ud2",
    compared: ("rax", 0),
    n_integers: 3,
    n_floats: 2,
    n_vectors: 4,
    first_argument: 0,
    choose: ("llvm.x86.ssse3.pshuf.b.128", 128),
    bounds: None,
    rounded_products: None,
    unsigned_halves: None,
    frame: Frame {
        frame_pointer: 6,
        return_address: 16,
        groups: &frame::X86_64,
        return_is_stored: true,
        instruction: None,
    },
    returns: super::landings::x86_64_returns,
    relocation: |code, kind, name| {
        let is_call = matches!(code.last(), Some(0xe8 | 0xe9));
        Some(match kind {
            elf::R_X86_64_PLT32 if is_call => RelocationKind::Call4,
            // What is called there is `__tls_get_addr`, with a prefix.
            elf::R_X86_64_PLT32 if name == "__tls_get_addr" => RelocationKind::Call4,
            elf::R_X86_64_PLT32 | elf::R_X86_64_PC32 => RelocationKind::Relative4,
            elf::R_X86_64_TLSGD => RelocationKind::ThreadLocal4,
            _ => return None,
        })
    },
};

static AARCH64: Processor = Processor {
    // The first that touches the pages of large frames.
    oldest_clang: 18,
    // Functions for atomic operations would be called, which the runtime does not have. The fast
    // allocator of registers, which `-O0` has, puts reloads between a call and the instruction that
    // takes the stack pointer back, where addresses that count from it are others (LLVM 19).
    options: &[
        "-mno-outline-atomics",
        "-fstack-size-section",
        "-mllvm",
        "-optimize-regalloc",
        "-mllvm",
        "-regalloc=greedy",
    ],
    default_cpu: "armv8-a",
    has_versions: true,
    // The one that Cranelift has.
    trap: "udf #0xc11f",
    compared: ("x0", 0),
    n_integers: 8,
    n_floats: 8,
    n_vectors: 8,
    first_argument: 2,
    choose: ("llvm.aarch64.neon.tbl1.v16i8", 16),
    bounds: Some(["llvm.aarch64.neon.fmin", "llvm.aarch64.neon.fmax"]),
    rounded_products: Some("llvm.aarch64.neon.sqrdmulh"),
    unsigned_halves: Some("llvm.aarch64.neon.sqxtun"),
    frame: Frame {
        frame_pointer: 29,
        return_address: 30,
        groups: &frame::AARCH64,
        return_is_stored: false,
        instruction: Some(4),
    },
    returns: super::landings::aarch64_returns,
    relocation: |_, kind, _| {
        Some(match kind {
            elf::R_AARCH64_PREL32 => RelocationKind::Relative4,
            elf::R_AARCH64_CALL26 | elf::R_AARCH64_JUMP26 => RelocationKind::Aarch64Call26,
            elf::R_AARCH64_ADR_PREL_PG_HI21 => RelocationKind::Aarch64Page21,
            elf::R_AARCH64_ADD_ABS_LO12_NC => RelocationKind::Aarch64PageOffset12,
            elf::R_AARCH64_LDST8_ABS_LO12_NC => RelocationKind::Aarch64Access12(0),
            elf::R_AARCH64_LDST16_ABS_LO12_NC => RelocationKind::Aarch64Access12(1),
            elf::R_AARCH64_LDST32_ABS_LO12_NC => RelocationKind::Aarch64Access12(2),
            elf::R_AARCH64_LDST64_ABS_LO12_NC => RelocationKind::Aarch64Access12(3),
            elf::R_AARCH64_LDST128_ABS_LO12_NC => RelocationKind::Aarch64Access12(4),
            elf::R_AARCH64_TLSDESC_ADR_PAGE21 => RelocationKind::Aarch64ThreadLocalPage21,
            elf::R_AARCH64_TLSDESC_LD64_LO12 => RelocationKind::Aarch64ThreadLocalLoad12,
            elf::R_AARCH64_TLSDESC_ADD_LO12 => RelocationKind::Aarch64ThreadLocalAdd12,
            elf::R_AARCH64_TLSDESC_CALL => RelocationKind::Aarch64ThreadLocalCall,
            _ => return None,
        })
    },
};
