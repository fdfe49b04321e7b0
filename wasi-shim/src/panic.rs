//! What a mistake of ours says before the program stops.
//!
//! The build script makes Rust's panic handler jump here. The handler of the standard library prints a backtrace, for which
//! it brings a reader of debug information into every program that is as large as all of WASI; there is no debug information to read.

use crate::text::message;
use std::fmt::Write;

/// Takes what Rust hands to a `#[panic_handler]`.
#[unsafe(no_mangle)]
pub extern "C" fn w2n_panic(info: &core::panic::PanicInfo<'_>) -> ! {
    let mut text = message();
    let _ = writeln!(text, "internal error of the runtime: {info}");
    drop(text);
    std::process::abort()
}
