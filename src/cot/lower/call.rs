//! Calls: arguments borrow, so whoever calls keeps them alive; results are owned.

use super::expression::is_in_slice;
use super::function::{Address, Body, Data, Operand};
use super::place::Root;
use super::{FuncKey, Host, Lowering};
use crate::cot::ir::module::FuncKind;
use crate::cot::ir::{Access, End, FuncId, Function, Op, Pinned, Signature, Type as WasmType, Value};
use crate::cot::source::{FileId, Span};
use crate::cot::typed::{
    Callee, Conversion, Expression, ExpressionKind, ExternId, FunctionId, InterpolationPart, Place, PlaceKind,
};
use crate::cot::types::{Type, TypeId};

impl<'p> Body<'_, 'p> {
    /// A result in memory goes to `to`, which there is then.
    pub fn call(
        &mut self,
        callee: &'p Callee,
        arguments: &'p [Expression],
        whole: &'p Expression,
        to: Option<Address>,
    ) -> Operand {
        let (results, result) = match callee {
            Callee::Function(id) => {
                let result = self.lowering.program.functions[id.0 as usize].result;
                let mut args = Vec::new();
                args.extend(to.map(|to| self.address_value(to)));
                args.extend(self.arguments(arguments));
                let file = self.lowering.program.functions[id.0 as usize].span.file;
                let caller = self.tell_caller(Some(file), whole.span);
                let results = self.call_key(FuncKey::Function(*id), args);
                self.restore_caller(caller);
                (results, result)
            }
            Callee::Value(value) => {
                let (params, result) = self.lowering.function_type(value.ty);
                let closure = self.scalar(value);
                if !is_stable(self, value) || !arguments.iter().all(is_simple) {
                    self.hold(value.ty, &[closure]);
                }
                if self.checks {
                    self.check_null(closure, whole.span);
                }
                let mut args = vec![closure];
                args.extend(to.map(|to| self.address_value(to)));
                args.extend(self.arguments(arguments));
                let index = self.b.load(Access::Pointer, closure, 0);
                args.push(index);
                let mut signature = self.lowering.signature(&params, result);
                signature.params.insert(0, WasmType::I32);
                let results = signature.results.clone();
                let caller = self.tell_caller(None, whole.span);
                let results = self.b.push(Op::CallIndirect(signature), args, &results);
                self.restore_caller(caller);
                (results, result)
            }
            Callee::Extern(id) => {
                let result = self.lowering.program.externs[id.0 as usize].result;
                (self.call_extern(*id, arguments), result)
            }
            Callee::Runtime(function) => {
                let args = arguments.iter().map(|argument| self.scalar(argument)).collect();
                (self.call_runtime(*function, args, whole.ty), whole.ty)
            }
        };
        if result == TypeId::NO_RETURN {
            self.b.end(End::Unreachable);
        }
        let data = match to {
            Some(to) => Data::Memory(self.address_value(to)),
            None => Data::Leaves(results),
        };
        Operand { data, owned: matches!(callee, Callee::Function(_) | Callee::Value(_)) }
    }

    /// Before a call of a function in a file, if that is known. Where no runtime knows the callers,
    /// and in tests, the program notes where it calls the standard library, so that a panic there
    /// can name the place. The library keeps the note while it calls the program.
    fn tell_caller(&mut self, callee: Option<FileId>, span: Span) -> Option<Value> {
        if self.lowering.options.has_shims && !self.lowering.is_for_tests() {
            return None;
        }
        let of_library = |it: &Self, file| it.lowering.sources.get(file).name.starts_with("std/");
        let is_here = of_library(self, self.function?.span.file);
        let is_there = callee.is_some_and(|file| of_library(self, file));
        let id = self.lowering.caller_place?;
        match (is_here, is_there) {
            (false, true) => {
                let place = self.place_of(span);
                let to = self.global(id);
                self.b.store(Access::I64, to.base, to.offset, place);
                None
            }
            (true, false) => {
                let from = self.global(id);
                Some(self.b.load(Access::I64, from.base, from.offset))
            }
            _ => None,
        }
    }

    /// After the call.
    fn restore_caller(&mut self, caller: Option<Value>) {
        if let Some((place, id)) = caller.zip(self.lowering.caller_place) {
            let to = self.global(id);
            self.b.store(Access::I64, to.base, to.offset, place);
        }
    }

    fn arguments(&mut self, arguments: &'p [Expression]) -> Vec<Value> {
        let mut args = Vec::new();
        for (index, argument) in arguments.iter().enumerate() {
            let is_last = arguments[index + 1..].iter().all(is_simple);
            let is_stable = is_last && is_stable(self, argument);
            let operand = self.address_argument(argument).unwrap_or_else(|| self.expr(argument));
            match operand.data {
                Data::Leaves(values) => {
                    if operand.owned {
                        self.keep_until_end(argument.ty, &values);
                    } else if !is_stable {
                        self.hold(argument.ty, &values);
                    }
                    args.extend(values);
                }
                Data::Memory(address) if operand.owned => {
                    if self.types().holds_managed(argument.ty) {
                        self.keep_memory(argument.ty, address);
                    }
                    args.push(address);
                }
                Data::Memory(address) if is_stable => args.push(address),
                Data::Memory(address) => args.push(self.copy_argument(argument.ty, address)),
            }
        }
        args
    }

    /// The address of a buffer, which is held until the end of the statement.
    fn address_argument(&mut self, argument: &'p Expression) -> Option<Operand> {
        let (pointer, is_number) = match &argument.kind {
            ExpressionKind::Convert { conversion: Conversion::PointerToInt, value } => (&**value, true),
            _ => (argument, false),
        };
        let before = self.set_position(argument.span);
        let address = match &pointer.kind {
            ExpressionKind::AddressOf(place) if is_in_slice(place) && !is_number => {
                let address = self.memory_place_in(place, Root::Held);
                Some(self.address_value(address))
            }
            ExpressionKind::SlicePointer(slice)
            | ExpressionKind::Convert { conversion: Conversion::StringToPointer, value: slice } => {
                Some(self.leaves_before(slice, false)[0])
            }
            _ => None,
        };
        let operand = address.map(|address| {
            let address = self.pin(address, Pinned::Argument);
            let value = if is_number { self.widen(address) } else { address };
            Operand { data: Data::Leaves(vec![value]), owned: false }
        });
        self.b.set_position(before);
        operand
    }

    /// Keeps borrowed references alive until the end of the statement, whatever the callee does to
    /// where they came from.
    fn hold(&mut self, ty: TypeId, values: &[Value]) {
        if !self.types().holds_managed(ty) {
            return;
        }
        let operand = Operand { data: Data::Leaves(values.to_vec()), owned: false };
        self.own(ty, operand);
        self.keep_until_end(ty, values);
    }

    /// A copy that nothing else can change.
    fn copy_argument(&mut self, ty: TypeId, from: Value) -> Value {
        let offset = self.frame_slot(ty);
        let base = self.b.frame(offset);
        let to = Address { base, offset: 0 };
        let size = self.lowering.size(ty);
        self.copy_memory(to, Address { base: from, offset: 0 }, size);
        if self.types().holds_managed(ty) {
            self.retain_memory(ty, to);
            self.keep_memory(ty, base);
        }
        base
    }

    fn call_extern(&mut self, id: ExternId, arguments: &'p [Expression]) -> Vec<Value> {
        let mut args = Vec::new();
        for argument in arguments {
            if let ExpressionKind::Function(function) = argument.kind {
                // C calls it without a closure object.
                let func = self.lowering.func(FuncKey::Function(function));
                let index = self.lowering.table_index(func);
                args.push(self.b.i32(index as i32));
                continue;
            }
            let mut values = self.leaves_of(argument);
            if matches!(self.types().get(argument.ty), Type::Slice(_)) {
                values[0] = self.pin(values[0], Pinned::Free);
            }
            // Of a slice: address and length.
            args.extend(values.into_iter().take(2));
        }
        let results = self.call_key(FuncKey::Extern(id), args);
        let result = self.lowering.program.externs[id.0 as usize].result;
        let access = super::repr::scalar(self.types(), result);
        results.into_iter().map(|value| self.normalize(value, access)).collect()
    }
}

