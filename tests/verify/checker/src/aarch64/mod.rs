//! aarch64, decoded by `disarm64`.

mod access;
mod calls;
mod compute;
mod decode;
mod machine;
mod operation;

use crate::image::Image;
use crate::machine::{Decoded, Exit, Machine, Named, Processor, Registers, Stored};
use crate::state::State;
use crate::value::Place;
use decode::Instruction;
use operation::{Operation, Second};

/// Of general registers.
const FRAME: u8 = 29;
const LINK: u8 = 30;
const SP: u8 = 31;

/// The halves of vectors that functions preserve, `d8` to `d15`, follow the general registers.
const FIRST_VECTOR: u8 = 8;
const VECTORS: u8 = 32;

/// The processor.
pub struct Aarch64;

impl Processor for Aarch64 {
    type Instruction = Instruction;

    const REGISTERS: Registers = Registers {
        count: 40,
        stack: SP,
        frame: FRAME,
        arguments: [0, 1, 2],
        results: 8,
        result: 0,
        preserved: &[19, 20, 21, 22, 23, 24, 25, 26, 27, 28, FRAME, 32, 33, 34, 35, 36, 37, 38, 39],
        return_address: Place::Register(LINK),
        return_entry: LINK,
        arguments_at: 0,
        red_zone: 0,
        stored: &[
            Stored { registers: &[19, 20, 21, 22, 23, 24, 25, 26, 27, 28], is_above: true, in_pairs: true },
            Stored { registers: &[32, 33, 34, 35, 36, 37, 38, 39], is_above: false, in_pairs: true },
        ],
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
        matches!(instruction.operation, Operation::Return(_))
    }

    fn stack_taken(instruction: &Instruction) -> Option<u32> {
        match instruction.operation {
            Operation::Add { is_minus: true, to: Some(SP), left: Some(SP), right: Second::Constant(bytes), .. } => {
                u32::try_from(bytes).ok()
            }
            _ => None,
        }
    }
}

/// Where a state has the low half of a vector register, if functions preserve it.
fn vector(number: u8) -> Option<u8> {
    (FIRST_VECTOR..FIRST_VECTOR + 8).contains(&number).then(|| VECTORS + number - FIRST_VECTOR)
}
