//! Pins go away where they are not needed. A pin lets a buffer stay when its address becomes a
//! number or a raw pointer, since that says nothing to counts. It is not needed if no value that
//! depends on the address is stored or returned, and if the buffer is alive wherever one is used:
//! because it is a parameter's, which callers keep alive, because all uses are within a call during
//! which it is held, or because nothing gives up a reference between the pin and the uses.

use std::collections::HashSet;

use super::graph::Graph;
use super::inline::callees_first;
use super::rename::Renaming;
use crate::cot::ir::module::{FuncKind, Module, WASI};
use crate::cot::ir::numeric::Numeric;
use crate::cot::ir::{BlockId, End, FuncId, Function, Inst, Op, Pinned, Value};

/// Functions of C that neither keep an address nor call back, nor is one their result.
const C_BORROWERS: [&str; 42] = [
    "access",
    "atof",
    "atoi",
    "atol",
    "atoll",
    "chdir",
    "chmod",
    "fopen",
    "fputs",
    "fwrite",
    "fread",
    "getenv",
    "memcmp",
    "mkdir",
    "open",
    "perror",
    "poll",
    "popen",
    "printf",
    "puts",
    "read",
    "recv",
    "remove",
    "rename",
    "rmdir",
    "send",
    "snprintf",
    "sprintf",
    "sscanf",
    "stat",
    "strcasecmp",
    "strcmp",
    "strcoll",
    "strcspn",
    "strlen",
    "strncasecmp",
    "strncmp",
    "strnlen",
    "strspn",
    "system",
    "unlink",
    "write",
];
/// The same, of those that return an address that they were passed, or one after it.
const C_SEARCHERS: [&str; 10] =
    ["memchr", "memcpy", "memmove", "memset", "strcat", "strchr", "strcpy", "strncpy", "strrchr", "strstr"];

/// What becomes of a parameter in a function.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
struct Fate {
    /// It is stored, or passed to somebody unknown.
    escapes: bool,
    /// A result may depend on it.
    is_returned: bool,
}

const ESCAPES: Fate = Fate { escapes: true, is_returned: true };
const IS_RETURNED: Fate = Fate { escapes: false, is_returned: true };

/// Requires: SSA form. Leaves: no pin whose address does not outlive the buffer for certain. What
/// gives up references is known once `count` has run; before that only pins of parameters go.
pub fn remove(module: &mut Module) {
    let has_pins =
        |function: &Function| function.blocks.iter().any(|it| it.insts.iter().any(|it| matches!(it.op, Op::Pin(_))));
    if !module.defined().any(has_pins) {
        return;
    }
    let summaries = summarize(module);
    for index in 0..module.functions.len() {
        let FuncKind::Defined(function) = &module.functions[index].kind else { continue };
        if !has_pins(function) {
            continue;
        }
        let places = Flow::new(function, &summaries).needless_pins(module);
        let FuncKind::Defined(function) = &mut module.functions[index].kind else { continue };
        take_out(function, &places);
    }
}

/// What a function of C does with what it is passed, if that is known.
fn fate_in_c(kind: &FuncKind) -> Option<Fate> {
    match kind {
        FuncKind::Import { module, name } if module == "env" => {
            let is_in = |list: &[&str]| list.contains(&name.as_str());
            is_in(&C_BORROWERS).then(Fate::default).or(is_in(&C_SEARCHERS).then_some(IS_RETURNED))
        }
        _ => None,
    }
}

/// The fates of the parameters of every function. Facts only grow, so this ends.
fn summarize(module: &Module) -> Vec<Vec<Fate>> {
    let summary = |decl: &crate::cot::ir::module::FuncDecl| {
        let fate = match &decl.kind {
            FuncKind::Defined(_) => Fate::default(),
            FuncKind::Import { module, .. } if module == WASI => Fate::default(),
            kind => fate_in_c(kind).unwrap_or(ESCAPES),
        };
        vec![fate; decl.signature.params.len()]
    };
    let mut summaries: Vec<Vec<Fate>> = module.functions.iter().map(summary).collect();
    let order = callees_first(module);
    let mut changed = true;
    while changed {
        changed = false;
        for index in &order {
            let id = FuncId(*index as u32);
            let FuncKind::Defined(function) = &module.functions[*index].kind else { continue };
            if module.borrowers.contains(&id) {
                continue;
            }
            let flow = Flow::new(function, &summaries);
            let found: Vec<_> = function.blocks[0].params.iter().map(|param| flow.trace(*param).fate()).collect();
            changed |= found != summaries[*index];
            summaries[*index] = found;
        }
    }
    summaries
}

/// A place in a function: block, instruction.
type Place = (usize, usize);

/// What depends on a value.
struct Trace {
    derived: HashSet<Value>,
    escapes: bool,
    is_returned: bool,
}

impl Trace {
    fn fate(&self) -> Fate {
        Fate { escapes: self.escapes, is_returned: self.is_returned }
    }
}

/// A function, and who uses its values.
struct Flow<'m> {
    function: &'m Function,
    summaries: &'m [Vec<Fate>],
    /// By value: instructions, and blocks at whose ends.
    uses: Vec<Vec<Place>>,
    end_uses: Vec<Vec<usize>>,
}

