//! Checks of debug builds, and panics.

use super::function::Body;
use crate::cot::ir::numeric::Numeric;
use crate::cot::ir::{End, Value};
use crate::cot::source::Span;

impl Body<'_, '_> {
    /// `index` and `length` are `i64`; a negative index is a large one.
    pub fn check_index(&mut self, index: Value, length: Value, span: Span) {
        let is_outside = self.b.numeric(Numeric::I64GeU, &[index, length]);
        self.when(is_outside, |body| {
            let place = body.place_of(span);
            body.prelude("panicIndex", vec![place, index, length]);
            body.b.end(End::Unreachable);
        });
    }

    pub fn check_null(&mut self, address: Value, span: Span) {
        self.unless(address, |body| body.panic_at("panicNull", span));
    }

    /// `start <= end <= length`, none of them negative.
    pub fn check_slice(&mut self, start: Value, end: Value, length: Value, span: Span) {
        let is_end_outside = self.b.numeric(Numeric::I64GtU, &[end, length]);
        let is_start_outside = self.b.numeric(Numeric::I64GtU, &[start, end]);
        let is_outside = self.b.numeric(Numeric::I32Or, &[is_end_outside, is_start_outside]);
        self.when(is_outside, |body| {
            let place = body.place_of(span);
            body.prelude("panicSlice", vec![place, start, end, length]);
            body.b.end(End::Unreachable);
        });
    }

    /// The place in the source as the prelude takes it.
    pub fn place_of(&mut self, span: Span) -> Value {
        let record = self.lowering.place_record(span);
        self.b.i64(i64::from(record))
    }

    /// Ends the program by a function of the prelude that takes the place only.
    pub fn panic_at(&mut self, function: &str, span: Span) {
        let place = self.place_of(span);
        self.prelude(function, vec![place]);
        self.b.end(End::Unreachable);
    }

    /// As [`Self::panic_at`], with a static text.
    pub fn panic_with_text(&mut self, function: &str, span: Span, (address, length): (u32, u64)) {
        let mut args = vec![self.place_of(span)];
        args.extend(self.string_leaves(address, length));
        self.prelude(function, args);
        self.b.end(End::Unreachable);
    }
}
