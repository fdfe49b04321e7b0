//! One function of the program: its state while it is lowered, its parameters and locals, its ends.

use super::repr::{Leaf, LeafKind};
use super::scope::{Cleanup, Scope};
use super::{FuncKey, Lowering};
use crate::cot::ir::build::Builder;
use crate::cot::ir::numeric::Numeric;
use crate::cot::ir::variables::Extent;
use crate::cot::ir::{
    Access, BlockId, Const, End, FuncId, Function, NamedVariable, Op, Position, Signature, Value, Variable,
};
use crate::cot::source::Span;
use crate::cot::typed::{self, FunctionId, LocalId, LoopId, Ownership};
use crate::cot::types::{Type, TypeId, Types};
use std::collections::HashMap;
use std::rc::Rc;

/// Where the value of a local is.
#[derive(Clone, Debug)]
pub enum Storage {
    /// One variable per leaf.
    Variables(Vec<Variable>),
    /// In the frame, at this offset.
    Frame(u32),
    /// At an address that the caller gave.
    Address(Value),
}

/// A place in memory.
#[derive(Copy, Clone, Debug)]
pub struct Address {
    pub base: Value,
    pub offset: u32,
}

/// A value during lowering.
#[derive(Clone, Debug)]
pub struct Operand {
    pub data: Data,
    /// Its strong references belong to whoever has the operand; else to someone who outlives the
    /// statement.
    pub owned: bool,
}

#[derive(Clone, Debug)]
pub enum Data {
    Leaves(Vec<Value>),
    /// It lies at this address.
    Memory(Value),
}

pub struct Loop {
    pub on_break: BlockId,
    pub on_continue: BlockId,
    /// How many scopes are around the loop.
    pub n_scopes: usize,
}

/// A function in work.
pub struct Body<'a, 'p> {
    pub lowering: &'a mut Lowering<'p>,
    pub b: Builder,
    /// None in functions that the compiler makes up.
    pub function: Option<&'p typed::Function>,
    pub storage: Vec<Option<Storage>>,
    pub scopes: Vec<Scope<'p>>,
    pub loops: HashMap<LoopId, Loop>,
    /// Where a result in memory goes.
    pub result_address: Option<Value>,
    pub is_test: bool,
    /// Whether accesses are checked.
    pub checks: bool,
    /// Whether it belongs to the prelude.
    pub is_prelude: bool,
    /// Of the locals that are declared next, as debuggers are told.
    pub scope_of_locals: Option<Extent>,
}

/// Lowers a function of the source.
pub fn lower(lowering: &mut Lowering, id: FunctionId, name: String, signature: Signature) -> Function {
    let function = &lowering.program.functions[id.0 as usize];
    let checks = !lowering.options.release && !lowering.unchecked.contains(&id);
    let is_prelude = lowering.unchecked.contains(&id);
    let is_test = lowering.is_test(id);
    let mut body = Body::new(lowering, name, signature);
    (body.function, body.checks, body.is_test, body.is_prelude) = (Some(function), checks, is_test, is_prelude);
    body.storage = vec![None; function.locals.len()];
    body.scopes.push(Scope::default());
    body.set_position(function.span);
    body.b.function.position = body.b.position();
    body.receive(function);
    body.block_statements(&function.body);
    body.set_position(function.body.end);
    body.fall_off_end(function);
    body.b.finish()
}

impl<'a, 'p> Body<'a, 'p> {
    pub fn new(lowering: &'a mut Lowering<'p>, name: String, signature: Signature) -> Body<'a, 'p> {
        let b = Builder::new(name, signature);
        Body {
            lowering,
            b,
            function: None,
            storage: Vec::new(),
            scopes: Vec::new(),
            loops: HashMap::new(),
            result_address: None,
            is_test: false,
            checks: false,
            is_prelude: false,
            scope_of_locals: None,
        }
    }

    /// What follows is made of that place. Nobody has the files of the standard library that is
    /// built in: what is made of it has no place, or the one around it. Returns the place before.
    pub fn set_position(&mut self, span: Span) -> Option<Position> {
        let is_file = self.lowering.sources.get(span.file).path.is_some();
        let position = Position { file: span.file, offset: span.start };
        self.b.set_position(if is_file { Some(position) } else { self.b.position() })
    }

