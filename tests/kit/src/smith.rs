//! Random modules, from a seed: valid, terminating, full of traps, and with one function more that
//! calls all of it and sums up what came out.
//!
//! `check(mask)` calls the functions whose bits are set, with arguments made from the seed, and
//! gives a hash of their results, the globals and the memory. NaNs are made canonical by the
//! generator, since wasm leaves their bits open.

use anyhow::{Context, Result};
use wasm_encoder::{
    AbstractHeapType, BlockType, Encode, Function, HeapType, InstructionSink, MemArg, MemArgTarget, Module, RawSection,
    ValType,
};
use wasmparser::{CompositeInnerType, FuncType, Parser, Payload, RefType};

/// Name of the export that is added.
pub const CHECK: &str = "w2n check";

/// More functions than this are not called one by one.
const MOST_CALLED: usize = 20;

const PRIME: i64 = 0x100_0000_01b3;

pub struct Random {
    pub wasm: Vec<u8>,
    /// How many functions [`CHECK`] can call: bits of its mask.
    pub n_functions: usize,
}

/// The module of `seed`.
pub fn module(seed: u64) -> Result<Random> {
    random(seed, config(seed))
}

/// A module of `seed` with garbage-collected types.
pub fn module_with_objects(seed: u64) -> Result<Random> {
    random(seed, wasm_smith::Config { gc_enabled: true, threads_enabled: false, min_types: 8, ..config(seed) })
}

fn random(seed: u64, config: wasm_smith::Config) -> Result<Random> {
    let mut bytes = vec![0; 32 << 10];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    let mut module = wasm_smith::Module::new(config, &mut arbitrary::Unstructured::new(&bytes))?;
    module.ensure_termination(2000).context("the module has bodies")?;
    add_check(&module.to_bytes(), seed)
}

/// The features that the product accepts; sizes small enough for a hundred modules in a minute.
fn config(seed: u64) -> wasm_smith::Config {
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

/// What the module declares, as far as `check` needs it.
#[derive(Default)]
struct Declared {
    /// `None` is not a type of functions.
    types: Vec<Option<FuncType>>,
    functions: Vec<u32>,
    globals: Vec<wasmparser::ValType>,
    /// Whether addresses have 64 bits.
    memories: Vec<bool>,
}

/// Appends one type, function, export and body to the sections that hold them.
fn add_check(wasm: &[u8], seed: u64) -> Result<Random> {
    let declared = declared(wasm)?;
    let index = u32::try_from(declared.functions.len())?;
    let mut function_item = Vec::new();
    u32::try_from(declared.types.len())?.encode(&mut function_item);
    let mut export_item = Vec::new();
    CHECK.encode(&mut export_item);
    export_item.push(0);
    index.encode(&mut export_item);
    let mut body_item = Vec::new();
    check_body(&declared, seed).encode(&mut body_item);

    let mut module = Module::new();
    for payload in Parser::new(0).parse_all(wasm) {
        let Some((id, range)) = payload?.as_section() else { continue };
        let contents = &wasm[range.start as usize..range.end as usize];
        let data = match id {
            1 => with_item(contents, &[0x60, 1, 0x7e, 1, 0x7e])?,
            3 => with_item(contents, &function_item)?,
            7 => with_item(contents, &export_item)?,
            10 => with_item(contents, &body_item)?,
            _ => contents.to_vec(),
        };
        module.section(&RawSection { id, data: &data });
    }
    let wasm = module.finish();
    Ok(Random { wasm, n_functions: declared.functions.len().min(MOST_CALLED) })
}

fn declared(wasm: &[u8]) -> Result<Declared> {
    let mut declared = Declared::default();
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::TypeSection(section) => {
                for group in section {
                    declared.types.extend(group?.into_types().map(|ty| match ty.composite_type.inner {
                        CompositeInnerType::Func(ty) => Some(ty),
                        _ => None,
                    }));
                }
            }
            Payload::FunctionSection(section) => declared.functions = section.into_iter().collect::<Result<_, _>>()?,
            Payload::GlobalSection(section) => {
                for global in section {
                    declared.globals.push(global?.ty.content_type);
                }
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    declared.memories.push(memory?.memory64);
                }
            }
            _ => {}
        }
    }
    Ok(declared)
}

/// A vector of the binary format with one more item.
fn with_item(contents: &[u8], item: &[u8]) -> Result<Vec<u8>> {
    let mut reader = wasmparser::BinaryReader::new(contents, 0);
    let count = reader.read_var_u32()?;
    let mut data = Vec::new();
    (count + 1).encode(&mut data);
    data.extend(&contents[reader.original_position() as usize..]);
    data.extend(item);
    Ok(data)
}

const MASK: u32 = 0;
const HASH: u32 = 1;
const WORD: u32 = 2;
const VECTOR: u32 = 3;
const ADDRESS: u32 = 4;

