//! What modules of Emscripten import from `env`, as far as it means something outside of
//! JavaScript.

use crate::memory;
use crate::shim::assembly_script::abort_with;
use crate::shim::caller::Caller;
use crate::text::{STDERR, STDOUT, Text};

/// Bytes of a page of Wasm.
const PAGE: u64 = 1 << 16;

/// The last whole page below 4 GiB begins here; a size of 4 GiB has no number in 32 bits.
const LARGEST_HEAP: u64 = (1 << 32) - PAGE;

/// JavaScript has views of the memory to renew. There are none here.
pub fn notify_memory_growth(_: &Caller, _memory: u32) {}

pub fn copy(caller: &Caller, to: u32, from: u32, length: u32) {
    let (to, from) = (caller.range(to, length), caller.range(from, length));
    // SAFETY: `range` checked both places; they may overlap.
    unsafe { libc::memmove(to.cast(), from.cast(), length as usize) };
}

pub fn copy_returning(caller: &Caller, to: u32, from: u32, length: u32) -> u32 {
    copy(caller, to, from, length);
    to
}

/// Makes the memory so large at least; 1 if it is. It grows by a fifth at least, so that a heap
/// that grows by little at a time does not ask often.
pub fn resize_heap(caller: &Caller, size: u32) -> u32 {
    if caller.memory.is_null() {
        return 0;
    }
    // SAFETY: a memory of the program.
    let old = unsafe { memory::size(caller.memory) }.load(std::sync::atomic::Ordering::Acquire);
    let wanted = u64::from(size);
    if wanted <= old {
        return 1;
    }
    let generous = wanted.max(old.saturating_add(old / 5));
    u32::from([generous, wanted].into_iter().any(|size| grow_to(caller, old, size)))
}

fn grow_to(caller: &Caller, old: u64, size: u64) -> bool {
    let pages = size.saturating_sub(old).div_ceil(PAGE);
    // SAFETY: a memory of the program, whose pages have that size: Emscripten knows no other.
    size <= LARGEST_HEAP && unsafe { memory::grow(caller.program, caller.memory, pages) } >= 0
}

/// The most bytes that the memory can have.
pub fn heap_max(caller: &Caller) -> u32 {
    if caller.memory.is_null() {
        return 0;
    }
    // SAFETY: a memory of the program; the field does not change while code runs.
    let most = unsafe { (*caller.memory).maximum };
    u32::try_from(most.min(LARGEST_HEAP)).unwrap_or(0)
}

pub fn print(caller: &Caller, text: u32) {
    print_to(caller, STDOUT, text);
}

pub fn print_error(caller: &Caller, text: u32) {
    print_to(caller, STDERR, text);
}

fn print_to(caller: &Caller, descriptor: i32, address: u32) {
    let mut text = Text::new(descriptor);
    caller.add_bytes(&mut text, address, caller.string_length(address));
    text.add("\n");
}

pub fn abort(_: &Caller) -> ! {
    abort_with(b"abort")
}

/// What `assert` of C calls. A null pointer is a name that is not known.
pub fn assert_fail(caller: &Caller, condition: u32, file: u32, line: u32, function: u32) -> ! {
    let mut place = [0; 1024];
    let mut text = Text::into_buffer(&mut place);
    text.add("assertion failed: ");
    add_string(caller, &mut text, condition);
    text.add(" at ");
    add_string(caller, &mut text, file);
    text.add(":").add_decimal(line.into());
    if function != 0 {
        text.add(" in ");
        add_string(caller, &mut text, function);
    }
    drop(text);
    abort_with(place.split(|&byte| byte == 0).next().unwrap_or_default())
}

/// A string of C, without what could drive a terminal.
fn add_string(caller: &Caller, text: &mut Text, address: u32) {
    /// More is not shown.
    const MOST: usize = 300;
    if address == 0 {
        text.add("?");
        return;
    }
    let mut bytes = [0; MOST];
    let length = caller.string_length(address);
    let shown = MOST.min(length as usize);
    // SAFETY: `range` checked the place; the copy is not the guest's.
    unsafe { libc::memcpy(bytes.as_mut_ptr().cast(), caller.range(address, length).cast(), shown) };
    text.add_name(&bytes[..shown]);
}
