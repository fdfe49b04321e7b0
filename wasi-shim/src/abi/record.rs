//! Records: declared once for everyone who knows them.
//!
//! `record!` declares a record that the compiler writes into an object and the runtime reads. One
//! declaration yields three things:
//! * the `repr(C)` type, which the runtime reads and whose offsets translated code uses;
//! * a second struct of the same fields, from which the compiler writes the record: numbers are
//!   numbers, and an address has the compiler's own type for it;
//! * the reader, by which `wasm2native inspect` fills that second struct from a program's file.
//!
//! A record has no hidden padding: where the layout needs some, a field says so, or the declaration
//! does not compile. So the fields in their order are the record's bytes.
//!
//! The compiler names every field. This compiles:
//!
//! ```
//! use wasm2native::abi::memory::DataRunFields;
//!
//! let run: DataRunFields<&str> =
//!     DataRunFields { memory: Some("memory 0"), address: 65536, data: Some("pages"), length: 4096, probe: 7, probed: 1 };
//! assert_eq!(run.length, 4096);
//! ```
//!
//! A field that is missing does not:
//!
//! ```compile_fail,E0063
//! use wasm2native::abi::memory::DataRunFields;
//!
//! let run: DataRunFields<&str> =
//!     DataRunFields { memory: Some("memory 0"), address: 65536, data: Some("pages"), probe: 7, probed: 1 };
//! ```
//!
//! Nor does a number in the place of an address, as when two fields are mixed up:
//!
//! ```compile_fail,E0308
//! use wasm2native::abi::memory::DataRunFields;
//!
//! let run: DataRunFields<&str> =
//!     DataRunFields { memory: Some("memory 0"), address: Some("pages"), data: 65536, length: 4096, probe: 7, probed: 1 };
//! ```
//!
//! Nor does a field that the declaration does not have:
//!
//! ```compile_fail,E0560
//! use wasm2native::abi::memory::DataRunFields;
//!
//! let run: DataRunFields<&str> = DataRunFields {
//!     memory: Some("memory 0"),
//!     address: 65536,
//!     data: Some("pages"),
//!     length: 4096,
//!     probe: 7,
//!     probed: 1,
//!     is_constant: 1,
//! };
//! ```
//!
//! To add a record: its declaration; to add a field: its line there, and a value wherever the
//! compiler then fails to build.

use core::sync::atomic::{AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize};

const _: () = assert!(size_of::<usize>() == 8, "records have addresses of 64 bits");

/// A piece of a record as it goes into an object. `P` is the compiler's word for an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<P> {
    Byte(u8),
    Number32(u32),
    Number64(u64),
    /// `None` is null.
    Address(Option<P>),
    /// This many bytes, all zero.
    Zero(usize),
}

/// What the compiler says of a field that is zero in every object: padding, or a field of the
/// runtime's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zero;

/// Bytes without a meaning, up to the next field or the end of the record.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct Padding<const N: usize>([u8; N]);

impl<const N: usize> Padding<N> {
    pub const ZERO: Padding<N> = Padding([0; N]);
}

/// The type of a field.
pub trait Field {
    /// What the compiler gives for the field.
    type Source<P>;

    fn write<P>(source: Self::Source<P>, put: &mut impl FnMut(Part<P>));

    /// Reads the field at an offset in its record. `number` reads a number at an offset, of a size,
    /// `address` an address; `None` means that it can't be read.
    fn read<P>(
        at: usize,
        number: &impl Fn(usize, usize) -> Option<u64>,
        address: &impl Fn(usize) -> Option<Option<P>>,
    ) -> Option<Self::Source<P>>;
}

/// The fields of a record, by name. `record!` implements it.
pub trait Fields<P>: Sized {
    /// Hands the parts of the record over, in order and without gaps.
    fn write(self, put: &mut impl FnMut(Part<P>));

    /// Reads a record, as [`Field::read`] does.
    fn read(
        number: &impl Fn(usize, usize) -> Option<u64>,
        address: &impl Fn(usize) -> Option<Option<P>>,
    ) -> Option<Self>;
}

