//! From the form of lowering to optimized SSA form: [`construct`], then the rows of [`PASSES`],
//! each followed by the verifier in debug builds and tests. Every pass keeps the meaning; none
//! needs another one before it. The modules import only from those above them.

pub mod graph;

pub mod rename;

pub mod dead;

pub mod branch;

pub mod construct;

pub mod copy;

pub mod closure;

pub mod inline;

pub mod count;

pub mod fold;

pub mod number;

pub mod pin;

pub mod region;

pub mod rotate;

pub mod early;

pub mod bounds;

pub mod version;

pub mod nest;

pub mod jam;

pub mod reduce;

pub mod conjunct;

pub mod narrow;

pub mod loops;

pub mod turn;

pub mod verify;

use crate::cot::ir::Function;
use crate::cot::ir::module::{FuncDecl, Module};
use rayon::prelude::*;

/// A step over the program.
pub struct Pass {
    pub name: &'static str,
    run: Run,
}

enum Run {
    /// Each function for itself, several at a time: without deep recursion.
    Functions(fn(&mut Function)),
    /// All together.
    Module(fn(&mut Module)),
}

const fn of_functions(name: &'static str, run: fn(&mut Function)) -> Pass {
    Pass { name, run: Run::Functions(run) }
}

/// In the order they run. To add one: a file beside this one, and a row here.
pub const PASSES: [Pass; 22] = [
    of_functions("construct", construct::construct),
    of_functions("copy", copy::propagate),
    of_functions("fold", fold::fold),
    of_functions("number", number::number),
    of_functions("branch", branch::follow),
    of_functions("dead", dead::remove),
    Pass { name: "pin", run: Run::Module(pin::remove) },
    Pass { name: "inline", run: Run::Module(inline::inline) },
    of_functions("dead", dead::remove),
    of_functions("copy", copy::propagate),
    of_functions("fold", fold::fold),
    of_functions("number", number::number),
    of_functions("branch", branch::follow),
    of_functions("dead", dead::remove),
    of_functions("rotate", rotate::rotate),
    of_functions("loops", loops::optimize),
    Pass { name: "count", run: Run::Module(count::remove_pairs) },
    of_functions("copy", copy::propagate),
    of_functions("fold", fold::fold),
    of_functions("dead", dead::remove),
    Pass { name: "pin", run: Run::Module(pin::remove) },
    of_functions("turn", turn::turn),
];

/// For debuggers: variables stay variables, which each are a local of WebAssembly in the end, and
/// all that is computed is computed where the source says.
pub fn build_for_debuggers(module: &mut Module) {
    module.functions.par_iter_mut().filter_map(FuncDecl::body_mut).for_each(dead::remove_unreachable);
    module.prune();
}

/// Brings every function of the module into optimized SSA form; what is not needed any more goes.
pub fn build(module: &mut Module) {
    for pass in &PASSES {
        match pass.run {
            Run::Functions(run) => module.functions.par_iter_mut().filter_map(FuncDecl::body_mut).for_each(run),
            Run::Module(run) => run(module),
        }
        if cfg!(debug_assertions) {
            let bodies = module.functions.par_iter().filter_map(FuncDecl::body);
            bodies.for_each(|function| verify::assert_valid(function, module, pass.name));
        }
    }
    module.prune();
}

/// Stands in for a function while it is in work.
fn placeholder() -> Function {
    crate::cot::ir::build::Builder::new(String::new(), Default::default()).function
}
