//! The functions to which Cranelift lowers operations that a processor lacks.

/// Defines functions of C by those of the crate `libm`.
macro_rules! functions {
    ($($name:ident($($argument:ident),*): $number:ty = $as:path;)*) => {
        $(
            #[unsafe(no_mangle)]
            pub extern "C" fn $name($($argument: $number),*) -> $number {
                $as($($argument),*)
            }
        )*
    };
}

functions! {
    ceil(x): f64 = libm::ceil;
    ceilf(x): f32 = libm::ceilf;
    floor(x): f64 = libm::floor;
    floorf(x): f32 = libm::floorf;
    trunc(x): f64 = libm::trunc;
    truncf(x): f32 = libm::truncf;
    // The rounding mode is always to nearest, ties to even.
    nearbyint(x): f64 = libm::rint;
    nearbyintf(x): f32 = libm::rintf;
    fma(x, y, z): f64 = libm::fma;
    fmaf(x, y, z): f32 = libm::fmaf;
}
