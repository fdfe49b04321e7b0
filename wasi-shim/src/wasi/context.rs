//! What WASI keeps for each program and each library of the process: what one was granted is
//! nothing to the others.

use crate::abi::program::Program;
use crate::wasi::descriptor::Table;
use crate::wasi::strings::Strings;
use std::sync::atomic::Ordering;

#[derive(Default)]
pub struct Context {
    pub descriptors: Table,
    pub arguments: Strings,
    pub environment: Strings,
}

impl Context {
    /// Hands the context to the program, before any code of it runs. It stays as long as the
    /// process.
    pub fn start(self, program: &Program) {
        program.wasi.store(Box::into_raw(Box::new(self)).cast(), Ordering::Release);
    }

    /// The context of a program that [`Context::start`] has been called for.
    pub fn of(program: &'static Program) -> &'static Context {
        // SAFETY: null, or what `start` put there, which nobody removes or changes.
        unsafe { program.wasi.load(Ordering::Acquire).cast::<Context>().as_ref() }
            .expect("WASI starts before any code that could call it")
    }
}
