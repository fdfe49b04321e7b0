//! Damages of finished programs for aarch64, where instructions have parts of addresses.

use crate::damages::{Damage, WRITE, thread_variable};
use crate::program::{Program, adr_bits};

pub const DAMAGES: &[Damage] = &[
    Damage {
        name: "low bits of an address",
        change: |program| {
            let page = variable(program);
            program.change(page + 4, |add| add + (1 << 10));
        },
        reason: "and not to `w2n.global.1`",
    },
    Damage {
        name: "page of an address",
        change: |program| {
            let page = variable(program);
            program.change(page, |adrp| adrp ^ adr_bits(1));
        },
        reason: "and not to `w2n.global.1`",
    },
    Damage {
        name: "register of a page",
        change: |program| {
            let page = variable(program);
            program.change(page, |adrp| adrp ^ 1);
        },
        reason: "not the object's byte",
    },
    Damage {
        name: "register of the low bits",
        change: |program| {
            let page = variable(program);
            program.change(page + 4, |add| add ^ 1 << 5);
        },
        reason: "not the object's byte",
    },
    Damage {
        name: "shift of the low bits",
        change: |program| {
            let page = variable(program);
            program.change(page + 4, |add| add | 1 << 22);
        },
        reason: "not the object's byte",
    },
    Damage {
        name: "address in place of an address's page",
        // `adr`.
        change: |program| {
            let page = variable(program);
            program.change(page, |adrp| adrp & !(1 << 31));
        },
        reason: "not the object's byte",
    },
    Damage {
        name: "jump in place of a call",
        // `b`.
        change: |program| {
            let (address, size) = program.symbol("_start");
            let write = program.address(WRITE);
            let mut code = (address..address + size).step_by(4);
            let call = code.find(|&at| program.called(at) == Some(write)).expect("it is called");
            program.change(call, |bl| bl & !(1 << 31));
        },
        reason: "not the object's byte",
    },
    Damage {
        name: "signature of a function",
        // Before it.
        change: |program| program.flip("one", -4),
        reason: "and not to `w2n.sig..i`",
    },
    Damage {
        name: "low bits of a slot of the runtime",
        change: |program| {
            let page = slot(program);
            program.change(page + 4, |load| load + (1 << 10));
        },
        reason: "leads to a place with the bits",
    },
    Damage {
        name: "page of a slot of the runtime",
        change: |program| {
            let page = slot(program);
            program.change(page, |adrp| adrp ^ adr_bits(1));
        },
        reason: "leads to a place with the bits",
    },
    Damage {
        name: "variable of a thread",
        change: |program| {
            let high = thread_variable(program);
            program.change(high + 4, |movk| movk ^ 8 << 5);
        },
        reason: "leads to a place with the bits",
    },
    Damage {
        name: "high half of a thread's variable",
        change: |program| {
            let high = thread_variable(program);
            program.change(high, |movz| movz ^ 1 << 5);
        },
        reason: "leads to a place with the bits",
    },
    Damage {
        name: "register of a thread's variable",
        change: |program| {
            let high = thread_variable(program);
            program.change(high + 4, |movk| movk ^ 1);
        },
        reason: "not the runtime's byte",
    },
];

/// Where `_start` makes the address of a variable.
fn variable(program: &Program) -> u64 {
    let (address, size) = program.symbol("_start");
    program.find_address(address..address + size, program.address("w2n.global.1")).expect("it sets the variable")
}

/// Where a function of the runtime loads an address from the table of slots: `adrp xN; ldr xM,
/// [xN]`.
fn slot(program: &Program) -> u64 {
    let slots = program.section(".got");
    let is_load = |&at: &u64| {
        let (page, load) = (program.word(at), program.word(at + 4));
        let is_pair = page >> 24 & 0x9f == 0x90 && load >> 22 == 0x3e5 && load >> 5 & 31 == page & 31;
        is_pair && slots.contains(&(program.page(at) + (u64::from(load >> 10 & 0xfff) << 3)))
    };
    let mut places = program.functions().into_iter().flat_map(|it| (it.start..it.end.saturating_sub(4)).step_by(4));
    places.find(is_load).expect("the runtime loads addresses")
}
