//! Expressions: to leaves, to an address, or into a place that waits for the value.

use super::FuncKey;
use super::branching::after_tag;
use super::counting::is_counted_capture;
use super::function::{Address, Body, Data, Operand};
use super::place::{ResolvedPlace, Root};
use super::repr::scalar;
use super::scope::Cleanup;
use crate::cot::ir::{Access, Const, Pinned, Value};
use crate::cot::source::Span;
use crate::cot::typed::{Builtin, Expression, ExpressionKind, FunctionId, LocalId, Place, PlaceKind};
use crate::cot::types::TypeId;

impl<'p> Body<'_, 'p> {
    /// The value, as leaves or where it lies. A value in memory that is not owned may be a place of
    /// the program.
    pub fn expr(&mut self, expression: &'p Expression) -> Operand {
        let before = self.set_position(expression.span);
        let operand = self.expr_here(expression);
        self.b.set_position(before);
        operand
    }

    fn expr_here(&mut self, expression: &'p Expression) -> Operand {
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

    /// Leaves that are used after something else was evaluated, within the statement.
    pub fn leaves_before(&mut self, expression: &'p Expression, is_simple: bool) -> Vec<Value> {
        if is_simple || self.is_fixed(expression) {
            return self.leaves_of(expression);
        }
        let values = self.owned_leaves(expression);
        self.keep_until_end(expression.ty, &values);
        values
    }

    /// Whether the value is one of a local that nothing changes.
    fn is_fixed(&self, expression: &Expression) -> bool {
        let ExpressionKind::Load(place) = &expression.kind else { return false };
        let mut at = place;
        while let PlaceKind::Field { base, .. } | PlaceKind::OptionalPayload { base } = &at.kind {
            at = base;
        }
        matches!(at.kind, PlaceKind::Local(local) if !self.local(local).modified)
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
    pub fn keep_memory(&mut self, ty: TypeId, base: Value) {
        self.add_cleanup(Cleanup::ReleaseAt(ty, Address { base, offset: 0 }));
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
        let before = self.set_position(expression.span);
        self.expr_into_here(expression, to);
        self.b.set_position(before);
    }

    fn expr_into_here(&mut self, expression: &'p Expression, to: Address) {
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
                let types = self.types();
                self.parts_into(fields.iter().map(|(index, it)| (types.field_offset(ty, *index) as u32, it)), to);
            }
            ExpressionKind::Tuple(elements) => {
                let types = self.types();
                let parts = elements.iter().enumerate();
                self.parts_into(parts.map(|(index, it)| (types.field_offset(ty, index) as u32, it)), to);
            }
            ExpressionKind::Array(elements) => {
                let size = elements.first().map_or(0, |it| self.lowering.size(it.ty));
                self.parts_into(elements.iter().enumerate().map(|(index, it)| (index as u32 * size, it)), to);
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

    /// Parts of an aggregate with their offsets, in the order of evaluation. Those that are there
    /// are released if a later one leaves.
    pub fn parts_into(&mut self, parts: impl Iterator<Item = (u32, &'p Expression)>, to: Address) {
        let mut pending = Vec::new();
        for (offset, value) in parts {
            let at = Address { offset: to.offset + offset, ..to };
            self.expr_into(value, at);
            if self.types().holds_managed(value.ty) {
                pending.push(self.begin_pending(Cleanup::ReleaseAt(value.ty, at)));
            }
        }
        self.settle(pending);
    }

    /// As [`Self::parts_into`], of an aggregate with leaves: parts with their positions.
    fn parts_of_leaves(&mut self, parts: impl ExactSizeIterator<Item = (usize, &'p Expression)>) -> Operand {
        let mut all = vec![Vec::new(); parts.len()];
        let mut pending = Vec::new();
        for (index, value) in parts {
            all[index] = self.owned_leaves(value);
            let counted = self.counted(value.ty, &all[index]);
            pending.push(self.begin_pending(Cleanup::Release(counted)));
        }
        self.settle(pending);
        Operand { data: Data::Leaves(all.concat()), owned: true }
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
                let address = self.memory_place_in(place, Root::Held);
                let address = self.address_value(address);
                borrowed(vec![if is_in_slice(place) { self.pin(address, Pinned::Free) } else { address }])
            }
            ExpressionKind::Function(id) => {
                let address = self.lowering.static_closure(*id);
                borrowed(vec![self.b.i32(address as i32)])
            }
            ExpressionKind::Closure(id) => owned(vec![self.closure(*id, expression.span)]),
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
            ExpressionKind::Concat { left, right } => owned(self.concat_slices(left, right, expression.span)),
            ExpressionKind::Interpolate(parts) => owned(self.interpolate(parts, expression.span)),
            ExpressionKind::Convert { conversion, value } => self.convert(*conversion, value, ty),
            ExpressionKind::Call { callee, arguments } => self.call(callee, arguments, expression, None),
            ExpressionKind::Builtin { builtin: Builtin::Append, arguments } => {
                owned(self.append(&arguments[0], &arguments[1], expression.span))
            }
            ExpressionKind::Builtin { builtin, arguments } => borrowed(self.builtin(*builtin, arguments, expression)),
            ExpressionKind::Struct(fields) => self.parts_of_leaves(fields.iter().map(|(index, value)| (*index, value))),
            ExpressionKind::Tuple(elements) => self.parts_of_leaves(elements.iter().enumerate()),
            ExpressionKind::Union { variant, .. } => borrowed(vec![self.b.i32(*variant as i32)]),
            ExpressionKind::Array(_) => unreachable!("arrays have no leaves"),
            ExpressionKind::Slice { base, start, end } => {
                borrowed(self.slice(base, start.as_deref(), end.as_deref(), expression.span))
            }
            ExpressionKind::SliceLength(slice) => borrowed(vec![self.leaves_of(slice)[1]]),
            ExpressionKind::SlicePointer(slice) => {
                let address = self.leaves_of(slice)[0];
                borrowed(vec![self.pin(address, Pinned::Free)])
            }
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
        let record = self.lowering.metadata(value.ty);
        let name = self.types().name(value.ty);
        let base = self.alloc(record, self.lowering.size(value.ty), &name, value.span);
        let pending = self.begin_pending(Cleanup::Free(base));
        self.expr_into(value, Address { base, offset: 0 });
        self.settle([pending]);
        base
    }

    /// A new object with a count of 1: where its type is, its size; what it is and where it was
    /// made.
    pub fn alloc(&mut self, record: u32, size: u32, name: &str, span: Span) -> Value {
        if !self.lowering.options.leaks {
            let address = match small_block(size) {
                Some((total, class)) => {
                    let size_and_metadata = self.b.i64(i64::from(record) << 32 | total);
                    let class = self.b.i64(class);
                    self.prelude("allocSmall", vec![size_and_metadata, class])
                }
                None => {
                    let args = vec![self.b.i64(i64::from(record)), self.b.i64(i64::from(size))];
                    self.prelude("alloc", args)
                }
            };
            return self.narrow(address[0]);
        }
        let mut args = vec![self.b.i64(i64::from(record)), self.b.i64(i64::from(size))];
        args.push(self.place_of(span));
        let (text, length) = self.lowering.bytes(name.as_bytes());
        args.extend(self.string_leaves(text, length));
        let address = self.prelude("allocTracked", args)[0];
        self.narrow(address)
    }

    fn closure(&mut self, id: FunctionId, span: Span) -> Value {
        let function = &self.lowering.program.functions[id.0 as usize];
        if function.captures.is_empty() {
            let address = self.lowering.static_closure(id);
            return self.b.i32(address as i32);
        }
        let offsets = self.lowering.capture_offsets(function);
        let types = self.types();
        let inner = |index: usize| &function.locals[function.captures[index].inner.0 as usize];
        let is_counted = |index: usize| is_counted_capture(inner(index)) && types.holds_managed(inner(index).ty);
        let release = (0..offsets.len()).any(is_counted).then(|| self.lowering.func(FuncKey::ClosureDestructor(id)));
        let record = self.lowering.type_record(None, release);
        let last = offsets.len() - 1;
        let size = offsets[last] + self.lowering.size(inner(last).ty);
        let base = self.alloc(record, size, "closure", span);
        let func = self.lowering.func(FuncKey::Function(id));
        let index = self.lowering.table_index(func);
        let index = self.b.i32(index as i32);
        self.b.store(Access::Pointer, base, 0, index);
        for (number, (capture, offset)) in function.captures.iter().zip(offsets).enumerate() {
            let ty = self.local(capture.outer).ty;
            let target = self.resolved_local(capture.outer);
            let operand = self.read(ty, &target);
            self.store(ty, Address { base, offset }, &operand.data);
            if is_counted(number) {
                self.retain_memory(ty, Address { base, offset });
            }
        }
        base
    }

    pub fn resolved_local(&mut self, local: LocalId) -> ResolvedPlace {
        use super::function::Storage;
        match self.storage[local.0 as usize].clone().expect("locals are used after their declaration") {
            Storage::Variables(variables) => ResolvedPlace::Variables(variables),
            Storage::Frame(offset) => ResolvedPlace::Memory(Address { base: self.b.frame(offset), offset: 0 }),
            Storage::Address(base) => ResolvedPlace::Memory(Address { base, offset: 0 }),
        }
    }
}

/// Whether a place is in the buffer of a slice.
pub fn is_in_slice(place: &Place) -> bool {
    match &place.kind {
        PlaceKind::SliceElement { .. } => true,
        PlaceKind::Field { base, .. }
        | PlaceKind::ArrayElement { base, .. }
        | PlaceKind::UnionPayload { base, .. }
        | PlaceKind::OptionalPayload { base } => is_in_slice(base),
        PlaceKind::Local(_) | PlaceKind::Global(_) | PlaceKind::Temporary(_) | PlaceKind::Dereference(_) => false,
    }
}

/// The size of the block with an object of that size, and the number of its list: what `alloc` of
/// the prelude finds for small ones.
fn small_block(size: u32) -> Option<(i64, i64)> {
    let total = i64::from(size.max(16).checked_next_multiple_of(16)?) + 16;
    (size <= 240).then_some((total, total / 16 - 1))
}
