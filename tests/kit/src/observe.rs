//! What is added to a random module, so that everything about it can be observed: functions from
//! `i64` to `i64` that call the others and hash results, globals, memories and tables.
//!
//! All have the same parameter and locals, named by the constants here. Bits of NaNs go into the
//! hash as they are: a generator of modules makes them canonical where they can be seen.

use anyhow::{Context, Result};
use wasm_encoder::{
    AbstractHeapType, BlockType, Encode, Function, HeapType, InstructionSink, MemArg, MemArgTarget, Module, RawSection,
    ValType,
};
use wasmparser::{CompositeInnerType, FuncType, Parser, Payload, RefType};

/// More functions than this are not called one by one.
const MOST_CALLED: usize = 20;

const PRIME: i64 = 0x100_0000_01b3;

/// The parameter.
pub const NUMBER: u32 = 0;
/// The local with the hash so far.
pub const HASH: u32 = 1;
const WORD: u32 = 2;
const VECTOR: u32 = 3;
const ADDRESS: u32 = 4;

/// What a module declares.
#[derive(Default)]
pub struct Declared {
    /// `None` is not a type of functions.
    pub types: Vec<Option<FuncType>>,
    /// Their types.
    pub functions: Vec<u32>,
    pub globals: Vec<wasmparser::ValType>,
    memories: Vec<Indexed>,
    tables: Vec<Indexed>,
}

/// A memory or a table.
struct Indexed {
    /// Indices have 64 bits.
    is_wide: bool,
    /// Of a memory: the binary logarithm of the size of its pages.
    page: u32,
}

impl Declared {
    /// Reads a module without imports.
    ///
    /// # Errors
    /// When it is not a module.
    pub fn of(wasm: &[u8]) -> Result<Declared> {
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
                Payload::FunctionSection(section) => {
                    declared.functions = section.into_iter().collect::<Result<_, _>>()?;
                }
                Payload::GlobalSection(section) => {
                    for global in section {
                        declared.globals.push(global?.ty.content_type);
                    }
                }
                Payload::MemorySection(section) => {
                    for memory in section {
                        let memory = memory?;
                        let page = memory.page_size_log2.unwrap_or(16);
                        declared.memories.push(Indexed { is_wide: memory.memory64, page });
                    }
                }
                Payload::TableSection(section) => {
                    for table in section {
                        declared.tables.push(Indexed { is_wide: table?.ty.table64, page: 0 });
                    }
                }
                _ => {}
            }
        }
        Ok(declared)
    }

    /// The functions that can be called: index and type. Nobody has a value for some parameters.
    pub fn callable(&self) -> impl Iterator<Item = (u32, &FuncType)> {
        let is_wanting = |ty: &wasmparser::ValType| matches!(ty, wasmparser::ValType::Ref(ty) if !ty.is_nullable());
        let function =
            |ty: &u32| self.types.get(*ty as usize).and_then(Option::as_ref).expect("a function has a function type");
        (0..)
            .zip(self.functions.iter().map(function))
            .take(MOST_CALLED)
            .filter(move |(_, ty)| !ty.params().iter().any(is_wanting))
    }

    /// How many functions are called one by one.
    pub fn n_called(&self) -> usize {
        self.functions.len().min(MOST_CALLED)
    }
}

/// A function with [`NUMBER`], [`HASH`] and the other locals.
pub fn function() -> Function {
    Function::new([(2, ValType::I64), (1, ValType::V128), (1, ValType::I64)])
}

/// The module with exported functions after its own, each `(param i64) (result i64)`.
///
/// # Errors
/// When it is not a module, or has neither functions nor exports.
pub fn with_functions(wasm: &[u8], declared: &Declared, functions: &[(&str, Function)]) -> Result<Vec<u8>> {
    let n = u32::try_from(functions.len())?;
    let mut index = u32::try_from(declared.functions.len())?;
    let (mut types, mut exports, mut bodies) = (Vec::new(), Vec::new(), Vec::new());
    for (name, body) in functions {
        u32::try_from(declared.types.len())?.encode(&mut types);
        name.encode(&mut exports);
        exports.push(0);
        index.encode(&mut exports);
        body.encode(&mut bodies);
        index = index.checked_add(1).context("there are too many functions")?;
    }
    let mut module = Module::new();
    for payload in Parser::new(0).parse_all(wasm) {
        let Some((id, range)) = payload?.as_section() else { continue };
        let contents = &wasm[range.start as usize..range.end as usize];
        let data = match id {
            1 => with_items(contents, 1, &[0x60, 1, 0x7e, 1, 0x7e])?,
            3 => with_items(contents, n, &types)?,
            7 => with_items(contents, n, &exports)?,
            10 => with_items(contents, n, &bodies)?,
            _ => contents.to_vec(),
        };
        module.section(&RawSection { id, data: &data });
    }
    Ok(module.finish())
}

