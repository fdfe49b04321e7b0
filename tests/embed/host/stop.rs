//! A Rust program without `unsafe` that ends a call from another thread.
#![deny(unsafe_code, clippy::all)]

#[allow(unsafe_code)]
mod deep;

use deep::{Deep, W2N_TRAP_INTERRUPTED};
use std::thread;
use std::time::Duration;

fn main() {
    let mut deep = Deep::new().expect("nobody has it").expect("it has no start function");
    let other = thread::spawn(|| {
        thread::sleep(Duration::from_millis(20));
        Deep::interrupt()
    });
    let trap = deep.on().expect_err("it does not end otherwise");
    println!("{} {}", trap.code() == W2N_TRAP_INTERRUPTED, trap.message());
    println!("{} {}", other.join().expect("it does not panic"), Deep::cancel_interrupt());
}
