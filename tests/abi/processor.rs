//! What a processor's C convention says, one row each.
//!
//! A row is all that another processor needs, with its assembly: `abi_call`, which makes a call
//! with every argument register and the stack set from memory, and `abi_receive`, which is called
//! and writes all of them down. What they take and leave is declared in `support.h`.

use crate::kind::Kind;
use test_kit::{generator, target};

pub struct Processor {
    /// As Rust calls it.
    pub name: &'static str,
    /// Argument registers for integers and addresses, for floating-point numbers and vectors.
    pub integer_registers: usize,
    pub vector_registers: usize,
    /// Registers that a callee must preserve, in the order in which `abi_call` stores them.
    pub saved: &'static [&'static str],
    /// Control and status words, in the order in which the assembly stores them, and the bits of
    /// each that a call must preserve and that must be what they were when the program began.
    pub control: &'static [(&'static str, u64)],
    /// The C type of a `v128`, and the header that declares it.
    pub vector: (&'static str, &'static str),
    /// The instruction that takes a frame down, as gdb prints it.
    pub frame_end: &'static str,
    /// The instruction of a tail call, likewise.
    pub jump: &'static str,
    /// Whether gdb finds the caller of a function whose frame is down by its instructions.
    pub knows_epilogues: bool,
    /// The signal of a division by zero.
    pub division: &'static str,
    /// Whether a function of Cranelift's extends the narrow integer that it returns; otherwise its
    /// caller does. The System V ABI for x86-64 leaves it open, and LLVM does not.
    pub extends_results: bool,
    /// Assembly that goes to `abi_receive` with a number: `NUMBER` stands for it.
    pub receiver: &'static str,
    pub assembly: &'static str,
}

/// To add one: a row, and its assembly.
static PROCESSORS: [Processor; 2] = [
    // System V ABI, AMD64 supplement: 3.2.1 "Registers", 3.2.3 "Parameter Passing". The direction
    // flag is bit 10 of the flags; of MXCSR the control bits are callee-saved; the x87 stack must
    // be empty (tag word all ones).
    Processor {
        name: "x86_64",
        integer_registers: 6,
        vector_registers: 8,
        saved: &["rbx", "rbp", "r12", "r13", "r14", "r15"],
        control: &[
            ("the direction flag", 1 << 10),
            ("mxcsr", 0xffc0),
            ("the x87 control word", 0xffff),
            ("the x87 tag word", 0xffff),
        ],
        vector: ("__m128i", "emmintrin.h"),
        frame_end: "\tpop    %rbp",
        jump: "\tjmp",
        knows_epilogues: true,
        division: "SIGFPE",
        extends_results: true,
        receiver: "movl $NUMBER, %r11d; jmp abi_receive",
        assembly: include_str!("x86_64.S"),
    },
    // Procedure Call Standard for the Arm 64-bit Architecture: 6.1 "Machine Registers", 6.8
    // "Parameter Passing". Of v8 to v15 the low halves are callee-saved.
    Processor {
        name: "aarch64",
        integer_registers: 8,
        vector_registers: 8,
        saved: &[
            "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x29", "d8", "d9", "d10", "d11",
            "d12", "d13", "d14", "d15",
        ],
        control: &[("fpcr", u64::MAX)],
        vector: ("int8x16_t", "arm_neon.h"),
        frame_end: "\tldp\tx29, x30, [sp]",
        jump: "\tb",
        knows_epilogues: false,
        division: "SIGILL",
        extends_results: false,
        receiver: "mov x16, #NUMBER; b abi_receive",
        assembly: include_str!("aarch64.S"),
    },
];

/// Where an argument is passed.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Slot {
    /// Number of the argument register.
    Integer(usize),
    Vector(usize),
    /// Offset in bytes from the first stack argument.
    Stack(usize),
}

impl Processor {
    /// That of the tests' target.
    pub fn of_target() -> Option<&'static Processor> {
        PROCESSORS.iter().find(|processor| processor.name == target::processor())
    }

    /// Where arguments go. Both conventions fill the registers of a class in order, and then the
    /// stack in order, in words of eight bytes; vectors are aligned to sixteen.
    pub fn slots(&self, kinds: impl IntoIterator<Item = Kind>) -> Vec<Slot> {
        let (mut integers, mut vectors, mut stack) = (0..self.integer_registers, 0..self.vector_registers, 0_usize);
        let slot = |kind: Kind| {
            let register =
                if kind.is_integer() { integers.next().map(Slot::Integer) } else { vectors.next().map(Slot::Vector) };
            register.unwrap_or_else(|| {
                let size = kind.bytes().max(8);
                let start = stack.next_multiple_of(size);
                stack = start + size;
                Slot::Stack(start)
            })
        };
        kinds.into_iter().map(slot).collect()
    }

    /// The row in C's words, for `support.h` and the assembly.
    pub fn header(&self) -> String {
        let (vector, include) = self.vector;
        let saved: Vec<_> = self.saved.iter().map(|name| format!("\"{name}\"")).collect();
        let control: Vec<_> = self.control.iter().map(|(name, mask)| format!("{{\"{name}\", {mask:#x}u}}")).collect();
        format!(
            "#define INTEGER_REGISTERS {}\n#define VECTOR_REGISTERS {}\n\
             #define EXTENDS_RESULTS {}\n#define N_SAVED {}\n#define SAVED_NAMES {{{}}}\n#define N_CONTROL {}\n#define CONTROL {{{}}}\n\
             #ifndef __ASSEMBLER__\n#include <{include}>\ntypedef {vector} vector;\n#endif\n",
            self.integer_registers,
            self.vector_registers,
            u8::from(self.extends_results && generator::name().is_none()),
            saved.len(),
            saved.join(", "),
            control.len(),
            control.join(", "),
        )
    }
}
