//! Finished programs, and damaged ones that the checker must refuse.
//!
//! The program is made once, with the object that it is linked from. Each damage changes one thing
//! of it: a field of the code, a permission, where it begins.

use crate::fixtures::X86_64;
use anyhow::{Result, ensure};
use code_checker::{Linked, Runtime, check_program};
use object::elf::{PF_W, PF_X, PT_GNU_RELRO, PT_GNU_STACK, PT_LOAD, ProgramHeader64};
use object::read::elf::{ElfFile64, ProgramHeader as _};
use object::{LittleEndian, Object as _, ObjectSymbol as _};
use std::sync::OnceLock;
use test_kit::command;
use test_kit::process;
use wasm2native::link::runtime::{self, Set};

/// A call, a table of functions, a table of jumps, constants, data, and the runtime's functions.
const MODULE: &str = r#"
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory 1)
  (data (i32.const 0) "\08\00\00\00\03\00\00\00hi\n")
  (global $g (mut i32) (i32.const 7))
  (global $h (mut i32) (i32.const 8))
  (table 2 2 funcref)
  (elem (i32.const 0) $one $two)
  (func $one (result i32) (i32.const 3))
  (func $two (result i32) (i32.const 4))
  (func $choose (param i32) (result i32)
    (block (block (block (block (br_table 0 1 2 3 (local.get 0)))
      (return (i32.const 10))) (return (i32.const 20))) (return (call $one)))
    (global.get $g))
  (func $scale (param f64) (result f64) (f64.mul (local.get 0) (f64.const 1.5)))
  (func (export "_start")
    (global.set $h (call $choose (i32.load (i32.const 4))))
    (global.set $g (call_indirect (result i32) (i32.load (i32.const 100))))
    (f64.store (i32.const 200) (call $scale (f64.load (i32.const 200))))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 20)))))
"#;

const WRITE: &str = "wasi_snapshot_preview1_fd_write";

/// A program that a damage is done to.
pub struct Program {
    bytes: Vec<u8>,
}

pub struct Damage {
    pub name: &'static str,
    change: fn(&mut Program),
    /// A part of what the checker says.
    reason: &'static str,
}

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
        // After `jmp rcx`.
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
            let field = program.offset(call) + 1;
            program.bytes[field] ^= 0x10;
        },
        reason: "`wasi_snapshot_preview1_fd_write`: leads to",
    },
    Damage {
        name: "code that is no function's",
        change: |program| {
            // `ret`, between functions of the runtime.
            let (start, size) = program.symbol("memcpy");
            let gap = program.offset(start + size);
            program.bytes[gap] = 0xc3;
        },
        reason: "is no function's",
    },
];

