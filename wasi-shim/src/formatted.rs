//! Calls of `printf`, `scanf` and their like from modules that pass variable arguments in a buffer
//! of their memory.
//!
//! The format says what the buffer holds; every value is read from there by the types that C has in
//! the module, checked, and made what C has here. Where C writes something that has another size
//! here, it writes to a place of ours, and the module's gets it afterwards.

use crate::abi::foreign::{FORMAT_SCANF, FORMAT_WIDE, FormattedCall};
use crate::abi::trap::Trap;
use crate::arch::processor;
use crate::foreign::{View, raise_foreign};
use crate::format::{self, Arguments, Kind, MOST_ARGUMENTS, Most, Refused};
use crate::program::c_string;
use crate::text::Text;
use crate::trap::raise_here;
use crate::variadic::{Argument, Call};
use crate::width::{low_u32, low_u64, usize_of};

/// The longest format: it is copied.
const LONGEST_FORMAT: usize = 1 << 20;

/// [`crate::abi::builtin::Builtin::FormattedCall`].
///
/// # Safety
/// The compiler filled the structure. The format is null or ends inside of a memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_formatted_call(call: *mut FormattedCall) {
    // SAFETY: see above; no one else knows the structure, and it holds as many fixed arguments.
    let (call, fixed, view) = unsafe {
        let call = &mut *call;
        (&*call, std::slice::from_raw_parts_mut(call.fixed, call.n_fixed as usize), View::new(call.memory))
    };
    let place = &mut fixed[call.format as usize];
    let text = *place as *const u8;
    if text.is_null() {
        raise_here(Trap::MemoryOutOfBounds);
    }
    // A copy: what C reads must be what was read here, whatever other threads do, and wherever
    // the output goes. SAFETY: the caller checked that the string ends.
    let text = unsafe { c_string(text) };
    if text.len() > LONGEST_FORMAT {
        raise_foreign(Text::into_buffer(&mut []).add("format string: more than 1 MiB can't be passed to C"));
    }
    let mut copy = Vec::with_capacity(text.len().saturating_add(1));
    copy.extend_from_slice(text);
    copy.push(0);
    *place = copy.as_ptr() as u64;
    let text = &copy[..text.len()];
    let is_scanf = call.flags & FORMAT_SCANF != 0;
    let arguments = if is_scanf { format::scanf(text) } else { format::printf(text) };
    let arguments = arguments.unwrap_or_else(|refused| refuse(&refused));

    let mut c = Call::new(call.function);
    for (index, word) in fixed.iter().enumerate() {
        let is_float = u32::try_from(index).ok().and_then(|index| call.floats.checked_shr(index)).unwrap_or(0) & 1 != 0;
        c.push(if is_float { Argument::Float(*word) } else { Argument::Integer(*word) });
    }
    let mut translation = Translation::new(view, call.flags & FORMAT_WIDE != 0, call.arguments);
    let Some(()) = translation.translate(&arguments, &mut c) else { raise_here(Trap::MemoryOutOfBounds) };
    // SAFETY: the format asks for these arguments.
    let result = unsafe { c.run() };
    translation.write_back();
    // SAFETY: see above.
    unsafe {
        let call = (&raw const *call).cast_mut();
        ((*call).integer, (*call).float) = result;
    }
}

#[inline(always)]
fn refuse(refused: &Refused) -> ! {
    let mut text = Text::into_buffer(&mut []);
    raise_foreign(text.add("format string: `").add_name(refused.0).add("` can't be passed to C"))
}

/// The arguments of one call on their way.
struct Translation {
    view: View,
    /// Addresses and `long` have 64 bits.
    wide: bool,
    /// Where the next argument is.
    next: u64,
    /// The integers among the arguments so far, and what stands in their place until all are known.
    integers: [u64; MOST_ARGUMENTS],
    /// What C writes for the module.
    places: [OutParameter; MOST_ARGUMENTS],
    n_places: usize,
}

/// A place that C writes to.
#[derive(Clone, Copy)]
struct OutParameter {
    bytes: u128,
    before: u128,
    kind: Kind,
    /// Where the module wants it.
    target: *mut u8,
}

impl Translation {
    fn new(view: View, wide: bool, next: u64) -> Translation {
        let nowhere = OutParameter { bytes: 0, before: 0, kind: Kind::Int, target: std::ptr::null_mut() };
        let (integers, places) = ([0; MOST_ARGUMENTS], [nowhere; MOST_ARGUMENTS]);
        Translation { view, wide, next, integers, places, n_places: 0 }
    }

