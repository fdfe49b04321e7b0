//! What crosses the edge to C and needs more than a few instructions: strings, handles of host
//! pointers, function pointers.
//!
//! Comes in: values of the module, trusted in nothing. What is not inside of the memory, or was
//! never handed out, traps.

use crate::abi::foreign::CallbackPool;
use crate::abi::memory::Memory;
use crate::abi::program::Program;
use crate::abi::trap::{CODE_FOREIGN, Trap};
use crate::arch::processor::return_address;
use crate::backtrace::Cause;
use crate::program;
use crate::text::Text;
use crate::trap::raise_here;
use crate::width::usize_of;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// A linear memory as it is now.
#[derive(Clone, Copy)]
pub struct View {
    base: *mut u8,
    bytes: u64,
}

impl View {
    /// # Safety
    /// `memory` is a memory of the program.
    pub unsafe fn new(memory: *const Memory) -> View {
        // SAFETY: see above. Other threads may let the memory grow, and it never moves.
        unsafe {
            let bytes = AtomicU64::from_ptr((&raw const (*memory).bytes).cast_mut()).load(Ordering::Acquire);
            View { base: (*memory).base, bytes }
        }
    }

    pub fn bytes(self) -> u64 {
        self.bytes
    }

    /// The host pointer to `length` bytes from an address, if all of them are inside.
    pub fn range(self, address: u64, length: u64) -> Option<*mut u8> {
        let is_inside = address.checked_add(length).is_some_and(|end| end <= self.bytes);
        is_inside.then(|| self.base.wrapping_add(usize_of(address)))
    }

    /// The host pointer to a string of units of 1 or 4 bytes, which must end inside, or have
    /// as many units as anyone reads.
    pub fn string(self, address: u64, unit: u64, most: Option<u64>) -> Option<*mut u8> {
        let start = self.range(address, 0)?;
        let n_units = self.bytes.checked_sub(address)?.checked_div(unit)?;
        if most.is_some_and(|most| most <= n_units) {
            return Some(start);
        }
        let is_end = |index: u64| {
            let place = start.wrapping_add(usize_of(index.saturating_mul(unit)));
            // SAFETY: the unit lies inside of the memory.
            unsafe {
                match unit {
                    1 => *place == 0,
                    _ => place.cast::<u32>().read_unaligned() == 0,
                }
            }
        };
        (0..n_units).any(is_end).then_some(start)
    }
}

/// [`crate::abi::builtin::Builtin::CString`].
///
/// # Safety
/// `memory` is a memory of the program.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_c_string(memory: *const Memory, address: u64) -> *const u8 {
    if address == 0 {
        return std::ptr::null();
    }
    // SAFETY: as required of the caller.
    let view = unsafe { View::new(memory) };
    let Some(start) = view.range(address, 1) else { raise_here(Trap::MemoryOutOfBounds) };
    // SAFETY: from an address inside of the memory up to its end all can be read.
    let end = unsafe { libc::memchr(start.cast(), 0, usize_of(view.bytes.saturating_sub(address))) };
    if end.is_null() {
        raise_here(Trap::MemoryOutOfBounds);
    }
    start
}

/// A host pointer, the kind of what it points to, and the address of the description of the program
/// that knows it.
type Known = (usize, u64, usize);

/// The host pointers that the module knows, by the number that stands for each, and back. One that
/// comes again keeps its number, until its last use. No number is given twice.
struct Handles {
    pointers: BTreeMap<u64, Known>,
    numbers: BTreeMap<Known, u64>,
    n_given: u64,
}

static HANDLES: Mutex<Handles> =
    Mutex::new(Handles { pointers: BTreeMap::new(), numbers: BTreeMap::new(), n_given: 0 });

/// The most host pointers that modules may know at once. Each takes about a hundred bytes here.
const MOST_HANDLES: usize = 1 << 20;

/// [`crate::abi::builtin::Builtin::Handle`].
#[unsafe(no_mangle)]
pub extern "C" fn w2n_handle(pointer: usize, kind: u64) -> u64 {
    let caller = return_address();
    if pointer == 0 {
        return 0;
    }
    let Some(number) = number_of((pointer, kind, owner(caller))) else {
        let mut text = Text::into_buffer(&mut []);
        raise_foreign(text.add("too many handles: the module holds ").add_decimal(MOST_HANDLES as u128).add(" already"))
    };
    number
}

/// Whose code lies at an address.
fn owner(caller: usize) -> usize {
    std::ptr::from_ref(program::at(caller).0).addr()
}

/// Takes away all handles of a program.
pub fn forget_handles(program: &Program) {
    let owner = std::ptr::from_ref(program).addr();
    let mut handles = HANDLES.lock().unwrap_or_else(PoisonError::into_inner);
    handles.pointers.retain(|_, known| known.2 != owner);
    handles.numbers.retain(|known, _| known.2 != owner);
}

/// The number that stands for a host pointer: the one that it has, or a new one if there may be
/// more.
fn number_of(known: Known) -> Option<u64> {
    let mut handles = HANDLES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(&number) = handles.numbers.get(&known) {
        return Some(number);
    }
    if handles.pointers.len() >= MOST_HANDLES {
        return None;
    }
    handles.n_given = handles.n_given.checked_add(1)?;
    let number = handles.n_given;
    handles.numbers.insert(known, number);
    handles.pointers.insert(number, known);
    Some(number)
}

/// [`crate::abi::builtin::Builtin::HandlePointer`].
#[unsafe(no_mangle)]
pub extern "C" fn w2n_handle_pointer(number: u64, kind: u64, is_last: u32) -> usize {
    let caller = return_address();
    if number == 0 {
        return 0;
    }
    let known = {
        let mut handles = HANDLES.lock().unwrap_or_else(PoisonError::into_inner);
        let is_its = |known: &Known| (known.1, known.2) == (kind, owner(caller));
        let known = handles.pointers.get(&number).copied().filter(is_its);
        if let Some(known) = known.filter(|_| is_last != 0) {
            handles.pointers.remove(&number);
            handles.numbers.remove(&known);
        }
        known
    };
    let Some((pointer, ..)) = known else {
        raise_foreign(Text::into_buffer(&mut []).add("unknown handle of a host pointer"))
    };
    pointer
}

/// [`crate::abi::builtin::Builtin::Callback`]: the slot that has the function, else the first free
/// one. Slots are never given back, because no one knows how long C keeps a function pointer.
///
/// # Safety
/// `pool` is a pool of the image.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_callback(pool: *const CallbackPool, code: usize) -> usize {
    // SAFETY: the compiler writes as many slots, and as many words after the pool, which only this
    // function writes.
    let (slots, codes) = unsafe {
        let length = usize_of((*pool).length);
        let codes = pool.add(1).cast::<AtomicUsize>();
        (std::slice::from_raw_parts((*pool).slots, length), std::slice::from_raw_parts(codes, length))
    };
    for (slot, taken) in slots.iter().zip(codes) {
        let current = match taken.load(Ordering::Acquire) {
            0 => taken
                .compare_exchange(0, code, Ordering::AcqRel, Ordering::Acquire)
                .map_or_else(|other| other, |_| code),
            current => current,
        };
        if current == code {
            return *slot;
        }
    }
    let mut text = Text::into_buffer(&mut []);
    text.add("too many function pointers: C holds ").add_decimal(slots.len() as u128);
    raise_foreign(text.add(" to different functions of one type already"))
}

/// The end of a call with what can't be passed to C.
#[inline(always)]
pub fn raise_foreign(text: &Text) -> ! {
    raise_here(Cause { code: CODE_FOREIGN, message: text.line() })
}
