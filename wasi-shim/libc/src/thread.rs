//! Threads. What the system maps for one is, from the bottom: a guard, its stack, its block.
//!
//! A thread is given back by who joins it, or by itself if it is detached. Who comes second does
//! it: [`Control::state`] tells.

use crate::arch::{Spawn, processor};
use crate::attribute::{Attributes, DEFAULT_STACK};
use crate::auxiliary::whole_pages;
use crate::control::{Control, block, control, thread_pointer_of};
use crate::errno::call;
use crate::lock::wait;
use crate::pages::{map, mprotect, munmap};
use crate::process::prctl;
use crate::word::Word;
use crate::{key, signal};
use core::cell::Cell;
use core::ffi::{c_char, c_int, c_void};
use core::ptr;
use core::sync::atomic::Ordering;
use libc::{pthread_attr_t, pthread_t};

/// States of a thread: the first that a thread has; nobody will join it; it will not run any more.
const JOINABLE: u32 = 0;
const DETACHED: u32 = 1;
const ENDED: u32 = 2;

/// Bytes that may not be used below a stack: more than the frame of a function that does not probe
/// it.
const GUARD: usize = 64 << 10;

/// # Safety
/// As C's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_create(
    place: *mut pthread_t,
    attributes: *const pthread_attr_t,
    function: unsafe extern "C" fn(*mut c_void) -> *mut c_void,
    argument: *mut c_void,
) -> c_int {
    // SAFETY: as required of the caller.
    let attributes = unsafe { attributes.cast::<Attributes>().as_ref() };
    let Some(new) = map_thread(attributes.map_or(DEFAULT_STACK, |it| it.stack_size)) else {
        return libc::EAGAIN;
    };
    // SAFETY: the block is new, and the thread does not run yet.
    unsafe {
        (*new).function = Some(function);
        (*new).value = Cell::new(argument);
    }
    let flags = libc::CLONE_VM
        | libc::CLONE_FS
        | libc::CLONE_FILES
        | libc::CLONE_SIGHAND
        | libc::CLONE_THREAD
        | libc::CLONE_SYSVSEM
        | libc::CLONE_SETTLS
        | libc::CLONE_PARENT_SETTID
        | libc::CLONE_CHILD_CLEARTID;
    // SAFETY: as above.
    unsafe {
        *place = pthread_t::of(new.addr());
        let (mapping, mapping_size) = ((*new).mapping, (*new).mapping_size);
        let spawn = Spawn {
            stack: (*new).stack.wrapping_add((*new).stack_size),
            thread_pointer: thread_pointer_of(new),
            number: (*new).number.as_ptr().addr(),
            function: run,
            argument: new.addr(),
        };
        // From here on the thread may have ended already.
        if processor::spawn(flags.word(), &spawn).cast_signed() < 0 {
            munmap(mapping as *mut c_void, mapping_size);
            return libc::EAGAIN;
        }
    }
    0
}

/// Maps everything of a thread, and fills its block in.
fn map_thread(stack_size: usize) -> Option<*mut Control> {
    let block = block();
    // The block begins where it is aligned, up to which the stack goes.
    let room = block.size.checked_add(block.align)?;
    let guard = whole_pages(GUARD)?;
    let size = whole_pages(stack_size.checked_add(room)?)?.checked_add(guard)?;
    let start = map(size, libc::MAP_NORESERVE | libc::MAP_STACK)?;
    // SAFETY: the mapping is new, and larger than that.
    unsafe {
        if mprotect(start.cast(), guard, libc::PROT_NONE) != 0 {
            munmap(start.cast(), size);
            return None;
        }
        let end = start.addr().wrapping_add(size);
        let place = end.wrapping_sub(block.size) & block.align.wrapping_neg();
        let new = block.fill(place as *mut u8);
        (*new).mapping = start.addr();
        (*new).mapping_size = size;
        (*new).stack = start.addr().wrapping_add(guard);
        (*new).stack_size = place.wrapping_sub((*new).stack);
        Some(new)
    }
}

/// The thread from beginning to end.
unsafe extern "C" fn run(new: usize) -> ! {
    // SAFETY: the block of the running thread, filled in before it began.
    let control = unsafe { &*(new as *const Control) };
    if let Some(function) = control.function {
        // SAFETY: as its caller required.
        control.value.set(unsafe { function(control.value.get()) });
    }
    key::call_all();
    let is_awaited = control.state.compare_exchange(JOINABLE, ENDED, Ordering::AcqRel, Ordering::Acquire).is_ok();
    // SAFETY: nothing of this thread is used any more. The kernel must not write the number of one
    // whose block is gone: there may be something else by then.
    unsafe {
        if is_awaited {
            let _ = call(libc::SYS_exit, [0]);
        } else {
            signal::block_all();
            let _ = call(libc::SYS_set_tid_address, [0]);
            processor::unmap_and_exit(control.mapping, control.mapping_size);
        }
    }
    processor::trap()
}

/// # Safety
/// As C's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_join(thread: pthread_t, result: *mut *mut c_void) -> c_int {
    let joined = thread as *mut Control;
    if joined == control() {
        return libc::EDEADLK;
    }
    // SAFETY: as required of the caller: it is neither joined nor detached.
    unsafe {
        wait_for_end(&*joined);
        if !result.is_null() {
            *result = (*joined).value.get();
        }
        munmap((*joined).mapping as *mut c_void, (*joined).mapping_size);
    }
    0
}

/// The kernel wakes others than processes' own sleepers when it has written the 0.
fn wait_for_end(control: &Control) {
    loop {
        match control.number.load(Ordering::Acquire) {
            0 => break,
            number => wait(&control.number, number, 0),
        }
    }
}

/// # Safety
/// As C's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_detach(thread: pthread_t) -> c_int {
    // SAFETY: as required of the caller: it is neither joined nor detached.
    let state = unsafe { &(*(thread as *mut Control)).state };
    if state.compare_exchange(JOINABLE, DETACHED, Ordering::AcqRel, Ordering::Acquire).is_err() {
        // It has ended.
        // SAFETY: as above.
        unsafe { pthread_join(thread, ptr::null_mut()) };
    }
    0
}

/// The name of the calling thread. Others can't be named here.
///
/// # Safety
/// As C's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_setname_np(thread: pthread_t, name: *const c_char) -> c_int {
    if thread as *mut Control != control() {
        return libc::ENOSYS;
    }
    // SAFETY: as required of the caller.
    unsafe { prctl(libc::PR_SET_NAME, name.addr(), 0, 0, 0) };
    0
}
