//! A library with instances: an image of code and data that the runtime maps once for each.
//!
//! The image is linked like a shared library, with nothing but the module in it. What its code
//! takes from outside, functions of the runtime and of the host, it reaches through words of its
//! data, which the runtime fills in. The functions for the host stand beside the image: each jumps
//! to where the instance says, which is its first argument.

use super::program::Program;
use super::record::Padding;
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64};

/// Name of the symbol in the image that holds the [`Instance`].
pub const INSTANCE_SYMBOL: &str = "w2n_instance";

/// Name of the section that holds the image, where `wasm2native inspect` finds it: an ELF file.
pub const IMAGE_SECTION: &str = ".w2n.instances";

/// [`Instances::file`] where the system makes no files in memory.
pub const NO_FILE: u32 = u32::MAX;

/// What [`Relocation::symbol`] is where the image itself is meant.
pub const OWN: u64 = u64::MAX;

record! {
    /// What a host's pointer to an instance points at, in the instance's data. Behind it lies a
    /// word for each symbol of the interface, in its order: the address of the function or
    /// variable, or 0.
    pub struct Instance from InstanceFields {
        pub program: *const Program,
        /// The rest is the runtime's own. Where the image comes from.
        pub library: AtomicPtr<Instances>,
        /// The next that is free.
        pub next: AtomicPtr<Instance>,
        /// 1: the host has it.
        pub is_used: AtomicU32,
        pub padding: Padding<4>,
    }
}

record! {
    /// A library with instances. Writable data.
    pub struct Instances from InstancesFields {
        /// [`VERSION`](super::program::VERSION).
        pub version: u32,
        pub padding: Padding<4>,
        /// Prefix of the library, zero-terminated.
        pub name: *const u8,
        pub image: *const u8,
        pub image_length: u64,
        /// How many bytes an instance takes, from its first segment to the end of its last.
        pub length: u64,
        pub segments: *const Segment,
        pub n_segments: u64,
        pub relocations: *const Relocation,
        pub n_relocations: u64,
        /// Addresses outside of the image.
        pub symbols: *const usize,
        pub n_symbols: u64,
        /// Where the [`Instance`] lies.
        pub instance: u64,
        /// `w2n_describe_instance`, which tells debuggers of an instance: where it begins, its
        /// library, and the descriptor of the image as a file, or -1. Without `-g` there is none.
        pub describe: Option<unsafe extern "C" fn(*mut u8, *const Instances, i32)>,
        /// Places in the image of addresses that debuggers read.
        pub described: *const u64,
        pub n_described: u64,
        /// The rest is the runtime's own. Instances that were given back.
        pub free: AtomicPtr<Instance>,
        /// The image as a file in memory: its number in the file system, and its descriptor, to
        /// which 1 is added. 0: there is none; [`NO_FILE`]: there can't be.
        pub file_number: AtomicU64,
        pub file: AtomicU32,
        pub end: Padding<4>,
    }
}

record! {
    /// A part of an instance. All places are counted from its start.
    pub struct Segment from SegmentFields {
        /// Where it begins, and where in the image it comes from: the same byte of a page.
        pub place: u64,
        pub offset: u64,
        /// How many bytes come from the image; the others are zero.
        pub image_length: u64,
        pub length: u64,
        /// 1: code runs there, which nobody writes. 0: data.
        pub is_code: u64,
        /// 1: data that is written by relocations alone.
        pub is_constant: u64,
    }
}

record! {
    /// An address in an instance's data.
    pub struct Relocation from RelocationFields {
        pub place: u64,
        /// Index of the symbol whose address it is, or [`OWN`].
        pub symbol: u64,
        /// What is added, a number with a sign.
        pub addend: u64,
    }
}
