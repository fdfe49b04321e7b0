//! Linux: its own calls, what it hands over to a process, and where it shows the memory of
//! processes as files.

use crate::width::usize_of;
use rustix::fs::{self, FileType, Stat};
use std::ffi::{CStr, c_int, c_ulong};
use std::fs::File;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::os::fd::RawFd;
use std::ptr;
use std::sync::atomic::AtomicU32;

/// Bytes of a page of this machine.
pub fn page_size() -> usize {
    // SAFETY: reads a value that the kernel handed over.
    usize_of(unsafe { libc::getauxval(libc::AT_PAGESZ) })
}

/// The processor's features, as bits whose meaning depends on the processor.
pub fn processor_features() -> [u64; 2] {
    // SAFETY: reads values that the kernel handed over.
    unsafe { [libc::getauxval(libc::AT_HWCAP), libc::getauxval(libc::AT_HWCAP2)] }
}

/// A limit of the process. Nothing if the system does not say: filters of system calls forbid one
/// of the two calls that there are, or both.
pub fn limit(resource: libc::__rlimit_resource_t) -> Option<libc::rlimit> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    let place = &raw mut limit;
    // SAFETY: writes to a live variable.
    let is_known = unsafe {
        libc::getrlimit(resource, place) == 0 || libc::syscall(libc::SYS_getrlimit, c_ulong::from(resource), place) == 0
    };
    is_known.then_some(limit)
}

/// Sets a limit of the process; whether the system did.
pub fn set_limit(resource: libc::__rlimit_resource_t, limit: &libc::rlimit) -> bool {
    let place = &raw const *limit;
    // SAFETY: reads a live variable.
    unsafe {
        libc::setrlimit(resource, place) == 0 || libc::syscall(libc::SYS_setrlimit, c_ulong::from(resource), place) == 0
    }
}

/// A flag of `mmap`: the kernel keeps no memory for the pages before they are used.
pub const UNRESERVED: c_int = libc::MAP_NORESERVE;

/// A flag of `mmap`: the memory lies at the address that is given, and replaces nothing there
/// (since Linux 4.17).
pub const NOT_OVER_OTHERS: c_int = libc::MAP_FIXED_NOREPLACE;

/// `MADV_DONTNEED`, and `MADV_DONTNEED_LOCKED` (since Linux 5.18) for pages that the host has
/// locked.
pub const FORGET: [c_int; 2] = [libc::MADV_DONTNEED, 24];

/// Moves whole pages over others.
///
/// # Safety
/// As for [`crate::system::move_pages`].
pub unsafe fn move_pages(start: *mut u8, bytes: usize, target: *mut u8, target_bytes: usize) -> bool {
    let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
    // SAFETY: as required of the caller.
    unsafe { libc::mremap(start.cast(), bytes, target_bytes, flags, target) != libc::MAP_FAILED }
}

/// A file that exists in memory alone.
#[derive(Clone, Copy)]
pub struct MemoryFile {
    pub descriptor: RawFd,
    /// Its number in the file system, since whoever closes all descriptors of a process may put
    /// another file in its place.
    pub number: u64,
}

/// `MFD_EXEC` (since Linux 6.3): code in the file may run, also where that must be asked for.
const RUNNABLE: libc::c_uint = 0x10;

