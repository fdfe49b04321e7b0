//! Values of scripts: arguments as the runtime takes them, expected results as masks over bits.

use crate::abi::object::{HOST_WORD, IMMEDIATE};
use crate::abi::record::Padding;
use crate::abi::script::{self, Pattern};
use crate::abi::value::Value;
use anyhow::{Result, bail};
use wast::core::{NanPattern, V128Pattern, WastArgCore, WastRetCore};
use wast::token::{F32, F64};

/// Host references are their number plus one, so that none is null.
fn host_reference(number: u32) -> [u8; 8] {
    u64::from(number).saturating_add(1).to_le_bytes()
}

/// What `any.convert_extern` makes of one.
fn host_value(number: u32) -> u64 {
    u64::from(number).saturating_add(1) << 1 | IMMEDIATE | HOST_WORD
}

/// An argument as the runtime takes it.
pub fn argument(argument: &WastArgCore) -> Value {
    Value(match argument {
        WastArgCore::I32(it) => low(&it.to_le_bytes()),
        WastArgCore::I64(it) => low(&it.to_le_bytes()),
        WastArgCore::F32(it) => low(&it.bits.to_le_bytes()),
        WastArgCore::F64(it) => low(&it.bits.to_le_bytes()),
        WastArgCore::V128(it) => it.to_le_bytes(),
        WastArgCore::RefNull(_) => [0; 16],
        WastArgCore::RefExtern(it) => low(&host_reference(*it)),
        WastArgCore::RefHost(it) => low(&host_value(*it).to_le_bytes()),
    })
}

/// The expected result, one pattern per alternative.
///
/// # Errors
/// For references that threads share.
pub fn patterns(result: &WastRetCore) -> Result<Vec<Pattern>> {
    let one = |pattern| Ok(vec![pattern]);
    match result {
        WastRetCore::I32(it) => one(exact(&it.to_le_bytes())),
        WastRetCore::I64(it) => one(exact(&it.to_le_bytes())),
        WastRetCore::F32(it) => {
            let (value, mask) = f32_pattern(it);
            one(masked(&value.to_le_bytes(), &mask.to_le_bytes()))
        }
        WastRetCore::F64(it) => {
            let (value, mask) = f64_pattern(it);
            one(masked(&value.to_le_bytes(), &mask.to_le_bytes()))
        }
        WastRetCore::V128(it) => one(vector(it)),
        WastRetCore::RefNull(_) => one(exact(&[0; 8])),
        WastRetCore::RefExtern(Some(it)) => one(exact(&host_reference(*it))),
        WastRetCore::RefHost(it) => one(exact(&host_value(*it).to_le_bytes())),
        WastRetCore::RefExtern(None) | WastRetCore::RefFunc(_) | WastRetCore::RefAny => one(of_kind(script::NOT_NULL)),
        WastRetCore::RefStruct => one(of_kind(script::STRUCT)),
        WastRetCore::RefArray => one(of_kind(script::ARRAY)),
        WastRetCore::RefEq => one(of_kind(script::EQ)),
        WastRetCore::RefI31 => one(masked(&IMMEDIATE.to_le_bytes(), &(IMMEDIATE | HOST_WORD).to_le_bytes())),
        WastRetCore::Either(cases) => {
            let mut all = Vec::new();
            for case in cases {
                all.extend(patterns(case)?);
            }
            let last = all.len().saturating_sub(1);
            all[..last].iter_mut().for_each(|pattern| pattern.has_alternative = 1);
            Ok(all)
        }
        WastRetCore::RefI31Shared => bail!("shared references are not supported"),
    }
}

fn of_kind(kind: u8) -> Pattern {
    Pattern { value: [0; 16], mask: [0; 16], kind, has_alternative: 0, padding: Padding::ZERO }
}

/// An argument as a script has it.
pub fn describe_argument(argument: &WastArgCore) -> String {
    match argument {
        WastArgCore::I32(it) => format!("(i32.const {it})"),
        WastArgCore::I64(it) => format!("(i64.const {it})"),
        WastArgCore::F32(it) => describe_f32(it),
        WastArgCore::F64(it) => describe_f64(it),
        WastArgCore::V128(it) => describe_vector(it.to_le_bytes()),
        WastArgCore::RefNull(_) => "(ref.null)".to_owned(),
        WastArgCore::RefExtern(it) => format!("(ref.extern {it})"),
        WastArgCore::RefHost(it) => format!("(ref.host {it})"),
    }
}

