//! The reference: the same module, arguments, environment and files under the `wasmtime` crate.
//!
//! What of a program's options wasmtime has a counterpart for is translated ([`Request::of`]); the
//! rest can't be compared.

use crate::directive::Run;
use crate::fixture::Fixture;
use crate::process::Outcome;
use crate::trap;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use wasm2native::abi::words;
use wasmtime::{Engine, ExternType, Instance, Linker, Memory, Module, Store, Val, ValType};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::p2::pipe::{MemoryInputPipe, MemoryOutputPipe};
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtxBuilder};

/// The stack that Linux gives a program by default.
pub const STACK: usize = 8 << 20;
const OUTPUT_LIMIT: usize = 64 << 20;

/// What is to be run, and with which powers.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub args: Vec<String>,
    pub env: Vec<(String, String)>,
    pub stdin: Vec<u8>,
    /// Host folder, guest name.
    pub dirs: Vec<(PathBuf, String)>,
    pub invoke: Option<String>,
    /// Modules that this one may import from: name, binary form.
    pub modules: Vec<(String, Vec<u8>)>,
}

impl Request {
    /// The fixture's run, in the folder `place`.
    ///
    /// # Errors
    /// Options that wasmtime has no counterpart for.
    pub fn of(fixture: &Fixture, run: &Run, place: &Path) -> Result<Request> {
        let mut request = Request { args: run.args.clone(), stdin: run.stdin.clone(), ..Request::default() };
        let fixed = fixture.setup.build.iter().any(|word| word == "--fixed-powers");
        let mut words = fixture.setup.build.clone();
        if let Some(options) = run.options.as_ref().filter(|_| !fixed) {
            words.extend(words::list(options)?);
        }
        let mut words = words.iter().flat_map(|word| match word.split_once('=') {
            Some((name, value)) if name.starts_with("--") => vec![name.to_owned(), value.to_owned()],
            _ => vec![word.clone()],
        });
        while let Some(word) = words.next() {
            let mut value = || words.next().with_context(|| format!("`{word}` lacks its value"));
            match word.as_str() {
                "--invoke" => request.invoke = Some(value()?),
                "--module" => {
                    let value = value()?;
                    let (name, file) = value.split_once('=').context("`--module` takes NAME=FILE")?;
                    request.modules.push((name.to_owned(), wat::parse_file(place.join(file))?));
                }
                "--dir" => {
                    let value = value()?;
                    let (host, guest) = value.split_once("::").unwrap_or((&value, &value));
                    request.dirs.push((place.join(host), guest.to_owned()));
                }
                "--env" => {
                    let value = value()?;
                    let inherited = || run.env.iter().find(|(name, _)| *name == value).cloned();
                    let pair = value.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
                    request.env.extend(pair.or_else(inherited));
                }
                "--inherit-env" => request.env.extend(run.env.iter().cloned()),
                "--cpu" | "--enable" | "--max-heap" => drop(value()?),
                "--exact-traps" | "--fixed-powers" | "--gc-stress" | "--inline" | "--memory-checks"
                | "--spectre-masks" | "-O0" | "-O1" | "-O2" | "-O3" | "-Os" | "--strip" | "-s" => {}
                _ => bail!("wasmtime has no `{word}`"),
            }
        }
        Ok(request)
    }
}

pub fn engine() -> wasmtime::Result<Engine> {
    Engine::new(&config())
}

/// What our programs accept, and the stack that they have.
pub fn config() -> wasmtime::Config {
    let mut config = wasmtime::Config::new();
    config.async_stack_size(STACK + (1 << 20)).max_wasm_stack(STACK);
    // What is off by default there.
    config.wasm_wide_arithmetic(true).wasm_custom_page_sizes(true).shared_memory(true).wasm_gc(true);
    config
}

/// Runs `wasm` to its end. A trap becomes status 134 and its message on standard error.
///
/// # Errors
/// What wasmtime refuses before anything runs: the module, its imports, its entry.
pub fn run(engine: &Engine, wasm: &[u8], request: &Request) -> wasmtime::Result<Outcome> {
    let module = Module::new(engine, wasm)?;
    // Wasm runs on the stack of its caller.
    std::thread::scope(|scope| {
        let builder = std::thread::Builder::new().stack_size(STACK + (8 << 20));
        let thread = builder.spawn_scoped(scope, || run_here(engine, &module, request))?;
        thread.join().map_err(|_| wasmtime::Error::msg("wasmtime panicked"))?
    })
}

