//! The words of the command line.

use clap::{Args, ColorChoice, CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Compiles Cot programs to native executables and WebAssembly modules.
#[derive(Parser)]
#[command(name = "cot", version, disable_help_subcommand = false)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,

    /// Color messages: auto, always or never; NO_COLOR in the environment turns `auto` off
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true,
        hide_default_value = true
    )]
    pub color: ColorChoice,
}

#[derive(Subcommand)]
pub enum Command {
    /// Compile a program (`cot FILE` is short for this)
    Build(Build),
    /// Compile a program to a temporary file and run it; the exit status is the program's
    Run(Run),
    /// Run the tests of a file and of what it imports; the exit status is the number of failed ones
    Test(Test),
    /// Parse and type-check only
    Check(Check),
    /// Bring sources into the standard form
    Fmt(Fmt),
    /// Warn of what is probably a mistake; the exit status is 1 if there is something to warn of
    Lint(Lint),
    /// Run the benches of a file and of what it imports
    Bench(Bench),
    /// Print what a file declares, with its comments, as Markdown
    Doc(Doc),
    /// Begin a project: cot.json, a source, a test, .gitignore
    Init(Init),
    /// Serve an editor: the Language Server Protocol on standard input and output
    Lsp(Lsp),
    /// Run a task of ./cot.json; the exit status is the task's
    Task(Task),
    /// Print what this compiler and the project here are
    Info,
    /// Print the version
    Version,
    /// Print the script that completes the command line in a shell: bash, zsh, fish, elvish or
    /// powershell
    Completions(Completions),
    /// Print the man page, or write the pages of all commands
    Man(Man),
}

/// What commands take that can be repeated.
#[derive(Args)]
pub struct Repeat {
    /// Do it again whenever a file of the program changes, until Ctrl-C
    #[arg(long)]
    pub watch: bool,
}

/// What all commands that compile take.
#[derive(Args)]
pub struct Source {
    /// The file to compile; without it, `main` of ./cot.json
    pub file: Option<PathBuf>,

    /// Where the program will run: native, wasm32 (wasm), wasm32-wasi (wasi), amd64-linux
    /// (x86_64-linux), arm64-linux, arm64-macos, amd64-macos
    #[arg(long, default_value = "native", hide_default_value = true)]
    pub target: String,
}

#[derive(Args)]
pub struct Build {
    #[command(flatten)]
    pub source: Source,

    /// Name of the output [default: cot-out/ and the name of the file]; with the ending .o an
    /// object file, .a or .so a library of the functions that are `export`ed
    #[arg(short)]
    pub output: Option<PathBuf>,

    /// Leave out checks of bounds, null and division
    #[arg(long)]
    pub release: bool,

    #[command(flatten)]
    pub repeat: Repeat,

    /// Debug information: lines and variables for debuggers; the code is not optimized
    #[arg(short = 'g')]
    pub debug: bool,

    /// Stop after a stage and print its result
    #[arg(long, value_enum)]
    pub emit: Option<Emit>,
}

#[derive(Copy, Clone, ValueEnum)]
pub enum Emit {
    Tokens,
    Ast,
    Ir,
    Ssa,
    Wat,
    Wasm,
}

#[derive(Args)]
pub struct Run {
    #[command(flatten)]
    pub source: Source,

    /// Leave out checks of bounds, null and division
    #[arg(long)]
    pub release: bool,

    #[command(flatten)]
    pub repeat: Repeat,

    /// Arguments of the program
    #[arg(last = true)]
    pub args: Vec<OsString>,
}

#[derive(Args)]
pub struct Test {
    #[command(flatten)]
    pub source: Source,

    /// Only tests whose name contains this
    #[arg(long)]
    pub filter: Option<String>,

    /// Stop after the first test that fails
    #[arg(long, short = 'x')]
    pub fail_fast: bool,

    /// Fail tests that leave objects behind which nothing refers to; say what they are and where
    /// they were made
    #[arg(long)]
    pub leaks: bool,

    /// Say what is done
    #[arg(long, short)]
    pub verbose: bool,

    #[command(flatten)]
    pub repeat: Repeat,

    /// Leave out checks of bounds, null and division
    #[arg(long)]
    pub release: bool,
}

#[derive(Args)]
pub struct Check {
    #[command(flatten)]
    pub source: Source,

    #[command(flatten)]
    pub repeat: Repeat,
}

#[derive(Args)]
pub struct Fmt {
    /// A file, or a folder whose .cot files are meant
    pub path: PathBuf,

    /// Change nothing; list the files that would change, and exit with 1 if there are any
    #[arg(long, conflicts_with = "stdout")]
    pub check: bool,

    /// Change nothing; print the result
    #[arg(long)]
    pub stdout: bool,
}

#[derive(Args)]
pub struct Lint {
    /// The file to look at; without it, `main` of ./cot.json
    pub file: Option<PathBuf>,
}

#[derive(Args)]
pub struct Doc {
    /// The file to describe
    pub file: PathBuf,

    /// Write the page into this folder, which is created if it does not exist
    #[arg(short, value_name = "DIR")]
    pub output: Option<PathBuf>,
}

#[derive(Args)]
pub struct Bench {
    #[command(flatten)]
    pub source: Source,

    /// Only benches whose name contains this
    #[arg(long)]
    pub filter: Option<String>,

    /// How often each runs [default: for about a second]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub n: Option<u64>,
}

#[derive(Args)]
pub struct Init {
    /// Name of the project, and of the new folder for it; without it, this folder
    pub name: Option<String>,

    /// A library instead of a program
    #[arg(long)]
    pub lib: bool,
}

#[derive(Args)]
pub struct Lsp {
    /// The only way to talk to it; some editors say so
    #[arg(long)]
    pub stdio: bool,
}

#[derive(Args)]
pub struct Completions {
    /// bash, zsh, fish, elvish or powershell
    #[arg(value_name = "SHELL", hide_possible_values = true)]
    pub shell: Shell,
}

#[derive(Args)]
pub struct Man {
    /// Write a page per command into DIR, which is created if it does not exist
    #[arg(long, value_name = "DIR")]
    pub out_dir: Option<PathBuf>,
}

#[derive(Args)]
pub struct Task {
    /// Name of the task; without it, all tasks are listed
    pub name: Option<String>,
}

/// `cot file.cot …` is `cot build file.cot …`, whatever the file is called, unless that is a
/// command; options may come first.
pub fn expand(words: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut words: Vec<_> = words.collect();
    let is_source = |word: &OsString| word.to_string_lossy().ends_with(".cot");
    let is_command = |word: &OsString| word == "help" || Cli::command().find_subcommand(word).is_some();
    let Some(first) = words.get(1) else { return words };
    let is_build = match first.to_string_lossy().starts_with('-') {
        true => words.iter().any(is_source),
        false => is_source(first) || !is_command(first) && Path::new(first).is_file(),
    };
    if is_build {
        words.insert(1, "build".into());
    }
    words
}
