//! A Rust program without `unsafe` that uses two libraries by their types.
#![deny(unsafe_code, clippy::all)]

#[allow(unsafe_code)]
mod reset;
#[allow(unsafe_code)]
mod sum;

use reset::Reset;
use std::error::Error;
use sum::{Sum, Trap, W2N_TRAP_INTEGER_DIVIDE_BY_ZERO};

mod host {
    #[allow(unsafe_code)]
    #[unsafe(no_mangle)]
    extern "C" fn host_callback() {
        println!("callback, library taken: {}", super::Reset::new().is_none());
    }
}

/// Traps of both libraries are of one type.
fn both(sum: &mut Sum, other: &mut Reset) -> Result<i64, Trap> {
    Ok(i64::from(sum.sum(0, 2)?) + other.state()?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut sum = Sum::new().expect("nobody has it")?;
    println!("taken {}", Sum::new().is_none());
    sum.mut_memory()[..8].copy_from_slice(&[20, 0, 0, 0, 22, 0, 0, 0]);
    println!("sum {}", sum.sum(0, 2)?);
    println!("size {} {:?} {:?} {}", sum.memory().len(), sum.memory_grow(1), sum.memory_grow(1 << 40), sum.memory().len());
    let trap = sum.divide(1, 0).expect_err("it divides by zero");
    println!("{trap:?} {} {:?}", trap.code() == W2N_TRAP_INTEGER_DIVIDE_BY_ZERO, trap.status());
    println!("{trap}");
    for frame in trap.frames() {
        println!("{:?} {} {}", frame.function, frame.index, frame.offset.is_some());
    }
    println!("pair {:?}", sum.pair(7)?);
    println!("global {} {}", sum.counter(), sum.fixed());
    sum.set_counter(9);
    println!("global {} {}", sum.counter(), sum.next()?);
    let function = sum.pick(1)?;
    println!("function {} {:?}", function.is_some(), sum.apply(function, 21));
    println!("null {}", sum.apply(None, 21).expect_err("it is null").message());
    println!("host {}", sum.same(std::ptr::null_mut())?.is_null());
    println!("{:?}", sum.exit(3).expect_err("it exits").status());
    sum.reset()?;
    println!("reset {} {}", sum.counter(), sum.memory().len());
    let thread = std::thread::spawn(move || {
        let deep = sum.deep(0).expect_err("it has no end");
        println!("thread {} {}", deep.message(), deep.frames().count());
        sum
    });
    let mut sum = thread.join().expect("it does not panic");
    let mut other = Reset::new().expect("nobody has it")?;
    other.call_back()?;
    println!("both {}", both(&mut sum, &mut other).is_ok());
    println!("trap {}", other.stop().expect_err("it stops"));
    drop(sum);
    println!("again {}", Sum::new().is_some());
    Ok(())
}
