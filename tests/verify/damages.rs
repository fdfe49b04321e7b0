//! Damages of finished programs, each of one thing: a field of the code, a permission, where the
//! program begins.

use crate::program::Program;
use object::elf::{PF_W, PF_X, PT_GNU_RELRO, PT_GNU_STACK, PT_LOAD};

/// A function of the runtime that the module calls.
pub const WRITE: &str = "wasi_snapshot_preview1_fd_write";

#[derive(Copy, Clone)]
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

/// Of programs with the whole C library, where the start chooses functions by the processor.
pub const DAMAGES_WITH_C: &[Damage] = &[
    Damage {
        name: "choice of another function",
        change: |program| {
            // The first and the last one choose different functions.
            let (place, size) = (program.section(".rela.plt"), ENTRY);
            let (first, last) = (program.offset(place.start + 16), program.offset(place.end - size + 16));
            let other: [u8; 8] = program.bytes[last..last + 8].try_into().expect("eight");
            program.set(first, &other);
        },
        reason: "and not to `",
    },
    Damage {
        name: "jump to the choice of another function",
        change: |program| {
            // The field of the slot, in the first jump: that of the last one.
            let jumps = program.section(".plt.got");
            if program.is_arm() {
                let last = program.word(jumps.end - 12);
                program.change(jumps.start + 4, |_| last);
            } else {
                let distance = u32::try_from(jumps.end - jumps.start).expect("it is small") - 16;
                let last = program.word(jumps.end - 16 + 7).wrapping_add(distance);
                program.change(jumps.start + 7, |_| last);
            }
        },
        reason: "and not to `",
    },
    Damage {
        name: "another variable of a thread",
        change: |program| match program.is_arm() {
            true => program.change(thread_variable(program) + 4, |movk| movk ^ 8 << 5),
            false => {
                let lea = program.find(&[0x64, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0, 0x48, 0x8d, 0x80]);
                program.bytes[lea + 12] ^= 8;
            }
        },
        reason: "and not to `",
    },
    Damage {
        name: "register of a thread's variables",
        change: |program| match program.is_arm() {
            true => program.change(thread_variable(program), |movz| movz ^ 1),
            false => {
                let load = program.find(&[0x66, 0x66, 0x66, 0x64, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0]);
                program.bytes[load + 6] ^= 0x08;
            }
        },
        reason: "not the runtime's byte",
    },
];

/// Bytes of a relocation.
const ENTRY: u64 = 24;

/// Where a function of the runtime makes the distance of a variable of a thread, on aarch64: `nop;
/// nop; movz x0, #0, lsl #16; movk x0, #low`.
pub fn thread_variable(program: &Program) -> u64 {
    let is_it = |&at: &u64| {
        let before = [program.word(at - 8), program.word(at - 4), program.word(at)];
        before == [0xd503_201f, 0xd503_201f, 0xd2a0_0000] && program.word(at + 4) & !0x1f_ffe0 == 0xf280_0000
    };
    let mut places = program.functions().into_iter().flat_map(|it| (it.start + 8..it.end.saturating_sub(4)).step_by(4));
    places.find(is_it).expect("the runtime has variables of threads")
}