/// Declares a record: `record! { pub struct NAME from FIELDS { FIELDS… } }`.
macro_rules! record {
    (
        $(#[$attribute:meta])*
        pub struct $name:ident from $fields:ident {
            $($(#[$field_attribute:meta])* pub $field:ident: $ty:ty,)*
        }
    ) => {
        $(#[$attribute])*
        #[repr(C)]
        pub struct $name {
            $($(#[$field_attribute])* pub $field: $ty,)*
        }

        const _: () = assert!(
            size_of::<$name>() == 0 $(+ size_of::<$ty>())*,
            concat!("`", stringify!($name), "` has padding without a field"),
        );

        #[doc = concat!("The fields of a [`", stringify!($name), "`], to write or read one.")]
        pub struct $fields<P> {
            $(pub $field: <$ty as $crate::abi::record::Field>::Source<P>,)*
        }

        impl<P> $crate::abi::record::Fields<P> for $fields<P> {
            fn write(self, put: &mut impl FnMut($crate::abi::record::Part<P>)) {
                $(<$ty as $crate::abi::record::Field>::write(self.$field, put);)*
            }

            fn read(
                number: &impl Fn(usize, usize) -> Option<u64>,
                address: &impl Fn(usize) -> Option<Option<P>>,
            ) -> Option<Self> {
                Some($fields {
                    $($field: <$ty as $crate::abi::record::Field>::read(
                        core::mem::offset_of!($name, $field),
                        number,
                        address,
                    )?,)*
                })
            }
        }
    };
}

/// Fields that hold numbers, with the part that each is written as.
macro_rules! numbers {
    ($($ty:ty: $part:ident;)*) => {$(
        impl Field for $ty {
            type Source<P> = $ty;

            fn write<P>(source: $ty, put: &mut impl FnMut(Part<P>)) {
                put(Part::$part(source));
            }

            fn read<P>(
                at: usize,
                number: &impl Fn(usize, usize) -> Option<u64>,
                _: &impl Fn(usize) -> Option<Option<P>>,
            ) -> Option<$ty> {
                <$ty>::try_from(number(at, size_of::<$ty>())?).ok()
            }
        }
    )*};
}

numbers! {
    u8: Byte;
    u32: Number32;
    u64: Number64;
}

/// Fields that hold addresses, which may be null. A `usize` is one that is only compared or called.
macro_rules! addresses {
    ($(($($parameter:ident)*) $ty:ty;)*) => {$(
        impl<$($parameter),*> Field for $ty {
            type Source<P> = Option<P>;

            fn write<P>(source: Option<P>, put: &mut impl FnMut(Part<P>)) {
                put(Part::Address(source));
            }

            fn read<P>(
                at: usize,
                _: &impl Fn(usize, usize) -> Option<u64>,
                address: &impl Fn(usize) -> Option<Option<P>>,
            ) -> Option<Option<P>> {
                address(at)
            }
        }
    )*};
}

addresses! {
    () usize;
    (T) *const T;
    (T) *mut T;
    () Option<unsafe extern "C" fn()>;
    (A R) Option<unsafe extern "C" fn(A) -> R>;
    (A B C R) Option<unsafe extern "C" fn(A, B, C) -> R>;
    (A B C D E R) Option<unsafe extern "C" fn(A, B, C, D, E) -> R>;
}

/// Fields that are zero in every object.
macro_rules! zeros {
    ($(($($parameter:tt)*) $ty:ty;)*) => {$(
        impl<$($parameter)*> $crate::abi::record::Field for $ty {
            type Source<P> = $crate::abi::record::Zero;

            fn write<P>(
                _: $crate::abi::record::Zero,
                put: &mut impl FnMut($crate::abi::record::Part<P>),
            ) {
                put($crate::abi::record::Part::Zero(size_of::<$ty>()));
            }

            fn read<P>(
                _: usize,
                _: &impl Fn(usize, usize) -> Option<u64>,
                _: &impl Fn(usize) -> Option<Option<P>>,
            ) -> Option<$crate::abi::record::Zero> {
                Some($crate::abi::record::Zero)
            }
        }
    )*};
}

// What changes while threads look at it is the runtime's own.
zeros! {
    () AtomicU8;
    () AtomicU32;
    () AtomicU64;
    () AtomicUsize;
    (T) AtomicPtr<T>;
    (const N: usize) Padding<N>;
}

/// Bytes that are the same for every target.
impl<const N: usize> Field for [u8; N] {
    type Source<P> = [u8; N];

    fn write<P>(source: [u8; N], put: &mut impl FnMut(Part<P>)) {
        source.into_iter().for_each(|byte| put(Part::Byte(byte)));
    }

    fn read<P>(
        at: usize,
        number: &impl Fn(usize, usize) -> Option<u64>,
        address: &impl Fn(usize) -> Option<Option<P>>,
    ) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        for (nth, byte) in bytes.iter_mut().enumerate() {
            *byte = <u8 as Field>::read(at.checked_add(nth)?, number, address)?;
        }
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::{Fields, Padding, Part, Zero};
    use core::sync::atomic::AtomicU32;

    record! {
        pub struct Sample from SampleFields {
            pub small: u8,
            pub bytes: [u8; 3],
            pub number: u32,
            pub text: *const u8,
            pub nothing: *mut Sample,
            pub state: AtomicU32,
            pub padding: Padding<4>,
            pub large: u64,
            pub code: usize,
            pub call: Option<unsafe extern "C" fn(*mut u8) -> i32>,
        }
    }

    /// The bytes of a record as a little-endian machine has them.
    fn bytes(fields: impl Fields<u64>) -> Vec<u8> {
        let mut bytes = Vec::new();
        fields.write(&mut |part| match part {
            Part::Byte(value) => bytes.push(value),
            Part::Number32(value) => bytes.extend(value.to_le_bytes()),
            Part::Number64(value) => bytes.extend(value.to_le_bytes()),
            Part::Address(address) => bytes.extend(address.unwrap_or(0).to_le_bytes()),
            Part::Zero(length) => bytes.resize(bytes.len().strict_add(length), 0),
        });
        bytes
    }

    /// A number of up to eight bytes.
    fn number(bytes: &[u8], at: usize, size: usize) -> Option<u64> {
        let mut word = [0; 8];
        word[..size].copy_from_slice(bytes.get(at..)?.get(..size)?);
        Some(u64::from_le_bytes(word))
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let written = bytes(SampleFields {
            small: 1,
            bytes: [2, 3, 4],
            number: 0x0807_0605,
            text: Some(0x1000),
            nothing: None,
            state: Zero,
            padding: Zero,
            large: u64::MAX,
            code: Some(0x2000),
            call: Some(0x3000),
        });
        assert_eq!(written.len(), size_of::<Sample>());
        assert_eq!(written[..8], [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(written[core::mem::offset_of!(Sample, large)..][..8], [0xff; 8]);

        let number = |at, size| number(&written, at, size);
        let address = |at| Some(number(at, 8)?).map(|address| (address != 0).then_some(address));
        let read: SampleFields<u64> = Fields::read(&number, &address).expect("all of it is there");
        assert_eq!((read.small, read.bytes, read.number), (1, [2, 3, 4], 0x0807_0605));
        assert_eq!((read.text, read.nothing, read.code, read.call), (Some(0x1000), None, Some(0x2000), Some(0x3000)));
        assert_eq!((read.large, read.state, read.padding), (u64::MAX, Zero, Zero));
    }

    #[test]
    fn what_ends_within_a_record_is_not_one() {
        let short = [0; size_of::<Sample>() - 1];
        let number = |at, size| number(&short, at, size);
        let address = |at| Some(Some(number(at, 8)?));
        assert!(<SampleFields<u64> as Fields<u64>>::read(&number, &address).is_none());
    }
}
