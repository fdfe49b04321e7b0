//! Where every entity of a module lives in the native program: symbol, representation, initial
//! value.
//!
//! Requires [`Module`] and [`Facts`]; everything after it (translation, object) asks here and
//! decides nothing of the kind itself. The representation is explained in `wasi-shim/src/abi/`,
//! which compiler and runtime share.
// Numbers that a module chooses are checked; see `tests/tidy`.
#![deny(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss
)]

mod closed;
mod memory;
pub mod objects;
mod payload;

use crate::abi;
use crate::abi::builtin::Builtin;
use crate::analyze::Facts;
use crate::foreign::{CallbackIndex, Foreign};
use crate::number::{low_half, to_u32, to_usize};
use crate::resolve::Linkage;
use crate::wasm::constant::{self, Constant};
use crate::wasm::structure;
use crate::wasm::{
    DataIndex, DataMode, Element, ElementIndex, ElementItems, ElementMode, EntityIndex, FuncIndex, GlobalIndex,
    MemoryIndex, Module, TableIndex, TagIndex, TypeIndex,
};
use anyhow::{Context, Result, bail};
use closed::ClosedTable;
use cranelift_codegen::ir::{Type, UserExternalName, types};
use cranelift_entity::{EntitySet, PrimaryMap, SecondaryMap, entity_impl};
use memory::plan_memory;
pub use memory::{Bounds, MemoryPlan};
use objects::TypePlan;
use payload::Payload;
use std::collections::HashMap;
use wasmparser::{CompositeInnerType, ConstExpr};

/// Index of a structural function type: type indices of the same structure share one.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SignatureIndex(u32);
entity_impl!(SignatureIndex, "sig");

/// Index of a part of the work of instantiation.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartIndex(u32);
entity_impl!(PartIndex, "part");

/// Index of a structural type of objects, likewise.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordIndex(u32);
entity_impl!(RecordIndex, "record");

