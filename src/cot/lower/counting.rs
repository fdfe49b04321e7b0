//! Retains and releases: of single references, of the leaves of a value, of all that a value in
//! memory holds (by a function per type), and of what an object holds when it dies.

use super::function::{Address, Body, Data, Operand};
use super::{FuncKey, Lowering};
use crate::cot::ir::numeric::Numeric;
use crate::cot::ir::{Access, Counted, End, Function, Op, Pinned, Signature, Type as WasmType, Value};
use crate::cot::typed::{self, FunctionId};
use crate::cot::types::{Type, TypeId, Types};

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Direction {
    Retain,
    Release,
    /// Of buffers only: a copy that nobody counts keeps them.
    Keep,
}

impl Body<'_, '_> {
    pub fn retain_value(&mut self, (value, counted): (Value, Counted)) {
        self.push_count(Op::Retain(counted), value);
    }

    pub fn release_value(&mut self, (value, counted): (Value, Counted)) {
        self.push_count(Op::Release(counted), value);
    }

    /// An address that is used as a number or raw pointer: what it leads to stays. The prelude
    /// knows what it does.
    pub fn pin(&mut self, value: Value, pinned: Pinned) -> Value {
        if self.is_prelude {
            return value;
        }
        let op = Op::Pin(pinned);
        self.lowering.need_counting(&op);
        self.b.push(op, vec![value], &[WasmType::I32])[0]
    }

    fn push_count(&mut self, op: Op, value: Value) {
        self.lowering.need_counting(&op);
        self.b.push(op, vec![value], &[]);
    }

    /// The same value with counts of its own. Of a value in memory the place itself gets them: it
    /// must be a copy.
    pub fn own(&mut self, ty: TypeId, operand: Operand) -> Operand {
        if operand.owned || !self.types().holds_managed(ty) {
            return Operand { owned: true, ..operand };
        }
        match &operand.data {
            Data::Leaves(values) => {
                self.counted(ty, values).into_iter().for_each(|it| self.retain_value(it));
            }
            Data::Memory(base) => self.retain_memory(ty, Address { base: *base, offset: 0 }),
        }
        Operand { owned: true, ..operand }
    }

    /// Gives up the counts of a value.
    pub fn release_operand(&mut self, ty: TypeId, data: &Data) {
        match data {
            Data::Leaves(values) => {
                self.counted(ty, values).into_iter().for_each(|it| self.release_value(it));
            }
            Data::Memory(base) => self.release_memory(ty, Address { base: *base, offset: 0 }),
        }
    }

    pub fn retain_memory(&mut self, ty: TypeId, at: Address) {
        self.count_memory(ty, at, Direction::Retain);
    }

    pub fn release_memory(&mut self, ty: TypeId, at: Address) {
        self.count_memory(ty, at, Direction::Release);
    }

    /// Few references in known places are counted here, others by a function.
    fn count_memory(&mut self, ty: TypeId, at: Address, direction: Direction) {
        let is_held = match direction {
            Direction::Keep => self.types().holds_buffer(ty),
            Direction::Retain | Direction::Release => self.types().holds_managed(ty),
        };
        if !is_held {
            return;
        }
        if let Some(leaves) = self.leaves(ty) {
            for (leaf, counted) in leaves.iter().filter_map(|leaf| Some((leaf, leaf.counted?))) {
                let value = self.b.load(Access::Pointer, at.base, at.offset + leaf.offset);
                self.count((value, counted), direction);
            }
            return;
        }
        let key = match direction {
            Direction::Retain => FuncKey::RetainAll(ty),
            Direction::Release => FuncKey::ReleaseAll(ty),
            Direction::Keep => FuncKey::KeepAll(ty),
        };
        let address = self.address_value(at);
        self.call_key(key, vec![address]);
    }

