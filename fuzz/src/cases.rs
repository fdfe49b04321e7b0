//! What is added to a module so that a host can observe it: [`CALL`] makes one of its calls,
//! [`STATE`] hashes memories and tables, and [`CHECK`] makes many calls and then does that.
//!
//! All three are `(param i64) (result i64)`. [`CALL`] gives a hash of the results and all globals.

use anyhow::Result;
use test_kit::dice::Dice;
use test_kit::observe::{self, Declared, HASH, NUMBER};
use wasm_encoder::{BlockType, Function, InstructionSink};
use wasmparser::ValType;

pub const CALL: &str = "fuzz_call";
pub const STATE: &str = "fuzz_state";
pub const CHECK: &str = "fuzz_check";

/// Each function is called with so many tuples of arguments.
const N_TUPLES: u32 = 3;

/// How a module is called.
#[derive(Copy, Clone, Debug)]
pub enum Calls {
    /// Each of its functions. The last global is its fuel.
    Each { fuel: u32 },
    /// This function, with numbers below `n`.
    Export {
        function: u32,
        n: u32,
        /// Its memory is too large to be hashed.
        is_large: bool,
    },
}

/// A module that a host can observe.
#[derive(Clone, Debug)]
pub struct Cases {
    pub wasm: Vec<u8>,
    /// What [`CALL`] takes: numbers below this, at most 60.
    pub n_calls: u32,
}

/// The module with the three functions.
///
/// # Errors
/// When it is not a module that has functions and exports.
pub fn add(wasm: &[u8], calls: Calls, seed: u64) -> Result<Cases> {
    let declared = Declared::of(wasm)?;
    let call = u32::try_from(declared.functions.len())?;
    let n_calls = match calls {
        Calls::Each { .. } => u32::try_from(declared.n_called())? * N_TUPLES,
        Calls::Export { n, .. } => n,
    };
    let body = match calls {
        Calls::Each { fuel } => each(&declared, fuel, seed),
        Calls::Export { function, .. } => export(&declared, function),
    };
    let functions = [(CALL, body), (STATE, state(&declared, calls)), (CHECK, check(call, n_calls))];
    Ok(Cases { wasm: observe::with_functions(wasm, &declared, &functions)?, n_calls })
}

/// Call `n` is that of function `n / N_TUPLES`, with its tuple `n % N_TUPLES`.
fn each(declared: &Declared, fuel: u32, seed: u64) -> Function {
    let mut dice = Dice::new("arguments", seed);
    let mut function = observe::function();
    let mut code = function.instructions();
    if let Some(last) = declared.globals.len().checked_sub(1).and_then(|last| u32::try_from(last).ok()) {
        code.i32_const(fuel.cast_signed()).global_set(last);
    }
    for (number, ty) in declared.callable() {
        code.local_get(NUMBER).i64_const(i64::from(N_TUPLES)).i64_div_u().i64_const(i64::from(number)).i64_eq();
        code.if_(BlockType::Empty);
        for param in ty.params() {
            argument(&mut code, *param, &mut dice);
            let n_choices = if matches!(param, ValType::Ref(_)) { 1 } else { N_TUPLES };
            for tuple in 1..n_choices {
                argument(&mut code, *param, &mut dice);
                code.local_get(NUMBER).i64_const(i64::from(N_TUPLES)).i64_rem_u().i64_const(i64::from(tuple)).i64_ne();
                code.select();
            }
        }
        code.call(number);
        observe::mix_results(&mut code, ty);
        code.end();
    }
    observe::mix_globals(&mut code, declared);
    code.local_get(HASH).end();
    function
}

/// The module knows its calls itself.
fn export(declared: &Declared, callee: u32) -> Function {
    let mut function = observe::function();
    let mut code = function.instructions();
    code.local_get(NUMBER).call(callee);
    observe::mix(&mut code);
    observe::mix_globals(&mut code, declared);
    code.local_get(HASH).end();
    function
}

fn state(declared: &Declared, calls: Calls) -> Function {
    let mut function = observe::function();
    let mut code = function.instructions();
    if !matches!(calls, Calls::Export { is_large: true, .. }) {
        observe::mix_memories(&mut code, declared);
    }
    observe::mix_tables(&mut code, declared);
    code.local_get(HASH).end();
    function
}

/// Makes the calls whose bits are set.
fn check(call: u32, n_calls: u32) -> Function {
    let mut function = observe::function();
    let mut code = function.instructions();
    for number in 0..n_calls {
        code.local_get(NUMBER).i64_const(1 << number).i64_and().i64_eqz().i32_eqz().if_(BlockType::Empty);
        code.i64_const(i64::from(number)).call(call);
        observe::mix(&mut code);
        code.end();
    }
    code.i64_const(0).call(call + 1);
    observe::mix(&mut code);
    code.local_get(HASH).end();
    function
}

/// One argument in three is at the border of something.
fn argument(code: &mut InstructionSink, ty: ValType, dice: &mut Dice) {
    const NUMBERS: [i64; 18] = [
        0,
        1,
        2,
        -1,
        -8,
        31,
        63,
        255,
        0xfff8,
        0xffff,
        0x1_0000,
        0x7fff_fff8,
        0x7fff_ffff,
        0x8000_0000,
        0xffff_fff8,
        0xffff_ffff,
        i64::MAX,
        i64::MIN,
    ];
    const FLOATS: [f64; 13] = [
        0.0,
        -0.0,
        0.5,
        -1.5,
        2_147_483_648.0,
        -2_147_483_649.0,
        4_294_967_295.5,
        9_223_372_036_854_775_807.0,
        1e300,
        1e-310,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
    ];
    let number = dice.one_of(&NUMBERS);
    let float = dice.one_of(&FLOATS);
    if dice.below(3) > 0 || matches!(ty, ValType::Ref(_)) {
        return observe::argument(code, ty, dice.word());
    }
    match ty {
        ValType::I32 => code.i32_const(number as i32),
        ValType::I64 => code.i64_const(number),
        ValType::F32 => code.f32_const((float as f32).into()),
        ValType::F64 => code.f64_const(float.into()),
        ValType::V128 => code.v128_const(i128::from(number) << 40 | i128::from(number)),
        ValType::Ref(_) => code,
    };
}
