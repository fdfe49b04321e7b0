//! Each operator with operands that come from the last bytes of a memory, and with constants: it
//! has the result that it has with operands in registers.
//!
//! A generator may read an operand by the instruction that uses it, with the register's width
//! instead of the operand's (CVE-2026-24116, CVE-2026-34944), and compute with constants itself
//! (CVE-2022-31169, CVE-2023-41880). Wasm compares; so no expected results stand here.

use super::sample::Sample;
use super::script::{Call, Script};
use std::fmt::Write;
use test_kit::dice::Dice;
use test_kit::trial::is_full;

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Type {
    I32,
    I64,
    F32,
    F64,
    /// Vectors, by how NaNs are compared: lanes of integers, of f32 and of f64.
    V128,
    V32,
    V64,
}

use Type::{F32, F64, I32, I64, V32, V64, V128};

impl Type {
    fn name(self) -> &'static str {
        match self {
            I32 => "i32",
            I64 => "i64",
            F32 => "f32",
            F64 => "f64",
            V128 | V32 | V64 => "v128",
        }
    }

    fn size(self) -> u32 {
        match self {
            I32 | F32 => 4,
            I64 | F64 => 8,
            V128 | V32 | V64 => 16,
        }
    }

    /// An interesting number. `divides`: neither 0 nor -1.
    fn constant(self, dice: &mut Dice, divides: bool) -> String {
        const INTEGERS: [i64; 14] =
            [2, 3, 7, 10, 60, 1000, 0x7fff_ffff, -3, -7, 1 << 31, 0x5555_5555, i64::MAX, i64::MIN, 1 << 40];
        const OTHERS: [i64; 4] = [0, 1, -1, 63];
        const FLOATS: [&str; 10] = ["0", "-0", "1", "-1.5", "inf", "-inf", "nan", "0x1p-149", "1e30", "-2147483649"];
        let mut integer = || match divides || dice.below(3) > 0 {
            true => dice.one_of(&INTEGERS),
            false => dice.one_of(&OTHERS),
        };
        match self {
            I32 => {
                let value = integer() as i32;
                format!("(i32.const {})", if divides && matches!(value, 0 | -1) { 9 } else { value })
            }
            I64 => format!("(i64.const {})", integer()),
            F32 | F64 => format!("({}.const {})", self.name(), dice.one_of(&FLOATS)),
            V128 => format!("(v128.const i64x2 {} {})", integer(), integer()),
            V32 => {
                let lanes: Vec<_> = (0..4).map(|_| dice.one_of(&FLOATS)).collect();
                format!("(v128.const f32x4 {})", lanes.join(" "))
            }
            V64 => format!("(v128.const f64x2 {} {})", dice.one_of(&FLOATS), dice.one_of(&FLOATS)),
        }
    }

    /// 1 where two values differ in bits, and are not both NaN.
    fn differ(self, one: &str, two: &str) -> String {
        let both_nan = |shape: &str| format!("(v128.and ({shape}.ne {one} {one}) ({shape}.ne {two} {two}))");
        match self {
            I32 | I64 => format!("({}.ne {one} {two})", self.name()),
            F32 | F64 => {
                let int = if self == F32 { "i32" } else { "i64" };
                let bits = |value: &str| format!("({int}.reinterpret_{} {value})", self.name());
                let is_nan = |value: &str| format!("({0}.ne {value} {value})", self.name());
                format!(
                    "(i32.and ({int}.ne {} {}) (i32.eqz (i32.and {} {})))",
                    bits(one),
                    bits(two),
                    is_nan(one),
                    is_nan(two)
                )
            }
            V128 => format!("(i32.eqz (i8x16.all_true (i8x16.eq {one} {two})))"),
            V32 => format!("(i32.eqz (i32x4.all_true (v128.or (i32x4.eq {one} {two}) {})))", both_nan("f32x4")),
            V64 => format!("(i32.eqz (i64x2.all_true (v128.or (i64x2.eq {one} {two}) {})))", both_nan("f64x2")),
        }
    }
}

struct Operator {
    name: String,
    operands: Vec<Type>,
    result: Type,
}

