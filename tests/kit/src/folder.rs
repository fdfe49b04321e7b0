//! A temporary folder in which commands are run: the one type for a place in the file system.

use crate::command;
use crate::process::{self, Outcome, outcome};
use crate::{target, tool};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A temporary folder. It goes when the value does.
#[derive(Debug)]
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn empty() -> Folder {
        Folder(tempfile::tempdir().expect("a temporary folder can be made"))
    }

    /// A folder with these files: names and texts.
    pub fn with(files: &[(&str, &str)]) -> Folder {
        let folder = Folder::empty();
        for (name, text) in files {
            folder.write(name, text);
        }
        folder
    }

    /// A folder with copies of these files of another folder.
    pub fn with_copies(source: &Path, names: &[&str]) -> Folder {
        let folder = Folder::empty();
        for name in names {
            std::fs::copy(source.join(name), folder.path(name)).expect("the file is there");
        }
        folder
    }

    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file, and makes the folders that it stands in.
    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("it is inside the folder")).expect("folders can be made");
        std::fs::write(path, contents).expect("files can be written");
    }

    /// Contents of a file.
    #[track_caller]
    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Names in the folder, or in one below it.
    pub fn list(&self, folder: &str) -> BTreeSet<String> {
        let entries = std::fs::read_dir(self.path(folder)).expect("the folder is there");
        entries.map(|entry| entry.expect("it can be listed").file_name().into_string().expect("UTF-8")).collect()
    }
}

/// The product, and programs that it made.
impl Folder {
    /// The command `wasm2native`, here: in an environment without surprises, with a cache inside
    /// the folder. What it builds is for the tests' [target], unless `args` say otherwise or start
    /// another command.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = command::wasm2native();
        let builds = !args.first().is_some_and(|first| ["help", "inspect", "run"].contains(first));
        if builds && !args.iter().any(|arg| arg.starts_with("--target")) {
            command.args(target::words());
        }
        command.args(args).current_dir(self.0.path()).env_clear().stdin(Stdio::null());
        command.env("WASM2NATIVE_CACHE", self.path("cache")).env("PATH", "/usr/bin:/bin");
        command
    }

    pub fn wasm2native(&self, args: &[&str]) -> Outcome {
        outcome(&mut self.command(args))
    }

    /// Runs `wasm2native`, which must succeed without a word.
    #[track_caller]
    pub fn builds(&self, args: &[&str]) {
        let outcome = self.wasm2native(args);
        assert!(outcome.status == 0 && outcome.stderr.is_empty(), "{args:?}: {outcome:#?}");
    }

    /// The command `cot`, here, likewise.
    pub fn cot_command(&self, args: &[&str]) -> Command {
        let mut command = command::cot();
        match args {
            ["build", rest @ ..] if !rest.iter().any(|arg| arg.starts_with("--target")) => {
                command.arg("build").args(target::cot_words()).args(rest)
            }
            _ => command.args(args),
        };
        command.current_dir(self.0.path()).env_clear().env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
        command
    }

    pub fn cot(&self, args: &[&str]) -> Outcome {
        outcome(&mut self.cot_command(args))
    }

    /// Runs a program that was built here, in an empty environment.
    pub fn program(&self, name: &str, args: &[&str]) -> Outcome {
        self.program_with(name, args, &[])
    }

    /// As [`Folder::program`], with variables in the environment.
    pub fn program_with(&self, name: &str, args: &[&str], variables: &[(&str, &str)]) -> Outcome {
        let mut command = process::program(self.path(name));
        outcome(command.args(args).current_dir(self.0.path()).env_clear().envs(variables.iter().copied()))
    }

    /// An object with the symbol `NAME_f`, without a C compiler.
    pub fn object(&self, name: &str) {
        self.write("object.wat", r#"(module (func (export "f") (param i32) (result i32) (local.get 0)))"#);
        self.wasm2native(&["-c", "object.wat", "--prefix", name, "-o", &format!("{name}.o")]).succeeds();
    }
}

/// Tools of the system.
impl Folder {
    /// Runs a tool here, which must succeed; it may print warnings.
    #[track_caller]
    pub fn tool(&self, name: &str, args: &[&str]) -> Outcome {
        let outcome = outcome(tool::command(name).args(args).current_dir(self.0.path()).env("LC_ALL", "C"));
        assert_eq!(outcome.status, 0, "{name} {args:?}: {outcome:#?}");
        outcome
    }

    /// Runs a tool here, which must succeed without a word on standard error.
    #[track_caller]
    pub fn silent_tool(&self, name: &str, args: &[&str]) {
        let outcome = self.tool(name, args);
        assert!(outcome.stderr.is_empty(), "{name} {args:?}: {outcome:#?}");
    }

    /// Compiles C so that a warning is an error.
    #[track_caller]
    pub fn cc(&self, args: &[&str]) {
        let flags = ["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-pedantic"];
        self.silent_tool("cc", &[&flags, args].concat());
    }

    /// As [`Folder::cc`], for C++.
    #[track_caller]
    pub fn cxx(&self, args: &[&str]) {
        let flags = ["-std=c++17", "-Wall", "-Wextra", "-Werror", "-pedantic"];
        self.silent_tool("c++", &[&flags, args].concat());
    }

    /// A device of the folder's own, as `/dev/null` or `/dev/full`. A user who can't make one gets
    /// a link to the machine's, which the same user can't harm.
    pub fn device(&self, name: &str) {
        let (device, minor) = if name.contains("null") { ("/dev/null", "3") } else { ("/dev/full", "7") };
        let path = self.path(name);
        let made = outcome(Command::new("mknod").args(["-m", "666"]).arg(&path).args(["c", "1", minor]));
        let opens = || std::fs::OpenOptions::new().write(true).open(&path).is_ok();
        if made.status == 0 && opens() {
            return;
        }
        assert!(!rustix::process::getuid().is_root(), "root could harm {device}");
        let _ = std::fs::remove_file(&path);
        std::os::unix::fs::symlink(device, path).expect("links can be made");
    }
}
