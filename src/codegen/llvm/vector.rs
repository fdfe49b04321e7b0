//! Instructions on vectors that have no counterpart for single numbers.

use super::function::Writer;
use super::types;
use anyhow::{Result, bail};
use cranelift_codegen::ir::{Inst, Opcode, Type, Value, types as clif};

impl Writer<'_> {
    /// A vector with the same number in all lanes.
    pub fn splat(&mut self, ty: Type, lane: &str) -> String {
        let (word, lane_word) = (types::name(ty), types::name(ty.lane_type()));
        let first = self.named(format!("insertelement {word} poison, {lane_word} {lane}, i32 0"));
        let mask = types::mask(std::iter::repeat_n(0, lanes(ty)));
        self.named(format!("shufflevector {word} {first}, {word} poison, {mask}"))
    }

    pub fn vector_unary(&mut self, inst: Inst, opcode: Opcode, arg: Value) -> Result<()> {
        let ty = self.type_of(arg);
        let result = self.type_of(self.func.dfg.first_result(inst));
        let to = types::name(result);
        let text = match opcode {
            Opcode::Splat => {
                let lane = self.operand(arg);
                let value = self.splat(result, &lane);
                format!("freeze {to} {value}")
            }
            Opcode::ScalarToVector => {
                let typed = self.typed(arg);
                format!("insertelement {to} zeroinitializer, {typed}, i32 0")
            }
            Opcode::SwidenLow | Opcode::SwidenHigh | Opcode::UwidenLow | Opcode::UwidenHigh => {
                let is_high = matches!(opcode, Opcode::SwidenHigh | Opcode::UwidenHigh);
                let is_signed = matches!(opcode, Opcode::SwidenLow | Opcode::SwidenHigh);
                let half = self.half(arg, is_high);
                let half_type = types::name(half_of(ty));
                format!("{} {half_type} {half} to {to}", if is_signed { "sext" } else { "zext" })
            }
            Opcode::FvpromoteLow => {
                let half = self.half(arg, false);
                format!("fpext <2 x float> {half} to {to}")
            }
            Opcode::Fvdemote => {
                let typed = self.typed(arg);
                let low = self.named(format!("fptrunc {typed} to <2 x float>"));
                let mask = types::mask(0..4);
                format!("shufflevector <2 x float> {low}, <2 x float> zeroinitializer, {mask}")
            }
            Opcode::VhighBits => {
                let (value, word) = self.as_integers(arg);
                let signs = self.named(format!("icmp slt {word} {value}, zeroinitializer"));
                self.bits_of(ty, &signs, result)
            }
            Opcode::VallTrue => {
                let (value, word) = self.as_integers(arg);
                let zeros = self.named(format!("icmp eq {word} {value}, zeroinitializer"));
                let count = ty.lane_count();
                let bits = self.named(format!("bitcast <{count} x i1> {zeros} to i{count}"));
                let none = self.named(format!("icmp eq i{count} {bits}, 0"));
                format!("zext i1 {none} to {to}")
            }
            Opcode::VanyTrue => {
                let typed = self.typed(arg);
                let all = self.named(format!("bitcast {typed} to i128"));
                let any = self.named(format!("icmp ne i128 {all}, 0"));
                format!("zext i1 {any} to {to}")
            }
            Opcode::X86Cvtt2dq => {
                // The lanes beyond two numbers are zero.
                let name = if ty == clif::F64X2 { "pd" } else { "ps" };
                let (name, value) = (format!("llvm.x86.sse2.cvtt{name}2dq"), self.operand(arg));
                let call = self.intrinsic(&name, clif::I32X4, &[(&types::name(ty), value)]);
                let lanes = self.named(call);
                format!("bitcast <4 x i32> {lanes} to {to}")
            }
            other => bail!("--generator llvm has no form for {other}: use --generator cranelift"),
        };
        self.result(inst, text);
        Ok(())
    }

    /// One bit of each lane as a number.
    fn bits_of(&mut self, ty: Type, lanes: &str, result: Type) -> String {
        let count = ty.lane_count();
        let bits = self.named(format!("bitcast <{count} x i1> {lanes} to i{count}"));
        format!("zext i{count} {bits} to {}", types::name(result))
    }

    /// The lower or upper lanes of a vector.
    fn half(&mut self, value: Value, is_high: bool) -> String {
        let ty = self.type_of(value);
        let count = ty.lane_count() / 2;
        let first = if is_high { count } else { 0 };
        let typed = self.typed(value);
        let mask = types::mask(first..first.saturating_add(count));
        self.named(format!("shufflevector {typed}, {} poison, {mask}", types::name(ty)))
    }

    pub fn vector_binary(&mut self, inst: Inst, opcode: Opcode, [a, b]: [Value; 2]) -> Result<()> {
        let ty = self.type_of(a);
        let result = self.type_of(self.func.dfg.first_result(inst));
        let (word, to) = (types::name(ty), types::name(result));
        let (left, right) = (self.operand(a), self.operand(b));
        let text = match opcode {
            Opcode::Unarrow if let Some(name) = self.processor.unsigned_halves => {
                let half = half_of(result);
                let name = format!("{name}.{}", types::suffix(half));
                let low = self.intrinsic(&name, half, &[(&word, left)]);
                let low = self.named(low);
                let high = self.intrinsic(&name, half, &[(&word, right)]);
                let high = self.named(high);
                let half = types::name(half);
                format!("shufflevector {half} {low}, {half} {high}, {}", types::mask(0..result.lane_count()))
            }
            Opcode::Snarrow | Opcode::Unarrow | Opcode::Uunarrow => self.narrowed(opcode, [a, b], result),
            Opcode::IaddPairwise => {
                let count = ty.lane_count().saturating_mul(2);
                let even = types::mask((0..count).step_by(2));
                let odd = types::mask((1..count).step_by(2));
                let even = self.named(format!("shufflevector {word} {left}, {word} {right}, {even}"));
                let odd = self.named(format!("shufflevector {word} {left}, {word} {right}, {odd}"));
                format!("add {word} {even}, {odd}")
            }
            Opcode::AvgRound => {
                let wide = wider(ty);
                let left = self.named(format!("zext {word} {left} to {wide}"));
                let right = self.named(format!("zext {word} {right} to {wide}"));
                let sum = self.named(format!("add {wide} {left}, {right}"));
                let lane = ty.lane_bits().saturating_mul(2);
                let ones = repeated(lane, ty.lane_count(), 1);
                let sum = self.named(format!("add {wide} {sum}, {ones}"));
                let half = self.named(format!("lshr {wide} {sum}, {ones}"));
                format!("trunc {wide} {half} to {to}")
            }
            Opcode::SqmulRoundSat if let Some(name) = self.processor.rounded_products => {
                let name = format!("{name}.{}", types::suffix(ty));
                self.intrinsic(&name, ty, &[(&word, left), (&word, right)])
            }
            Opcode::SqmulRoundSat => {
                let wide = wider(ty);
                let left = self.named(format!("sext {word} {left} to {wide}"));
                let right = self.named(format!("sext {word} {right} to {wide}"));
                let product = self.named(format!("mul {wide} {left}, {right}"));
                let lane = ty.lane_bits().saturating_mul(2);
                let rounded = self.named(format!("add {wide} {product}, {}", repeated(lane, ty.lane_count(), 1 << 14)));
                let shifted = self.named(format!("ashr {wide} {rounded}, {}", repeated(lane, ty.lane_count(), 15)));
                // Only the square of the least number is too large.
                let most = repeated(lane, ty.lane_count(), i64::from(i16::MAX));
                let name = format!("llvm.smin.v{}i{lane}", ty.lane_count());
                self.declare(&name, format!("declare {wide} @{name}({wide}, {wide})"));
                let bounded = self.named(format!("call {wide} @{name}({wide} {shifted}, {wide} {most})"));
                format!("trunc {wide} {bounded} to {to}")
            }
            Opcode::Swizzle => {
                // Lanes beyond the vector are zero: numbers above 15 become such as are too large.
                let difference = self.processor.choose.1.saturating_sub(16);
                let mut lanes = right;
                if difference > 0 {
                    let more = types::repeated(clif::I8X16, difference.into());
                    let arguments = [("<16 x i8>", lanes), ("<16 x i8>", more)];
                    let sum = self.intrinsic("llvm.uadd.sat.v16i8", clif::I8X16, &arguments);
                    lanes = self.named(sum);
                }
                self.shuffled(left, lanes)
            }
            Opcode::X86Pshufb => self.shuffled(left, right),
            Opcode::X86Pmulhrsw => self.intrinsic(
                "llvm.x86.ssse3.pmul.hr.sw.128",
                clif::I16X8,
                &[("<8 x i16>", left), ("<8 x i16>", right)],
            ),
            // CLIF has the signed bytes first, the instruction last.
            Opcode::X86Pmaddubsw => self.intrinsic(
                "llvm.x86.ssse3.pmadd.ub.sw.128",
                clif::I16X8,
                &[("<16 x i8>", right), ("<16 x i8>", left)],
            ),
            other => bail!("--generator llvm has no form for {other}: use --generator cranelift"),
        };
        self.result(inst, text);
        Ok(())
    }

    fn shuffled(&mut self, vector: String, lanes: String) -> String {
        let arguments = [("<16 x i8>", vector), ("<16 x i8>", lanes)];
        self.intrinsic(self.processor.choose.0, clif::I8X16, &arguments)
    }

    /// Two vectors as one with lanes of half the size, each at the nearest number that it can be.
    fn narrowed(&mut self, opcode: Opcode, [a, b]: [Value; 2], result: Type) -> String {
        let ty = self.type_of(a);
        let word = types::name(ty);
        let (left, right) = (self.operand(a), self.operand(b));
        let (count, bits) = (ty.lane_count().saturating_mul(2), ty.lane_bits());
        let joined = self.named(format!("shufflevector {word} {left}, {word} {right}, {}", types::mask(0..count)));
        let wide = format!("<{count} x i{bits}>");
        let half = bits / 2;
        let bits_of = |n: u32| 1i64.checked_shl(n).expect("lanes of half the size have 32 bits at most");
        let (low, high) = match opcode {
            Opcode::Snarrow => (
                Some(bits_of(half.saturating_sub(1)).saturating_neg()),
                bits_of(half.saturating_sub(1)).saturating_sub(1),
            ),
            Opcode::Unarrow => (Some(0), bits_of(half).saturating_sub(1)),
            _ => (None, bits_of(half).saturating_sub(1)),
        };
        let mut value = joined;
        let sign = if low.is_some() { "s" } else { "u" };
        for (name, bound) in [("max", low), ("min", Some(high))] {
            let Some(bound) = bound else { continue };
            let name = format!("llvm.{sign}{name}.v{count}i{bits}");
            self.declare(&name, format!("declare {wide} @{name}({wide}, {wide})"));
            value = self.named(format!("call {wide} @{name}({wide} {value}, {wide} {})", repeated(bits, count, bound)));
        }
        format!("trunc {wide} {value} to {}", types::name(result))
    }
}

fn lanes(ty: Type) -> usize {
    crate::number::to_usize(ty.lane_count().into())
}

/// A vector of half the lanes.
fn half_of(ty: Type) -> Type {
    ty.lane_type().by(ty.lane_count() / 2).expect("vectors have two lanes at least")
}

fn repeated(bits: u32, count: u32, value: i64) -> String {
    let lane = format!("i{bits} {value}");
    format!("<{}>", vec![lane; crate::number::to_usize(count.into())].join(", "))
}

/// LLVM's name of the vector with lanes of twice the size.
fn wider(ty: Type) -> String {
    format!("<{} x i{}>", ty.lane_count(), ty.lane_bits().saturating_mul(2))
}