    fn count(&mut self, value: (Value, Counted), direction: Direction) {
        match direction {
            Direction::Retain => self.retain_value(value),
            Direction::Release => self.release_value(value),
            Direction::Keep if value.1 == Counted::Buffer => self.retain_value(value),
            Direction::Keep => {}
        }
    }

    /// A copy of a value lies where nothing is counted: the buffers in it stay. Those of an owned
    /// value are the place's from now on.
    pub fn keep_buffers(&mut self, ty: TypeId, operand: &Operand) {
        if operand.owned || !self.types().holds_buffer(ty) {
            return;
        }
        match &operand.data {
            Data::Leaves(values) => {
                let counted = self.counted(ty, values);
                counted.into_iter().for_each(|it| self.count(it, Direction::Keep));
            }
            Data::Memory(base) => self.count_memory(ty, Address { base: *base, offset: 0 }, Direction::Keep),
        }
    }

    /// The parts of a value at an address.
    fn count_parts(&mut self, ty: TypeId, at: Address, direction: Direction) {
        let types = self.types();
        let part = |body: &mut Self, ty: TypeId, offset: u64| {
            let part = Address { base: at.base, offset: at.offset + offset as u32 };
            body.count_memory(ty, part, direction);
        };
        match types.get(ty) {
            Type::Struct(index) => {
                let fields = &types.structs[index.0 as usize].fields;
                for (index, field) in fields.iter().enumerate() {
                    part(self, field.ty, types.field_offset(ty, index));
                }
            }
            Type::Tuple(elements) => {
                for (index, element) in elements.iter().enumerate() {
                    part(self, *element, types.field_offset(ty, index));
                }
            }
            Type::Array { element, length } => self.count_elements(*element, *length, at, direction),
            Type::Optional(of) => {
                let tag = self.b.load(Access::Pointer, at.base, at.offset);
                self.when(tag, |body| part(body, *of, Types::PAYLOAD_OFFSET));
            }
            Type::ErrorUnion { payload, .. } => {
                let tag = self.b.load(Access::Pointer, at.base, at.offset);
                self.unless(tag, |body| part(body, *payload, Types::PAYLOAD_OFFSET));
            }
            Type::Union(index) => {
                let tag = self.b.load(Access::Pointer, at.base, at.offset);
                for (index, variant) in types.unions[index.0 as usize].variants.iter().enumerate() {
                    if types.holds_managed(variant.payload) {
                        let index = self.b.i32(index as i32);
                        let is_active = self.b.numeric(Numeric::I32Eq, &[tag, index]);
                        self.when(is_active, |body| part(body, variant.payload, Types::PAYLOAD_OFFSET));
                    }
                }
            }
            _ => part(self, ty, 0),
        }
    }

    fn count_elements(&mut self, element: TypeId, length: u64, at: Address, direction: Direction) {
        let size = self.lowering.size(element);
        let start = self.address_value(at);
        let total = self.b.i32((length as u32).wrapping_mul(size) as i32);
        let end = self.b.numeric(Numeric::I32Add, &[start, total]);
        self.count_between(element, start, end, direction);
    }

    /// Elements from an address up to another one.
    fn count_between(&mut self, element: TypeId, start: Value, end: Value, direction: Direction) {
        let size = self.lowering.size(element);
        let cursor = self.b.new_variable(crate::cot::ir::Type::I32);
        self.b.set(cursor, start);
        let (head, body, done) = (self.b.new_block(), self.b.new_block(), self.b.new_block());
        self.b.jump(head);
        self.b.switch_to(head);
        let current = self.b.get(cursor);
        let is_left = self.b.numeric(Numeric::I32LtU, &[current, end]);
        self.b.branch(is_left, body, done);
        self.b.switch_to(body);
        self.count_memory(element, Address { base: current, offset: 0 }, direction);
        let step = self.b.i32(size as i32);
        let next = self.b.numeric(Numeric::I32Add, &[current, step]);
        self.b.set(cursor, next);
        self.b.jump(head);
        self.b.switch_to(done);
    }
}

