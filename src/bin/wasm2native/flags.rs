//! The command line as types: flags, their help, and the [`Options`] that they yield.
//!
//! To add a flag: a field here under its heading, its value in [`Compile::options`] or
//! [`Code::options`]. Its help says what the user gets.

use crate::checks::Checks;
use crate::choices::{Base, GeneratorChoice, Level, PrintWhat, print_what};
use crate::commands::{CacheCommand, Cmake, Completions, Explore, Inspect, Man};
use crate::forms::{EmitItem, FORMS, emit_item};
use crate::linking::Linking;
use crate::powers::Powers;
use clap::{ArgAction, Args, ColorChoice, Parser, Subcommand, ValueEnum};
use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use wasm2native::codegen::GENERATORS;
use wasm2native::foreign;
use wasm2native::link::suggest;
use wasm2native::options::{
    CacheOptions, Cpu, Emit, GeneratorName, MemoryBase, OptLevel, Options, Origin, ProfileOutput, ProfileText, Source,
};
use wasm2native::report;
use wasm2native::wasm::unsupported;

const USAGE: &str = "wasm2native [OPTIONS] INPUT [-o OUTPUT]
       wasm2native [OPTIONS] INPUT FILE.o FILE.a FILE.c -lNAME
       wasm2native [OPTIONS] INPUT... --out-dir DIR
       wasm2native run [OPTIONS] MODULE [ARGS]...
       wasm2native inspect FILE...
       wasm2native explore MODULE -o PAGE
       wasm2native cache path|size|clear
       wasm2native cmake --out-dir DIR
       wasm2native completions SHELL
       wasm2native man --out-dir DIR";

const EXAMPLES: &str = "Examples:
  wasm2native app.wasm                 build the program ./app
  wasm2native app.wasm --dir .         the same; it may use files where it is started
  wasm2native app.wasm helper.c -lz    link it with C: imports `env.f` are C functions `f`
  wasm2native lib.wasm --emit staticlib,header
                                       lib.a and lib.h, to call the module from C, C++ or Rust
  wasm2native *.wasm --out-dir bin     one program per module
  wasm2native -S app.wasm -o -         look at the code
  wasm2native run app.wasm hello       build into a cache, run with the argument `hello`
  wasm2native inspect app              show what the program `app` may do

Runner for cargo:
  export CARGO_TARGET_WASM32_WASIP1_RUNNER=\"wasm2native run --dir .\"
  cargo test --target wasm32-wasip1";

const LONG_ABOUT: &str = "Compiles WebAssembly to native programs, ahead of time.

INPUT is a module (.wasm) or its text (.wat). The result runs by itself: it needs no engine and no library. \
A program built from a WASI module sees only its arguments and its standard streams. Grant it files and environment \
variables when building (--dir, --env) or when running (environment variable WASM2NATIVE_OPTIONS=\"--dir .\").

An import that is not part of WASI is a C function: `env.puts` is `puts`, and `zlib.inflate` is `zlib_inflate`. \
wasm2native looks for it in other modules (--module), in the objects, archives, libraries and C sources on the command line, \
and in the C library that it carries, which needs no C compiler. C functions are outside of the sandbox: \
--allow-import says which may be called.";

const AFTER_LONG_HELP: &str =
    "`@FILE` is replaced by the words in FILE, which may be quoted as in a shell.

Exit status: 0 if everything was built, 1 if something could not be built or written, 2 for wrong usage, 101 for a bug in \
wasm2native, which you should report. If the reader of a pipe closes it, the command ends with 1 and without a message. \
`wasm2native run` exits with the program's status.";

/// Compiles WebAssembly to native programs.
#[derive(Parser)]
#[command(
    name = "wasm2native",
    version,
    long_version = long_version(),
    long_about = LONG_ABOUT,
    override_usage = USAGE,
    after_help = EXAMPLES,
    after_long_help = format!("{AFTER_LONG_HELP}\n\n{EXAMPLES}"),
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    arg_required_else_help = true,
    args_override_self = true,
    max_term_width = 120
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub compile: Compile,
}

