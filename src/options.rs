//! What a user can ask for. Plain data: flags exist only in `src/bin/`.

use std::fmt;
use std::path::PathBuf;

/// How much work goes into the code.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum OptLevel {
    /// Compile fast.
    None,
    #[default]
    Speed,
    /// Speed, but not at the price of larger code.
    Size,
}

/// What to produce.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Emit {
    /// The module as text.
    Wat,
    /// How the module hangs together with others and with its host.
    Linkage,
    /// What analysis found out about the module's entities.
    Facts,
    /// Where the module's entities live in the native program.
    Layout,
    /// What memories and tables hold at the start.
    Image,
    /// Cranelift's intermediate form, one function after the other.
    Clif,
    /// What clang gets, with the generator LLVM.
    LlvmIr,
    /// Machine code as text, with the Wasm offsets as comments.
    Listing,
    /// The object as assembly, with lines of the source as comments.
    Asm,
    /// A relocatable object: imports are undefined symbols, exports are global ones.
    Obj,
    /// An archive with that object and the runtime.
    Staticlib,
    /// A shared library, with the runtime.
    Sharedlib,
    /// Declarations of a library for C and C++.
    Header,
    /// The same, and a class for C++.
    Cxx,
    /// Declarations of a library for Rust.
    Rust,
    /// Sections and symbols of the program, by address.
    LinkMap,
    /// The runtime for the target, as an archive: of no module.
    Runtime,
    #[default]
    Exe,
}

impl Emit {
    /// Whether the form is text, which may go to a terminal.
    pub fn is_text(self) -> bool {
        !matches!(self, Emit::Obj | Emit::Staticlib | Emit::Sharedlib | Emit::Runtime | Emit::Exe)
    }

    /// Whether the form is made of a whole program: of all its modules and the runtime.
    pub fn is_of_program(self) -> bool {
        matches!(self, Emit::Exe | Emit::LinkMap)
    }
}

/// One of the files that a compilation makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    pub emit: Emit,
    /// `-` is standard output, for text.
    pub file: PathBuf,
}

/// Instruction set to compile for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Cpu {
    /// What every x86-64 processor since 2009 has: `x86-64-v2` of the psABI. On other architectures
    /// the baseline of their Linux distributions, and Apple's first processor.
    #[default]
    Default,
    /// What this machine has.
    Native,
    /// A level of the psABI (`x86-64`, `x86-64-v2`, …), a processor, or an instruction set, and
    /// features after a `+` each; see `codegen::cranelift::processor`.
    Named(String),
}

/// What makes machine code.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum GeneratorName {
    /// Part of this program.
    #[default]
    Cranelift,
    /// A clang on the machine.
    Llvm,
}

/// Where a program's first 32-bit memory lies. The memories of libraries lie anywhere.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum MemoryBase {
    /// At [`crate::abi::memory::FIXED_BASE`]: accesses need no register for the address.
    #[default]
    Fixed,
    /// Where the system finds room for it.
    Any,
}

/// A text with declarations of imported C functions (see `crate::foreign`), and what messages call
/// it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub origin: Origin,
    pub text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Given on the command line: it must be of use.
    Line,
    /// A file, which may declare more than a program imports.
    File(String),
    /// What this program knows of the C library.
    Library,
    /// The module itself.
    Section,
}

/// A cache of compiled functions.
#[derive(Clone, PartialEq, Eq)]
pub struct CacheOptions {
    /// A directory, or the address of a remote end, which may have a password in it.
    pub place: String,
    /// A file with the secret that entries are sealed with.
    pub key: Option<PathBuf>,
    /// The most bytes in the directory. Remote ends have limits of their own.
    pub limit: u64,
}

/// Without a password.
impl fmt::Debug for CacheOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CacheOptions { place, key, limit } = self;
        let place = without_password(place);
        f.debug_struct("CacheOptions").field("place", &place).field("key", key).field("limit", limit).finish()
    }
}

/// A text for messages: an address in it, as of a cache, has neither user nor password.
pub fn without_password(text: &str) -> String {
    match text.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?))) {
        Some((scheme, (_, rest))) => format!("{scheme}://***@{rest}"),
        None => text.to_owned(),
    }
}

impl CacheOptions {
    /// The limit that users get.
    pub const LIMIT: u64 = 4 << 30;
}

/// Where an instrumented program adds its profile to, unless its user says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProfileOutput {
    /// `NAME.profile` in the current directory, after the module's name.
    ByName,
    File(String),
}

/// A profile that code is made with: the text, and what messages call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileText {
    pub file: String,
    pub text: Vec<u8>,
}

