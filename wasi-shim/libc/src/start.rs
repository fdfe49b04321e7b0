//! From the kernel to `main`.
//!
//! The program is position-independent, and nothing has relocated it: until [`relocate`] is done,
//! code must not read an address from data, nor call anything.

use crate::arch::processor::{self, RELATIVE};
use crate::auxiliary;
use crate::control::{Block, Tls, block, set_tls, thread_pointer_of};
use crate::errno::call;
use crate::memory;
use crate::pages::mprotect;
use crate::process::{_exit, exit};
use crate::word::Word;
use core::cell::UnsafeCell;
use core::ffi::{c_char, c_int, c_void};
use core::ops::Range;
use core::ptr;
use libc::{Elf64_Phdr, PT_GNU_RELRO, PT_TLS};

define_start!(relocate);

type Arguments = *const *const c_char;

unsafe extern "C" {
    /// The program's.
    fn main(argc: c_int, argv: Arguments, envp: Arguments) -> c_int;
    /// The linker's: functions that are called before it.
    static __init_array_start: [Initializer; 0];
    static __init_array_end: [Initializer; 0];
}

/// Some take the arguments of `main`.
type Initializer = unsafe extern "C" fn(c_int, Arguments, Arguments);

/// An entry of DT_RELA.
#[repr(C)]
#[derive(Clone, Copy)]
struct Rela {
    offset: usize,
    kind: u32,
    symbol: u32,
    addend: usize,
}

/// Tags of the dynamic section (ELF, chapter 5).
const DT_RELA: usize = 7;
const DT_RELASZ: usize = 8;
const DT_RELRSZ: usize = 35;
const DT_RELR: usize = 36;

/// Adds the program's place to the addresses in its data.
///
/// # Safety
/// The stack of a new process, the program's dynamic section and the place of its ELF header.
unsafe extern "C" fn relocate(stack: *mut usize, dynamic: *const [usize; 2], base: usize) -> ! {
    // SAFETY: the linker wrote the tables.
    unsafe {
        let rela = base.wrapping_add(entry(dynamic, DT_RELA));
        let rela_end = rela.wrapping_add(entry(dynamic, DT_RELASZ));
        let mut place = rela;
        while place != rela_end {
            let Rela { offset, kind, addend, .. } = *(place as *const Rela);
            if kind != RELATIVE {
                // The build has no other.
                processor::trap();
            }
            *(base.wrapping_add(offset) as *mut usize) = base.wrapping_add(addend);
            place = place.wrapping_add(size_of::<Rela>());
        }
        // An even entry is an address; an odd one tells by its bits, from the second on, which of
        // the next 63 words are addresses as well.
        let mut relr = base.wrapping_add(entry(dynamic, DT_RELR));
        let relr_end = relr.wrapping_add(entry(dynamic, DT_RELRSZ));
        let mut word = ptr::null_mut::<usize>();
        while relr != relr_end {
            let entry = *(relr as *const usize);
            if entry & 1 == 0 {
                word = base.wrapping_add(entry) as *mut usize;
                *word = (*word).wrapping_add(base);
                word = word.wrapping_add(1);
            } else {
                let mut bits = entry >> 1;
                let mut at = word;
                while bits != 0 {
                    if bits & 1 == 1 {
                        *at = (*at).wrapping_add(base);
                    }
                    at = at.wrapping_add(1);
                    bits >>= 1;
                }
                word = word.wrapping_add(63);
            }
            relr = relr.wrapping_add(size_of::<usize>());
        }
        start(stack, base)
    }
}

/// The value of a tag in the dynamic section, which ends with a tag 0. One tag after the other: of
/// a choice between them the compiler makes a table.
///
/// # Safety
/// The program's.
#[inline(always)]
unsafe fn entry(mut dynamic: *const [usize; 2], wanted: usize) -> usize {
    loop {
        // SAFETY: the linker wrote it.
        let [tag, value] = unsafe { *dynamic };
        if tag == wanted {
            return value;
        }
        if tag == 0 {
            return 0;
        }
        dynamic = dynamic.wrapping_add(1);
    }
}

