//! What a mistake of ours says before the program stops, and what the end of memory says.
//!
//! The build script makes the standard library jump here. Its own functions print a backtrace, for
//! which they bring a reader of debug information into every program, larger than all of WASI;
//! there is no debug information to read.

use crate::text::message;
use core::panic::PanicInfo;

/// Takes what Rust hands to a `#[panic_handler]`.
#[unsafe(no_mangle)]
pub extern "C" fn w2n_panic(info: &PanicInfo<'_>) -> ! {
    let mut text = message();
    text.add("internal error of the runtime");
    // Without `std::fmt`, which would be a tenth of a small program: numbers in a message are left
    // out.
    if let Some(message) = info.message().as_str() {
        text.add(": ").add(message);
    }
    if let Some(place) = info.location() {
        text.add(": ").add(place.file()).add(":").add_decimal(place.line().into());
    }
    text.add("\n");
    drop(text);
    std::process::abort()
}

/// A panic of which nothing is known.
#[unsafe(no_mangle)]
pub extern "C" fn w2n_panic_unknown() -> ! {
    message().add("internal error of the runtime\n");
    std::process::abort()
}

#[unsafe(no_mangle)]
pub extern "C" fn w2n_out_of_memory() -> ! {
    message().add("out of memory\n");
    std::process::abort()
}
