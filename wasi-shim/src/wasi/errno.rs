//! The error numbers of WASI, and how a call ends that did not do what it was asked for.
//!
//! Source: `typenames.witx`, `$errno`; the order is the numbering.

use crate::abi::trap::Trap;
use crate::trap::raise_wasi;

macro_rules! numbers {
    ($($name:ident $(= $system:ident)?),* $(,)?) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u16)]
        pub enum Errno { $($name),* }

        impl Errno {
            /// The names in order, each followed by a comma.
            pub const NAMES: &str = concat!($(stringify!($name), ",",)*);

            /// The number of an error of the system.
            pub fn from_system(error: i32) -> Errno {
                match error {
                    $($(libc::$system => Errno::$name,)?)*
                    // Another name of the same.
                    _ => Errno::Io,
                }
            }
        }
    };
}

numbers! {
    Success, Toobig = E2BIG, Acces = EACCES, Addrinuse = EADDRINUSE, Addrnotavail = EADDRNOTAVAIL,
    Afnosupport = EAFNOSUPPORT, Again = EAGAIN, Already = EALREADY, Badf = EBADF, Badmsg = EBADMSG, Busy = EBUSY,
    Canceled = ECANCELED, Child = ECHILD, Connaborted = ECONNABORTED, Connrefused = ECONNREFUSED,
    Connreset = ECONNRESET, Deadlk = EDEADLK, Destaddrreq = EDESTADDRREQ, Dom = EDOM, Dquot = EDQUOT, Exist = EEXIST,
    Fault = EFAULT, Fbig = EFBIG, Hostunreach = EHOSTUNREACH, Idrm = EIDRM, Ilseq = EILSEQ, Inprogress = EINPROGRESS,
    Intr = EINTR, Inval = EINVAL, Io = EIO, Isconn = EISCONN, Isdir = EISDIR, Loop = ELOOP, Mfile = EMFILE,
    Mlink = EMLINK, Msgsize = EMSGSIZE, Multihop = EMULTIHOP, Nametoolong = ENAMETOOLONG, Netdown = ENETDOWN,
    Netreset = ENETRESET, Netunreach = ENETUNREACH, Nfile = ENFILE, Nobufs = ENOBUFS, Nodev = ENODEV, Noent = ENOENT,
    Noexec = ENOEXEC, Nolck = ENOLCK, Nolink = ENOLINK, Nomem = ENOMEM, Nomsg = ENOMSG, Noprotoopt = ENOPROTOOPT,
    Nospc = ENOSPC, Nosys = ENOSYS, Notconn = ENOTCONN, Notdir = ENOTDIR, Notempty = ENOTEMPTY,
    Notrecoverable = ENOTRECOVERABLE, Notsock = ENOTSOCK, Notsup = ENOTSUP, Notty = ENOTTY, Nxio = ENXIO,
    Overflow = EOVERFLOW, Ownerdead = EOWNERDEAD, Perm = EPERM, Pipe = EPIPE, Proto = EPROTO,
    Protonosupport = EPROTONOSUPPORT, Prototype = EPROTOTYPE, Range = ERANGE, Rofs = EROFS, Spipe = ESPIPE,
    Srch = ESRCH, Stale = ESTALE, Timedout = ETIMEDOUT, Txtbsy = ETXTBSY, Xdev = EXDEV, Notcapable,
}

/// Why a call failed.
#[derive(Clone, Copy, Debug)]
pub enum Failure {
    /// The guest is told.
    Errno(Errno),
    /// The program ends: the witx text asks it of pointers that the host can't follow. Or the call
    /// of a library was interrupted.
    Trap(&'static str),
}

pub type Result<T> = std::result::Result<T, Failure>;

pub const OUT_OF_BOUNDS: Failure = Failure::Trap("out of bounds memory access in a WASI call");

pub const INTERRUPTED: Failure = Failure::Trap(Trap::Interrupted.message());

/// A number that stands for nothing.
pub const INVALID: Failure = Failure::Trap("invalid argument of a WASI call");

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Failure {
        Failure::Errno(errno)
    }
}

impl From<rustix::io::Errno> for Failure {
    fn from(error: rustix::io::Errno) -> Failure {
        Failure::Errno(Errno::from_system(error.raw_os_error()))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        Failure::Errno(match (error.raw_os_error(), error.kind()) {
            (Some(number), _) => Errno::from_system(number),
            // What cap-primitives says of a path that leads out of its directory.
            (None, std::io::ErrorKind::PermissionDenied) => Errno::Perm,
            _ => Errno::Io,
        })
    }
}

/// The error that a C function has left, if its result is negative.
pub fn check(result: isize) -> Result<usize> {
    usize::try_from(result).map_err(|_| std::io::Error::last_os_error().into())
}

/// The number that the guest gets.
#[inline(always)]
pub fn finish(result: Result<()>) -> i32 {
    match result {
        Ok(()) => Errno::Success as i32,
        Err(Failure::Errno(errno)) => errno as i32,
        Err(Failure::Trap(message)) => raise_wasi(message),
    }
}
