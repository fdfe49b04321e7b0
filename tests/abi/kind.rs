//! The value types that cross the edge, and values that show when a bit of them is lost.

use crate::random::Random;
use std::fmt::Write;

#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    I32,
    I64,
    F32,
    F64,
    V128,
    /// Integers of C that are an `i32` in Wasm: only imports with a declaration, and function
    /// pointers, have them.
    I8,
    U8,
    I16,
    U16,
}

impl Kind {
    /// Those of Wasm.
    pub const ALL: [Kind; 5] = [Kind::I32, Kind::I64, Kind::F32, Kind::F64, Kind::V128];

    pub const NARROW: [Kind; 4] = [Kind::I8, Kind::U8, Kind::I16, Kind::U16];

    /// What it is in Wasm.
    pub fn in_wasm(self) -> Kind {
        if Kind::NARROW.contains(&self) { Kind::I32 } else { self }
    }

    /// As in the names of cases.
    pub fn letter(self) -> char {
        match self {
            Kind::I32 => 'i',
            Kind::I64 => 'l',
            Kind::F32 => 'f',
            Kind::F64 => 'd',
            Kind::V128 => 'v',
            Kind::I8 => 'b',
            Kind::U8 => 'B',
            Kind::I16 => 'h',
            Kind::U16 => 'H',
        }
    }

    /// In declarations of imports.
    pub fn declared(self) -> &'static str {
        match self {
            Kind::I8 => "i8",
            Kind::U8 => "u8",
            Kind::I16 => "i16",
            Kind::U16 => "u16",
            other => other.wasm(),
        }
    }

    pub fn wasm(self) -> &'static str {
        match self.in_wasm() {
            Kind::I32 => "i32",
            Kind::I64 => "i64",
            Kind::F32 => "f32",
            Kind::F64 => "f64",
            _ => "v128",
        }
    }

    /// The type in C; `vector` stands for the processor's own.
    pub fn c(self) -> &'static str {
        match self {
            Kind::I32 => "int32_t",
            Kind::I64 => "int64_t",
            Kind::F32 => "float",
            Kind::F64 => "double",
            Kind::V128 => "vector",
            Kind::I8 => "int8_t",
            Kind::U8 => "uint8_t",
            Kind::I16 => "int16_t",
            Kind::U16 => "uint16_t",
        }
    }

    /// Of the value in Wasm.
    pub fn bytes(self) -> usize {
        match self.in_wasm() {
            Kind::I64 | Kind::F64 => 8,
            Kind::V128 => 16,
            _ => 4,
        }
    }

    /// Whether C passes it in general-purpose registers.
    pub fn is_integer(self) -> bool {
        matches!(self.in_wasm(), Kind::I32 | Kind::I64)
    }
}

/// `ilf` for `[I32, I64, F32]`, `0` for none.
pub fn letters(kinds: &[Kind]) -> String {
    if kinds.is_empty() { "0".to_owned() } else { kinds.iter().map(|kind| kind.letter()).collect() }
}

/// A value: its bytes in the low end, zero above. A narrow one is extended to 32 bits.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Value {
    pub kind: Kind,
    pub bits: u128,
}

/// Values on edges. NaNs carry payloads, quiet and signalling.
const I32: [u32; 7] = [0, 1, u32::MAX, 1 << 31, (1 << 31) - 1, 0x8000_0001, 0xffff_0000];
const I64: [u64; 8] =
    [0, 1, u64::MAX, 1 << 63, (1 << 63) - 1, 0xffff_ffff, 0xffff_ffff_0000_0000, 0x8000_0000_8000_0000];