#[derive(Subcommand)]
pub enum Command {
    Run(Box<Run>),
    Inspect(Inspect),
    Explore(Box<Explore>),
    Cache(CacheCommand),
    Cmake(Cmake),
    Completions(Completions),
    Man(Man),
}

/// Arguments of `wasm2native` without a command.
#[derive(Args)]
pub struct Compile {
    /// Module to compile (.wasm, .wat, or `-` for standard input), and files to link it with (.o,
    /// .a, .so, .c)
    #[arg(value_name = "INPUT", required_unless_present_any = ["emit", "enable", "explain", "licenses", "print", "target"])]
    pub inputs: Vec<PathBuf>,

    /// Add the module in FILE to the program; it defines what other modules import from NAME
    ///
    /// May be repeated. Imports are checked by type and become direct calls; each module is
    /// instantiated before those that import from it.
    #[arg(long = "module", value_name = "NAME=FILE", help_heading = "Program", value_parser = module)]
    pub modules: Vec<(String, PathBuf)>,

    /// Write the result to FILE [default: the input's name, in the current directory]
    ///
    /// `-` is standard output. A device or a pipe, such as /dev/stdout, is written to directly; a
    /// link to a file stays a link. Without `-o`, `dir/app.wasm` becomes `app` in the current
    /// directory, `app.o` with `-c`, and `app.s` with `-S`; text forms go to standard output. FILE
    /// as `x.a`, `x.so` or `x.o` asks for an archive, a shared library or an object.
    #[arg(short, long, value_name = "FILE", help_heading = "Output", conflicts_with = "out_dir")]
    pub output: Option<PathBuf>,

    /// Write one result per input into DIR
    ///
    /// DIR is created if it does not exist. An input that fails does not stop the others; the
    /// inputs that failed are listed at the end.
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub out_dir: Option<PathBuf>,

    /// Produce a relocatable object instead of a program
    #[arg(short = 'c', help_heading = "Output", conflicts_with_all = ["assembly", "emit"])]
    pub object: bool,

    /// Produce assembly instead of a program
    #[arg(short = 'S', help_heading = "Output", conflicts_with = "emit")]
    pub assembly: bool,

