//! Random modules, from a seed: valid, terminating, full of traps, and with one function more that
//! calls all of it and sums up what came out.
//!
//! `check(mask)` calls the functions whose bits are set, with arguments made from the seed, and
//! gives a hash of their results, the globals and the memory. NaNs are made canonical by the
//! generator, since wasm leaves their bits open.

use crate::observe::{self, Declared, HASH, NUMBER};
use anyhow::{Context, Result};
use wasm_encoder::{BlockType, Function};

/// Name of the export that is added.
pub const CHECK: &str = "w2n check";

/// How many loops and calls there may be before a module traps.
pub const FUEL: u32 = 2000;

pub struct Random {
    pub wasm: Vec<u8>,
    /// How many functions [`CHECK`] can call: bits of its mask.
    pub n_functions: usize,
}

/// The module of `seed`.
pub fn module(seed: u64) -> Result<Random> {
    add_check(&plain(seed, config(seed))?, seed)
}

/// A module of `seed` with garbage-collected types.
pub fn module_with_objects(seed: u64) -> Result<Random> {
    add_check(&plain(seed, with_objects(config(seed)))?, seed)
}

/// The configuration with garbage-collected types.
pub fn with_objects(config: wasm_smith::Config) -> wasm_smith::Config {
    wasm_smith::Config { gc_enabled: true, threads_enabled: false, min_types: 8, ..config }
}

/// A module of `config`, which traps after [`FUEL`] loops and calls. What is left of those is in
/// its last global.
pub fn plain(seed: u64, config: wasm_smith::Config) -> Result<Vec<u8>> {
    let mut bytes = vec![0; 32 << 10];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    let mut module = wasm_smith::Module::new(config, &mut arbitrary::Unstructured::new(&bytes))?;
    module.ensure_termination(FUEL).context("the module has bodies")?;
    Ok(module.to_bytes())
}

/// The features that the product accepts; sizes small enough for a hundred modules in a minute.
pub fn config(seed: u64) -> wasm_smith::Config {
    wasm_smith::Config {
        canonicalize_nans: true,
        // Half of them get further, the others trap in more ways.
        disallow_traps: seed.is_multiple_of(2),
        simd_enabled: !seed.is_multiple_of(3),
        compact_imports_enabled: false,
        custom_page_sizes_enabled: false,
        exceptions_enabled: seed % 4 > 1,
        gc_enabled: false,
        memory64_enabled: seed % 16 > 7,
        relaxed_simd_enabled: false,
        tail_call_enabled: seed % 8 > 3,
        threads_enabled: seed % 5 == 2,
        wide_arithmetic_enabled: seed % 8 > 3,
        max_imports: 0,
        min_exports: 1,
        min_types: 3,
        min_funcs: 4,
        max_funcs: 12,
        max_instructions: 400,
        min_globals: 1,
        max_memories: 1 + seed as usize % 3,
        max_memory32_bytes: 10 << 16,
        max_memory64_bytes: 10 << 16,
        memory_max_size_required: true,
        max_table_elements: 1000,
        table_max_size_required: true,
        max_tables: 3,
        max_data_segments: 6,
        max_element_segments: 6,
        ..wasm_smith::Config::default()
    }
}

/// Appends the function [`CHECK`].
fn add_check(wasm: &[u8], seed: u64) -> Result<Random> {
    let declared = Declared::of(wasm)?;
    let wasm = observe::with_functions(wasm, &declared, &[(CHECK, check(&declared, seed))])?;
    Ok(Random { wasm, n_functions: declared.n_called() })
}

fn check(declared: &Declared, seed: u64) -> Function {
    let mut function = observe::function();
    let mut code = function.instructions();
    for (number, ty) in declared.callable() {
        code.local_get(NUMBER).i64_const(1 << number).i64_and().i64_eqz().i32_eqz().if_(BlockType::Empty);
        for (place, param) in (0..).zip(ty.params()) {
            let random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(number * 7 + place);
            observe::argument(&mut code, *param, random);
        }
        code.call(number);
        observe::mix_results(&mut code, ty);
        code.end();
    }
    observe::mix_globals(&mut code, declared);
    observe::mix_memories(&mut code, declared);
    code.local_get(HASH).end();
    function
}