    pub fn types(&self) -> &'p Types {
        &self.lowering.program.types
    }

    pub fn leaves(&mut self, ty: TypeId) -> Option<Rc<[Leaf]>> {
        self.lowering.leaves(ty)
    }

    pub fn local(&self, id: LocalId) -> &'p typed::Local {
        &self.function.expect("only functions of the source have locals").locals[id.0 as usize]
    }

    /// Whether the local owns what it holds; a weak one owns the cell of its object.
    pub fn is_counted(&self, id: LocalId) -> bool {
        let local = self.local(id);
        local.ownership != Ownership::Raw && self.types().holds_managed(local.ty)
    }

    /// Takes the parameters and captures.
    fn receive(&mut self, function: &'p typed::Function) {
        let mut next = 0;
        let mut take = |body: &Self| {
            next += 1;
            body.b.param(next - 1)
        };
        let closure = (!function.captures.is_empty()).then(|| take(self));
        if self.leaves(function.result).is_none() {
            self.result_address = Some(take(self));
        }
        for index in 0..function.n_params {
            let local = LocalId(index as u32);
            let data = match self.leaves(function.locals[index].ty) {
                Some(leaves) => Data::Leaves(leaves.iter().map(|_| take(self)).collect()),
                None => Data::Memory(take(self)),
            };
            let first = match &data {
                Data::Leaves(values) => values.first().map(|value| value.0),
                Data::Memory(_) => None,
            };
            self.receive_param(local, data);
            self.share_params(local, first);
            if let Some(storage) = self.storage[index].clone() {
                self.describe_local(&function.locals[index], &storage, true);
            }
        }
        let Some(closure) = closure else { return };
        let offsets = self.lowering.capture_offsets(function);
        for (capture, offset) in function.captures.iter().zip(offsets) {
            let from = Address { base: closure, offset };
            let data = self.load(self.local(capture.inner).ty, from);
            self.receive_param(capture.inner, data);
        }
    }

    /// Lets a local of the source be where its leaves were given, from a parameter on.
    fn share_params(&mut self, local: LocalId, first: Option<u32>) {
        let (Some(Storage::Variables(variables)), Some(first)) = (&self.storage[local.0 as usize], first) else {
            return;
        };
        for named in &mut self.b.function.named {
            if let Some(at) = variables.iter().position(|variable| *variable == named.variable) {
                named.param = Some(first + at as u32);
            }
        }
    }

    /// Names the variables that a local of the source is.
    fn name_variables(&mut self, local: &typed::Local, variables: &[Variable]) {
        if !self.lowering.options.debug || local.name.is_empty() {
            return;
        }
        let is_slice = matches!(self.types().get(local.ty), Type::Slice(_));
        for (number, variable) in variables.iter().enumerate() {
            let part = ["ptr", "len", "cap"].get(number).filter(|_| is_slice);
            let name = match (variables.len(), part) {
                (1, _) => local.name.clone(),
                (_, Some(part)) => format!("{}.{part}", local.name),
                (_, None) => format!("{}.{number}", local.name),
            };
            self.b.function.named.push(NamedVariable { name, variable: *variable, param: None });
        }
    }

    /// The caller's value becomes a local: as it is, or as a copy if the function changes it.
    fn receive_param(&mut self, local: LocalId, data: Data) {
        let of = self.local(local);
        if !of.modified
            && !of.address_taken
            && let Data::Memory(address) = data
        {
            self.storage[local.0 as usize] = Some(Storage::Address(address));
            return;
        }
        let is_copy = of.modified || of.address_taken;
        let operand = Operand { data, owned: !is_copy };
        self.declare(local);
        let operand = if self.is_counted(local) { self.own(of.ty, operand) } else { operand };
        self.initialize(local, operand);
        if is_copy && self.is_counted(local) {
            self.add_cleanup(Cleanup::ReleaseLocal(local));
        }
    }

    /// Gives the local a place.
    pub fn declare(&mut self, id: LocalId) {
        let local = self.local(id);
        let in_memory = local.address_taken || local.destructor.is_some();
        let storage = match self.leaves(local.ty) {
            Some(leaves) if !in_memory => {
                let variables: Vec<_> = leaves.iter().map(|leaf| self.b.new_variable(leaf.ty())).collect();
                self.name_variables(local, &variables);
                Storage::Variables(variables)
            }
            _ => Storage::Frame(self.frame_slot(local.ty)),
        };
        let is_param = self.function.is_some_and(|function| (id.0 as usize) < function.n_params);
        if !is_param {
            self.describe_local(local, &storage, false);
        }
        self.storage[id.0 as usize] = Some(storage);
    }

    /// Space for a value in the frame.
    pub fn frame_slot(&mut self, ty: TypeId) -> u32 {
        let size = self.lowering.size(ty);
        if self.b.function.frame_size.checked_add(size).is_none_or(|end| end > i32::MAX as u32) {
            self.lowering.too_large();
            return 0;
        }
        self.b.frame_slot(size)
    }

    /// First store to a local; the operand's counts become the local's.
    pub fn initialize(&mut self, id: LocalId, operand: Operand) {
        let ty = self.local(id).ty;
        match self.storage[id.0 as usize].clone().expect("the local was declared") {
            Storage::Variables(variables) => {
                let Data::Leaves(values) = operand.data else { unreachable!("a value with leaves comes as leaves") };
                for (variable, value) in variables.into_iter().zip(values) {
                    self.b.set(variable, value);
                }
            }
            Storage::Frame(offset) => {
                let base = self.b.frame(offset);
                self.store(ty, Address { base, offset: 0 }, &operand.data);
            }
            Storage::Address(_) => unreachable!("only parameters are used in place"),
        }
    }

    /// Copies a value from memory into leaves, or says where it lies.
    pub fn load(&mut self, ty: TypeId, from: Address) -> Data {
        let Some(leaves) = self.leaves(ty) else { return Data::Memory(self.address_value(from)) };
        Data::Leaves(leaves.iter().map(|leaf| self.load_leaf(*leaf, from)).collect())
    }

    fn load_leaf(&mut self, leaf: Leaf, from: Address) -> Value {
        let offset = from.offset + leaf.offset;
        match leaf.kind {
            LeafKind::Plain(access) => self.b.load(access, from.base, offset),
            LeafKind::ErrorCode => {
                let tag = self.b.load(Access::Pointer, from.base, offset);
                let number = self.b.load(Access::Pointer, from.base, offset + 8);
                let one = self.b.i32(1);
                let code = self.b.numeric(Numeric::I32Add, &[number, one]);
                let zero = self.b.i32(0);
                self.b.select(code, zero, tag)
            }
        }
    }

    /// Writes a value to memory, without counting.
    pub fn store(&mut self, ty: TypeId, to: Address, data: &Data) {
        match (self.leaves(ty), data) {
            (Some(leaves), Data::Leaves(values)) => {
                // Number and payload of an error union share a place: the number comes last, if
                // there is one.
                for pass in [false, true] {
                    for (leaf, value) in leaves.iter().zip(values) {
                        if (leaf.kind == LeafKind::ErrorCode) == pass {
                            self.store_leaf(*leaf, to, *value);
                        }
                    }
                }
            }
            (None, Data::Memory(from)) => {
                let size = self.lowering.size(ty);
                self.copy_memory(to, Address { base: *from, offset: 0 }, size);
            }
            _ => unreachable!("a type has one representation"),
        }
    }

    fn store_leaf(&mut self, leaf: Leaf, to: Address, value: Value) {
        let offset = to.offset + leaf.offset;
        let LeafKind::Plain(access) = leaf.kind else {
            let zero = self.b.i32(0);
            let tag = self.b.numeric(Numeric::I32Ne, &[value, zero]);
            self.b.store(Access::Pointer, to.base, offset, tag);
            let (failed, done) = (self.b.new_block(), self.b.new_block());
            self.b.branch(tag, failed, done);
            self.b.switch_to(failed);
            let one = self.b.i32(1);
            let number = self.b.numeric(Numeric::I32Sub, &[value, one]);
            self.b.store(Access::Pointer, to.base, offset + 8, number);
            self.b.jump(done);
            self.b.switch_to(done);
            return;
        };
        self.b.store(access, to.base, offset, value);
    }

    /// Small ones word by word.
    pub fn copy_memory(&mut self, to: Address, from: Address, size: u32) {
        const MAX_WORDS: u32 = 8;
        if size == 0 {
            return;
        }
        if size.is_multiple_of(8) && size / 8 <= MAX_WORDS {
            // All are read first: the two may overlap.
            let words: Vec<_> =
                (0..size).step_by(8).map(|at| self.b.load(Access::I64, from.base, from.offset + at)).collect();
            for (index, word) in words.into_iter().enumerate() {
                self.b.store(Access::I64, to.base, to.offset + 8 * index as u32, word);
            }
            return;
        }
        let (to, from) = (self.address_value(to), self.address_value(from));
        let size = self.b.i32(size as i32);
        self.b.push(Op::MemoryCopy, vec![to, from, size], &[]);
    }

    pub fn zero_memory(&mut self, at: Address, size: u32) {
        const MAX_WORDS: u32 = 8;
        if size.is_multiple_of(8) && size / 8 <= MAX_WORDS {
            let zero = self.b.i64(0);
            (0..size).step_by(8).for_each(|more| self.b.store(Access::I64, at.base, at.offset + more, zero));
            return;
        }
        let at = self.address_value(at);
        let (zero, size) = (self.b.i32(0), self.b.i32(size as i32));
        self.b.push(Op::MemoryFill, vec![at, zero, size], &[]);
    }

    /// The address as one value.
    pub fn address_value(&mut self, address: Address) -> Value {
        if address.offset == 0 {
            return address.base;
        }
        let offset = self.b.i32(address.offset as i32);
        self.b.numeric(Numeric::I32Add, &[address.base, offset])
    }

    /// A value with all bytes zero.
    pub fn zeros(&mut self, ty: TypeId) -> Option<Vec<Value>> {
        let leaves = self.leaves(ty)?;
        Some(leaves.iter().map(|leaf| self.b.constant(Const::zero(leaf.ty()))).collect())
    }

    /// Calls a function of the prelude with values as they are.
    pub fn prelude(&mut self, name: &str, args: Vec<Value>) -> Vec<Value> {
        let func = self.lowering.prelude(name);
        self.call_func(func, args)
    }

    pub fn call_func(&mut self, func: FuncId, args: Vec<Value>) -> Vec<Value> {
        let results = self.lowering.module.signature(func).results.clone();
        self.b.call(func, args, &results)
    }

    /// An address as the prelude takes it.
    pub fn widen(&mut self, address: Value) -> Value {
        self.b.numeric(Numeric::I64ExtendI32U, &[address])
    }

    /// An address or small number that the prelude gave.
    pub fn narrow(&mut self, value: Value) -> Value {
        self.b.numeric(Numeric::I32WrapI64, &[value])
    }

    /// Leaves the function with this result, whose counts go to the caller. Scopes have been left.
    pub fn return_values(&mut self, mut values: Vec<Value>) {
        if self.is_test {
            values.push(self.b.i32(0));
        }
        self.b.end(End::Return(values));
    }

    fn fall_off_end(&mut self, function: &'p typed::Function) {
        if self.b.is_ended() {
            return;
        }
        if let Some(success) = self.success_of_void(function.result) {
            self.leave_scopes(0, None);
            match self.result_address {
                Some(_) => unreachable!("an error union of void has leaves"),
                None => self.return_values(success),
            }
        } else {
            self.b.end(End::Unreachable);
        }
    }

    /// The result of a function that falls off its end, where it may.
    pub fn success_of_void(&mut self, result: TypeId) -> Option<Vec<Value>> {
        match self.types().get(result) {
            Type::Void => Some(Vec::new()),
            Type::ErrorUnion { payload: TypeId::VOID, .. } => Some(vec![self.b.i32(0)]),
            _ => None,
        }
    }

    pub fn call_key(&mut self, key: FuncKey, args: Vec<Value>) -> Vec<Value> {
        let func = self.lowering.func(key);
        self.call_func(func, args)
    }
}
