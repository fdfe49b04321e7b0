//! Keys: values that each thread has of its own, and what is called with them at its end.

use crate::control::{N_KEYS, control};
use crate::word::Word;
use core::ffi::{c_int, c_void};
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering};
use libc::pthread_key_t;

/// A function, or one of these. A key that was deleted is not given away again: threads may have
/// values of it.
const FREE: usize = 0;
const WITHOUT_FUNCTION: usize = 1;
const DELETED: usize = 2;

static KEYS: [AtomicUsize; N_KEYS] = [const { AtomicUsize::new(FREE) }; N_KEYS];

/// How often values are looked at that the functions of others have set (POSIX's
/// `PTHREAD_DESTRUCTOR_ITERATIONS`).
const N_ROUNDS: usize = 4;

/// # Safety
/// As C's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_key_create(
    place: *mut pthread_key_t,
    function: Option<unsafe extern "C" fn(*mut c_void)>,
) -> c_int {
    let new = function.map_or(WITHOUT_FUNCTION, |function| function as *const () as usize);
    // Rust's standard library has no use for number 0.
    for (number, key) in KEYS.iter().enumerate().skip(1) {
        if key.compare_exchange(FREE, new, Ordering::Release, Ordering::Relaxed).is_ok() {
            // SAFETY: as required of the caller.
            unsafe { *place = pthread_key_t::of(number) };
            return 0;
        }
    }
    libc::EAGAIN
}

#[unsafe(no_mangle)]
pub extern "C" fn pthread_key_delete(key: pthread_key_t) -> c_int {
    let Some(place) = KEYS.get(key.word()) else { return libc::EINVAL };
    place.store(DELETED, Ordering::Relaxed);
    0
}

#[unsafe(no_mangle)]
pub extern "C" fn pthread_setspecific(key: pthread_key_t, value: *const c_void) -> c_int {
    // SAFETY: the block of the running thread.
    let Some(place) = (unsafe { (*control()).keys.get(key.word()) }) else { return libc::EINVAL };
    place.set(value.cast_mut());
    0
}

#[unsafe(no_mangle)]
pub extern "C" fn pthread_getspecific(key: pthread_key_t) -> *mut c_void {
    // SAFETY: the block of the running thread.
    let place = unsafe { (*control()).keys.get(key.word()) };
    place.map_or(ptr::null_mut(), |place| place.get())
}

/// Calls the functions of the keys of which the calling thread has values.
pub fn call_all() {
    for _ in 0..N_ROUNDS {
        let mut is_done = true;
        // SAFETY: the block of the running thread.
        for (key, place) in KEYS.iter().zip(unsafe { &(*control()).keys }) {
            let value = place.get();
            let function = key.load(Ordering::Acquire);
            if value.is_null() || function <= DELETED {
                continue;
            }
            place.set(ptr::null_mut());
            is_done = false;
            // SAFETY: the key was created with this function, for such values.
            unsafe { core::mem::transmute::<usize, unsafe extern "C" fn(*mut c_void)>(function)(value) };
        }
        if is_done {
            break;
        }
    }
}
