//! Libraries with instances: each has its own copy of the module's code and data, with a
//! description of its own, so that everything else takes it for a library like others.
//!
//! Comes in: the library's [`Instances`]. Goes out: [`Instance`]s. Where the system has files in
//! memory, instances share the pages that they do not write. An instance that is given back keeps
//! its addresses, and the next one gets them: signal handlers walk all descriptions without a lock,
//! so none may vanish.

use crate::abi::config::{Config, RESTART};
use crate::abi::instance::{Instance, Instances, NO_FILE, OWN, Relocation, Segment};
use crate::abi::program::{NEW, READY, RUNNING, Start, VERSION};
use crate::abi::trap::{CODE_EXIT, CODE_FAILURE};
use crate::attempt::{self, attempt, fail};
use crate::backtrace;
use crate::library::{configure_with, w2n_library_init};
use crate::program::{c_string, slice};
use crate::system::kernel::{self, MemoryFile};
use crate::system::{self, Access};
use crate::text::{Text, message};
use crate::width::usize_of;
use crate::{memory, reset, trap};
use std::ptr;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

/// Held where instances are taken or given back.
static LIST: Mutex<()> = Mutex::new(());

// SAFETY: what the pointers lead to is constant; what the runtime changes is atomic.
unsafe impl Sync for Instances {}

/// `P_instance *PREFIX_new(const w2n_config *config)`: a new instance, configured and initialized.
/// Null if that can't be, after a message; the trap of its initialization is reported to the
/// attempt around.
///
/// # Safety
/// `library` is the description of a library, and `config` a configuration, or null for none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_instance_new(library: *const Instances, config: *const Config) -> *mut Instance {
    // SAFETY: data of the library, which only the runtime writes.
    let library = unsafe { &*library };
    let is_known = library.version == VERSION;
    let Some(instance) = is_known.then(|| take(library)).flatten() else {
        let mut text = about(library);
        text.add(match is_known {
            true => " can't have another instance: the system gives no memory for it in which code may run",
            false => " was built by another version of wasm2native than the runtime that it was linked with",
        });
        if attempt::is_active() {
            fail(text, 1);
        }
        text.add("\n");
        return ptr::null_mut();
    };
    let mut report = backtrace::empty();
    // SAFETY: as required of the caller; the instance is new or was given back, so that nobody uses
    // it. What translated code leaves behind needs no release.
    let is_done = unsafe {
        let program = (*instance).program;
        attempt(&mut report, || {
            // An instance that was given back begins again.
            if configure_with(program, config, RESTART) == 0 {
                w2n_library_init(program);
            }
        })
    };
    if is_done {
        return instance;
    }
    // SAFETY: nobody got it.
    unsafe { give_back(&*instance) };
    attempt::give_up(&report);
    match report.code {
        // SAFETY: does not return.
        CODE_EXIT => unsafe { libc::exit(report.status) },
        // All was said already.
        CODE_FAILURE => {}
        _ => trap::print(&report),
    }
    ptr::null_mut()
}

/// `void PREFIX_free(P_instance *instance)`: gives an instance back. Null is nothing.
///
/// # Safety
/// `instance` is null or comes from [`w2n_instance_new`], and nothing of it is used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_instance_free(instance: *mut Instance) {
    // SAFETY: as required of the caller.
    let Some(instance) = (unsafe { instance.as_ref() }) else { return };
    // SAFETY: data of the library.
    let (library, program) = unsafe { (&*instance.library.load(Ordering::Relaxed), &*instance.program) };
    let is_running = program.entered.load(Ordering::Relaxed) != 0 || program.state.load(Ordering::Acquire) == RUNNING;
    if is_running || instance.is_used.swap(0, Ordering::AcqRel) == 0 {
        let mut text = about(library);
        text.add(if is_running { ": a running instance can't be freed" } else { ": an instance was freed twice" });
        text.add("\n");
        return;
    }
    // SAFETY: as required of the caller.
    unsafe { give_back(instance) }
}

