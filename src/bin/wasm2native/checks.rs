//! Flags that add checks to the code or change what they do, or that make calls visible.

use clap::Args;
use std::path::PathBuf;
use wasm2native::options::Options;

#[derive(Args)]
#[command(next_help_heading = "Code")]
pub struct Checks {
    /// Mask addresses that a bounds check refused, against Spectre [default: off]
    ///
    /// A processor that mispredicts a check executes some hundred instructions before it notices,
    /// and leaves traces of what it read. A program is the only tenant of its process, so its
    /// module may read everything in it. Turn this on if a module is linked into a host that keeps
    /// secrets from it. It affects tables, memories whose accesses are compared with their size
    /// (64-bit ones, those with pages of one byte, all with --memory-checks), and bulk operations;
    /// other accesses have no check that could be mispredicted.
    #[arg(long)]
    pub spectre_masks: bool,

    /// With --generator llvm, leave memory and globals after a trap as the standard says
    ///
    /// LLVM assumes that accesses do not trap, so it may drop one that is of no use, and move
    /// stores past it. A host that goes on after a trap (`w2n_try`) sees that. With this flag
    /// nothing of the kind happens, and code is slower: loops are not vectorized. Cranelift's code
    /// is always exact.
    #[arg(long)]
    pub exact_traps: bool,

    /// Compare each access to a 32-bit memory with its size, so that programs need little address
    /// space
    ///
    /// Without it, a memory reserves 8 GiB of address space, which limits such as `ulimit -v` may
    /// refuse, and accesses need no compare. With it, a memory reserves its maximum, or as much of
    /// that as is available. Code is larger and slower.
    #[arg(long)]
    pub memory_checks: bool,

    /// Let the host of a library end a call: PREFIX_interrupt(), from any thread or signal handler
    ///
    /// The code looks for an interrupt in each loop and where functions that call others begin. The
    /// call ends by the trap `interrupted`. Programs have --timeout instead.
    #[arg(long)]
    pub interruptible: bool,

    /// Take the module's DWARF from FILE, another module with the same code (implies -g)
    ///
    /// Without this, -g looks for the file that the module names in its custom section
    /// `external_debug_info`, beside the module. Of a module with split DWARF, FILE is the package
    /// that `llvm-dwp` makes; without this, -g looks for MODULE.dwp and for the `.dwo` files.
    #[arg(long, value_name = "FILE", help_heading = "Code")]
    pub debug_file: Option<PathBuf>,

    /// Make a program that prints each call of WASI, with its parameters and its result
    ///
    /// As strace does for calls of the system, on standard error:
    /// `fd_write(1, [14 bytes at 0x400]) = 0 (14)`. Data that is read and written is not shown.
    #[arg(long, help_heading = "Program")]
    pub trace: bool,
}

impl Checks {
    pub fn options(&self) -> Options {
        Options {
            spectre_masks: self.spectre_masks,
            exact_traps: self.exact_traps,
            memory_checks: self.memory_checks,
            interruptible: self.interruptible,
            debug_file: self.debug_file.clone(),
            trace: self.trace,
            ..Options::default()
        }
    }
}
