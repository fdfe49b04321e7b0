//! What is written as a call but is none: printing, mathematical instructions, names of variants,
//! assertions.

use super::function::{Body, Data, Operand};
use super::repr::scalar;
use crate::cot::ir::numeric::Numeric;
use crate::cot::ir::{Access, End, Type as WasmType, Value};
use crate::cot::typed::{Builtin, Expression};
use crate::cot::types::{Type, TypeId};

/// Names of variants with values closer together than this are found in a table.
const MAX_NAME_TABLE: i128 = 1024;

impl<'p> Body<'_, 'p> {
    pub fn builtin(&mut self, builtin: Builtin, arguments: &'p [Expression], whole: &'p Expression) -> Vec<Value> {
        match builtin {
            Builtin::Print { to_stderr, newline } => self.print(&arguments[0], to_stderr, newline),
            Builtin::Append => unreachable!("its result is owned, unlike those of all others"),
            Builtin::StringFromParts => {
                let address = self.scalar(&arguments[0]);
                let length = self.scalar(&arguments[1]);
                return vec![self.narrow(address), length, length];
            }
            Builtin::Abs
            | Builtin::Ceil
            | Builtin::Floor
            | Builtin::Trunc
            | Builtin::Round
            | Builtin::Sqrt
            | Builtin::FloatMin
            | Builtin::FloatMax
            | Builtin::CountTrailingZeros
            | Builtin::CountLeadingZeros
            | Builtin::PopulationCount => {
                let args: Vec<_> = arguments.iter().map(|argument| self.scalar(argument)).collect();
                let numeric = instruction(builtin, self.b.function.ty(args[0]));
                return vec![self.b.numeric(numeric, &args)];
            }
            Builtin::IntMin | Builtin::IntMax => {
                use crate::cot::typed::CompareOperator::{Greater, Less};
                let left = self.scalar(&arguments[0]);
                let right = self.scalar(&arguments[1]);
                let operator = if builtin == Builtin::IntMin { Less } else { Greater };
                let is_left = self.compare(operator, left, right, whole.ty);
                return vec![self.b.select(left, right, is_left)];
            }
            Builtin::TagName => return self.tag_name(&arguments[0]),
            Builtin::ErrorName => return self.error_name(&arguments[0]),
            Builtin::ArcRetain => {
                let operand = self.expr(&arguments[0]);
                // Whatever it holds has one count more afterwards.
                let borrowed = Operand { owned: false, ..operand.clone() };
                self.own(arguments[0].ty, borrowed);
                self.give_up(arguments[0].ty, operand);
            }
            Builtin::ArcRelease => {
                let operand = self.expr(&arguments[0]);
                self.release_operand(arguments[0].ty, &operand.data);
                self.give_up(arguments[0].ty, operand);
            }
            Builtin::Assert { in_test } => {
                let holds = self.scalar(&arguments[0]);
                self.unless(holds, |body| {
                    if in_test {
                        body.prelude("reportAssertion", Vec::new());
                        body.fail_test();
                    } else {
                        body.panic_at("assertionFailed", whole.span);
                    }
                });
            }
            Builtin::AssertEqual { in_test } => {
                let holds = self.scalar(&arguments[0]);
                let (expected, received) = (&arguments[1], &arguments[2]);
                self.unless(holds, |body| {
                    body.prelude(if in_test { "reportExpected" } else { "assertEqExpected" }, Vec::new());
                    body.report_value(expected);
                    body.prelude("reportReceived", Vec::new());
                    body.report_value(received);
                    if in_test {
                        body.prelude("reportEnd", Vec::new());
                        body.fail_test();
                    } else {
                        body.panic_at("fail", whole.span);
                    }
                });
            }
            Builtin::Panic => {
                let message = self.leaves_of(&arguments[0]);
                let mut args = vec![self.place_of(whole.span)];
                args.extend(message);
                self.prelude("panic", args);
                self.b.end(End::Unreachable);
            }
            Builtin::Trap | Builtin::Unreachable if self.lowering.is_for_tests() => {
                self.panic_at("trapped", whole.span);
            }
            Builtin::Trap | Builtin::Unreachable => self.b.end(End::Unreachable),
        }
        Vec::new()
    }

    /// An owned operand that nothing takes.
    fn give_up(&mut self, ty: TypeId, operand: Operand) {
        if !operand.owned || !self.types().holds_managed(ty) {
            return;
        }
        match operand.data {
            Data::Leaves(values) => self.keep_until_end(ty, &values),
            Data::Memory(address) => self.keep_memory(ty, address),
        }
    }

    fn print(&mut self, value: &'p Expression, to_stderr: bool, newline: bool) {
        let values = self.leaves_of(value);
        let mut args = vec![self.b.i64(if to_stderr { 2 } else { 1 })];
        let function = match self.types().get(value.ty) {
            Type::Slice(_) => "printString",
            Type::Bool => "printBool",
            Type::Float { bits: 32 } => "printFloat32",
            Type::Float { .. } => "printFloat",
            _ if scalar(self.types(), value.ty) == Access::I64 && !self.is_signed(value.ty) => "printUnsigned",
            _ => {
                args.push(self.as_i64(values[0], value.ty));
                "printInt"
            }
        };
        if args.len() == 1 {
            args.extend(values);
        }
        args.push(self.b.i32(i32::from(newline)));
        self.prelude(function, args);
    }

    /// Ends a test as failed.
    fn fail_test(&mut self) {
        self.leave_scopes(0, None);
        let failed = self.b.i32(1);
        self.b.end(End::Return(vec![failed]));
    }

    /// A value as the lines below a failed test show it.
    fn report_value(&mut self, value: &'p Expression) {
        let operand = self.expr(value);
        self.report_operand(value.ty, operand.data);
    }

    fn report_operand(&mut self, ty: TypeId, data: Data) {
        match (self.types().get(ty).clone(), data) {
            (Type::Slice(TypeId::U8), Data::Leaves(values)) => {
                self.prelude("textQuoted", values);
            }
            (Type::Bool | Type::Int { .. } | Type::Float { .. } | Type::Enum(_), Data::Leaves(values)) => {
                self.text_of(ty, values);
            }
            (Type::Error(_), Data::Leaves(values)) => {
                let name = self.error_name_of(values[0]);
                self.prelude("textString", name);
            }
            (Type::Optional(of), Data::Leaves(values)) if !self.is_word_optional(ty) => {
                let (some, none, done) = (self.b.new_block(), self.b.new_block(), self.b.new_block());
                self.b.branch(values[0], some, none);
                self.b.switch_to(some);
                self.report_operand(of, Data::Leaves(values[1..].to_vec()));
                self.b.jump(done);
                self.b.switch_to(none);
                self.static_text("null");
                self.b.jump(done);
                self.b.switch_to(done);
            }
            // What `null` alone is.
            (Type::Void, _) => self.static_text("null"),
            _ => {
                let name = format!("<{}>", self.types().name(ty));
                self.static_text(&name);
            }
        }
    }

    fn static_text(&mut self, text: &str) {
        let (address, length) = self.lowering.bytes(text.as_bytes());
        let values = self.string_leaves(address, length);
        self.prelude("textString", values);
    }

    fn tag_name(&mut self, value: &'p Expression) -> Vec<Value> {
        let types = self.types();
        if let Some(of) = types.enum_type(value.ty) {
            let number = self.scalar(value);
            let number = self.as_i64(number, value.ty);
            let names: Vec<_> = of.variants.iter().map(|(name, value)| (*value, name.as_bytes())).collect();
            return self.name_of(number, &names);
        }
        let of = types.union_type(value.ty).expect("enums and unions have names");
        let tag = match self.leaves(value.ty) {
            Some(_) => self.scalar(value),
            None => {
                let base = self.address_of_value(value);
                self.b.load(Access::Pointer, base, 0)
            }
        };
        let tag = self.widen(tag);
        let names: Vec<_> =
            of.variants.iter().enumerate().map(|(index, it)| (index as i128, it.name.as_bytes())).collect();
        self.name_of(tag, &names)
    }

    fn error_name(&mut self, value: &'p Expression) -> Vec<Value> {
        let number = self.scalar(value);
        self.error_name_of(number)
    }

    pub fn error_name_of(&mut self, number: Value) -> Vec<Value> {
        let names = &self.types().error_names;
        let names: Vec<_> = names.iter().enumerate().map(|(index, name)| (index as i128, name.as_bytes())).collect();
        let number = self.widen(number);
        self.name_of(number, &names)
    }

    /// The name that belongs to a number (`i64`), or the empty string.
    fn name_of(&mut self, number: Value, names: &[(i128, &[u8])]) -> Vec<Value> {
        let address = self.b.new_variable(WasmType::I32);
        let length = self.b.new_variable(WasmType::I64);
        let (nowhere, zero) = (self.b.i32(0), self.b.i64(0));
        self.b.set(address, nowhere);
        self.b.set(length, zero);
        let first = names.iter().map(|it| it.0).min().unwrap_or(0);
        let last = names.iter().map(|it| it.0).max().unwrap_or(-1);
        if last - first < MAX_NAME_TABLE {
            let mut table = vec![0; 16 * (last - first + 1) as usize];
            for (value, name) in names {
                let (at, n_bytes) = self.lowering.bytes(name);
                let entry = 16 * (value - first) as usize;
                table[entry..entry + 8].copy_from_slice(&u64::from(at).to_le_bytes());
                table[entry + 8..entry + 16].copy_from_slice(&n_bytes.to_le_bytes());
            }
            let table_address = self.lowering.place_table(table);
            let least = self.b.i64(first as i64);
            let index = self.b.numeric(Numeric::I64Sub, &[number, least]);
            let count = self.b.i64((last - first + 1) as i64);
            let is_known = self.b.numeric(Numeric::I64LtU, &[index, count]);
            self.when(is_known, |body| {
                let index = body.narrow(index);
                let distance = body.scaled(index, 16);
                let found = body.b.load(Access::Pointer, distance, table_address);
                body.b.set(address, found);
                let n_bytes = body.b.load(Access::I64, distance, table_address + 8);
                body.b.set(length, n_bytes);
            });
        } else {
            for (value, name) in names {
                let value = self.b.i64(*value as i64);
                let is_it = self.b.numeric(Numeric::I64Eq, &[number, value]);
                let (at, n_bytes) = self.lowering.bytes(name);
                self.when(is_it, |body| {
                    let at = body.b.i32(at as i32);
                    body.b.set(address, at);
                    let n_bytes = body.b.i64(n_bytes as i64);
                    body.b.set(length, n_bytes);
                });
            }
        }
        let length = self.b.get(length);
        vec![self.b.get(address), length, length]
    }
}

