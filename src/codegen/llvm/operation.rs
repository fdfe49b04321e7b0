//! Instructions on numbers, one by one.

use super::function::Writer;
use super::types;
use crate::abi::trap::Trap;
use crate::translate::trap_of;
use anyhow::{Result, bail};
use cranelift_codegen::entity::EntityRef;
use cranelift_codegen::ir::{Inst, InstructionData, Opcode, Type, Value, types as clif};

impl Writer<'_> {
    /// An instruction that neither branches nor calls.
    ///
    /// # Errors
    /// When there is no form for it.
    pub fn operation(&mut self, inst: Inst) -> Result<()> {
        let data = self.func.dfg.insts[inst];
        match data {
            // They stand where they are used.
            InstructionData::UnaryImm { opcode: Opcode::Iconst, .. }
            | InstructionData::UnaryIeee32 { .. }
            | InstructionData::UnaryIeee64 { .. }
            | InstructionData::UnaryConst { .. } => {}
            InstructionData::UnaryGlobalValue { .. } | InstructionData::FuncAddr { .. } => self.address(inst, &data),
            InstructionData::StackAddr { stack_slot, offset, .. } => {
                self.stack_address(inst, stack_slot, offset.into())
            }
            InstructionData::Load { opcode, arg, flags, offset } => self.load(inst, opcode, arg, offset.into(), flags),
            InstructionData::Store { opcode, args, flags, offset } => self.store(opcode, args, offset.into(), flags),
            InstructionData::LoadNoOffset { opcode: Opcode::AtomicLoad, arg, .. } => self.atomic_load(inst, arg),
            InstructionData::StoreNoOffset { opcode: Opcode::AtomicStore, args, .. } => self.atomic_store(args),
            InstructionData::LoadNoOffset { opcode: Opcode::Bitcast, arg, .. } => self.bitcast(inst, arg),
            InstructionData::AtomicRmw { op, args, .. } => self.atomic_rmw(inst, op, args),
            InstructionData::AtomicCas { args, .. } => self.atomic_cas(inst, args),
            InstructionData::NullAry { opcode: Opcode::Fence } => self.effect("fence seq_cst"),
            InstructionData::NullAry { opcode: Opcode::Nop } => {}
            InstructionData::IntCompare { args: [a, b], cond, .. } => {
                self.compare(inst, "icmp", types::integer_condition(cond), a, b);
            }
            InstructionData::FloatCompare { args: [a, b], cond, .. } => {
                self.compare(inst, "fcmp", types::float_condition(cond), a, b);
            }
            InstructionData::IntAddTrap { args: [a, b], code, .. } => {
                let ty = self.type_of(a);
                let (name, word) = (format!("llvm.uadd.with.overflow.{}", types::suffix(ty)), types::name(ty));
                self.declare(&name, format!("declare {{ {word}, i1 }} @{name}({word}, {word})"));
                let (a, b) = (self.typed(a), self.typed(b));
                let pair = self.named(format!("call {{ {word}, i1 }} @{name}({a}, {b})"));
                let wrapped = self.named(format!("extractvalue {{ {word}, i1 }} {pair}, 1"));
                self.result(inst, format!("extractvalue {{ {word}, i1 }} {pair}, 0"));
                let sum = self.func.dfg.first_result(inst);
                self.trap_with(&wrapped, trap_of(code), Some(sum).filter(|_| ty == clif::I64));
            }
            InstructionData::Unary { opcode, arg } => self.unary(inst, opcode, arg)?,
            InstructionData::Binary { opcode, args } => self.binary(inst, opcode, args)?,
            InstructionData::Ternary { opcode, args } => self.ternary(inst, opcode, args)?,
            InstructionData::BinaryImm8 { opcode: Opcode::Extractlane, arg, imm } => {
                let typed = self.typed(arg);
                self.result(inst, format!("extractelement {typed}, i32 {}", imm));
            }
            InstructionData::TernaryImm8 { opcode: Opcode::Insertlane, args: [vector, lane], imm } => {
                let (vector, lane) = (self.typed(vector), self.typed(lane));
                self.result(inst, format!("insertelement {vector}, {lane}, i32 {}", imm));
            }
            InstructionData::Shuffle { args: [a, b], imm, .. } => {
                let lanes = self.func.dfg.immediates.get(imm).expect("it has a mask").as_slice();
                let mask = types::mask(lanes.iter().map(|&lane| lane.into()));
                let (a, b) = (self.typed(a), self.typed(b));
                self.result(inst, format!("shufflevector {a}, {b}, {mask}"));
            }
            other => bail!("--generator llvm has no form for {}: use --generator cranelift", other.opcode()),
        }
        Ok(())
    }

    fn bitcast(&mut self, inst: Inst, value: Value) {
        let ty = types::name(self.type_of(self.func.dfg.first_result(inst)));
        let typed = self.typed(value);
        self.result(inst, format!("bitcast {typed} to {ty}"));
    }

    /// Scalars give 0 or 1, and vectors lanes of zeros or ones.
    fn compare(&mut self, inst: Inst, compare: &str, condition: &str, a: Value, b: Value) {
        let ty = self.type_of(a);
        let result = self.func.dfg.first_result(inst);
        let (a, b) = (self.typed(a), self.operand(b));
        let comparison = format!("{compare} {condition} {a}, {b}");
        if ty.is_vector() {
            let lanes = self.named(comparison);
            let to = types::name(self.type_of(result));
            return self.result(inst, format!("sext <{} x i1> {lanes} to {to}", ty.lane_count()));
        }
        self.effect(format!("%c{} = {comparison}", result.index()));
        self.result(inst, format!("zext i1 %c{} to i8", result.index()));
    }

    fn unary(&mut self, inst: Inst, opcode: Opcode, arg: Value) -> Result<()> {
        let ty = self.type_of(arg);
        let result = self.type_of(self.func.dfg.first_result(inst));
        let (from, to) = (types::name(ty), types::name(result));
        let value = self.operand(arg);
        let text = match opcode {
            Opcode::Uextend => format!("zext {from} {value} to {to}"),
            Opcode::Sextend => format!("sext {from} {value} to {to}"),
            Opcode::Ireduce => format!("trunc {from} {value} to {to}"),
            Opcode::Ineg => format!("sub {from} {}, {value}", zero(ty)),
            Opcode::Bnot => {
                let (value, word) = self.as_integers(arg);
                let flipped = format!("xor {word} {value}, {}", ones(types::integers(ty)));
                return self.result_as_integers(inst, flipped);
            }
            Opcode::Iabs => self.intrinsic(
                &format!("llvm.abs.{}", types::suffix(ty)),
                ty,
                &[(&from, value), ("i1", "false".to_owned())],
            ),
            Opcode::Clz | Opcode::Ctz => {
                let name = if opcode == Opcode::Clz { "ctlz" } else { "cttz" };
                self.intrinsic(
                    &format!("llvm.{name}.{}", types::suffix(ty)),
                    ty,
                    &[(&from, value), ("i1", "false".to_owned())],
                )
            }
            Opcode::Popcnt => self.overloaded("ctpop", &[arg]),
            Opcode::Bitrev => self.overloaded("bitreverse", &[arg]),
            Opcode::Fneg => format!("fneg {from} {value}"),
            Opcode::Fabs => self.overloaded("fabs", &[arg]),
            Opcode::Sqrt => self.overloaded("sqrt", &[arg]),
            Opcode::Ceil => self.overloaded("ceil", &[arg]),
            Opcode::Floor => self.overloaded("floor", &[arg]),
            Opcode::Trunc => self.overloaded("trunc", &[arg]),
            Opcode::Nearest => self.overloaded("nearbyint", &[arg]),
            Opcode::Fpromote => format!("fpext {from} {value} to {to}"),
            Opcode::Fdemote => {
                // LLVM would take a promotion back, and with it the quieting of a NaN.
                let is_promoted = self.definition(arg).is_some_and(|it| it.opcode() == Opcode::Fpromote);
                let value = if is_promoted { self.fenced(arg) } else { value };
                format!("fptrunc {from} {value} to {to}")
            }
            Opcode::FcvtFromSint => format!("sitofp {from} {value} to {to}"),
            Opcode::FcvtFromUint => format!("uitofp {from} {value} to {to}"),
            Opcode::FcvtToSint | Opcode::FcvtToUint => {
                let is_signed = opcode == Opcode::FcvtToSint;
                self.check_conversion(arg, result, is_signed);
                format!("{} {from} {value} to {to}", if is_signed { "fptosi" } else { "fptoui" })
            }
            Opcode::FcvtToSintSat | Opcode::FcvtToUintSat => {
                let name = if opcode == Opcode::FcvtToSintSat { "fptosi" } else { "fptoui" };
                let name = format!("llvm.{name}.sat.{}.{}", types::suffix(result), types::suffix(ty));
                self.intrinsic(&name, result, &[(&from, value)])
            }
            Opcode::Bitcast => format!("bitcast {from} {value} to {to}"),
            Opcode::Isplit => return self.split(inst, arg),
            _ => return self.vector_unary(inst, opcode, arg),
        };
        self.result(inst, text);
        Ok(())
    }

    fn split(&mut self, inst: Inst, arg: Value) -> Result<()> {
        let value = self.operand(arg);
        let [low, high] = *self.func.dfg.inst_results(inst) else { panic!("a number splits into two") };
        self.effect(format!("%v{} = trunc i128 {value} to i64", low.index()));
        let shifted = self.named(format!("lshr i128 {value}, 64"));
        self.effect(format!("%v{} = trunc i128 {shifted} to i64", high.index()));
        Ok(())
    }

    /// The traps of a conversion to an integer (core specification, 4.3.3 `trunc_u`, `trunc_s`).
    fn check_conversion(&mut self, arg: Value, result: Type, is_signed: bool) {
        let typed = self.typed(arg);
        let value = self.operand(arg);
        let unordered = self.named(format!("fcmp uno {typed}, {value}"));
        self.trap_if(&unordered, Trap::InvalidConversionToInteger);
        let ty = self.type_of(arg);
        let bits = i32::try_from(result.bits()).expect("at most 64");
        let power = |exponent: i32| 2f64.powi(exponent);
        // Whether the number below the smallest has a representation of its own.
        let is_exact = bits < if ty == clif::F32 { 24 } else { 53 };
        let (low, lowest, high) = match (is_signed, is_exact) {
            (true, true) => (-power(bits.saturating_sub(1)) - 1.0, "ule", power(bits.saturating_sub(1))),
            (true, false) => (-power(bits.saturating_sub(1)), "ult", power(bits.saturating_sub(1))),
            (false, _) => (-1.0, "ule", power(bits)),
        };
        // A `float` is written as a `double` of the same value.
        let constant = |value: f64| format!("{:#018x}", value.to_bits());
        let below = self.named(format!("fcmp {lowest} {typed}, {}", constant(low)));
        let above = self.named(format!("fcmp uge {typed}, {}", constant(high)));
        let outside = self.named(format!("or i1 {below}, {above}"));
        self.trap_if(&outside, Trap::IntegerOverflow);
    }

    fn binary(&mut self, inst: Inst, opcode: Opcode, [a, b]: [Value; 2]) -> Result<()> {
        let ty = self.type_of(a);
        let word = types::name(ty);
        let (left, right) = (self.operand(a), self.operand(b));
        let simple = |name: &str| format!("{name} {word} {left}, {right}");
        let text = match opcode {
            Opcode::Iadd => simple("add"),
            Opcode::Isub => simple("sub"),
            Opcode::Imul => simple("mul"),
            Opcode::Band | Opcode::Bor | Opcode::Bxor => {
                let name = match opcode {
                    Opcode::Bor => "or",
                    Opcode::Bxor => "xor",
                    _ => "and",
                };
                let (left, word) = self.as_integers(a);
                let (right, _) = self.as_integers(b);
                return self.result_as_integers(inst, format!("{name} {word} {left}, {right}"));
            }
            Opcode::Ishl | Opcode::Ushr | Opcode::Sshr => {
                let name = match opcode {
                    Opcode::Ishl => "shl",
                    Opcode::Ushr => "lshr",
                    _ => "ashr",
                };
                let count = self.count(ty, b);
                format!("{name} {word} {left}, {count}")
            }
            Opcode::Rotl | Opcode::Rotr => {
                let name = if opcode == Opcode::Rotl { "fshl" } else { "fshr" };
                let count = self.count(ty, b);
                let name = format!("llvm.{name}.{}", types::suffix(ty));
                self.intrinsic(&name, ty, &[(&word, left.clone()), (&word, left), (&word, count)])
            }
            Opcode::Udiv | Opcode::Urem | Opcode::Sdiv | Opcode::Srem => return self.divide(inst, opcode, a, b),
            Opcode::Umin => self.overloaded("umin", &[a, b]),
            Opcode::Umax => self.overloaded("umax", &[a, b]),
            Opcode::Smin => self.overloaded("smin", &[a, b]),
            Opcode::Smax => self.overloaded("smax", &[a, b]),
            Opcode::UaddSat => self.overloaded("uadd.sat", &[a, b]),
            Opcode::SaddSat => self.overloaded("sadd.sat", &[a, b]),
            Opcode::UsubSat => self.overloaded("usub.sat", &[a, b]),
            Opcode::SsubSat => self.overloaded("ssub.sat", &[a, b]),
            Opcode::Fadd | Opcode::Fsub | Opcode::Fmul | Opcode::Fdiv => {
                let name = match opcode {
                    Opcode::Fadd => "fadd",
                    Opcode::Fsub => "fsub",
                    Opcode::Fmul => "fmul",
                    _ => "fdiv",
                };
                let (left, right) = (self.float_operand(a), self.float_operand(b));
                format!("{name} {word} {left}, {right}")
            }
            Opcode::Fmin => self.least_or_greatest(0, a, b),
            Opcode::Fmax => self.least_or_greatest(1, a, b),
            Opcode::Fcopysign => self.overloaded("copysign", &[a, b]),
            Opcode::Umulhi | Opcode::Smulhi => {
                let extend = if opcode == Opcode::Umulhi { "zext" } else { "sext" };
                let wide = format!("i{}", ty.bits().saturating_mul(2));
                let left = self.named(format!("{extend} {word} {left} to {wide}"));
                let right = self.named(format!("{extend} {word} {right} to {wide}"));
                let product = self.named(format!("mul {wide} {left}, {right}"));
                let high = self.named(format!("lshr {wide} {product}, {}", ty.bits()));
                format!("trunc {wide} {high} to {word}")
            }
            Opcode::Iconcat => {
                let low = self.named(format!("zext i64 {left} to i128"));
                let high = self.named(format!("zext i64 {right} to i128"));
                let high = self.named(format!("shl i128 {high}, 64"));
                format!("or i128 {low}, {high}")
            }
            _ => return self.vector_binary(inst, opcode, [a, b]),
        };
        self.result(inst, text);
        Ok(())
    }

    /// The count of a shift in the type of what is shifted, modulo the bits of a lane.
    fn count(&mut self, ty: Type, count: Value) -> String {
        let lane = ty.lane_type();
        let most = i64::from(lane.bits()).saturating_sub(1);
        if let Some(count) = self.constant(count) {
            let count = count & most;
            return if ty.is_vector() { types::repeated(ty, count) } else { count.to_string() };
        }
        let count_type = self.type_of(count);
        let mut value = self.operand(count);
        if count_type.is_vector() {
            let mask = types::repeated(ty, most);
            return self.named(format!("and {} {value}, {mask}", types::name(ty)));
        }
        let (from, to) = (types::name(count_type), types::name(lane));
        if count_type.bits() > lane.bits() {
            value = self.named(format!("trunc {from} {value} to {to}"));
        } else if count_type.bits() < lane.bits() {
            value = self.named(format!("zext {from} {value} to {to}"));
        }
        let value = self.named(format!("and {to} {value}, {most}"));
        if ty.is_vector() { self.splat(ty, &value) } else { value }
    }

    /// The traps of a division (core specification, 4.3.2 `idiv_s`).
    fn divide(&mut self, inst: Inst, opcode: Opcode, a: Value, b: Value) -> Result<()> {
        let ty = self.type_of(a);
        let word = types::name(ty);
        let (left, mut right) = (self.operand(a), self.operand(b));
        let known = self.constant(b).map(|value| types::integer(ty, value));
        if known.as_deref().is_none_or(|known| known == "0") {
            let is_zero = self.named(format!("icmp eq {word} {right}, 0"));
            self.trap_if(&is_zero, Trap::IntegerDivideByZero);
        }
        let may_be_minus_one = known.as_deref().is_none_or(|known| known == "-1");
        let name = match opcode {
            Opcode::Udiv => "udiv",
            Opcode::Urem => "urem",
            Opcode::Sdiv => "sdiv",
            _ => "srem",
        };
        if may_be_minus_one && matches!(opcode, Opcode::Sdiv | Opcode::Srem) {
            let minus_one = self.named(format!("icmp eq {word} {right}, -1"));
            if opcode == Opcode::Sdiv {
                let least = types::integer(ty, i64::MIN >> 64u32.saturating_sub(ty.bits()));
                let least = self.named(format!("icmp eq {word} {left}, {least}"));
                let overflows = self.named(format!("and i1 {minus_one}, {least}"));
                self.trap_if(&overflows, Trap::IntegerOverflow);
            } else {
                right = self.named(format!("select i1 {minus_one}, {word} 1, {word} {right}"));
            }
        }
        self.result(inst, format!("{name} {word} {left}, {right}"));
        Ok(())
    }

    fn ternary(&mut self, inst: Inst, opcode: Opcode, [a, b, c]: [Value; 3]) -> Result<()> {
        match opcode {
            Opcode::SelectSpectreGuard => {
                // Behind assembly, so that LLVM makes no branch of it.
                let ty = self.type_of(b);
                let word = types::name(ty);
                let condition = self.condition(a);
                let mask = self.named(format!("sext i1 {condition} to {word}"));
                let mask = self.named(format!("call {word} asm \"\", \"=r,0\"({word} {mask}) #3"));
                let (b, c) = (self.operand(b), self.operand(c));
                let difference = self.named(format!("xor {word} {b}, {c}"));
                let chosen = self.named(format!("and {word} {difference}, {mask}"));
                self.result(inst, format!("xor {word} {chosen}, {c}"));
            }
            Opcode::Select => {
                let condition = self.condition(a);
                let (b, c) = (self.typed(b), self.typed(c));
                self.result(inst, format!("select i1 {condition}, {b}, {c}"));
            }
            Opcode::Bitselect => {
                let (mask, word) = self.as_integers(a);
                let ((b, _), (c, _)) = (self.as_integers(b), self.as_integers(c));
                let both = self.named(format!("xor {word} {b}, {c}"));
                let chosen = self.named(format!("and {word} {both}, {mask}"));
                return self.result_as_integers(inst, format!("xor {word} {chosen}, {c}"));
            }
            Opcode::Blendv => {
                let (mask, word) = self.as_integers(a);
                let lanes = self.type_of(a).lane_count();
                let chosen = self.named(format!("icmp slt {word} {mask}, zeroinitializer"));
                let (b, c) = (self.typed(b), self.typed(c));
                self.result(inst, format!("select <{lanes} x i1> {chosen}, {b}, {c}"));
            }
            Opcode::Fma => {
                let text = self.overloaded("fma", &[a, b, c]);
                self.result(inst, text);
            }
            other => bail!("--generator llvm has no form for {other}: use --generator cranelift"),
        }
        Ok(())
    }

    /// A floating-point operand. Behind a fence where LLVM knows that the operation changes nothing
    /// but a NaN: Wasm wants that to be quiet afterwards (core specification, 4.3.3).
    fn float_operand(&mut self, value: Value) -> String {
        let is_neutral = |bits: f64| bits == 0.0 || bits.abs() == 1.0;
        let neutral = match self.definition(value) {
            Some(InstructionData::UnaryIeee32 { imm, .. }) => is_neutral(imm.as_f32().into()),
            Some(InstructionData::UnaryIeee64 { imm, .. }) => is_neutral(imm.as_f64()),
            Some(InstructionData::UnaryConst { .. }) => true,
            Some(&InstructionData::Unary { opcode: Opcode::Splat, arg }) => {
                matches!(
                    self.definition(arg),
                    Some(InstructionData::UnaryIeee32 { .. } | InstructionData::UnaryIeee64 { .. })
                )
            }
            _ => false,
        };
        if neutral { self.fenced(value) } else { self.operand(value) }
    }

    /// The least or the greatest number. LLVM's instructions hand a NaN on as it is, which a sum
    /// makes quiet.
    fn least_or_greatest(&mut self, nth: usize, a: Value, b: Value) -> String {
        let ty = self.type_of(a);
        if let Some(bounds) = self.processor.bounds {
            // Nothing is computed in advance.
            let (left, right) = (self.hidden(a), self.hidden(b));
            let (name, word) = (format!("{}.{}", bounds[nth], types::suffix(ty)), types::name(ty));
            return self.intrinsic(&name, ty, &[(&word, left), (&word, right)]);
        }
        let name = ["minimum", "maximum"][nth];
        let call = self.overloaded(name, &[a, b]).replacen("call ", "call nnan ", 1);
        let chosen = self.named(call);
        let (typed, right, word) = (self.typed(a), self.operand(b), types::name(ty));
        let has_nan = self.named(format!("fcmp uno {typed}, {right}"));
        let sum = self.named(format!("fadd {typed}, {right}"));
        let lanes = if ty.is_vector() { format!("<{} x i1>", ty.lane_count()) } else { "i1".to_owned() };
        format!("select {lanes} {has_nan}, {word} {sum}, {word} {chosen}")
    }

    /// An operand that LLVM does not know if it is a constant.
    fn hidden(&mut self, value: Value) -> String {
        let is_splat = matches!(self.definition(value), Some(InstructionData::Unary { opcode: Opcode::Splat, .. }));
        let is_constant = matches!(
            self.definition(value),
            Some(
                InstructionData::UnaryIeee32 { .. }
                    | InstructionData::UnaryIeee64 { .. }
                    | InstructionData::UnaryConst { .. }
            )
        );
        if is_constant || is_splat { self.fenced(value) } else { self.operand(value) }
    }

    fn fenced(&mut self, value: Value) -> String {
        let text = self.overloaded("arithmetic.fence", &[value]);
        self.named(text)
    }

    /// A value as integers, and their type.
    pub fn as_integers(&mut self, value: Value) -> (String, String) {
        let ty = self.type_of(value);
        let word = types::name(types::integers(ty));
        match ty.lane_type().is_float() {
            false => (self.operand(value), word),
            true => {
                let typed = self.typed(value);
                (self.named(format!("bitcast {typed} to {word}")), word)
            }
        }
    }

    /// Gives an instruction integers as its result, whose type may be another.
    pub fn result_as_integers(&mut self, inst: Inst, text: String) -> Result<()> {
        let ty = self.type_of(self.func.dfg.first_result(inst));
        if !ty.lane_type().is_float() {
            self.result(inst, text);
            return Ok(());
        }
        let value = self.named(text);
        self.result(inst, format!("bitcast {} {value} to {}", types::name(types::integers(ty)), types::name(ty)));
        Ok(())
    }
}

fn zero(ty: Type) -> &'static str {
    if ty.is_vector() { "zeroinitializer" } else { "0" }
}

fn ones(ty: Type) -> String {
    if ty.is_vector() { types::repeated(ty, -1) } else { "-1".to_owned() }
}
