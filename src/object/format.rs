//! What the object formats and processors differ in: headers, relocations, names of sections, weak
//! symbols, distances.
//!
//! The rest of the writer speaks of [`RelocationKind`]s and standard sections and asks here. To add
//! a target: its row in each `match`.

use crate::abi;
use crate::code::{Code, RelocationKind};
use object::write::{MachOBuildVersion, Object};
use object::{Architecture, BinaryFormat, Endianness, FileFlags, RelocationFlags, elf, macho, pe};
use target_lexicon::{OperatingSystem, Triple};

/// Where an object goes.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct ObjectFormat {
    pub binary: BinaryFormat,
    pub architecture: Architecture,
    pub endianness: Endianness,
}

impl ObjectFormat {
    /// # Panics
    /// For a triple that no code is generated for.
    pub fn of(triple: &Triple) -> ObjectFormat {
        let binary = match triple.binary_format {
            target_lexicon::BinaryFormat::Elf => BinaryFormat::Elf,
            target_lexicon::BinaryFormat::Macho => BinaryFormat::MachO,
            target_lexicon::BinaryFormat::Coff => BinaryFormat::Coff,
            other => panic!("no target has objects in the format {other}"),
        };
        let (architecture, endianness) = match triple.architecture {
            target_lexicon::Architecture::X86_64 => (Architecture::X86_64, Endianness::Little),
            target_lexicon::Architecture::Aarch64(_) => (Architecture::Aarch64, Endianness::Little),
            target_lexicon::Architecture::Riscv64(_) => (Architecture::Riscv64, Endianness::Little),
            target_lexicon::Architecture::S390x => (Architecture::S390x, Endianness::Big),
            other => panic!("no target has the architecture {other}"),
        };
        ObjectFormat { binary, architecture, endianness }
    }

