//! Whether the processor has the instructions that the program was compiled for.

use crate::arch::processor;
use crate::attempt::fail;
use crate::system::kernel;
use crate::text::message;

/// Stops the program with a message if the processor is below `level`.
pub fn check(level: u8) {
    if processor::has_level(level, kernel::processor_features()) {
        return;
    }
    let mut text = message();
    text.add("this program was compiled for ").add(processor::LEVEL).add_decimal(level.into());
    text.add(", and the processor lacks instructions of that level");
    fail(text, 1);
}
