//! Wasm values as text: arguments of `--invoke` in, results out, in the forms that `wasmtime run
//! --invoke` knows.

use crate::abi::value::{
    TYPE_EXNREF, TYPE_EXTERNREF, TYPE_F32, TYPE_F64, TYPE_FUNCREF, TYPE_I32, TYPE_I64, TYPE_V128, Value,
};
use crate::text::Text;
use crate::width::{low_u32, low_u64};
use std::fmt::Write;

pub fn type_name(ty: u8) -> &'static str {
    match ty {
        TYPE_I32 => "i32",
        TYPE_I64 => "i64",
        TYPE_F32 => "f32",
        TYPE_F64 => "f64",
        TYPE_V128 => "v128",
        TYPE_FUNCREF => "funcref",
        TYPE_EXTERNREF => "externref",
        TYPE_EXNREF => "exnref",
        _ => "reference",
    }
}

/// A value of a type, or nothing if the text does not denote one.
///
/// Integers are decimal or hexadecimal, signed or unsigned. Floats are those of Rust, hexadecimal
/// ones (`0x1.8p3`), and `nan:0x…` with a payload.
pub fn parse(ty: u8, text: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(text).ok()?;
    let bits = match ty {
        TYPE_I32 => parse_integer(text, 32)?,
        TYPE_I64 => parse_integer(text, 64)?,
        TYPE_V128 => parse_integer(text, 128)?,
        TYPE_F32 => match parse_float_bits(text, 8, 23) {
            Some(bits) => bits,
            None => text.parse::<f32>().ok()?.to_bits().into(),
        },
        TYPE_F64 => match parse_float_bits(text, 11, 52) {
            Some(bits) => bits,
            None => text.parse::<f64>().ok()?.to_bits().into(),
        },
        _ => return None,
    };
    Some(Value(bits.to_le_bytes()))
}

fn split_sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

/// So many ones.
fn ones(bits: u32) -> u128 {
    u128::MAX.checked_shr(u128::BITS.saturating_sub(bits)).unwrap_or(0)
}

/// A number that `bits` bits can hold as a signed or as an unsigned one.
fn parse_integer(text: &str, bits: u32) -> Option<u128> {
    let (negative, digits) = split_sign(text);
    let largest = ones(bits);
    let magnitude = match digits.strip_prefix("0x") {
        Some(digits) if !digits.starts_with('+') => u128::from_str_radix(digits, 16).ok()?,
        None if !digits.starts_with('+') => digits.parse().ok()?,
        _ => return None,
    };
    if negative {
        (magnitude <= (largest >> 1).saturating_add(1)).then(|| magnitude.wrapping_neg() & largest)
    } else {
        (magnitude <= largest).then_some(magnitude)
    }
}

/// The encoding of `nan:0x…` and of hexadecimal floats (core specification, 6.3.2
/// "Floating-Point"), rounded to nearest, ties to even.
fn parse_float_bits(text: &str, exponent_bits: u32, fraction_bits: u32) -> Option<u128> {
    let (negative, text) = split_sign(text);
    let sign = u128::from(negative) << exponent_bits.saturating_add(fraction_bits);
    let infinity = ones(exponent_bits) << fraction_bits;
    if let Some(payload) = text.strip_prefix("nan:0x") {
        let payload = u128::from_str_radix(payload, 16).ok()?;
        return (payload != 0 && payload >> fraction_bits == 0).then_some(sign | infinity | payload);
    }
    let (digits, exponent) = text.strip_prefix("0x")?.split_once(['p', 'P']).unwrap_or((&text[2..], "0"));
    let mut exponent: i64 = exponent.parse::<i32>().ok()?.into();
    let mut mantissa: u128 = 0;
    let mut in_fraction = false;
    let mut has_digits = false;
    for character in digits.chars() {
        if character == '.' && !in_fraction {
            in_fraction = true;
            continue;
        }
        let digit = character.to_digit(16)?;
        has_digits = true;
        // Beyond 124 bits, only whether anything follows matters.
        if mantissa >> 120 == 0 {
            mantissa = mantissa << 4 | u128::from(digit);
            exponent = exponent.saturating_sub(if in_fraction { 4 } else { 0 });
        } else {
            mantissa |= u128::from(digit != 0);
            exponent = exponent.saturating_add(if in_fraction { 0 } else { 4 });
        }
    }
    if mantissa == 0 {
        return has_digits.then_some(sign);
    }
    // The value is mantissa * 2^exponent. `unit` is the exponent of the last bit that the format
    // keeps.
    let largest_exponent = ones(exponent_bits.saturating_sub(1));
    let smallest_unit = 1i64.saturating_sub(i64::try_from(largest_exponent).ok()?).saturating_sub(fraction_bits.into());
    let top = exponent.saturating_add(127).saturating_sub(mantissa.leading_zeros().into());
    let unit = top.saturating_sub(fraction_bits.into()).max(smallest_unit);
    let shift = unit.saturating_sub(exponent);
    let n_bits = u32::try_from(shift.unsigned_abs()).unwrap_or(u32::MAX);
    let kept = if shift <= 0 {
        // As many bits as the format keeps stay below its size.
        mantissa.checked_shl(n_bits)?
    } else {
        let (kept, rest) = (mantissa.checked_shr(n_bits).unwrap_or(0), mantissa & ones(n_bits));
        let half = 1u128.checked_shl(n_bits.saturating_sub(1)).unwrap_or(u128::MAX);
        kept.saturating_add(u128::from(rest > half || rest == half && kept & 1 == 1))
    };
    // A normal number's implicit bit adds one to the exponent; so does a carry from rounding.
    let bits = u128::try_from(unit.saturating_sub(smallest_unit)).ok()? << fraction_bits;
    Some(sign | bits.checked_add(kept).filter(|&bits| bits < infinity).unwrap_or(infinity))
}

pub fn print(text: &mut Text, ty: u8, value: Value) {
    let bits = u128::from_le_bytes(value.0);
    // Writing to a `Text` never fails.
    let _ = match ty {
        TYPE_I32 => add_signed(text, low_u32(bits).cast_signed().into()),
        TYPE_I64 => add_signed(text, low_u64(bits).cast_signed()),
        TYPE_F32 => write!(text, "{}", f32::from_bits(low_u32(bits))),
        TYPE_F64 => write!(text, "{}", f64::from_bits(low_u64(bits))),
        TYPE_V128 => {
            text.add_decimal(bits);
            Ok(())
        }
        _ => {
            text.add(if bits == 0 { "<null " } else { "<" }).add(type_name(ty)).add(">");
            Ok(())
        }
    };
}

fn add_signed(text: &mut Text, value: i64) -> std::fmt::Result {
    text.add(if value < 0 { "-" } else { "" }).add_decimal(value.unsigned_abs().into());
    Ok(())
}