    /// What to produce, separated by commas; FORM=FILE names the file [default: exe]
    #[arg(long, value_name = "FORM[=FILE]", help_heading = "Output", value_delimiter = ',', value_parser = emit_item,
        long_help = emit_help())]
    pub emit: Vec<EmitItem>,

    /// Leave symbols out of the program
    ///
    /// Messages of traps still name functions.
    #[arg(short, long, help_heading = "Output")]
    pub strip: bool,

    /// Write every stage's result per function into DIR
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub dump: Option<PathBuf>,

    /// Also write a rule for make and ninja that names all files the result was made of (-MD)
    ///
    /// It is beside the result, with the extension .d, or where --depfile-name says. C compilers
    /// call the two flags -MD and -MF FILE; these spellings are understood, too.
    #[arg(long, help_heading = "Output")]
    pub depfile: bool,

    /// Write that rule to FILE (-MF FILE)
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub depfile_name: Option<PathBuf>,

    /// Keep the object beside the program and print how it was linked
    #[arg(long, help_heading = "Output")]
    pub keep: bool,

    /// Compile for another machine, with the names of rustc and clang; `--target help` lists all
    /// [default: this machine]
    #[arg(long, value_name = "TRIPLE", help_heading = "Code")]
    pub target: Option<String>,

    /// Take the runtime for the target from FILE, which --emit runtime wrote, perhaps elsewhere
    ///
    /// Programs and libraries contain a runtime. This program carries that of each target of which
    /// `--target help` says so.
    #[arg(long, value_name = "FILE", help_heading = "Code")]
    pub runtime: Option<PathBuf>,

    /// Prefix the names of a library's symbols with NAME_ [default: from the input's name]
    #[arg(long, value_name = "NAME", help_heading = "Code")]
    pub prefix: Option<String>,

    /// Give functions of a library's host `w2n_config.user_data` as their first parameter
    #[arg(long, help_heading = "Code")]
    pub user_data: bool,

    /// Make a library of which a host can have many instances, each with its own memory
    ///
    /// `PREFIX_new` makes one, and all other functions take it as their first argument. Implies
    /// --user-data.
    #[arg(long, help_heading = "Code")]
    pub instances: bool,

    /// In declarations for Rust, take the runtime's part from the module PATH (`crate::sum`)
    ///
    /// Each file has that part, so that it needs no other. In a program with several libraries one
    /// file has it, and the others take it from there: then they share the type `Trap`.
    #[arg(long, value_name = "PATH", value_parser = rust_path, help_heading = "Code")]
    pub rust_runtime: Option<String>,

    #[command(flatten)]
    pub code: Code,

    /// Explain an error by the code in its message: the cause, an example, the way out
    #[arg(long, value_name = "CODE", help_heading = "Messages", exclusive = true, value_parser = code,
        long_help = explain_help())]
    pub explain: Option<report::code::Code>,

    /// Print something about the module instead of compiling it: imports, exports, link-args,
    /// runtime-symbols
    ///
    /// The output has lines for programs to read, with tabs between columns.
    /// imports: module, name, kind, Wasm type, C symbol, C declaration, and what would define it in
    ///   a program; for a built program, the C functions that it calls.
    /// exports: name, kind, Wasm type, C symbol, C declaration, as in an object or library.
    /// link-args: the arguments with which a C compiler links the object or library with the other
    ///   files and flags given here.
    /// runtime-symbols: the symbols that objects may need from the runtime and the C library; needs
    ///   no module.
    #[arg(long, value_name = "WHAT", help_heading = "Output", value_parser = print_what, verbatim_doc_comment)]
    pub print: Option<PrintWhat>,

    /// Print that as JSON: an array with an object for each line
    #[arg(long, help_heading = "Output", requires = "print")]
    pub json: bool,

    /// Print the licenses of what programs contain: the runtime, crates, the C library
    #[arg(long, help_heading = "Output")]
    pub licenses: bool,

    #[command(flatten)]
    pub linking: Linking,

    #[command(flatten)]
    pub powers: Powers,

    /// Allow no powers at run time beyond those given here
    ///
    /// The program ignores the environment variable WASM2NATIVE_OPTIONS, which otherwise can grant
    /// more when it runs.
    #[arg(long, help_heading = "Powers")]
    pub fixed_powers: bool,

    #[command(flatten)]
    pub messages: Messages,
}

/// Build a module into a cache and run it
///
/// Flags before MODULE are wasm2native's; everything after it belongs to the program. The exit
/// status is the program's.
///
/// Programs are kept in $WASM2NATIVE_CACHE, else $XDG_CACHE_HOME/wasm2native, else
/// ~/.cache/wasm2native. A module is compiled again only when its bytes, the flags that change
/// code, or wasm2native itself change. The folder may be deleted at any time.
#[derive(Args)]
#[command(
    override_usage = "wasm2native run [OPTIONS] MODULE [ARGS]...",
    after_help = "Examples:
  wasm2native run app.wasm --verbose         `--verbose` is for the program
  wasm2native run --dir . app.wasm           it may use the files of the current directory
  wasm2native run --invoke fib fib.wat 30    call the exported function `fib`, print its result
  wasm2native run helper.c -lz app.wasm x    link it with C: objects, libraries and sources precede the module",
    args_override_self = true
)]
pub struct Run {
    /// Module to run (.wasm or .wat, `-` for standard input), then the program's arguments
    #[arg(value_names = ["MODULE", "ARGS"], num_args = 1.., trailing_var_arg = true, required_unless_present = "enable")]
    pub module_and_args: Vec<OsString>,

    /// Programs that are run are for this machine: this is here for its message.
    #[arg(long, hide = true)]
    pub target: Option<String>,

    /// Name that the program sees as its own [default: the module's file name]
    #[arg(long, value_name = "NAME", help_heading = "Program")]
    pub argv0: Option<OsString>,

    #[command(flatten)]
    pub code: Code,

    #[command(flatten)]
    pub linking: Linking,

    #[command(flatten)]
    pub powers: Powers,

    #[command(flatten)]
    pub messages: Messages,
}

