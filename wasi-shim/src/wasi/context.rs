//! What WASI keeps for each program and each library of the process: what one was granted is
//! nothing to the others.

use crate::abi::program::Program;
use crate::wasi::descriptor::DescriptorTable;
use std::sync::atomic::Ordering;

#[derive(Default)]
pub struct Context {
    pub descriptors: DescriptorTable,
    pub arguments: Strings,
    pub environment: Strings,
}

impl Context {
    /// Hands the context to the program, before any code of it runs.
    pub fn start(self, program: &Program) {
        program.wasi.store(Box::into_raw(Box::new(self)).cast(), Ordering::Release);
    }

    /// Ends the context of a program that is to be started again, if it has one: closes what is
    /// open.
    ///
    /// # Safety
    /// None of the program's code runs.
    pub unsafe fn end(program: &Program) {
        let context = program.wasi.swap(std::ptr::null_mut(), Ordering::AcqRel).cast::<Context>();
        if !context.is_null() {
            // SAFETY: it comes from `start`, and nobody uses it, as the caller says.
            drop(unsafe { Box::from_raw(context) });
        }
    }

    /// The context of a program that [`Context::start`] has been called for.
    pub fn of(program: &'static Program) -> &'static Context {
        // SAFETY: null, or what `start` put there, which nothing removes or changes while code of
        // the program runs.
        unsafe { program.wasi.load(Ordering::Acquire).cast::<Context>().as_ref() }
            .expect("WASI starts before any code that could call it")
    }
}

/// A list of strings, each ended by a zero byte.
#[derive(Default)]
pub struct Strings {
    bytes: Vec<u8>,
    /// Where each begins.
    starts: Vec<u32>,
}

impl Strings {
    /// Appends a string, as the bytes that it has, be they UTF-8 or not. Whether there was room:
    /// the guest counts in 32 bits.
    #[must_use]
    pub fn push(&mut self, text: &[u8]) -> bool {
        let Ok(start) = u32::try_from(self.bytes.len()) else { return false };
        self.bytes.extend_from_slice(text);
        self.bytes.push(0);
        self.starts.push(start);
        u32::try_from(self.bytes.len()).is_ok()
    }

    /// The strings, one after the other.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where each begins.
    pub fn starts(&self) -> &[u32] {
        &self.starts
    }
}
