//! What a program requires of the processor: the features that its code was compiled for.
//!
//! The compiler writes a row for each, the runtime reads them before translated code runs, and
//! `wasm2native inspect` prints their names. The runtime knows no feature; it reads the registers
//! that the rows name.

/// Bytes of the longest name, with a zero after it.
pub const NAME_LENGTH: usize = 15;

/// Registers of x86-64: outputs of CPUID by leaf (Intel SDM 2, "CPUID"), and XCR0, which says what
/// the system saves at a switch of threads.
pub mod x86_64 {
    pub const LEAF_1_ECX: u8 = 0;
    pub const LEAF_7_EBX: u8 = 1;
    pub const LEAF_7_ECX: u8 = 2;
    pub const LEAF_7_EDX: u8 = 3;
    /// Of the second subleaf.
    pub const LEAF_7_1_EAX: u8 = 4;
    /// Leaf 0x8000_0001.
    pub const EXTENDED_ECX: u8 = 5;
    pub const XCR0: u8 = 6;
}

/// Registers of aarch64, as the kernel hands them over (Linux, `arch/arm64/elf_hwcaps.rst`).
pub mod aarch64 {
    pub const HWCAP: u8 = 0;
    pub const HWCAP2: u8 = 1;
}

record! {
    /// Bits of a register, all of which a feature needs. A feature with bits in several registers
    /// has several records of the same name, one after the other.
    pub struct Requirement from RequirementFields {
        pub bits: u32,
        pub register: u8,
        /// As `--cpu` takes it, filled up with zeros.
        pub name: [u8; NAME_LENGTH],
    }
}