/// An expected result as a script has it.
pub fn describe_result(result: &WastRetCore) -> String {
    match result {
        WastRetCore::I32(it) => format!("(i32.const {it})"),
        WastRetCore::I64(it) => format!("(i64.const {it})"),
        WastRetCore::F32(NanPattern::Value(it)) => describe_f32(it),
        WastRetCore::F64(NanPattern::Value(it)) => describe_f64(it),
        WastRetCore::F32(NanPattern::CanonicalNan) => "(f32.const nan:canonical)".to_owned(),
        WastRetCore::F32(NanPattern::ArithmeticNan) => "(f32.const nan:arithmetic)".to_owned(),
        WastRetCore::F64(NanPattern::CanonicalNan) => "(f64.const nan:canonical)".to_owned(),
        WastRetCore::F64(NanPattern::ArithmeticNan) => "(f64.const nan:arithmetic)".to_owned(),
        // Lanes that may have several values are shown by one of them.
        WastRetCore::V128(it) => describe_vector(vector(it).value),
        WastRetCore::RefNull(_) => "(ref.null)".to_owned(),
        WastRetCore::RefExtern(Some(it)) => format!("(ref.extern {it})"),
        WastRetCore::RefExtern(None) => "(ref.extern)".to_owned(),
        WastRetCore::RefFunc(_) => "(ref.func)".to_owned(),
        WastRetCore::Either(cases) => cases.iter().map(describe_result).collect::<Vec<_>>().join(" or "),
        other => format!("{other:?}"),
    }
}

fn describe_f32(it: &F32) -> String {
    let value = f32::from_bits(it.bits);
    match value.is_nan() {
        true => {
            format!("(f32.const {}nan:{:#x})", if value.is_sign_negative() { "-" } else { "" }, it.bits & 0x7f_ffff)
        }
        false => format!("(f32.const {value})"),
    }
}

fn describe_f64(it: &F64) -> String {
    let value = f64::from_bits(it.bits);
    let payload = it.bits & (u64::MAX >> 12);
    match value.is_nan() {
        true => format!("(f64.const {}nan:{payload:#x})", if value.is_sign_negative() { "-" } else { "" }),
        false => format!("(f64.const {value})"),
    }
}

/// Four lanes, the first in the low bytes.
fn describe_vector(bytes: [u8; 16]) -> String {
    let lanes = bytes
        .chunks_exact(4)
        .map(|lane| format!(" {:#x}", lane.iter().rev().fold(0u32, |all, byte| all << 8 | u32::from(*byte))));
    format!("(v128.const i32x4{})", lanes.collect::<String>())
}

fn vector(pattern: &V128Pattern) -> Pattern {
    fn lanes<const N: usize, T>(lanes: &[T], bytes: impl Fn(&T) -> ([u8; N], [u8; N])) -> Pattern {
        let (values, masks): (Vec<_>, Vec<_>) = lanes.iter().map(bytes).unzip();
        masked(&values.concat(), &masks.concat())
    }
    match pattern {
        V128Pattern::I8x16(it) => lanes(it, |lane| (lane.to_le_bytes(), [0xff; 1])),
        V128Pattern::I16x8(it) => lanes(it, |lane| (lane.to_le_bytes(), [0xff; 2])),
        V128Pattern::I32x4(it) => lanes(it, |lane| (lane.to_le_bytes(), [0xff; 4])),
        V128Pattern::I64x2(it) => lanes(it, |lane| (lane.to_le_bytes(), [0xff; 8])),
        V128Pattern::F32x4(it) => lanes(it, |lane| {
            let (value, mask) = f32_pattern(lane);
            (value.to_le_bytes(), mask.to_le_bytes())
        }),
        V128Pattern::F64x2(it) => lanes(it, |lane| {
            let (value, mask) = f64_pattern(lane);
            (value.to_le_bytes(), mask.to_le_bytes())
        }),
    }
}

/// Value and mask. Canonical NaNs may have either sign, arithmetic ones also any payload with the
/// first bit set (core specification, 4.3.3).
fn f32_pattern(pattern: &NanPattern<F32>) -> (u32, u32) {
    match pattern {
        NanPattern::Value(it) => (it.bits, u32::MAX),
        NanPattern::CanonicalNan => (0x7fc0_0000, 0x7fff_ffff),
        NanPattern::ArithmeticNan => (0x7fc0_0000, 0x7fc0_0000),
    }
}

fn f64_pattern(pattern: &NanPattern<F64>) -> (u64, u64) {
    match pattern {
        NanPattern::Value(it) => (it.bits, u64::MAX),
        NanPattern::CanonicalNan => (0x7ff8 << 48, u64::MAX >> 1),
        NanPattern::ArithmeticNan => (0x7ff8 << 48, 0x7ff8 << 48),
    }
}

fn exact(bytes: &[u8]) -> Pattern {
    masked(bytes, &[0xff; 16][..bytes.len()])
}

fn masked(value: &[u8], mask: &[u8]) -> Pattern {
    Pattern { value: low(value), mask: low(mask), kind: script::NUMBER, has_alternative: 0, padding: Padding::ZERO }
}

/// `bytes` in the low bytes of a value, zero above.
fn low(bytes: &[u8]) -> [u8; 16] {
    let mut value = [0; 16];
    value[..bytes.len()].copy_from_slice(bytes);
    value
}
