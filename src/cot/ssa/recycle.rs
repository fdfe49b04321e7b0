//! Buffers of strings and slices are freed that nothing refers to any more: what `++`,
//! interpolation and array literals made, as long as their addresses stay in the function that made
//! them and in those that it calls.
//!
//! Such a call is a site. The buffer that a site made last is kept in the function's frame. It is
//! freed before the site makes another one, and when the function returns. That is right if no
//! value that depends on its address is stored, returned, or still needed then; the last is so if
//! the site dominates the definitions of all such values. A function whose result is always a fresh
//! buffer makes its calls sites of its callers.

use std::collections::HashSet;

use super::graph::Graph;
use super::inline::callees_first;
use crate::cot::ir::module::{FuncDecl, FuncKind, Module, WASI};
use crate::cot::ir::numeric::Numeric;
use crate::cot::ir::{Access, BlockId, Const, End, FuncId, Function, Inst, Op, Type, Value};
use rayon::prelude::*;

/// What becomes of a parameter in a function.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
struct Fate {
    /// It is stored, or passed to somebody unknown.
    escapes: bool,
    /// A result may depend on it.
    is_returned: bool,
}

/// What callers need to know of a function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Summary {
    params: Vec<Fate>,
    /// Its first result is a buffer that nobody else has, or static.
    is_fresh: bool,
}

const ESCAPES: Fate = Fate { escapes: true, is_returned: true };

/// Requires: SSA form.
pub fn recycle(module: &mut Module) {
    let Some(dealloc) = module.dealloc else { return };
    let summaries = summarize(module);
    let sites = |(index, decl): (usize, &FuncDecl)| match &decl.kind {
        FuncKind::Defined(function) if !module.makers.contains(&FuncId(index as u32)) => recycled(function, &summaries),
        _ => Vec::new(),
    };
    let sites: Vec<Vec<Place>> = module.functions.par_iter().enumerate().map(sites).collect();
    for (decl, sites) in module.functions.iter_mut().zip(&sites).filter(|(_, sites)| !sites.is_empty()) {
        if let FuncKind::Defined(function) = &mut decl.kind {
            insert(function, sites, dealloc);
        }
    }
}

/// Facts only grow, so this ends.
fn summarize(module: &Module) -> Vec<Summary> {
    let summary = |(index, decl): (usize, &FuncDecl)| {
        let id = FuncId(index as u32);
        let n_params = decl.signature.params.len();
        let fate = match &decl.kind {
            FuncKind::Defined(_) => Fate::default(),
            FuncKind::Import { module, name } if module == WASI || name == "write" => Fate::default(),
            _ => ESCAPES,
        };
        Summary { params: vec![fate; n_params], is_fresh: module.makers.contains(&id) }
    };
    let mut summaries: Vec<Summary> = module.functions.iter().enumerate().map(summary).collect();
    let order = callees_first(module);
    // When functions were looked at last, and when their summaries changed, in steps from 1.
    let (mut seen, mut updated) = (vec![0usize; summaries.len()], vec![0usize; summaries.len()]);
    let mut step = 0;
    let mut changed = true;
    while changed {
        changed = false;
        for index in &order {
            let id = FuncId(*index as u32);
            let FuncKind::Defined(function) = &module.functions[*index].kind else { continue };
            if module.borrowers.contains(&id) || module.makers.contains(&id) {
                continue;
            }
            if seen[*index] > 0 && callees(function).all(|callee| updated[callee.0 as usize] < seen[*index]) {
                continue;
            }
            step += 1;
            seen[*index] = step;
            let flow = Flow::new(function, &summaries);
            let params = function.blocks[0].params.iter().map(|param| flow.trace(*param).fate()).collect();
            let found = Summary { params, is_fresh: flow.is_fresh() };
            if found != summaries[*index] {
                summaries[*index] = found;
                updated[*index] = step;
                changed = true;
            }
        }
    }
    summaries
}

/// Functions that a function calls by name.
fn callees(function: &Function) -> impl Iterator<Item = FuncId> {
    let insts = function.blocks.iter().flat_map(|block| &block.insts);
    insts.filter_map(|inst| if let Op::Call(callee) = inst.op { Some(callee) } else { None })
}

fn makes_buffer(inst: &Inst, summaries: &[Summary]) -> bool {
    matches!(inst.op, Op::Call(FuncId(callee)) if summaries[callee as usize].is_fresh)
}

/// Sites of a function whose buffers can be freed.
fn recycled(function: &Function, summaries: &[Summary]) -> Vec<Place> {
    let mut insts = function.blocks.iter().flat_map(|block| &block.insts);
    match insts.any(|inst| makes_buffer(inst, summaries)) {
        true => Flow::new(function, summaries).recycled(),
        false => Vec::new(),
    }
}

/// A place in a function: block, instruction.
type Place = (usize, usize);

/// What depends on a value.
struct Trace {
    derived: HashSet<Value>,
    escapes: bool,
    is_returned: bool,
    /// As another result than the first.
    is_returned_again: bool,
}

