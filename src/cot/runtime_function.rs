//! Functions inside the module that Cot programs call by name (section 23.3): an `extern fn` with
//! one of these names is bound to it, not imported.

macro_rules! runtime_functions {
    ($($variant:ident $name:literal $n_params:literal)*) => {
        /// Functions of section 23.3, which an `extern fn` of that name binds to; and, with names
        /// in `__`, what the prelude is built on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum RuntimeFunction {
            $($variant,)*
        }

        impl RuntimeFunction {
            pub const ALL: &[RuntimeFunction] = &[$(RuntimeFunction::$variant,)*];

            pub fn by_name(name: &str) -> Option<RuntimeFunction> {
                match name {
                    $($name => Some(RuntimeFunction::$variant),)*
                    _ => None,
                }
            }

            pub fn name(self) -> &'static str {
                match self {
                    $(RuntimeFunction::$variant => $name,)*
                }
            }

            /// How many `i64` it takes.
            pub fn n_params(self) -> usize {
                match self {
                    $(RuntimeFunction::$variant => $n_params,)*
                }
            }
        }
    };
}

// To add one: a row here, and its code in the runtime of the back end.
runtime_functions! {
    Alloc "alloc" 2
    Dealloc "dealloc" 1
    Realloc "realloc" 2
    MemsetZero "memset_zero" 2
    Memcpy "memcpy" 3
    StringConcat "string_concat" 4
    StringEq "string_eq" 4
    IntToString "int_to_string" 2
    Growslice "growslice" 4
    Nextslicecap "nextslicecap" 2
    Retain "retain" 1
    Release "release" 1
    FdWrite "fd_write" 3
    FdRead "fd_read" 3
    FdClose "fd_close" 1
    FdSeek "fd_seek" 3
    FdOpen "fd_open" 3
    Isatty "isatty" 1
    Write "write" 3
    PrintInt "print_int" 1
    EprintInt "eprint_int" 1
    Exit "exit" 1
    ArgsCount "args_count" 0
    ArgLen "arg_len" 1
    ArgPtr "arg_ptr" 1
    EnvironCount "environ_count" 0
    EnvironLen "environ_len" 1
    EnvironPtr "environ_ptr" 1
    Time "time" 0
    Random "random" 2
    Malloc "malloc" 1
    MallocI64 "malloc_i64" 1
    MallocU8 "malloc_u8" 1
    MallocStruct "malloc_struct" 2
    Free "free" 1
    Fork "fork" 0
    Execve "execve" 3
    Waitpid "waitpid" 1
    Pipe "pipe" 0
    Dup2 "dup2" 2
    // What the standard library alone can call: a block that it made belongs to strings now.
    Adopt "__adopt" 1
    BlocksInUse "__blocks_in_use" 0
    // What the prelude alone can call: instructions, the destructor at an index of the table, and
    // what the host gives.
    MemoryGrow "__memory_grow" 1
    MemorySize "__memory_size" 0
    HeapBase "__heap_base" 0
    Trap "__trap" 0
    Throw "__throw" 0
    Fail "__fail" 1
    CotPlace "__cot_place" 2
    CotPanic "__cot_panic" 2
    Destroy "__destroy" 2
    EnvWrite "__env_write" 3
    WasiFdWrite "__wasi_fd_write" 4
    WasiFdRead "__wasi_fd_read" 4
    WasiFdClose "__wasi_fd_close" 1
    WasiFdSeek "__wasi_fd_seek" 4
    WasiFdFdstatGet "__wasi_fd_fdstat_get" 2
    WasiFdPrestatGet "__wasi_fd_prestat_get" 2
    WasiFdPrestatDirName "__wasi_fd_prestat_dir_name" 3
    WasiPathOpen "__wasi_path_open" 9
    WasiArgsSizesGet "__wasi_args_sizes_get" 2
    WasiArgsGet "__wasi_args_get" 2
    WasiEnvironSizesGet "__wasi_environ_sizes_get" 2
    WasiEnvironGet "__wasi_environ_get" 2
    WasiClockTimeGet "__wasi_clock_time_get" 3
    WasiRandomGet "__wasi_random_get" 2
    WasiProcExit "__wasi_proc_exit" 1
}
