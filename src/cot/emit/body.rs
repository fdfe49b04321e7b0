//! One function in SSA form → the body of a WebAssembly function. The control flow graph becomes
//! nested blocks along the dominator tree (Ramsey: "Beyond Relooper"); it must be reducible,
//! which lowering guarantees, since the language has no `goto`.
//!
//! A block that several ways lead to (a merge) follows a `block` whose end is its label; the
//! beginning of a loop is a `loop`; every other block is where the only way to it is. Work to
//! do is kept in a list instead of recursion: functions may be long.

use super::locals::Locals;
use super::stack::{Placement, Stack};
use crate::cot::ir::module::Module;
use crate::cot::ir::variables::{Described, Location, Place};
use crate::cot::ir::{
    Access, BlockId, Const, Counted, Edge, End, FuncId, Function, Inst, Op, Position, Signature, Type, Value, Variable,
};
use crate::cot::ssa::graph::Graph;
use std::borrow::Cow;
use wasm_encoder::{BlockType, Catch, Ieee32, Ieee64, Instruction, MemArg, MemArgTarget, ValType};

/// Numbers that the module gave.
pub trait Numbering {
    fn func(&self, func: FuncId) -> u32;
    fn signature(&self, signature: &Signature) -> u32;
}

/// The global that holds the end of the shadow stack.
pub const STACK_POINTER: u32 = 0;

/// What remains to be done, the next thing last.
enum Task {
    /// A block and all that it dominates.
    Tree(BlockId),
    /// Its instructions and its end.
    Body(BlockId),
    /// The way along an edge from a block.
    Way(BlockId, Edge),
    Else,
    EndIf,
    EndLoop,
    /// The end of the `block` before this merge.
    EndBlock(BlockId),
}

/// What a label is for.
#[derive(Copy, Clone, PartialEq, Eq)]
enum Label {
    If,
    Loop(BlockId),
    Before(BlockId),
}

struct Emitter<'a, N> {
    function: &'a Function,
    module: &'a Module,
    numbering: &'a N,
    graph: Graph,
    stack: Stack,
    locals: Locals,
    /// The frame's address.
    frame_local: u32,
    /// Holds an address that may be a buffer's.
    buffer_local: u32,
    /// Blocks with more than one way to them that is not a way back, and targets of switches.
    is_merge: Vec<bool>,
    is_loop: Vec<bool>,
    /// Dominated directly, in reverse postorder.
    children: Vec<Vec<BlockId>>,
    /// Block and instruction that make a value.
    defined: Vec<Option<(usize, usize)>>,
    labels: Vec<Label>,
    tasks: Vec<Task>,
    code: Vec<Instruction<'static>>,
    /// From which instruction on the code is made of which place, ascending.
    places: Vec<(usize, Position)>,
}

/// The body of a function.
pub struct Emitted {
    pub function: wasm_encoder::Function,
    /// From which byte of the body on it is made of which place, ascending.
    pub places: Vec<(usize, Position)>,
    /// Names of locals that are locals of the source, ascending.
    pub names: Vec<(u32, String)>,
    /// What debuggers are told of locals of the source.
    pub described: Vec<Described<Location>>,
}

/// Whether it counts for any address in a block.
fn is_of_buffer(op: &Op) -> bool {
    matches!(op, Op::Retain(Counted::Buffer) | Op::Release(Counted::Buffer) | Op::Pin(_))
}

