//! The targets that programs and libraries can be made for: those of the runtime that `build/`
//! embeds. All that the build, the linker and the messages have to know of one is its row here.
//!
//! Objects are made for more targets (`codegen::target::TARGETS`), and what their formats differ in
//! is in `object::format`, the size of pages among it. The build script includes this file.
// The build script uses one part of it, and this crate the other.
#![allow(dead_code)]

/// A target with a runtime.
#[derive(Debug)]
pub struct RuntimeTarget {
    /// As rustc names it.
    pub triple: &'static str,
    /// As `WASM2NATIVE_RUNTIME_LIBC` names its C library.
    pub c_library: &'static str,
    pub origin: Origin,
    /// Programs that call no C have the library of `wasi-shim/libc` in place of that one.
    pub has_own_library: bool,
    /// The archives of the C library, and of what it and the runtime need of the compiler, in the
    /// order of the link.
    pub archives: &'static [&'static str],
    pub machine: &'static Machine,
}

/// Where the files of a C library come from.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The C compiler of the machine knows their places. There is a shared C library, too.
    Compiler,
    /// Rust brings them with its target.
    Rust,
}

/// What targets of one processor have in common.
#[derive(Debug)]
pub struct Machine {
    /// In messages.
    pub name: &'static str,
    /// What compilers for many machines call it, for instance clang after `--target`.
    pub gnu_triple: &'static str,
    /// The C compiler that other machines have for it, and the Debian packages of it and of the C
    /// library.
    pub cross_compiler: &'static str,
    pub packages: &'static str,
    /// `e_machine` of the ELF header, and how tools name it.
    pub number: u16,
    pub elf_name: &'static str,
    /// The ABI of the same machine number with addresses of 32 bits.
    pub narrow_abi: &'static str,
    /// `-m` of linkers.
    pub emulation: &'static str,
    /// What the C library is when a program is loaded: libc, libm, and the dynamic linker.
    pub shared_libraries: [&'static str; 3],
    /// Where distributions keep libraries of this machine alone, in the order of GNU ld's
    /// `SEARCH_DIR`.
    pub library_folders: &'static [&'static str],
    /// Relocations by an absolute address that is too short for a position-independent program.
    pub fixed_relocations: &'static [(u32, &'static str)],
}

impl Machine {
    /// Whether programs for it run here.
    pub fn is_here(&self) -> bool {
        self.elf_name == std::env::consts::ARCH && std::env::consts::OS == "linux"
    }
}

/// Where distributions keep libraries of the machine that they run on; after the folders of
/// [`Machine::library_folders`].
pub const OWN_LIBRARY_FOLDERS: [&str; 6] =
    ["/usr/local/lib64", "/lib64", "/usr/lib64", "/usr/local/lib", "/lib", "/usr/lib"];

/// The start files of a static position-independent program, in the order of the link: the first
/// three precede everything else, the others follow it.
pub const START_FILES: [&str; 5] = ["rcrt1.o", "crti.o", "crtbeginS.o", "crtendS.o", "crtn.o"];

pub static RUNTIME_TARGETS: [RuntimeTarget; 3] = [
    RuntimeTarget {
        triple: "x86_64-unknown-linux-gnu",
        c_library: "glibc",
        origin: Origin::Compiler,
        has_own_library: true,
        archives: &["libc.a", "libm.a", "libgcc.a", "libgcc_eh.a"],
        machine: &X86_64,
    },
    RuntimeTarget {
        triple: "x86_64-unknown-linux-musl",
        c_library: "musl",
        origin: Origin::Rust,
        has_own_library: false,
        archives: &["libc.a", "libunwind.a"],
        machine: &X86_64,
    },
    RuntimeTarget {
        triple: "aarch64-unknown-linux-gnu",
        c_library: "glibc",
        origin: Origin::Compiler,
        has_own_library: true,
        archives: &["libc.a", "libm.a", "libgcc.a", "libgcc_eh.a"],
        machine: &AARCH64,
    },
];

static X86_64: Machine = Machine {
    name: "x86-64",
    gnu_triple: "x86_64-linux-gnu",
    cross_compiler: "x86_64-linux-gnu-gcc",
    packages: "gcc-x86-64-linux-gnu with libc6-dev-amd64-cross",
    number: 62,
    elf_name: "x86_64",
    narrow_abi: "x32",
    emulation: "elf_x86_64",
    shared_libraries: ["libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2"],
    library_folders: &[
        "/usr/local/lib/x86_64-linux-gnu",
        "/lib/x86_64-linux-gnu",
        "/usr/lib/x86_64-linux-gnu",
        "/usr/x86_64-linux-gnu/lib",
    ],
    fixed_relocations: &[(10, "R_X86_64_32"), (11, "R_X86_64_32S"), (12, "R_X86_64_16"), (14, "R_X86_64_8")],
};

static AARCH64: Machine = Machine {
    name: "aarch64",
    gnu_triple: "aarch64-linux-gnu",
    cross_compiler: "aarch64-linux-gnu-gcc",
    packages: "gcc-aarch64-linux-gnu with libc6-dev-arm64-cross",
    number: 183,
    elf_name: "aarch64",
    narrow_abi: "ILP32",
    emulation: "aarch64linux",
    shared_libraries: ["libc.so.6", "libm.so.6", "ld-linux-aarch64.so.1"],
    library_folders: &[
        "/usr/local/lib/aarch64-linux-gnu",
        "/lib/aarch64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
        "/usr/aarch64-linux-gnu/lib",
    ],
    // Of 32 and of 16 bits, and the parts of an address that `movz` and `movk` put together.
    fixed_relocations: &[
        (258, "R_AARCH64_ABS32"),
        (259, "R_AARCH64_ABS16"),
        (263, "R_AARCH64_MOVW_UABS_G0"),
        (264, "R_AARCH64_MOVW_UABS_G0_NC"),
        (265, "R_AARCH64_MOVW_UABS_G1"),
        (266, "R_AARCH64_MOVW_UABS_G1_NC"),
        (267, "R_AARCH64_MOVW_UABS_G2"),
        (268, "R_AARCH64_MOVW_UABS_G2_NC"),
        (269, "R_AARCH64_MOVW_UABS_G3"),
    ],
};
