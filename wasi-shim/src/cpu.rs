//! Whether the processor has the features that the program was compiled for.

use crate::abi::feature::{NAME_LENGTH, Requirement};
use crate::abi::program::Program;
use crate::arch::processor;
use crate::attempt::fail;
use crate::program::{c_string, slice};
use crate::system::kernel;
use crate::text::message;

/// Stops the program with a message that names the features that are missing.
pub fn check(program: &Program) {
    // SAFETY: `n_requirements` records of constant data.
    let requirements = unsafe { slice(program.requirements, program.n_requirements) };
    // Most records name the register of the one before, and to read one can take as long as a
    // system call.
    let mut known = (u8::MAX, 0);
    for (nth, requirement) in requirements.iter().enumerate() {
        if known.0 != requirement.register {
            known = (requirement.register, register(requirement));
        }
        if known.1 & requirement.bits != requirement.bits {
            refuse(requirements.get(nth..).unwrap_or_default());
        }
    }
}

#[inline(never)]
fn register(requirement: &Requirement) -> u32 {
    processor::features(requirement.register, kernel::processor_features())
}

/// Names what is missing of these, each feature once: the records of one follow each other.
#[cold]
fn refuse(requirements: &[Requirement]) -> ! {
    let mut text = message();
    text.add("the processor lacks features that the program needs");
    let mut separator = ": ";
    let mut last = [0; NAME_LENGTH];
    for requirement in requirements {
        if register(requirement) & requirement.bits != requirement.bits && requirement.name != last {
            // SAFETY: a zero follows each name.
            text.add(separator).add(unsafe { c_string(requirement.name.as_ptr()) });
            (separator, last) = (", ", requirement.name);
        }
    }
    fail(text, 1)
}
