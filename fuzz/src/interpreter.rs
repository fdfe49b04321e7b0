//! The calls of a module under a second engine, an interpreter: wasmi. It knows neither
//! garbage-collected types nor typed references, exceptions and threads, and tells no places.

use crate::cases::{CALL, Cases, STATE};
use crate::observed::{Ended, Mode, Observed};
use anyhow::{Context, Result, bail};
use std::sync::OnceLock;
use test_kit::trap;
use wasmi::{Config, Engine, Error, Instance, Module, Store, TrapCode};

/// What one call may cost.
const FUEL: u64 = 200_000_000;

/// All calls in mode [`Mode::On`], up to one that uses up the stack. `None`: a feature is missing.
///
/// # Errors
/// When a call takes too long.
pub fn observe(cases: &Cases) -> Result<Option<Observed>> {
    let Ok(module) = Module::new(engine(), &cases.wasm) else { return Ok(None) };
    let mut observed = Observed::default();
    let mut store = Store::new(engine(), ());
    store.set_fuel(FUEL)?;
    let instance = match Instance::new(&mut store, &module, &[]) {
        Ok(instance) => instance,
        Err(error) => return Ok(Some(Observed { failed: Some(ended(&error)?), ..observed })),
    };
    let mut call = |name: &str, argument: u64| {
        store.set_fuel(FUEL)?;
        let function = instance.get_typed_func::<i64, i64>(&store, name)?;
        match function.call(&mut store, argument.cast_signed()) {
            Ok(value) => Ok(Ended::Value(value.cast_unsigned())),
            Err(error) => ended(&error),
        }
    };
    for number in 0..cases.n_calls {
        let ended = call(CALL, u64::from(number))?;
        let is_limit = ended.is_limit();
        observed.calls.push(ended);
        if is_limit {
            return Ok(Some(observed));
        }
    }
    observed.state = Some(call(STATE, 0)?);
    Ok(Some(observed))
}

/// In which mode [`observe`] calls.
pub const MODE: Mode = Mode::On;

/// The trap in an error.
fn ended(error: &Error) -> Result<Ended> {
    if error.as_trap_code() == Some(TrapCode::OutOfFuel) {
        bail!("wasmi: the module runs for too long");
    }
    let text = error.to_string();
    let kind = trap::kind(&text).with_context(|| format!("wasmi: {text}"))?;
    Ok(Ended::Trap { kind, place: None })
}

fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let mut config = Config::default();
        config.consume_fuel(true).wasm_custom_page_sizes(true).wasm_wide_arithmetic(true).wasm_multi_memory(true);
        config.wasm_memory64(true).wasm_simd(true).wasm_tail_call(true).wasm_extended_const(true);
        Engine::new(&config)
    })
}