impl Program {
    fn elf(&self) -> ElfFile64<'_, LittleEndian> {
        ElfFile64::parse(&*self.bytes).expect("it is a program")
    }

    /// Address and size. Of two of that name, the module's, which no other object sees.
    fn symbol(&self, name: &str) -> (u64, u64) {
        let elf = self.elf();
        let named = || elf.symbols().filter(|symbol| symbol.name() == Ok(name));
        let symbol = named().find(|symbol| symbol.is_local()).or_else(|| named().next());
        symbol.map(|symbol| (symbol.address(), symbol.size())).expect("the program has such a symbol")
    }

    fn address(&self, name: &str) -> u64 {
        self.symbol(name).0
    }

    /// Where the bytes of an address lie in the file.
    fn offset(&self, address: u64) -> usize {
        let elf = self.elf();
        let mut loaded = elf.elf_program_headers().iter().filter(|header| header.p_type(LittleEndian) == PT_LOAD);
        let place = loaded.find_map(|header| {
            let distance = address.checked_sub(header.p_vaddr(LittleEndian))?;
            (distance < header.p_filesz(LittleEndian)).then(|| header.p_offset(LittleEndian) + distance)
        });
        usize::try_from(place.expect("the file has it")).expect("it is in memory")
    }

    fn place(&self, name: &str) -> usize {
        self.offset(self.address(name))
    }

    fn set(&mut self, place: usize, bytes: &[u8]) {
        self.bytes[place..place + bytes.len()].copy_from_slice(bytes);
    }

    fn flip(&mut self, name: &str, by: isize) {
        let place = self.place(name).checked_add_signed(by).expect("it is in the file");
        self.bytes[place] ^= 1;
    }

    /// Makes the field of a function that leads to a symbol lead to another, and `by` bytes on.
    fn redirect(&mut self, function: &str, from: &str, to: &str, by: u64) {
        let (address, size) = self.symbol(function);
        let (from, to, start) = (self.address(from), self.address(to) + by, self.offset(address));
        for at in 0..size - 3 {
            let place = start + usize::try_from(at).expect("it is small");
            let distance = i32::from_le_bytes(self.bytes[place..place + 4].try_into().expect("four"));
            let end = address + at + 4;
            if end.wrapping_add_signed(distance.into()) == from {
                let distance = i32::try_from(to.wrapping_sub(end).cast_signed()).expect("it is near");
                return self.set(place, &distance.to_le_bytes());
            }
        }
        panic!("the function does not refer to it");
    }

    /// Whether `call` stands there, with a function's beginning.
    fn is_call(&self, address: u64) -> bool {
        let place = self.offset(address);
        let distance = i32::from_le_bytes(self.bytes[place + 1..place + 5].try_into().expect("four"));
        let target = (address + 5).wrapping_add_signed(distance.into());
        let is_function = self.elf().symbols().any(|symbol| symbol.address() == target && symbol.size() > 0);
        self.bytes[place] == 0xe8 && is_function
    }

    /// The program header of a kind with these flags, by its place.
    fn header(&self, kind: u32, flags: u32) -> usize {
        let elf = self.elf();
        let is_it = |header: &&ProgramHeader64<LittleEndian>| {
            header.p_type(LittleEndian).0 == kind && header.p_flags(LittleEndian).0 & flags == flags
        };
        let number = elf.elf_program_headers().iter().position(|header| is_it(&header)).expect("there is one");
        64 + 56 * number
    }

    fn grant(&mut self, kind: u32, has: u32, more: u32) {
        let flags = self.header(kind, has) + 4;
        self.bytes[flags] |= u8::try_from(more).expect("three bits");
    }
}

/// The program, its object, and the runtime that it is linked with.
fn sample() -> &'static (Vec<u8>, Vec<u8>) {
    static SAMPLE: OnceLock<(Vec<u8>, Vec<u8>)> = OnceLock::new();
    SAMPLE.get_or_init(|| {
        let folder = tempfile::tempdir().expect("there is room for files");
        std::fs::write(folder.path().join("it.wat"), MODULE).expect("the folder is writable");
        let mut command = command::wasm2native();
        command.current_dir(folder.path()).args(["--target", X86_64.target, "--keep", "-o", "app", "it.wat"]);
        let outcome = process::run(&mut command, b"").expect("the compiler can be started");
        assert_eq!(outcome.status, 0, "{}", outcome.stderr);
        let read = |name: &str| std::fs::read(folder.path().join(name)).expect("it was made");
        (read("app"), read("app.o"))
    })
}

/// Checks a program that is linked with the whole C library or without it.
pub fn check(program: &[u8], object: &[u8], has_c: bool) -> Result<Linked> {
    static RUNTIMES: [OnceLock<Runtime>; 2] = [OnceLock::new(), OnceLock::new()];
    let set = if has_c { Set::Complete } else { Set::Plain };
    let runtime = RUNTIMES[usize::from(has_c)].get_or_init(|| {
        let triple = X86_64.target.parse().expect("it is a triple");
        let runtime = runtime::of(&triple, None).expect("it can be read").expect("this program carries it");
        let contents = runtime.contents(set).expect("it is whole");
        Runtime::read(contents.iter().map(|(_, bytes)| &bytes[..])).expect("it consists of objects")
    });
    check_program(program, &[object], runtime)
}

pub fn is_accepted() -> Result<()> {
    let (program, object) = sample();
    let linked = check(program, object, false)?;
    ensure!(linked.failures.is_empty() && linked.functions > 0, "{linked}: {:?}", linked.failures);
    Ok(())
}

pub fn is_refused(damage: &Damage) -> Result<()> {
    let (program, object) = sample();
    let mut damaged = Program { bytes: program.clone() };
    (damage.change)(&mut damaged);
    ensure!(damaged.bytes != *program, "nothing was changed");
    let linked = check(&damaged.bytes, object, false)?;
    let is_told = linked.failures.iter().any(|reason| reason.contains(damage.reason));
    ensure!(is_told, "accepted, or for another reason: {:?}", linked.failures);
    Ok(())
}