impl<'m> Flow<'m> {
    fn new(function: &'m Function, summaries: &'m [Vec<Fate>]) -> Flow<'m> {
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
        let mut trace = Trace { derived, escapes: false, is_returned: false };
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
            Op::Pin(_) => found.extend(&inst.results),
            Op::Retain(_) | Op::Release(_) => {}
            Op::Select if inst.args[..2].contains(&value) => found.extend(&inst.results),
            Op::Select | Op::Load { .. } | Op::MemoryCopy | Op::MemoryFill => {}
            Op::Store { .. } => trace.escapes |= inst.args[1] == value,
            Op::Call(FuncId(callee)) => {
                let params = &self.summaries[*callee as usize];
                for (fate, _) in params.iter().zip(&inst.args).filter(|(_, arg)| **arg == value) {
                    trace.escapes |= fate.escapes;
                    if fate.is_returned {
                        found.extend(&inst.results);
                    }
                }
            }
            _ => trace.escapes = true,
        }
    }

    fn needless_pins(&self, module: &Module) -> Vec<Place> {
        let graph = Graph::new(self.function);
        let blocks = self.function.blocks.iter().enumerate();
        let insts =
            blocks.flat_map(|(block, of)| of.insts.iter().enumerate().map(move |(index, it)| ((block, index), it)));
        let pins = insts.filter(|(_, inst)| matches!(inst.op, Op::Pin(_)));
        let is_needless = |place: Place, inst: &Inst| {
            let trace = self.trace(inst.results[0]);
            !trace.escapes
                && !trace.is_returned
                && (self.is_of_param(inst.args[0])
                    || self.is_argument(inst, &trace.derived, module)
                    || self.is_safe(place, &trace.derived, &graph, module))
        };
        pins.filter(|(place, inst)| is_needless(*place, inst)).map(|(place, _)| place).collect()
    }

    /// Whether all that becomes of an address is that calls have it during which it is held. What
    /// was inlined is no such call any more.
    fn is_argument(&self, pin: &Inst, derived: &HashSet<Value>, module: &Module) -> bool {
        let insts = self.function.blocks.iter().flat_map(|block| &block.insts);
        let widened = insts.filter(|inst| inst.op == Op::Numeric(Numeric::I64ExtendI32U) && inst.args == pin.results);
        let passed: HashSet<Value> = widened.flat_map(|inst| &inst.results).chain(&pin.results).copied().collect();
        pin.op == Op::Pin(Pinned::Argument) && module.gives_up.is_empty() && derived.is_subset(&passed)
    }

    /// Whether an address is a parameter, or so many bytes after it.
    fn is_of_param(&self, address: Value) -> bool {
        let mut at = address;
        loop {
            if self.function.blocks[0].params.contains(&at) {
                return true;
            }
            let insts = self.function.blocks.iter().flat_map(|block| &block.insts);
            let Some(inst) = insts.clone().find(|inst| inst.results.contains(&at)) else { return false };
            match inst.op {
                Op::Pin(_) | Op::Numeric(Numeric::I32Add | Numeric::I32WrapI64 | Numeric::I64ExtendI32U) => {
                    at = inst.args[0];
                }
                _ => return false,
            }
        }
    }

    /// Whether nothing gives up a reference between a pin and the uses of what depends on it.
    fn is_safe(&self, pin: Place, derived: &HashSet<Value>, graph: &Graph, module: &Module) -> bool {
        if module.gives_up.is_empty() {
            return false;
        }
        let mut work: Vec<Place> = Vec::new();
        for value in derived {
            // A use itself may give up references.
            work.extend(self.uses[value.index()].iter().map(|(block, index)| (*block, index + 1)));
            work.extend(
                self.end_uses[value.index()].iter().map(|block| (*block, self.function.blocks[*block].insts.len())),
            );
        }
        let mut seen = HashSet::new();
        while let Some((block, end)) = work.pop() {
            let insts = self.function.blocks[block].insts[..end].iter().enumerate().rev();
            let mut stops = insts.map(|(index, inst)| ((block, index) == pin, gives_up(inst, module)));
            match stops.find(|(is_pin, gives_up)| *is_pin || *gives_up) {
                Some((is_pin, _)) if is_pin => {}
                Some(_) => return false,
                None => {
                    let before = graph.predecessors[block].iter().map(|it: &BlockId| it.index());
                    let before = before.filter(|it| seen.insert(*it));
                    work.extend(before.map(|it| (it, self.function.blocks[it].insts.len())));
                }
            }
        }
        true
    }
}

fn gives_up(inst: &Inst, module: &Module) -> bool {
    match inst.op {
        Op::Release(_) | Op::CallIndirect(_) | Op::CallCatching(_) => true,
        Op::Call(FuncId(callee)) => {
            module.gives_up[callee as usize] && fate_in_c(&module.functions[callee as usize].kind).is_none()
        }
        _ => false,
    }
}

/// Lets addresses stand for what pins make of them.
fn take_out(function: &mut Function, places: &[Place]) {
    let mut renaming = Renaming::new(function);
    for (block, index) in places.iter().rev() {
        let inst = function.blocks[*block].insts.remove(*index);
        renaming.replace(inst.results[0], inst.args[0]);
    }
    renaming.apply(function);
}

/// Whether the result says little of the operands: a comparison.
fn is_test(numeric: Numeric) -> bool {
    let name = numeric.name();
    ["eq", "ne.", "lt", "gt", "le", "ge"].iter().any(|it| name[4..].starts_with(it)) || name.ends_with(".ne")
}