    /// Reads all arguments and adds them to the call; `None` if something is not inside of the
    /// memory.
    fn translate(&mut self, arguments: &Arguments, c: &mut Call) -> Option<()> {
        let mut values = [Argument::Integer(0); MOST_ARGUMENTS];
        for (index, kind) in arguments.kinds().enumerate() {
            values[index] = self.read(kind)?;
            if let Argument::Integer(value) = values[index] {
                self.integers[index] = value;
            }
        }
        // The length of a string may follow it.
        for (index, kind) in arguments.kinds().enumerate() {
            c.push(match values[index] {
                Argument::Integer(value) => Argument::Integer(self.pointer(kind, value)?),
                other => other,
            });
        }
        Some(())
    }

    /// The next value of the buffer: an address stays one.
    fn read(&mut self, kind: Kind) -> Option<Argument> {
        let size = match kind {
            Kind::Int => 4,
            Kind::LongLong | Kind::Double => 8,
            Kind::LongDouble => 16,
            _ if self.wide => 8,
            _ => 4,
        };
        let start = self.next.checked_next_multiple_of(size)?;
        let place = self.view.range(start, size)?;
        self.next = start.checked_add(size)?;
        let mut bytes = [0; 16];
        // SAFETY: the range lies inside of the memory.
        unsafe { std::ptr::copy_nonoverlapping(place, bytes.as_mut_ptr(), usize_of(size)) };
        let value = u128::from_le_bytes(bytes);
        Some(match kind {
            Kind::Double => Argument::Float(low_u64(value)),
            Kind::LongDouble => Argument::LongDouble(processor::long_double_to_c(value)),
            Kind::Long { signed: true } if !self.wide => Argument::Integer(extended(value)),
            _ => Argument::Integer(low_u64(value)),
        })
    }

    /// What C gets for an integer or an address.
    fn pointer(&mut self, kind: Kind, value: u64) -> Option<u64> {
        let pointer = match kind {
            Kind::Int | Kind::Long { .. } | Kind::LongLong | Kind::Double | Kind::LongDouble | Kind::Address => {
                return Some(value);
            }
            _ if value == 0 => std::ptr::null_mut(),
            Kind::Text { unit, most } => {
                let most = match most {
                    Most::All => None,
                    Most::Constant(most) => Some(most),
                    // A negative precision is none.
                    Most::Argument(index) => u64::try_from(low_u32(self.integers[index].into()).cast_signed()).ok(),
                };
                self.view.string(value, unit, most)?
            }
            Kind::Store(size) => self.view.range(value, size)?,
            Kind::StoreLong { .. } if self.wide => self.view.range(value, 8)?,
            Kind::StoreLong { .. } => self.place(kind, self.view.range(value, 4)?),
            Kind::StoreLongDouble => self.place(kind, self.view.range(value, 16)?),
            Kind::Count(size) => self.place(kind, self.view.range(value, size)?),
            Kind::CountLong => self.place(kind, self.view.range(value, self.long_size())?),
        };
        Some(pointer as u64)
    }

    /// A place in which C finds what the module has now, so that it stays where C writes nothing.
    fn place(&mut self, kind: Kind, target: *mut u8) -> *mut u8 {
        let read = |size| {
            let mut bytes = [0; 16];
            // SAFETY: the caller checked the range.
            unsafe { std::ptr::copy_nonoverlapping(target, bytes.as_mut_ptr(), size) };
            u128::from_le_bytes(bytes)
        };
        let bytes = match kind {
            Kind::StoreLong { signed: true } => extended(read(4)).into(),
            Kind::StoreLong { .. } => read(4),
            Kind::Count(size) => read(usize_of(size)),
            Kind::CountLong => read(usize_of(self.long_size())),
            _ => processor::long_double_to_c(read(16)),
        };
        let place = &mut self.places[self.n_places];
        *place = OutParameter { bytes, before: bytes, kind, target };
        self.n_places = self.n_places.saturating_add(1);
        (&raw mut place.bytes).cast()
    }

    /// Bytes of a `long` of the module.
    fn long_size(&self) -> u64 {
        if self.wide { 8 } else { 4 }
    }

    /// Gives the module what C wrote.
    fn write_back(&self) {
        for place in &self.places[..self.n_places] {
            // SAFETY: C has got the address of this field.
            let bytes = unsafe { (&raw const place.bytes).read_volatile() };
            let (bytes, size) = match place.kind {
                Kind::StoreLong { .. } => (bytes, 4),
                Kind::Count(size) => (bytes, usize_of(size)),
                Kind::CountLong => (bytes, usize_of(self.long_size())),
                _ if bytes == place.before => continue,
                _ => (processor::long_double_to_wasm(bytes), 16),
            };
            // SAFETY: the range was checked, and memories do not shrink.
            unsafe { std::ptr::copy_nonoverlapping(bytes.to_le_bytes().as_ptr(), place.target, size) };
        }
    }
}

/// A `long` of 32 bits in 64.
fn extended(value: u128) -> u64 {
    i64::from(low_u32(value).cast_signed()).cast_unsigned()
}