/// Declares [`Symbol`]: a row for each variant, with the first of the numbers that CLIF knows it
/// by. A variant has as many numbers as its [`Payload`] needs; the rest of the payload is the index
/// of CLIF's name. Rows stand in the order of their numbers.
macro_rules! symbols {
    ($($(#[$attribute:meta])* $number:literal: $name:ident $(($($payload:ident: $ty:ty),+))?;)*) => {
        /// Everything that CLIF refers to by name. [`Symbol::encode`] makes it a name of CLIF,
        /// [`Symbol::decode`] takes it back.
        ///
        /// To add one: a row, and its place in `object/`.
        #[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Symbol {
            $($(#[$attribute])* $name $(($($ty),+))?,)*
        }

        /// First number of each row, and how many numbers the row has.
        const NUMBERS: &[(u32, u32)] = &[$(($number, <($($($ty,)+)?) as Payload>::NUMBERS),)*];

        impl Symbol {
            pub fn encode(self) -> UserExternalName {
                let (first, (number, index)) = match self {
                    $(Symbol::$name $(($($payload),+))? => ($number, ($($($payload,)+)?).encode()),)*
                };
                UserExternalName { namespace: number.checked_add(first).expect("see `NUMBERS`"), index }
            }

            /// # Panics
            /// On names that [`Symbol::encode`] did not make.
            pub fn decode(name: &UserExternalName) -> Symbol {
                let UserExternalName { namespace, index } = *name;
                $(
                    let number = namespace.wrapping_sub($number);
                    if number < <($($($ty,)+)?) as Payload>::NUMBERS {
                        let ($($($payload,)+)?) = Payload::decode(number, index);
                        return Symbol::$name $(($($payload),+))?;
                    }
                )*
                panic!("no symbol has namespace {namespace}")
            }
        }
    };
}

symbols! {
    /// Entry of a function in the internal calling convention. For an imported function: of the
    /// thunk that calls its C symbol.
    0: Function(func: FuncIndex);
    /// The C symbol of an imported function.
    1: Import(func: FuncIndex);
    /// An exported function in the platform's C convention.
    2: Export(func: FuncIndex);
    /// A function called through an array of [`abi::value::Value`]: `fn(*mut Value)` in the C
    /// convention.
    3: ArrayEntry(func: FuncIndex);
    /// `fn()` in the C convention: the work of instantiation at run time.
    4: Initialize;
    /// Storage of a global: as many bytes as its type has.
    5: Global(global: GlobalIndex);
    /// An [`abi::memory::Memory`].
    6: Memory(memory: MemoryIndex);
    /// An [`abi::table::Table`].
    7: Table(table: TableIndex);
    /// The initial entries of a table that this module defines.
    8: TableEntries(table: TableIndex);
    /// Signature identity.
    9: Signature(signature: SignatureIndex);
    /// An [`abi::memory::Segment`] of bytes.
    10: Data(data: DataIndex);
    /// An [`abi::memory::Segment`] of table entries.
    11: Element(element: ElementIndex);
    /// A function of the runtime.
    12: Builtin(builtin: Builtin);
    /// An [`abi::object::TypeRecord`]: the tag's identity.
    13: Tag(tag: TagIndex);
    /// A word that holds the address of a global, table or tag that the linker may put anywhere,
    /// see `translate::symbols`.
    14: Slot(entity: EntityIndex);
    /// C's `main`.
    20: Main;
    /// The [`abi::program::Program`].
    21: Program;
    /// A function for the host of a library: `int init(void)`.
    22: LibraryInit;
    /// A function for the host of a library: the first byte of a memory.
    23: MemoryBase(memory: MemoryIndex);
    /// A function for the host of a library: the size of a memory.
    24: MemorySize(memory: MemoryIndex);
    /// Counters of a function's points, each a [`u64`]; see [`profile`](crate::profile).
    25: Counters(func: FuncIndex);
    /// A function for the host of a library: `int reset(void)`.
    26: LibraryReset;
    /// A function for the host of a library: grows a memory.
    27: MemoryGrowth(memory: MemoryIndex);
    /// A function for the host of a library: `int configure(const w2n_config *)`.
    28: LibraryConfigure;
    /// A function for the host of a library: `int interrupt(void)`.
    29: LibraryInterrupt;
    /// The C symbol of an imported function, entered by code of a few bytes that prepares registers
    /// for its variable arguments.
    30: Variadic(func: FuncIndex);
    /// What the slots of a kind of function pointer have in common: C's arguments and the entry of
    /// a function, in the internal convention.
    31: Callback(callback: CallbackIndex);
    /// An [`abi::foreign::CallbackPool`].
    32: CallbackPool(callback: CallbackIndex);
    /// A page that code reads where it can be interrupted.
    33: PollPage;
    /// A function for the host of a library: `int cancel_interrupt(void)`.
    34: LibraryCancelInterrupt;
    /// An [`abi::object::Heap`].
    35: Heap;
    /// An [`abi::object::TypeRecord`]: the type's identity.
    36: TypeRecord(record: RecordIndex);
    /// `fn()` in the C convention: gives some of the globals their values, for
    /// [`Symbol::Initialize`].
    37: InitializePart(part: PartIndex);
    /// A function for the host of a library: `w2n_handle ref_new(w2n_anyref)`.
    38: LibraryRefNew;
    /// A function for the host of a library: `w2n_anyref ref_get(w2n_handle)`.
    39: LibraryRefGet;
    /// A function for the host of a library: `void ref_drop(w2n_handle)`.
    40: LibraryRefDrop;
    /// A function pointer as C gets it, and its number among those of its kind.
    0x1_0000: CallbackSlot(callback: CallbackIndex, slot: u16);
}

// No number belongs to two rows.
const _: () = {
    let (mut row, mut next) = (0, 0);
    while row < NUMBERS.len() {
        let (first, count) = NUMBERS[row];
        assert!(first >= next, "the numbers of two symbols overlap, or the rows are not in order");
        next = first.strict_add(count);
        row = row.strict_add(1);
    }
};

impl Symbol {
    /// The name in one number, for tables that want one: frame information.
    pub fn pack(self) -> usize {
        let name = self.encode();
        to_usize(u64::from(name.namespace) << 32 | u64::from(name.index))
    }

    /// Takes [`Symbol::pack`] back.
    pub fn unpack(number: usize) -> Symbol {
        let number = number as u64;
        Symbol::decode(&UserExternalName { namespace: to_u32(number >> 32), index: low_half(number) })
    }
}

pub struct Layout {
    /// Their symbols.
    pub signatures: PrimaryMap<SignatureIndex, String>,
    pub signature_of: SecondaryMap<TypeIndex, SignatureIndex>,
    /// The signatures of their supertypes.
    pub supersignatures: SecondaryMap<SignatureIndex, Option<SignatureIndex>>,
    /// How values of each declared type lie in memory.
    pub types: PrimaryMap<TypeIndex, TypePlan>,
    /// The first declaration of each type of objects.
    pub records: PrimaryMap<RecordIndex, TypeIndex>,
    pub record_of: SecondaryMap<TypeIndex, RecordIndex>,
    pub memories: PrimaryMap<MemoryIndex, MemoryPlan>,
    pub globals: PrimaryMap<GlobalIndex, GlobalPlan>,
    pub tables: PrimaryMap<TableIndex, TablePlan>,
    /// The entries of the tables that never change.
    pub closed_tables: SecondaryMap<TableIndex, Option<ClosedTable>>,
    pub data: PrimaryMap<DataIndex, SegmentPlan>,
    pub elements: PrimaryMap<ElementIndex, SegmentPlan>,
    /// The program starts threads, and each is an instance of its own; see
    /// [`Layout::is_per_thread`].
    pub has_threads: bool,
    /// How many different functions C can get pointers to, for each kind.
    pub callbacks: PrimaryMap<CallbackIndex, u16>,
    /// Globals that a host reaches by their symbol. Where the library is a shared one, the dynamic
    /// linker may put them elsewhere.
    pub globals_shown: EntitySet<GlobalIndex>,
    /// A trap ends the program: nobody sees what it left in globals.
    pub ends_at_trap: bool,
}

#[derive(Copy, Clone, Debug, PartialEq)]
pub enum GlobalPlan {
    /// Never written: no storage, the value stands in the code.
    Constant(Constant),
    /// Storage with this initial value.
    Storage(Constant),
    /// Storage whose initial value `initialize` writes: it depends on an import.
    Computed,
    /// Storage of somebody else.
    Imported,
}

#[derive(Copy, Clone, Debug, PartialEq)]
pub struct TablePlan {
    /// Entries are [`abi::table::FuncEntry`]; otherwise they are one pointer wide.
    pub functions: bool,
    /// Nobody can grow it and it is ours: the entries are [`Symbol::TableEntries`] and this many.
    pub fixed: Option<u64>,
    /// Nobody can write it after instantiation: constant data.
    pub constant: bool,
    /// Type of indices and sizes.
    pub index: Type,
}

impl TablePlan {
    pub fn entry_size(&self) -> u64 {
        if self.functions { abi::table::FUNC_ENTRY_SIZE } else { abi::table::REF_ENTRY_SIZE }
    }

    /// Whether the entries are those of the start for as long as the program runs.
    pub fn never_changes(&self) -> bool {
        self.constant && self.fixed.is_some()
    }
}

/// What instantiation does with a segment.
#[derive(Copy, Clone, Debug, PartialEq)]
pub enum SegmentPlan {
    /// Active, and part of the initial image: nothing to do at run time. Its
    /// [`abi::memory::Segment`] is dropped (length 0).
    Placed {
        /// Byte address or first entry.
        offset: u64,
    },
    /// Active, but only the running program knows where it goes, or that it does not fit:
    /// `initialize` copies it.
    Computed,
    /// Waits for `memory.init` or `table.init`.
    Passive,
    /// Never more than declared; dropped from the start.
    Declared,
}

/// What the plan is for.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum World {
    /// Nobody but the runtime joins.
    Closed,
    /// As [`World::Closed`], but a trap ends one call, and others follow: a test script.
    Tried,
    /// An object for others to link with: what is imported is theirs, what is exported they may
    /// change.
    Open,
}

/// What the plan is for, and what its memories are to be like.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Purpose {
    pub world: World,
    /// 32-bit memories compare, too, and take little address space.
    pub memory_checks: bool,
}

/// The most entries a table may have at the start.
const MAX_TABLE_ENTRIES: u64 = 10_000_000;

/// Tables whose initial entries take more bytes than this are filled when the program starts
/// instead of being data.
const MAX_TABLE_IMAGE: u64 = 16 << 20;

/// Slots for function pointers of a kind to functions that other modules define.
const SHARED_CALLBACKS: usize = 64;

/// Lays out the module.
///
/// # Errors
/// When a memory or table is too large to reserve.
pub fn plan(module: &Module, facts: &Facts, linkage: &Linkage, foreign: &Foreign, purpose: Purpose) -> Result<Layout> {
    let Purpose { world, memory_checks } = purpose;
    let mut layout = Layout {
        signatures: PrimaryMap::new(),
        signature_of: SecondaryMap::with_default(SignatureIndex(0)),
        supersignatures: SecondaryMap::new(),
        types: PrimaryMap::new(),
        records: PrimaryMap::new(),
        record_of: SecondaryMap::with_default(RecordIndex(0)),
        memories: PrimaryMap::new(),
        globals: PrimaryMap::new(),
        tables: PrimaryMap::new(),
        closed_tables: SecondaryMap::new(),
        data: PrimaryMap::new(),
        elements: PrimaryMap::new(),
        has_threads: world != World::Open && starts_threads(module),
        callbacks: PrimaryMap::new(),
        globals_shown: EntitySet::new(),
        ends_at_trap: world == World::Closed,
    };
    layout.plan_signatures(module);
    layout.plan_objects(module);
    layout.plan_memories(module, facts, linkage, memory_checks)?;
    layout.plan_globals(module, facts);
    if world == World::Open {
        layout.show_globals(module);
    }
    layout.plan_tables(module, facts)?;
    layout.plan_elements(module);
    layout.separate_tables();
    for table in module.tables.keys() {
        layout.closed_tables[table] = ClosedTable::of(module, &layout, table);
    }
    layout.plan_data(module, linkage);
    layout.plan_callbacks(module, facts, foreign, world == World::Open || !linkage.is_alone());
    Ok(layout)
}

impl Layout {
    /// The signature of a function.
    pub fn signature(&self, module: &Module, func: FuncIndex) -> SignatureIndex {
        self.signature_of[module.functions[func].ty]
    }

    /// Whether the memory is part of this module's image: it defines it, or imports it and no other
    /// module supplies it. Then the runtime does.
    pub fn owns_memory(&self, module: &Module, linkage: &Linkage, memory: MemoryIndex) -> bool {
        module.memories[memory].definition.local().is_some() || linkage.memory(memory).is_none()
    }

    /// Whether every thread has its own: thread-local storage, with the initial value of the
    /// object.
    pub fn is_per_thread(&self, symbol: Symbol) -> bool {
        self.has_threads
            && match symbol {
                Symbol::Global(global) => matches!(self.globals[global], GlobalPlan::Storage(_) | GlobalPlan::Computed),
                Symbol::Table(table) => self.is_table_per_thread(table),
                // `data.drop` and `elem.drop` are an instance's own.
                Symbol::Data(_) | Symbol::Element(_) => true,
                _ => false,
            }
    }

    /// Whether threads could see another's change of a table.
    pub fn is_table_per_thread(&self, table: TableIndex) -> bool {
        self.has_threads && !self.tables[table].never_changes()
    }

    fn plan_signatures(&mut self, module: &Module) {
        let mut known = HashMap::new();
        for (index, name) in &module.type_names {
            if !matches!(module.types[index].composite_type.inner, CompositeInnerType::Func(_)) {
                continue;
            }
            let symbol = || format!("{}{name}", abi::table::SIGNATURE_PREFIX);
            let signature = *known.entry(name).or_insert_with(|| self.signatures.push(symbol()));
            self.signature_of[index] = signature;
            self.supersignatures[signature] = module.supertype(index).map(|ty| self.signature_of[ty]);
        }
    }

    fn plan_objects(&mut self, module: &Module) {
        let mut known = HashMap::new();
        for (index, ty) in &module.types {
            let plan = TypePlan::of(module, ty);
            if plan != TypePlan::Function {
                let name = &module.type_names[index];
                self.record_of[index] = *known.entry(name).or_insert_with(|| self.records.push(index));
            }
            self.types.push(plan);
        }
    }

    fn plan_memories(&mut self, module: &Module, facts: &Facts, linkage: &Linkage, memory_checks: bool) -> Result<()> {
        for (index, memory) in &module.memories {
            let ours = self.owns_memory(module, linkage, index);
            let fixed = ours && !facts.memories_grown.contains(index);
            let plan = plan_memory(&memory.ty, fixed, memory_checks);
            let plan = plan.with_context(|| format!("memory {}", index.as_u32()))?;
            let place = linkage.placed.contains(&index).then_some(abi::memory::FIXED_BASE);
            self.memories.push(MemoryPlan { place, ..plan });
        }
        Ok(())
    }

    fn plan_globals(&mut self, module: &Module, facts: &Facts) {
        for (index, global) in &module.globals {
            self.globals.push(match (global.value, global.definition.import()) {
                (_, Some(_)) => GlobalPlan::Imported,
                (None, None) => GlobalPlan::Computed,
                (Some(value), None) if facts.globals_written.contains(index) => GlobalPlan::Storage(value),
                (Some(value), None) => GlobalPlan::Constant(value),
            });
        }
    }

    fn show_globals(&mut self, module: &Module) {
        for export in &module.exports {
            if let EntityIndex::Global(global) = export.entity
                && matches!(self.globals[global], GlobalPlan::Storage(_) | GlobalPlan::Computed)
            {
                self.globals_shown.insert(global);
            }
        }
    }

    fn plan_tables(&mut self, module: &Module, facts: &Facts) -> Result<()> {
        for (index, table) in &module.tables {
            let ours = table.definition.local().is_some();
            if ours && table.ty.initial > MAX_TABLE_ENTRIES {
                bail!(
                    "table {} has {} elements, more than the {MAX_TABLE_ENTRIES} that are supported",
                    index.as_u32(),
                    table.ty.initial
                );
            }
            self.tables.push(TablePlan {
                functions: structure::is_function(module, table.ty.element_type),
                fixed: (ours && !facts.tables_grown.contains(index)).then_some(table.ty.initial),
                constant: ours && !facts.tables_written.contains(index) && computed_fill(module, index).is_none(),
                index: index_type(table.ty.table64),
            });
        }
        Ok(())
    }

    /// Tables that each thread has for itself lie where the runtime puts them.
    fn separate_tables(&mut self) {
        for plan in self.tables.values_mut() {
            if self.has_threads && !plan.constant {
                plan.fixed = None;
            }
        }
    }

    fn plan_elements(&mut self, module: &Module) {
        // After a segment that must wait, the following ones wait too: order shows where they
        // overlap.
        let mut waiting = false;
        for element in module.elements.values() {
            let plan = match &element.mode {
                ElementMode::Passive => SegmentPlan::Passive,
                ElementMode::Declared => SegmentPlan::Declared,
                ElementMode::Active { table, offset } => {
                    let ty = &module.tables[*table].ty;
                    let ours = module.tables[*table].definition.local().is_some();
                    let bytes = ty.initial.saturating_mul(self.tables[*table].entry_size());
                    let small = bytes <= MAX_TABLE_IMAGE;
                    let known = element_values(module, element).is_some();
                    let offset = constant::evaluate(module, offset).and_then(Constant::as_offset);
                    match offset.filter(|&offset| fits(offset, element.items.len(), ty.initial)) {
                        Some(offset) if ours && small && known && !waiting => SegmentPlan::Placed { offset },
                        _ => {
                            waiting = true;
                            self.tables[*table].constant = false;
                            SegmentPlan::Computed
                        }
                    }
                }
            };
            self.elements.push(plan);
        }
    }

    /// A slot for every function that C can get a pointer to: those of the module that can stand in
    /// a table, and some for those that others put there.
    fn plan_callbacks(&mut self, module: &Module, facts: &Facts, foreign: &Foreign, is_shared: bool) {
        for (index, callback) in &foreign.callbacks {
            let needs = |func| foreign.callbacks_of(func).any(|(other, _)| other == index);
            let has_type = |func: &FuncIndex| self.signature(module, *func) == self.signature_of[callback.ty];
            let n_slots = match facts.reachable.iter().any(needs) {
                true => {
                    let n_taken = facts.address_taken.iter().filter(has_type).count();
                    n_taken.saturating_add(if is_shared { SHARED_CALLBACKS } else { 0 })
                }
                false => 0,
            };
            let n_slots = n_slots.min(abi::foreign::MOST_CALLBACKS);
            self.callbacks.push(u16::try_from(n_slots).expect("the most there can be are fewer than 2^16"));
        }
    }

    fn plan_data(&mut self, module: &Module, linkage: &Linkage) {
        let mut waiting = false;
        for data in module.data.values() {
            let plan = match &data.mode {
                DataMode::Passive => SegmentPlan::Passive,
                DataMode::Active { memory, offset } => {
                    let ours = self.owns_memory(module, linkage, *memory);
                    let size = self.memories[*memory].bytes;
                    let offset = constant::evaluate(module, offset).and_then(Constant::as_offset);
                    match offset.filter(|&offset| fits(offset, data.bytes.len(), size)) {
                        Some(offset) if ours && !waiting => SegmentPlan::Placed { offset },
                        _ => {
                            waiting = true;
                            SegmentPlan::Computed
                        }
                    }
                }
            };
            self.data.push(plan);
        }
    }
}

/// Whether the module imports the function that starts threads.
pub fn starts_threads(module: &Module) -> bool {
    let (spawn_module, spawn_name, ..) = abi::wasi::THREAD_SPAWN;
    let mut imports = module.functions.values().filter_map(|func| func.definition.import());
    imports.any(|import| import.module == spawn_module && import.name == spawn_name)
}

fn index_type(is_64: bool) -> Type {
    if is_64 { types::I64 } else { types::I32 }
}

/// The function that all entries of a table begin as, where that is known and not too much to be
/// data.
pub fn initial_entry(module: &Module, table: TableIndex) -> Option<FuncIndex> {
    let table = &module.tables[table];
    let expr = table.definition.local()?.as_ref()?;
    if table.ty.initial.saturating_mul(abi::table::FUNC_ENTRY_SIZE) > MAX_TABLE_IMAGE {
        return None;
    }
    match constant::evaluate(module, expr)? {
        Constant::RefFunc(func) => Some(func),
        _ => None,
    }
}

/// The initial value of a table's entries, where the running program must write it.
pub fn computed_fill<'a>(module: &'a Module, table: TableIndex) -> Option<&'a ConstExpr<'a>> {
    let expr = module.tables[table].definition.local()?.as_ref()?;
    let is_null = constant::evaluate(module, expr) == Some(Constant::RefNull);
    (!is_null && initial_entry(module, table).is_none()).then_some(expr)
}