fn operators() -> Vec<Operator> {
    let mut all = Vec::new();
    let mut add = |names: &str, prefix: &str, operands: &[Type], result: Type| {
        for name in names.split_whitespace() {
            let name = if name.contains('.') { name.to_owned() } else { format!("{prefix}.{name}") };
            all.push(Operator { name, operands: operands.to_vec(), result });
        }
    };
    for ty in [I32, I64] {
        let name = ty.name();
        add("add sub mul div_s div_u rem_s rem_u and or xor shl shr_s shr_u rotl rotr", name, &[ty, ty], ty);
        add("eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u", name, &[ty, ty], I32);
        add("clz ctz popcnt extend8_s extend16_s", name, &[ty], ty);
        add("eqz", name, &[ty], I32);
        add("trunc_sat_f32_s trunc_sat_f32_u", name, &[F32], ty);
        add("trunc_sat_f64_s trunc_sat_f64_u", name, &[F64], ty);
    }
    add("i64.extend32_s", "", &[I64], I64);
    add("i32.wrap_i64", "", &[I64], I32);
    add("i64.extend_i32_s i64.extend_i32_u", "", &[I32], I64);
    for ty in [F32, F64] {
        let name = ty.name();
        add("add sub mul div min max copysign", name, &[ty, ty], ty);
        add("eq ne lt gt le ge", name, &[ty, ty], I32);
        add("abs neg ceil floor trunc nearest sqrt", name, &[ty], ty);
        add("convert_i32_s convert_i32_u", name, &[I32], ty);
        add("convert_i64_s convert_i64_u", name, &[I64], ty);
    }
    add("f32.demote_f64", "", &[F64], F32);
    add("f64.promote_f32", "", &[F32], F64);
    add("i32.reinterpret_f32", "", &[F32], I32);
    add("i64.reinterpret_f64", "", &[F64], I64);
    add("f32.reinterpret_i32", "", &[I32], F32);
    add("f64.reinterpret_i64", "", &[I64], F64);
    vectors(&mut add);
    all
}

/// Takes names of operators, what stands before those without a dot, operands and result.
type Add<'a> = dyn FnMut(&str, &str, &[Type], Type) + 'a;

fn vectors(add: &mut Add) {
    for shape in ["i8x16", "i16x8", "i32x4", "i64x2"] {
        let lane = if shape == "i64x2" { I64 } else { I32 };
        add("add sub eq ne lt_s gt_s le_s ge_s", shape, &[V128, V128], V128);
        add("abs neg", shape, &[V128], V128);
        add("all_true bitmask", shape, &[V128], I32);
        add("shl shr_s shr_u", shape, &[V128, I32], V128);
        add("splat", shape, &[lane], V128);
        if shape != "i64x2" {
            add("lt_u gt_u le_u ge_u min_s min_u max_s max_u", shape, &[V128, V128], V128);
        }
        if shape != "i8x16" {
            let half = ["i8x16", "i16x8", "i32x4"]
                [["i16x8", "i32x4", "i64x2"].iter().position(|it| *it == shape).unwrap_or(0)];
            add("mul", shape, &[V128, V128], V128);
            for part in ["low", "high"] {
                for sign in ["s", "u"] {
                    add(&format!("extmul_{part}_{half}_{sign}"), shape, &[V128, V128], V128);
                    add(&format!("extend_{part}_{half}_{sign}"), shape, &[V128], V128);
                }
            }
        }
    }
    for shape in ["i8x16", "i16x8"] {
        add("add_sat_s add_sat_u sub_sat_s sub_sat_u avgr_u", shape, &[V128, V128], V128);
    }
    add("i8x16.swizzle i8x16.narrow_i16x8_s i8x16.narrow_i16x8_u", "", &[V128, V128], V128);
    add("i16x8.narrow_i32x4_s i16x8.narrow_i32x4_u i16x8.q15mulr_sat_s i32x4.dot_i16x8_s", "", &[V128, V128], V128);
    add("i8x16.popcnt v128.not i16x8.extadd_pairwise_i8x16_s i16x8.extadd_pairwise_i8x16_u", "", &[V128], V128);
    add("i32x4.extadd_pairwise_i16x8_s i32x4.extadd_pairwise_i16x8_u", "", &[V128], V128);
    add("v128.and v128.or v128.xor v128.andnot", "", &[V128, V128], V128);
    add("v128.bitselect", "", &[V128, V128, V128], V128);
    add("v128.any_true", "", &[V128], I32);
    for (shape, ty, lane) in [("f32x4", V32, F32), ("f64x2", V64, F64)] {
        add("add sub mul div min max pmin pmax", shape, &[ty, ty], ty);
        add("eq ne lt gt le ge", shape, &[ty, ty], V128);
        add("abs neg sqrt ceil floor trunc nearest", shape, &[ty], ty);
        add("splat", shape, &[lane], ty);
    }
    add("i32x4.trunc_sat_f32x4_s i32x4.trunc_sat_f32x4_u", "", &[V32], V128);
    add("i32x4.trunc_sat_f64x2_s_zero i32x4.trunc_sat_f64x2_u_zero", "", &[V64], V128);
    add("f32x4.convert_i32x4_s f32x4.convert_i32x4_u", "", &[V128], V32);
    add("f64x2.convert_low_i32x4_s f64x2.convert_low_i32x4_u", "", &[V128], V64);
    add("f32x4.demote_f64x2_zero", "", &[V64], V32);
    add("f64x2.promote_low_f32x4", "", &[V32], V64);
    // Lanes that are taken and put.
    add("i8x16.extract_lane_s#15 i16x8.extract_lane_u#7 i32x4.extract_lane#3", "", &[V128], I32);
    add("i64x2.extract_lane#1", "", &[V128], I64);
    add("f32x4.extract_lane#2", "", &[V32], F32);
    add("f64x2.extract_lane#1", "", &[V64], F64);
    add("i8x16.replace_lane#3 i16x8.replace_lane#7 i32x4.replace_lane#0", "", &[V128, I32], V128);
    add("i64x2.replace_lane#1", "", &[V128, I64], V128);
    add("f32x4.replace_lane#0 f32x4.replace_lane#3", "", &[V32, F32], V32);
    add("f64x2.replace_lane#0 f64x2.replace_lane#1", "", &[V64, F64], V64);
}

