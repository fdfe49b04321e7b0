//! What WASI keeps for each program and each library: nobody sees the descriptors of another.

use crate::abi::Program;
use crate::wasi::descriptor::Descriptors;
use crate::wasi::strings::Strings;
use std::sync::atomic::Ordering;

pub struct Session {
    pub descriptors: Descriptors,
    pub arguments: Strings,
    pub environment: Strings,
}

/// Of code that runs before WASI was started, or without a program around it.
static NONE: Session =
    Session { descriptors: Descriptors::new(), arguments: Strings::new(), environment: Strings::new() };

impl Session {
    /// Makes it that of the program, for as long as the process runs.
    pub fn begin(self, program: &Program) {
        program.wasi.store(Box::into_raw(Box::new(self)).cast(), Ordering::Release);
    }

    pub fn of(program: Option<&Program>) -> &'static Session {
        let session = program.map_or(std::ptr::null_mut(), |program| program.wasi.load(Ordering::Acquire));
        // SAFETY: null, or what `begin` put there.
        unsafe { session.cast::<Session>().as_ref() }.unwrap_or(&NONE)
    }
}
