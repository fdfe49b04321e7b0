//! Instantiation, as far as the object file does not already hold its result (core specification,
//! 4.5.4 "Instantiation").
//!
//! In the specification's order: globals, tables' initial elements, entries of element segments,
//! active element segments, active data segments, the start function. Only what depends on an
//! imported global, or does not fit, is left to do here.

use super::body::location;
use super::symbols::Region;
use super::table::Entry;
use super::translator::Translator;
use super::types::POINTER;
use super::{Env, State, begin, operator};
use crate::abi::builtin::Builtin;
use crate::abi::trap::Trap;
use crate::layout::{self, GlobalPlan, PartIndex, SegmentPlan, Symbol};
use crate::wasm::constant::{self, Constant};
use crate::wasm::structure;
use crate::wasm::{
    DataIndex, DataMode, Definition, ElementIndex, ElementItems, ElementMode, FuncIndex, GlobalIndex, TableIndex,
};
use cranelift_codegen::ir::{self, InstBuilder, Signature, Value, types};
use cranelift_entity::EntityRef;
use wasmparser::{ConstExpr, Operator};

pub fn is_needed(env: &Env) -> bool {
    let Env { module, layout, .. } = env;
    module.start.is_some()
        || layout.globals.values().any(|plan| *plan == GlobalPlan::Computed)
        || module
            .tables
            .keys()
            .any(|table| layout::computed_fill(module, table).is_some() || layout.is_table_per_thread(table))
        || module.elements.keys().any(|element| computed_items(env, element).is_some())
        || layout.elements.values().chain(layout.data.values()).any(|plan| *plan == SegmentPlan::Computed)
}

/// How many globals a part initializes: a function of all would take too long to compile.
const GLOBALS_OF_PART: usize = 200;

/// The parts that the work on globals is divided into; none if it is little.
pub fn parts(env: &Env) -> impl Iterator<Item = PartIndex> + use<> {
    let n_parts = computed_globals(env).count().div_ceil(GLOBALS_OF_PART);
    (0..if n_parts > 1 { n_parts } else { 0 }).map(PartIndex::new)
}

fn computed_globals(env: &Env) -> impl Iterator<Item = GlobalIndex> {
    let globals = env.layout.globals.iter().filter(|(_, plan)| **plan == GlobalPlan::Computed);
    globals.map(|(global, _)| global)
}

/// A part of what [`translate`] does.
pub fn translate_part(env: &Env, part: PartIndex, out: &mut ir::Function) {
    begin(out, Symbol::InitializePart(part), Signature::new(env.target.default_call_conv));
    let mut state = State::default();
    let (mut translator, _) = Translator::new(env, &mut state, out);
    let it = &mut translator;
    it.runs_once = true;
    it.open_entry();
    let first = part.index().saturating_mul(GLOBALS_OF_PART);
    computed_globals(env).skip(first).take(GLOBALS_OF_PART).for_each(|global| it.initialize_global(global));
    it.builder.ins().return_(&[]);
    translator.finish();
}

pub fn translate(env: &Env, out: &mut ir::Function) {
    begin(out, Symbol::Initialize, Signature::new(env.target.default_call_conv));
    let mut state = State::default();
    let (mut translator, _) = Translator::new(env, &mut state, out);
    let it = &mut translator;
    it.runs_once = true;
    it.open_entry();
    env.module.tables.keys().for_each(|table| it.make_table_of_thread(table));
    let parts: Vec<_> = parts(env).collect();
    for &part in &parts {
        let signature = Signature::new(env.target.default_call_conv);
        let callee = it.callee_with(Symbol::InitializePart(part), signature);
        it.builder.ins().call(callee, &[]);
    }
    if parts.is_empty() {
        computed_globals(env).for_each(|global| it.initialize_global(global));
    }
    env.module.tables.keys().for_each(|table| it.initialize_table(table));
    env.module.elements.keys().for_each(|element| it.compute_items(element));
    env.module.elements.keys().for_each(|element| it.place_element(element));
    env.module.data.keys().for_each(|data| it.place_data(data));
    if let Some(start) = env.module.start {
        it.call_any(start, &[]);
    }
    it.builder.ins().return_(&[]);
    translator.finish();
}

/// The items of a segment that may be used, if only the running program knows some of them.
fn computed_items<'a>(env: &Env<'a>, element: ElementIndex) -> Option<&'a [ConstExpr<'a>]> {
    let ElementItems::Expressions(items) = &env.module.elements[element].items else { return None };
    let used = env.layout.elements[element] != SegmentPlan::Declared;
    let computed = used && items.iter().any(|item| layout::known_item(env.module, item).is_none());
    computed.then_some(items)
}

