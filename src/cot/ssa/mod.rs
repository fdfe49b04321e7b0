//! From the form of lowering to optimised SSA form: [`construct`], then the rows of [`PASSES`], each followed by the verifier in debug
//! builds and
//! tests. Every pass keeps the meaning; none needs another one before it.

pub mod construct;
pub mod copy;
pub mod count;
pub mod dead;
pub mod fold;
pub mod graph;
pub mod verify;

use crate::cot::ir::module::{FuncKind, Module};
use crate::cot::ir::{Function, Value};

/// A step over one function.
pub struct Pass {
    pub name: &'static str,
    run: fn(&mut Function),
}

/// In the order they run. To add one: a file beside this one, and a row here.
pub const PASSES: [Pass; 8] = [
    Pass { name: "construct", run: construct::construct },
    Pass { name: "copy", run: copy::propagate },
    Pass { name: "fold", run: fold::fold },
    Pass { name: "dead", run: dead::remove },
    Pass { name: "count", run: count::remove_pairs },
    Pass { name: "copy", run: copy::propagate },
    Pass { name: "fold", run: fold::fold },
    Pass { name: "dead", run: dead::remove },
];

/// Brings every function of the module into optimised SSA form; what is not needed any more goes.
pub fn build(module: &mut Module) {
    for index in 0..module.functions.len() {
        let FuncKind::Defined(function) = &mut module.functions[index].kind else { continue };
        let mut function = std::mem::replace(&mut **function, placeholder());
        for pass in &PASSES {
            (pass.run)(&mut function);
            if cfg!(debug_assertions) {
                verify::assert_valid(&function, module, pass.name);
            }
        }
        module.functions[index].kind = FuncKind::Defined(Box::new(function));
    }
    module.prune();
}

/// Stands in for a function while it is in work.
fn placeholder() -> Function {
    let (values, variables, blocks) = (Vec::new(), Vec::new(), Vec::new());
    Function { name: String::new(), signature: Default::default(), values, variables, blocks, frame_size: 0 }
}

/// Replaces uses of values; what replaces a value may be replaced itself.
pub fn replace_values(function: &mut Function, replacement: impl Fn(Value) -> Option<Value>) {
    let resolve = |mut value: Value| {
        while let Some(next) = replacement(value) {
            value = next;
        }
        value
    };
    for block in &mut function.blocks {
        for inst in &mut block.insts {
            inst.args.iter_mut().for_each(|arg| *arg = resolve(*arg));
        }
        block.end.map_args(resolve);
    }
}
