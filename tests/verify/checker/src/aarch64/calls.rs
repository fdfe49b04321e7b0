//! Calls, jumps and returns of aarch64: what they name.

use super::decode::Instruction;
use super::operation::{Operation, Register};
use super::{Aarch64, LINK};
use crate::image::{Image, RelocationKind};
use crate::machine::{Decoded, Exit, Leads, Machine, Named};
use crate::report::Class;
use crate::state::State;
use crate::value::{Base, Place, Value};

impl Machine<'_, Aarch64> {
    pub fn call_at(&mut self, state: State, decoded: &Decoded<Instruction>) -> Exit {
        let named = named(self.knowledge.image, decoded);
        let callee = self.direct(named);
        self.call(state, callee)
    }

    pub fn call_of(&mut self, mut state: State, register: Register) -> Exit {
        let value = self.get(&state, register, 8);
        let relocation = self.knowledge.image.relocations.get(&self.at);
        if let Some(relocation) = relocation.filter(|it| it.kind == RelocationKind::ThreadLocalCall) {
            // It changes `x0`, the link and the flags (TLS descriptors, "the resolver function").
            let descriptor = Base::ThreadLocal(relocation.symbol);
            let argument = state.registers[0].offset_from(descriptor);
            if value.offset_from(descriptor) != Some(0) || argument != Some(0) {
                self.fail("the descriptor of another symbol");
            }
            self.count(Class::Runtime);
            state.registers[0] = Value::at(Base::FromThread(relocation.symbol), 0);
            let link = self.made(&mut state, Place::Register(LINK), crate::state::Range::ALL);
            state.registers[usize::from(LINK)] = link;
            state.flags = crate::state::Flags::Unknown;
            return Exit::Ways(vec![(self.next, state)]);
        }
        let callee = self.indirect(&state, &value);
        self.call(state, callee)
    }

    pub fn jump(&mut self, state: State, decoded: &Decoded<Instruction>) -> Exit {
        if let Leads::Jump(Some(target)) = decoded.leads
            && (self.function.start..self.function.end).contains(&target)
        {
            return Exit::Ways(vec![(target, state)]);
        }
        let named = named(self.knowledge.image, decoded);
        let callee = self.direct(named);
        self.tail_call(&state, callee)
    }

    pub fn jump_to(&mut self, state: State, register: Register) -> Exit {
        let value = self.get(&state, register, 8);
        if let Some(exit) = self.jump_by_table(&state, &value) {
            return exit;
        }
        let callee = self.indirect(&state, &value);
        self.tail_call(&state, callee)
    }

    pub fn return_to(&mut self, state: &State, register: Register) -> Exit {
        if register != Some(LINK) {
            self.fail("a return by another register than the link");
        }
        self.return_(state, 0)
    }
}

/// What a call or jump with a distance names.
pub fn named(image: &Image, decoded: &Decoded<Instruction>) -> Named {
    let (Operation::Call(distance) | Operation::Jump(distance)) = decoded.instruction.operation else {
        return Named::default();
    };
    let target = u32::try_from(i64::from(decoded.at) + distance).ok();
    let relocated = image.relocations.get(&decoded.at).map(|it| (it.symbol, it.addend));
    Named { target, relocated }
}