impl Translator<'_> {
    fn initialize_global(&mut self, global: GlobalIndex) {
        let Definition::Local(expr) = &self.env.module.globals[global].definition else {
            panic!("an imported global is not computed");
        };
        let value = self.evaluate(expr);
        self.set_global(global, value);
    }

    /// Gives the thread a table of its own.
    fn make_table_of_thread(&mut self, table: TableIndex) {
        if !self.env.layout.is_table_per_thread(table) {
            return;
        }
        let descriptor = self.address_of(Symbol::Table(table));
        let entries = self.address_of(Symbol::TableEntries(table));
        self.call_builtin(Builtin::TableOfThread, &[descriptor, entries]);
    }

    fn initialize_table(&mut self, table: TableIndex) {
        let Some(expr) = layout::computed_fill(self.env.module, table) else { return };
        let reference = self.evaluate(expr);
        let entry = self.entry_of(table, reference);
        let zero = self.iconst(POINTER, 0);
        let length = self.table_length(table);
        let (start, end) = (self.entry_address(table, zero), self.entry_address(table, length));
        self.fill_entries(table, start, end, entry);
    }

    /// Writes those entries of a segment that are not known before.
    fn compute_items(&mut self, element: ElementIndex) {
        let Some(items) = computed_items(self.env, element) else { return };
        let functions = structure::is_function(self.env.module, self.env.module.elements[element].ty);
        let size = if functions { crate::abi::table::FUNC_ENTRY_SIZE } else { crate::abi::table::REF_ENTRY_SIZE };
        let base = self.segment_base(Symbol::Element(element));
        for (i, item) in items.iter().enumerate() {
            if layout::known_item(self.env.module, item).is_some() {
                continue;
            }
            let reference = self.evaluate(item);
            let signature = functions.then(|| self.signature_of(reference));
            let offset = (i as u64).checked_mul(size).expect("a segment has at most 10 million items");
            let address = self.builder.ins().iadd_imm_u(base, offset.cast_signed());
            self.store_entry(Region::Descriptor, address, Entry { reference, signature });
        }
    }

    fn place_element(&mut self, element: ElementIndex) {
        let plan = self.env.layout.elements[element];
        let segment = &self.env.module.elements[element];
        if let (SegmentPlan::Computed, ElementMode::Active { table, offset }) = (plan, &segment.mode) {
            let operands = self.whole_segment(offset, segment.items.len());
            self.init_table(*table, element, operands, Trap::TableOutOfBounds);
            self.drop_segment(Symbol::Element(element), plan);
        }
    }

    fn place_data(&mut self, data: DataIndex) {
        let plan = self.env.layout.data[data];
        let segment = &self.env.module.data[data];
        if let (SegmentPlan::Computed, DataMode::Active { memory, offset }) = (plan, &segment.mode) {
            let operands = self.whole_segment(offset, segment.bytes.len());
            self.init_memory(*memory, data, operands, Trap::MemoryOutOfBounds);
            self.drop_segment(Symbol::Data(data), plan);
        }
    }

    /// Operands of an initialisation by all of a segment.
    fn whole_segment(&mut self, offset: &ConstExpr, length: usize) -> [Value; 3] {
        [self.evaluate(offset), self.iconst(types::I64, 0), self.iconst(types::I64, (length as u64).cast_signed())]
    }

    /// A constant expression, at run time.
    fn evaluate(&mut self, expr: &ConstExpr) -> Value {
        self.builder.set_srcloc(location(expr.get_binary_reader().original_position()));
        if let Some(constant) = constant::evaluate(self.env.module, expr) {
            return self.constant(constant);
        }
        for operator in expr.get_operators_reader() {
            match operator.expect("constant expressions were validated") {
                Operator::I32Const { value } => self.push_constant(Constant::I32(value)),
                Operator::I64Const { value } => self.push_constant(Constant::I64(value)),
                Operator::F32Const { value } => self.push_constant(Constant::F32(value.bits())),
                Operator::F64Const { value } => self.push_constant(Constant::F64(value.bits())),
                Operator::V128Const { value } => self.push_constant(Constant::V128(value.i128().cast_unsigned())),
                Operator::RefNull { .. } => self.ref_null(),
                Operator::RefFunc { function_index } => self.ref_func(FuncIndex::from_u32(function_index)),
                Operator::GlobalGet { global_index } => self.global_get(GlobalIndex::from_u32(global_index)),
                Operator::I32Add | Operator::I64Add => self.binary(ir::Opcode::Iadd),
                Operator::I32Sub | Operator::I64Sub => self.binary(ir::Opcode::Isub),
                Operator::I32Mul | Operator::I64Mul => self.binary(ir::Opcode::Imul),
                Operator::End => break,
                other => {
                    let is_known = operator::objects(self, &other);
                    assert!(is_known, "{other:?} is not a constant operator: the validator should have refused it");
                }
            }
        }
        self.pop()
    }

    fn push_constant(&mut self, constant: Constant) {
        let value = self.constant(constant);
        self.push(value);
    }
}
