//! Shims: functions that modules of other toolchains import from a host of their own, and that the
//! runtime defines. The compiler gives one to an import of this name and exactly this type; the
//! runtime (`shim/`) defines each as a symbol of its own, so that programs carry only those that
//! they import.

/// The shims, a row for each: the symbol's last part, the import's module and name, its parameters
/// and its result, and the function of the runtime that does the work. Several rows may have one
/// name, each with another type. A group begins with the toolchain, as `inspect` calls it.
///
/// Where the types come from:
/// * AssemblyScript: `std/assembly/builtins.ts` and `std/assembly/bindings/dom.ts`;
/// * Emscripten: `system/include/emscripten/heap.h`, `emscripten.h`, `console.h`, and
///   `system/lib/libc/emscripten_internal.h`;
/// * TinyGo: `src/runtime/runtime_wasm_js.go`.
///
/// `$rows` is the macro that gets the rows. To add a shim: a row here, and what does the work.
macro_rules! shims {
    ($rows:ident) => {
        $rows! {
            "AssemblyScript" {
                as_abort "env" "abort"(message: u32, file: u32, line: u32, column: u32)
                    = assembly_script::abort;
                as_seed "env" "seed"() -> f64 = assembly_script::seed;
                as_trace "env" "trace"(
                    message: u32, n: u32, a0: f64, a1: f64, a2: f64, a3: f64, a4: f64
                ) = assembly_script::trace;
                as_console_log "env" "console.log"(message: u32) = assembly_script::print;
                as_console_debug "env" "console.debug"(message: u32) = assembly_script::print;
                as_console_info "env" "console.info"(message: u32) = assembly_script::print;
                as_console_warn "env" "console.warn"(message: u32) = assembly_script::print_error;
                as_console_error "env" "console.error"(message: u32) = assembly_script::print_error;
                as_date_now "env" "Date.now"() -> f64 = clock::date_now;
                as_performance_now "env" "performance.now"() -> f64 = clock::now;
            }
            "Cot" {
                cot_panic "cot" "panic"(message: u32, length: u32) = cot::panic;
                cot_place "cot" "place"(to: u32, room: u32) -> u32 = cot::place;
            }
            "Emscripten" {
                em_notify_growth "env" "emscripten_notify_memory_growth"(memory: u32)
                    = emscripten::notify_memory_growth;
                em_memcpy_js "env" "emscripten_memcpy_js"(to: u32, from: u32, length: u32)
                    = emscripten::copy;
                em_memcpy_js_ "env" "_emscripten_memcpy_js"(to: u32, from: u32, length: u32)
                    = emscripten::copy;
                em_memcpy_big "env" "emscripten_memcpy_big"(to: u32, from: u32, length: u32)
                    = emscripten::copy;
                em_memcpy_old "env" "emscripten_memcpy_big"(
                    to: u32, from: u32, length: u32
                ) -> u32 = emscripten::copy_returning;
                em_resize_heap "env" "emscripten_resize_heap"(size: u32) -> u32
                    = emscripten::resize_heap;
                em_heap_max "env" "emscripten_get_heap_max"() -> u32 = emscripten::heap_max;
                em_get_now "env" "emscripten_get_now"() -> f64 = clock::now;
                em_get_now_res "env" "emscripten_get_now_res"() -> f64 = clock::resolution;
                em_is_monotonic "env" "_emscripten_get_now_is_monotonic"() -> u32
                    = clock::is_monotonic;
                em_date_now "env" "emscripten_date_now"() -> f64 = clock::date_now;
                em_console_log "env" "emscripten_console_log"(text: u32) = emscripten::print;
                em_console_warn "env" "emscripten_console_warn"(text: u32)
                    = emscripten::print_error;
                em_console_error "env" "emscripten_console_error"(text: u32)
                    = emscripten::print_error;
                em_out "env" "_emscripten_out"(text: u32) = emscripten::print;
                em_err "env" "_emscripten_err"(text: u32) = emscripten::print_error;
                em_abort "env" "abort"() = emscripten::abort;
                em_abort_js "env" "_abort_js"() = emscripten::abort;
                em_assert_fail "env" "__assert_fail"(
                    condition: u32, file: u32, line: u32, function: u32
                ) = emscripten::assert_fail;
            }
            "Emscripten" {
                em_openat "env" "__syscall_openat"(
                    directory: u32, path: u32, flags: u32, mode: u32
                ) -> u32 = files::openat;
                em_unlinkat "env" "__syscall_unlinkat"(
                    directory: u32, path: u32, flags: u32
                ) -> u32 = files::unlinkat;
                em_rmdir "env" "__syscall_rmdir"(path: u32) -> u32 = files::rmdir;
                em_mkdirat "env" "__syscall_mkdirat"(directory: u32, path: u32, mode: u32) -> u32
                    = files::mkdirat;
                em_renameat "env" "__syscall_renameat"(
                    old_directory: u32, old: u32, new_directory: u32, new: u32
                ) -> u32 = files::renameat;
                em_faccessat "env" "__syscall_faccessat"(
                    directory: u32, path: u32, mode: u32, flags: u32
                ) -> u32 = files::faccessat;
                em_ftruncate64 "env" "__syscall_ftruncate64"(number: u32, size: u64) -> u32
                    = files::ftruncate64;
                em_getcwd "env" "__syscall_getcwd"(buffer: u32, size: u32) -> u32
                    = files::getcwd;
                em_ioctl "env" "__syscall_ioctl"(number: u32, operation: u32, argument: u32) -> u32
                    = files::ioctl;
                em_fcntl64 "env" "__syscall_fcntl64"(
                    number: u32, command: u32, arguments: u32
                ) -> u32 = files::fcntl64;
            }
            "freestanding modules" {
                log_text "env" "log"(text: u32, length: u32) = log::text;
                log_i32 "env" "log"(value: u32) = log::i32;
                log_i64 "env" "log"(value: u64) = log::i64;
                log_f32 "env" "log"(value: f32) = log::f32;
                log_f64 "env" "log"(value: f64) = log::f64;
                print_text "env" "print"(text: u32, length: u32) = log::text;
                print_i32 "env" "print"(value: u32) = log::i32;
                print_i64 "env" "print"(value: u64) = log::i64;
                print_f32 "env" "print"(value: f32) = log::f32;
                print_f64 "env" "print"(value: f64) = log::f64;
            }
            "TinyGo" {
                tinygo_ticks "gojs" "runtime.ticks"() -> f64 = clock::now;
                tinygo_ticks_env "env" "runtime.ticks"() -> f64 = clock::now;
            }
        }
    };
}

