//! Whether messages are colored.

use clap::ColorChoice;
use std::sync::OnceLock;
use wasm2native::stdio;

static CHOICE: OnceLock<ColorChoice> = OnceLock::new();

/// What the user wants; said once, at the start.
pub fn choose(choice: ColorChoice) {
    let _ = CHOICE.set(choice);
}

/// Whether messages on standard error are colored.
pub fn is_styled() -> bool {
    match CHOICE.get() {
        Some(ColorChoice::Always) => true,
        Some(ColorChoice::Never) => false,
        Some(ColorChoice::Auto) | None => stdio::has_color(std::io::stderr()),
    }
}