/// Where an operand comes from.
#[derive(Copy, Clone)]
enum From {
    Register,
    Memory,
    Constant,
}

/// A script that calls a function for each operator and choice of constants.
pub fn operators_of_all_kinds(sample: Sample) -> Script {
    let n_choices = if is_full() { 24 } else { 4 };
    let mut script = Script::default();
    script.field("(memory 1 1)");
    for ty in ["i32", "i64", "f32", "f64", "v128"] {
        script.field(&format!("(func $the_{ty} (param {ty}) (result {ty}) (local.get 0))"));
    }
    for (index, operator) in operators().iter().enumerate() {
        let params: String = operator.operands.iter().map(|ty| format!("(param {})", ty.name())).collect();
        let locals: Vec<String> = (0..operator.operands.len()).map(|nth| format!("(local.get {nth})")).collect();
        let name = operator.name.replace('#', " ");
        let result = operator.result.name();
        script.field(&format!("(func $plain{index} {params} (result {result}) ({name} {}))", locals.join(" ")));
        for choice in 0..n_choices {
            if !sample.takes(&(index, choice)) {
                continue;
            }
            let mut dice = Dice::new("operators", index as u64 * 1000 + choice);
            script.field(&function(operator, &name, index, choice, &mut dice));
            script.returns(&Call::new(&format!("{index} {choice}"), &[]), "(i32.const 0)");
        }
    }
    script.end_module();
    script
}

/// A function whose result is 0, or the number of the way that has another result.
fn function(operator: &Operator, name: &str, index: usize, choice: u64, dice: &mut Dice) -> String {
    let divides = name.contains(".div_") || name.contains(".rem_");
    let operands = &operator.operands;
    let constants: Vec<String> = operands.iter().map(|ty| ty.constant(dice, divides)).collect();
    let n_locals = operands.len();
    let locals: String = operands.iter().map(|ty| format!("(local {})", ty.name())).collect();
    let result = operator.result.name();
    let mut text = format!(
        "(func (export \"{index} {choice}\") (result i32) {locals} (local $want {result}) (local $got {result})\n"
    );
    // Values that the generator can't know: what a call returns.
    for (nth, (ty, constant)) in operands.iter().zip(&constants).enumerate() {
        writeln!(text, "  (local.set {nth} (call $the_{} {constant}))", ty.name()).expect("a string takes everything");
    }
    let registers: Vec<String> = (0..n_locals).map(|nth| format!("(local.get {nth})")).collect();
    writeln!(text, "  (local.set $want (call $plain{index} {}))", registers.join(" "))
        .expect("a string takes everything");
    let mut ways: Vec<Vec<From>> = vec![vec![From::Constant; n_locals]];
    for nth in 0..n_locals {
        for (this, others) in
            [(From::Memory, From::Register), (From::Memory, From::Constant), (From::Constant, From::Register)]
        {
            ways.push((0..n_locals).map(|other| if other == nth { this } else { others }).collect());
        }
    }
    for (number, way) in ways.iter().enumerate() {
        let mut arguments = Vec::new();
        for (nth, from) in way.iter().enumerate() {
            let (ty, place) = (operands[nth], 65536 - operands[nth].size());
            let ty_name = ty.name();
            arguments.push(match from {
                From::Register => registers[nth].clone(),
                From::Constant => constants[nth].clone(),
                From::Memory => {
                    writeln!(text, "  ({ty_name}.store (i32.const {place}) (local.get {nth}))")
                        .expect("a string takes everything");
                    // An address that is not known.
                    format!("({ty_name}.load (call $the_i32 (i32.const {place})))")
                }
            });
        }
        let differ = operator.result.differ("(local.get $want)", "(local.get $got)");
        writeln!(
            text,
            "  (local.set $got ({name} {}))\n  (if {differ} (then (return (i32.const {}))))",
            arguments.join(" "),
            number + 1
        )
        .expect("a string takes everything");
    }
    text.push_str("  (i32.const 0))\n");
    text
}
