//! Calls, jumps and returns of x86-64: what they name.

use super::X86;
use super::decode::{immediate, register};
use crate::calls::Callee;
use crate::image::{Image, RelocationKind};
use crate::machine::{Decoded, Exit, Leads, Machine, Named};
use crate::state::State;
use yaxpeax_x86::long_mode::{Instruction, Operand};

impl Machine<'_, X86> {
    pub fn call_by(&mut self, mut state: State, decoded: &Decoded<Instruction>) -> Exit {
        let callee = self.callee(&mut state, decoded);
        self.call(state, callee)
    }

    /// What an instruction calls, or jumps to in place of a return.
    fn callee(&mut self, state: &mut State, decoded: &Decoded<Instruction>) -> Option<Callee> {
        let operand = decoded.instruction.operand(0);
        if immediate(&operand).is_some() {
            let named = named(self.knowledge.image, decoded);
            return self.direct(named);
        }
        let value = match operand {
            Operand::Register { .. } => {
                let (number, _) = register(&operand)?;
                state.registers[usize::from(number)].clone()
            }
            _ => self.load(state, operand, 8),
        };
        self.indirect(state, &value)
    }

    pub fn jump_by(&mut self, mut state: State, decoded: &Decoded<Instruction>) -> Exit {
        if let Leads::Jump(Some(target)) = decoded.leads
            && (self.function.start..self.function.end).contains(&target)
        {
            return Exit::Ways(vec![(target, state)]);
        }
        if let Some((number, _)) = register(&decoded.instruction.operand(0)) {
            let value = state.registers[usize::from(number)].clone();
            if let Some(exit) = self.jump_by_table(&state, &value) {
                return exit;
            }
        }
        let callee = self.callee(&mut state, decoded);
        self.tail_call(&state, callee)
    }

    pub fn return_by(&mut self, state: &State, instruction: &Instruction) -> Exit {
        let taken = match instruction.operand_count() {
            0 => 0,
            _ => immediate(&instruction.operand(0)).unwrap_or(i64::MIN),
        };
        self.return_(state, taken)
    }
}

/// What a call or jump with a distance names.
pub fn named(image: &Image, decoded: &Decoded<Instruction>) -> Named {
    let Some(distance) = immediate(&decoded.instruction.operand(0)) else { return Named::default() };
    let target = u32::try_from(i64::from(decoded.next) + distance).ok();
    let relocated = image.relocation_in(decoded.at, decoded.next);
    let relocated = relocated.map(|(relocation, before_end)| match relocation.kind {
        RelocationKind::Relative => (relocation.symbol, relocation.addend + before_end),
        _ => (relocation.symbol, i64::MAX),
    });
    Named { target, relocated }
}
