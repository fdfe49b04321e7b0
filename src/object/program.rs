//! The description of an executable: [`abi::Program`], and the options section that `wasm2native inspect` reads.

use super::ProgramPlan;
use super::writer::{Data, Writer, image_symbol};
use crate::abi;
use crate::layout::Symbol;
use object::{SectionKind, SymbolKind, SymbolScope};
use object::write::{StandardSection, SymbolId};
use wasmparser::ValType;

/// Writes the program's description. It stands in the object of the last instance, `instance`, whose image is `image`.
pub fn write(writer: &mut Writer, plan: &ProgramPlan, instance: usize, image: SymbolId) {
    let module = writer.module;
    let ty = module.function_type(plan.entry);
    let options: Vec<u8> = plan.options.iter().flat_map(|option| option.bytes().chain([0])).collect();
    let options_length = options.len() as u64;
    let options = write_options(writer, options);
    let name = read_only(writer, "w2n.entry_name", plan.entry_name.replace('\0', "?").bytes().chain([0]).collect());
    let parameters = read_only(writer, "w2n.parameters", ty.params().iter().map(type_code).collect());
    let results = read_only(writer, "w2n.results", ty.results().iter().map(type_code).collect());
    let start_wasi = plan.wasi.then(|| writer.runtime_symbol("w2n_wasi_start"));
    let memory = plan.wasi_memory.map(|index| writer.refer(Symbol::Memory(index)));
    let mut images = Data::default();
    for other in 0..instance {
        images.address(writer.undefined(image_symbol(other), SymbolKind::Data));
    }
    images.address(image);
    let images = writer.local("w2n.images", StandardSection::ReadOnlyDataWithRel, images, 8);
    let mut data = Data::default();
    data.address(images).u64(instance as u64 + 1);
    data.address(plan.initialize.and_then(|func| writer.defined(Symbol::ArrayEntry(func))));
    data.address(writer.defined(Symbol::ArrayEntry(plan.entry)).expect("the entry is compiled"));
    data.address(name);
    data.address(parameters).u64(ty.params().len() as u64);
    data.address(results).u64(ty.results().len() as u64);
    data.address(options).u64(options_length);
    data.address(start_wasi).address(memory);
    data.byte(plan.kind as u8).byte(u8::from(plan.fixed_powers)).byte(plan.cpu_level);
    data.bytes.resize(size_of::<abi::Program>(), 0);
    let symbol = writer.local(abi::PROGRAM_SYMBOL, StandardSection::ReadOnlyDataWithRel, data, 8);
    writer.export_symbol(abi::PROGRAM_SYMBOL, symbol, SymbolScope::Linkage);
}

fn read_only(writer: &mut Writer, name: &str, bytes: Vec<u8>) -> SymbolId {
    writer.local(name, StandardSection::ReadOnlyData, Data { bytes, addresses: Vec::new() }, 1)
}

fn write_options(writer: &mut Writer, bytes: Vec<u8>) -> SymbolId {
    let section = writer.object.add_section(Vec::new(), abi::OPTIONS_SECTION.as_bytes().to_vec(), SectionKind::ReadOnlyData);
    // One byte more, so that the section is never empty: it is how `inspect` knows our programs.
    let bytes = [bytes, vec![0]].concat();
    writer.object.append_section_data(section, &bytes, 1);
    writer.object.section_symbol(section)
}

fn type_code(ty: &ValType) -> u8 {
    match *ty {
        ValType::I32 => abi::TYPE_I32,
        ValType::I64 => abi::TYPE_I64,
        ValType::F32 => abi::TYPE_F32,
        ValType::F64 => abi::TYPE_F64,
        ValType::V128 => abi::TYPE_V128,
        ValType::Ref(ty) if ty.is_func_ref() => abi::TYPE_FUNCREF,
        ValType::Ref(_) => abi::TYPE_EXTERNREF,
    }
}
