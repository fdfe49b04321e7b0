//! The commands that compile nothing: their flags, and the work of those that are short
//! (completions, man pages, the CMake package, caches).

use crate::console::Console;
use crate::flags::{Cli, Code, Messages};
use anyhow::{Context, Result};
use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::Shell;
use std::path::PathBuf;
use std::process::ExitCode;
use wasm2native::cache;
use wasm2native::cache::stored::{self, Kind, Stored};
use wasm2native::driver::{self, files};
use wasm2native::manual;
use wasm2native::options::Options;
use wasm2native::output;
use wasm2native::stdio;
use wasm2native::wasm::input::Input;

/// Show what built programs may do, or what modules need: imports, exports, memories, features
#[derive(Args)]
#[command(override_usage = "wasm2native inspect [OPTIONS] FILE...")]
pub struct Inspect {
    /// Program or library built by wasm2native, or a module (.wasm, .wat, or `-` for standard
    /// input)
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,

    /// Print one JSON object per file, on a line each
    #[arg(long)]
    pub json: bool,

    /// Write a page to PAGE that shows what takes how much of the program: functions by name and
    /// crate, data, the runtime; and what it may do
    ///
    /// The page is HTML that any browser shows, and loads nothing from anywhere. Names need a
    /// program that was built without --strip.
    #[arg(long, value_name = "PAGE", conflicts_with = "json")]
    pub html: Option<PathBuf>,

    #[command(flatten)]
    pub messages: Messages,
}

/// Write a page with source, text form, CLIF and machine code of a module side by side
///
/// A click on a line lights what belongs to it in all of them, and a search finds functions by
/// name. The page is HTML that any browser shows; it loads nothing from anywhere. The code is that
/// of an object, as with -c.
#[derive(Args)]
#[command(override_usage = "wasm2native explore [OPTIONS] MODULE -o PAGE")]
pub struct Explore {
    /// Module to show (.wasm, .wat, or `-` for standard input)
    #[arg(value_name = "MODULE", required_unless_present = "enable")]
    pub module: Option<PathBuf>,

    /// Write the page to PAGE [default: the module's name with the extension .html, in the current
    /// directory]
    #[arg(short, long, value_name = "PAGE")]
    pub output: Option<PathBuf>,

    /// Show functions alone whose names match PATTERN, in which * stands for anything
    ///
    /// The page of a module of 20 MB has some 300 MB otherwise. May be given several times.
    #[arg(long = "function", value_name = "PATTERN")]
    pub functions: Vec<glob::Pattern>,

    /// Compile for another machine; `--target help` lists all [default: this machine]
    #[arg(long, value_name = "TRIPLE", help_heading = "Code")]
    pub target: Option<String>,

    #[command(flatten)]
    pub code: Code,

    #[command(flatten)]
    pub messages: Messages,
}

/// Print the script that completes the command line in a shell
#[derive(Args)]
#[command(after_help = "Examples:
  wasm2native completions bash >~/.local/share/bash-completion/completions/wasm2native
  wasm2native completions fish >~/.config/fish/completions/wasm2native.fish
  wasm2native completions zsh >~/.zfunc/_wasm2native      with `fpath+=~/.zfunc` in ~/.zshrc, before compinit")]
pub struct Completions {
    /// bash, zsh, fish, elvish or powershell
    #[arg(value_name = "SHELL", hide_possible_values = true)]
    pub shell: Shell,
}

/// Print the man page, or write the pages of all commands
#[derive(Args)]
#[command(after_help = "Examples:
  wasm2native man --out-dir ~/.local/share/man/man1
  wasm2native man | man -l -")]
pub struct Man {
    /// Write a page per command into DIR, which is created if it does not exist
    #[arg(long, value_name = "DIR")]
    pub out_dir: Option<PathBuf>,
}

/// Write the package that CMake finds: find_package(Wasm2native)
#[derive(Args)]
#[command(after_help = "Example:
  wasm2native cmake --out-dir ~/.local/lib/cmake/Wasm2native
  cmake -DCMAKE_PREFIX_PATH=~/.local ...")]
pub struct Cmake {
    /// Write the package's files into DIR, which is created if it does not exist
    #[arg(long, value_name = "DIR")]
    pub out_dir: PathBuf,
}

/// Show or empty the cache of programs, or a cache of compiled functions
///
/// The cache of programs is that of `wasm2native run`. Files that wasm2native did not write stay.
#[derive(Args)]
pub struct CacheCommand {
    /// path: print the directory; size: print how much is in it; clear: remove all of it
    #[arg(value_name = "WHAT", hide_possible_values = true)]
    pub what: CacheAction,

    /// The directory of compiled functions that was given as --cache DIR [default: the programs of
    /// `wasm2native run`]
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
}

#[derive(Copy, Clone, ValueEnum)]
pub enum CacheAction {
    Path,
    Size,
    Clear,
}

pub fn completions(args: &Completions) -> Result<ExitCode> {
    manual::print_completions(Cli::command(), args.shell)?;
    Ok(ExitCode::SUCCESS)
}

pub fn man(args: &Man) -> Result<ExitCode> {
    manual::write_pages(Cli::command(), args.out_dir.as_deref())?;
    Ok(ExitCode::SUCCESS)
}

/// The package, with this program's version.
pub fn cmake(args: &Cmake) -> Result<ExitCode> {
    let folder = &args.out_dir;
    std::fs::create_dir_all(folder).with_context(|| format!("can't create the directory {}", folder.display()))?;
    let version =
        include_str!("cmake/Wasm2nativeConfigVersion.cmake.in").replace("@VERSION@", env!("CARGO_PKG_VERSION"));
    output::write(&folder.join("Wasm2nativeConfig.cmake"), include_bytes!("cmake/Wasm2nativeConfig.cmake"))?;
    output::write(&folder.join("Wasm2nativeConfigVersion.cmake"), version.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the page of a module.
pub fn explore(args: &Explore, console: &Console) -> Result<ExitCode> {
    let module = args.module.as_ref().expect("clap requires it, and --enable help was answered");
    console.begin();
    console.input(module);
    let input = Input::read(module)?;
    let page = args.output.clone().unwrap_or_else(|| files::default_file(&input.name, "html"));
    let options = Options { target: args.target.clone(), lines: true, ..args.code.options() };
    let text = driver::explore::page(&input, &options, &args.functions, None, console)?;
    output::write(&page, text.as_bytes())?;
    console.end();
    Ok(ExitCode::SUCCESS)
}

pub fn cache(args: &CacheCommand) -> Result<ExitCode> {
    let (folder, kind) = match &args.cache {
        Some(folder) => (folder.clone(), Kind::Functions),
        None => (cache::folder(), Kind::Programs),
    };
    let total = |files: &[Stored]| {
        let bytes = files.iter().fold(0u64, |total, file| total.saturating_add(file.size));
        format!("{bytes} bytes in {} files\n", files.len())
    };
    stdio::print(match args.what {
        CacheAction::Path => format!("{}\n", folder.display()),
        CacheAction::Size => total(&stored::list(&folder, kind)?),
        CacheAction::Clear => format!("removed {}", total(&stored::clear(&folder, kind)?)),
    })?;
    Ok(ExitCode::SUCCESS)
}
