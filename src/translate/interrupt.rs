//! Where code can be interrupted: in the header of each loop, and before the first call on each way
//! through a function.
//!
//! The check is a read of a page that the runtime makes inaccessible when an interrupt is wanted
//! ([`Symbol::PollPage`]): the fault is the trap. Its result is of no use; that it can trap keeps
//! it. Loops that run a bounded number of times get versions without it, see `codegen::loops`.

use super::translator::Translator;
use crate::abi::memory::X86_64_PAGE;
use crate::layout::Symbol;
use cranelift_codegen::ir::{InstBuilder, types};

/// Bytes of the page, on any machine.
const BYTES: u64 = X86_64_PAGE;

impl Translator<'_> {
    /// Before a call of a function of Wasm: a place where the code can be interrupted, unless all
    /// ways here have had one. Calls without loops end only if they can be interrupted; a function
    /// that calls none ends soon.
    pub fn poll_once(&mut self) {
        if !self.scratch.is_polled {
            self.poll();
        }
    }

    /// A place where the code can be interrupted.
    pub fn poll(&mut self) {
        if !self.env.interruptible {
            return;
        }
        self.scratch.is_polled = true;
        let page = self.address_of(Symbol::PollPage);
        let flags = self.polling();
        // Cranelift makes one of equal reads, also where one of them is in a loop: each reads
        // another byte. Where these end, reads are atomic, of which it makes none away.
        let number = self.scratch.n_polls;
        self.scratch.n_polls = number.saturating_add(1);
        match i32::try_from(number) {
            Ok(byte) if u64::from(number) < BYTES => self.builder.ins().load(types::I8, flags, page, byte),
            _ => self.builder.ins().atomic_load(types::I8, flags, page),
        };
    }
}