fn check_body(declared: &Declared, seed: u64) -> Function {
    let locals = [(2, ValType::I64), (1, ValType::V128), (1, ValType::I64)];
    let mut function = Function::new(locals);
    let mut code = function.instructions();
    for (number, &ty) in declared.functions.iter().take(MOST_CALLED).enumerate() {
        let ty = declared.types[ty as usize].as_ref().expect("a function has a function type");
        // Nobody has a value for it.
        let is_wanting = |ty: &wasmparser::ValType| matches!(ty, wasmparser::ValType::Ref(ty) if !ty.is_nullable());
        if ty.params().iter().any(is_wanting) {
            continue;
        }
        code.local_get(MASK).i64_const(1 << number).i64_and().i64_eqz().i32_eqz().if_(BlockType::Empty);
        for (place, param) in ty.params().iter().enumerate() {
            argument(
                &mut code,
                *param,
                seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left((number * 7 + place) as u32),
            );
        }
        code.call(number as u32);
        for result in ty.results().iter().rev() {
            mix_value(&mut code, *result);
        }
        code.end();
    }
    for (global, ty) in declared.globals.iter().enumerate() {
        code.global_get(global as u32);
        mix_value(&mut code, *ty);
    }
    for (memory, &wide) in declared.memories.iter().enumerate() {
        mix_memory(&mut code, memory as u32, wide);
    }
    code.local_get(HASH).end();
    function
}

/// Takes the size and all words of a memory into the hash.
fn mix_memory(code: &mut InstructionSink, memory: u32, wide: bool) {
    let size = |code: &mut InstructionSink| {
        code.memory_size(memory);
        if !wide {
            code.i64_extend_i32_u();
        }
    };
    size(code);
    mix(code);
    code.i64_const(0).local_set(ADDRESS);
    code.block(BlockType::Empty).loop_(BlockType::Empty);
    code.local_get(ADDRESS);
    size(code);
    code.i64_const(16).i64_shl().i64_ge_u().br_if(1);
    code.local_get(ADDRESS);
    if !wide {
        code.i32_wrap_i64();
    }
    code.i64_load(MemArg { offset: 0, align: 0, target: MemArgTarget::Memory(memory), ordering: None });
    mix(code);
    code.local_get(ADDRESS).i64_const(8).i64_add().local_set(ADDRESS).br(0).end().end();
}

fn argument(code: &mut InstructionSink, ty: wasmparser::ValType, random: u64) {
    // Small numbers meet more of what a module does than large ones.
    let small = (random % 9) as i64 - 2;
    let number = if random & 64 == 0 { small } else { random as i64 };
    match ty {
        wasmparser::ValType::I32 => code.i32_const(number as i32),
        wasmparser::ValType::I64 => code.i64_const(number),
        wasmparser::ValType::F32 => code.f32_const((small as f32 * 0.75).into()),
        wasmparser::ValType::F64 => code.f64_const((small as f64 * 1e10).into()),
        wasmparser::ValType::V128 => code.v128_const(i128::from(number) * 0x1_0001_0001_0001),
        wasmparser::ValType::Ref(ty) => code.ref_null(bottom(ty)),
    };
}

/// The type of null in the hierarchy of a type; a declared one is its own.
fn bottom(ty: RefType) -> HeapType {
    use wasmparser::AbstractHeapType as Known;
    let ty = match ty.heap_type() {
        wasmparser::HeapType::Abstract { ty, .. } => ty,
        wasmparser::HeapType::Concrete(index) | wasmparser::HeapType::Exact(index) => {
            return HeapType::Concrete(index.as_module_index().expect("a type of the module"));
        }
    };
    let ty = match ty {
        Known::Func | Known::NoFunc => AbstractHeapType::NoFunc,
        Known::Extern | Known::NoExtern => AbstractHeapType::NoExtern,
        Known::Exn | Known::NoExn => AbstractHeapType::NoExn,
        _ => AbstractHeapType::None,
    };
    HeapType::Abstract { shared: false, ty }
}

/// Takes a value from the stack into the hash.
fn mix_value(code: &mut InstructionSink, ty: wasmparser::ValType) {
    match ty {
        wasmparser::ValType::I32 => code.i64_extend_i32_u(),
        wasmparser::ValType::I64 => code,
        wasmparser::ValType::F32 => code.i32_reinterpret_f32().i64_extend_i32_u(),
        wasmparser::ValType::F64 => code.i64_reinterpret_f64(),
        wasmparser::ValType::V128 => {
            code.local_tee(VECTOR).i64x2_extract_lane(0);
            mix(code);
            code.local_get(VECTOR).i64x2_extract_lane(1)
        }
        wasmparser::ValType::Ref(_) => code.ref_is_null().i64_extend_i32_u(),
    };
    mix(code);
}

/// FNV, a word at a time.
fn mix(code: &mut InstructionSink) {
    code.local_set(WORD).local_get(HASH).local_get(WORD).i64_xor().i64_const(PRIME).i64_mul();
    // Multiplication carries upwards only.
    code.local_tee(HASH).local_get(HASH).i64_const(32).i64_shr_u().i64_xor().local_set(HASH);
}
