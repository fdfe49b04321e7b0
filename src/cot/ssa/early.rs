//! Values of a part of a function, computed before the part begins.

use crate::cot::ir::numeric::Numeric;
use crate::cot::ir::{Const, Effect, Function, Inst, Op, Type, Value};
use std::collections::HashMap;
use std::rc::Rc;

/// Writes code that computes what does not depend on the parameters of the part's blocks, nor on
/// memory.
#[derive(Clone)]
pub struct Early {
    /// What the part defines: the instruction; none for what can't be known before it.
    definitions: Rc<HashMap<Value, Option<Inst>>>,
    known: HashMap<Value, Value>,
}

impl Early {
    /// `definitions`: of the part.
    pub fn new(definitions: HashMap<Value, Option<Inst>>) -> Early {
        Early { definitions: Rc::new(definitions), known: HashMap::new() }
    }

    /// The instruction of the part that defines a value.
    pub fn definition(&self, value: Value) -> Option<&Inst> {
        self.definitions.get(&value)?.as_ref()
    }

    /// What stands for a value before the part; what computes it is added to `code`.
    pub fn value(&mut self, function: &mut Function, code: &mut Code, value: Value) -> Option<Value> {
        if let Some(known) = self.known.get(&value) {
            return Some(*known);
        }
        let Some(definition) = self.definitions.get(&value) else { return Some(value) };
        let mut inst = definition.clone().filter(|inst| inst.op.effect() == Effect::None)?;
        for arg in &mut inst.args {
            *arg = self.value(function, code, *arg)?;
        }
        let result = function.new_value(function.ty(value));
        inst.results = vec![result];
        code.0.push(inst);
        self.known.insert(value, result);
        Some(result)
    }

    /// The same part, where more is known.
    pub fn with(&self, known: impl IntoIterator<Item = (Value, Value)>) -> Early {
        let mut early = self.clone();
        early.known.extend(known);
        early
    }
}

/// Code that is written before a part.
#[derive(Default)]
pub struct Code(pub Vec<Inst>);

impl Code {
    pub fn numeric(&mut self, function: &mut Function, numeric: Numeric, args: &[Value]) -> Value {
        self.push(function, Op::Numeric(numeric), args.to_vec(), numeric.result())
    }

    pub fn constant(&mut self, function: &mut Function, constant: Const) -> Value {
        self.push(function, Op::Const(constant), Vec::new(), constant.ty())
    }

    pub fn push(&mut self, function: &mut Function, op: Op, args: Vec<Value>, ty: Type) -> Value {
        let result = function.new_value(ty);
        self.0.push(Inst { op, args, results: vec![result], position: None });
        result
    }
}
