//! `malloc` and its like: the allocator of the crate `dlmalloc`, for one thread at a time.

use crate::auxiliary::page_size;
use crate::lock::Lock;
use crate::pages::{map, mremap, munmap};
use core::cell::{Cell, UnsafeCell};
use core::ffi::{c_int, c_void};
use core::ptr;
use dlmalloc::{Allocator, Dlmalloc};

/// Where it has its memory from: first a piece of the program's own data, which costs no call of
/// the system and no page before it is used.
struct Pages {
    is_first_used: Cell<bool>,
}

/// As much as the allocator asks for at least.
#[repr(align(16))]
struct First(UnsafeCell<[u8; 64 << 10]>);

// SAFETY: handed out once.
unsafe impl Sync for First {}

static FIRST: First = First(UnsafeCell::new([0; _]));

/// The flag of memory that is not given back.
const STAYS: u32 = 1;

// SAFETY: what it gives is new memory, and it takes nothing else back.
unsafe impl Allocator for Pages {
    fn alloc(&self, size: usize) -> (*mut u8, usize, u32) {
        if size <= size_of::<First>() && !self.is_first_used.replace(true) {
            return (FIRST.0.get().cast(), size_of::<First>(), STAYS);
        }
        (map(size, 0).unwrap_or(ptr::null_mut()), size, 0)
    }

    fn remap(&self, start: *mut u8, old_size: usize, size: usize, can_move: bool) -> *mut u8 {
        let flags = if can_move { libc::MREMAP_MAYMOVE } else { 0 };
        // SAFETY: the allocator's own memory.
        let new = unsafe { mremap(start.cast(), old_size, size, flags, ptr::null_mut()) };
        if new == libc::MAP_FAILED { ptr::null_mut() } else { new.cast() }
    }

    fn free_part(&self, start: *mut u8, old_size: usize, size: usize) -> bool {
        // SAFETY: as above.
        unsafe { munmap(start.wrapping_add(size).cast(), old_size.wrapping_sub(size)) == 0 }
    }

    fn free(&self, start: *mut u8, size: usize) -> bool {
        // SAFETY: as above.
        unsafe { munmap(start.cast(), size) == 0 }
    }

    fn can_release_part(&self, _flags: u32) -> bool {
        true
    }

    fn allocates_zeros(&self) -> bool {
        true
    }

    fn page_size(&self) -> usize {
        page_size()
    }
}

static MEMORY: Lock<Dlmalloc<Pages>> =
    Lock::new(Dlmalloc::new_with_allocator(Pages { is_first_used: Cell::new(false) }));

/// What every block is aligned to.
const ALIGN: usize = 2 * size_of::<usize>();

#[unsafe(no_mangle)]
pub extern "C" fn malloc(size: usize) -> *mut c_void {
    // SAFETY: any size will do.
    or_no_memory(MEMORY.with(|memory| unsafe { memory.c_malloc(size) }))
}

#[unsafe(no_mangle)]
pub extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    let block = count.checked_mul(size).map(|size| {
        // SAFETY: any size will do.
        MEMORY.with(|memory| unsafe { memory.calloc(size, ALIGN) })
    });
    or_no_memory(block.unwrap_or(ptr::null_mut()))
}

/// # Safety
/// As C's: the block came from here, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realloc(block: *mut c_void, size: usize) -> *mut c_void {
    if block.is_null() {
        return malloc(size);
    }
    // SAFETY: as required of the caller.
    or_no_memory(MEMORY.with(|memory| unsafe { memory.c_realloc(block.cast(), size) }))
}

/// # Safety
/// As C's: the block came from here, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn free(block: *mut c_void) {
    if !block.is_null() {
        // SAFETY: as required of the caller.
        MEMORY.with(|memory| unsafe { memory.c_free(block.cast()) });
    }
}

/// # Safety
/// As C's: the place can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_memalign(place: *mut *mut c_void, align: usize, size: usize) -> c_int {
    if !align.is_power_of_two() || align < size_of::<usize>() {
        return libc::EINVAL;
    }
    // SAFETY: any size will do.
    let block = MEMORY.with(|memory| unsafe { memory.c_memalign(align, size) });
    if block.is_null() {
        return libc::ENOMEM;
    }
    // SAFETY: as required of the caller.
    unsafe { *place = block.cast() };
    0
}

fn or_no_memory(block: *mut u8) -> *mut c_void {
    if block.is_null() {
        crate::errno::set_errno(libc::ENOMEM);
    }
    block.cast()
}
