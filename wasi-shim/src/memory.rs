//! Linear memories: reserved once as address space, made accessible page by page, never moved.
//!
//! Pages beyond the current size are reserved without access, so that an access beyond the end
//! faults; so does one just before the start ([`LEADING_GUARD`]). Data images are not copied: their
//! pages move from the executable's private mapping into the memory, and the kernel reads them from
//! the file, one by one, when they are first touched.

use crate::abi::image::Image;
use crate::abi::memory::{DataRun, GUARDED_RESERVATION, LEADING_GUARD, Memory};
use crate::abi::program::Program;
use crate::arch::processor::return_address;
use crate::attempt::fail;
use crate::budget;
use crate::program::{self, images_of, memories, slice};
use crate::system::{self, Access};
use crate::table;
use crate::text::message;
use crate::width::usize_of;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// [`LEADING_GUARD`] in the machine's words.
const GUARD: usize = usize_of(LEADING_GUARD);

/// Values of [`Program::has_memories`]: all are there; or it was tried to make them, and what there
/// is of them can't be used.
const CREATED: u32 = 1;
const BEGUN: u32 = 2;

/// Creates a program's memories with their initial contents.
#[cold]
pub fn create_all(program: &'static Program) {
    budget::take_initial(program, images_of(program));
    program.has_memories.store(BEGUN, Ordering::Relaxed);
    images_of(program).for_each(|image| create(program, image));
    program.has_memories.store(CREATED, Ordering::Relaxed);
}

/// Whether a program's memories are there.
pub fn are_created(program: &Program) -> bool {
    program.has_memories.load(Ordering::Relaxed) == CREATED
}

/// Whether the system refused some of a program's memories, so that it can't begin any more.
pub fn have_failed(program: &Program) -> bool {
    program.has_memories.load(Ordering::Relaxed) == BEGUN
}

/// Creates the memories of one module of a program.
pub fn create_for(program: &Program, image: &'static Image) {
    budget::take_initial(program, std::iter::once(image));
    create(program, image);
}

#[cold]
fn create(program: &Program, image: &Image) {
    for &memory in memories(image) {
        // SAFETY: the images' memories are distinct variables, and no code runs yet that knows
        // them.
        create_memory(unsafe { &mut *memory });
    }
    table::guard_all(image);
    // SAFETY: the image holds `n_runs` rows.
    for run in unsafe { slice(image.runs, image.n_runs) } {
        place(program, run);
    }
}

fn create_memory(memory: &mut Memory) {
    // Nothing is inside of a memory that could not be made: a script goes on.
    let bytes = std::mem::take(&mut memory.bytes);
    if !reserve(memory) {
        let mut text = message();
        if memory.place != 0 && system::reserve(usize_of(memory.least), Access::None).is_some() {
            text.add("something else lies at the address of the program's memory, ").add_hex(memory.place);
            text.add(", or soon after it: build it with --memory-base any");
            fail(text, 1);
        }
        text.add("cannot reserve ").add_decimal(memory.least.into());
        text.add(" bytes of address space for the program's memory (see `ulimit -v`)");
        if memory.least == GUARDED_RESERVATION {
            text.add(": build it with --memory-checks");
        }
        fail(text, 1);
    }
    if !commit(memory, 0, bytes) {
        let mut text = message();
        text.add("the system refuses ").add_decimal(bytes.into());
        text.add(" bytes for memory");
        fail(text, 1);
    }
    memory.bytes = bytes;
}

/// Finds address space for a memory: as much as was planned, or else as much as is available and is
/// enough.
fn reserve(memory: &mut Memory) -> bool {
    let mut size = memory.reserved;
    loop {
        // A memory of no bytes has an address, too.
        let Some(length) = usize_of(size).max(1).checked_add(GUARD) else { return false };
        let start = match usize_of(memory.place) {
            0 => system::reserve(length, Access::None),
            place => system::reserve_at(place.saturating_sub(GUARD), length, Access::None),
        };
        if let Some(start) = start {
            memory.base = start.wrapping_add(GUARD);
            memory.maximum = memory.maximum.saturating_sub(memory.reserved.saturating_sub(size));
            memory.reserved = size;
            return true;
        }
        if size <= memory.least {
            return false;
        }
        size = memory.least.max(size / 2);
    }
}