/// Everything a compilation depends on besides the input's bytes.
#[derive(Clone, Debug)]
pub struct Options {
    /// Target triple; `None` is the machine that compiles.
    pub target: Option<String>,
    /// A file with the runtime for it; `None`: the one that this program carries.
    pub runtime: Option<PathBuf>,
    pub cpu: Cpu,
    pub opt_level: OptLevel,
    /// Cranelift's code has copies of small functions where they are called, unless `opt_level` is
    /// [`OptLevel::None`].
    pub inline: bool,
    /// Addresses that a compare found outside are masked, so that a processor that guesses does not
    /// read there either.
    pub spectre_masks: bool,
    /// The host of a library may end a call from outside.
    pub interruptible: bool,
    /// Memories and globals are exact when a trap has ended a call. With Cranelift they always are.
    pub exact_traps: bool,
    pub memory_base: MemoryBase,
    /// Accesses to 32-bit memories compare with the size, and the memories take little address
    /// space.
    pub memory_checks: bool,
    /// Debuggers are told of lines and variables.
    pub debug: bool,
    /// A module that has the DWARF of the main one.
    pub debug_file: Option<PathBuf>,
    /// Backtraces have the module's lines, however much space those take.
    pub lines: bool,
    /// The output beside which the text form of modules without source is written for debuggers.
    pub debug_text: Option<PathBuf>,
    pub generator: GeneratorName,
    /// The clang that LLVM's text form goes to; `None` is one on PATH.
    pub clang: Option<PathBuf>,
    /// The program counts how often its blocks run.
    pub profile_generate: Option<ProfileOutput>,
    /// How often they ran; several profiles are added.
    pub profile_use: Vec<ProfileText>,
    /// Run Cranelift's verifier on every function.
    pub verify: bool,
    /// Exported function to run instead of `_start` or `main`; its arguments come from the command
    /// line.
    pub invoke: Option<String>,
    /// Powers and limits fixed at build time, as on the program's own command line: `["--dir", ".",
    /// "--env", "A=B"]`.
    pub program_options: Vec<String>,
    /// The program can be given a time after which it ends, even if it does not use WASI.
    pub timeout: bool,
    /// The program prints each call of WASI.
    pub trace: bool,
    /// Directories whose contents the program carries: the host's, and the guest's name.
    /// `program_options` names the latter again, in the same order.
    pub embedded: Vec<(PathBuf, String)>,
    /// The program ignores `WASM2NATIVE_OPTIONS`.
    pub fixed_powers: bool,
    /// Traps are reported as `fatal error: REASON` and places in the source, with status 2, as
    /// programs of other languages than Wasm do.
    pub fatal_errors: bool,
    /// Other modules of the program: the name under which they are imported, and their files.
    pub modules: Vec<(String, PathBuf)>,
    /// Declarations of imported C functions.
    pub imports: Vec<Source>,
    /// Experimental proposals that modules may use, by the names in `wasm::unsupported`.
    pub enable: Vec<String>,
    /// Prefix of exported symbols in objects: `PREFIX_name`. `None`: made from the input's name.
    pub prefix: Option<String>,
    /// Declarations for Rust take the runtime's part from this path.
    pub rust_runtime: Option<String>,
    /// Exported functions keep their names, without the prefix.
    pub own_names: bool,
    /// Functions of the host that a library imports get the host's pointer before their arguments.
    pub user_data: bool,
    /// The library has any number of instances, which its functions get as their first argument.
    pub instances: bool,
    /// Leave symbols out of the executable; traps still name functions.
    pub strip: bool,
    /// Where functions that were compiled before are taken from. It decides about nothing but time.
    pub cache: Option<CacheOptions>,
    /// Folder for every stage's result per function.
    pub dump: Option<PathBuf>,
    /// Keep the object beside the output and print how it was linked.
    pub keep: bool,
    pub link: LinkOptions,
}

/// What modules are linked with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkOptions {
    /// Objects, archives, shared libraries and C sources.
    pub files: Vec<PathBuf>,
    /// Words for the C compiler when it compiles sources.
    pub source_flags: Vec<String>,
    /// `NAME` of each `-l NAME`; `:FILE` names a file, as for `ld`.
    pub libraries: Vec<String>,
    /// Where libraries are searched before the system's folders.
    pub folders: Vec<PathBuf>,
    /// Words for the C compiler that links: `-Wl,-z,now`.
    pub flags: Vec<String>,
    /// The C compiler that links, with flags of its own: `zig`, `clang -static`. `None`: no such
    /// compiler unless one is needed.
    pub linker: Option<String>,
    /// `module.name` of an import, and its C symbol instead of that by the naming rule.
    pub import_symbols: Vec<(String, String)>,
    /// A function import that nothing defines is a trap when it is called.
    pub allow_undefined: bool,
    /// Imports of other toolchains' libraries get nothing from the runtime.
    pub no_shim: bool,
    /// Patterns over `module.name`. When there is one, C functions that none covers can't be
    /// imported.
    pub allowed_imports: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            target: None,
            runtime: None,
            cpu: Cpu::default(),
            opt_level: OptLevel::default(),
            inline: false,
            spectre_masks: false,
            interruptible: false,
            exact_traps: false,
            memory_base: MemoryBase::default(),
            memory_checks: false,
            debug: false,
            debug_file: None,
            lines: false,
            debug_text: None,
            generator: GeneratorName::default(),
            clang: None,
            profile_generate: None,
            profile_use: Vec::new(),
            verify: cfg!(debug_assertions),
            invoke: None,
            program_options: Vec::new(),
            timeout: false,
            trace: false,
            embedded: Vec::new(),
            fixed_powers: false,
            fatal_errors: false,
            modules: Vec::new(),
            imports: Vec::new(),
            enable: Vec::new(),
            prefix: None,
            rust_runtime: None,
            own_names: false,
            user_data: false,
            instances: false,
            strip: false,
            cache: None,
            dump: None,
            keep: false,
            link: LinkOptions::default(),
        }
    }
}