    /// An empty object with what its header says.
    pub fn object(self, code: &Code) -> Object<'static> {
        let mut object = Object::new(self.binary, self.architecture, self.endianness);
        match (self.binary, self.architecture) {
            (BinaryFormat::MachO, _) => object.set_macho_build_version(build_version(&code.triple)),
            (BinaryFormat::Elf, Architecture::Riscv64) => {
                // Linkers refuse to mix conventions for floating-point numbers (psABI, "File
                // Header").
                let mut e_flags = elf::EF_RISCV_FLOAT_ABI_DOUBLE;
                if code.compressed {
                    e_flags |= elf::EF_RISCV_RVC;
                }
                object.flags = FileFlags::Elf { os_abi: elf::ELFOSABI_NONE, abi_version: 0, e_flags };
            }
            _ => {}
        }
        object
    }

    /// The largest page that a system has where programs of the format run: what the runtime moves
    /// or protects page by page is aligned to it.
    pub fn page_size(self) -> u64 {
        match (self.binary, self.architecture) {
            (BinaryFormat::Elf, Architecture::Aarch64) => abi::memory::AARCH64_PAGE,
            // Apple's processors have pages of 16 KiB.
            (BinaryFormat::MachO, Architecture::Aarch64) => 16 << 10,
            _ => abi::memory::X86_64_PAGE,
        }
    }

    /// Bytes before a table's entries that no one may read, or 0 where programs of the format have
    /// no runtime that could see to it.
    pub fn table_guard(self) -> u64 {
        if self.binary == BinaryFormat::Elf { self.page_size() } else { 0 }
    }

    /// How the format says `kind`.
    ///
    /// # Panics
    /// For a relocation of another processor.
    pub fn relocation(self, kind: RelocationKind) -> RelocationFlags {
        let flags = match self.binary {
            BinaryFormat::Elf => self.elf(kind).map(|r_type| RelocationFlags::Elf { r_type }),
            BinaryFormat::MachO => self.macho(kind),
            _ => self.coff(kind).map(|typ| RelocationFlags::Coff { typ }),
        };
        flags.unwrap_or_else(|| panic!("{kind:?} is not a relocation of {self:?}"))
    }

    fn elf(self, kind: RelocationKind) -> Option<elf::RelocationType> {
        use RelocationKind as K;
        Some(match (self.architecture, kind) {
            (Architecture::X86_64, K::Absolute8) => elf::R_X86_64_64,
            (Architecture::X86_64, K::Relative4 | K::FromNext4) => elf::R_X86_64_PC32,
            (Architecture::X86_64, K::Call4) => elf::R_X86_64_PLT32,
            (Architecture::X86_64, K::ThreadLocal4) => elf::R_X86_64_TLSGD,
            (Architecture::Aarch64, K::Absolute8) => elf::R_AARCH64_ABS64,
            (Architecture::Aarch64, K::Relative4 | K::FromNext4) => elf::R_AARCH64_PREL32,
            (Architecture::Aarch64, K::Aarch64Call26) => elf::R_AARCH64_CALL26,
            (Architecture::Aarch64, K::Aarch64Page21) => elf::R_AARCH64_ADR_PREL_PG_HI21,
            (Architecture::Aarch64, K::Aarch64PageOffset12) => elf::R_AARCH64_ADD_ABS_LO12_NC,
            (Architecture::Aarch64, K::Aarch64Access12(0)) => elf::R_AARCH64_LDST8_ABS_LO12_NC,
            (Architecture::Aarch64, K::Aarch64Access12(1)) => elf::R_AARCH64_LDST16_ABS_LO12_NC,
            (Architecture::Aarch64, K::Aarch64Access12(2)) => elf::R_AARCH64_LDST32_ABS_LO12_NC,
            (Architecture::Aarch64, K::Aarch64Access12(3)) => elf::R_AARCH64_LDST64_ABS_LO12_NC,
            (Architecture::Aarch64, K::Aarch64Access12(4)) => elf::R_AARCH64_LDST128_ABS_LO12_NC,
            (Architecture::Aarch64, K::Aarch64ThreadLocalPage21) => elf::R_AARCH64_TLSDESC_ADR_PAGE21,
            (Architecture::Aarch64, K::Aarch64ThreadLocalLoad12) => elf::R_AARCH64_TLSDESC_LD64_LO12,
            (Architecture::Aarch64, K::Aarch64ThreadLocalAdd12) => elf::R_AARCH64_TLSDESC_ADD_LO12,
            (Architecture::Aarch64, K::Aarch64ThreadLocalCall) => elf::R_AARCH64_TLSDESC_CALL,
            (Architecture::Riscv64, K::Absolute8) => elf::R_RISCV_64,
            (Architecture::Riscv64, K::Relative4 | K::FromNext4) => elf::R_RISCV_32_PCREL,
            (Architecture::Riscv64, K::RiscvCall) => elf::R_RISCV_CALL_PLT,
            (Architecture::Riscv64, K::RiscvPcrelHi20) => elf::R_RISCV_PCREL_HI20,
            (Architecture::Riscv64, K::RiscvPcrelLo12) => elf::R_RISCV_PCREL_LO12_I,
            (Architecture::S390x, K::Absolute8) => elf::R_390_64,
            (Architecture::S390x, K::Relative4 | K::FromNext4) => elf::R_390_PC32,
            (Architecture::S390x, K::S390xRelative4) => elf::R_390_PC32DBL,
            (Architecture::S390x, K::S390xCall4) => elf::R_390_PLT32DBL,
            _ => return None,
        })
    }

    fn macho(self, kind: RelocationKind) -> Option<RelocationFlags> {
        use RelocationKind as K;
        let (r_type, r_pcrel, r_length) = match (self.architecture, kind) {
            (Architecture::X86_64, K::Absolute8) => (macho::X86_64_RELOC_UNSIGNED, false, 3),
            (Architecture::X86_64, K::Relative4) => (macho::X86_64_RELOC_SIGNED, true, 2),
            (Architecture::X86_64, K::Call4) => (macho::X86_64_RELOC_BRANCH, true, 2),
            (Architecture::Aarch64, K::Absolute8) => (macho::ARM64_RELOC_UNSIGNED, false, 3),
            (Architecture::Aarch64, K::Aarch64Call26) => (macho::ARM64_RELOC_BRANCH26, true, 2),
            (Architecture::Aarch64, K::Aarch64Page21) => (macho::ARM64_RELOC_PAGE21, true, 2),
            (Architecture::Aarch64, K::Aarch64PageOffset12) => (macho::ARM64_RELOC_PAGEOFF12, false, 2),
            _ => return None,
        };
        Some(RelocationFlags::MachO { r_type, r_pcrel, r_length })
    }

    fn coff(self, kind: RelocationKind) -> Option<pe::RelocationType> {
        use RelocationKind as K;
        Some(match (self.architecture, kind) {
            (Architecture::X86_64, K::Absolute8) => pe::IMAGE_REL_AMD64_ADDR64,
            (Architecture::X86_64, K::Relative4 | K::FromNext4 | K::Call4) => pe::IMAGE_REL_AMD64_REL32,
            (Architecture::Aarch64, K::Absolute8) => pe::IMAGE_REL_ARM64_ADDR64,
            (Architecture::Aarch64, K::Relative4 | K::FromNext4) => pe::IMAGE_REL_ARM64_REL32,
            (Architecture::Aarch64, K::Aarch64Call26) => pe::IMAGE_REL_ARM64_BRANCH26,
            (Architecture::Aarch64, K::Aarch64Page21) => pe::IMAGE_REL_ARM64_PAGEBASE_REL21,
            (Architecture::Aarch64, K::Aarch64PageOffset12) => pe::IMAGE_REL_ARM64_PAGEOFFSET_12A,
            _ => return None,
        })
    }

    /// COFF: the distance of the target from the beginning of the program, in 4 bytes.
    pub fn image_relative(self) -> RelocationFlags {
        let typ = match self.architecture {
            Architecture::X86_64 => pe::IMAGE_REL_AMD64_ADDR32NB,
            _ => pe::IMAGE_REL_ARM64_ADDR32NB,
        };
        RelocationFlags::Coff { typ }
    }

    /// Mach-O: half of the difference of two symbols, in `1 << r_length` bytes; the other half is
    /// the subtractor.
    pub fn minuend(self, r_length: u8) -> RelocationFlags {
        let r_type = match self.architecture {
            Architecture::X86_64 => macho::X86_64_RELOC_UNSIGNED,
            _ => macho::ARM64_RELOC_UNSIGNED,
        };
        RelocationFlags::MachO { r_type, r_pcrel: false, r_length }
    }

    /// Segment and name of the section of pages that the runtime moves to their memories.
    pub fn pages_section(self) -> (&'static str, &'static str) {
        match self.binary {
            BinaryFormat::MachO => ("__DATA", "__w2n_pages"),
            _ => ("", ".w2n.pages"),
        }
    }

    /// Segment and name of the section of [`abi::program::Program::options`].
    pub fn options_section(self) -> (&'static str, &'static str) {
        match self.binary {
            BinaryFormat::MachO => ("__TEXT", "__w2n_options"),
            _ => ("", abi::program::OPTIONS_SECTION),
        }
    }
}

/// Which system the object is for; without it Apple's linker warns and guesses. The least version
/// is the one that the triple names, or else that of rustc's targets of the same name.
fn build_version(triple: &Triple) -> MachOBuildVersion {
    let named = match triple.operating_system {
        OperatingSystem::MacOSX(version) => version.map(|it| (it.major, it.minor, it.patch)),
        _ => None,
    };
    let default = if triple.architecture == target_lexicon::Architecture::X86_64 { (10, 12, 0) } else { (11, 0, 0) };
    let (major, minor, patch) = named.unwrap_or(default);
    let mut version = MachOBuildVersion::default();
    version.platform = macho::PLATFORM_MACOS;
    version.minos = macho::Version(u32::from(major) << 16 | u32::from(minor) << 8 | u32::from(patch));
    version.sdk = version.minos;
    version
}
