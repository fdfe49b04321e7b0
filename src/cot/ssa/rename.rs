//! Values that others stand for.

use crate::cot::ir::{Function, Value};

/// What replaces the values of a function; what replaces a value may be replaced itself.
pub struct Renaming {
    /// By value; itself if nothing replaces it.
    by: Vec<Value>,
}

impl Renaming {
    /// Nothing is replaced.
    pub fn new(function: &Function) -> Renaming {
        Renaming { by: (0..function.values.len() as u32).map(Value).collect() }
    }

    /// Lets `by` stand for a value that the function had when this was made.
    pub fn replace(&mut self, value: Value, by: Value) {
        self.by[value.index()] = by;
    }

    /// What stands for a value in the end.
    pub fn get(&self, mut value: Value) -> Value {
        while let Some(next) = self.by.get(value.index()).filter(|next| **next != value) {
            value = *next;
        }
        value
    }

    /// Replaces all uses.
    pub fn apply(&self, function: &mut Function) {
        for block in &mut function.blocks {
            for inst in &mut block.insts {
                inst.args.iter_mut().for_each(|arg| *arg = self.get(*arg));
            }
            block.end.map_args(|arg| self.get(arg));
        }
    }
}