/// Flags that change a program's code or how it is compiled.
#[derive(Args)]
pub struct Code {
    /// Effort: -O0 compiles fast, -O1 -O2 -O3 give speed, -Os -Oz small code [default: -O2]
    ///
    /// -O1, -O2 and -O3 are the same, and so are -Os and -Oz: loops have no second, faster version,
    /// functions lie closer together, and --inline copies less. --generator llvm compiles with
    /// clang's -O0, -O3 and -Os.
    #[arg(short = 'O', value_name = "LEVEL", help_heading = "Code", hide_possible_values = true)]
    pub opt_level: Option<Level>,

    /// Copy small functions into their callers
    ///
    /// That pays for modules whose compiler has not done so; code gets larger, and compiling takes
    /// longer. Backtraces show copies as calls; debuggers do not. With -Os only functions are
    /// copied that are smaller than a call, with -O0 none. --generator llvm decides by itself.
    #[arg(long, help_heading = "Code")]
    pub inline: bool,

    /// Processor to compile for: native, x86-64-v2, x86-64-v3, x86-64-v4, or a name as for clang
    ///
    /// The default on x86-64 is x86-64-v2, which every such processor since 2009 has. `native` is
    /// the processor of this machine: the fastest code, which may not run elsewhere, and the
    /// default of `wasm2native run`. On aarch64: generic, armv8.1-a, neoverse-n1, apple-m1; on
    /// riscv64 an instruction set: rv64gc, rv64gcv, which SIMD needs, rv64gc_zba_zbb; on s390x: z14
    /// to z17. Single features are added as in generic+lse.
    #[arg(long, value_name = "CPU", help_heading = "Code")]
    pub cpu: Option<String>,

    #[command(flatten)]
    pub checks: Checks,

    /// What makes machine code: cranelift, or llvm, which needs a clang [default: cranelift]
    ///
    /// LLVM compiles about twenty times as long and makes faster code. It is reached by clang 15 or
    /// newer, or by `zig cc`.
    #[arg(long, value_name = "NAME", help_heading = "Code", hide_possible_values = true)]
    pub generator: Option<GeneratorChoice>,

    /// The clang, or zig, for --generator llvm [default: the newest on PATH]
    #[arg(long, value_name = "PATH", help_heading = "Code")]
    pub clang: Option<PathBuf>,

