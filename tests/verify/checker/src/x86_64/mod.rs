//! x86-64, decoded by `yaxpeax-x86`.

mod calls;
mod compute;
mod decode;
mod machine;

use crate::image::Image;
use crate::machine::{Decoded, Exit, Machine, Named, Processor, Registers, Stored};
use crate::state::State;
use crate::value::Place;
use decode::{immediate, register};
use yaxpeax_x86::long_mode::{Instruction, Opcode};

const RAX: u8 = 0;
const RDX: u8 = 2;
const RBX: u8 = 3;
const RSP: u8 = 4;
const RBP: u8 = 5;
const RSI: u8 = 6;
const RDI: u8 = 7;

/// The processor.
pub struct X86;

impl Processor for X86 {
    type Instruction = Instruction;

    const REGISTERS: Registers = Registers {
        count: 16,
        stack: RSP,
        frame: RBP,
        arguments: [RDI, RSI, RDX],
        results: RDI,
        result: RAX,
        preserved: &[RBX, RBP, 12, 13, 14, 15],
        return_address: Place::Slot(0),
        return_entry: 16,
        arguments_at: 8,
        red_zone: 128,
        stored: &[Stored { registers: &[15, 14, 13, 12, RBX], is_above: false, in_pairs: false }],
    };

    fn decode(image: &Image, at: u32, end: u32) -> Result<Decoded<Instruction>, String> {
        decode::decode(image, at, end)
    }

    fn step(machine: &mut Machine<Self>, state: State, decoded: &Decoded<Instruction>) -> Exit {
        machine.step(state, decoded)
    }

    fn named(image: &Image, decoded: &Decoded<Instruction>) -> Named {
        calls::named(image, decoded)
    }

    fn is_return(instruction: &Instruction) -> bool {
        instruction.opcode() == Opcode::RETURN
    }

    fn stack_taken(instruction: &Instruction) -> Option<u32> {
        let is_stack = register(&instruction.operand(0)) == Some((RSP, 8));
        match (instruction.opcode(), immediate(&instruction.operand(1))) {
            (Opcode::SUB, Some(bytes)) if is_stack => u32::try_from(bytes).ok(),
            _ => None,
        }
    }
}
