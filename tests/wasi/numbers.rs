//! Numbers of WASI preview 1 that tests use, written down from its specification and not taken from
//! the runtime: a number that the runtime has wrong is to be found.

/// `$errno`.
pub mod errno {
    pub const ACCES: u32 = 2;
    pub const AGAIN: u32 = 6;
    pub const BADF: u32 = 8;
    pub const EXIST: u32 = 20;
    pub const FBIG: u32 = 22;
    pub const INVAL: u32 = 28;
    pub const ISDIR: u32 = 31;
    pub const LOOP: u32 = 32;
    pub const MFILE: u32 = 33;
    pub const NAMETOOLONG: u32 = 37;
    pub const NOENT: u32 = 44;
    pub const NOSPC: u32 = 51;
    pub const NOTDIR: u32 = 54;
    pub const NOTEMPTY: u32 = 55;
    pub const NOTSOCK: u32 = 57;
    pub const NOTSUP: u32 = 58;
    pub const PERM: u32 = 63;
    pub const PIPE: u32 = 64;
    pub const ROFS: u32 = 69;
    pub const SPIPE: u32 = 70;
    pub const XDEV: u32 = 75;
    pub const NOTCAPABLE: u32 = 76;
    /// The last that there is.
    pub const LAST: u32 = NOTCAPABLE;
}

/// `$rights`: bits.
pub mod rights {
    pub const READ: u64 = 1 << 1;
    pub const SEEK: u64 = 1 << 2;
    pub const TELL: u64 = 1 << 5;
    pub const WRITE: u64 = 1 << 6;
}

/// `$oflags`: bits.
pub mod oflags {
    pub const CREATE: u64 = 1;
    pub const DIRECTORY: u64 = 2;
    pub const EXCLUSIVE: u64 = 4;
    pub const TRUNCATE: u64 = 8;
}

/// `$fdflags`: bits.
pub mod fdflags {
    pub const APPEND: u64 = 1;
    pub const DSYNC: u64 = 2;
    pub const NONBLOCK: u64 = 4;
}

/// `$filetype`.
pub mod filetype {
    pub const UNKNOWN: u8 = 0;
    pub const CHARACTER_DEVICE: u8 = 2;
    pub const DIRECTORY: u8 = 3;
    pub const REGULAR_FILE: u8 = 4;
    pub const SOCKET: u8 = 6;
}

/// `$eventtype`.
pub mod eventtype {
    pub const CLOCK: u8 = 0;
    pub const FD_READ: u8 = 1;
    pub const FD_WRITE: u8 = 2;
}
