//! What an instrumented module says of its counters, for the runtime to write a profile:
//! [`ProfileModule`](crate::abi::profile::ProfileModule) for each module, and one
//! [`Profile`](crate::abi::profile::Profile) for the program or library.

use super::bytes::Data;
use super::writer::{Writer, counted_symbol};
use crate::abi::profile::{CountedFunctionFields, ProfileFields, ProfileModuleFields};
use crate::abi::record::Zero;
use crate::code::Code;
use crate::layout::Symbol;
use crate::profile::{self, Profiling};
use crate::unit::Unit;
use crate::wasm::FuncIndex;
use object::write::{StandardSection, SymbolId};
use object::{SectionFlags, SectionKind, SymbolKind, elf};

/// Writes the list of counted functions and their counters. `None` if the module does not count.
pub fn write(writer: &mut Writer, unit: &Unit, code: &Code) -> Option<SymbolId> {
    let Profiling::Generate(shapes) = &unit.profiling else { return None };
    let own = |symbol: Symbol| match symbol {
        Symbol::Function(func) if unit.module.functions[func].definition.local().is_some() => Some(func),
        _ => None,
    };
    let mut counted: Vec<FuncIndex> = code.functions.iter().filter_map(|function| own(function.symbol)).collect();
    counted.sort_unstable();
    let keys =
        counted.iter().map(|&func| profile::key_text(&profile::key(unit.source.name, unit.module, func, shapes[func])));
    let keys: Vec<Vec<u8>> = keys.collect();
    let texts = writer.local("w2n.profile.keys", StandardSection::ReadOnlyData, Data::from(keys.concat()), 1);
    let mut rows = Data::default();
    let mut place = 0u64;
    for (&func, key) in counted.iter().zip(&keys) {
        let counters = writer.refer(Symbol::Counters(func));
        let n_counters = u64::from(shapes[func].n_points);
        writer.define_counters(counters, n_counters);
        let key_length = key.len() as u64;
        let fields =
            CountedFunctionFields { key: Some((texts, place)), key_length, counters: Some((counters, 0)), n_counters };
        rows.record_at(fields, |(symbol, offset)| (symbol, offset.cast_signed()));
        place = place.saturating_add(key_length);
    }
    let rows = writer.local("w2n.profile.functions", StandardSection::ReadOnlyDataWithRel, rows, 8);
    let mut data = Data::default();
    data.record(ProfileModuleFields { functions: Some(rows), n_functions: counted.len() as u64 });
    Some(writer.local("w2n.profile.module", StandardSection::ReadOnlyDataWithRel, data, 8))
}

/// Writes the program's record, and has the runtime called at the exit of the process. `counted` is
/// the list of the last instance's functions, `instance`.
pub fn write_program(writer: &mut Writer, file: &str, instance: usize, counted: SymbolId) -> SymbolId {
    let mut modules = Data::default();
    for other in 0..instance {
        modules.address(writer.undefined(counted_symbol(other), SymbolKind::Data));
    }
    modules.address(counted);
    let modules = writer.local("w2n.profile.modules", StandardSection::ReadOnlyDataWithRel, modules, 8);
    let name = file.bytes().chain([0]).collect::<Vec<_>>();
    let name = writer.local("w2n.profile.file", StandardSection::ReadOnlyData, Data::from(name), 1);
    let mut exits = Data::default();
    exits.address(writer.runtime_symbol("w2n_profile_exit"));
    let section = writer.object.add_section(Vec::new(), b".fini_array".to_vec(), SectionKind::Data);
    let sh_flags = elf::SHF_ALLOC | elf::SHF_WRITE;
    writer.object.section_mut(section).flags = SectionFlags::Elf { sh_type: elf::SHT_FINI_ARRAY, sh_flags };
    let exit = writer.declare("w2n.profile.exit");
    writer.define(exit, section, exits, 8);
    let mut data = Data::default();
    data.record(ProfileFields {
        write: Some(writer.runtime_symbol("w2n_profile_write")),
        state: Zero,
        padding: Zero,
        file: Some(name),
        modules: Some(modules),
        n_modules: (instance as u64).saturating_add(1),
    });
    writer.local("w2n.profile", StandardSection::Data, data, 8)
}
