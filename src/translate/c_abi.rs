//! The platforms' C conventions, as far as Cranelift does not know them.

use crate::foreign::{ForeignFunction, Integer, Type, Variadic};
use crate::number::low_byte;
use cranelift_codegen::ir::{self, AbiParam};
use target_lexicon::{Architecture, OperatingSystem, Triple};

/// A platform's C convention.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum CAbi {
    SystemVX64,
    WindowsX64,
    Aapcs64,
    AppleArm64,
    RiscV64,
    S390x,
}

impl CAbi {
    /// The convention of a target that Cranelift compiles for.
    pub fn of(triple: &Triple) -> CAbi {
        match (triple.architecture, triple.operating_system) {
            (Architecture::Aarch64(_), system) if is_apple(system) => CAbi::AppleArm64,
            (Architecture::Aarch64(_), _) => CAbi::Aapcs64,
            (Architecture::Riscv64(_), _) => CAbi::RiscV64,
            (Architecture::S390x, _) => CAbi::S390x,
            (_, OperatingSystem::Windows) => CAbi::WindowsX64,
            _ => CAbi::SystemVX64,
        }
    }

    /// An integer as a parameter or a result: how the bits above it are filled.
    pub fn integer(self, Integer { bits, signed }: Integer) -> AbiParam {
        let param = AbiParam::new(ir::Type::int(bits.into()).expect("integers have 8, 16, 32 or 64 bits"));
        match (self, bits) {
            (_, 64) => param,
            // All 32-bit integers are sign-extended there, those without a sign as well.
            (CAbi::RiscV64, 32) => param.sext(),
            (CAbi::S390x, _) | (CAbi::RiscV64 | CAbi::SystemVX64 | CAbi::WindowsX64, 8 | 16) => {
                if signed {
                    param.sext()
                } else {
                    param.uext()
                }
            }
            // On arm64 arguments are extended by instructions of their own: see `pass_integer`.
            _ => param,
        }
    }

    /// The instructions that must come between a call and a variadic function; none on platforms
    /// that need none.
    pub fn variadic_stub(self, function: &ForeignFunction) -> Option<Vec<u8>> {
        let listed: Vec<&Type> = match &function.variadic {
            Variadic::Listed(types) => types.iter().collect(),
            Variadic::Buffer(slots, _) => slots.iter().map(|slot| &slot.ty).collect(),
            Variadic::None | Variadic::Formatted(..) => return None,
        };
        let floats = function.params.iter().chain(listed).map(is_float);
        match self {
            CAbi::SystemVX64 => {
                // mov eax, number of vector registers
                let n_floats = floats.filter(|is_float| *is_float).count().min(8);
                Some(vec![0xb8, low_byte(n_floats as u64), 0, 0, 0])
            }
            CAbi::WindowsX64 => {
                // movq rcx, xmm0; movq rdx, xmm1; movq r8, xmm2; movq r9, xmm3
                const COPIES: [[u8; 5]; 4] = [
                    [0x66, 0x48, 0x0f, 0x7e, 0xc1],
                    [0x66, 0x48, 0x0f, 0x7e, 0xca],
                    [0x66, 0x49, 0x0f, 0x7e, 0xd0],
                    [0x66, 0x49, 0x0f, 0x7e, 0xd9],
                ];
                let copies = COPIES.iter().zip(floats).filter(|(_, is_float)| *is_float);
                let code: Vec<u8> = copies.flat_map(|(copy, _)| copy).copied().collect();
                (!code.is_empty()).then_some(code)
            }
            _ => None,
        }
    }
}

/// Bits of C's `long`: 64, but on Windows.
pub fn long_bits(triple: &Triple) -> u8 {
    if triple.operating_system == OperatingSystem::Windows { 32 } else { 64 }
}

fn is_apple(system: OperatingSystem) -> bool {
    matches!(system, OperatingSystem::Darwin(_) | OperatingSystem::MacOSX(_) | OperatingSystem::IOS(_))
}

pub fn is_float(ty: &Type) -> bool {
    matches!(ty, Type::F32 | Type::F64 | Type::V128)
}
