//! Where a function stores the registers that it preserves for its caller. The runtime goes by what
//! the object says of that (`abi::frame`): it leaves frames for an exception, and registers have at
//! the landing what they had in the frame there.
//!
//! Cranelift's code takes those registers for lost, so that only code of LLVM's is looked at.

use crate::machine::{Machine, Processor, Stored};
use crate::signature::Rules;
use crate::state::State;
use crate::value::{Base, Expr, Place, Value};

const HAS_FRAME: u32 = 1;
/// On x86-64: factor of the number of words between the frame pointer and the return address.
const GAP: u32 = 1 << 8;
const WORD: i64 = 8;

impl<P: Processor> Machine<'_, P> {
    /// At a call, each register is where the object says, or has not changed.
    pub fn check_frame(&mut self, state: &State) {
        if !self.is_recording || self.knowledge.rules == Rules::Cranelift {
            return;
        }
        let Some(&word) = self.knowledge.image.frames.get(&self.function.start) else {
            return self.fail("a call in a function of which the object says nothing");
        };
        if word & HAS_FRAME == 0 {
            return self.fail("a call in a function without a frame");
        }
        let Some(frame) = state.registers[usize::from(P::REGISTERS.frame)].offset_from(Base::Stack) else {
            return self.fail("a call while the frame pointer is not known");
        };
        let gap = if P::REGISTERS.arguments_at == 0 { 0 } else { i64::from(word / GAP) };
        let mut places = places(P::REGISTERS.stored, word);
        places.push((P::REGISTERS.frame, 0));
        for &number in P::REGISTERS.preserved {
            let place = match places.iter().find(|place| place.0 == number) {
                Some((_, offset)) => Place::Slot(frame + offset),
                None => Place::Register(number),
            };
            if state.get(place) != Some(self.entry_value(number)) {
                self.fail(format!("a call while register {number} is not where the object says"));
            }
        }
        let return_address = self.entry_value(P::REGISTERS.return_entry);
        if state.get(Place::Slot(frame + WORD * (1 + gap))) != Some(return_address) {
            self.fail("a call while the return address is not where the object says");
        }
    }

    fn entry_value(&mut self, number: u8) -> Value {
        Value::term(self.terms.intern(Expr::Entry(number)))
    }
}

/// The registers that a function stores, and how far from its frame pointer.
fn places(groups: &[Stored], word: u32) -> Vec<(u8, i64)> {
    let all = groups.iter().flat_map(|group| group.registers);
    let numbers: Vec<u8> = (1..).zip(all).filter(|(bit, _)| word >> bit & 1 == 1).map(|(_, number)| *number).collect();
    let mut places = Vec::new();
    for group in groups {
        let own: Vec<u8> = numbers.iter().filter(|it| group.registers.contains(it)).copied().collect();
        let has_free = group.in_pairs && numbers.len() % 2 == 1 && own.len() % 2 == 1;
        let words = i64::try_from(own.len() + usize::from(has_free)).expect("a few");
        let bottom = if group.is_above { 2 * WORD } else { -words * WORD };
        for (nth, &number) in (1..).zip(&own) {
            let is_last = nth == own.len();
            let from_top = WORD * i64::try_from(nth).expect("a few");
            places.push((number, if is_last { bottom } else { bottom + words * WORD - from_top }));
        }
    }
    places
}
