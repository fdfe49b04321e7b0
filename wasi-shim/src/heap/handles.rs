//! Handles: references that a host holds beyond a call. What they refer to stays.

use super::State;
use super::mark::Marker;
use crate::abi::object::Heap;
use crate::text::message;
use std::ffi::c_void;
use std::ptr;

/// The most handles at a time.
pub const MOST: usize = 1 << 20;

/// A handle is the address of one.
#[repr(C)]
struct Handle {
    /// A reference; of a free one the next free one, or 0.
    word: u64,
    is_used: u64,
}

/// Bytes of the table.
pub const TABLE_BYTES: usize = MOST * size_of::<Handle>();

pub struct Handles {
    table: *mut Handle,
    /// How many were used so far, and the first of those that are free.
    end: usize,
    free: u64,
}

impl Handles {
    pub fn new(table: *mut u8) -> Handles {
        Handles { table: table.cast(), end: 0, free: 0 }
    }

    fn take(&mut self, word: u64) -> Option<*mut Handle> {
        let handle = if self.free != 0 {
            ptr::with_exposed_provenance_mut::<Handle>(crate::width::usize_of(self.free))
        } else if self.end < MOST {
            self.end = self.end.wrapping_add(1);
            self.table.wrapping_add(self.end.wrapping_sub(1))
        } else {
            return None;
        };
        // SAFETY: a place of the table.
        unsafe {
            if self.free != 0 {
                self.free = (*handle).word;
            }
            handle.write(Handle { word, is_used: 1 });
        }
        handle.expose_provenance();
        Some(handle)
    }

    /// The handle at an address, if there is one.
    fn find(&self, address: *mut c_void) -> Option<*mut Handle> {
        let offset = address.addr().wrapping_sub(self.table.addr());
        let is_one =
            offset.is_multiple_of(size_of::<Handle>()) && offset < self.end.saturating_mul(size_of::<Handle>());
        let handle = self.table.wrapping_byte_add(offset);
        // SAFETY: a place of the table.
        (is_one && unsafe { (*handle).is_used != 0 }).then_some(handle)
    }

    /// Follows all of them.
    pub fn visit(&self, marker: &mut Marker) {
        for index in 0..self.end {
            // SAFETY: a place of the table.
            unsafe {
                let handle = self.table.wrapping_add(index);
                if (*handle).is_used != 0 {
                    marker.visit_all(&raw const (*handle).word as *const usize, 1);
                }
            }
        }
    }
}

/// A new handle; null for null. [`Trap::HeapExhausted`](crate::abi::trap::Trap) if there are
/// [`MOST`].
///
/// # Safety
/// `heap` is that of the code that made the reference.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_ref_new(heap: *mut Heap, reference: u64) -> *mut c_void {
    if reference == 0 {
        return ptr::null_mut();
    }
    // SAFETY: as required of the caller.
    let state = unsafe { State::of(heap) };
    match state.handles.take(reference) {
        Some(handle) => handle.cast(),
        None => state.exhausted(size_of::<Handle>() as u64),
    }
}

/// The reference that a handle holds; null if it is null, or none of this heap.
///
/// # Safety
/// As for [`w2n_ref_new`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_ref_get(heap: *mut Heap, handle: *mut c_void) -> u64 {
    if handle.is_null() {
        return 0;
    }
    // SAFETY: as required of the caller.
    let found = unsafe { State::of(heap) }.handles.find(handle);
    // SAFETY: a handle.
    found.map_or_else(|| complain("use of a handle"), |handle| unsafe { (*handle).word })
}

/// Gives a handle back. Null is nothing.
///
/// # Safety
/// As for [`w2n_ref_new`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_ref_drop(heap: *mut Heap, handle: *mut c_void) {
    if handle.is_null() {
        return;
    }
    // SAFETY: as required of the caller.
    let handles = unsafe { &mut State::of(heap).handles };
    let Some(handle) = handles.find(handle) else {
        complain("drop of a handle");
        return;
    };
    // SAFETY: a handle, which is no more.
    unsafe { handle.write(Handle { word: handles.free, is_used: 0 }) };
    handles.free = handle.expose_provenance() as u64;
}

/// Says that the host is wrong.
#[cold]
fn complain(what: &str) -> u64 {
    let mut text = message();
    text.add(what).add(" that there is not\n");
    0
}
