//! Slices, strings and arrays: cutting, joining, appending, interpolation.

use super::call::is_simple;
use super::function::{Address, Body, Data};
use super::repr::scalar;
use super::scope::Cleanup;
use crate::cot::ir::numeric::Numeric;
use crate::cot::ir::{Access, Counted, Type as WasmType, Value};
use crate::cot::source::Span;
use crate::cot::typed::{Expression, InterpolationPart, Place, PlaceKind, Sequence};
use crate::cot::types::{Type, TypeId};

impl<'p> Body<'_, 'p> {
    pub fn slice(
        &mut self,
        base: &'p Sequence,
        start: Option<&'p Expression>,
        end: Option<&'p Expression>,
        span: Span,
    ) -> Vec<Value> {
        let (element, address, length, capacity) = match base {
            Sequence::Array(Place { kind: PlaceKind::Temporary(value), ty, .. }) => {
                let (address, length) = self.buffer_of(value);
                self.add_cleanup(Cleanup::Release(vec![(address, Counted::Buffer)]));
                (self.element_type(*ty), address, length, length)
            }
            Sequence::Array(place) => {
                let (address, length) = self.sequence(base);
                (self.element_type(place.ty), address, length, length)
            }
            Sequence::Slice(value) => {
                let is_simple = [start, end].into_iter().flatten().all(is_simple);
                let leaves = self.leaves_before(value, is_simple);
                (self.element_type(value.ty), leaves[0], leaves[1], leaves[2])
            }
        };
        let is_checked = self.checks && (start.is_some() || end.is_some());
        let start = start.map(|start| self.scalar(start));
        let end = end.map_or(length, |end| self.scalar(end));
        let first = start.unwrap_or_else(|| self.b.i64(0));
        if is_checked {
            self.check_slice(first, end, length, span);
        }
        let Some(start) = start else { return vec![address, end, capacity] };
        let at = self.element(address, start, element);
        let at = self.address_value(at);
        let length = self.b.numeric(Numeric::I64Sub, &[end, start]);
        let capacity = self.b.numeric(Numeric::I64Sub, &[capacity, start]);
        vec![at, length, capacity]
    }

    /// An array that lies nowhere yet goes to the heap: a slice of it may outlive the function.
    fn buffer_of(&mut self, array: &'p Expression) -> (Value, Value) {
        let Type::Array { length, .. } = *self.types().get(array.ty) else { unreachable!("it is an array") };
        let element = self.element_type(array.ty);
        let size = self.lowering.size(array.ty);
        let size = self.b.i64(i64::from(size));
        let base = self.alloc_buffer(element, size, array.span);
        let pending = self.begin_pending(Cleanup::Free(base));
        self.expr_into(array, Address { base, offset: 0 });
        self.settle([pending]);
        (base, self.b.i64(length as i64))
    }

    /// A new buffer with a count of 1 for so many bytes of elements. What the elements own is
    /// released with it: until they are there, they are zero.
    fn alloc_buffer(&mut self, element: TypeId, size: Value, span: Span) -> Value {
        self.note_buffer(element, span);
        let address = match self.lowering.buffer_metadata(element) {
            0 => self.prelude("allocBuffer", vec![size])[0],
            record => {
                let record = self.b.i64(i64::from(record));
                self.prelude("allocElements", vec![record, size])[0]
            }
        };
        self.narrow(address)
    }

    /// Tells what the next buffer is, and where it is made, to who looks for lost ones.
    fn note_buffer(&mut self, element: TypeId, span: Span) {
        if !self.lowering.options.leaks || self.is_prelude {
            return;
        }
        let types = self.types();
        let name = match element {
            TypeId::U8 => "string".to_owned(),
            _ => format!("[]{}", types.name(element)),
        };
        let mut args = vec![self.place_of(span)];
        let (text, length) = self.lowering.bytes(name.as_bytes());
        args.extend(self.string_leaves(text, length));
        self.prelude("noteBuffer", args);
    }

    pub fn element_type(&self, ty: TypeId) -> TypeId {
        match self.types().get(ty) {
            Type::Slice(element) | Type::Array { element, .. } => *element,
            _ => unreachable!("only slices and arrays have elements"),
        }
    }

    /// A number of elements in bytes.
    fn in_bytes(&mut self, length: Value, element: TypeId) -> Value {
        match self.lowering.size(element) {
            1 => length,
            size => {
                let size = self.b.i64(i64::from(size));
                self.b.numeric(Numeric::I64Mul, &[length, size])
            }
        }
    }

    pub fn concat_slices(&mut self, left: &'p Expression, right: &'p Expression, span: Span) -> Vec<Value> {
        let ty = left.ty;
        let left = self.leaves_before(left, is_simple(right));
        let right = self.leaves_of(right);
        self.concat_leaves(&left, &right, ty, span)
    }

    pub fn concat_leaves(&mut self, left: &[Value], right: &[Value], ty: TypeId, span: Span) -> Vec<Value> {
        let element = self.element_type(ty);
        let left_bytes = self.in_bytes(left[1], element);
        let right_bytes = self.in_bytes(right[1], element);
        let mut args = vec![self.widen(left[0]), left_bytes, self.widen(right[0]), right_bytes];
        self.note_buffer(element, span);
        let address = match self.lowering.buffer_metadata(element) {
            0 => self.prelude("joinBytes", args)[0],
            record => {
                args.insert(0, self.b.i64(i64::from(record)));
                self.prelude("joinElements", args)[0]
            }
        };
        let address = self.narrow(address);
        let length = self.b.numeric(Numeric::I64Add, &[left[1], right[1]]);
        self.retain_elements(address, length, element);
        vec![address, length, length]
    }

    /// A copy of elements owns what it refers to.
    fn retain_elements(&mut self, address: Value, length: Value, element: TypeId) {
        if !self.types().holds_managed(element) {
            return;
        }
        let counter = self.b.new_variable(WasmType::I64);
        let zero = self.b.i64(0);
        self.b.set(counter, zero);
        let (head, body, done) = (self.b.new_block(), self.b.new_block(), self.b.new_block());
        self.b.jump(head);
        self.b.switch_to(head);
        let current = self.b.get(counter);
        let is_left = self.b.numeric(Numeric::I64LtS, &[current, length]);
        self.b.branch(is_left, body, done);
        self.b.switch_to(body);
        let at = self.element(address, current, element);
        self.retain_memory(element, at);
        let one = self.b.i64(1);
        let next = self.b.numeric(Numeric::I64Add, &[current, one]);
        self.b.set(counter, next);
        self.b.jump(head);
        self.b.switch_to(done);
    }

    pub fn concat_arrays(&mut self, left: &'p Expression, right: &'p Expression, to: Address) {
        let size = self.lowering.size(left.ty);
        self.parts_into([(0, left), (size, right)].into_iter(), to);
    }

    /// `append(slice, element)`: into spare capacity, or into a new buffer.
    pub fn append(&mut self, slice: &'p Expression, element: &'p Expression, span: Span) -> Vec<Value> {
        let leaves = self.leaves_before(slice, is_simple(element));
        let of = self.element_type(slice.ty);
        // Evaluated before the buffer is chosen: it may append as well.
        let value = match self.leaves(of) {
            Some(_) => Data::Leaves(self.owned_leaves(element)),
            None => {
                let offset = self.frame_slot(of);
                let base = self.b.frame(offset);
                self.expr_into(element, Address { base, offset: 0 });
                Data::Memory(base)
            }
        };
        let one = self.b.i64(1);
        let length = self.b.numeric(Numeric::I64Add, &[leaves[1], one]);
        let address = self.b.new_variable(WasmType::I32);
        let capacity = self.b.new_variable(WasmType::I64);
        self.b.set(address, leaves[0]);
        self.b.set(capacity, leaves[2]);
        let is_full = self.b.numeric(Numeric::I64GtS, &[length, leaves[2]]);
        let (grow, share, done) = (self.b.new_block(), self.b.new_block(), self.b.new_block());
        self.b.branch(is_full, grow, share);
        self.b.switch_to(grow);
        let next = self.prelude("nextSliceCap", vec![length, leaves[2]])[0];
        self.b.set(capacity, next);
        let from = self.widen(leaves[0]);
        let (used, room) = (self.in_bytes(leaves[1], of), self.in_bytes(next, of));
        let grown = self.alloc_buffer(of, room, span);
        let to = self.widen(grown);
        self.prelude("copyBytes", vec![to, from, used]);
        self.b.set(address, grown);
        self.retain_elements(grown, leaves[1], of);
        self.b.jump(done);
        self.b.switch_to(share);
        self.retain_value((leaves[0], Counted::Buffer));
        self.b.jump(done);
        self.b.switch_to(done);
        let address = self.b.get(address);
        let at = self.element(address, leaves[1], of);
        // What another slice of the buffer had there is not part of it any more.
        self.release_memory(of, at);
        self.store(of, at, &value);
        vec![address, length, self.b.get(capacity)]
    }

    /// All parts are evaluated before the text is made, since evaluating may make texts as well.
    pub fn interpolate(&mut self, parts: &'p [InterpolationPart], span: Span) -> Vec<Value> {
        let is_simple_part = |part: &InterpolationPart| match part {
            InterpolationPart::Text(_) => true,
            InterpolationPart::Value(value) => is_simple(value),
        };
        let mut values = Vec::new();
        for (index, part) in parts.iter().enumerate() {
            values.push(match part {
                InterpolationPart::Text(id) => {
                    let (address, length) = self.lowering.string(*id);
                    (TypeId::STRING, self.string_leaves(address, length))
                }
                InterpolationPart::Value(value) => {
                    let is_simple = parts[index + 1..].iter().all(is_simple_part);
                    (value.ty, self.leaves_before(value, is_simple))
                }
            });
        }
        self.prelude("textBegin", Vec::new());
        for (ty, values) in values {
            self.text_of(ty, values);
        }
        self.note_buffer(TypeId::U8, span);
        let address = self.prelude("textBuffer", Vec::new())[0];
        let length = self.prelude("textSize", Vec::new())[0];
        vec![self.narrow(address), length, length]
    }

    /// Appends a value to the text under construction.
    pub fn text_of(&mut self, ty: TypeId, values: Vec<Value>) {
        match self.types().get(ty) {
            Type::Slice(_) => self.prelude("textString", values),
            Type::Bool => self.prelude("textBool", values),
            Type::Float { bits: 32 } => self.prelude("textFloat32", values),
            Type::Float { .. } => self.prelude("textFloat", values),
            _ => {
                let number = self.as_i64(values[0], ty);
                let is_large = scalar(self.types(), ty) == Access::I64 && !self.is_signed(ty);
                self.prelude(if is_large { "textUnsigned" } else { "textInt" }, vec![number])
            }
        };
    }
}
