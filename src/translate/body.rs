//! A function body: locals, operators, end.

use super::signature;
use super::translator::Translator;
use super::types::value_type;
use super::{Env, State, begin, operator};
use crate::layout::Symbol;
use crate::number::to_u32;
use crate::profile::points;
use crate::wasm::FuncIndex;
use anyhow::{Context, Result};
use cranelift_codegen::ir::{self, SourceLoc, Value};
use std::mem;
use wasmparser::{FunctionBody, Operator, OperatorsReader, ValType};

pub fn validate(env: &Env, func: FuncIndex, state: &mut State) -> Result<()> {
    let mut validator = env.module.validator(func).into_validator(mem::take(&mut state.validator));
    let result = validator.validate(body_of(env, func));
    state.validator = validator.into_allocations();
    Ok(result?)
}

pub fn translate(env: &Env, func: FuncIndex, state: &mut State, out: &mut ir::Function) -> Result<()> {
    let body = body_of(env, func);
    begin(out, Symbol::Function(func), signature::internal(env.module.function_type(func)));
    let (mut translator, allocations) = Translator::new(env, state, out);
    let mut validator = env.module.validator(func).into_validator(mem::take(allocations));

    let mut reader = body.get_binary_reader();
    let start = reader.original_position();
    let mut hints = env.module.hints.of(func).iter().peekable();
    validator.read_locals(&mut reader)?;
    translator.builder.set_srcloc(location(start));
    let params = translator.open_entry();
    translator.declare_locals(func, &params, body)?;
    translator.open_function(func);
    translator.begin_counting(func);

    reader.set_features(env.module.features);
    let mut operators = OperatorsReader::new(reader);
    while !operators.eof() {
        let offset = operators.original_position();
        let operator = operators.read()?;
        let subject = match operator {
            // Only then does somebody ask; locals are read all the time.
            Operator::LocalGet { local_index } if !env.machine.keeps_references => {
                validator.get_local_type(local_index)
            }
            _ => operator::subject(&operator).and_then(|depth| validator.get_operand_type(depth)).flatten(),
        };
        translator.subject = subject.map(|ty| env.module.with_indices(ty));
        validator.op(offset, &operator)?;
        translator.builder.set_srcloc(location(offset));
        let inside = offset.checked_sub(start).expect("operators follow the locals");
        while hints.next_if(|hint| u64::from(hint.offset) < inside).is_some() {}
        let hint = hints.next_if(|hint| u64::from(hint.offset) == inside).map(|hint| hint.taken);
        // Counts know better.
        translator.hint = hint.filter(|_| !translator.uses_counts());
        translator.note_operator(&operator, to_u32(offset));
        translator.note_stacked(to_u32(offset));
        operator::translate(&mut translator, &operator)
            .and_then(|()| translator.check_result())
            .with_context(|| format!("at offset {offset:#x}"))?;
        translator.point = translator.point.saturating_add(points::points(&operator));
    }
    operators.finish()?;
    translator.finish();
    *allocations = validator.into_allocations();
    Ok(())
}

impl Translator<'_> {
    /// Whether the machine can hold what an operator left: vectors are values that appear on the
    /// stack first.
    fn check_result(&self) -> Result<()> {
        if self.env.machine.vectors || !self.reachable {
            return Ok(());
        }
        let is_vector = |value: &Value| self.type_of(*value).is_vector();
        let vector = self.scratch.stack.last().copied().filter(is_vector).map(|_| ValType::V128);
        super::check_vectors(self.env, vector.as_slice())
    }

    /// Variable `i` is local `i`: parameters with their values, the others zero.
    fn declare_locals(&mut self, func: FuncIndex, params: &[Value], body: &FunctionBody) -> Result<()> {
        let ty = self.env.module.function_type(func);
        for (&value, &ty) in params.iter().zip(ty.params()) {
            self.define(value, ty);
            let variable = self.builder.declare_var(value_type(ty));
            self.builder.def_var(variable, value);
            self.note_declared(variable, value);
        }
        for group in body.get_locals_reader()? {
            let (count, ty) = group?;
            super::check_vectors(self.env, &[ty])?;
            let ty = value_type(ty);
            let zero = self.zero(ty);
            for _ in 0..count {
                let variable = self.builder.declare_var(ty);
                self.builder.def_var(variable, zero);
                self.note_declared(variable, zero);
            }
        }
        Ok(())
    }
}

fn body_of<'a>(env: &Env<'a>, func: FuncIndex) -> &'a FunctionBody<'a> {
    env.module.functions[func].definition.local().expect("an imported function has no body")
}

/// An offset in a module, which has less than 4 GiB: [`crate::wasm::parse`] refuses others.
pub fn location(offset: u64) -> SourceLoc {
    SourceLoc::new(to_u32(offset))
}