/// What comes after that: from here on, this is a program like others.
///
/// # Safety
/// As for [`relocate`].
#[inline(never)]
unsafe extern "C" fn start(stack: *mut usize, base: usize) -> ! {
    // SAFETY: the kernel's stack begins with the number of arguments and their addresses, followed
    // by those of the environment, each with a null pointer at the end.
    unsafe {
        let argc = *stack;
        let argv = stack.wrapping_add(1).cast::<*const c_char>();
        let environment = argv.wrapping_add(argc).wrapping_add(1);
        auxiliary::set(environment);
        if let Some(random) = auxiliary::value(libc::AT_RANDOM) {
            processor::set_stack_guard((random as *const usize).read_unaligned());
        }
        let relro = segments(base);
        begin_thread();
        memory::choose();
        protect(relro);
        let argc = c_int::of(argc);
        let mut place = (&raw const __init_array_start).cast::<Initializer>();
        while place != (&raw const __init_array_end).cast() {
            (*place)(argc, argv, environment);
            place = place.wrapping_add(1);
        }
        exit(main(argc, argv, environment))
    }
}

/// Looks at the program's segments: notes its thread-local data, and returns what is not to be
/// written after the relocation.
///
/// # Safety
/// As for [`start`].
unsafe fn segments(base: usize) -> Range<usize> {
    let segments = auxiliary::value(libc::AT_PHDR).unwrap_or(0) as *const Elf64_Phdr;
    let n_segments = auxiliary::value(libc::AT_PHNUM).unwrap_or(0);
    let mut relro = 0..0;
    for index in 0..n_segments {
        // SAFETY: the kernel tells how many there are.
        let segment = unsafe { &*segments.wrapping_add(index) };
        let start = base.wrapping_add(segment.p_vaddr.word());
        let size = segment.p_memsz.word();
        if segment.p_type == PT_TLS {
            let n_values = segment.p_filesz.word();
            let tls = Tls { values: start as *const u8, n_values, size, align: segment.p_align.word() };
            // SAFETY: there is one thread, and it has no block yet.
            unsafe { set_tls(tls) };
        } else if segment.p_type == PT_GNU_RELRO {
            relro = start..start.wrapping_add(size);
        }
    }
    relro
}

/// The block of the main thread, if it is small.
#[repr(align(64))]
struct MainBlock(UnsafeCell<[u8; 4096]>);

// SAFETY: only the main thread begins there.
unsafe impl Sync for MainBlock {}

static MAIN_BLOCK: MainBlock = MainBlock(UnsafeCell::new([0; 4096]));

/// Makes the process's first thread one like others.
///
/// # Safety
/// It is not yet.
unsafe fn begin_thread() {
    let block = block();
    let is_small = block.size <= size_of::<MainBlock>() && block.align <= align_of::<MainBlock>();
    let place = if is_small { MAIN_BLOCK.0.get().cast() } else { map_block(&block) };
    // SAFETY: all of them are zeros, nobody else's, and aligned.
    let is_done = unsafe { processor::set_thread_pointer(thread_pointer_of(block.fill(place))) };
    if !is_done {
        fail("the kernel sets no thread pointer\n");
    }
}

/// Memory for a block that is large.
fn map_block(block: &Block) -> *mut u8 {
    let size = block.size.checked_add(block.align).and_then(auxiliary::whole_pages);
    let Some(start) = size.and_then(map_early) else { fail("out of memory\n") };
    start.wrapping_add(block.align.wrapping_sub(1)).map_addr(|address| address & block.align.wrapping_neg())
}

/// New memory, from when there is no `errno` yet.
fn map_early(size: usize) -> Option<*mut u8> {
    let (access, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: new memory.
    let start = unsafe { call(libc::SYS_mmap, [0, size, access.word(), flags.word(), usize::MAX, 0]) };
    start.ok().map(|start| start as *mut u8)
}

/// Whole pages can't be written any more.
///
/// # Safety
/// Nobody writes there.
unsafe fn protect(relro: Range<usize>) {
    let mask = auxiliary::page_size().wrapping_neg();
    let (start, end) = (relro.start & mask, relro.end & mask);
    // SAFETY: as required of the caller.
    if start != end && unsafe { mprotect(start as *mut c_void, end.wrapping_sub(start), libc::PROT_READ) } != 0 {
        fail("the kernel protects no memory\n");
    }
}

/// The program can't begin.
fn fail(message: &str) -> ! {
    // SAFETY: reads a live variable.
    let _ = unsafe { call(libc::SYS_write, [2, message.as_ptr().addr(), message.len()]) };
    _exit(127)
}
