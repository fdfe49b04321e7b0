//! Standard streams that were closed when the process started.
//!
//! Before `main`, Rust's standard library opens `/dev/null` in their place, so that no other file
//! gets their numbers. After that, every write succeeds and its bytes are lost. So this checks
//! earlier, in a function that the loader calls.

use std::sync::atomic::{AtomicU8, Ordering};

/// A bit for each closed stream.
static CLOSED: AtomicU8 = AtomicU8::new(0);

const N_STREAMS: i32 = 3;

// SAFETY: the section holds addresses of functions. The loader calls each once, when the C library
// is ready, with arguments that a function may leave alone.
#[used]
#[unsafe(link_section = ".init_array")]
static AT_START: extern "C" fn() = look;

extern "C" fn look() {
    for fd in 0..N_STREAMS {
        // SAFETY: the call reads flags of a descriptor, and fails where there is none.
        if unsafe { libc::fcntl(fd, libc::F_GETFD) } == -1 {
            CLOSED.fetch_or(1 << fd, Ordering::Relaxed);
        }
    }
}

/// Whether a standard stream (0, 1 or 2) was closed when the process started.
pub fn was_closed(fd: i32) -> bool {
    (0..N_STREAMS).contains(&fd) && CLOSED.load(Ordering::Relaxed) & 1 << fd != 0
}
