//! The product as users have it: the command `wasm2native`, and the programs that it makes.

use super::directive::{Entry, Run};
use super::fixture::Fixture;
use super::process::{self, Outcome};
use super::toolchain;
use anyhow::Result;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A fixture's compilation, in a folder of its own.
pub struct Build {
    folder: tempfile::TempDir,
    /// What the compiler said.
    pub outcome: Outcome,
    /// What it was told to write.
    pub output: PathBuf,
}

/// The bytes that the compiler gets to see.
pub fn input(fixture: &Fixture) -> Result<Vec<u8>> {
    if fixture.is_c() {
        toolchain::compile(fixture)
    } else if fixture.setup.binary {
        Ok(wat::parse_str(&fixture.source)?)
    } else {
        Ok(fixture.source.clone().into_bytes())
    }
}

/// Compiles `input` as the fixture asks for.
pub fn build(fixture: &Fixture, input: &[u8]) -> Result<Build> {
    let folder = tempfile::tempdir()?;
    let place = folder.path().join("build");
    std::fs::create_dir(&place)?;
    populate(&place, fixture)?;
    let default_name = if fixture.is_c() || fixture.setup.binary {
        Path::new(&fixture.file_name()).with_extension("wasm").to_string_lossy().into_owned()
    } else {
        fixture.file_name()
    };
    let name = fixture.setup.input.clone().unwrap_or(default_name);
    std::fs::write(place.join(&name), input)?;
    let output = folder.path().join("app");
    let mut command = Command::new(env!("CARGO_BIN_EXE_wasm2native"));
    command.current_dir(&place).envs(fixture.setup.build_env.iter().cloned());
    command.args(&fixture.setup.build).arg("-o").arg(&output);
    if let Some(emit) = &fixture.setup.emit {
        command.arg("--emit").arg(emit);
    }
    // After `--`: names may begin with a dash.
    command.arg("--").arg(&name);
    let outcome = process::run(&mut command, b"")?;
    Ok(Build { folder, outcome, output })
}

impl Build {
    /// Runs the program, as the `number`th, in a fresh folder; returns that too.
    pub fn run(&self, fixture: &Fixture, run: &Run, number: usize) -> Result<(Outcome, PathBuf)> {
        let place = self.folder.path().join(format!("run{number}"));
        std::fs::create_dir(&place)?;
        populate(&place, fixture)?;
        let mut command = Command::new(&self.output);
        command.arg0("app").args(&run.args).current_dir(&place);
        command.env_clear().envs(run.env.iter().cloned());
        if let Some(options) = &run.options {
            command.env("WASM2NATIVE_OPTIONS", options);
        }
        let outcome = process::run(&mut command, &run.stdin)?;
        Ok((outcome, place))
    }
}

/// Puts the fixture's files, links and folders into `place`.
pub fn populate(place: &Path, fixture: &Fixture) -> Result<()> {
    for entry in &fixture.setup.entries {
        match entry {
            Entry::Dir(name) => std::fs::create_dir_all(place.join(name))?,
            Entry::File(name, bytes) => {
                let path = place.join(name);
                std::fs::create_dir_all(path.parent().expect("it is joined"))?;
                std::fs::write(path, bytes)?;
            }
            Entry::Link(name, target) => std::os::unix::fs::symlink(target, place.join(name))?,
        }
    }
    Ok(())
}
