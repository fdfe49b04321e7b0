//! Expressions: to leaves, to an address, or into a place that waits for the value.

use super::FuncKey;
use super::counting::is_counted_capture;
use super::function::{Address, Body, Data, Operand};
use super::place::Target;
use super::repr::scalar;
use super::scope::{Cleanup, Join, Moved, Outcome};
use crate::cot::ir::numeric::Numeric;
use crate::cot::ir::{Access, Const, Value};
use crate::cot::typed::{Block, Condition, Expression, ExpressionKind, FunctionId, LocalId, PlaceKind};
use crate::cot::types::{Type, TypeId, Types};

impl<'p> Body<'_, 'p> {
    /// The value, as leaves or where it lies. A value in memory that is not owned may be a place of the program.
    pub fn expr(&mut self, expression: &'p Expression) -> Operand {
        if self.leaves(expression.ty).is_some() {
            return self.expr_leaves(expression);
        }
        match &expression.kind {
            ExpressionKind::Load(place) => self.read_place(place),
            ExpressionKind::Unwrap(value) => self.unwrap(value, expression),
            ExpressionKind::Try(value) => self.try_(value),
            _ => {
                let offset = self.frame_slot(expression.ty);
                let base = self.b.frame(offset);
                self.expr_into(expression, Address { base, offset: 0 });
                Operand { data: Data::Memory(base), owned: true }
            }
        }
    }

    /// Leaves for use within the statement.
    pub fn leaves_of(&mut self, expression: &'p Expression) -> Vec<Value> {
        let operand = self.expr(expression);
        let Data::Leaves(values) = operand.data else { unreachable!("the type has leaves") };
        if operand.owned {
            self.keep_until_end(expression.ty, &values);
        }
        values
    }

    /// The only leaf, for use within the statement.
    pub fn scalar(&mut self, expression: &'p Expression) -> Value {
        let values = self.leaves_of(expression);
        match values[..] {
            [value] => value,
            // Of an expression that never yields.
            _ => self.b.i32(0),
        }
    }

    /// Leaves whose counts belong to who asked.
    pub fn owned_leaves(&mut self, expression: &'p Expression) -> Vec<Value> {
        let operand = self.expr(expression);
        let operand = self.own(expression.ty, operand);
        let Data::Leaves(values) = operand.data else { unreachable!("the type has leaves") };
        values
    }

    /// The address of a value in memory, for use within the statement.
    pub fn address_of_value(&mut self, expression: &'p Expression) -> Value {
        let operand = self.expr(expression);
        let Data::Memory(address) = operand.data else { unreachable!("the type has no leaves") };
        if operand.owned && self.types().holds_managed(expression.ty) {
            self.keep_memory(expression.ty, address);
        }
        address
    }

    /// An owned temporary in memory is released at the end of the statement.
    pub fn keep_memory(&mut self, ty: TypeId, address: Value) {
        self.add_cleanup(Cleanup::ReleaseAt(ty, address));
    }

    pub fn discard(&mut self, expression: &'p Expression) {
        let operand = self.expr(expression);
        if operand.owned && self.types().holds_managed(expression.ty) {
            match operand.data {
                Data::Leaves(values) => self.keep_until_end(expression.ty, &values),
                Data::Memory(base) => self.release_memory(expression.ty, Address { base, offset: 0 }),
            }
        }
    }

    /// Puts the value there, with counts of its own. Nothing else knows the place yet.
    pub fn expr_into(&mut self, expression: &'p Expression, to: Address) {
        let ty = expression.ty;
        if self.leaves(ty).is_some() {
            let values = self.owned_leaves(expression);
            self.store(ty, to, &Data::Leaves(values));
            return;
        }
        match &expression.kind {
            ExpressionKind::Zero | ExpressionKind::Null => {
                let size = self.lowering.size(ty);
                self.zero_memory(to, size);
            }
            ExpressionKind::Struct(fields) => {
                for (index, value) in fields {
                    let offset = self.types().field_offset(ty, *index) as u32;
                    self.expr_into(value, Address { offset: to.offset + offset, ..to });
                }
            }
            ExpressionKind::Tuple(elements) => {
                for (index, value) in elements.iter().enumerate() {
                    let offset = self.types().field_offset(ty, index) as u32;
                    self.expr_into(value, Address { offset: to.offset + offset, ..to });
                }
            }
            ExpressionKind::Array(elements) => {
                for (index, value) in elements.iter().enumerate() {
                    let offset = index as u32 * self.lowering.size(value.ty);
                    self.expr_into(value, Address { offset: to.offset + offset, ..to });
                }
            }
            ExpressionKind::Union { variant, payload } => {
                let tag = self.b.i32(*variant as i32);
                self.b.store(Access::Pointer, to.base, to.offset, tag);
                if let Some(payload) = payload {
                    self.expr_into(payload, after_tag(to));
                }
            }
            ExpressionKind::Convert { conversion, value } => self.convert_into(*conversion, value, ty, to),
            ExpressionKind::Concat { left, right } => self.concat_arrays(left, right, to),
            ExpressionKind::Call { callee, arguments } => {
                self.call(callee, arguments, expression, Some(to));
            }
            ExpressionKind::Block(_)
            | ExpressionKind::If { .. }
            | ExpressionKind::Switch(_)
            | ExpressionKind::Catch { .. }
            | ExpressionKind::Orelse { .. } => {
                self.branching(expression, Some(to));
            }
            _ => {
                let operand = self.expr(expression);
                let Data::Memory(from) = operand.data else { unreachable!("the type has no leaves") };
                let size = self.lowering.size(ty);
                self.copy_memory(to, Address { base: from, offset: 0 }, size);
                if !operand.owned {
                    self.retain_memory(ty, to);
                }
            }
        }
    }

    fn expr_leaves(&mut self, expression: &'p Expression) -> Operand {
        let ty = expression.ty;
        let borrowed = |values: Vec<Value>| Operand { data: Data::Leaves(values), owned: false };
        let owned = |values: Vec<Value>| Operand { data: Data::Leaves(values), owned: true };
        match &expression.kind {
            ExpressionKind::Int(value) => {
                let constant = self.int_constant(ty, *value);
                borrowed(vec![self.b.constant(constant)])
            }
            ExpressionKind::Float(value) => {
                let constant = match scalar(self.types(), ty) {
                    Access::F32 => Const::F32((*value as f32).to_bits()),
                    _ => Const::F64(value.to_bits()),
                };
                borrowed(vec![self.b.constant(constant)])
            }
            ExpressionKind::Bool(value) => borrowed(vec![self.b.i32(i32::from(*value))]),
            ExpressionKind::String(id) => {
                let (address, length) = self.lowering.string(*id);
                borrowed(self.string_leaves(address, length))
            }
            ExpressionKind::Null | ExpressionKind::Zero => borrowed(self.zeros(ty).expect("the type has leaves")),
            ExpressionKind::Void => borrowed(Vec::new()),
            ExpressionKind::Error(id) => borrowed(vec![self.b.i32(id.0 as i32)]),
            ExpressionKind::Load(place) => self.read_place(place),
            ExpressionKind::AddressOf(place) => {
                let address = self.memory_place(place);
                borrowed(vec![self.address_value(address)])
            }
            ExpressionKind::Function(id) => {
                let address = self.lowering.static_closure(*id);
                borrowed(vec![self.b.i32(address as i32)])
            }
            ExpressionKind::Closure(id) => owned(vec![self.closure(*id)]),
            ExpressionKind::New(value) => owned(vec![self.new_object(value)]),
            ExpressionKind::Negate(_)
            | ExpressionKind::Not(_)
            | ExpressionKind::BitNot(_)
            | ExpressionKind::Arithmetic { .. }
            | ExpressionKind::Compare { .. }
            | ExpressionKind::SequenceEqual { .. }
            | ExpressionKind::Logical { .. }
            | ExpressionKind::IsNull(_)
            | ExpressionKind::OffsetPointer { .. } => borrowed(vec![self.computation(expression)]),
            ExpressionKind::Concat { left, right } => borrowed(self.concat_slices(left, right)),
            ExpressionKind::Interpolate(parts) => borrowed(self.interpolate(parts)),
            ExpressionKind::Convert { conversion, value } => self.convert(*conversion, value, ty),
            ExpressionKind::Call { callee, arguments } => self.call(callee, arguments, expression, None),
            ExpressionKind::Builtin { builtin, arguments } => borrowed(self.builtin(*builtin, arguments, expression)),
            ExpressionKind::Struct(fields) => {
                let mut parts = vec![Vec::new(); fields.len()];
                for (index, value) in fields {
                    parts[*index] = self.owned_leaves(value);
                }
                owned(parts.concat())
            }
            ExpressionKind::Tuple(elements) => {
                let parts: Vec<_> = elements.iter().map(|element| self.owned_leaves(element)).collect();
                owned(parts.concat())
            }
            ExpressionKind::Union { variant, .. } => borrowed(vec![self.b.i32(*variant as i32)]),
            ExpressionKind::Array(_) => unreachable!("arrays have no leaves"),
            ExpressionKind::Slice { base, start, end } => {
                borrowed(self.slice(base, start.as_deref(), end.as_deref(), expression.span))
            }
            ExpressionKind::SliceLength(slice) => borrowed(vec![self.leaves_of(slice)[1]]),
            ExpressionKind::SlicePointer(slice) => borrowed(vec![self.leaves_of(slice)[0]]),
            ExpressionKind::Block(_)
            | ExpressionKind::If { .. }
            | ExpressionKind::Switch(_)
            | ExpressionKind::Catch { .. }
            | ExpressionKind::Orelse { .. } => self.branching(expression, None),
            ExpressionKind::Unwrap(value) => self.unwrap(value, expression),
            ExpressionKind::Try(value) => self.try_(value),
            ExpressionKind::Return(value) => {
                self.return_(value.as_deref());
                borrowed(Vec::new())
            }
            ExpressionKind::Break(id) => {
                let (block, n_scopes) = (self.loops[id].on_break, self.loops[id].n_scopes);
                self.leave_scopes(n_scopes, None);
                self.b.jump(block);
                borrowed(Vec::new())
            }
            ExpressionKind::Continue(id) => {
                let (block, n_scopes) = (self.loops[id].on_continue, self.loops[id].n_scopes);
                self.leave_scopes(n_scopes, None);
                self.b.jump(block);
                borrowed(Vec::new())
            }
        }
    }

    pub fn int_constant(&self, ty: TypeId, value: i128) -> Const {
        match scalar(self.types(), ty) {
            Access::I64 => Const::I64(value as i64),
            Access::F32 => Const::F32((value as f32).to_bits()),
            Access::F64 => Const::F64((value as f64).to_bits()),
            _ => Const::I32(value as i32),
        }
    }

    /// A static string: its capacity is its length.
    pub fn string_leaves(&mut self, address: u32, length: u64) -> Vec<Value> {
        vec![self.b.i32(address as i32), self.b.i64(length as i64), self.b.i64(length as i64)]
    }

    fn new_object(&mut self, value: &'p Expression) -> Value {
        let record = if self.lowering.needs_destructor(value.ty) {
            let destructor = self.lowering.func(FuncKey::Destructor(value.ty));
            self.lowering.type_record(destructor)
        } else {
            0
        };
        let base = self.alloc(record, self.lowering.size(value.ty));
        self.expr_into(value, Address { base, offset: 0 });
        base
    }

    /// A new block with a count of 1.
    pub fn alloc(&mut self, record: u32, size: u32) -> Value {
        let args = vec![self.b.i64(i64::from(record)), self.b.i64(i64::from(size))];
        let address = self.prelude("alloc", args)[0];
        self.narrow(address)
    }

    fn closure(&mut self, id: FunctionId) -> Value {
        let function = &self.lowering.program.functions[id.0 as usize];
        if function.captures.is_empty() {
            let address = self.lowering.static_closure(id);
            return self.b.i32(address as i32);
        }
        let offsets = self.lowering.capture_offsets(function);
        let types = self.types();
        let inner = |index: usize| &function.locals[function.captures[index].inner.0 as usize];
        let is_counted = |index: usize| is_counted_capture(inner(index)) && types.holds_managed(inner(index).ty);
        let record = if (0..offsets.len()).any(is_counted) {
            let destructor = self.lowering.func(FuncKey::ClosureDestructor(id));
            self.lowering.type_record(destructor)
        } else {
            0
        };
        let last = offsets.len() - 1;
        let size = offsets[last] + self.lowering.size(inner(last).ty);
        let base = self.alloc(record, size);
        let func = self.lowering.func(FuncKey::Function(id));
        let index = self.lowering.table_index(func);
        let index = self.b.i32(index as i32);
        self.b.store(Access::Pointer, base, 0, index);
        for (number, (capture, offset)) in function.captures.iter().zip(offsets).enumerate() {
            let ty = self.local(capture.outer).ty;
            let target = self.local_target(capture.outer);
            let operand = self.read(ty, &target);
            self.store(ty, Address { base, offset }, &operand.data);
            if is_counted(number) {
                self.retain_memory(ty, Address { base, offset });
            }
        }
        base
    }

    pub fn local_target(&mut self, local: LocalId) -> Target {
        use super::function::Storage;
        match self.storage[local.0 as usize].clone().expect("locals are used after their declaration") {
            Storage::Variables(variables) => Target::Variables(variables),
            Storage::Frame(offset) => Target::Memory(Address { base: self.b.frame(offset), offset: 0 }),
            Storage::Address(base) => Target::Memory(Address { base, offset: 0 }),
        }
    }

    /// Expressions whose value comes from one of several ways. With a destination, that is where the value is put.
    fn branching(&mut self, expression: &'p Expression, to: Option<Address>) -> Operand {
        match &expression.kind {
            ExpressionKind::Block(block) => return self.block(block, to),
            ExpressionKind::If { condition, then, otherwise } => {
                let join = self.joining(expression.ty, to);
                self.if_(condition, then, otherwise.as_ref(), &join);
                self.joined(join)
            }
            ExpressionKind::Switch(switch) => {
                let join = self.joining(expression.ty, to);
                self.switch(switch, &join);
                self.joined(join)
            }
            ExpressionKind::Catch { value, error, fallback } => {
                let join = self.joining(expression.ty, to);
                self.catch(value, *error, fallback, &join);
                self.joined(join)
            }
            ExpressionKind::Orelse { value, fallback } => {
                let join = self.joining(expression.ty, to);
                self.orelse(value, fallback, &join);
                self.joined(join)
            }
            _ => unreachable!("the other expressions have one way"),
        }
    }

    fn joined(&mut self, join: Join) -> Operand {
        self.b.switch_to(join.block);
        let data = match join.destination {
            Some(address) => Data::Memory(self.address_value(address)),
            None => Data::Leaves(join.variables.iter().map(|variable| self.b.get(*variable)).collect()),
        };
        Operand { data, owned: true }
    }

    /// One way to the join.
    pub fn branch_to(&mut self, join: &Join, value: &'p Expression) {
        self.in_scope(|body| match join.destination {
            Some(to) => body.expr_into(value, to),
            None => {
                let operand = body.expr(value);
                body.join_with(join, operand);
            }
        });
        self.b.jump(join.block);
    }

    pub fn branch_block(&mut self, join: &Join, block: &'p Block) {
        let operand = self.block(block, join.destination);
        self.join_with(join, operand);
        self.b.jump(join.block);
    }

    /// A block's value, owned.
    pub fn block(&mut self, block: &'p Block, to: Option<Address>) -> Operand {
        self.in_scope(|body| {
            body.block_statements(block);
            let nothing = Operand { data: Data::Leaves(Vec::new()), owned: true };
            let Some(value) = &block.value else { return nothing };
            match to {
                Some(to) => {
                    body.expr_into(value, to);
                    nothing
                }
                None => {
                    let operand = body.expr(value);
                    body.own(value.ty, operand)
                }
            }
        })
    }

    fn if_(&mut self, condition: &'p Condition, then: &'p Block, otherwise: Option<&'p Block>, join: &Join) {
        let (on_true, on_false) = (self.b.new_block(), self.b.new_block());
        let payload = self.condition(condition);
        self.b.branch(payload.is_true, on_true, on_false);
        self.b.switch_to(on_true);
        self.in_scope(|body| {
            body.bind_payload(condition, payload);
            let operand = body.block(then, join.destination);
            body.join_with(join, operand);
        });
        self.b.jump(join.block);
        self.b.switch_to(on_false);
        match otherwise {
            Some(otherwise) => self.branch_block(join, otherwise),
            None => self.b.jump(join.block),
        }
    }

    /// Asks the condition; its temporaries are gone afterwards.
    pub fn condition(&mut self, condition: &'p Condition) -> Payload {
        match condition {
            Condition::Bool(value) => {
                let is_true = self.in_scope(|body| body.scalar(value));
                Payload { is_true, operand: None, address: None }
            }
            Condition::Optional { subject, .. } => self.in_scope(|body| {
                let operand = body.expr(subject);
                let operand = body.detach(subject.ty, operand);
                let is_true = body.has_value(subject.ty, &operand.data);
                Payload { is_true, operand: Some((subject.ty, operand)), address: None }
            }),
            Condition::OptionalPointer { subject, .. } => self.in_statement(|body| {
                let address = body.memory_place(subject);
                let is_true = body.b.load(Access::Pointer, address.base, address.offset);
                let address = if body.is_word_optional(subject.ty) { address } else { after_tag(address) };
                let address = body.address_value(address);
                Payload { is_true, operand: None, address: Some(address) }
            }),
        }
    }

    /// Makes an operand independent of temporaries and places: owned, and in memory of its own.
    fn detach(&mut self, ty: TypeId, operand: Operand) -> Operand {
        if operand.owned {
            return operand;
        }
        let Data::Memory(from) = operand.data else { return self.own(ty, operand) };
        let offset = self.frame_slot(ty);
        let base = self.b.frame(offset);
        let size = self.lowering.size(ty);
        let to = Address { base, offset: 0 };
        self.copy_memory(to, Address { base: from, offset: 0 }, size);
        self.retain_memory(ty, to);
        Operand { data: Data::Memory(base), owned: true }
    }

    /// Whether an optional holds a value.
    pub fn has_value(&mut self, ty: TypeId, data: &Data) -> Value {
        match data {
            Data::Leaves(values) => values[0],
            Data::Memory(base) => {
                debug_assert!(matches!(self.types().get(ty), Type::Optional(_)), "only optionals are asked");
                self.b.load(Access::Pointer, *base, 0)
            }
        }
    }

    /// The value inside an optional that has one.
    pub fn payload(&mut self, ty: TypeId, operand: Operand) -> Operand {
        let Type::Optional(of) = *self.types().get(ty) else { unreachable!("only optionals have a payload") };
        if self.is_word_optional(ty) {
            return operand;
        }
        let data = match operand.data {
            Data::Leaves(values) => Data::Leaves(values[1..].to_vec()),
            Data::Memory(base) => self.load(of, after_tag(Address { base, offset: 0 })),
        };
        Operand { data, owned: operand.owned }
    }

    /// Begins the local that the condition captured.
    pub fn bind_payload(&mut self, condition: &'p Condition, payload: Payload) {
        match condition {
            Condition::Bool(_) => {}
            Condition::Optional { payload: local, .. } => {
                let (ty, operand) = payload.operand.expect("an optional was asked");
                let operand = self.payload(ty, operand);
                self.begin_local(*local, operand);
            }
            Condition::OptionalPointer { payload: local, .. } => {
                let address = payload.address.expect("a place was asked");
                let operand = Operand { data: Data::Leaves(vec![address]), owned: false };
                self.begin_local(*local, operand);
            }
        }
    }

    /// A local of the current scope with its first value.
    pub fn begin_local(&mut self, local: LocalId, operand: Operand) {
        let is_counted = self.is_counted(local);
        self.declare(local);
        let was_owned = operand.owned;
        self.initialize(local, operand);
        if is_counted {
            if !was_owned {
                let target = self.local_target(local);
                let ty = self.local(local).ty;
                let operand = self.read(ty, &target);
                self.own(ty, operand);
            }
            self.add_cleanup(Cleanup::ReleaseLocal(local));
        }
    }

    fn unwrap(&mut self, value: &'p Expression, whole: &'p Expression) -> Operand {
        let operand = self.expr(value);
        if self.checks {
            let has_value = self.has_value(value.ty, &operand.data);
            let span = whole.span;
            self.unless(has_value, |body| body.panic_at("panicUnwrap", span));
        }
        self.payload(value.ty, operand)
    }

    /// 0, or the error's number plus one; and the payload's type.
    fn error_code(&mut self, ty: TypeId, data: &Data) -> (Value, TypeId) {
        let Type::ErrorUnion { payload, .. } = *self.types().get(ty) else { unreachable!("error unions only") };
        let code = match data {
            Data::Leaves(values) => values[0],
            Data::Memory(base) => {
                let tag = self.b.load(Access::Pointer, *base, 0);
                let number = self.b.load(Access::Pointer, *base, 8);
                let one = self.b.i32(1);
                let code = self.b.numeric(Numeric::I32Add, &[number, one]);
                let zero = self.b.i32(0);
                self.b.select(code, zero, tag)
            }
        };
        (code, payload)
    }

    /// The payload of an error union that is a success.
    fn success(&mut self, payload: TypeId, operand: Operand) -> Operand {
        let data = match operand.data {
            Data::Leaves(values) => Data::Leaves(values[1..].to_vec()),
            Data::Memory(base) => self.load(payload, after_tag(Address { base, offset: 0 })),
        };
        Operand { data, owned: operand.owned }
    }

    fn try_(&mut self, value: &'p Expression) -> Operand {
        let operand = self.expr(value);
        let (code, payload) = self.error_code(value.ty, &operand.data);
        self.when(code, |body| {
            body.leave_scopes(0, Some(Outcome::Error));
            body.return_error(code);
        });
        self.success(payload, operand)
    }

    fn return_error(&mut self, code: Value) {
        let result = self.function.expect("only functions of the source return").result;
        match self.result_address {
            Some(base) => {
                let one = self.b.i32(1);
                self.b.store(Access::Pointer, base, 0, one);
                let number = self.b.numeric(Numeric::I32Sub, &[code, one]);
                self.b.store(Access::Pointer, base, 8, number);
                self.return_values(Vec::new());
            }
            None => {
                let mut values = self.zeros(result).expect("the result has leaves");
                if let Some(first) = values.first_mut() {
                    *first = code;
                }
                self.return_values(values);
            }
        }
    }

    fn catch(&mut self, value: &'p Expression, error: Option<LocalId>, fallback: &'p Block, join: &Join) {
        let (on_error, on_success) = (self.b.new_block(), self.b.new_block());
        let mut outcome = None;
        self.in_scope(|body| {
            let operand = body.expr(value);
            let operand = body.detach(value.ty, operand);
            let (code, payload) = body.error_code(value.ty, &operand.data);
            outcome = Some((operand, code, payload));
        });
        let (operand, code, payload) = outcome.expect("it was just set");
        self.b.branch(code, on_error, on_success);
        self.b.switch_to(on_success);
        let success = self.success(payload, operand);
        self.move_to(join, success);
        self.b.switch_to(on_error);
        self.in_scope(|body| {
            if let Some(error) = error {
                let one = body.b.i32(1);
                let number = body.b.numeric(Numeric::I32Sub, &[code, one]);
                body.begin_local(error, Operand { data: Data::Leaves(vec![number]), owned: true });
            }
            let operand = body.block(fallback, join.destination);
            body.join_with(join, operand);
        });
        self.b.jump(join.block);
    }

    /// An owned value goes to the join.
    fn move_to(&mut self, join: &Join, operand: Operand) {
        match (join.destination, &operand.data) {
            (Some(to), data) => self.store(join.ty, to, &data.clone()),
            (None, _) => self.join_with(join, operand),
        }
        self.b.jump(join.block);
    }

    fn orelse(&mut self, value: &'p Expression, fallback: &'p Expression, join: &Join) {
        let (on_value, on_null) = (self.b.new_block(), self.b.new_block());
        let operand = self.in_scope(|body| {
            let operand = body.expr(value);
            body.detach(value.ty, operand)
        });
        let has_value = self.has_value(value.ty, &operand.data);
        self.b.branch(has_value, on_value, on_null);
        self.b.switch_to(on_value);
        let payload = self.payload(value.ty, operand);
        self.move_to(join, payload);
        self.b.switch_to(on_null);
        self.branch_to(join, fallback);
    }

    fn return_(&mut self, value: Option<&'p Expression>) {
        let Some(value) = value else {
            self.leave_scopes(0, None);
            self.return_values(Vec::new());
            return;
        };
        let moved = self.moved_local(value);
        let with_counts = moved.is_some_and(|moved| moved.with_counts);
        if let Some(to) = self.result_address {
            let to = Address { base: to, offset: 0 };
            match moved {
                Some(Moved { local, .. }) if with_counts => {
                    let target = self.local_target(local);
                    let operand = self.read(value.ty, &target);
                    self.store(value.ty, to, &operand.data);
                }
                _ => self.expr_into(value, to),
            }
            let outcome = self.outcome(value.ty, &Data::Memory(to.base));
            self.leave_scopes_but(0, outcome, moved);
            self.return_values(Vec::new());
            return;
        }
        let operand = self.expr(value);
        let operand = if with_counts { operand } else { self.own(value.ty, operand) };
        let outcome = self.outcome(value.ty, &operand.data);
        self.leave_scopes_but(0, outcome, moved);
        let Data::Leaves(values) = operand.data else { unreachable!("the result has leaves") };
        self.return_values(values);
    }

    /// Whether a returned value is an error, where somebody wants to know.
    fn outcome(&mut self, ty: TypeId, data: &Data) -> Option<Outcome> {
        let is_asked = |cleanup: &Cleanup| matches!(cleanup, Cleanup::Defer { only_on_error: true, .. });
        let is_asked = self.scopes.iter().any(|scope| scope.cleanups.iter().any(is_asked));
        if !is_asked || !matches!(self.types().get(ty), Type::ErrorUnion { .. }) {
            return None;
        }
        Some(Outcome::Code(self.error_code(ty, data).0))
    }

    /// The local whose value is returned as it is. Nobody has to count then, unless a defer may change the local in between.
    fn moved_local(&self, value: &Expression) -> Option<Moved> {
        let ExpressionKind::Load(place) = &value.kind else { return None };
        let PlaceKind::Local(local) = place.kind else { return None };
        let any = |test: &dyn Fn(&Cleanup) -> bool| self.scopes.iter().any(|scope| scope.cleanups.iter().any(test));
        let is_begun = any(&|cleanup| match cleanup {
            Cleanup::ReleaseLocal(other) | Cleanup::Destroy(other, _) => *other == local,
            _ => false,
        });
        let has_defers = any(&|cleanup| matches!(cleanup, Cleanup::Defer { .. }));
        is_begun.then_some(Moved { local, with_counts: !has_defers })
    }
}

/// What a condition found.
pub struct Payload {
    pub is_true: Value,
    /// The optional and its type.
    operand: Option<(TypeId, Operand)>,
    /// The address of the value inside.
    address: Option<Value>,
}

/// The payload's place.
pub fn after_tag(address: Address) -> Address {
    Address { offset: address.offset + Types::PAYLOAD_OFFSET as u32, ..address }
}
