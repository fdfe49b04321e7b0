//! A Rust program that calls a library through its generated declarations.

mod values;

use std::ffi::{CStr, c_void};
use values::*;

#[unsafe(no_mangle)]
extern "C" fn host_log(value: i32) {
    println!("log {value}");
}

#[unsafe(no_mangle)]
extern "C" fn host_mix(a: i64, b: f32, c: f64) -> f64 {
    a as f64 + f64::from(b) + c
}

extern "C" fn by_zero(data: *mut c_void) {
    let mut result = values_divmod_result { r0: 0, r1: 0 };
    // SAFETY: the place for the results is there.
    unsafe {
        values_divmod(&mut result, 1, 0);
        *data.cast::<i32>() = 1;
    }
}

fn main() {
    // SAFETY: one thread calls the library, with places for what it writes.
    unsafe {
        println!("init {}", values_init());
        println!("add {}", values_add(2, 3));
        let memory = std::slice::from_raw_parts(values_memory(), values_memory_size());
        println!("memory {} {}", std::str::from_utf8(&memory[16..21]).unwrap(), memory.len());
        let mut result = values_divmod_result { r0: 0, r1: 0 };
        values_divmod(&mut result, 17, 5);
        println!("divmod {} {}", result.r0, result.r1);
        println!("count {} {}", values_count(), { values_counter });
        values_counter = 100;
        println!("count {}", values_count());
        println!("constants {} {}", values_limit, values_half);
        println!("ask {}", values_ask());
        println!("apply {}", values_apply(values_pick(1), 21));
        let (mut marker, mut trap) = (0i32, std::mem::MaybeUninit::<w2n_trap>::uninit());
        let code = w2n_try(by_zero, (&raw mut marker).cast(), trap.as_mut_ptr());
        let trap = trap.assume_init();
        println!("trap {} {} {:?}", code == W2N_TRAP_INTEGER_DIVIDE_BY_ZERO, marker, CStr::from_ptr(trap.message.as_ptr()));
        let mut text = [0; 200];
        let length = w2n_trap_text(&trap, text.as_mut_ptr(), text.len());
        println!("text {}", CStr::from_ptr(text.as_ptr()).count_bytes() == length);
        println!("frames {} {}", trap.n_frames, trap.frames[0].offset != u32::MAX);
    }
    // A panic of the host is its own.
    let panic = std::panic::catch_unwind(|| panic!("of the host"));
    println!("panic {}", panic.is_err());
    let thread = std::thread::spawn(|| {
        let mut marker = 0i32;
        // SAFETY: as above; the other thread waits.
        unsafe { w2n_try(by_zero, (&raw mut marker).cast(), std::ptr::null_mut()) }
    });
    println!("thread {}", thread.join().unwrap());
}
