//! wasmtime in a process of its own: what `wasmtime compile` and `wasmtime run --allow-precompiled`
//! do, with the default configuration.

use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::Command;
use wasmtime::{Engine, Linker, Module, Store, Val, ValType};
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtxBuilder};

/// First argument by which this program knows that it is to be wasmtime.
pub const COMMAND: &str = "--as-wasmtime";

pub fn compile(wasm: &Path, output: &Path) -> Result<Command> {
    let mut command = itself()?;
    command.arg("compile").arg(wasm).arg(output);
    Ok(command)
}

pub fn run(compiled: &Path, invoke: Option<&str>, dir: Option<&Path>, args: &[String]) -> Result<Command> {
    let mut command = itself()?;
    command.arg("run").arg(compiled).arg(invoke.unwrap_or("_start")).arg(dir.unwrap_or(Path::new(""))).args(args);
    Ok(command)
}

fn itself() -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(COMMAND);
    Ok(command)
}

/// The other side: what stands after [`COMMAND`].
pub fn main(words: &[String]) -> Result<()> {
    let done = match words {
        [verb, wasm, output] if verb == "compile" => compile_here(wasm, output),
        [verb, compiled, entry, dir, args @ ..] if verb == "run" => run_here(compiled, entry, dir, args),
        _ => bail!("what this program starts itself with"),
    };
    let Err(error) = done else { return Ok(()) };
    if let Some(exit) = error.downcast_ref::<I32Exit>() {
        std::process::exit(exit.0);
    }
    bail!("{error:?}")
}

fn compile_here(wasm: &str, output: &str) -> wasmtime::Result<()> {
    let engine = Engine::default();
    let compiled = engine.precompile_module(&std::fs::read(wasm)?)?;
    Ok(std::fs::write(output, compiled)?)
}

fn run_here(compiled: &str, entry: &str, dir: &str, args: &[String]) -> wasmtime::Result<()> {
    let engine = Engine::default();
    // SAFETY: written by `compile_here` a moment ago.
    #[allow(unsafe_code)]
    let module = unsafe { Module::deserialize_file(&engine, compiled)? };
    let mut builder = WasiCtxBuilder::new();
    builder.inherit_stdio().arg("app").args(args);
    if !dir.is_empty() {
        builder.preopened_dir(dir, "/data", FsPerms::ReadWrite)?;
    }
    let mut store = Store::new(&engine, builder.build_p1());
    let mut linker = Linker::new(&engine);
    wasmtime_wasi::p1::add_to_linker_sync(&mut linker, |ctx| ctx)?;
    let instance = linker.instantiate(&mut store, &module)?;
    let func = instance
        .get_func(&mut store, entry)
        .context("no such export")
        .map_err(|it| wasmtime::Error::msg(it.to_string()))?;
    let ty = func.ty(&store);
    let params: Vec<Val> = ty.params().zip(args).map(|(ty, text)| parse(&ty, text)).collect();
    let mut results = vec![Val::I32(0); ty.results().len()];
    func.call(&mut store, &params, &mut results)?;
    for result in results {
        match result {
            Val::I32(it) => println!("{it}"),
            Val::I64(it) => println!("{it}"),
            other => println!("{other:?}"),
        }
    }
    Ok(())
}

fn parse(ty: &ValType, text: &str) -> Val {
    let number: i64 = text.parse().expect("the arguments of benchmarks are integers");
    if ty.is_i32() { Val::I32(number as i32) } else { Val::I64(number) }
}
