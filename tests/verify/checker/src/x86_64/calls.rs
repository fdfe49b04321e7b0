//! Calls, jumps and returns of x86-64: what they name.

use super::X86;
use super::decode::{immediate, register};
use crate::calls::Callee;
use crate::image::{RelocationKind, SymbolNumber};
use crate::machine::{Exit, Leads, Machine};
use crate::state::State;
use yaxpeax_x86::long_mode::{Instruction, Operand};

impl Machine<'_, X86> {
    pub fn call_by(&mut self, mut state: State, instruction: &Instruction) -> Exit {
        let callee = self.callee(&mut state, instruction);
        self.call(state, callee)
    }

    /// What an instruction calls, or jumps to in place of a return.
    fn callee(&mut self, state: &mut State, instruction: &Instruction) -> Option<Callee> {
        let operand = instruction.operand(0);
        if let Some(distance) = immediate(&operand) {
            return self.direct_by(distance);
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

    fn direct_by(&mut self, distance: i64) -> Option<Callee> {
        let target = u32::try_from(i64::from(self.next) + distance).ok();
        let relocated = self.knowledge.image.relocation_in(self.at, self.next);
        let relocated: Option<(SymbolNumber, i64)> = relocated.map(|(relocation, before_end)| match relocation.kind {
            RelocationKind::Relative => (relocation.symbol, relocation.addend + before_end),
            _ => (relocation.symbol, i64::MAX),
        });
        self.direct(target, relocated)
    }

    pub fn jump_by(&mut self, mut state: State, instruction: &Instruction, leads: Leads) -> Exit {
        if let Leads::Jump(Some(target)) = leads
            && (self.function.start..self.function.end).contains(&target)
        {
            return Exit::Ways(vec![(target, state)]);
        }
        if let Some((number, _)) = register(&instruction.operand(0)) {
            let value = state.registers[usize::from(number)].clone();
            if let Some(exit) = self.jump_by_table(&state, &value) {
                return exit;
            }
        }
        let callee = self.callee(&mut state, instruction);
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