/// The items of an element segment, `None` if one depends on an import.
pub fn element_values(module: &Module, element: &Element) -> Option<Vec<Option<FuncIndex>>> {
    match &element.items {
        ElementItems::Functions(funcs) => Some(funcs.iter().copied().map(Some).collect()),
        ElementItems::Expressions(exprs) => exprs.iter().map(|expr| known_item(module, expr)).collect(),
    }
}

/// The function that an item of an element segment is, or null; `None` if it is something else, or
/// depends on an import.
pub fn known_item(module: &Module, expr: &ConstExpr) -> Option<Option<FuncIndex>> {
    match constant::evaluate(module, expr)? {
        Constant::RefFunc(func) => Some(Some(func)),
        Constant::RefNull => Some(None),
        _ => None,
    }
}

/// The functions in a table at the start, as far as they are known: the table's initial value, with
/// the segments that have their place laid over it. What is missing at the end is null.
pub fn initial_items(module: &Module, layout: &Layout, table: TableIndex) -> Vec<Option<FuncIndex>> {
    let length = to_usize(module.tables[table].ty.initial);
    let fill = initial_entry(module, table);
    let mut items: Vec<Option<FuncIndex>> = fill.map_or(Vec::new(), |func| vec![Some(func); length]);
    for (index, element) in &module.elements {
        let SegmentPlan::Placed { offset } = layout.elements[index] else { continue };
        if !matches!(element.mode, ElementMode::Active { table: other, .. } if other == table) {
            continue;
        }
        let values = element_values(module, element).expect("a placed segment is known");
        let start = to_usize(offset);
        let end = start.checked_add(values.len()).expect("a placed segment lies in its table");
        items.resize(items.len().max(end), None);
        items[start..end].copy_from_slice(&values);
    }
    items
}

