//! Flags for linking, and the separation of inputs into modules and files to link with.

use clap::Args;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use wasm2native::link::native;
use wasm2native::options::LinkOptions;

#[derive(Args)]
#[command(next_help_heading = "Linking")]
pub struct Linking {
    /// Inputs that are not modules: objects, archives, shared libraries, C sources.
    #[arg(skip)]
    pub files: Vec<PathBuf>,

    /// Link with libNAME.a or libNAME.so
    ///
    /// The library is searched in the folders of -L and of the system; `-l:FILE` names the file.
    /// The archive is preferred, so that the program stays static. A shared library, -Wl and
    /// --linker need a C compiler to link; the compiler then chooses between archive and shared
    /// library.
    #[arg(short = 'l', value_name = "NAME")]
    pub libraries: Vec<String>,

    /// Search DIR for libraries, before the system's folders
    #[arg(short = 'L', value_name = "DIR")]
    pub folders: Vec<PathBuf>,

    /// Search DIR for headers of C sources
    #[arg(short = 'I', value_name = "DIR")]
    pub includes: Vec<String>,

    /// Define NAME in C sources, as VALUE or 1
    ///
    /// C sources are compiled with -O2, with what CFLAGS in the environment says, and with these.
    #[arg(short = 'D', value_name = "NAME[=VALUE]")]
    pub definitions: Vec<String>,

    /// Pass words to the linker: -Wl,-rpath,DIR
    ///
    /// A C compiler passes them on to its linker; see --linker.
    #[arg(short = 'W', value_name = "l,WORDS", value_parser = linker_words, allow_hyphen_values = true)]
    pub flags: Vec<String>,

    /// Link with a C compiler instead of the built-in linker: cc, clang, zig, or a path
    ///
    /// Flags may follow: --linker 'clang -static'. The program then depends on what the compiler
    /// links it with, by default the shared C library. Without --linker, $CC or else one of cc,
    /// gcc, clang, zig links what the built-in linker does not support.
    #[arg(long, value_name = "CC", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub linker: Option<String>,

    /// Use SYMBOL for an import, instead of `foo` for env.foo and `module_foo` for module.foo
    #[arg(long = "import-symbol", value_name = "MODULE.NAME=SYMBOL", value_parser = import_symbol)]
    pub import_symbols: Vec<(String, String)>,

    /// Allow only imports from C whose `module.name` matches PATTERN (with `*`, `?`, `[a-z]`)
    ///
    /// C functions are outside of the sandbox: they can do whatever the process can do. Without
    /// this flag all are allowed, with a warning that lists those of the C library. `wasm2native
    /// inspect` lists the C functions of a program. May be repeated.
    #[arg(long = "allow-import", value_name = "PATTERN", value_parser = pattern)]
    pub allowed_imports: Vec<String>,

    /// Build the program even if nothing defines an imported function; calling it is a trap
    #[arg(long)]
    pub allow_undefined: bool,

    /// Refuse modules that need a shim: what the runtime has for imports of other toolchains
    ///
    /// AssemblyScript, Emscripten and others expect some functions of their host (`env.abort`,
    /// `env.emscripten_get_now`). By default the runtime has the common ones, chosen by name and
    /// type, if no file that is linked defines them. `wasm2native inspect` lists those of a
    /// program.
    #[arg(long)]
    pub no_shim: bool,
}

impl Linking {
    pub fn options(&self) -> LinkOptions {
        LinkOptions {
            source_flags: self.source_flags(),
            files: self.files.clone(),
            libraries: self.libraries.clone(),
            folders: self.folders.clone(),
            flags: self.flags.clone(),
            linker: self.linker.clone(),
            import_symbols: self.import_symbols.clone(),
            allow_undefined: self.allow_undefined,
            no_shim: self.no_shim,
            allowed_imports: self.allowed_imports.clone(),
        }
    }

    /// Words for the C compiler that compiles sources.
    fn source_flags(&self) -> Vec<String> {
        let includes = self.includes.iter().map(|folder| format!("-I{folder}"));
        includes.chain(self.definitions.iter().map(|definition| format!("-D{definition}"))).collect()
    }

    /// Moves files that are not modules out of the inputs.
    pub fn take_files(&mut self, inputs: &mut Vec<PathBuf>) {
        let (files, modules) = std::mem::take(inputs).into_iter().partition(|input| native::is_native(input));
        (self.files, *inputs) = (files, modules);
    }

    /// Takes the files that precede the module of `run`. The words after it belong to the program.
    pub fn take_leading_files(&mut self, words: &mut Vec<OsString>) {
        let n_files = words.iter().take_while(|word| native::is_native(Path::new(word))).count();
        self.files = words.drain(..n_files).map(PathBuf::from).collect();
    }
}

fn linker_words(text: &str) -> Result<String, String> {
    match text.strip_prefix("l,") {
        Some(words) if !words.is_empty() => Ok(format!("-Wl,{words}")),
        _ => Err("only -Wl,WORDS is known, words for the linker separated by commas".to_owned()),
    }
}

fn import_symbol(text: &str) -> Result<(String, String), String> {
    let (name, symbol) = text.rsplit_once('=').ok_or("expected MODULE.NAME=SYMBOL")?;
    let is_letter = |c: char| c.is_ascii_alphanumeric() || "_.$".contains(c);
    if symbol.is_empty() || !symbol.chars().all(is_letter) || symbol.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(format!("`{symbol}` is not a C symbol"));
    }
    match name.contains('.') {
        true => Ok((name.to_owned(), symbol.to_owned())),
        false => Err(format!("`{name}` is not MODULE.NAME")),
    }
}

fn pattern(text: &str) -> Result<String, String> {
    match glob::Pattern::new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(error.msg.to_owned()),
    }
}
