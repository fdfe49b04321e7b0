//! Linear memories: reserved once as address space, committed by `mprotect`, never moved.
//!
//! Pages beyond the current size are reserved without access, so that an access beyond the end faults;
//! so does one just before the start ([`LEADING_GUARD`]). Data images are
//! not copied: their pages move from the executable's private mapping into the memory, and the kernel reads them from the
//! file, one by one, when they are first touched.

use crate::abi::{DataRun, HOST_PAGE, Image, LEADING_GUARD, Memory, Program};
use crate::attempt::fail;
use crate::program::{images_of, memories, slice};
use crate::table;
use crate::text::message;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Creates a program's memories with their initial contents. `limit` is the user's for any one memory, in bytes.
pub fn create_all(program: &'static Program, limit: Option<u64>) {
    images_of(program).for_each(|image| create_for(image, limit));
}

/// Creates the memories of one module.
pub fn create_for(image: &Image, limit: Option<u64>) {
    for &memory in memories(image) {
        // SAFETY: the images' memories are distinct variables, and no code runs yet that knows them.
        create(unsafe { &mut *memory }, limit);
    }
    table::guard_all(image);
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
    if !reserve(memory) {
        let mut text = message();
        text.add("cannot reserve ").add_decimal(memory.least.into());
        text.add(" bytes of address space for the program's memory (see `ulimit -v`)");
        fail(text, 1);
    }
    if !commit(memory, 0, memory.bytes) {
        let mut text = message();
        text.add("the system refuses ").add_decimal(memory.bytes.into());
        text.add(" bytes for the program's initial memory");
        fail(text, 1);
    }
}

/// Finds address space for a memory: as much as was planned, or else as much as can be had and is enough.
fn reserve(memory: &mut Memory) -> bool {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    let mut size = memory.reserved;
    loop {
        // A memory of no bytes has an address, too.
        let length = size.max(1).checked_next_multiple_of(HOST_PAGE).and_then(|n| n.checked_add(LEADING_GUARD));
        let Some(length) = length else { return false };
        // SAFETY: maps new address space, which is longer than the guard.
        unsafe {
            let start = libc::mmap(std::ptr::null_mut(), length as usize, libc::PROT_NONE, flags, -1, 0);
            if start != libc::MAP_FAILED {
                memory.base = start.cast::<u8>().add(LEADING_GUARD as usize);
                memory.maximum -= memory.reserved - size;
                memory.reserved = size;
                return true;
            }
        }
        if size <= memory.least {
            return false;
        }
        size = memory.least.max(size / 2);
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

/// Held while a memory grows: several threads may want a shared one to.
static GROWING: Mutex<()> = Mutex::new(());

/// [`crate::abi::Builtin::MemoryGrow`].
///
/// # Safety
/// `memory` is a memory of the image.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_memory_grow(memory: *mut Memory, pages: u64) -> i64 {
    let _guard = GROWING.lock().unwrap_or_else(PoisonError::into_inner);
    // SAFETY: only the size changes while code runs, which is why it is not read through the reference.
    let (size, memory) = unsafe { (size(memory), &*memory) };
    let old = size.load(Ordering::Relaxed);
    let new = pages.checked_mul(memory.page_size).and_then(|more| more.checked_add(old));
    match new.filter(|&new| new <= memory.maximum) {
        Some(new) if commit(memory, old, new) => {
            // Who sees the new size may use the new pages.
            size.store(new, Ordering::Release);
            (old / memory.page_size) as i64
        }
        _ => -1,
    }
}

/// The size of a memory, which other threads may change if it is shared.
///
/// # Safety
/// `memory` is a memory of the image.
pub unsafe fn size(memory: *mut Memory) -> &'static AtomicU64 {
    // SAFETY: the image's variables stay for as long as the program runs, and the field is aligned.
    unsafe { AtomicU64::from_ptr(&raw mut (*memory).bytes) }
}
