//! Calls, jumps and returns of aarch64: what they name.

use super::operation::Register;
use super::{Aarch64, LINK};
use crate::calls::Callee;
use crate::image::RelocationKind;
use crate::machine::{Exit, Leads, Machine};
use crate::report::Class;
use crate::state::State;
use crate::value::{Base, Place, Value};

impl Machine<'_, Aarch64> {
    pub fn call_at(&mut self, state: State, distance: i64) -> Exit {
        let callee = self.named_at(distance);
        self.call(state, callee)
    }

    fn named_at(&mut self, distance: i64) -> Option<Callee> {
        let target = u32::try_from(i64::from(self.at) + distance).ok();
        let relocated = self.knowledge.image.relocations.get(&self.at).map(|it| (it.symbol, it.addend));
        self.direct(target, relocated)
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

    pub fn jump(&mut self, state: State, leads: Leads) -> Exit {
        if let Leads::Jump(Some(target)) = leads {
            if (self.function.start..self.function.end).contains(&target) {
                return Exit::Ways(vec![(target, state)]);
            }
            let callee = self.direct(Some(target), None);
            return self.tail_call(&state, callee);
        }
        let callee = self.named_at(0);
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
