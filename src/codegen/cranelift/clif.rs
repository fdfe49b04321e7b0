//! CLIF as text: Cranelift's own form, with the Wasm operators as comments between the
//! instructions, and after each declaration what the symbol stands for.

use crate::codegen::inline::origin::Origins;
use crate::layout::Symbol;
use crate::unit::Unit;
use crate::wasm::operators::Operators;
use cranelift_codegen::entity::SecondaryMap;
use cranelift_codegen::ir::entities::AnyEntity;
use cranelift_codegen::ir::{Block, ExternalName, Function, GlobalValueData, Inst, SourceLoc, Value};
use cranelift_codegen::write::{FuncWriter, PlainWriter, decorate_function};
use std::fmt::{self, Display, Write};

/// Prints a function of the unit.
pub fn print(function: &Function, origins: &Origins, unit: &Unit, operators: &Operators) -> String {
    let mut function = function.clone();
    origins.show(&mut function);
    let mut text = String::new();
    let mut writer = Commented { unit, operators, last: SourceLoc::default() };
    decorate_function(&mut writer, &mut text, &function).expect("a string takes everything");
    text
}

struct Commented<'a> {
    unit: &'a Unit<'a>,
    operators: &'a Operators,
    /// Place of the instruction before.
    last: SourceLoc,
}

impl Commented<'_> {
    /// What a declaration of a symbol stands for.
    fn meaning(&self, function: &Function, entity: AnyEntity) -> Option<String> {
        let name = match entity {
            AnyEntity::GlobalValue(value) => match &function.global_values[value] {
                GlobalValueData::Symbol { name, .. } => name,
                _ => return None,
            },
            AnyEntity::FuncRef(func) => &function.dfg.ext_funcs[func].name,
            _ => return None,
        };
        let ExternalName::User(name) = name else { return None };
        Some(self.unit.describe(Symbol::decode(&function.params.user_named_funcs()[*name])))
    }
}

impl FuncWriter for Commented<'_> {
    fn write_block_header(
        &mut self,
        w: &mut dyn Write,
        function: &Function,
        block: Block,
        indent: usize,
    ) -> fmt::Result {
        self.last = SourceLoc::default();
        PlainWriter.write_block_header(w, function, block, indent)
    }

    fn write_instruction(
        &mut self,
        w: &mut dyn Write,
        function: &Function,
        aliases: &SecondaryMap<Value, Vec<Value>>,
        inst: Inst,
        indent: usize,
    ) -> fmt::Result {
        let place = function.srcloc(inst);
        if place != self.last {
            if let Some(operator) = self.operators.at(place.bits()).filter(|_| !place.is_default()) {
                writeln!(w, "{:indent$}; {operator}", "")?;
            }
            self.last = place;
        }
        PlainWriter.write_instruction(w, function, aliases, inst, indent)
    }

    fn write_entity_definition(
        &mut self,
        w: &mut dyn Write,
        function: &Function,
        entity: AnyEntity,
        value: &dyn Display,
    ) -> fmt::Result {
        match self.meaning(function, entity) {
            Some(meaning) => writeln!(w, "    {entity} = {value}  ; {meaning}"),
            None => self.super_entity_definition(w, function, entity, value),
        }
    }
}
