//! The functions that translated code calls: `wasi_snapshot_preview1_NAME` and
//! `wasi_unstable_NAME`.
//!
//! Their rows are those of `wasi_functions!` in the contract, which the compiler checks imports
//! against. Each function is a symbol of its own, so that the linker keeps only those that the
//! program imports. Programs that print their calls (`--trace`) import others, which begin with
//! [`TRACE_PREFIX`](crate::abi::wasi::TRACE_PREFIX), do the same and print a line.

use crate::arch::processor::return_address;
use crate::wasi::errno::finish;
use crate::wasi::guest::Guest;
use crate::wasi::trace::Call;
use crate::wasi::{args, clock, directory, file, path, poll, process, random, sock, stat, trace};

/// Defines the function of one snapshot: prefix of the symbol, name, parameters, what does the
/// work.
macro_rules! call {
    ($prefix:literal $name:ident($($parameter:ident: $ty:ident),*) $own:expr) => {
        const _: () = {
            #[unsafe(export_name = concat!($prefix, stringify!($name)))]
            extern "C" fn $name($($parameter: $ty),*) -> i32 {
                let guest = Guest::of(return_address());
                finish($own(&guest, $($parameter),*))
            }

            #[unsafe(export_name = concat!("w2n_trace_", $prefix, stringify!($name)))]
            extern "C" fn traced($($parameter: $ty),*) -> i32 {
                let guest = Guest::of(return_address());
                let signature = concat!(stringify!($name), "(", $(stringify!($parameter), ","),*);
                let call = Call { signature, values: &[$(u64::from($parameter)),*] };
                trace::call(&guest, &call, &mut || $own(&guest, $($parameter),*))
            }
        };
    };
}

/// Defines the functions of a row, see `wasi_functions!`.
macro_rules! row {
    (both $name:ident $parameters:tt $($own:ident)::+) => {
        call!("wasi_snapshot_preview1_" $name $parameters $($own)::+);
        call!("wasi_unstable_" $name $parameters $($own)::+);
    };
    (each $name:ident $parameters:tt $($own:ident)::+) => {
        call!("wasi_snapshot_preview1_" $name $parameters { $($own)::+::<false> });
        call!("wasi_unstable_" $name $parameters { $($own)::+::<true> });
    };
    (later $name:ident $parameters:tt $($own:ident)::+) => {
        call!("wasi_snapshot_preview1_" $name $parameters $($own)::+);
    };
    (exit $name:ident($status:ident: $ty:ident) $($own:ident)::+) => {
        const _: () = {
            #[unsafe(export_name = concat!("wasi_snapshot_preview1_", stringify!($name)))]
            extern "C" fn preview1($status: $ty) -> ! {
                $($own)::+($status.cast_signed())
            }

            #[unsafe(export_name = concat!("wasi_unstable_", stringify!($name)))]
            extern "C" fn unstable($status: $ty) -> ! {
                $($own)::+($status.cast_signed())
            }

            #[unsafe(export_name = concat!("w2n_trace_wasi_snapshot_preview1_", stringify!($name)))]
            extern "C" fn traced_preview1($status: $ty) -> ! {
                trace::exit($status);
                $($own)::+($status.cast_signed())
            }

            #[unsafe(export_name = concat!("w2n_trace_wasi_unstable_", stringify!($name)))]
            extern "C" fn traced_unstable($status: $ty) -> ! {
                trace::exit($status);
                $($own)::+($status.cast_signed())
            }
        };
    };
}

macro_rules! rows {
    ($($snapshots:ident $name:ident $parameters:tt = $($own:ident)::+;)*) => {
        $(row!($snapshots $name $parameters $($own)::+);)*
    };
}

wasi_functions!(rows);
