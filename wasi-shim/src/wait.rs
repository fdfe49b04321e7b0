//! `memory.atomic.wait` and `memory.atomic.notify` (threads proposal, "Wait and Notify operators").
//!
//! What systems wait for has 32 bits, not 64, so the queues of waiting threads
//! are kept here: a thread looks at the value and joins the queue of its address under one lock,
//! and sleeps on a word of its own, which the kernel watches. A queue links variables on the stacks
//! of its threads. Invariant: a [`Waiter`] is in a queue exactly while its `notified` is 0 and its
//! thread is in [`wait`]; both change only under the queue's lock.

use crate::abi::memory::Memory;
use crate::abi::program::Program;
use crate::abi::trap::Trap;
use crate::arch::processor::return_address;
use crate::system::kernel;
use crate::trap::raise_here;
use crate::width::usize_of;
use crate::{interrupt, memory, program};
use std::ptr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const NOTIFIED: i32 = 0;
const NOT_EQUAL: i32 = 1;
const TIMED_OUT: i32 = 2;

/// A thread that waits.
struct Waiter {
    address: usize,
    /// What the thread sleeps on.
    notified: AtomicU32,
    /// Who has begun to wait after it.
    next: *mut Waiter,
}

struct Queue {
    first: *mut Waiter,
}

// SAFETY: waiters are used only under the lock of their queue, in which they are only while their
// thread's frame exists.
unsafe impl Send for Queue {}

impl Queue {
    fn append(&mut self, waiter: *mut Waiter) {
        let mut link = &raw mut self.first;
        // SAFETY: what is in the queue exists, and the caller holds the lock.
        unsafe {
            while !(*link).is_null() {
                link = &raw mut (**link).next;
            }
            *link = waiter;
        }
    }

    /// Takes out those that `is_meant` says.
    #[inline(always)]
    fn remove(&mut self, mut is_meant: impl FnMut(&Waiter) -> bool) {
        let mut link = &raw mut self.first;
        // SAFETY: as above.
        unsafe {
            while !(*link).is_null() {
                let waiter = *link;
                if is_meant(&*waiter) {
                    *link = (*waiter).next;
                } else {
                    link = &raw mut (*waiter).next;
                }
            }
        }
    }
}

/// Addresses share queues, so that threads which have nothing to do with each other seldom meet at
/// a lock.
static QUEUES: [Mutex<Queue>; 64] = [const { Mutex::new(Queue { first: ptr::null_mut() }) }; 64];

/// 2^64 divided by the golden ratio (Knuth, The Art of Computer Programming 3, 6.4).
const HASH: usize = usize_of(0x9e37_79b9_7f4a_7c15);

#[inline(always)]
fn queue(address: usize) -> MutexGuard<'static, Queue> {
    // Multiplicative hashing: what goes over the top is not wanted.
    let number = (address >> 2).wrapping_mul(HASH) >> (usize::BITS - 6);
    QUEUES[number].lock().unwrap_or_else(PoisonError::into_inner)
}

/// [`crate::abi::builtin::Builtin::MemoryWait32`].
///
/// # Safety
/// `memory` is a memory of the image.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_memory_wait32(memory: *mut Memory, address: u64, expected: i32, timeout: i64) -> i32 {
    let caller = return_address();
    // SAFETY: as required of the caller.
    let place = unsafe { find(memory, address, 4, true) };
    wait(program::at(caller).0, place as usize, timeout, || {
        // SAFETY: four aligned bytes of the memory.
        unsafe { AtomicU32::from_ptr(place.cast()) }.load(Ordering::SeqCst) == expected.cast_unsigned()
    })
}

/// [`crate::abi::builtin::Builtin::MemoryWait64`].
///
/// # Safety
/// `memory` is a memory of the image.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_memory_wait64(memory: *mut Memory, address: u64, expected: i64, timeout: i64) -> i32 {
    let caller = return_address();
    // SAFETY: as required of the caller.
    let place = unsafe { find(memory, address, 8, true) };
    wait(program::at(caller).0, place as usize, timeout, || {
        // SAFETY: eight aligned bytes of the memory.
        unsafe { AtomicU64::from_ptr(place.cast()) }.load(Ordering::SeqCst) == expected.cast_unsigned()
    })
}