/// Whether nothing that is called can change what a borrowed value came from: locals whose address
/// nothing else has, addresses of places, constants.
fn is_stable(body: &Body, expression: &Expression) -> bool {
    match &expression.kind {
        ExpressionKind::Load(place) => is_stable_place(body, place),
        ExpressionKind::Convert { value, .. } => is_stable(body, value),
        ExpressionKind::AddressOf(_) | ExpressionKind::Function(_) | ExpressionKind::Null => true,
        _ => false,
    }
}

fn is_stable_place(body: &Body, place: &Place) -> bool {
    match &place.kind {
        PlaceKind::Local(local) => !body.local(*local).address_taken,
        PlaceKind::Field { base, .. } | PlaceKind::OptionalPayload { base } => is_stable_place(body, base),
        _ => false,
    }
}

/// Whether evaluating it changes nothing.
pub fn is_simple(expression: &Expression) -> bool {
    match &expression.kind {
        ExpressionKind::Int(_)
        | ExpressionKind::Float(_)
        | ExpressionKind::Bool(_)
        | ExpressionKind::String(_)
        | ExpressionKind::Null
        | ExpressionKind::Zero
        | ExpressionKind::Void
        | ExpressionKind::Error(_)
        | ExpressionKind::Function(_) => true,
        ExpressionKind::Load(place) | ExpressionKind::AddressOf(place) => is_simple_place(place),
        ExpressionKind::Negate(value) | ExpressionKind::Not(value) | ExpressionKind::BitNot(value) => is_simple(value),
        ExpressionKind::Convert { value, .. }
        | ExpressionKind::SliceLength(value)
        | ExpressionKind::SlicePointer(value)
        | ExpressionKind::IsNull(value) => is_simple(value),
        ExpressionKind::Arithmetic { left, right, .. }
        | ExpressionKind::Compare { left, right, .. }
        | ExpressionKind::SequenceEqual { left, right, .. }
        | ExpressionKind::Concat { left, right } => is_simple(left) && is_simple(right),
        ExpressionKind::Interpolate(parts) => parts.iter().all(|part| match part {
            InterpolationPart::Text(_) => true,
            InterpolationPart::Value(value) => is_simple(value),
        }),
        _ => false,
    }
}

