//! Shims: functions that modules of other toolchains import, see [`crate::abi::shim`].
//!
//! The guest is not trusted. [`caller`] turns its addresses into checked pointers; what is not
//! inside of the memory traps. The other modules do what the toolchain's own host does, as far as
//! that means something outside of a browser. [`calls`] defines the symbols.

mod caller;

mod clock;

mod log;

mod assembly_script;

mod cot;

mod emscripten;

mod files;

mod calls;
