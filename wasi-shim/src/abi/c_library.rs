//! The C library's functions that translated code calls. The build script reads this list too.

/// What translated code may call of the C library: some of the
/// [`Builtin`](super::builtin::Builtin)s, and the functions to which Cranelift lowers operations
/// that the processor lacks (`cranelift_codegen::ir::LibCall`).
pub const C_FUNCTIONS: &str =
    "memmove memset memcpy memcmp ceil ceilf floor floorf trunc truncf nearbyint nearbyintf fma fmaf __tls_get_addr";
