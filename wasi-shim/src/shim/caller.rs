//! The module that called a shim, and its memory.
//!
//! Nothing here makes a Rust reference to the guest's bytes: other threads of the guest may write
//! them at any time. Bytes are copied, and what is decided is decided by the copy.

use crate::abi::memory::Memory;
use crate::abi::program::Program;
use crate::abi::trap::Trap;
use crate::foreign::View;
use crate::program;
use crate::text::Text;
use crate::trap::raise_here;

pub struct Caller {
    pub return_address: usize,
    pub program: &'static Program,
    /// Null if the module has none.
    pub memory: *mut Memory,
}

impl Caller {
    /// The module in whose code `return_address` lies.
    pub fn of(return_address: usize) -> Caller {
        let (program, image) = program::at(return_address);
        Caller { return_address, program, memory: image.map_or(std::ptr::null_mut(), |image| image.wasi_memory) }
    }

    /// Where `length` bytes at `address` are. What is not inside of the memory traps. No bytes are
    /// everywhere.
    pub fn range(&self, address: u32, length: u32) -> *mut u8 {
        if length == 0 {
            return std::ptr::NonNull::dangling().as_ptr();
        }
        let inside = self.view().and_then(|view| view.range(address.into(), length.into()));
        inside.unwrap_or_else(|| raise_here(Trap::MemoryOutOfBounds))
    }

    /// Bytes of a string up to its zero, which must be inside of the memory.
    pub fn string_length(&self, address: u32) -> u32 {
        let n_bytes = self.view().map_or(0, View::bytes).saturating_sub(address.into());
        let n_bytes = u32::try_from(n_bytes).unwrap_or(u32::MAX);
        let start = self.range(address, n_bytes);
        // SAFETY: from the address to the memory's end all can be read.
        let is_end = |&nth: &u32| unsafe { start.add(nth as usize).read() == 0 };
        (0..n_bytes).find(is_end).unwrap_or_else(|| raise_here(Trap::MemoryOutOfBounds))
    }

    fn view(&self) -> Option<View> {
        // SAFETY: a memory of the program, if there is one.
        (!self.memory.is_null()).then(|| unsafe { View::new(self.memory) })
    }

    pub fn read_u32(&self, address: u32) -> u32 {
        // SAFETY: `range` checked the place.
        unsafe { self.range(address, 4).cast::<u32>().read_unaligned() }
    }

    /// Adds bytes of the memory to a text, as they are.
    pub fn add_bytes(&self, text: &mut Text, address: u32, length: u32) {
        let start = self.range(address, length);
        for index in 0..length as usize {
            // SAFETY: `range` checked the place.
            text.add([unsafe { start.add(index).read() }]);
        }
    }
}
