//! The functions of the runtime that translated code calls.

/// Declares [`Builtin`]: a row for each, variant, symbol, parameters, result. The letters are `p`
/// pointer, `i` i32, `l` i64, `f` f32, `d` f64.
///
/// To add one: a row here and its definition in the runtime.
macro_rules! builtins {
    ($($variant:ident: $symbol:literal, $parameters:literal, $result:literal;)*) => {
        /// A function of the runtime that translated code calls, in the platform's C convention.
        /// Only [`Builtin::Throw`] counts as a function in the internal convention, see
        /// `translate::signature`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u32)]
        pub enum Builtin {
            $($variant,)*
        }

        impl Builtin {
            /// In the order of their numbers.
            pub const ALL: &[Builtin] = &[$(Builtin::$variant,)*];

            pub const fn symbol(self) -> &'static str {
                match self {
                    $(Builtin::$variant => $symbol,)*
                }
            }

            /// A letter for each parameter.
            pub const fn parameters(self) -> &'static str {
                match self {
                    $(Builtin::$variant => $parameters,)*
                }
            }

            /// The letter of the result; empty if there is none.
            pub const fn result(self) -> &'static str {
                match self {
                    $(Builtin::$variant => $result,)*
                }
            }
        }
    };
}

builtins! {
    // (memory, pages to add) -> previous pages, or -1
    MemoryGrow: "w2n_memory_grow", "pl", "l";
    // (table, entries to add, value, signature of the value) -> previous length, or -1
    TableGrow: "w2n_table_grow", "plpp", "l";
    // (table base + first entry, count, code, signature)
    TableFill: "w2n_table_fill", "plpp", "";
    // C library: (destination, source, bytes), (destination, byte, bytes)
    Memmove: "memmove", "ppl", "p";
    Memset: "memset", "pil", "p";
    Memcpy: "memcpy", "ppl", "p";
    // (trap number): raises a trap from inside the runtime; does not return
    RaiseTrap: "w2n_raise", "i", "";
    // (exception): throws it; does not return here. In the internal convention, which passes it in
    // rdi, x2, a0 or r2
    Throw: "w2n_throw", "p", "";
    // (memory, address, expected, timeout in nanoseconds or -1) -> 0 notified, 1 not equal, 2 timed
    // out
    MemoryWait32: "w2n_memory_wait32", "plil", "i";
    MemoryWait64: "w2n_memory_wait64", "plll", "i";
    // (memory, address, most threads to wake) -> number of threads
    MemoryNotify: "w2n_memory_notify", "pli", "i";
    // (memory, address) -> the string's first byte; null for 0
    CString: "w2n_c_string", "pl", "p";
    // (host pointer, kind) -> the number that stands for it
    Handle: "w2n_handle", "pl", "l";
    // (number, kind, whether it is its last use) -> the host pointer
    HandlePointer: "w2n_handle_pointer", "lli", "p";
    // (pool, entry of a function) -> function pointer
    Callback: "w2n_callback", "pp", "p";
    // (FormattedCall)
    FormattedCall: "w2n_formatted_call", "p", "";
    // (argc, argv, envp, program) -> exit status
    Main: "w2n_main", "ippp", "i";
    // (program) -> 0, or why the library can't be used
    LibraryInit: "w2n_library_init", "p", "i";
    // (program) -> 0, or why the library can't be used: all of it is as at the start
    LibraryReset: "w2n_library_reset", "p", "i";
    // (program, Config) -> 0, or why the library can't be configured
    LibraryConfigure: "w2n_library_configure", "pp", "i";
    // (program): as `LibraryInit`, but ends the process or the attempt if the library can't be used
    LibraryStart: "w2n_library_start", "p", "";
    // (entry of the function that stands for the import): the end of a call of an import that
    // nothing defines
    UndefinedImport: "w2n_undefined_import", "p", "";
    // (table, initial entries): gives the calling thread a table of its own
    TableOfThread: "w2n_table_of_thread", "pp", "";
    // (program, whether it is wanted) -> 0, or -1 if the system refuses: ends what runs in the
    // library, or takes that back
    LibraryInterrupt: "w2n_library_interrupt", "pi", "i";
    // (expected signature, found signature): an indirect call of a function of another type; does
    // not return
    TypeMismatch: "w2n_type_mismatch", "pp", "";
    // (heap, bytes): memory for an object, whose words are not zero -> its address
    Allocate: "w2n_allocate", "pl", "p";
    // (heap, word of an `externref`) -> the reference that `any.convert_extern` makes of it
    AnyOfExtern: "w2n_any_of_extern", "pp", "p";
    // (reference of the hierarchy `any`) -> the word that `extern.convert_any` makes of it
    ExternOfAny: "w2n_extern_of_any", "p", "p";
    // (reference, type record or number of an abstract type): a cast that fails; does not return
    CastFailure: "w2n_cast_failure", "pp", "";
    // (signature of a function, expected signature) -> whether the first is that or a subtype
    SignatureMatches: "w2n_signature_matches", "pp", "i";
    // (heap, reference of the hierarchies `any` and `exn`) -> a handle that holds it; 0 for null
    RefNew: "w2n_ref_new", "pp", "l";
    // (heap, handle) -> the reference
    RefGet: "w2n_ref_get", "pl", "p";
    // (heap, handle): gives it back
    RefDrop: "w2n_ref_drop", "pl", "";
}