/// A shim, as modules import it.
#[derive(Debug, PartialEq, Eq)]
pub struct Shim {
    pub toolchain: &'static str,
    /// Module and name of the import.
    pub module: &'static str,
    pub name: &'static str,
    /// A letter for each parameter: `i` i32, `l` i64, `f` f32, `d` f64.
    pub parameters: &'static str,
    /// The letter of the result; empty if there is none.
    pub result: &'static str,
    /// The function of the runtime.
    pub symbol: &'static str,
}

impl Shim {
    /// Whether it lets the caller's memory grow: the size is not a constant of the program then.
    pub fn grows_memory(&self) -> bool {
        self.name == "emscripten_resize_heap"
    }

    /// Whether it does what a function of WASI does, with the descriptors that the program has.
    pub fn uses_wasi(&self) -> bool {
        self.name.starts_with("__syscall_")
    }
}

/// How the symbols of shims begin.
pub const PREFIX: &str = "w2n_shim_";

macro_rules! letter {
    (u32) => {
        "i"
    };
    (u64) => {
        "l"
    };
    (f32) => {
        "f"
    };
    (f64) => {
        "d"
    };
}

macro_rules! list {
    ($($toolchain:literal {
        $($symbol:ident $module:literal $name:literal($($parameter:ident: $ty:ident),*)
            $(-> $result:ident)? = $work:path;)*
    })*) => {
        /// All shims.
        pub const SHIMS: &[Shim] = &[$($(Shim {
            toolchain: $toolchain,
            module: $module,
            name: $name,
            parameters: concat!($(letter!($ty)),*),
            result: concat!($(letter!($result))?),
            symbol: concat!("w2n_shim_", stringify!($symbol)),
        },)*)*];
    };
}

shims!(list);

/// The shim of a symbol.
pub fn of_symbol(symbol: &str) -> Option<&'static Shim> {
    SHIMS.iter().find(|shim| shim.symbol == symbol)
}

#[cfg(test)]
mod tests {
    use super::{PREFIX, SHIMS};

    #[test]
    fn each_type_of_a_name_has_one_shim() {
        for (index, shim) in SHIMS.iter().enumerate() {
            assert!(shim.symbol.starts_with(PREFIX));
            let key = |it: &super::Shim| (it.module, it.name, it.parameters);
            assert!(SHIMS[..index].iter().all(|other| other.symbol != shim.symbol), "{}", shim.symbol);
            let is_same = |other: &&super::Shim| key(other) == key(shim) && other.result == shim.result;
            assert_eq!(SHIMS.iter().filter(is_same).count(), 1, "{}", shim.name);
        }
    }
}
