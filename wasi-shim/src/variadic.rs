//! Calls whose arguments are known only when they are made: values to registers and stack, then the
//! call.
//!
//! Variable arguments go where fixed ones would.

use crate::arch::{CCall, processor};
use crate::width::low_u64;

/// The most arguments of a call, twice over because some take two words: those of the format, and
/// the fixed ones.
const STACK_WORDS: usize = 2 * (crate::format::MOST_ARGUMENTS + 32);

/// A C value.
#[derive(Clone, Copy)]
pub enum Argument {
    /// An integer or a pointer; what is narrower has anything above.
    Integer(u64),
    /// The bits of a `double`.
    Float(u64),
    /// The bytes of a `long double`.
    LongDouble(u128),
}

/// A call on its way.
pub struct Call {
    /// Registers, and afterwards the result.
    call: CCall,
    n_integers: usize,
    n_floats: usize,
    stack: [u64; STACK_WORDS],
}

impl Call {
    pub fn new(function: usize) -> Call {
        let (stack, n_stack) = (std::ptr::null(), 0);
        let call = CCall { floats: [0; 8], integers: [0; 8], function, stack, n_stack, integer: 0, float: 0 };
        Call { call, n_integers: 0, n_floats: 0, stack: [0; STACK_WORDS] }
    }

    /// Puts the next argument into its place.
    pub fn push(&mut self, argument: Argument) {
        match argument {
            Argument::Integer(value) if self.n_integers < processor::N_INTEGERS => {
                self.call.integers[self.n_integers] = value;
                self.n_integers = self.n_integers.saturating_add(1);
            }
            Argument::Float(bits) if self.n_floats < processor::N_FLOATS => self.push_float(bits.into()),
            Argument::LongDouble(bits) if processor::LONG_DOUBLE_IN_REGISTER && self.n_floats < processor::N_FLOATS => {
                self.push_float(bits);
            }
            Argument::Integer(word) | Argument::Float(word) => self.push_stack(word),
            Argument::LongDouble(bits) => {
                self.call.n_stack = self.call.n_stack.next_multiple_of(2);
                self.push_stack(low_u64(bits));
                self.push_stack(low_u64(bits >> 64));
            }
        }
    }

    fn push_float(&mut self, bits: u128) {
        self.call.floats[self.n_floats] = bits;
        self.n_floats = self.n_floats.saturating_add(1);
    }

    fn push_stack(&mut self, word: u64) {
        self.stack[self.call.n_stack] = word;
        self.call.n_stack = self.call.n_stack.saturating_add(1);
    }

    /// Makes the call. The result is the integer or the bits of the floating-point number.
    ///
    /// # Safety
    /// The function takes these arguments.
    pub unsafe fn run(&mut self) -> (u64, u64) {
        self.call.n_stack = self.call.n_stack.next_multiple_of(2);
        self.call.stack = self.stack.as_ptr();
        // SAFETY: as required of the caller.
        unsafe { processor::call_c(&raw mut self.call) };
        (self.call.integer, self.call.float)
    }
}