/// Requires SSA form without unreachable blocks and unused parameters of blocks, as `ssa::dead`
/// leaves it: an argument is computed on the way only if its parameter has a local. Or the form of
/// lowering without unreachable blocks: then each variable is a local.
pub fn emit(function: &Function, module: &Module, numbering: &impl Numbering) -> Emitted {
    let graph = Graph::new(function);
    let stack = Stack::plan(function);
    let params = function.blocks.iter().skip(1).flat_map(|block| &block.params);
    debug_assert!(params.clone().all(|param| stack.placement[param.index()] != Placement::Unused), "they were removed");
    let mut locals = Locals::assign(function, &graph, &stack);
    let frame_local = (function.signature.params.len() + locals.declared.len()) as u32;
    if function.frame_size > 0 {
        locals.declared.push(Type::I32);
    }
    let buffer_local = (function.signature.params.len() + locals.declared.len()) as u32;
    if function.blocks.iter().flat_map(|block| &block.insts).any(|inst| is_of_buffer(&inst.op)) {
        locals.declared.push(Type::I32);
    }
    locals.add_variables(function);
    let n_blocks = function.blocks.len();
    let mut emitter = Emitter {
        function,
        module,
        numbering,
        graph,
        stack,
        locals,
        frame_local,
        buffer_local,
        is_merge: vec![false; n_blocks],
        is_loop: vec![false; n_blocks],
        children: vec![Vec::new(); n_blocks],
        defined: vec![None; function.values.len()],
        labels: Vec::new(),
        tasks: vec![Task::Tree(BlockId::ENTRY)],
        code: Vec::new(),
        places: Vec::new(),
    };
    emitter.survey();
    emitter.at(function.position);
    emitter.prologue();
    while let Some(task) = emitter.tasks.pop() {
        emitter.task(task);
    }
    emitter.finish()
}

