//! The C compiler of this machine, as a compiler of `.c` files and as the driver of a linker.

use super::library::HOST_ARGUMENTS;
use crate::depfile;
use crate::runtime_target::RuntimeTarget;
use crate::scratch::Scratch;
use anyhow::{Context, Result, anyhow, bail};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The compilers to try if the user names none, in this order: for this machine, and, after the
/// cross compiler of the other, those that can make programs for many.
const USUAL: [&str; 4] = ["cc", "gcc", "clang", "zig"];
const FOR_MANY: [&str; 2] = ["zig", "clang"];

/// A C compiler by its command, with flags that every use of it gets.
#[derive(Clone, Debug)]
pub struct Compiler {
    program: PathBuf,
    flags: Vec<OsString>,
    target: &'static RuntimeTarget,
}

/// What a compiler made of a source.
pub struct CompiledSource {
    pub object: Vec<u8>,
    pub warnings: String,
    /// The files that it read, the source too.
    pub included: Vec<PathBuf>,
}

impl Compiler {
    /// The one that the user names, else that of `$CC`, or of `$CC_<target>` where that is not this
    /// machine, else one of the usual. `needed_for` says why there must be one.
    ///
    /// # Errors
    /// When there is none.
    pub fn find(named: Option<&str>, needed_for: &str, target: &'static RuntimeTarget) -> Result<Compiler> {
        let variable = match target.machine.is_here() {
            true => "CC".to_owned(),
            false => format!("CC_{}", target.triple.replace('-', "_")),
        };
        let value = std::env::var(&variable).ok().filter(|cc| !cc.trim().is_empty());
        if let Some(command) = named.map(str::to_owned).or(value) {
            let (program, flags) = split(&command);
            let from = if named.is_some() { "--linker" } else { &format!("the environment variable {variable}") };
            let found = locate(&program)
                .ok_or_else(|| anyhow!("{from} names `{}`, and there is no such program", program.display()))?;
            return Ok(Compiler::new(found, flags, target));
        }
        let (usual, kind): (Vec<&str>, _) = match target.machine.is_here() {
            true => (USUAL.into(), "C compiler".to_owned()),
            false => {
                let all = [target.machine.cross_compiler].into_iter().chain(FOR_MANY);
                (all.collect(), format!("C compiler for {}", target.machine.name))
            }
        };
        let Some(found) = usual.iter().find_map(|name| locate(Path::new(name))) else {
            bail!(
                "{needed_for} needs a {kind}, and there is none of {} on the PATH\nhelp: install one, or name one with --linker; \
                 objects (.o) and archives (.a) need none",
                usual.join(", ")
            );
        };
        Ok(Compiler::new(found, Vec::new(), target))
    }

    fn new(program: PathBuf, mut flags: Vec<OsString>, target: &'static RuntimeTarget) -> Compiler {
        // zig is many tools in one program.
        let is_zig = is_zig(&program);
        let has_tool = flags.first().is_some_and(|flag| flag == "cc" || flag == "c++");
        if is_zig && !has_tool {
            flags.insert(0, "cc".into());
        }
        let names_target =
            flags.iter().any(|flag| flag.to_string_lossy().trim_start_matches('-').starts_with("target"));
        if !target.machine.is_here() && !names_target {
            let triple = target.machine.gnu_triple;
            if is_zig {
                flags.extend(["-target", triple].map(OsString::from));
            } else if is_clang(&program) {
                flags.push(format!("--target={triple}").into());
            }
        }
        Compiler { program, flags, target }
    }

