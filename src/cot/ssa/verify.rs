//! Checks that a function is in SSA form: values are defined once, before and above their uses;
//! types fit operators, calls and parameters; blocks end properly. It knows nothing of how the form
//! was made.

use super::graph::Graph;
use crate::cot::ir::module::Module;
use crate::cot::ir::print::Printed;
use crate::cot::ir::{BlockId, End, Function, Inst, Op, Type, Value};

/// Stops with the function's text where it is not in SSA form, which only a mistake of ours can
/// cause.
pub fn assert_valid(function: &Function, module: &Module, pass: &str) {
    if let Err(fault) = verify(function, module) {
        panic!("after pass `{pass}`: {fault}\n{}", Printed { function, module });
    }
}

/// # Errors
/// The first thing that is wrong.
pub fn verify(function: &Function, module: &Module) -> Result<(), String> {
    let mut verifier = Verifier { function, module, graph: Graph::new(function), defined: Vec::new() };
    verifier.find_definitions()?;
    for block in verifier.graph.order.clone() {
        verifier.block(block).map_err(|fault| format!("{block}: {fault}"))?;
    }
    Ok(())
}

struct Verifier<'a> {
    function: &'a Function,
    module: &'a Module,
    graph: Graph,
    /// Block and place in it: 0 for parameters, else 1 + index of the instruction.
    defined: Vec<Option<(BlockId, usize)>>,
}

impl Verifier<'_> {
    fn find_definitions(&mut self) -> Result<(), String> {
        self.defined = vec![None; self.function.values.len()];
        for (id, block) in self.function.block_ids().zip(&self.function.blocks) {
            let params = block.params.iter().map(|param| (*param, 0));
            let results =
                block.insts.iter().enumerate().flat_map(|(at, inst)| inst.results.iter().map(move |it| (*it, at + 1)));
            for (value, place) in params.chain(results) {
                if self.defined[value.index()].replace((id, place)).is_some() {
                    return Err(format!("{value} is defined twice"));
                }
            }
        }
        Ok(())
    }

    fn block(&self, id: BlockId) -> Result<(), String> {
        let block = &self.function.blocks[id.index()];
        if id == BlockId::ENTRY {
            let params: Vec<_> = block.params.iter().map(|param| self.function.ty(*param)).collect();
            ensure(params == self.function.signature.params, || "the entry has other parameters".to_owned())?;
            ensure(self.graph.predecessors[0].is_empty(), || "something leads back to the entry".to_owned())?;
        }
        for (index, inst) in block.insts.iter().enumerate() {
            inst.args.iter().try_for_each(|arg| self.used(*arg, id, index + 1))?;
            self.types(inst).map_err(|fault| format!("instruction {index}: {fault}"))?;
        }
        block.end.args().try_for_each(|arg| self.used(arg, id, usize::MAX))?;
        self.end(id, &block.end)
    }

    /// The definition dominates this use.
    fn used(&self, value: Value, block: BlockId, place: usize) -> Result<(), String> {
        let Some((defined_in, at)) = self.defined.get(value.index()).copied().flatten() else {
            return Err(format!("{value} is not defined"));
        };
        let above = if defined_in == block {
            at < place
        } else {
            self.graph.is_reachable(defined_in) && self.graph.dominates(defined_in, block)
        };
        ensure(above, || format!("{value} is used where it is not defined on every way"))
    }

    fn types(&self, inst: &Inst) -> Result<(), String> {
        use Type::I32;
        let args: Vec<_> = inst.args.iter().map(|arg| self.function.ty(*arg)).collect();
        let results: Vec<_> = inst.results.iter().map(|result| self.function.ty(*result)).collect();
        let (wanted_args, wanted_results) = match &inst.op {
            Op::Const(constant) => (vec![], vec![constant.ty()]),
            Op::Numeric(numeric) => (numeric.parameters().to_vec(), vec![numeric.result()]),
            Op::Select => {
                let ty = *args.first().unwrap_or(&I32);
                (vec![ty, ty, I32], vec![ty])
            }
            Op::Load { access, .. } => (vec![I32], vec![access.ty()]),
            Op::Store { access, .. } => (vec![I32, access.ty()], vec![]),
            Op::MemoryCopy | Op::MemoryFill => (vec![I32, I32, I32], vec![]),
            Op::MemoryGrow => (vec![I32], vec![I32]),
            Op::MemorySize | Op::HeapBase | Op::Frame(_) => (vec![], vec![I32]),
            Op::Call(func) => {
                let signature = self.module.signature(*func);
                (signature.params.clone(), signature.results.clone())
            }
            Op::CallCatching(_) => (vec![], vec![I32]),
            Op::Throw => (vec![], vec![]),
            Op::CallIndirect(signature) => {
                (signature.params.iter().copied().chain([I32]).collect(), signature.results.clone())
            }
            Op::Retain(_) | Op::Release(_) => (vec![I32], vec![]),
            Op::Pin(_) => (vec![I32], vec![I32]),
            Op::Get(_) | Op::Set(_) => return Err("a variable is left".to_owned()),
        };
        ensure(args == wanted_args, || format!("{:?} takes {wanted_args:?}, not {args:?}", inst.op))?;
        ensure(results == wanted_results, || format!("{:?} gives {wanted_results:?}, not {results:?}", inst.op))
    }

    fn end(&self, id: BlockId, end: &End) -> Result<(), String> {
        let ty = |value: &Value| self.function.ty(*value);
        for edge in end.edges() {
            let params: Vec<_> = self.function.blocks[edge.block.index()].params.iter().map(ty).collect();
            let args: Vec<_> = edge.args.iter().map(ty).collect();
            ensure(params == args, || format!("{} takes {params:?}, not {args:?}", edge.block))?;
        }
        match end {
            End::Branch { condition, .. } => {
                ensure(ty(condition) == Type::I32, || "the condition is not an i32".to_owned())
            }
            End::Switch { index, .. } => {
                ensure(ty(index) == Type::I32, || "the index is not an i32".to_owned())?;
                end.successors().try_for_each(|target| {
                    let alone = self.graph.predecessors[target.index()] == [id];
                    let plain = self.function.blocks[target.index()].params.is_empty();
                    ensure(alone && plain, || format!("{target} is not a proper target of a switch"))
                })
            }
            End::Return(values) => {
                let types: Vec<_> = values.iter().map(ty).collect();
                ensure(types == self.function.signature.results, || format!("{types:?} is returned"))
            }
            End::Jump(_) | End::Unreachable => Ok(()),
        }
    }
}

fn ensure(holds: bool, fault: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(fault()) }
}