impl<N: Numbering> Emitter<'_, N> {
    fn survey(&mut self) {
        for (block, of) in self.function.blocks.iter().enumerate() {
            for (index, inst) in of.insts.iter().enumerate() {
                inst.results.iter().for_each(|result| self.defined[result.index()] = Some((block, index)));
            }
        }
        let mut n_ways = vec![0; self.function.blocks.len()];
        for block in &self.graph.order {
            if let Some(dominator) = self.graph.dominator(*block) {
                self.children[dominator.index()].push(*block);
            }
            let end = &self.function.blocks[block.index()].end;
            for successor in end.successors() {
                if self.graph.is_back_edge(*block, successor) {
                    assert!(self.graph.dominates(successor, *block), "loops of the language have one beginning");
                    self.is_loop[successor.index()] = true;
                } else {
                    n_ways[successor.index()] += 1;
                }
                self.is_merge[successor.index()] |= matches!(end, End::Switch { .. });
            }
        }
        for (is_merge, n_ways) in self.is_merge.iter_mut().zip(n_ways) {
            *is_merge |= n_ways > 1;
        }
    }

    /// What is emitted next is made of that place; of the last one, if none is known.
    fn at(&mut self, position: Option<Position>) {
        let Some(position) = position else { return };
        self.places.pop_if(|(from, _)| *from >= self.code.len());
        if self.places.last().is_none_or(|(_, last)| *last != position) {
            self.places.push((self.code.len(), position));
        }
    }

    fn prologue(&mut self) {
        let frame_size = self.function.frame_size;
        if frame_size == 0 {
            return;
        }
        self.code.extend([Instruction::GlobalGet(STACK_POINTER), Instruction::LocalTee(self.frame_local)]);
        if let (true, Some(overflow)) = (self.module.checks_stack(self.function), self.module.stack_overflow) {
            self.code.extend([
                Instruction::I32Const(self.module.stack_limit() as i32),
                Instruction::I32Sub,
                Instruction::I32Const(frame_size as i32),
                Instruction::I32LtU,
                Instruction::If(BlockType::Empty),
                Instruction::I32Const(self.module.stack_end() as i32),
                Instruction::GlobalSet(STACK_POINTER),
                Instruction::Call(self.numbering.func(overflow)),
                Instruction::Unreachable,
                Instruction::End,
                Instruction::LocalGet(self.frame_local),
            ]);
        }
        self.code.extend([
            Instruction::I32Const(frame_size as i32),
            Instruction::I32Sub,
            Instruction::LocalTee(self.frame_local),
            Instruction::GlobalSet(STACK_POINTER),
        ]);
    }

    fn task(&mut self, task: Task) {
        match task {
            Task::Tree(block) => self.tree(block),
            Task::Body(block) => self.body(block),
            Task::Way(from, edge) => self.way(from, &edge),
            Task::Else => self.code.push(Instruction::Else),
            Task::EndIf => {
                if matches!(self.code.last(), Some(Instruction::Else)) {
                    self.code.pop();
                }
                self.end();
            }
            Task::EndLoop | Task::EndBlock(_) => self.end(),
        }
    }

    fn end(&mut self) {
        self.labels.pop();
        self.code.push(Instruction::End);
    }

    fn tree(&mut self, block: BlockId) {
        if self.is_loop[block.index()] {
            self.code.push(Instruction::Loop(BlockType::Empty));
            self.labels.push(Label::Loop(block));
            self.tasks.push(Task::EndLoop);
        }
        let merges: Vec<_> =
            self.children[block.index()].iter().rev().filter(|child| self.is_merge[child.index()]).copied().collect();
        // The one that comes last in the order is the outermost.
        for merge in merges {
            self.code.push(Instruction::Block(BlockType::Empty));
            self.labels.push(Label::Before(merge));
            self.tasks.push(Task::Tree(merge));
            self.tasks.push(Task::EndBlock(merge));
        }
        self.tasks.push(Task::Body(block));
    }

    fn body(&mut self, block: BlockId) {
        let function = self.function;
        let of = &function.blocks[block.index()];
        for (index, inst) in of.insts.iter().enumerate() {
            if self.stack.root[block.index()][index] == index && !self.is_again(inst) {
                self.inst(inst);
                self.set_results(inst);
            }
        }
        match &of.end {
            End::Jump(edge) => {
                self.at(of.end_position);
                self.way(block, edge);
            }
            End::Branch { condition, then, otherwise } => self.branch(block, *condition, then, otherwise),
            End::Switch { index, targets, default } => {
                self.value(*index);
                let targets: Vec<_> = targets.iter().map(|target| self.depth(Label::Before(*target))).collect();
                let default = self.depth(Label::Before(*default));
                self.code.push(Instruction::BrTable(Cow::Owned(targets), default));
            }
            End::Return(values) => {
                values.iter().for_each(|value| self.value(*value));
                self.at(of.end_position);
                if function.frame_size > 0 {
                    self.code.extend([
                        Instruction::LocalGet(self.frame_local),
                        Instruction::I32Const(function.frame_size as i32),
                        Instruction::I32Add,
                        Instruction::GlobalSet(STACK_POINTER),
                    ]);
                }
                self.code.push(Instruction::Return);
            }
            End::Unreachable => {
                self.at(of.end_position);
                self.code.push(Instruction::Unreachable);
            }
        }
    }

    fn branch(&mut self, from: BlockId, condition: Value, then: &Edge, otherwise: &Edge) {
        self.value(condition);
        self.at(self.function.blocks[from.index()].end_position);
        if self.is_plain_jump(from, then) {
            let depth = self.depth(self.label_of(from, then.block));
            self.code.push(Instruction::BrIf(depth));
            self.tasks.push(Task::Way(from, otherwise.clone()));
        } else if self.is_plain_jump(from, otherwise) {
            let depth = self.depth(self.label_of(from, otherwise.block));
            self.code.extend([Instruction::I32Eqz, Instruction::BrIf(depth)]);
            self.tasks.push(Task::Way(from, then.clone()));
        } else {
            self.code.push(Instruction::If(BlockType::Empty));
            self.labels.push(Label::If);
            self.tasks.push(Task::EndIf);
            self.tasks.push(Task::Way(from, otherwise.clone()));
            self.tasks.push(Task::Else);
            self.tasks.push(Task::Way(from, then.clone()));
        }
    }

    fn is_jump(&self, from: BlockId, to: BlockId) -> bool {
        self.graph.is_back_edge(from, to) || self.is_merge[to.index()]
    }

    /// Whether the way needs nothing but a jump.
    fn is_plain_jump(&self, from: BlockId, edge: &Edge) -> bool {
        self.is_jump(from, edge.block) && self.moves(edge).is_empty()
    }

    fn label_of(&self, from: BlockId, to: BlockId) -> Label {
        if self.graph.is_back_edge(from, to) { Label::Loop(to) } else { Label::Before(to) }
    }

    fn depth(&self, label: Label) -> u32 {
        let found = self.labels.iter().rev().position(|it| *it == label);
        found.expect("what a block leads to is around it") as u32
    }

    fn way(&mut self, from: BlockId, edge: &Edge) {
        let moves = self.moves(edge);
        // All are read before the first is written.
        moves.iter().for_each(|(arg, _)| self.value(*arg));
        moves.iter().rev().for_each(|(_, local)| self.code.push(Instruction::LocalSet(*local)));
        if !self.is_jump(from, edge.block) {
            self.tasks.push(Task::Tree(edge.block));
        } else if !self.falls_to(self.label_of(from, edge.block)) {
            let depth = self.depth(self.label_of(from, edge.block));
            self.code.push(Instruction::Br(depth));
        }
    }

    /// Arguments and the locals of their parameters, where these differ.
    fn moves(&self, edge: &Edge) -> Vec<(Value, u32)> {
        let params = &self.function.blocks[edge.block.index()].params;
        let moves = params.iter().zip(&edge.args).filter(|(param, _)| self.has_local(**param));
        let moves = moves.map(|(param, arg)| (*arg, self.locals.of[param.index()]));
        moves.filter(|(arg, local)| !(self.has_local(*arg) && self.locals.of[arg.index()] == *local)).collect()
    }

    fn has_local(&self, value: Value) -> bool {
        self.stack.placement[value.index()] == Placement::Local
    }

    /// Whether what is emitted next follows that label anyway.
    fn falls_to(&self, label: Label) -> bool {
        let mut tasks = self.tasks.iter().rev();
        loop {
            match tasks.next() {
                // The other way of an `if` is passed over.
                Some(Task::Else) => drop(tasks.next()),
                Some(Task::EndIf | Task::EndLoop) => {}
                Some(Task::EndBlock(merge)) => return label == Label::Before(*merge),
                _ => return false,
            }
        }
    }

    fn is_again(&self, inst: &Inst) -> bool {
        inst.results.first().is_some_and(|it| self.stack.placement[it.index()] == Placement::Again)
    }

    /// Brings a value onto the operand stack.
    fn value(&mut self, value: Value) {
        if self.has_local(value) {
            let local = self.locals.of[value.index()];
            // What was just put there is kept on the stack as well.
            if matches!(self.code.last(), Some(Instruction::LocalSet(it)) if *it == local) {
                self.code.pop();
                self.code.push(Instruction::LocalTee(local));
            } else {
                self.code.push(Instruction::LocalGet(local));
            }
            return;
        }
        let (block, index) = self.defined[value.index()].expect("parameters that are used have locals");
        let function = self.function;
        self.inst(&function.blocks[block].insts[index]);
    }

    /// Puts the results of a single instruction where they belong.
    fn set_results(&mut self, inst: &Inst) {
        for result in inst.results.iter().rev() {
            self.code.push(if self.has_local(*result) {
                Instruction::LocalSet(self.locals.of[result.index()])
            } else {
                Instruction::Drop
            });
        }
    }

    /// Arguments and operator; the results are left on the operand stack.
    fn inst(&mut self, inst: &Inst) {
        if let Op::Load { access, offset } | Op::Store { access, offset } = inst.op {
            self.memory_access(inst, access, offset);
            return;
        }
        if let Op::Set(variable) = inst.op {
            self.set(variable, inst);
            return;
        }
        if let Op::CallCatching(func) = inst.op {
            return self.call_catching(func);
        }
        inst.args.iter().for_each(|arg| self.value(*arg));
        self.at(inst.position);
        let instruction = match &inst.op {
            Op::Const(Const::I32(value)) => Instruction::I32Const(*value),
            Op::Const(Const::I64(value)) => Instruction::I64Const(*value),
            Op::Const(Const::F32(bits)) => Instruction::F32Const(Ieee32::new(*bits)),
            Op::Const(Const::F64(bits)) => Instruction::F64Const(Ieee64::new(*bits)),
            Op::Numeric(numeric) => numeric.instruction(),
            Op::Select => Instruction::Select,
            Op::MemoryCopy => Instruction::MemoryCopy { src_mem: 0, dst_mem: 0 },
            Op::MemoryFill => Instruction::MemoryFill(0),
            Op::MemoryGrow => Instruction::MemoryGrow(0),
            Op::MemorySize => Instruction::MemorySize(0),
            Op::Frame(offset) => {
                self.code.push(Instruction::LocalGet(self.frame_local));
                if *offset == 0 {
                    return;
                }
                self.code.push(Instruction::I32Const(*offset as i32));
                Instruction::I32Add
            }
            Op::HeapBase => Instruction::I32Const(self.module.stack_end() as i32),
            Op::Call(func) => Instruction::Call(self.numbering.func(*func)),
            Op::CallIndirect(signature) => {
                Instruction::CallIndirect { type_index: self.numbering.signature(signature), table_index: 0 }
            }
            Op::Retain(_) | Op::Release(_) | Op::Pin(_) => return self.count(&inst.op),
            Op::Get(variable) => Instruction::LocalGet(self.locals.of_variables[variable.0 as usize]),
            Op::Throw => Instruction::Throw(0),
            Op::Load { .. } | Op::Store { .. } | Op::Set(_) | Op::CallCatching(_) => unreachable!("handled above"),
        };
        self.code.push(instruction);
    }

    /// Calls what counts. Static data, where most buffers are that are not in the heap, is
    /// recognized here.
    fn count(&mut self, op: &Op) {
        let func = self.module.counting.function(op).expect("lowering makes it where something is counted");
        let call = [Instruction::I64ExtendI32U, Instruction::Call(self.numbering.func(func))];
        if !is_of_buffer(op) {
            self.code.extend(call);
            self.code.extend(matches!(op, Op::Retain(_)).then_some(Instruction::Drop));
            return;
        }
        self.code.extend([
            Instruction::LocalTee(self.buffer_local),
            Instruction::I32Const(self.module.stack_end() as i32),
            Instruction::I32GtU,
            Instruction::If(BlockType::Empty),
            Instruction::LocalGet(self.buffer_local),
        ]);
        self.code.extend(call);
        self.code.push(Instruction::End);
        self.code.extend(matches!(op, Op::Pin(_)).then_some(Instruction::LocalGet(self.buffer_local)));
    }

    /// The result of a call, or 1 after an exception, which has left frames on the shadow stack.
    fn call_catching(&mut self, func: FuncId) {
        let result = BlockType::Result(ValType::I32);
        self.code.extend([
            Instruction::Block(result),
            Instruction::Block(BlockType::Empty),
            Instruction::TryTable(result, Cow::Owned(vec![Catch::One { tag: 0, label: 0 }])),
            Instruction::Call(self.numbering.func(func)),
            Instruction::End,
            Instruction::Br(1),
            Instruction::End,
        ]);
        self.code.push(match self.function.frame_size {
            0 => Instruction::I32Const(self.module.stack_end() as i32),
            _ => Instruction::LocalGet(self.frame_local),
        });
        self.code.extend([Instruction::GlobalSet(STACK_POINTER), Instruction::I32Const(1), Instruction::End]);
    }

    /// A parameter that is a local of the source already is where it belongs.
    fn set(&mut self, variable: Variable, inst: &Inst) {
        let (local, value) = (self.locals.of_variables[variable.0 as usize], inst.args[0]);
        if !(self.has_local(value) && self.locals.of[value.index()] == local) {
            self.value(value);
            self.at(inst.position);
            self.code.push(Instruction::LocalSet(local));
        }
    }

    /// An address in the frame is the frame's address with a larger offset.
    fn memory_access(&mut self, inst: &Inst, access: Access, offset: u32) {
        let address = inst.args[0];
        let of_frame = self.defined[address.index()].and_then(|(block, index)| {
            match self.function.blocks[block].insts[index].op {
                Op::Frame(frame_offset) => Some(frame_offset),
                _ => None,
            }
        });
        match of_frame {
            Some(_) => self.code.push(Instruction::LocalGet(self.frame_local)),
            None => self.value(address),
        }
        let offset = u64::from(offset) + u64::from(of_frame.unwrap_or(0));
        let at = |align| MemArg { offset, align, target: MemArgTarget::Memory(0), ordering: None };
        let is_store = inst.results.is_empty();
        if is_store {
            self.value(inst.args[1]);
        }
        self.at(inst.position);
        let instruction = match (access, is_store) {
            (Access::I8, false) => Instruction::I32Load8S(at(0)),
            (Access::U8, false) => Instruction::I32Load8U(at(0)),
            (Access::I16, false) => Instruction::I32Load16S(at(0)),
            (Access::U16, false) => Instruction::I32Load16U(at(0)),
            (Access::I32 | Access::Pointer, false) => Instruction::I32Load(at(0)),
            (Access::I64, false) => Instruction::I64Load(at(0)),
            (Access::F32, false) => Instruction::F32Load(at(0)),
            (Access::F64, false) => Instruction::F64Load(at(0)),
            (Access::I8 | Access::U8, true) => Instruction::I32Store8(at(0)),
            (Access::I16 | Access::U16, true) => Instruction::I32Store16(at(0)),
            (Access::I32, true) => Instruction::I32Store(at(0)),
            (Access::I64, true) => Instruction::I64Store(at(0)),
            (Access::F32, true) => Instruction::F32Store(at(0)),
            (Access::F64, true) => Instruction::F64Store(at(0)),
            (Access::Pointer, true) => {
                self.code.push(Instruction::I64ExtendI32U);
                Instruction::I64Store(at(0))
            }
        };
        self.code.push(instruction);
    }

    fn finish(mut self) -> Emitted {
        match self.code.last() {
            // Falling off the end returns.
            Some(Instruction::Return) => drop(self.code.pop()),
            Some(Instruction::Unreachable | Instruction::Br(_) | Instruction::BrTable(..)) => {}
            // The validator does not see that this is never reached.
            _ => self.code.push(Instruction::Unreachable),
        }
        self.code.push(Instruction::End);
        let declared = self.locals.declared.iter().map(|ty| val_type(*ty));
        let mut function = wasm_encoder::Function::new_with_locals_types(declared);
        let mut places = Vec::with_capacity(self.places.len());
        let mut next = self.places.iter().peekable();
        for (number, instruction) in self.code.iter().enumerate() {
            if let Some((_, position)) = next.next_if(|(from, _)| *from == number) {
                places.push((function.byte_len(), *position));
            }
            function.instruction(instruction);
        }
        let described = self.function.described.iter().map(|it| self.located(it)).collect();
        Emitted { function, places, names: self.locals.names, described }
    }
}

impl<N> Emitter<'_, N> {
    /// A local of the source, where it is in the end.
    fn located(&self, described: &Described<Place>) -> Described<Location> {
        let Described { name, shape, is_param, scope, place } = described.clone();
        let place = match place {
            Place::Parts(parts) => {
                let local = |variable: Variable| self.locals.of_variables[variable.0 as usize];
                Location::Parts(parts.into_iter().map(|(variable, part)| (local(variable), part)).collect())
            }
            Place::Frame(offset) => Location::Memory { local: self.frame_local, offset },
            Place::Behind(address) => Location::Memory { local: address.0, offset: 0 },
        };
        Described { name, shape, is_param, scope, place }
    }
}

/// The same type in the encoder's words.
pub fn val_type(ty: Type) -> ValType {
    match ty {
        Type::I32 => ValType::I32,
        Type::I64 => ValType::I64,
        Type::F32 => ValType::F32,
        Type::F64 => ValType::F64,
    }
}