/// The beginning of a message.
fn about(library: &Instances) -> Text {
    let mut text = message();
    // SAFETY: a zero-terminated prefix.
    text.add("library `").add_name(unsafe { c_string(library.name) }).add("`");
    text
}

/// An instance that nobody has.
fn take(library: &'static Instances) -> Option<*mut Instance> {
    let _list = LIST.lock().unwrap_or_else(PoisonError::into_inner);
    let free = library.free.load(Ordering::Relaxed);
    let instance = if free.is_null() {
        load(library)?
    } else {
        // SAFETY: `give_back` put it there, with the next one.
        library.free.store(unsafe { (*free).next.load(Ordering::Relaxed) }, Ordering::Relaxed);
        free
    };
    // SAFETY: an instance that nobody has, in memory that stays.
    let fields = unsafe { &*instance };
    fields.library.store(ptr::from_ref(library).cast_mut(), Ordering::Relaxed);
    fields.is_used.store(1, Ordering::Relaxed);
    Some(instance)
}

/// Gives the system back what an instance took, and the library the instance.
///
/// # Safety
/// Nothing of it is in use.
unsafe fn give_back(instance: &Instance) {
    // SAFETY: data of the instance and of the library.
    let (library, program) = unsafe { (&*instance.library.load(Ordering::Relaxed), &*instance.program) };
    // SAFETY: as required of the caller. What was opened for it is closed.
    unsafe { configure_with(program, ptr::null(), RESTART) };
    let has_memories = memory::are_created(program);
    if has_memories {
        // SAFETY: as required of the caller.
        unsafe { reset::reset(program) };
    }
    // What was initialized begins again when it is configured; what failed before that is new.
    program.state.store(if has_memories { READY } else { NEW }, Ordering::Release);
    if let Some(start_wasi) = program.start_wasi {
        let end = Start { program, argc: -1, argv: ptr::null(), envp: ptr::null() };
        // SAFETY: the runtime's own function, while no code of the instance runs.
        unsafe { start_wasi(&end) };
    }
    if memory::have_failed(program) {
        return;
    }
    let _list = LIST.lock().unwrap_or_else(PoisonError::into_inner);
    instance.is_used.store(0, Ordering::Relaxed);
    instance.next.store(library.free.load(Ordering::Relaxed), Ordering::Relaxed);
    library.free.store(ptr::from_ref(instance).cast_mut(), Ordering::Relaxed);
}

/// Maps a new instance; nothing if the system gives no memory.
fn load(library: &'static Instances) -> Option<*mut Instance> {
    // SAFETY: arrays of the library, which are constant.
    let (image, segments, relocations, symbols) = unsafe {
        (
            slice::<u8>(library.image, library.image_length),
            slice::<Segment>(library.segments, library.n_segments),
            slice::<Relocation>(library.relocations, library.n_relocations),
            slice::<usize>(library.symbols, library.n_symbols),
        )
    };
    let length = usize_of(library.length);
    let make = |file: Option<MemoryFile>| {
        let start = system::reserve(length, Access::None)?;
        let fill = || {
            // SAFETY: the linker laid the segments out in the new memory, in whole pages of the
            // largest size; and the places of addresses in them.
            unsafe {
                match file {
                    Some(file) => segments.iter().try_for_each(|segment| map(start, segment, file))?,
                    None => copy(start, length, segments, image)?,
                }
                for &Relocation { place, symbol, addend } in relocations {
                    let value = if symbol == OWN { start.addr() } else { symbols[usize_of(symbol)] };
                    let place = start.add(usize_of(place)).cast::<usize>();
                    place.write_unaligned(value.wrapping_add(usize_of(addend)));
                }
                let instance = start.add(usize_of(library.instance)).cast::<Instance>();
                if file.is_none() {
                    // Its data images are copied, not moved: nothing else has them.
                    (*(*instance).program).copies_pages.store(1, Ordering::Relaxed);
                }
                let is_done = segments.iter().all(|segment| protect(start, segment));
                if let (Some(describe), true) = (library.describe, is_done) {
                    describe(start, library, file.map_or(-1, |file| file.descriptor));
                }
                is_done.then_some(instance)
            }
        };
        let instance = fill();
        if instance.is_none() {
            // SAFETY: nobody knows the memory.
            unsafe { system::unmap(start, length) };
        }
        instance
    };
    // There are systems where code in such files must not run.
    file(library, image).and_then(|file| make(Some(file))).or_else(|| make(None))
}