fn fits(offset: u64, length: usize, size: u64) -> bool {
    offset.checked_add(length as u64).is_some_and(|end| end <= size)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers stand in dumps of CLIF, and decide the order of what is sorted by them.
    #[test]
    fn symbols_keep_their_numbers() {
        let func = FuncIndex::from_u32(7);
        let callback = CallbackIndex::from_u32(7);
        let slot = |entity| Symbol::Slot(entity);
        let symbols = [
            (0, 7, Symbol::Function(func)),
            (3, 7, Symbol::ArrayEntry(func)),
            (4, 0, Symbol::Initialize),
            (9, 7, Symbol::Signature(SignatureIndex(7))),
            (12, 6, Symbol::Builtin(Builtin::RaiseTrap)),
            (14, 7, slot(EntityIndex::Function(func))),
            (15, 7, slot(EntityIndex::Global(GlobalIndex::from_u32(7)))),
            (16, 7, slot(EntityIndex::Memory(MemoryIndex::from_u32(7)))),
            (17, 7, slot(EntityIndex::Table(TableIndex::from_u32(7)))),
            (18, 7, slot(EntityIndex::Tag(TagIndex::from_u32(7)))),
            (20, 0, Symbol::Main),
            (24, 7, Symbol::MemorySize(MemoryIndex::from_u32(7))),
            (30, 7, Symbol::Variadic(func)),
            (32, 7, Symbol::CallbackPool(callback)),
            (65536, 7, Symbol::CallbackSlot(callback, 0)),
            (131_071, 7, Symbol::CallbackSlot(callback, u16::MAX)),
        ];
        for (namespace, index, symbol) in symbols {
            let name = UserExternalName { namespace, index };
            assert_eq!((symbol.encode(), Symbol::decode(&name)), (name, symbol));
            assert_eq!(Symbol::unpack(symbol.pack()), symbol);
        }
    }

    #[test]
    #[should_panic(expected = "no symbol has namespace 19")]
    fn a_gap_holds_no_symbol() {
        Symbol::decode(&UserExternalName { namespace: 19, index: 0 });
    }
}
