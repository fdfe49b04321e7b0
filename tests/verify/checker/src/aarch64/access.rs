//! Loads and stores of aarch64.

use super::operation::{Access, Kind, Offset, Target, Writeback};
use super::{Aarch64, SP, vector};
use crate::image::RelocationKind;
use crate::machine::{Machine, RESULT};
use crate::state::{Range, State};
use crate::value::{Base, Value};

impl Machine<'_, Aarch64> {
    pub fn access(&mut self, state: &mut State, access: &Access) {
        let base = match access.address.base {
            Some(number) => state.registers[usize::from(number)].clone(),
            None => Value::at(Base::Text, self.at.into()),
        };
        let relocation = self.knowledge.image.relocations.get(&self.at).copied();
        if relocation.is_some_and(|it| it.kind == RelocationKind::ThreadLocalLoad) {
            return self.load_descriptor(state, access, &base);
        }
        let base = match relocation {
            Some(it) if matches!(it.kind, RelocationKind::PageAccess(_)) => {
                if base.offset_from(Base::Page(it.symbol)) != Some(it.addend)
                    || access.address.offset != Offset::Constant(0)
                {
                    return self.fail("a part of an address is added to another page");
                }
                self.address_of(it.symbol, it.addend)
            }
            _ => base,
        };
        let offset = match access.address.offset {
            Offset::Constant(offset) => Value::constant(offset),
            Offset::Register(second) => self.second(state, second, 8),
        };
        let Some(moved) = base.plus(&offset) else { return self.fail("the address of an access is not known") };
        let register = access.address.base;
        if !is_predictable(access) {
            return self.fail("an access whose registers exclude each other");
        }
        if access.address.writeback == Some(Writeback::Before) {
            self.put(state, register, 8, moved.clone());
        }
        let start = if access.address.writeback == Some(Writeback::After) { base } else { moved.clone() };
        let targets = (0i64..).zip(access.targets.iter().flatten());
        for (number, &target) in targets {
            let address = start.offset_by(number * i64::from(access.size));
            match access.kind {
                Kind::Load => self.load(state, access, target, &address),
                Kind::Store => {
                    let value = self.stored(state, access, target);
                    self.store(state, &address, access.size, value);
                }
                Kind::Both => {
                    self.loaded(state, &address, access.size);
                    self.store(state, &address, access.size, None);
                    if let Target::General(register) = target {
                        self.put_unknown(state, register, access.size.max(4));
                    }
                }
            }
        }
        if let Some(status) = access.status {
            let value = self.made(state, RESULT, Range::upto(1));
            self.put(state, status, 4, value);
        }
        if access.address.writeback == Some(Writeback::After) {
            self.put(state, register, 8, moved);
        }
    }

    fn load(&mut self, state: &mut State, access: &Access, target: Target, address: &Value) {
        // A word that is a distance: tables of jumps are read with its sign, signatures without.
        let is_signed = access.is_signed && access.result == 8;
        if let (4, Target::General(register)) = (access.size, target)
            && (is_signed || address.base != Some(Base::Text))
            && let Some(value) = self.signed_word(state, address)
        {
            return self.put(state, register, if is_signed { 8 } else { 4 }, value);
        }
        let is_fixed = address.sum.as_constant().is_some();
        if let (1 | 2, Target::General(register), false) = (access.size, target, access.is_signed)
            && address.base == Some(Base::Text)
            && !is_fixed
        {
            let value = self.table_entry(state, address, access.size);
            return self.put(state, register, 8, value);
        }
        let value = self.loaded(state, address, access.size);
        match target {
            Target::General(register) if access.is_signed => {
                let value = self.signed(state, value, access.size);
                self.put(state, register, access.result, value);
            }
            Target::General(register) => self.put(state, register, 8, value),
            Target::Vector(number) => {
                let low = Some(value).filter(|_| access.size == 8 && !access.is_part);
                self.put_vector(state, number, low);
            }
        }
    }

    /// What is stored, as far as a state can have it.
    fn stored(&mut self, state: &State, access: &Access, target: Target) -> Option<Value> {
        match (target, access.size) {
            (Target::General(register), 8) => Some(self.get(state, register, 8)),
            (Target::Vector(number), 8) if !access.is_part => {
                vector(number).map(|number| state.registers[usize::from(number)].clone())
            }
            _ => None,
        }
    }

    /// The function that a descriptor of a symbol of each thread has.
    fn load_descriptor(&mut self, state: &mut State, access: &Access, base: &Value) {
        let relocation = self.knowledge.image.relocations[&self.at];
        let is_its_own = base.offset_from(Base::ThreadLocal(relocation.symbol)) == Some(0);
        match (access.kind, access.size, access.targets[0], access.address.offset) {
            (Kind::Load, 8, Some(Target::General(register)), Offset::Constant(0)) if is_its_own => {
                self.put(state, register, 8, base.clone());
            }
            _ => self.fail("the descriptor of another symbol"),
        }
    }
}

/// Whether the manual says what comes of the registers: a base that moves is not one that is loaded
/// or stored, two that are loaded differ, and so does the one that tells whether a store was done.
fn is_predictable(access: &Access) -> bool {
    let general = |target: Option<Target>| match target {
        Some(Target::General(register)) => register,
        _ => None,
    };
    let base = access.address.base.filter(|base| *base != SP);
    let moves = access.address.writeback.is_some() && base.is_some();
    let is_moved = access.targets.iter().any(|target| moves && general(*target) == base);
    let is_twice = access.kind == Kind::Load && access.targets[0] == access.targets[1];
    let status = access.status.flatten();
    let is_status = status.is_some() && (status == base || status == general(access.targets[0]));
    !is_moved && !is_twice && !is_status
}