/// A vector of the binary format with `n` more items.
fn with_items(contents: &[u8], n: u32, items: &[u8]) -> Result<Vec<u8>> {
    let mut reader = wasmparser::BinaryReader::new(contents, 0);
    let count = reader.read_var_u32()?;
    let mut data = Vec::new();
    count.checked_add(n).context("a section has too many items")?.encode(&mut data);
    data.extend(&contents[reader.original_position() as usize..]);
    data.extend(items);
    Ok(data)
}

/// An argument that follows from `random`.
pub fn argument(code: &mut InstructionSink, ty: wasmparser::ValType, random: u64) {
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

/// Takes the results of a function from the stack into the hash.
pub fn mix_results(code: &mut InstructionSink, ty: &FuncType) {
    ty.results().iter().rev().for_each(|result| mix_value(code, *result));
}

/// Takes all globals into the hash.
pub fn mix_globals(code: &mut InstructionSink, declared: &Declared) {
    for (global, ty) in (0..).zip(&declared.globals) {
        code.global_get(global);
        mix_value(code, *ty);
    }
}

/// Takes the sizes and all words of the memories into the hash.
pub fn mix_memories(code: &mut InstructionSink, declared: &Declared) {
    for (memory, Indexed { is_wide, page }) in (0..).zip(&declared.memories) {
        let size = |code: &mut InstructionSink| {
            code.memory_size(memory);
            extend(code, *is_wide);
        };
        size(code);
        mix(code);
        code.i64_const(0).local_set(ADDRESS);
        code.block(BlockType::Empty).loop_(BlockType::Empty);
        code.local_get(ADDRESS);
        size(code);
        code.i64_const(i64::from(*page)).i64_shl().i64_ge_u().br_if(1);
        code.local_get(ADDRESS);
        wrap(code, *is_wide);
        let access = MemArg { offset: 0, align: 0, target: MemArgTarget::Memory(memory), ordering: None };
        // A memory with smaller pages may end within a word.
        let step = if *page >= 3 {
            code.i64_load(access);
            8
        } else {
            code.i64_load8_u(access);
            1
        };
        mix(code);
        code.local_get(ADDRESS).i64_const(step).i64_add().local_set(ADDRESS).br(0).end().end();
    }
}

/// Takes the sizes of the tables into the hash, and which elements are null.
pub fn mix_tables(code: &mut InstructionSink, declared: &Declared) {
    for (table, Indexed { is_wide, .. }) in (0..).zip(&declared.tables) {
        code.table_size(table);
        extend(code, *is_wide);
        mix(code);
        code.i64_const(0).local_set(ADDRESS);
        code.block(BlockType::Empty).loop_(BlockType::Empty);
        code.local_get(ADDRESS).table_size(table);
        extend(code, *is_wide);
        code.i64_ge_u().br_if(1).local_get(ADDRESS);
        wrap(code, *is_wide);
        code.table_get(table).ref_is_null().i64_extend_i32_u();
        mix(code);
        code.local_get(ADDRESS).i64_const(1).i64_add().local_set(ADDRESS).br(0).end().end();
    }
}

fn extend(code: &mut InstructionSink, is_wide: bool) {
    if !is_wide {
        code.i64_extend_i32_u();
    }
}

fn wrap(code: &mut InstructionSink, is_wide: bool) {
    if !is_wide {
        code.i32_wrap_i64();
    }
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

/// Takes an `i64` from the stack into the hash: FNV, a word at a time.
pub fn mix(code: &mut InstructionSink) {
    code.local_set(WORD).local_get(HASH).local_get(WORD).i64_xor().i64_const(PRIME).i64_mul();
    // Multiplication carries upwards only.
    code.local_tee(HASH).local_get(HASH).i64_const(32).i64_shr_u().i64_xor().local_set(HASH);
}