    /// Make a program that counts how often its blocks run, and adds that to a profile when it ends
    ///
    /// Without FILE, the profile of `app.wasm` is `app.profile` in the directory in which the
    /// program runs; the environment variable WASM2NATIVE_PROFILE_FILE names another. Any number of
    /// runs, also at the same time, add to one file, which --profile-use takes. The program is
    /// slower. Libraries write when their host exits.
    #[arg(long, value_name = "FILE", help_heading = "Code", num_args = 0..=1, require_equals = true,
        default_missing_value = "", conflicts_with = "profile_use")]
    pub profile_generate: Option<String>,

    /// Lay out and optimize code by the profile in FILE
    ///
    /// Blocks that hardly ever run are laid aside, functions that run are laid together, and LLVM
    /// chooses by it what to inline and how to branch. Functions that have changed since are
    /// compiled without, and a warning says how many. May be repeated: then profiles are added.
    #[arg(long, value_name = "FILE", help_heading = "Code", value_parser = profile)]
    pub profile_use: Vec<ProfileText>,

    /// Keep compiled functions in DIR, and compile only those that changed since
    ///
    /// The result is the same with and without. DIR is created if it does not exist, may be deleted
    /// at any time, and takes 4 GiB at most: then what was not used for the longest time makes
    /// room. What is in DIR becomes code of programs: it must be a directory of your own,
    /// unless you have a --cache-key.
    ///
    /// With the cargo feature `remote-cache`, DIR can be redis://HOST, rediss://HOST (with TLS) or
    /// s3://BUCKET. These need a --cache-key. docs/cache.md has more.
    #[arg(long, value_name = "DIR", help_heading = "Code")]
    pub cache: Option<String>,

    /// Trust only what was put into the --cache by those who have this key
    ///
    /// FILE holds at least 16 bytes that nobody can guess:
    /// `(umask 077; head -c 32 /dev/urandom >FILE)`. Other users must not be able to read it.
    #[arg(long, value_name = "FILE", help_heading = "Code", requires = "cache")]
    pub cache_key: Option<PathBuf>,

    /// Where the first 32-bit memory of a program lies: fixed or any [default: fixed]
    ///
    /// At a fixed address (0x1000_0000) an access takes one instruction without a register for
    /// the address. Tools that keep that part of the address space for themselves, such as
    /// AddressSanitizer and Valgrind, need `any`. Memories of libraries lie anywhere.
    #[arg(long, value_name = "WHERE", help_heading = "Code", hide_possible_values = true)]
    pub memory_base: Option<Base>,

    /// Allow modules to use experimental proposals; `--enable help` lists all
    #[arg(long, value_name = "NAME", help_heading = "Code", value_delimiter = ',', value_parser = proposal)]
    pub enable: Vec<String>,

    /// Run the exported function NAME; its arguments come from the command line, results are
    /// printed. What follows `--` there are the arguments that WASI shows
    #[arg(long, value_name = "NAME", help_heading = "Program")]
    pub invoke: Option<String>,

    /// Declare what an imported C function takes: 'env.write: (i32, ptr[len=2], usize) -> isize'
    ///
    /// Imports without a declaration get their Wasm values unchanged. Types: i8 u8 i16 u16 i32 u32
    /// i64 u64 isize usize long ulong f32 f64 v128; ptr, ptr[len=PARAM], cstr (addresses in linear
    /// memory, checked), funcptr(SIGNATURE) (an index in a table), opaque (a host pointer), `...`
    /// (variable arguments), void. `module.name=SYMBOL: …` chooses the C symbol. May be repeated.
    #[arg(long = "import", value_name = "DECLARATION", help_heading = "Program")]
    pub imports: Vec<String>,

    /// Read such declarations from FILE, one a line; it may declare more than is imported
    ///
    /// `libc` means the common functions of the C library as clang imports them (for a file of that
    /// name write `./libc`). A module may contain declarations in a custom section
    /// `wasm2native.imports`. `--import` takes precedence over `--imports`, and both over the
    /// module.
    #[arg(long = "imports", value_name = "FILE", help_heading = "Program", value_parser = declarations)]
    pub import_files: Vec<Source>,

    /// Tell debuggers and traps of source lines and variables, from the DWARF in the module
    ///
    /// A module without DWARF gets the lines of its text form. With -O0 every local can be seen at
    /// any time; with optimization as long as the code needs it.
    #[arg(short = 'g', long = "debug", overrides_with = "debug", help_heading = "Code")]
    pub debug: bool,

    /// Compile with N threads [default: one per processor]
    #[arg(short = 'j', long = "jobs", value_name = "N", help_heading = "Code", value_parser = threads)]
    pub jobs: Option<usize>,
}

/// Flags for what is printed to standard error.
#[derive(Args, Default)]
#[command(next_help_heading = "Messages")]
pub struct Messages {
    /// Print what is being done; -vv also what each stage makes and its time, -vvv each function
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,

    /// Print only errors
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,

    /// Print how long each stage took, or write a page with the time line of all threads to FILE
    ///
    /// The page is HTML that any browser shows: --timings=build.html. It has each function with the
    /// thread that compiled it. With --generator llvm, which compiles many functions at once, it
    /// has the stages only.
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub timings: Option<OsString>,

    /// Form of messages: human, or json, one object per line
    ///
    /// An object has `level` (error, warning, info or timing), `message`, and for errors `help`, an
    /// array of lines. Timings have `stage` and `milliseconds`.
    #[arg(long, value_name = "FORM", hide_possible_values = true, default_value = "human", hide_default_value = true)]
    pub message_format: MessageFormat,

    /// Color messages: auto, always or never; NO_COLOR in the environment turns `auto` off
    #[arg(long, value_name = "WHEN", default_value = "auto", hide_possible_values = true, hide_default_value = true)]
    pub color: ColorChoice,
}

/// The form of messages.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum MessageFormat {
    #[default]
    Human,
    Json,
}

impl Compile {
    /// What to produce, at least one thing.
    pub fn emit(&self) -> Vec<EmitItem> {
        let one = |emit| vec![EmitItem { emit, file: None }];
        match () {
            () if self.object => one(Emit::Obj),
            () if self.assembly => one(Emit::Asm),
            () if self.emit.is_empty() => one(self.emit_of_output()),
            () => self.emit.clone(),
        }
    }

