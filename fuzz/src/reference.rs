//! The calls of a module under wasmtime.

use crate::cases::{CALL, CHECK, Cases, STATE};
use crate::observed::{Ended, Mode, Observed, Place};
use anyhow::{Result, anyhow, bail};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;
use test_kit::{reference, trap};
use wasmtime::{Engine, Instance, Module, OptLevel, Store, Trap, WasmBacktrace};

/// How long a call may take, in ticks.
const TICKS: u64 = 20;
const TICK: Duration = Duration::from_millis(500);

/// A module that wasmtime has compiled.
#[derive(Clone)]
pub struct Reference {
    module: Module,
    n_calls: u32,
}

impl Reference {
    /// # Errors
    /// When wasmtime refuses the module.
    pub fn new(cases: &Cases) -> Result<Reference> {
        let module = Module::new(engine(), &cases.wasm).map_err(|error| anyhow!("wasmtime: {error:?}"))?;
        Ok(Reference { module, n_calls: cases.n_calls })
    }

    /// Makes all calls, up to one that uses up the stack or the objects.
    ///
    /// # Errors
    /// When a call takes too long.
    pub fn observe(&self, mode: Mode) -> Result<Observed> {
        on_large_stack(|| self.observe_here(mode))
    }

    fn observe_here(&self, mode: Mode) -> Result<Observed> {
        let mut observed = Observed::default();
        let mut running = match self.start()? {
            Ok(running) => running,
            Err(failed) => return Ok(Observed { failed: Some(failed), ..observed }),
        };
        for number in 0..self.n_calls {
            let ended = running.call(CALL, u64::from(number))?;
            let (is_trap, is_limit) = (ended.is_trap(), ended.is_limit());
            observed.calls.push(ended);
            if is_limit {
                return Ok(observed);
            }
            if is_trap && mode == Mode::Reset {
                running = self.start()?.map_err(|failed| anyhow!("the second start failed: {failed}"))?;
            }
        }
        observed.state = Some(running.call(STATE, 0)?);
        Ok(observed)
    }

    /// One call of [`CHECK`].
    ///
    /// # Errors
    /// When it takes too long.
    pub fn check(&self, mask: u64) -> Result<Ended> {
        on_large_stack(|| match self.start()? {
            Ok(mut running) => running.call(CHECK, mask),
            Err(failed) => Ok(failed),
        })
    }

    fn start(&self) -> Result<Result<Running, Ended>> {
        let mut store = Store::new(engine(), ());
        store.set_epoch_deadline(TICKS);
        Ok(match Instance::new(&mut store, &self.module, &[]) {
            Ok(instance) => Ok(Running { store, instance }),
            Err(error) => Err(ended(&error)?),
        })
    }
}

struct Running {
    store: Store<()>,
    instance: Instance,
}

impl Running {
    fn call(&mut self, name: &str, argument: u64) -> Result<Ended> {
        self.store.set_epoch_deadline(TICKS);
        let function = self.instance.get_typed_func::<i64, i64>(&mut self.store, name);
        let function = function.map_err(|error| anyhow!("{error:?}"))?;
        match function.call(&mut self.store, argument.cast_signed()) {
            Ok(value) => Ok(Ended::Value(value.cast_unsigned())),
            Err(error) => ended(&error),
        }
    }
}

/// The trap in an error of wasmtime.
fn ended(error: &wasmtime::Error) -> Result<Ended> {
    if matches!(error.downcast_ref(), Some(Trap::Interrupt)) {
        bail!("wasmtime: the module runs for too long");
    }
    let text = format!("{error:?}");
    let Some(kind) = trap::kind(&text) else { bail!("wasmtime: {text}") };
    let frame = error.downcast_ref::<WasmBacktrace>().and_then(|trace| trace.frames().first());
    let place = frame.and_then(|frame| {
        let offset = u32::try_from(frame.module_offset()?).ok()?;
        Some(Place { function: Some(frame.func_index()), offset })
    });
    Ok(Ended::Trap { kind, place })
}

fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let mut config = reference::config();
        // What optimizes there is what optimizes in our compiler.
        config.epoch_interruption(true).cranelift_opt_level(OptLevel::None);
        let engine = Arc::new(Engine::new(&config).expect("the configuration is valid"));
        let ticking = Arc::clone(&engine);
        thread::spawn(move || {
            loop {
                thread::sleep(TICK);
                ticking.increment_epoch();
            }
        });
        (*engine).clone()
    })
}

/// Wasm runs on the stack of its caller.
fn on_large_stack<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(reference::STACK + (8 << 20)).spawn_scoped(scope, work)?;
        thread.join().map_err(|_| anyhow!("wasmtime panicked"))?
    })
}