const F32: [u32; 8] = [
    0,
    0x8000_0000, // -0.0
    0x7f80_0000, // infinity
    0xff80_0000, // -infinity
    0x7fc0_1234, // quiet
    0xff81_2345, // signalling, negative
    0x7f80_0001, // signalling
    0x8000_0001, // the smallest subnormal, negative
];
const F64: [u64; 8] = [
    0,
    0x8000_0000_0000_0000,
    0x7ff0_0000_0000_0000,
    0xfff0_0000_0000_0000,
    0x7ff8_1234_5678_9abc,
    0xfff4_0000_dead_beef,
    0x7ff0_0000_0000_0001,
    0x8000_0000_0000_0001,
];

impl Value {
    /// A value unlike all of `others`: of each three, two have random bits, and one stands on an
    /// edge. All bytes of a vector differ.
    pub fn choose(kind: Kind, others: &[Value], random: &mut Random) -> Value {
        loop {
            let edge = random.below(3) == 0;
            let bits = match kind {
                Kind::I32 if edge => u128::from(*random.pick(&I32)),
                Kind::F32 if edge => u128::from(*random.pick(&F32)),
                Kind::I64 if edge => u128::from(*random.pick(&I64)),
                Kind::F64 if edge => u128::from(*random.pick(&F64)),
                Kind::I32 | Kind::F32 => u128::from(random.next() as u32),
                Kind::I64 | Kind::F64 => u128::from(random.next()),
                Kind::V128 => u128::from_le_bytes(distinct_bytes(random)),
                Kind::I8 => u128::from(random.next() as i8 as u32),
                Kind::U8 => u128::from(random.next() as u8),
                Kind::I16 => u128::from(random.next() as i16 as u32),
                Kind::U16 => u128::from(random.next() as u16),
            };
            let value = Value { kind, bits };
            if !others.contains(&value) {
                return value;
            }
        }
    }

    /// The instruction that pushes it. Of a narrow value all bits above are wrong: they must not
    /// arrive.
    pub fn wasm(self) -> String {
        match self.kind {
            Kind::I8 | Kind::U8 => format!("(i32.const {:#x})", self.bits as u32 ^ 0xffff_ff00),
            Kind::I16 | Kind::U16 => format!("(i32.const {:#x})", self.bits as u32 ^ 0xffff_0000),
            Kind::I32 => format!("(i32.const {:#x})", self.bits),
            Kind::I64 => format!("(i64.const {:#x})", self.bits),
            Kind::F32 => format!("(f32.const {})", f32_text(self.bits as u32)),
            Kind::F64 => format!("(f64.const {})", f64_text(self.bits as u64)),
            Kind::V128 => format!("(v128.const i64x2 {:#x} {:#x})", self.bits as u64, (self.bits >> 64) as u64),
        }
    }

    /// The initializer of a C `struct value`.
    pub fn c(self) -> String {
        let mut text = "{{".to_owned();
        for byte in self.bits.to_le_bytes() {
            write!(text, "{byte},").expect("a string takes everything");
        }
        text + "}}"
    }
}

fn distinct_bytes(random: &mut Random) -> [u8; 16] {
    let start = random.next() as u8;
    // An odd step visits all 256 bytes before one comes again.
    let step = random.next() as u8 | 1;
    std::array::from_fn(|lane| start.wrapping_add(step.wrapping_mul(lane as u8)))
}

fn f32_text(bits: u32) -> String {
    let value = f32::from_bits(bits);
    if value.is_nan() { nan_text(value.is_sign_negative(), u64::from(bits & 0x7f_ffff)) } else { number_text(value) }
}

fn f64_text(bits: u64) -> String {
    let value = f64::from_bits(bits);
    if value.is_nan() { nan_text(value.is_sign_negative(), bits & 0xf_ffff_ffff_ffff) } else { number_text(value) }
}

fn nan_text(negative: bool, payload: u64) -> String {
    format!("{}nan:{payload:#x}", if negative { "-" } else { "" })
}

/// The shortest decimal that reads back as the same number; infinities are `inf`, as Wasm's text
/// has them.
fn number_text(value: impl std::fmt::Debug) -> String {
    format!("{value:?}")
}
