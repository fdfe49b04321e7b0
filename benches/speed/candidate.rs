//! The ways a program of C becomes something that runs.

use crate::reference;
use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;
use test_kit::{tool, toolchain};

pub struct Candidate {
    pub title: &'static str,
    pub maker: Maker,
}

/// The first one is what all others are compared with.
pub const CANDIDATES: [Candidate; 8] = [
    Candidate { title: "clang -O3", maker: Maker::Native(&["clang-19", "clang"]) },
    Candidate { title: "gcc -O3", maker: Maker::Native(&["gcc"]) },
    Candidate { title: "ours", maker: Maker::Ours(&[]) },
    Candidate { title: "ours, --cpu native", maker: Maker::Ours(&["--cpu", "native"]) },
    Candidate { title: "ours, --generator llvm", maker: Maker::Ours(&["--generator", "llvm"]) },
    Candidate { title: "wasmtime", maker: Maker::Wasmtime },
    Candidate { title: "wasm2c + clang -O3", maker: Maker::Wasm2c },
    Candidate { title: "V8 (node)", maker: Maker::Node },
];

pub enum Maker {
    /// The first of these compilers that the machine has, with `-O3`.
    Native(&'static [&'static str]),
    /// wasm2native with these flags.
    Ours(&'static [&'static str]),
    /// The crate, with the module compiled beforehand.
    Wasmtime,
    Wasm2c,
    /// The module is compiled by the optimizing compiler, in the measured process: V8 does not
    /// replace the code of a function that runs, and the loops are all in `main`.
    Node,
}

pub struct Program {
    pub name: String,
    source: PathBuf,
    wasm: PathBuf,
}

impl Program {
    /// Compiles the module.
    pub fn new(source: &Path, folder: &Path) -> Result<Program> {
        let name = name(source);
        let wasm = folder.join(format!("{name}.wasm"));
        let mut flags = vec!["-O3".to_owned()];
        flags.extend(is_simd(&name).then(|| "-msimd128".to_owned()));
        let module = toolchain::compile_files(&[source.to_owned()], &flags).with_context(|| name.clone())?;
        std::fs::write(&wasm, module)?;
        Ok(Program { name, source: source.to_owned(), wasm })
    }
}

pub fn name(source: &Path) -> String {
    source.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

pub fn is_simd(name: &str) -> bool {
    name.starts_with("simd_")
}

const CLANG: &[&str] = &["clang-19", "clang"];

impl Maker {
    /// The tool that this needs and the machine lacks.
    pub fn missing_tool(&self) -> Option<&'static str> {
        let lacks = |tools: &[&'static str]| if find(tools).is_some() { None } else { tools.first().copied() };
        match self {
            Maker::Native(compilers) => lacks(compilers),
            Maker::Ours(["--generator", "llvm"]) => lacks(CLANG),
            Maker::Ours(_) | Maker::Wasmtime => None,
            Maker::Wasm2c => lacks(&["wasm2c"]).or_else(|| lacks(CLANG)),
            Maker::Node => lacks(&["node"]),
        }
    }

    /// Builds it below `folder`. The answer runs the program.
    pub fn build(&self, program: &Program, folder: &Path) -> Result<Command> {
        let output = |suffix: &str| folder.join(format!("{}-{suffix}", program.name));
        match self {
            Maker::Native(compilers) => {
                let compiler = find(compilers).context("it was found a moment ago")?;
                let executable = output(compiler);
                finish(Command::new(compiler).arg("-O3").arg(&program.source).arg("-lm").arg("-o").arg(&executable))?;
                Ok(Command::new(executable))
            }
            Maker::Ours(flags) => {
                let executable = output(&["ours", &flags.concat()].concat());
                let mut command = Command::new(env!("CARGO_BIN_EXE_wasm2native"));
                finish(command.args(*flags).arg(&program.wasm).arg("-o").arg(&executable))?;
                Ok(Command::new(executable))
            }
            Maker::Wasmtime => {
                let compiled = output("wasmtime.cwasm");
                finish(&mut reference::compile(&program.wasm, &compiled)?)?;
                reference::run(&compiled, None, None, &[])
            }
            Maker::Wasm2c => {
                let (code, executable) = (output("wasm2c.c"), output("wasm2c"));
                finish(Command::new("wasm2c").args(["-n", "program"]).arg(&program.wasm).arg("-o").arg(&code))?;
                let mut clang = Command::new(find(CLANG).context("it was found a moment ago")?);
                let header = code.with_extension("h");
                clang.args(["-O3", "-w", "-include"]).arg(header).arg(&code).arg(own_file("wasm2c.c"));
                finish(clang.args(["-lwasm-rt-impl", "-lm", "-o"]).arg(&executable))?;
                Ok(Command::new(executable))
            }
            Maker::Node => {
                let mut command = Command::new("node");
                command.args(["--no-liftoff", "--no-warnings"]).arg(own_file("node.mjs")).arg(&program.wasm);
                Ok(command)
            }
        }
    }
}

fn own_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/speed").join(name)
}

fn find(tools: &[&'static str]) -> Option<&'static str> {
    tools.iter().copied().find(|tool| tool::is_available(tool))
}

fn finish(command: &mut Command) -> Result<()> {
    let tool = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| tool.clone())?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{tool} ended with {}: {}", output.status, said.trim());
    Ok(())
}
