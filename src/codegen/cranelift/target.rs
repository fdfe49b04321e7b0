//! From [`Options`] to Cranelift's target and settings.

use super::processor;
use crate::options::{Cpu, OptLevel, Options};
use crate::translate::{Architecture, Machine};
use anyhow::{Context, Result, anyhow, bail};
use cranelift_codegen::ir::{Function, Opcode};
use cranelift_codegen::isa::{self, OwnedTargetIsa, TargetIsa};
use cranelift_codegen::settings::{self, Configurable};
use std::str::FromStr;
use target_lexicon::{BinaryFormat, Environment, OperatingSystem, Riscv64Architecture, Triple};

/// What objects are made for, by the names that rustc and clang give them, and what they are.
pub const TARGETS: [(&str, &str); 13] = [
    ("x86_64-unknown-linux-gnu", "ELF; programs, too"),
    ("x86_64-unknown-linux-musl", "ELF; programs, too"),
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
/// When it is no triple, or one that we can't compile for.
pub fn triple(options: &Options) -> Result<Triple> {
    const HELP: &str = "--target help lists what there is";
    let Some(name) = &options.target else { return check(Triple::host()) };
    let triple = Triple::from_str(&canonical(name))
        .map_err(|error| anyhow!("`{name}` is no target triple: {error}\nhelp: {HELP}"))?;
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

/// Whether programs can be made for `triple`, or nothing but objects: the runtime that this
/// compiler carries is for one target.
pub fn has_runtime(triple: &Triple) -> bool {
    triple.architecture == target_lexicon::Architecture::X86_64 && triple.operating_system == OperatingSystem::Linux
}

/// Cranelift's back end for a target, in two settings.
pub struct Isa {
    pub usual: OwnedTargetIsa,
    /// Every function sets up a frame: what tail calls need.
    framed: OwnedTargetIsa,
}

impl Isa {
    /// The back end for `triple`.
    ///
    /// # Errors
    /// When the processor is unknown.
    pub fn new(triple: &Triple, options: &Options) -> Result<Isa> {
        // There is no frame pointer on s390x. The setting makes every function keep the chain of
        // frames in its place.
        let usual = if triple.architecture == target_lexicon::Architecture::S390x { "true" } else { "false" };
        let isa = Isa { usual: isa(triple, options, usual)?, framed: isa(triple, options, "true")? };
        // Without it, vectors are compiled wrongly or not at all.
        if isa.machine().architecture == Architecture::X86_64 && !isa.has("has_sse41") {
            bail!("the processor has no SSE4.1, which is the least that is supported; x86-64-v2 has it");
        }
        Ok(isa)
    }

    /// The setting that a function has to be compiled with.
    pub fn for_function(&self, func: &Function) -> &dyn TargetIsa {
        let is_tail_call =
            |inst| matches!(func.dfg.insts[inst].opcode(), Opcode::ReturnCall | Opcode::ReturnCallIndirect);
        let mut last_insts = func.layout.blocks().filter_map(|block| func.layout.last_inst(block));
        if last_insts.any(is_tail_call) { &*self.framed } else { &*self.usual }
    }

    /// What translation has to know of the processor.
    pub fn machine(&self) -> Machine {
        let architecture = match self.usual.triple().architecture {
            target_lexicon::Architecture::X86_64 => Architecture::X86_64,
            target_lexicon::Architecture::Aarch64(_) => Architecture::Aarch64,
            target_lexicon::Architecture::Riscv64(_) => Architecture::Riscv64,
            target_lexicon::Architecture::S390x => Architecture::S390x,
            other => panic!("`triple` lets no {other} through"),
        };
        Machine {
            architecture,
            vectors: architecture != Architecture::Riscv64 || self.has("has_v"),
            fused_multiply_add: architecture != Architecture::X86_64,
        }
    }

    /// Whether the processor has a feature, by Cranelift's name for it.
    pub fn has(&self, feature: &str) -> bool {
        self.usual.isa_flags().iter().any(|flag| flag.name == feature && flag.as_bool() == Some(true))
    }
}

fn isa(triple: &Triple, options: &Options, preserve_frame_pointers: &str) -> Result<OwnedTargetIsa> {
    let mut flags = settings::builder();
    let mut set = |name, value| flags.set(name, value).expect("Cranelift has this setting");
    set("opt_level", opt_level(options.opt_level));
    set("enable_verifier", if options.verify { "true" } else { "false" });
    set("preserve_frame_pointers", preserve_frame_pointers);
    // Code is position-independent all the same: every symbol that it names is near, and reached by
    // its distance. See `translate::symbols` for what is not.
    set("is_pic", "false");
    set("use_colocated_libcalls", "true");
    set("unwind_info", "true");
    set("tls_model", "elf_gd");
    // The program is its own only tenant: there is nobody to hide its memory from.
    set("enable_heap_access_spectre_mitigation", "false");
    set("enable_table_access_spectre_mitigation", "false");
    // Frames larger than the guard page touch every page, so that exhaustion faults inside the
    // guard.
    set("enable_probestack", "true");
    set("probestack_strategy", "inline");
    set("enable_multi_ret_implicit_sret", "true");
    let mut builder = isa::lookup(triple.clone()).map_err(|error| anyhow!("target {triple}: {error}"))?;
    match &options.cpu {
        Cpu::Default => processor::enable_default(&mut builder, triple),
        Cpu::Named(name) => processor::enable(&mut builder, triple, name)?,
        Cpu::Native => {
            if triple.architecture != Triple::host().architecture {
                bail!("`--cpu native` needs the host's own target");
            }
            cranelift_native::infer_native_flags(&mut builder).map_err(|error| anyhow!("{error}"))?;
        }
    }
    builder.finish(settings::Flags::new(flags)).context("Cranelift refuses these settings")
}

/// Level of the x86-64 psABI ("Micro-Architecture Levels") that the program has to check for when
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

fn opt_level(level: OptLevel) -> &'static str {
    match level {
        OptLevel::None => "none",
        OptLevel::Speed => "speed",
        OptLevel::Size => "speed_and_size",
    }
}
