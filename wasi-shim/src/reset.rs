//! A library as it was before its first call: what `PREFIX_reset` puts back.
//!
//! Comes in: the library's [`Variable`]s, and code that does not run. Memories give their pages
//! back to the system: pages of data images come from the file again, all others are zero, both
//! when they are next touched. So a reset takes time for what was written, not for what there is.

use crate::abi::image::Image;
use crate::abi::library::{VARIABLE_BYTES, VARIABLE_MEMORY, VARIABLE_TABLE, Variable};
use crate::abi::memory::{DataRun, Memory};
use crate::abi::object::Heap;
use crate::abi::program::Program;
use crate::abi::table::Table;
use crate::attempt::fail;
use crate::program::{images_of, programs, slice};
use crate::system::{self, Access};
use crate::text::message;
use crate::width::usize_of;
use crate::{budget, foreign, interrupt, table};
use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::Ordering;

/// Puts back everything but WASI, and takes what the library has from the start. Fails if the
/// system does not give pages anew.
///
/// # Safety
/// The library's memories were created, none of its code runs, and nothing refers to its
/// exceptions.
pub unsafe fn reset(program: &'static Program) {
    // SAFETY: as required of the caller. The list ends with a row of null, and its rows are
    // variables of the library with constant contents of the same length.
    unsafe {
        let mut row = program.variables;
        while !row.is_null() && !(*row).place.is_null() {
            put_back(program, &*row);
            row = row.add(1);
        }
    }
    // SAFETY: as required of the caller.
    let keeps_objects = unsafe { release_heap(program) };
    foreign::forget_handles(program);
    interrupt::cancel(program);
    budget::give_back_all(program, keeps_objects);
    budget::take_initial(program, images_of(program));
}

/// Gives the program's heap back, unless others use it. Whether it is still there.
///
/// # Safety
/// As for [`reset`].
unsafe fn release_heap(program: &'static Program) -> bool {
    let heap_of = |program| images_of(program).map(|image| image.heap).find(|heap| !heap.is_null());
    let Some(heap) = heap_of(program) else { return false };
    let is_shared = programs().any(|other| !ptr::eq(other, program) && heap_of(other) == Some(heap));
    // SAFETY: a heap; what is in `release` has this type.
    unsafe {
        let release = (*heap).release.load(Ordering::Acquire);
        if !is_shared && !release.is_null() {
            std::mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut Heap)>(release)(heap);
        }
    }
    is_shared
}

/// # Safety
/// As for [`reset`].
unsafe fn put_back(program: &'static Program, row: &Variable) {
    let Variable { place, initial, length, kind } = *row;
    // SAFETY: as required of the caller.
    unsafe {
        match kind {
            VARIABLE_MEMORY => return renew(program, &mut *place.cast(), (*initial.cast::<Memory>()).bytes),
            VARIABLE_TABLE => table::release(&mut *place.cast::<Table>()),
            _ => debug_assert_eq!(kind, VARIABLE_BYTES),
        }
        match initial.is_null() {
            true => place.write_bytes(0, usize_of(length)),
            false => place.copy_from_nonoverlapping(initial, usize_of(length)),
        }
    }
}

/// Gives a memory its initial size and contents.
///
/// # Safety
/// As for [`reset`].
unsafe fn renew(program: &'static Program, memory: &mut Memory, initial: u64) {
    let place: *const Memory = memory;
    let runs = || images_of(program).flat_map(runs).filter(|run| run.memory.cast_const() == place);
    let sizes = [memory.bytes, initial].map(|bytes| system::whole_pages(usize_of(bytes)));
    let [Some(now), Some(then)] = sizes else { refuse() };
    if memory.bytes != 0 {
        // A byte that the system must change, in what is to be zero and in each image: there are
        // systems that say they forget pages, and don't.
        let is_zero = runs().all(|run| run.address != 0);
        // SAFETY: the bytes lie in the memory, which has pages up to its size.
        let is_done = unsafe {
            runs().for_each(|run| *probe(run) = !byte(run));
            if is_zero {
                *memory.base = 1;
            }
            system::forget(memory.base, now) && (!is_zero || *memory.base == 0)
        };
        if !is_done {
            refuse();
        }
    }
    for run in runs() {
        // SAFETY: as for `memory::place`, whose copies are made again.
        unsafe {
            // Of several runs, some may have been moved and others copied.
            if *probe(run) != byte(run) {
                if !is_copied(program, run) {
                    refuse();
                }
                let target = memory.base.add(usize_of(run.address));
                target.copy_from_nonoverlapping(run.data, usize_of(run.length));
            }
        }
    }
    if let Some(more) = now.checked_sub(then).filter(|more| *more != 0) {
        // SAFETY: pages of the memory's own reservation, which no code uses. They are zero, so that
        // the memory may grow over them whether or not they can be taken away; but then what lies
        // beyond the memory would not fault.
        if unsafe { !system::set_access(memory.base.add(then), more, Access::None) } {
            refuse();
        }
    }
    memory.bytes = initial;
}

/// Whether the bytes were copied from where they still are. Pages that could not be moved were, as
/// was what is less than pages.
fn is_copied(program: &Program, run: &DataRun) -> bool {
    let is_whole = [run.data.addr(), usize_of(run.length)].iter().all(|it| system::whole_pages(*it) == Some(*it));
    !is_whole || program.copies_pages.load(Ordering::Relaxed) != 0
}

fn runs(image: &'static Image) -> impl Iterator<Item = &'static DataRun> {
    // SAFETY: the image holds `n_runs` rows.
    unsafe { slice(image.runs, image.n_runs) }.iter()
}

/// Where the byte of a run is that is not zero at the start.
///
/// # Safety
/// The run's memory was created.
unsafe fn probe(run: &DataRun) -> *mut u8 {
    // SAFETY: as required of the caller; the compiler checked that the run lies in the initial
    // memory.
    unsafe { (*run.memory).base.add(usize_of(run.address.saturating_add(run.probe))) }
}

fn byte(run: &DataRun) -> u8 {
    run.probed.to_le_bytes()[0]
}

fn refuse() -> ! {
    let mut text = message();
    text.add("the library can't be reset: the system does not give the pages of its memory anew");
    fail(text, 1)
}