impl Lowering<'_> {
    /// The function that retains or releases all that a value holds.
    pub fn lower_count_all(
        &mut self,
        ty: TypeId,
        name: String,
        signature: Signature,
        direction: Direction,
    ) -> Function {
        let mut body = Body::new(self, name, signature);
        let base = body.b.param(0);
        body.count_parts(ty, Address { base, offset: 0 }, direction);
        body.b.end(End::Return(Vec::new()));
        body.b.finish()
    }

    /// The function that releases the elements of a buffer, which fill its block; what is behind
    /// them is zero.
    pub fn lower_release_elements(&mut self, element: TypeId, name: String, signature: Signature) -> Function {
        let mut body = Body::new(self, name, signature);
        let base = body.b.param(0);
        let size = body.lowering.size(element).max(1);
        let header = body.b.i32(16);
        let block = body.b.numeric(Numeric::I32Sub, &[base, header]);
        let total = body.b.load(Access::I32, block, 0);
        // Of a block that is looked for, its last words say what it is.
        let rest = body.b.i32(if body.lowering.options.leaks { 16 + 32 } else { 16 });
        let room = body.b.numeric(Numeric::I32Sub, &[total, rest]);
        let step = body.b.i32(size as i32);
        let length = body.b.numeric(Numeric::I32DivU, &[room, step]);
        let all = body.b.numeric(Numeric::I32Mul, &[length, step]);
        let end = body.b.numeric(Numeric::I32Add, &[base, all]);
        body.count_between(element, base, end, Direction::Release);
        body.b.end(End::Return(Vec::new()));
        body.b.finish()
    }

    /// What runs first on the last release of an object: its destructor, whatever that returns.
    pub fn lower_destructor(&mut self, id: FunctionId, name: String, signature: Signature) -> Function {
        let mut body = Body::new(self, name, signature);
        let base = body.b.param(0);
        body.destroy_value(id, base);
        body.b.end(End::Return(Vec::new()));
        body.b.finish()
    }

    pub fn lower_closure_destructor(&mut self, id: FunctionId, name: String, signature: Signature) -> Function {
        let function = &self.program.functions[id.0 as usize];
        let offsets = self.capture_offsets(function);
        let mut body = Body::new(self, name, signature);
        let base = body.b.param(0);
        for (capture, offset) in function.captures.iter().zip(offsets) {
            let local = &function.locals[capture.inner.0 as usize];
            if is_counted_capture(local) {
                body.release_memory(local.ty, Address { base, offset });
            }
        }
        body.b.end(End::Return(Vec::new()));
        body.b.finish()
    }

    /// Where the captures of a closure lie in its object, after the index of its function.
    pub fn capture_offsets(&self, function: &typed::Function) -> Vec<u32> {
        let mut next = 8;
        let captured = function.captures.iter().map(|capture| &function.locals[capture.inner.0 as usize]);
        captured
            .map(|local| {
                let offset = next;
                next += self.size(local.ty).next_multiple_of(8);
                offset
            })
            .collect()
    }

    /// The metadata of buffers with elements of this type.
    pub fn buffer_metadata(&mut self, element: TypeId) -> u32 {
        let release = self.program.types.holds_managed(element).then(|| self.func(FuncKey::ReleaseElements(element)));
        self.type_record(None, release)
    }

    /// The metadata of objects with a value of this type.
    pub fn metadata(&mut self, ty: TypeId) -> u32 {
        let destructor = self.program.destructors.get(&ty).copied();
        let destructor = destructor.map(|id| self.func(FuncKey::Destructor(id)));
        let release = self.program.types.holds_managed(ty).then(|| self.func(FuncKey::ReleaseAll(ty)));
        self.type_record(destructor, release)
    }
}

/// Whether a closure owns what it captured in this local.
pub fn is_counted_capture(local: &typed::Local) -> bool {
    local.ownership != typed::Ownership::Raw
}
