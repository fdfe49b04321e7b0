//! A fixture through the command `wasm2native`, and the programs that come of it.

use crate::command;
use crate::directive::{Entry, Run};
use crate::fixture::Fixture;
use crate::folder::Folder;
use crate::process::{self, Outcome};
use crate::toolchain;
use anyhow::Result;
use std::path::{Path, PathBuf};

/// A fixture's compilation, in a folder of its own.
pub struct Build {
    folder: Folder,
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
    let folder = Folder::empty();
    let place = folder.path("build");
    std::fs::create_dir(&place)?;
    populate(&place, fixture)?;
    let default_name = if fixture.is_c() || fixture.setup.binary {
        Path::new(&fixture.file_name()).with_extension("wasm").to_string_lossy().into_owned()
    } else {
        fixture.file_name()
    };
    let name = fixture.setup.input.clone().unwrap_or(default_name);
    std::fs::write(place.join(&name), input)?;
    let output = folder.path("app");
    // A text may be that of one target.
    let has_target = fixture.setup.build.iter().any(|word| word.starts_with("--target"));
    let mut command = if has_target { command::wasm2native() } else { command::for_programs() };
    command.current_dir(&place).envs(fixture.setup.build_env.iter().cloned());
    // A text is that of the usual flags.
    if fixture.setup.emit.is_none() {
        command.args(command::flags());
    }
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
        let place = self.folder.path(format!("run{number}"));
        std::fs::create_dir(&place)?;
        populate(&place, fixture)?;
        let mut command = process::program_as("app", &self.output);
        command.args(&run.args).current_dir(&place);
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
