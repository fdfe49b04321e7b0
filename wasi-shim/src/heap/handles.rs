//! Handles: references that a host holds beyond a call. What they refer to stays.
//!
//! A handle is a number, which no other handle of the process has or will have: one that was given
//! back, that was void after a reset, or that is another heap's, is found out.

use super::State;
use super::mark::Marker;
use crate::abi::object::Heap;
use crate::abi::trap::CODE_HANDLE;
use crate::backtrace::Cause;
use crate::trap;
use crate::width::usize_of;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// Bits of a handle that say where it is in the table; the others are its stamp.
const PLACE_BITS: u32 = 20;

/// The most handles at a time.
pub const MOST: usize = 1 << PLACE_BITS;

/// The stamp of the handle that was made last.
static STAMP: AtomicU64 = AtomicU64::new(0);

#[repr(C)]
struct Handle {
    /// A reference; of a free one the next free one's place plus 1, or 0.
    word: u64,
    /// 0 of a free one.
    stamp: u64,
}

/// Bytes of the table.
pub const TABLE_BYTES: usize = MOST * size_of::<Handle>();

pub struct Handles {
    table: *mut Handle,
    /// How many were used so far, and the place of the first of those that are free, plus 1.
    end: usize,
    free: usize,
}

impl Handles {
    pub fn new(table: *mut u8) -> Handles {
        Handles { table: table.cast(), end: 0, free: 0 }
    }

    fn take(&mut self, word: u64) -> Option<u64> {
        let place = match self.free.checked_sub(1) {
            Some(place) => place,
            None if self.end < MOST => {
                self.end = self.end.wrapping_add(1);
                self.end.wrapping_sub(1)
            }
            None => return None,
        };
        let handle = self.table.wrapping_add(place);
        // A process makes fewer than 2^44.
        let stamp = STAMP.fetch_add(1, Relaxed).wrapping_add(1);
        // SAFETY: a place of the table.
        unsafe {
            if self.free != 0 {
                self.free = usize_of((*handle).word);
            }
            handle.write(Handle { word, stamp });
        }
        Some(stamp << PLACE_BITS | place as u64)
    }

    /// The place of a handle, if there is one.
    fn find(&self, handle: u64) -> Option<*mut Handle> {
        let (place, stamp) = (usize_of(handle) % MOST, handle >> PLACE_BITS);
        let found = self.table.wrapping_add(place);
        // SAFETY: a place of the table.
        (stamp != 0 && place < self.end && unsafe { (*found).stamp } == stamp).then_some(found)
    }

    /// Follows all of them.
    pub fn visit(&self, marker: &mut Marker) {
        for index in 0..self.end {
            // SAFETY: a place of the table.
            unsafe {
                let handle = self.table.wrapping_add(index);
                if (*handle).stamp != 0 {
                    marker.visit_all(&raw const (*handle).word as *const usize, 1);
                }
            }
        }
    }
}

/// [`crate::abi::builtin::Builtin::RefNew`]: a new handle; 0 for null.
/// [`Trap::HeapExhausted`](crate::abi::trap::Trap) if there are [`MOST`].
///
/// # Safety
/// `heap` is that of the code that made the reference.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_ref_new(heap: *mut Heap, reference: u64) -> u64 {
    if reference == 0 {
        return 0;
    }
    // SAFETY: as required of the caller.
    let state = unsafe { State::of(heap) };
    state.handles.take(reference).unwrap_or_else(|| state.exhausted(size_of::<Handle>() as u64))
}

/// [`crate::abi::builtin::Builtin::RefGet`]: the reference that a handle holds; null for 0. A trap
/// if it is not one of this heap.
///
/// # Safety
/// As for [`w2n_ref_new`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_ref_get(heap: *mut Heap, handle: u64) -> u64 {
    if handle == 0 {
        return 0;
    }
    // SAFETY: as required of the caller, and what was found is a handle.
    unsafe {
        let found = State::of(heap).handles.find(handle);
        (*found.unwrap_or_else(|| refuse())).word
    }
}

/// [`crate::abi::builtin::Builtin::RefDrop`]: gives a handle back. 0 is nothing. A trap if it is
/// not one of this heap.
///
/// # Safety
/// As for [`w2n_ref_new`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_ref_drop(heap: *mut Heap, handle: u64) {
    if handle == 0 {
        return;
    }
    // SAFETY: as required of the caller.
    let handles = unsafe { &mut State::of(heap).handles };
    let found = handles.find(handle).unwrap_or_else(|| refuse());
    // SAFETY: a handle, which is no more.
    unsafe { found.write(Handle { word: handles.free as u64, stamp: 0 }) };
    handles.free = (usize_of(handle) % MOST).wrapping_add(1);
}

/// Ends the host's call: it uses a handle that there is not.
#[cold]
fn refuse() -> ! {
    trap::raise_here(Cause {
        code: CODE_HANDLE,
        message: b"the host uses a handle of a reference that was given back, or is void",
    })
}
