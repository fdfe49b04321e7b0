//! Linear memories: their size and reservation, initial contents and passive segments.

/// Bytes in a Wasm page (core specification, 4.2.8 "Memory Instances").
pub const WASM_PAGE: u64 = 65536;

/// The largest page of a kernel for x86-64, and the alignment in its objects of everything that the
/// runtime handles page by page: data images of memories, and the guards of tables.
pub const X86_64_PAGE: u64 = 4 << 10;

/// The same for aarch64, where kernels have pages of 4, 16 or 64 KiB.
pub const AARCH64_PAGE: u64 = 64 << 10;

/// Address space to reserve for a 32-bit memory whose accesses carry no check: the 32-bit address
/// plus the 32-bit offset of the instruction reach below 8 GiB, and the widest access is 16 bytes.
pub const GUARDED_RESERVATION: u64 = (8 << 30) + WASM_PAGE;

/// Inaccessible address space after a 64-bit memory, whose accesses compare the index with the
/// memory's size: whatever an instruction adds to the index as a displacement stays inside, so that
/// only larger offsets must be part of the comparison.
pub const CHECKED_GUARD: u64 = (2 << 30) + WASM_PAGE;

/// The same after a 32-bit memory whose accesses are compared with its size, so that it takes
/// little address space.
pub const SMALL_GUARD: u64 = WASM_PAGE;

/// Inaccessible address space before every memory and before every table's entries. A whole page on
/// any machine, and more than the widest access: an address that came out too low faults.
pub const LEADING_GUARD: u64 = WASM_PAGE;

/// Where the first 32-bit memory of a program lies: code has the address as a constant. Static
/// programs that can be loaded anywhere are loaded far above, and their heaps follow them, so that
/// nothing of Linux's address space lies here.
pub const FIXED_BASE: u64 = 0x1000_0000;

/// The most that a 64-bit memory may grow to, because that is what is reserved for it: more than a
/// machine has, and little enough that a hundred of them fit into the address space.
pub const LARGEST_RESERVATION: u64 = 1 << 40;

/// The most that a 64-bit memory may have at the start: the address space of a process.
pub const ADDRESS_SPACE: u64 = 1 << 47;

record! {
    /// A linear memory. A data symbol of the module that defines it; the runtime fills `base`
    /// before any code runs.
    pub struct Memory from MemoryFields {
        /// First byte. Constant once the program runs.
        pub base: *mut u8,
        /// Current size in bytes; written as the initial size.
        pub bytes: u64,
        /// Largest size in bytes that `memory.grow` may reach.
        pub maximum: u64,
        /// Address space to reserve, in bytes, with what must fault after the memory.
        pub reserved: u64,
        /// If that is not available, less will do, down to this: `maximum` shrinks by as much.
        pub least: u64,
        /// Where it must lie, because code has the address as a constant; 0 is anywhere.
        pub place: u64,
        /// Bytes in a page: what `memory.grow` and `memory.size` count in.
        pub page_size: u64,
        /// 1: several threads may use it, and grow it at the same time.
        pub is_shared: u64,
    }
}

record! {
    /// A passive segment: of bytes, or of table entries of the kind that its element type asks for.
    pub struct Segment from SegmentFields {
        pub base: *const u8,
        /// Number of bytes or entries; zero once dropped.
        pub length: u64,
    }
}

record! {
    /// A run of initialized pages of a memory: whole pages of the largest size that the processor's
    /// kernels have ([`X86_64_PAGE`]), in the executable as in the memory. The part after the
    /// memory's initial size is zero. Or, where pages are larger than 4 KiB, a few bytes at an odd
    /// address, which are copied.
    pub struct DataRun from DataRunFields {
        pub memory: *mut Memory,
        /// Byte address in the memory.
        pub address: u64,
        pub data: *mut u8,
        /// Bytes: a multiple of the page, if they are moved.
        pub length: u64,
        /// Offset of a byte that is not zero, and the byte.
        pub probe: u64,
        pub probed: u64,
    }
}
