//! Where the entities of a module live in the native program ([`Layout`](crate::layout::Layout)).

use super::title;
use crate::layout::objects::TypePlan;
use crate::layout::{Bounds, GlobalPlan, MemoryPlan, SegmentPlan, Symbol, TablePlan};
use crate::unit::Unit;
use crate::wasm::constant::Constant;
use crate::wasm::describe::describe_type;
use cranelift_entity::EntityRef;
use wasmparser::CompositeInnerType;

/// The layout of a unit.
pub fn print(unit: &Unit) -> String {
    let Unit { module, linkage, layout, .. } = unit;
    let mut text = String::new();
    title(&mut text, "layout", unit);
    let mut put = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    if layout.has_threads {
        put("threads: globals, segments and tables that change are each thread's own".to_owned());
    }
    for (ty, signature) in module.types.keys().map(|ty| (ty, layout.signature_of[ty])) {
        let symbol = &layout.signatures[signature];
        match &module.types[ty].composite_type.inner {
            CompositeInnerType::Func(func) => {
                put(format!("type {}: {}, signature {symbol}", ty.index(), describe_type(func)));
            }
            other => put(format!("type {}: {}, {}", ty.index(), other, describe_object(&layout.types[ty]))),
        }
    }
    for (memory, plan) in &layout.memories {
        let owner = if layout.owns_memory(module, linkage, memory) { "" } else { ", another module's" };
        put(format!("memory {}: {}{owner}", memory.index(), describe_memory(plan)));
    }
    for (table, plan) in &layout.tables {
        let is_checked = layout.closed_tables[table].as_ref().is_none_or(|entries| entries.signature.is_none());
        let signature = if is_checked { "" } else { ", functions of one type" };
        let description = describe_table(plan, layout.is_per_thread(Symbol::Table(table)));
        put(format!("table {}: {description}{signature}", table.index()));
    }
    for (global, plan) in &layout.globals {
        let shown = if layout.globals_shown.contains(global) { ", a symbol for the host" } else { "" };
        put(format!("global {}: {}{shown}", global.index(), describe_global(plan)));
    }
    for (data, plan) in &layout.data {
        put(format!("data segment {}: {}", data.index(), describe_segment(plan)));
    }
    for (element, plan) in &layout.elements {
        put(format!("element segment {}: {}", element.index(), describe_segment(plan)));
    }
    for (callback, n_slots) in &layout.callbacks {
        put(format!("function pointers {}: {n_slots} for C", callback.index()));
    }
    text
}

fn describe_memory(plan: &MemoryPlan) -> String {
    let MemoryPlan { bytes, maximum, reserved, fixed, index, page_size, bounds, .. } = plan;
    let size = match fixed {
        true => format!("always {bytes} bytes"),
        false => format!("{bytes} to {maximum} bytes in pages of {page_size}"),
    };
    let bounds = match bounds {
        Bounds::Guarded => "accesses beyond the end fault",
        Bounds::Checked => "indices are compared with the size",
        Bounds::Exact => "ends of accesses are compared with the size",
    };
    let place = plan.place.map_or(String::new(), |place| format!(" at {place:#x}"));
    format!("{size}, {reserved} reserved{place}, {index} addresses, {bounds}")
}

fn describe_table(plan: &TablePlan, is_per_thread: bool) -> String {
    let TablePlan { functions, fixed, constant, index } = plan;
    let entries = if *functions { "code and signature" } else { "one pointer" };
    let size = match fixed {
        Some(length) => format!("always {length} entries"),
        None => "grows".to_owned(),
    };
    let constant = if *constant { ", constant" } else { "" };
    let thread = if is_per_thread { ", each thread's own" } else { "" };
    format!("{size}, each {} bytes ({entries}), {index} indices{constant}{thread}", plan.entry_size())
}

fn describe_global(plan: &GlobalPlan) -> String {
    match plan {
        GlobalPlan::Constant(value) => format!("{} in the code, no storage", describe_constant(*value)),
        GlobalPlan::Storage(value) => format!("storage, at first {}", describe_constant(*value)),
        GlobalPlan::Computed => "storage, initialized when the program starts".to_owned(),
        GlobalPlan::Imported => "another's storage".to_owned(),
    }
}

/// A value as the text format writes it; floats by their bits.
fn describe_constant(value: Constant) -> String {
    match value {
        Constant::I32(value) => format!("i32 {value}"),
        Constant::I64(value) => format!("i64 {value}"),
        Constant::F32(bits) => format!("f32 bits {bits:#010x}"),
        Constant::F64(bits) => format!("f64 bits {bits:#018x}"),
        Constant::V128(bits) => format!("v128 {bits:#034x}"),
        Constant::RefNull => "null".to_owned(),
        Constant::RefFunc(func) => format!("function {}", func.index()),
        Constant::I31(bits) => format!("i31 {bits}"),
    }
}

/// How objects of a type lie in memory.
fn describe_object(plan: &TypePlan) -> String {
    match plan {
        TypePlan::Function => "code".to_owned(),
        TypePlan::Struct(plan) => format!("{} bytes, fields at {:?}", plan.size, plan.offsets),
        TypePlan::Array(plan) => format!("elements of {} bytes from {}", plan.size, plan.first),
    }
}

fn describe_segment(plan: &SegmentPlan) -> String {
    match plan {
        SegmentPlan::Placed { offset } => format!("part of the image at {offset:#x}"),
        SegmentPlan::Computed => "copied when the program starts".to_owned(),
        SegmentPlan::Passive => "passive".to_owned(),
        SegmentPlan::Declared => "dropped".to_owned(),
    }
}