impl MemoryFile {
    /// A file of these bytes, which nobody can change.
    pub fn new(bytes: &[u8]) -> Option<MemoryFile> {
        // To write more than the process may to a file would end it by a signal.
        let is_allowed = limit(libc::RLIMIT_FSIZE).is_some_and(|limit| usize_of(limit.rlim_cur) >= bytes.len());
        if !is_allowed {
            return None;
        }
        let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
        let create = |flags: libc::c_uint| {
            // SAFETY: makes a new file.
            let descriptor = unsafe { libc::syscall(libc::SYS_memfd_create, c"w2n".as_ptr(), flags) };
            RawFd::try_from(descriptor).ok().filter(|descriptor| *descriptor >= 0)
        };
        let mut file = MemoryFile { descriptor: create(flags | RUNNABLE).or_else(|| create(flags))?, number: 0 };
        let mut rest = bytes;
        while !rest.is_empty() {
            // SAFETY: reads live bytes.
            let n_written = unsafe { libc::write(file.descriptor, rest.as_ptr().cast(), rest.len()) };
            match usize::try_from(n_written).ok().and_then(|n_written| rest.get(n_written..)) {
                Some(more) if more.len() < rest.len() => rest = more,
                _ => {
                    // SAFETY: the descriptor is new, and nobody else knows it.
                    unsafe { libc::close(file.descriptor) };
                    return None;
                }
            }
        }
        let seals = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_WRITE;
        // SAFETY: changes what may be done with the new file.
        unsafe { libc::fcntl(file.descriptor, libc::F_ADD_SEALS, seals) };
        file.number = file.number_now()?;
        Some(file)
    }

    /// Whether the descriptor is still this file's.
    pub fn is_open(&self) -> bool {
        self.number_now() == Some(self.number)
    }

    fn number_now(&self) -> Option<u64> {
        // SAFETY: a zeroed structure is valid, and the system fills it in.
        unsafe {
            let mut stat: libc::stat64 = std::mem::zeroed();
            (libc::fstat64(self.descriptor, &mut stat) == 0).then_some(stat.st_ino)
        }
    }
}

/// The number of the calling thread.
pub fn thread() -> u32 {
    // SAFETY: only tells a number.
    unsafe { libc::gettid() }.cast_unsigned()
}

/// Whether this is the thread that the process began with.
pub fn is_main_thread() -> bool {
    // SAFETY: only tells a number.
    thread() == unsafe { libc::getpid() }.cast_unsigned()
}

/// The first byte after the main stack.
pub fn end_of_main_stack() -> usize {
    // The kernel puts the program's file name at the very end of the stack.
    // SAFETY: reads a value that the kernel handed over.
    let name = usize_of(unsafe { libc::getauxval(libc::AT_EXECFN) });
    name.saturating_add(1).checked_next_multiple_of(page_size()).unwrap_or(usize::MAX)
}

/// The stack of the calling thread, which is not the main one.
pub fn thread_stack() -> Option<Range<usize>> {
    let mut attributes = MaybeUninit::uninit();
    let (mut start, mut size) = (ptr::null_mut(), 0);
    // SAFETY: writes to live variables, and the attributes are used only if the call succeeded.
    unsafe {
        if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
            return None;
        }
        libc::pthread_attr_getstack(attributes.as_ptr(), &mut start, &mut size);
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
    }
    Some(start.addr()..start.addr().saturating_add(size))
}

/// Whether the program has rights that the user who started it lacks.
pub fn is_privileged() -> bool {
    // SAFETY: reads a value that the kernel handed over.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// Lists of processes (`ps`, `top`) call a program after the file that was executed. Of one that
/// was executed by its descriptor, as `wasm2native run` does it, that is a number; it gets `name`
/// instead.
pub fn name_process(name: &CStr) {
    // SAFETY: reads a value that the kernel handed over.
    let executed = unsafe { libc::getauxval(libc::AT_EXECFN) } as *const libc::c_char;
    // SAFETY: null, or a string that stays.
    if executed.is_null() || !unsafe { CStr::from_ptr(executed) }.to_bytes().starts_with(b"/proc/self/fd/") {
        return;
    }
    // SAFETY: the kernel reads at most 16 bytes, up to the zero at the end.
    unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
}

/// What a signal interrupted.
pub type Context = libc::ucontext_t;

/// `si_code` of a SIGSEGV where no memory is, as opposed to memory that may not be used in this way
/// (`SEGV_MAPERR` of `siginfo.h`).
pub const UNMAPPED: c_int = 1;

/// Sleeps while the word is 0, up to a time on the monotonic clock; may wake earlier. Says whether
/// the time has come.
pub fn sleep(word: &AtomicU32, deadline: Option<&libc::timespec>) -> bool {
    futex(word, libc::FUTEX_WAIT_BITSET, 0, deadline) == Err(libc::ETIMEDOUT)
}

/// Wakes a thread that sleeps on the word.
pub fn wake(word: &AtomicU32) {
    let _ = futex(word, libc::FUTEX_WAKE, 1, None);
}

/// The system call, or its error.
fn futex(word: &AtomicU32, operation: c_int, value: u32, deadline: Option<&libc::timespec>) -> Result<(), c_int> {
    let deadline = deadline.map_or(ptr::null(), ptr::from_ref);
    let operation = operation | libc::FUTEX_PRIVATE_FLAG;
    let any = libc::FUTEX_BITSET_MATCH_ANY;
    // SAFETY: the word and the time are live variables.
    let result =
        unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, value, deadline, ptr::null::<u32>(), any) };
    if result < 0 { Err(last_error()) } else { Ok(()) }
}

