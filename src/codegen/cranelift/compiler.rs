//! Cranelift at work on one function after the other.
//!
//! [`Compiler::clif`] lends an empty function to translation; the methods that follow compile or
//! print what it was filled with.

use super::isa::Isa;
use super::{clif, debug, function, place};
use crate::code::{CompiledFunction, Position};
use crate::codegen::inline::origin::Origins;
use crate::translate::locals::Notes;
use crate::unit::Unit;
use crate::wasm::operators::Operators;
use anyhow::{Result, anyhow};
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::Function;
use cranelift_codegen::{Context, print_errors};

/// Memory that a thread uses again for each function.
pub struct Compiler {
    context: Context,
    /// What was copied into the function.
    origins: Origins,
}

/// What is to be known of the code besides.
#[derive(Copy, Clone, Default)]
pub struct Wants<'a> {
    /// Of the function's locals: it gets a map for debuggers.
    pub notes: Option<&'a Notes>,
    /// Where it has what it compares with the size of a memory.
    pub compares: bool,
}

/// A function, and for people what else is known of its code.
pub struct Listed {
    pub function: CompiledFunction,
    /// Where its code comes from.
    pub positions: Vec<Position>,
    /// Cranelift's text form of the code.
    pub listing: String,
}

impl Default for Compiler {
    fn default() -> Self {
        Compiler { context: Context::new(), origins: Origins::default() }
    }
}

impl Compiler {
    /// A function for translation to fill.
    pub fn clif(&mut self) -> &mut Function {
        self.context.clear();
        self.origins.clear();
        &mut self.context.func
    }

    /// The CLIF as translation left it.
    pub fn function(&self) -> &Function {
        &self.context.func
    }

    /// The same, to change it.
    pub fn function_mut(&mut self) -> &mut Function {
        &mut self.context.func
    }

    /// The same, with what was copied into it.
    pub fn parts_mut(&mut self) -> (&mut Context, &mut Origins) {
        (&mut self.context, &mut self.origins)
    }

    /// The CLIF as text; once it is compiled, as the optimizer left it.
    pub fn print(&self, unit: &Unit, operators: &Operators) -> String {
        clif::print(&self.context.func, &self.origins, unit, operators)
    }

    /// Checks the CLIF, where the settings ask for it.
    ///
    /// # Errors
    /// When translation made an error.
    pub fn verify(&self, isa: &Isa) -> Result<()> {
        Ok(self.context.verify_if(&*isa.usual)?)
    }

    /// Compiles the function.
    ///
    /// # Errors
    /// When Cranelift refuses it, which for verified CLIF means a limit: a function too large.
    pub fn compile(&mut self, isa: &Isa, wants: Wants) -> Result<CompiledFunction> {
        Ok(self.compile_and_list(isa, wants, false)?.function)
    }

    /// As [`Compiler::compile`], with Cranelift's listing of the machine code.
    ///
    /// # Errors
    /// As [`Compiler::compile`].
    pub fn compile_with_listing(&mut self, isa: &Isa, wants: Wants) -> Result<Listed> {
        self.compile_and_list(isa, wants, true)
    }

    fn compile_and_list(&mut self, all: &Isa, wants: Wants, wants_listing: bool) -> Result<Listed> {
        let Wants { notes, compares } = wants;
        let isa = all.for_function(&self.context.func);
        if let Some(notes) = notes {
            notes.label(&mut self.context.func);
        }
        // What `Context::compile` does, and between its steps the places.
        let control = &mut ControlPlane::default();
        let context = &mut self.context;
        let code = context.optimize(isa, control).and_then(|()| {
            place::complete(&mut context.func);
            let (func, domtree) = (&context.func, &context.domtree);
            isa.compile_function(func, domtree, &mut Default::default(), wants_listing, control)
        });
        let func = &self.context.func;
        let mut code =
            code.map_err(|error| anyhow!("{}", print_errors::pretty_error(func, error)))?.apply_params(&func.params);
        let listing = code.vcode.take().unwrap_or_default();
        let positions = if wants_listing { debug::positions(&code, &self.origins) } else { Vec::new() };
        let map = notes.map(|notes| debug::map(all, &code, &self.origins, notes));
        let function = function::read(isa, &self.context.func, &code, &self.origins, map, compares)?;
        Ok(Listed { function, positions, listing })
    }
}