/// Moves the pages of a data image to where they belong. If the machine's pages are smaller than
/// those of the image, the last ones may follow the memory, and hold nothing.
fn place(program: &Program, run: &DataRun) {
    // SAFETY: a memory of the program, which has been created.
    let bytes = unsafe { (*run.memory).bytes };
    let Some(end) = system::whole_pages(usize_of(bytes)) else { return };
    let length = usize_of(run.length).min(end.saturating_sub(usize_of(run.address)));
    // SAFETY: the compiler checked that the run lies in the initial memory, and nothing refers to
    // the pages at their old place. If they can't be moved, the copy has the same effect.
    unsafe {
        let target = (*run.memory).base.add(usize_of(run.address));
        if program.copies_pages.load(Ordering::Relaxed) != 0 || !system::move_pages(run.data, length, target, length) {
            libc::memcpy(target.cast(), run.data.cast(), length);
            program.copies_pages.store(1, Ordering::Relaxed);
        }
    }
}

/// Makes the bytes from `start` to `end` accessible. The page that `start` lies in already is,
/// unless `start` begins it.
fn commit(memory: &Memory, start: u64, end: u64) -> bool {
    let [start, end, most] = [start, end, memory.reserved].map(|place| system::whole_pages(usize_of(place)));
    let (Some(start), Some(end)) = (start, end.filter(|_| end <= most)) else { return false };
    let length = end.saturating_sub(start);
    // SAFETY: changes the access to pages of the memory's own reservation, which are fresh and thus
    // zero.
    length == 0 || unsafe { system::set_access(memory.base.add(start), length, Access::ReadWrite) }
}

/// Held while a memory grows: several threads may want a shared one to.
static GROWING: Mutex<()> = Mutex::new(());

/// [`crate::abi::builtin::Builtin::MemoryGrow`].
///
/// # Safety
/// `memory` is a memory of the image.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_memory_grow(memory: *mut Memory, pages: u64) -> i64 {
    let caller = return_address();
    // SAFETY: as required of the caller.
    unsafe { grow(program::at(caller).0, memory, pages) }
}

/// Lets a memory of the program grow by so many pages; how many there were, or -1.
///
/// # Safety
/// `memory` is a memory of the image.
pub unsafe fn grow(program: &Program, memory: *mut Memory, pages: u64) -> i64 {
    let _guard = GROWING.lock().unwrap_or_else(PoisonError::into_inner);
    // SAFETY: only the size changes while code runs, which is why it is not read through the
    // reference.
    let (size, memory) = unsafe { (size(memory), &*memory) };
    let old = size.load(Ordering::Relaxed);
    let new = pages.checked_mul(memory.page_size).and_then(|more| more.checked_add(old));
    let Some(new) = new.filter(|&new| new <= memory.maximum) else { return -1 };
    if new > old && !enlarge(program, memory, old, new) {
        return -1;
    }
    // Who sees the new size may use the new pages.
    size.store(new, Ordering::Release);
    old.checked_div(memory.page_size).map_or(-1, u64::cast_signed)
}

/// Makes the bytes between two sizes accessible, if the program may take so many.
fn enlarge(program: &Program, memory: &Memory, old: u64, new: u64) -> bool {
    let more = new.saturating_sub(old);
    if !budget::take(program, more) {
        return false;
    }
    let is_done = commit(memory, old, new);
    if !is_done {
        budget::give_back(program, more);
    }
    is_done
}

/// The size of a memory, which other threads may change if it is shared.
///
/// # Safety
/// `memory` is a memory of the image.
pub unsafe fn size(memory: *mut Memory) -> &'static AtomicU64 {
    // SAFETY: the image's variables stay for as long as the program runs, and the field is aligned.
    unsafe { AtomicU64::from_ptr(&raw mut (*memory).bytes) }
}