impl super::Lowering<'_> {
    /// A table in static data; equal ones are placed once.
    fn place_table(&mut self, table: Vec<u8>) -> u32 {
        if let Some(address) = self.tables.get(&table) {
            return *address;
        }
        let address = self.place(&table, 8);
        self.tables.insert(table, address);
        address
    }
}

fn instruction(builtin: Builtin, ty: WasmType) -> Numeric {
    use Numeric::*;
    let choose = |single, double| if ty == WasmType::F32 { single } else { double };
    match builtin {
        Builtin::Abs => choose(F32Abs, F64Abs),
        Builtin::Ceil => choose(F32Ceil, F64Ceil),
        Builtin::Floor => choose(F32Floor, F64Floor),
        Builtin::Trunc => choose(F32Trunc, F64Trunc),
        Builtin::Round => choose(F32Nearest, F64Nearest),
        Builtin::Sqrt => choose(F32Sqrt, F64Sqrt),
        Builtin::FloatMin => choose(F32Min, F64Min),
        Builtin::FloatMax => choose(F32Max, F64Max),
        Builtin::CountTrailingZeros => I64Ctz,
        Builtin::CountLeadingZeros => I64Clz,
        Builtin::PopulationCount => I64Popcnt,
        _ => unreachable!("the other builtins are not instructions"),
    }
}