impl Trace {
    fn fate(&self) -> Fate {
        Fate { escapes: self.escapes, is_returned: self.is_returned }
    }
}

/// A function, and who uses its values.
struct Flow<'m> {
    function: &'m Function,
    summaries: &'m [Summary],
    /// By value: instructions, and blocks at whose ends.
    uses: Vec<Vec<Place>>,
    end_uses: Vec<Vec<usize>>,
}

impl<'m> Flow<'m> {
    fn new(function: &'m Function, summaries: &'m [Summary]) -> Flow<'m> {
        let mut uses = vec![Vec::new(); function.values.len()];
        let mut end_uses = vec![Vec::new(); function.values.len()];
        for (block, of) in function.blocks.iter().enumerate() {
            for (index, inst) in of.insts.iter().enumerate() {
                inst.args.iter().for_each(|arg| uses[arg.index()].push((block, index)));
            }
            of.end.args().for_each(|arg| end_uses[arg.index()].push(block));
        }
        Flow { function, summaries, uses, end_uses }
    }

    /// Follows a value to all that depends on it.
    fn trace(&self, seed: Value) -> Trace {
        let derived = HashSet::from([seed]);
        let mut trace = Trace { derived, escapes: false, is_returned: false, is_returned_again: false };
        let mut work = vec![seed];
        while let Some(value) = work.pop() {
            let mut found = Vec::new();
            for (block, index) in &self.uses[value.index()] {
                self.follow_inst(&self.function.blocks[*block].insts[*index], value, &mut trace, &mut found);
            }
            for block in &self.end_uses[value.index()] {
                match &self.function.blocks[*block].end {
                    End::Return(values) => {
                        trace.is_returned |= values.contains(&value);
                        trace.is_returned_again |= values[1..].contains(&value);
                    }
                    end => {
                        for edge in end.edges() {
                            let params = &self.function.blocks[edge.block.index()].params;
                            let passed = params.iter().zip(&edge.args).filter(|(_, arg)| **arg == value);
                            found.extend(passed.map(|(param, _)| *param));
                        }
                    }
                }
            }
            work.extend(found.into_iter().filter(|it| trace.derived.insert(*it)));
        }
        trace
    }

    fn follow_inst(&self, inst: &Inst, value: Value, trace: &mut Trace, found: &mut Vec<Value>) {
        match &inst.op {
            Op::Numeric(numeric) if is_test(*numeric) => {}
            Op::Numeric(_) => found.extend(&inst.results),
            Op::Select if inst.args[..2].contains(&value) => found.extend(&inst.results),
            Op::Select | Op::Load { .. } | Op::MemoryCopy | Op::MemoryFill => {}
            Op::Store { .. } => trace.escapes |= inst.args[1] == value,
            Op::Call(FuncId(callee)) => {
                let callee = &self.summaries[*callee as usize];
                for (fate, _) in callee.params.iter().zip(&inst.args).filter(|(_, arg)| **arg == value) {
                    trace.escapes |= fate.escapes;
                    if fate.is_returned {
                        found.extend(&inst.results);
                    }
                }
            }
            _ => trace.escapes = true,
        }
    }

    fn makes_buffer(&self, inst: &Inst) -> bool {
        makes_buffer(inst, self.summaries)
    }

    /// Whether the first result always is a buffer of a site, which goes nowhere else, or constant.
    fn is_fresh(&self) -> bool {
        let mut returned = self.function.blocks.iter().filter_map(|block| match &block.end {
            End::Return(values) => Some(values.first().copied()),
            _ => None,
        });
        let mut defined = vec![None; self.function.values.len()];
        for (block, of) in self.function.blocks.iter().enumerate() {
            for (index, inst) in of.insts.iter().enumerate() {
                inst.results.iter().for_each(|result| defined[result.index()] = Some((block, index)));
            }
        }
        let mut sites = HashSet::new();
        let all = returned.all(|value| value.is_some_and(|value| self.is_pure(value, &defined, &mut sites)));
        let is_alone = |site: &Value| {
            let trace = self.trace(*site);
            !trace.escapes && !trace.is_returned_again
        };
        all && !sites.is_empty() && sites.iter().all(is_alone)
    }

    /// Whether a value comes from sites and constants only.
    fn is_pure(&self, value: Value, defined: &[Option<Place>], sites: &mut HashSet<Value>) -> bool {
        let mut seen = HashSet::from([value]);
        let mut work = vec![value];
        while let Some(value) = work.pop() {
            let sources: Vec<Value> = match defined[value.index()] {
                Some((block, index)) => {
                    let inst = &self.function.blocks[block].insts[index];
                    match inst.op {
                        Op::Const(Const::I32(_) | Const::I64(_)) => Vec::new(),
                        Op::Select => inst.args[..2].to_vec(),
                        Op::Numeric(Numeric::I32WrapI64 | Numeric::I64ExtendI32U) => inst.args.clone(),
                        Op::Call(_) if self.makes_buffer(inst) && inst.results.first() == Some(&value) => {
                            sites.insert(value);
                            Vec::new()
                        }
                        _ => return false,
                    }
                }
                None => match self.sources_of_param(value) {
                    Some(sources) => sources,
                    None => return false,
                },
            };
            work.extend(sources.into_iter().filter(|it| seen.insert(*it)));
        }
        true
    }

    /// What a block's parameter may be; none for the function's own.
    fn sources_of_param(&self, param: Value) -> Option<Vec<Value>> {
        let blocks = &self.function.blocks;
        let at = |block: usize| blocks[block].params.iter().position(|it| *it == param);
        let (target, number) = (1..blocks.len()).find_map(|block| Some((block, at(block)?)))?;
        let edges = blocks.iter().flat_map(|block| block.end.edges()).filter(|edge| edge.block.index() == target);
        Some(edges.map(|edge| edge.args[number]).collect())
    }

    fn recycled(&self) -> Vec<Place> {
        let graph = Graph::new(self.function);
        let mut sites = Vec::new();
        for (block, of) in self.function.blocks.iter().enumerate() {
            for (index, inst) in of.insts.iter().enumerate() {
                let is_site = self.makes_buffer(inst) && graph.is_reachable(BlockId(block as u32));
                if is_site && self.is_recyclable((block, index), inst.results[0], &graph) {
                    sites.push((block, index));
                }
            }
        }
        sites
    }

    fn is_recyclable(&self, (block, index): Place, buffer: Value, graph: &Graph) -> bool {
        let trace = self.trace(buffer);
        if trace.escapes || trace.is_returned {
            return false;
        }
        let here = BlockId(block as u32);
        let mut n_found = 0;
        for (number, of) in self.function.blocks.iter().enumerate() {
            let below = BlockId(number as u32);
            let is_below = below != here && graph.is_reachable(below) && graph.dominates(here, below);
            let params = of.params.iter().filter(|it| trace.derived.contains(it)).count();
            let insts = of.insts.iter().enumerate().filter(|(at, _)| is_below || number == block && *at >= index);
            let results = insts.flat_map(|(_, inst)| &inst.results).filter(|it| trace.derived.contains(it)).count();
            n_found += results + if is_below { params } else { 0 };
        }
        n_found == trace.derived.len()
    }
}