/// The image as a file in memory, if there is one or the system makes one.
fn file(library: &Instances, image: &[u8]) -> Option<MemoryFile> {
    let known = library.file.load(Ordering::Relaxed);
    if known == NO_FILE {
        return None;
    }
    if let Some(descriptor) = known.checked_sub(1) {
        let number = library.file_number.load(Ordering::Relaxed);
        let file = MemoryFile { descriptor: descriptor.cast_signed(), number };
        if file.is_open() {
            return Some(file);
        }
    }
    let file = MemoryFile::new(image);
    let descriptor = file.map_or(NO_FILE, |file| file.descriptor.cast_unsigned().saturating_add(1));
    library.file_number.store(file.map_or(0, |file| file.number), Ordering::Relaxed);
    library.file.store(descriptor, Ordering::Relaxed);
    file
}

/// The pages that a segment lies in: the first, and how many bytes.
fn pages(segment: &Segment) -> (usize, usize) {
    let page = kernel::page_size();
    let place = usize_of(segment.place);
    let first = place.saturating_sub(place.checked_rem(page).unwrap_or(0));
    let end = place.saturating_add(usize_of(segment.length));
    (first, system::whole_pages(end.saturating_sub(first)).unwrap_or(0))
}

/// Maps a segment from the file, with what follows it in its last page.
///
/// # Safety
/// The pages belong to the caller.
unsafe fn map(start: *mut u8, segment: &Segment, file: MemoryFile) -> Option<()> {
    let (first, length) = pages(segment);
    let before = usize_of(segment.place).saturating_sub(first);
    let offset = usize_of(segment.offset).checked_sub(before)?;
    let of_image = before.saturating_add(usize_of(segment.image_length));
    let mapped = system::whole_pages(of_image)?.min(length);
    // SAFETY: as required of the caller.
    unsafe {
        let first = start.add(first);
        if !system::map_file(first, mapped, file, offset) || !system::set_access(first, length, Access::ReadWrite) {
            return None;
        }
        // What follows it in the file is another segment's.
        let rest = mapped.saturating_sub(of_image);
        if segment.is_code == 0 && segment.length > segment.image_length {
            first.add(of_image).write_bytes(0, rest);
        }
    }
    Some(())
}

/// Copies all segments.
///
/// # Safety
/// The pages belong to the caller.
unsafe fn copy(start: *mut u8, length: usize, segments: &[Segment], image: &[u8]) -> Option<()> {
    // SAFETY: as required of the caller.
    unsafe {
        if !system::set_access(start, system::whole_pages(length)?, Access::ReadWrite) {
            return None;
        }
        for segment in segments {
            let from = image.get(usize_of(segment.offset)..)?.get(..usize_of(segment.image_length))?;
            start.add(usize_of(segment.place)).copy_from_nonoverlapping(from.as_ptr(), from.len());
        }
    }
    Some(())
}

/// Gives a segment the access that it has while code runs.
///
/// # Safety
/// The segment is there, and nobody writes what is constant.
unsafe fn protect(start: *mut u8, segment: &Segment) -> bool {
    let (first, length) = pages(segment);
    let access = match (segment.is_code, segment.is_constant) {
        (1, _) => Access::Run,
        (_, 1) => Access::Read,
        _ => return true,
    };
    // SAFETY: as required of the caller.
    unsafe { system::set_access(start.add(first), length, access) }
}