    /// What the name of the output says.
    fn emit_of_output(&self) -> Emit {
        let name = self.output.as_deref().and_then(Path::file_name).map(OsStr::to_string_lossy).unwrap_or_default();
        // An ending alone is a name. `libx.so.1.2` is a shared library, too.
        let has = |ending: &str| name.len() > ending.len() && name.ends_with(ending);
        match () {
            () if has(".a") => Emit::Staticlib,
            () if has(".so") || name.contains(".so.") => Emit::Sharedlib,
            () if has(".o") => Emit::Obj,
            () => Emit::Exe,
        }
    }

    /// Whether the user asked for the runtime.
    pub fn emits_runtime(&self) -> bool {
        self.emit.iter().any(|item| item.emit == Emit::Runtime)
    }

    pub fn options(&self) -> Options {
        Options {
            target: self.target.clone(),
            runtime: self.runtime.clone(),
            program_options: [self.powers.options(), self.powers.embedded()].concat(),
            timeout: self.powers.timeout.is_some(),
            embedded: self.powers.embed.clone(),
            fixed_powers: self.fixed_powers,
            modules: self.modules.clone(),
            prefix: self.prefix.clone(),
            rust_runtime: self.rust_runtime.clone(),
            own_names: false,
            user_data: self.user_data || self.instances,
            instances: self.instances,
            strip: self.strip,
            dump: self.dump.clone(),
            keep: self.keep,
            link: self.linking.options(),
            ..self.code.options()
        }
    }
}

impl Code {
    pub fn options(&self) -> Options {
        Options {
            cpu: match self.cpu.as_deref() {
                None => Cpu::Default,
                Some("native") => Cpu::Native,
                Some(name) => Cpu::Named(name.to_owned()),
            },
            opt_level: match self.opt_level {
                Some(Level::O0) => OptLevel::None,
                None | Some(Level::O1 | Level::O2 | Level::O3) => OptLevel::Speed,
                Some(Level::Os | Level::Oz) => OptLevel::Size,
            },
            inline: self.inline,
            debug: self.debug || self.checks.debug_file.is_some(),
            generator: match self.generator {
                None | Some(GeneratorChoice::Cranelift) => GeneratorName::Cranelift,
                Some(GeneratorChoice::Llvm) => GeneratorName::Llvm,
            },
            clang: self.clang.clone(),
            profile_generate: self.profile_generate.as_ref().map(|file| match &file[..] {
                "" => ProfileOutput::ByName,
                file => ProfileOutput::File(file.to_owned()),
            }),
            profile_use: self.profile_use.clone(),
            cache: self.cache(),
            memory_base: match self.memory_base {
                None | Some(Base::Fixed) => MemoryBase::Fixed,
                Some(Base::Any) => MemoryBase::Any,
            },
            enable: self.enable.clone(),
            invoke: self.invoke.clone(),
            imports: self.imports(),
            ..self.checks.options()
        }
    }
}

impl Code {
    fn cache(&self) -> Option<CacheOptions> {
        let place = self.cache.clone()?;
        Some(CacheOptions { place, key: self.cache_key.clone(), limit: CacheOptions::LIMIT })
    }

    /// Lines before files, because they are more specific.
    fn imports(&self) -> Vec<Source> {
        let lines = self.imports.iter().map(|line| Source { origin: Origin::Line, text: line.clone() });
        lines.chain(self.import_files.iter().cloned()).collect()
    }
}

impl Cli {
    /// Whether the user asked for the list of targets only.
    pub fn lists_targets(&self) -> bool {
        self.command.is_none() && self.compile.target.as_deref() == Some("help")
    }

    /// Separates modules from the files that they are linked with.
    pub fn sort_inputs(&mut self) {
        match &mut self.command {
            None => self.compile.linking.take_files(&mut self.compile.inputs),
            Some(Command::Run(run)) => run.linking.take_leading_files(&mut run.module_and_args),
            Some(_) => {}
        }
    }