/// The error of the thread's last system call.
pub fn last_error() -> c_int {
    // SAFETY: the C library's variable of this thread.
    unsafe { *libc::__errno_location() }
}

/// Lets the system send SIGALRM in so many milliseconds; whether it will. Unlike other timers this
/// one counts against no limit of the process.
pub fn start_timer(milliseconds: u64) -> bool {
    let seconds = i64::try_from(milliseconds / 1000).unwrap_or(i64::MAX);
    let rest = i64::try_from(milliseconds % 1000).unwrap_or(0).saturating_mul(1000);
    let nothing = libc::timeval { tv_sec: 0, tv_usec: 0 };
    let timer = libc::itimerval { it_interval: nothing, it_value: libc::timeval { tv_sec: seconds, tv_usec: rest } };
    // SAFETY: reads a live variable.
    unsafe {
        libc::syscall(libc::SYS_setitimer, libc::ITIMER_REAL, &raw const timer, ptr::null_mut::<libc::itimerval>()) == 0
    }
}

/// Leaves the error of the thread's last system call as it is.
pub fn keep_errno<R>(work: impl FnOnce() -> R) -> R {
    let errno = last_error();
    let result = work();
    // SAFETY: the C library's variable of this thread.
    unsafe { *libc::__errno_location() = errno };
    result
}

/// A path that leads to what a descriptor stands for, without another look at any other path.
pub fn path_of_descriptor(descriptor: RawFd) -> String {
    format!("/proc/self/fd/{descriptor}")
}

/// Magic numbers of file systems (`include/uapi/linux/magic.h`).
const MEMORY_FILE_SYSTEMS: [u64; 5] = [
    // procfs: `mem`, `maps`, `fd` of every process, and more.
    0x9fa0,
    // binfmt_misc and nfsd: the system mounts them in procfs.
    0x4249_4e4d,
    0x6e66_7364,
    // debugfs and tracefs: probes read memory.
    0x6462_6720,
    0x7472_6163,
];

/// Whether a file lies on a file system that gives access to the memory of processes.
pub fn is_on_memory_file_system(opened: &File) -> rustix::io::Result<bool> {
    let magic = fs::fstatfs(opened)?.f_type;
    Ok(u64::try_from(magic).is_ok_and(|magic| MEMORY_FILE_SYSTEMS.contains(&magic)))
}

/// Whether a file is a device that reads and writes memory. Character devices have numbers
/// (`Documentation/admin-guide/devices.txt`), so that a node is known by any name.
pub fn is_memory_device(stat: &Stat) -> bool {
    let numbers = (fs::major(stat.st_rdev), fs::minor(stat.st_rdev));
    // `mem`, `kmem`, `port`, `oldmem`; then `cpu/*/msr`, which tell the processor where the
    // kernel's code is.
    FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice
        && matches!(numbers, (1, 1 | 2 | 4 | 12) | (202, _))
}