fn run_here(engine: &Engine, module: &Module, request: &Request) -> wasmtime::Result<Outcome> {
    let stdout = MemoryOutputPipe::new(OUTPUT_LIMIT);
    let stderr = MemoryOutputPipe::new(OUTPUT_LIMIT);
    let mut builder = WasiCtxBuilder::new();
    builder.stdin(MemoryInputPipe::new(request.stdin.clone())).stdout(stdout.clone()).stderr(stderr.clone());
    builder.arg("app").args(&request.args).envs(&request.env);
    for (host, guest) in &request.dirs {
        builder.preopened_dir(host, guest, FsPerms::ReadWrite)?;
    }
    let mut store = Store::new(engine, builder.build_p1());
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p1::add_to_linker_sync(&mut linker, |ctx| ctx)?;
    wasmtime_wasi::p0::add_to_linker_sync(&mut linker, |ctx| ctx)?;
    let mut printed = String::new();
    let ended = instantiate(&mut store, &mut linker, module, request)
        .and_then(|instance| enter(&mut store, instance, request, &mut printed));
    drop(store);
    let mut stdout = stdout.contents().to_vec();
    stdout.extend(printed.as_bytes());
    let mut stderr = stderr.contents().to_vec();
    let status = match ended {
        Ok(status) => status,
        Err(error) => match error.downcast_ref::<I32Exit>() {
            Some(exit) => exit.0 & 0xff,
            None => {
                // Not a trap: an import that is missing, arguments that don't fit.
                let Some(kind) = trap::kind(&format!("{error:?}")) else { return Err(error) };
                stderr.extend(format!("wasm trap: {kind}\n").bytes());
                134
            }
        },
    };
    Ok(Outcome { status, stdout: stdout.into(), stderr: stderr.into() })
}

/// The modules before the program, then the program.
fn instantiate(
    store: &mut Store<WasiP1Ctx>,
    linker: &mut Linker<WasiP1Ctx>,
    module: &Module,
    request: &Request,
) -> wasmtime::Result<Instance> {
    for (name, wasm) in &request.modules {
        let other = Module::new(store.engine(), wasm)?;
        supply_memories(store, linker, &other)?;
        let instance = linker.instantiate(&mut *store, &other)?;
        linker.instance(&mut *store, name, instance)?;
    }
    supply_memories(store, linker, module)?;
    linker.instantiate(store, module)
}

/// Memories that no module defines come from the runtime.
fn supply_memories(
    store: &mut Store<WasiP1Ctx>,
    linker: &mut Linker<WasiP1Ctx>,
    module: &Module,
) -> wasmtime::Result<()> {
    for import in module.imports() {
        let (ExternType::Memory(ty), None) = (import.ty(), linker.get_by_import(&mut *store, &import)) else {
            continue;
        };
        let memory = Memory::new(&mut *store, ty)?;
        linker.define(&mut *store, import.module(), import.name(), memory)?;
    }
    Ok(())
}

/// Calls what our programs call: the function asked for, `_start`, or `main`, whose integer result
/// is the exit status.
fn enter(
    store: &mut Store<WasiP1Ctx>,
    instance: Instance,
    request: &Request,
    printed: &mut String,
) -> wasmtime::Result<i32> {
    let name = request.invoke.as_deref();
    if let Some(initialize) = instance.get_func(&mut *store, "_initialize") {
        initialize.call(&mut *store, &[], &mut [])?;
    }
    let names = match name {
        Some(name) => vec![name],
        None => vec!["_start", "main"],
    };
    let func = names.iter().find_map(|name| instance.get_func(&mut *store, name));
    let func = func.ok_or_else(|| wasmtime::Error::msg("the module has no entry"))?;
    let ty = func.ty(&*store);
    let args = match name {
        Some(_) => {
            ty.params().zip(&request.args).map(|(ty, text)| parse(&ty, text)).collect::<wasmtime::Result<Vec<_>>>()?
        }
        None => Vec::new(),
    };
    let mut results = vec![Val::I32(0); ty.results().len()];
    func.call(&mut *store, &args, &mut results)?;
    if name.is_some() {
        results.iter().for_each(|value| printed.push_str(&print(value)));
        return Ok(0);
    }
    Ok(match results.first() {
        Some(Val::I32(status)) => status & 0xff,
        Some(Val::I64(status)) => (status & 0xff) as i32,
        _ => 0,
    })
}

fn parse(ty: &ValType, text: &str) -> wasmtime::Result<Val> {
    Ok(match ty {
        ValType::I32 => Val::I32(integer(text)? as i32),
        ValType::I64 => Val::I64(integer(text)? as i64),
        ValType::F32 => Val::F32(text.parse::<f32>()?.to_bits()),
        ValType::F64 => Val::F64(text.parse::<f64>()?.to_bits()),
        _ => return Err(wasmtime::Error::msg(format!("no argument can have the type {ty}"))),
    })
}

fn integer(text: &str) -> wasmtime::Result<i128> {
    Ok(match text.strip_prefix("0x") {
        Some(digits) => i128::from_str_radix(digits, 16)?,
        None => text.parse()?,
    })
}

/// As `wasmtime run --invoke` prints results: one a line.
fn print(value: &Val) -> String {
    match value {
        Val::I32(it) => format!("{it}\n"),
        Val::I64(it) => format!("{it}\n"),
        Val::F32(it) => format!("{}\n", f32::from_bits(*it)),
        Val::F64(it) => format!("{}\n", f64::from_bits(*it)),
        Val::V128(it) => format!("{}\n", it.as_u128()),
        Val::FuncRef(None) => "<null funcref>\n".to_owned(),
        Val::FuncRef(Some(_)) => "<funcref>\n".to_owned(),
        _ => "<null externref>\n".to_owned(),
    }
}