    /// What the runtime needs besides libc and does not get by itself.
    pub fn libraries(&self) -> &'static [&'static str] {
        let words = self.flags.iter().map(OsString::as_os_str);
        let is_zig = is_zig(&self.program) || words.into_iter().any(|word| word == "ziglang");
        // gcc and clang link their unwinder always.
        if is_zig { &["-lm", "-lunwind"] } else { &HOST_ARGUMENTS }
    }

    pub fn program(&self) -> &Path {
        &self.program
    }

    /// As the user knows it.
    pub fn name(&self) -> String {
        self.words().join(" ")
    }

    /// The command without its arguments.
    pub fn words(&self) -> Vec<String> {
        let flags = self.flags.iter().map(|flag| flag.to_string_lossy().into_owned());
        std::iter::once(self.program.display().to_string()).chain(flags).collect()
    }

    /// An object from a source, for a position-independent program.
    ///
    /// # Errors
    /// With what the compiler said.
    pub fn compile(&self, source: &Path, flags: &[String]) -> Result<CompiledSource> {
        let folder = Scratch::new()?;
        let object = folder.path().join("object.o");
        let dependencies = folder.path().join("object.d");
        let mut command = self.command();
        command.args(["-c", "-O2", "-fPIE", "-MD", "-MF"]).arg(&dependencies);
        command.args(std::env::var("CFLAGS").unwrap_or_default().split_whitespace());
        command.args(flags);
        command.arg("-o").arg(&object).arg(file_argument(source));
        let output = self.run(&mut command)?;
        if !output.status.success() {
            bail!("`{}` can't compile it:\n{}", self.name(), said(&output));
        }
        let bytes = std::fs::read(&object).with_context(|| format!("`{}` made no object", self.name()))?;
        Ok(CompiledSource {
            object: bytes,
            warnings: String::from_utf8_lossy(&output.stderr).trim_end().to_owned(),
            // Preprocessed sources and assembly have none.
            included: depfile::read(&std::fs::read(&dependencies).unwrap_or_default()),
        })
    }

    /// Reads a source after other text, without making anything of it; what the compiler said.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn read_after(&self, text: &str, source: &Path, flags: &[String]) -> Result<String> {
        let folder = Scratch::new()?;
        let before = folder.path().join("imports.h");
        std::fs::write(&before, text).context("a header for the C compiler")?;
        let mut command = self.command();
        command.args(["-fsyntax-only", "-w"]);
        command.args(std::env::var("CFLAGS").unwrap_or_default().split_whitespace());
        command.args(flags).arg("-include").arg(&before).arg(file_argument(source));
        let output = self.run(&mut command)?;
        Ok(String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Runs the linker; what it said when it succeeded.
    ///
    /// # Errors
    /// With what it said.
    pub fn link(&self, arguments: &[OsString]) -> Result<String> {
        let output = self.run(self.command().args(arguments))?;
        if !output.status.success() {
            bail!("`{}` can't link the program:\n{}{}", self.name(), said(&output), self.advice());
        }
        Ok(String::from_utf8_lossy(&output.stderr).trim_end().to_owned())
    }

    /// Where the compiler finds a library's file that no `-L` knows.
    pub fn library(&self, file: &str) -> Option<PathBuf> {
        let output = self.run(self.command().arg(format!("-print-file-name={file}"))).ok()?;
        let path = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
        // One that it does not know keeps its bare name.
        (output.status.success() && path.is_absolute() && path.is_file()).then_some(path)
    }

    /// What may be wrong with a compiler that does not do its work.
    fn advice(&self) -> String {
        let RuntimeTarget { machine, .. } = self.target;
        if machine.is_here() {
            return String::new();
        }
        format!("\nhelp: the program is for {}, as is what `{}` makes", machine.name, machine.cross_compiler)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        // Messages in one language, whatever the user's is: others may quote them.
        command.args(&self.flags).env("LC_ALL", "C");
        command
    }

    fn run(&self, command: &mut Command) -> Result<Output> {
        command.output().with_context(|| format!("can't run `{}`", self.program.display()))
    }
}

fn is_zig(program: &Path) -> bool {
    program.file_stem() == Some(OsStr::new("zig"))
}

fn is_clang(program: &Path) -> bool {
    program.file_stem().is_some_and(|name| name.to_string_lossy().starts_with("clang"))
}

fn said(output: &Output) -> String {
    let text = [String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)].concat();
    match text.trim_end() {
        "" => format!("it said nothing, and ended with {}", output.status),
        text => text.to_owned(),
    }
}

/// A file's name as a word that can't be taken for a flag.
pub fn file_argument(file: &Path) -> OsString {
    match file.as_os_str().as_encoded_bytes().first() {
        Some(b'-' | b'@') => Path::new(".").join(file).into_os_string(),
        _ => file.as_os_str().to_owned(),
    }
}

/// `-LDIR`
pub fn prefixed(flag: &str, folder: &Path) -> OsString {
    let mut word = OsString::from(flag);
    word.push(folder);
    word
}

/// Program and flags. A program whose name has spaces is taken as it is.
fn split(command: &str) -> (PathBuf, Vec<OsString>) {
    if Path::new(command).is_file() {
        return (command.into(), Vec::new());
    }
    let mut words = command.split_whitespace();
    let program = words.next().unwrap_or_default().into();
    (program, words.map(OsString::from).collect())
}

/// The program's file, searched on the PATH as a shell does.
fn locate(program: &Path) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let is_executable =
        |path: &PathBuf| std::fs::metadata(path).is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0);
    if program.as_os_str().is_empty() {
        return None;
    }
    if program.components().count() > 1 || program.is_absolute() {
        return Some(program.to_owned()).filter(is_executable);
    }
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join(program)).find(is_executable)
}
