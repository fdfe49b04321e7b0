//! `errno`, and the text of each error.

use crate::arch::processor;
use crate::control::control;
use crate::word::Word;
use core::ffi::{c_char, c_int, c_long};

#[unsafe(no_mangle)]
pub extern "C" fn __errno_location() -> *mut c_int {
    // SAFETY: the block of the running thread.
    unsafe { (*control()).errno.as_ptr() }
}

pub fn set_errno(number: c_int) {
    // SAFETY: as above.
    unsafe { (*control()).errno.set(number) };
}

/// A system call: the kernel's result, or its error number.
///
/// # Safety
/// As the call wants it.
#[inline(always)]
pub unsafe fn call<const N: usize>(number: c_long, arguments: [usize; N]) -> Result<usize, c_int> {
    let mut all = [0; 6];
    all[..N].copy_from_slice(&arguments);
    // SAFETY: as required of the caller.
    let result = unsafe { processor::system_call(number.word(), all) };
    // The last page of the address space holds no results.
    match u16::try_from(result.wrapping_neg()) {
        Ok(error @ 1..4096) => Err(error.into()),
        _ => Ok(result),
    }
}

/// The result of a function of C: -1, and the error in `errno`, if there was one.
#[inline(always)]
pub fn to_c<R: Word>(result: Result<usize, c_int>) -> R {
    match result {
        Ok(value) => R::of(value),
        Err(error) => {
            set_errno(error);
            R::of(usize::MAX)
        }
    }
}

/// POSIX's: the text of an error, cut to `size` bytes.
///
/// # Safety
/// As C's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __xpg_strerror_r(number: c_int, buffer: *mut c_char, size: usize) -> c_int {
    let text = usize::try_from(number).ok().and_then(|number| TEXTS.split('\n').nth(number));
    let known = text.filter(|text| !text.is_empty());
    let text = known.unwrap_or("Unknown error");
    let Some(n_bytes) = size.checked_sub(1).map(|room| room.min(text.len())) else { return libc::ERANGE };
    // SAFETY: as required of the caller.
    unsafe {
        buffer.cast::<u8>().copy_from_nonoverlapping(text.as_ptr(), n_bytes);
        *buffer.wrapping_add(n_bytes) = 0;
    }
    match known {
        None => libc::EINVAL,
        Some(text) if n_bytes < text.len() => libc::ERANGE,
        Some(_) => 0,
    }
}

/// A line for each error from 0 on. One string, because a table would have addresses, which the
/// start has to relocate.
const TEXTS: &str = "\
Success
Operation not permitted
No such file or directory
No such process
Interrupted system call
Input/output error
No such device or address
Argument list too long
Exec format error
Bad file descriptor
No child processes
Resource temporarily unavailable
Cannot allocate memory
Permission denied
Bad address
Block device required
Device or resource busy
File exists
Invalid cross-device link
No such device
Not a directory
Is a directory
Invalid argument
Too many open files in system
Too many open files
Inappropriate ioctl for device
Text file busy
File too large
No space left on device
Illegal seek
Read-only file system
Too many links
Broken pipe
Numerical argument out of domain
Numerical result out of range
Resource deadlock avoided
File name too long
No locks available
Function not implemented
Directory not empty
Too many levels of symbolic links

No message of desired type
Identifier removed
Channel number out of range
Level 2 not synchronized
Level 3 halted
Level 3 reset
Link number out of range
Protocol driver not attached
No CSI structure available
Level 2 halted
Invalid exchange
Invalid request descriptor
Exchange full
No anode
Invalid request code
Invalid slot

Bad font file format
Device not a stream
No data available
Timer expired
Out of streams resources
Machine is not on the network
Package not installed
Object is remote
Link has been severed
Advertise error
Srmount error
Communication error on send
Protocol error
Multihop attempted
RFS specific error
Bad message
Value too large for defined data type
Name not unique on network
File descriptor in bad state
Remote address changed
Can not access a needed shared library
Accessing a corrupted shared library
.lib section in a.out corrupted
Attempting to link in too many shared libraries
Cannot exec a shared library directly
Invalid or incomplete multibyte or wide character
Interrupted system call should be restarted
Streams pipe error
Too many users
Socket operation on non-socket
Destination address required
Message too long
Protocol wrong type for socket
Protocol not available
Protocol not supported
Socket type not supported
Operation not supported
Protocol family not supported
Address family not supported by protocol
Address already in use
Cannot assign requested address
Network is down
Network is unreachable
Network dropped connection on reset
Software caused connection abort
Connection reset by peer
No buffer space available
Transport endpoint is already connected
Transport endpoint is not connected
Cannot send after transport endpoint shutdown
Too many references: cannot splice
Connection timed out
Connection refused
Host is down
No route to host
Operation already in progress
Operation now in progress
Stale file handle
Structure needs cleaning
Not a XENIX named type file
No XENIX semaphores available
Is a named type file
Remote I/O error
Disk quota exceeded
No medium found
Wrong medium type
Operation canceled
Required key not available
Key has expired
Key has been revoked
Key was rejected by service
Owner died
State not recoverable
Operation not possible due to RF-kill
Memory page has hardware error
";
