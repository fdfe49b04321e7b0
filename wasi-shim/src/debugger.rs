//! Tells debuggers of instances: code that is mapped while the program runs (GDB manual, "JIT
//! Compilation Interface"; lldb knows it too).
//!
//! Comes in: an instance of a library that was built with `-g`. Goes out: a copy of its image, an
//! ELF file whose addresses are those of the instance, in a list that debuggers read. Nothing of it
//! is given back, because the instance's addresses are not either. Only such libraries contain it.

use crate::abi::instance::Instances;
use crate::program::slice;
use crate::system::kernel::MemoryFile;
use crate::system::{self, Access};
use crate::width::usize_of;
use std::ptr;

define_debugger_hooks!();

unsafe extern "C" {
    /// Debuggers stop here.
    fn __jit_debug_register_code();
    static mut __jit_debug_descriptor: Descriptor;
}

/// `JIT_REGISTER_FN`
const REGISTER: u32 = 1;

#[repr(C)]
struct Descriptor {
    version: u32,
    action: u32,
    relevant: *mut Entry,
    first: *mut Entry,
}

#[repr(C)]
struct Entry {
    next: *mut Entry,
    previous: *mut Entry,
    file: *const u8,
    file_length: u64,
}

/// [`Instances::describe`]: describes an instance at `start` to debuggers. Without memory for it,
/// it stays unknown to them. `descriptor`: the image as a file, or -1.
///
/// # Safety
/// The instance was mapped, and the caller holds the lock of instances.
#[unsafe(no_mangle)]
unsafe extern "C" fn w2n_describe_instance(start: *mut u8, library: *const Instances, descriptor: i32) {
    // SAFETY: a description, whose arrays are constant.
    let (library, image, places) = unsafe {
        let library = &*library;
        let image = slice::<u8>(library.image, library.image_length);
        (library, image, slice::<u64>(library.described, library.n_described))
    };
    let Some(length) = system::whole_pages(image.len()) else { return };
    // The entry follows the file.
    let Some(bytes) = length.checked_add(size_of::<Entry>()) else { return };
    let Some(copy) = system::reserve(bytes, Access::ReadWrite) else { return };
    let file = MemoryFile { descriptor, number: 0 };
    // SAFETY: the new memory is that long.
    unsafe {
        if descriptor < 0 || !system::map_file(copy, length, file, 0) {
            copy.copy_from_nonoverlapping(image.as_ptr(), image.len());
        }
        for place in places {
            let place = copy.add(usize_of(*place)).cast::<usize>();
            place.write_unaligned(place.read_unaligned().wrapping_add(start.addr()));
        }
        let entry = copy.add(length).cast::<Entry>();
        let descriptor = &raw mut __jit_debug_descriptor;
        let first = (*descriptor).first;
        entry.write(Entry { next: first, previous: ptr::null_mut(), file: copy, file_length: library.image_length });
        if let Some(first) = first.as_mut() {
            first.previous = entry;
        }
        (*descriptor).first = entry;
        (*descriptor).relevant = entry;
        (*descriptor).action = REGISTER;
        __jit_debug_register_code();
    }
}