/// Whether the result says little of the operands: a comparison.
fn is_test(numeric: Numeric) -> bool {
    let name = numeric.name();
    ["eq", "ne.", "lt", "gt", "le", "ge"].iter().any(|it| name[4..].starts_with(it)) || name.ends_with(".ne")
}

/// Keeps the buffer of each site in the frame, and frees it.
fn insert(function: &mut Function, sites: &[Place], dealloc: FuncId) {
    let first = function.frame_size;
    function.frame_size = (first + 8 * sites.len() as u32).next_multiple_of(16);
    let slots: Vec<u32> = (0..sites.len() as u32).map(|number| first + 8 * number).collect();
    // From the last one on, so that places stay what they are.
    for ((block, index), slot) in sites.iter().zip(&slots).rev() {
        let call = function.blocks[*block].insts[*index].clone();
        let mut insts = free(function, *slot, dealloc);
        let buffer = call.results[0];
        insts.push(call);
        let wide = match function.ty(buffer) {
            Type::I64 => buffer,
            _ => one(function, Op::Numeric(Numeric::I64ExtendI32U), vec![buffer], Type::I64, &mut insts),
        };
        store(function, *slot, wide, &mut insts);
        function.blocks[*block].insts.splice(*index..=*index, insts);
    }
    for block in 0..function.blocks.len() {
        if matches!(function.blocks[block].end, End::Return(_)) {
            for slot in &slots {
                let insts = free(function, *slot, dealloc);
                function.blocks[block].insts.extend(insts);
            }
        }
    }
    let mut start = Vec::new();
    for slot in &slots {
        let zero = one(function, Op::Const(Const::I64(0)), Vec::new(), Type::I64, &mut start);
        store(function, *slot, zero, &mut start);
    }
    function.blocks[0].insts.splice(0..0, start);
}

fn one(function: &mut Function, op: Op, args: Vec<Value>, ty: Type, insts: &mut Vec<Inst>) -> Value {
    let result = function.new_value(ty);
    insts.push(Inst { op, args, results: vec![result], position: None });
    result
}

fn store(function: &mut Function, slot: u32, value: Value, insts: &mut Vec<Inst>) {
    let address = one(function, Op::Frame(slot), Vec::new(), Type::I32, insts);
    let op = Op::Store { access: Access::I64, offset: 0 };
    insts.push(Inst { op, args: vec![address, value], results: Vec::new(), position: None });
}

/// What is no buffer any more, or never was, is left alone by `dealloc`.
fn free(function: &mut Function, slot: u32, dealloc: FuncId) -> Vec<Inst> {
    let mut insts = Vec::new();
    let address = one(function, Op::Frame(slot), Vec::new(), Type::I32, &mut insts);
    let load = Op::Load { access: Access::I64, offset: 0 };
    let buffer = one(function, load, vec![address], Type::I64, &mut insts);
    insts.push(Inst { op: Op::Call(dealloc), args: vec![buffer], results: Vec::new(), position: None });
    insts
}
