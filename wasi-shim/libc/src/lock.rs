//! A lock for data of the library. A thread that waits for it sleeps.

use crate::errno::call;
use crate::word::Word;
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicU32, Ordering};

const FREE: u32 = 0;
const TAKEN: u32 = 1;
/// Taken, and perhaps somebody sleeps (Drepper, "Futexes Are Tricky", section 6).
const AWAITED: u32 = 2;

pub struct Lock<T> {
    state: AtomicU32,
    data: UnsafeCell<T>,
}

// SAFETY: only who took the lock uses the data.
unsafe impl<T: Send> Sync for Lock<T> {}

impl<T> Lock<T> {
    pub const fn new(data: T) -> Lock<T> {
        Lock { state: AtomicU32::new(FREE), data: UnsafeCell::new(data) }
    }

    /// What is done with the data must not take the lock again.
    pub fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        if self.state.compare_exchange(FREE, TAKEN, Ordering::Acquire, Ordering::Relaxed).is_err() {
            while self.state.swap(AWAITED, Ordering::Acquire) != FREE {
                wait(&self.state, AWAITED, libc::FUTEX_PRIVATE_FLAG);
            }
        }
        // SAFETY: no other thread has the lock.
        let result = work(unsafe { &mut *self.data.get() });
        if self.state.swap(FREE, Ordering::Release) == AWAITED {
            wake_one(&self.state);
        }
        result
    }
}

/// Sleeps while the word has this value; may wake earlier.
pub fn wait(word: &AtomicU32, value: u32, flags: i32) {
    let operation = libc::FUTEX_WAIT | flags;
    // SAFETY: the word lives as long as the call.
    let _ = unsafe { call(libc::SYS_futex, [word.as_ptr().addr(), operation.word(), value.word(), 0]) };
}

fn wake_one(word: &AtomicU32) {
    let operation = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: the kernel reads no memory.
    let _ = unsafe { call(libc::SYS_futex, [word.as_ptr().addr(), operation.word(), 1]) };
}