fn is_simple_place(place: &Place) -> bool {
    match &place.kind {
        PlaceKind::Local(_) | PlaceKind::Global(_) => true,
        PlaceKind::Temporary(value) | PlaceKind::Dereference(value) => is_simple(value),
        PlaceKind::Field { base, .. } | PlaceKind::UnionPayload { base, .. } | PlaceKind::OptionalPayload { base } => {
            is_simple_place(base)
        }
        PlaceKind::ArrayElement { base, index, .. } => is_simple_place(base) && is_simple(index),
        PlaceKind::SliceElement { slice, index } => is_simple(slice) && is_simple(index),
    }
}

impl Lowering<'_> {
    /// An import, and on native the line that says what the C function really takes.
    pub fn declare_extern(&mut self, id: ExternId) -> (String, Signature, FuncKind) {
        let of = &self.program.externs[id.0 as usize];
        let mut signature = Signature::default();
        let mut declared = Vec::new();
        for param in &of.params {
            let leaves = self.leaves(*param).expect("externs take values with leaves only");
            signature.params.extend(leaves.iter().take(2).map(|leaf| leaf.ty()));
            declared.extend(self.c_types(*param));
        }
        let leaves = self.leaves(of.result).expect("externs give values with leaves only");
        signature.results.extend(leaves.iter().map(|leaf| leaf.ty()));
        if self.options.host == Host::Native {
            let result = self.c_types(of.result);
            let result = if result.is_empty() { String::new() } else { format!(" -> {}", result.join(", ")) };
            let line = format!("env.{}: ({}){result}", of.name, declared.join(", "));
            // It gets the next number.
            let func = FuncId(self.module.functions.len() as u32);
            self.module.import_types.push((func, line));
        }
        let kind = FuncKind::Import { module: "env".to_owned(), name: of.name.clone() };
        (of.name.clone(), signature, kind)
    }

    /// In the words of the section `wasm2native.imports`.
    fn c_types(&self, ty: TypeId) -> Vec<String> {
        let access = |ty| super::repr::scalar(&self.program.types, ty);
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        match self.program.types.get(ty) {
            Type::Void | Type::NoReturn => Vec::new(),
            Type::Slice(_) => names(&["anyptr", "i64"]),
            Type::Pointer(_) | Type::Optional(_) => names(&["anyptr"]),
            Type::Function { params, result } => {
                let params: Vec<String> = params.iter().flat_map(|param| self.c_types(*param)).collect();
                let result: String = self.c_types(*result).iter().map(|ty| format!(" -> {ty}")).collect();
                vec![format!("funcptr(({}){result})", params.join(", "))]
            }
            _ => names(&[match access(ty) {
                Access::F32 => "f32",
                Access::F64 => "f64",
                Access::I64 => "i64",
                Access::I8 => "i8",
                Access::U8 => "u8",
                Access::I16 => "i16",
                Access::U16 => "u16",
                Access::I32 if self.is_unsigned(ty) => "u32",
                _ => "i32",
            }]),
        }
    }

    fn is_unsigned(&self, ty: TypeId) -> bool {
        match self.program.types.get(ty) {
            Type::Int { signed, .. } => !signed,
            Type::Enum(index) => self.is_unsigned(self.program.types.enums[index.0 as usize].backing),
            _ => false,
        }
    }

    /// A function as a value: takes a closure object, which it ignores.
    pub fn lower_thunk(&mut self, id: FunctionId, name: String, signature: Signature) -> Function {
        let mut body = Body::new(self, name, signature);
        let n_params = body.b.function.signature.params.len();
        let args = (1..n_params).map(|index| body.b.param(index)).collect();
        let results = body.call_key(FuncKey::Function(id), args);
        body.b.end(End::Return(results));
        body.b.finish()
    }
}
