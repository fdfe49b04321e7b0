//! Linear memories: reserved once as address space, committed by `mprotect`, never moved.
//!
//! Pages beyond the current size are reserved without access, so that an access beyond the end faults. Data images are
//! not copied: their pages move from the executable's private mapping into the memory, and the kernel reads them from the
//! file, one by one, when they are first touched.

use crate::abi::{DataRun, HOST_PAGE, Image, Memory, WASM_PAGE};
use crate::program::{images, memories, slice};
use crate::text::{fail, message};

/// Creates the memories with their initial contents. `limit` is the user's for any one memory, in bytes.
pub fn create_all(limit: Option<u64>) {
    images().for_each(|image| create_for(image, limit));
}

/// Creates the memories of one module.
pub fn create_for(image: &Image, limit: Option<u64>) {
    for &memory in memories(image) {
        // SAFETY: the images' memories are distinct variables, and no code runs yet that knows them.
        create(unsafe { &mut *memory }, limit);
    }
    // SAFETY: the image holds `n_runs` rows.
    for run in unsafe { slice(image.runs, image.n_runs) } {
        place(run);
    }
}

fn create(memory: &mut Memory, limit: Option<u64>) {
    if let Some(limit) = limit {
        if memory.bytes > limit {
            let mut text = message();
            text.add("the program needs ").add_decimal(memory.bytes.into());
            text.add(" bytes of memory to start, and --max-memory allows ").add_decimal(limit.into());
            fail(text, 1);
        }
        memory.maximum = memory.maximum.min(limit);
    }
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    let reserved = memory.reserved.max(HOST_PAGE) as usize;
    // SAFETY: maps new address space.
    let base = unsafe { libc::mmap(std::ptr::null_mut(), reserved, libc::PROT_NONE, flags, -1, 0) };
    if base == libc::MAP_FAILED {
        let mut text = message();
        text.add("cannot reserve ").add_decimal(memory.reserved.into());
        text.add(" bytes of address space for the program's memory (see `ulimit -v`)");
        fail(text, 1);
    }
    memory.base = base.cast();
    if !commit(memory, 0, memory.bytes) {
        let mut text = message();
        text.add("the system refuses ").add_decimal(memory.bytes.into());
        text.add(" bytes for the program's initial memory");
        fail(text, 1);
    }
}

/// Moves the pages of a data image to where they belong.
fn place(run: &DataRun) {
    let length = run.length as usize;
    // SAFETY: the compiler checked that the run lies in the initial memory, and both ends are whole pages; nothing refers
    // to the pages at their old place. If they can't be moved, the copy has the same effect.
    unsafe {
        let target = (*run.memory).base.add(run.address as usize);
        let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
        let moved = libc::mremap(run.data.cast(), length, length, flags, target);
        if moved == libc::MAP_FAILED {
            libc::memcpy(target.cast(), run.data.cast(), length);
        }
    }
}

/// Makes the bytes from `start` to `end` accessible. The page that `start` lies in already is, unless `start` begins it.
fn commit(memory: &Memory, start: u64, end: u64) -> bool {
    let (start, end) = (start.next_multiple_of(HOST_PAGE), end.next_multiple_of(HOST_PAGE));
    // SAFETY: changes the access to pages of the memory's own reservation, which are fresh and thus zero.
    end <= start
        || unsafe {
            let first = memory.base.add(start as usize).cast();
            libc::mprotect(first, (end - start) as usize, libc::PROT_READ | libc::PROT_WRITE) == 0
        }
}

/// [`crate::abi::Builtin::MemoryGrow`].
///
/// # Safety
/// `memory` is a memory of the image.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_memory_grow(memory: *mut Memory, pages: u64) -> i64 {
    // SAFETY: one thread runs translated code, and it is here.
    let memory = unsafe { &mut *memory };
    let old = memory.bytes;
    let new = pages.checked_mul(WASM_PAGE).and_then(|more| more.checked_add(old));
    match new.filter(|&new| new <= memory.maximum.min(memory.reserved)) {
        Some(new) if commit(memory, old, new) => {
            memory.bytes = new;
            (old / WASM_PAGE) as i64
        }
        _ => -1,
    }
}
