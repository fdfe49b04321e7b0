//! Damages of finished programs, each of one thing: a field of the code, a permission, where the
//! program begins.

use crate::program::{Program, adr_bits};
use object::elf::{PF_W, PF_X, PT_GNU_RELRO, PT_GNU_STACK, PT_LOAD};

/// A function of the runtime that the module calls.
const WRITE: &str = "wasi_snapshot_preview1_fd_write";

pub struct Damage {
    pub name: &'static str,
    pub change: fn(&mut Program),
    /// A part of what the checker says.
    pub reason: &'static str,
}

/// Of programs for all processors.
pub const DAMAGES: &[Damage] = &[
    Damage {
        name: "call of another function",
        change: |program| program.redirect("_start", "choose", "one", 0),
        reason: "not the object's byte",
    },
    Damage {
        name: "call into a function",
        change: |program| program.redirect("_start", "choose", "choose", 1),
        reason: "not the object's byte",
    },
    Damage {
        name: "call of another function of the runtime",
        change: |program| program.redirect("_start", WRITE, "w2n_main", 0),
        reason: "and not to `wasi_snapshot_preview1_fd_write`",
    },
    Damage {
        name: "byte of code",
        change: |program| program.flip("one", 1),
        reason: "`one`+0x1: not the object's byte",
    },
    Damage {
        name: "byte between functions",
        // Before the field of its signature.
        change: |program| program.flip("one", -5),
        reason: "not the object's byte",
    },
    Damage {
        name: "table of jumps",
        // After `jmp rcx` or `br x9`.
        change: |program| program.flip("choose", 0x24),
        reason: "not the object's byte",
    },
    Damage {
        name: "table of functions",
        change: |program| {
            let (entry, other) = (program.place("w2n.entries.0"), program.address("two"));
            program.set(entry, &other.to_le_bytes());
        },
        reason: "`w2n.entries.0`+0x0: leads to",
    },
    Damage {
        name: "neighbor of a variable",
        change: |program| program.redirect("_start", "w2n.global.1", "w2n.global.0", 0),
        reason: "and not to `w2n.global.1`",
    },
    Damage { name: "constant", change: |program| program.flip("w2n.names", 0), reason: "not the object's byte" },
    Damage {
        name: "size of a memory",
        change: |program| program.flip("w2n.memory.0", 26),
        reason: "`w2n.memory.0`+0x1a: not the object's byte",
    },
    Damage {
        name: "code that can be written",
        change: |program| program.grant(PT_LOAD.0, PF_X.0, PF_W.0),
        reason: "can be written and executed",
    },
    Damage {
        name: "data that can be executed",
        change: |program| program.grant(PT_LOAD.0, PF_W.0, PF_X.0),
        reason: "can be written and executed",
    },
    Damage {
        name: "stack that can be executed",
        change: |program| program.grant(PT_GNU_STACK.0, 0, PF_X.0),
        reason: "the stack is executable",
    },
    Damage {
        name: "constants that stay open",
        change: |program| {
            let header = program.header(PT_GNU_RELRO.0, 0);
            program.bytes[header..header + 4].fill(0);
        },
        reason: "no data is protected",
    },
    Damage {
        name: "constants that are protected in part",
        change: |program| {
            // `p_memsz`.
            let size = program.header(PT_GNU_RELRO.0, 0) + 40;
            let less = u64::from_le_bytes(program.bytes[size..size + 8].try_into().expect("eight")) - 4096;
            program.set(size, &less.to_le_bytes());
        },
        reason: "not a whole segment",
    },
    Damage {
        name: "beginning in the module",
        change: |program| {
            let one = program.address("one");
            program.set(24, &one.to_le_bytes());
        },
        reason: "is not the runtime's start",
    },
    Damage {
        name: "function of the module before the program",
        change: |program| {
            let (place, one) = (program.place("__init_array_start"), program.address("one"));
            program.set(place, &one.to_le_bytes());
        },
        reason: "what runs before or after the program",
    },
    Damage {
        name: "byte of the runtime",
        change: |program| program.flip("w2n_main", 3),
        reason: "`w2n_main`: not the runtime's byte",
    },
    Damage {
        name: "call in the runtime",
        change: |program| {
            let (address, size) = program.symbol(WRITE);
            let call = (address..address + size).find(|&at| program.is_call(at)).expect("it calls functions");
            program.change(call + u64::from(!program.is_arm()), |field| field ^ 0x10);
        },
        reason: "`wasi_snapshot_preview1_fd_write`: leads to",
    },
    Damage {
        name: "code that is no function's",
        change: |program| {
            // `ret`, between functions of the runtime.
            let (start, size) = program.symbol("memcpy");
            let gap = program.offset(start + size);
            let code: &[u8] = if program.is_arm() { &[0xc0, 0x03, 0x5f, 0xd6] } else { &[0xc3] };
            program.set(gap, code);
        },
        reason: "is no function's",
    },
];

/// Of programs for aarch64, where instructions have parts of addresses.
pub const DAMAGES_OF_AARCH64: &[Damage] = &[
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

/// Where a function of the runtime loads an address: `adrp xN; ldr xM, [xN]`, in the table of slots.
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

/// Where a function of the runtime makes the distance of a variable of a thread: `nop; nop; movz x0,
/// #0, lsl #16; movk x0, #low`.
fn thread_variable(program: &Program) -> u64 {
    let is_it = |&at: &u64| {
        let before = [program.word(at - 8), program.word(at - 4), program.word(at)];
        before == [0xd503_201f, 0xd503_201f, 0xd2a0_0000] && program.word(at + 4) & !0x1f_ffe0 == 0xf280_0000
    };
    let mut places = program.functions().into_iter().flat_map(|it| (it.start + 8..it.end.saturating_sub(4)).step_by(4));
    places.find(is_it).expect("the runtime has variables of threads")
}