/// [`crate::abi::builtin::Builtin::MemoryNotify`].
///
/// # Safety
/// `memory` is a memory of the image.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_memory_notify(memory: *mut Memory, address: u64, most: u32) -> u32 {
    // SAFETY: as required of the caller.
    let address = unsafe { find(memory, address, 4, false) } as usize;
    let mut queue = queue(address);
    let mut n_notified: u32 = 0;
    queue.remove(|waiter| {
        let is_meant = waiter.address == address && n_notified < most;
        if is_meant {
            n_notified = n_notified.saturating_add(1);
            // The thread needs the lock before it can leave.
            waiter.notified.store(1, Ordering::Release);
            kernel::wake(&waiter.notified);
        }
        is_meant
    });
    n_notified
}

/// The bytes that an instruction names. Traps if they are not there, not aligned, or nothing else
/// could write them.
///
/// # Safety
/// `memory` is a memory of the image.
#[inline(always)]
unsafe fn find(memory: *mut Memory, address: u64, size: u64, must_be_shared: bool) -> *mut u8 {
    // SAFETY: as required of the caller.
    let bytes = unsafe { memory::size(memory) }.load(Ordering::Acquire);
    if !address.is_multiple_of(size) {
        raise_here(Trap::UnalignedAtomic);
    }
    if address.checked_add(size).is_none_or(|end| end > bytes) {
        raise_here(Trap::MemoryOutOfBounds);
    }
    // SAFETY: these fields don't change while code runs, and the address is within the memory.
    unsafe {
        if must_be_shared && (*memory).is_shared == 0 {
            raise_here(Trap::ExpectedSharedMemory);
        }
        (*memory).base.add(usize_of(address))
    }
}

/// Waits for up to `timeout` nanoseconds, forever if it is negative. An interrupt ends it.
#[inline(always)]
fn wait(program: &Program, address: usize, timeout: i64, is_equal: impl Fn() -> bool) -> i32 {
    let mut waiter = Waiter { address, notified: AtomicU32::new(0), next: ptr::null_mut() };
    let waiter = &raw mut waiter;
    {
        let mut queue = queue(address);
        if !is_equal() {
            return NOT_EQUAL;
        }
        queue.append(waiter);
    }
    let deadline = (timeout >= 0).then(|| deadline(timeout));
    // SAFETY: a variable of this function, of which others change only this field and, under the
    // lock, `next`.
    let notified = unsafe { &(*waiter).notified };
    let mut is_interrupted = false;
    while notified.load(Ordering::Acquire) == 0 {
        is_interrupted = interrupt::take(program);
        let until = if program.poll_page.is_null() { deadline } else { Some(next_look(deadline)) };
        // Signals and late notifications end it early.
        if is_interrupted || kernel::sleep(notified, until.as_ref()) && is_same(until, deadline) {
            break;
        }
    }
    let mut queue = queue(address);
    if !is_interrupted && notified.load(Ordering::Acquire) != 0 {
        return NOTIFIED;
    }
    queue.remove(|other| ptr::eq(other, waiter));
    drop(queue);
    if is_interrupted {
        raise_here(Trap::Interrupted);
    }
    TIMED_OUT
}

/// When to look whether an interrupt is wanted: the deadline, if that is sooner.
fn next_look(deadline: Option<libc::timespec>) -> libc::timespec {
    let look = self::deadline(interrupt::LOOK.subsec_nanos().into());
    deadline.filter(|it| (it.tv_sec, it.tv_nsec) <= (look.tv_sec, look.tv_nsec)).unwrap_or(look)
}

fn is_same(a: Option<libc::timespec>, b: Option<libc::timespec>) -> bool {
    a.map(|it| (it.tv_sec, it.tv_nsec)) == b.map(|it| (it.tv_sec, it.tv_nsec))
}

/// The time on the monotonic clock in so many nanoseconds.
fn deadline(nanoseconds: i64) -> libc::timespec {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes to a live variable.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    // The clock starts with the system: the sum ends after centuries.
    let now = Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0));
    let deadline = now.saturating_add(Duration::from_nanos(nanoseconds.unsigned_abs()));
    libc::timespec {
        tv_sec: i64::try_from(deadline.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: deadline.subsec_nanos().into(),
    }
}
