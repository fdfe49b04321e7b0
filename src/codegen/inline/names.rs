//! Symbols whose addresses are taken in copied bodies.
//!
//! A declaration of a symbol in CLIF has the number of a name in its function. Cranelift's inliner
//! leaves that number as it is, where the caller has another name. So bodies to copy from have
//! numbers that no function has ([`Names::leave`]), and the caller gets names for them when all is
//! copied ([`Names::enter`]).

use crate::number::to_u32;
use cranelift_codegen::ir::{ExternalName, Function, GlobalValueData, UserExternalName, UserExternalNameRef};
use std::collections::HashMap;

/// Numbers from here on are ours.
const FIRST: u32 = 1 << 31;

/// The names in the bodies that a thread keeps.
#[derive(Default)]
pub struct Names {
    names: Vec<UserExternalName>,
    numbers: HashMap<UserExternalName, u32>,
}

impl Names {
    pub fn clear(&mut self) {
        self.names.clear();
        self.numbers.clear();
    }

    /// Gives the symbols in a body to copy from their numbers.
    pub fn leave(&mut self, func: &mut Function) {
        let known = func.params.user_named_funcs();
        for name in func.stencil.global_values.values_mut().filter_map(name_of) {
            let symbol = &known[*name];
            let next = to_u32(self.names.len());
            let number = *self.numbers.entry(symbol.clone()).or_insert(next);
            if number == next {
                self.names.push(symbol.clone());
            }
            *name = UserExternalNameRef::from_u32(FIRST.checked_add(number).expect("a thread keeps few bodies"));
        }
    }

    /// Takes [`Names::leave`] back in a function that bodies were copied into.
    pub fn enter(&self, func: &mut Function) {
        for name in func.stencil.global_values.values_mut().filter_map(name_of) {
            let number = name.as_u32().checked_sub(FIRST).and_then(|number| usize::try_from(number).ok());
            if let Some(number) = number {
                *name = func.params.ensure_user_func_name(self.names[number].clone());
            }
        }
    }
}

/// The name of a symbol.
fn name_of(data: &mut GlobalValueData) -> Option<&mut UserExternalNameRef> {
    match data {
        GlobalValueData::Symbol { name: ExternalName::User(name), .. } => Some(name),
        _ => None,
    }
}
