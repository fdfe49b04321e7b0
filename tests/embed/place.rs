//! A folder in which libraries and their hosts are built and run.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

pub struct Place(tempfile::TempDir);

/// How a program ended, and what it wrote.
#[derive(Debug)]
pub struct Outcome {
    /// As a shell reports it.
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Place {
    /// A folder with these files of `tests/embed/host`. None where there is no compiler of this
    /// name.
    pub fn with(compiler: &str, files: &[&str]) -> Option<Place> {
        if Command::new(compiler).arg("--version").output().is_err() {
            eprintln!("skipped: there is no `{compiler}` on this machine");
            return None;
        }
        let place = Place(tempfile::tempdir().expect("a temporary folder can be made"));
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/embed/host");
        for file in files {
            std::fs::copy(source.join(file), place.path(file)).expect("the file is there");
        }
        Some(place)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), contents).expect("the file can be written");
    }

    /// Runs `wasm2native`, which has to succeed without a word.
    #[track_caller]
    pub fn wasm2native(&self, args: &[&str]) {
        self.succeeds(env!("CARGO_BIN_EXE_wasm2native"), args);
    }

    /// Compiles C so that a warning is an error.
    #[track_caller]
    pub fn cc(&self, args: &[&str]) {
        self.succeeds(
            "cc",
            &[&["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-pedantic"], args].concat(),
        );
    }

    /// The same for C++.
    #[track_caller]
    pub fn cxx(&self, args: &[&str]) {
        self.succeeds("c++", &[&["-std=c++17", "-Wall", "-Wextra", "-Werror", "-pedantic"], args].concat());
    }

    /// Runs a command that has to succeed without a word on standard error.
    #[track_caller]
    pub fn succeeds(&self, command: &str, args: &[&str]) {
        let outcome = self.command(command, args, &[]);
        assert!(outcome.status == 0 && outcome.stderr.is_empty(), "{command} {args:?}: {outcome:#?}");
    }

    /// Runs a program that was built here.
    #[track_caller]
    pub fn run(&self, program: &str, args: &[&str]) -> Outcome {
        self.command(self.path(program), args, &[])
    }

    /// As [`Place::run`], with variables in the environment.
    #[track_caller]
    pub fn run_with(&self, program: &str, args: &[&str], variables: &[(&str, &str)]) -> Outcome {
        self.command(self.path(program), args, variables)
    }

    fn command(&self, command: impl AsRef<OsStr>, args: &[&str], variables: &[(&str, &str)]) -> Outcome {
        use std::os::unix::process::ExitStatusExt;
        let mut command = Command::new(command);
        command.args(args).current_dir(self.0.path()).envs(variables.iter().copied());
        let output = command.output().expect("the command can be started");
        Outcome {
            status: output.status.code().unwrap_or_else(|| 128 + output.status.signal().expect("it ended")),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Outcome {
    /// It ended well and printed this.
    #[track_caller]
    pub fn prints(&self, text: &str) {
        assert!(self.status == 0 && self.stderr.is_empty(), "{self:#?}");
        assert_eq!(self.stdout, text);
    }
}