    /// Whether the user asked for the list of proposals only.
    pub fn lists_proposals(&self) -> bool {
        let code = match &self.command {
            None => &self.compile.code,
            Some(Command::Run(run)) => &run.code,
            Some(Command::Explore(explore)) => &explore.code,
            Some(_) => return false,
        };
        code.enable.iter().any(|name| name == LIST_PROPOSALS)
    }

    pub fn messages(&self) -> Option<&Messages> {
        match &self.command {
            None => Some(&self.compile.messages),
            Some(Command::Run(run)) => Some(&run.messages),
            Some(Command::Inspect(inspect)) => Some(&inspect.messages),
            Some(Command::Explore(explore)) => Some(&explore.messages),
            Some(_) => None,
        }
    }

    /// Threads asked for with `-j`.
    pub fn jobs(&self) -> Option<usize> {
        match &self.command {
            None => self.compile.code.jobs,
            Some(Command::Run(run)) => run.code.jobs,
            Some(Command::Explore(explore)) => explore.code.jobs,
            Some(_) => None,
        }
    }
}

/// Given as a proposal's name: list the proposals.
const LIST_PROPOSALS: &str = "help";

fn proposal(text: &str) -> Result<String, String> {
    let known = text == LIST_PROPOSALS || unsupported::features(&[text.to_owned()]).is_ok();
    if known { Ok(text.to_owned()) } else { Err("`--enable help` lists what can be enabled".to_owned()) }
}

fn emit_help() -> String {
    let forms = FORMS.map(|(name, _, what)| format!("  {name:10} {what}"));
    format!(
        "What to produce, separated by commas; FORM=FILE names the file [default: exe]\n\n{}\n\n\
         Several forms come from one compilation. Their files have the name of the input or of -o, each with its own extension.",
        forms.join("\n")
    )
}

fn explain_help() -> String {
    let names: Vec<_> = report::code::Code::ALL.iter().map(|code| code.name()).collect();
    format!(
        "Explain an error by the code in its message: the cause, an example, the way out\n\nThe codes are: {}.",
        names.join(", ")
    )
}

fn code(text: &str) -> Result<report::code::Code, String> {
    let all = report::code::Code::ALL;
    let name = text.strip_prefix("error[").and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    all.iter().copied().find(|code| code.name() == name).ok_or_else(|| {
        let names = all.iter().map(|code| code.name());
        match suggest::nearest(name, names.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the codes are: {}", names.collect::<Vec<_>>().join(", ")),
        }
    })
}

fn threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("expected a number of threads, at least 1".to_owned()),
        Ok(number) => Ok(number),
    }
}

/// The first line is that of `-V`; the rest is what a bug report needs.
fn long_version() -> String {
    let generators = GENERATORS.map(|(name, version)| format!("\n{name}: {version}")).concat();
    format!("{}\nhost: {}{generators}", env!("CARGO_PKG_VERSION"), target_lexicon::HOST)
}

fn module(text: &str) -> Result<(String, PathBuf), String> {
    let (name, file) = text.split_once('=').ok_or("expected NAME=FILE")?;
    Ok((name.to_owned(), PathBuf::from(file)))
}

fn profile(file: &str) -> Result<ProfileText, String> {
    let text = std::fs::read(file).map_err(|error| format!("can't read it: {error}"))?;
    Ok(ProfileText { file: file.to_owned(), text })
}

fn declarations(file: &str) -> Result<Source, String> {
    if file == "libc" {
        return Ok(Source { origin: Origin::Library, text: foreign::LIBRARY.to_owned() });
    }
    let text = std::fs::read_to_string(file).map_err(|error| match error.kind() {
        ErrorKind::InvalidData => "it is not text; declarations are lines such as 'env.puts: (cstr) -> i32'".to_owned(),
        _ => format!("can't read it: {error}"),
    })?;
    Ok(Source { origin: Origin::File(file.to_owned()), text })
}

/// A path of Rust, such as `crate::sum`.
fn rust_path(text: &str) -> Result<String, String> {
    let is_word = |word: &str| {
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        word.bytes().all(is_letter) && word.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_')
    };
    match text.split("::").all(is_word) {
        true => Ok(text.to_owned()),
        false => Err("not a path of Rust, such as `crate::sum`".to_owned()),
    }
}
