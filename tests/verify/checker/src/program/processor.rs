//! What differs between processors: kinds of relocations, what a linker makes of their fields, and
//! what fills gaps between functions.

use super::aarch64::Aarch64;
use super::elf::{Elf, Segment};
use super::section::Field;
use super::template::Template;
use super::x86_64::X86_64;
use anyhow::{Result, bail};
use object::Architecture;

/// What a field leads to.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aim {
    /// The symbol.
    Address,
    /// A word with the symbol's address, which the program's start fills in.
    Slot,
    /// One of both: the linker could make it shorter.
    Either,
    /// A variable of a thread: the distance from the thread's pointer.
    Thread,
}

/// What a field tells of the address that it leads to, with the addend: some of its bits.
#[derive(Copy, Clone, Debug)]
pub struct Told {
    pub aim: Aim,
    pub bits: u64,
    /// Those that it tells; the others are 0.
    pub mask: u64,
}

impl Told {
    /// All bits of an address.
    pub fn whole(aim: Aim, bits: u64) -> Told {
        Told { aim, bits, mask: !0 }
    }

    pub fn is_whole(&self) -> bool {
        self.mask == !0
    }
}

pub trait Processor: Sync {
    fn architecture(&self) -> Architecture;

    /// The kind of relocation that fills in an address at the start, and that which fills in a
    /// function's choice.
    fn start_kinds(&self) -> [u32; 2];

    /// Bytes of a page. Systems with several sizes: of the largest.
    fn page(&self) -> u64;

    /// Bytes of a field.
    fn size(&self, kind: u32) -> u64;

    /// How many bytes after the field's beginning the addresses that it tells are counted from.
    fn origin(&self, kind: u32) -> i64;

    /// Makes of an object's bytes what the linker may make of them. Fields of kinds that are not
    /// known stay.
    fn fill_in(&self, field: &Field, template: &mut Template);

    /// Reads a field of a program at its place. None if it is not known where it leads.
    ///
    /// # Errors
    /// With the reason, when it can't be right.
    fn read(&self, elf: &Elf, field: &Field, place: u64) -> Result<Option<Told>, String>;

    /// The distance of a variable from the thread's pointer, by its place among all of them.
    /// Source: "ELF Handling For Thread-Local Storage", section 3.
    fn thread_offset(&self, place: u64, variables: &Segment) -> Option<u64>;

    /// The slot of a jump that leads where the slot says, if such a one stands there, and its
    /// bytes.
    fn jump(&self, elf: &Elf, at: u64) -> Option<(u64, u64)>;

    /// Bytes of what may stand between functions and does nothing, if it is such; `rest` is not
    /// empty, and ends where the gap ends.
    fn filler(&self, at: u64, rest: &[u8]) -> Option<u64>;
}

pub fn of(architecture: Architecture) -> Result<&'static dyn Processor> {
    match architecture {
        Architecture::X86_64 => Ok(&X86_64),
        Architecture::Aarch64 => Ok(&Aarch64),
        other => bail!("code for {other:?}"),
    }
}
