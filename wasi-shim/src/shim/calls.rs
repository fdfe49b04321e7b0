//! The functions that translated code calls: the symbols of [`crate::abi::shim::SHIMS`].
//!
//! Each is a symbol of its own, so that the linker keeps only those that the program imports.

use crate::arch::processor::return_address;
use crate::shim::caller::Caller;
use crate::shim::{assembly_script, clock, cot, emscripten, files, log};

/// Defines a shim: the last part of its symbol, its parameters, its result, what does the work.
macro_rules! shim {
    ($symbol:ident($($parameter:ident: $ty:ident),*) ($($result:ident)?) $work:expr) => {
        const _: () = {
            #[unsafe(export_name = concat!("w2n_shim_", stringify!($symbol)))]
            extern "C" fn shim($($parameter: $ty),*) $(-> $result)? {
                $work(&Caller::of(return_address()), $($parameter),*)
            }
        };
    };
}

macro_rules! rows {
    ($($toolchain:literal {
        $($symbol:ident $module:literal $name:literal $parameters:tt $(-> $result:ident)? = $($work:ident)::+;)*
    })*) => {
        $($(shim!($symbol $parameters ($($result)?) $($work)::+);)*)*
    };
}

shims!(rows);
