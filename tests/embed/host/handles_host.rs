//! Holds objects in safe code.
#![deny(unsafe_code)]

#[allow(unsafe_code)]
mod handles;

use handles::{Config, Handles, Trap, W2N_TRAP_CAST_FAILURE, W2N_TRAP_HANDLE, W2N_TRAP_HEAP_EXHAUSTED};

fn main() -> Result<(), Trap> {
    let mut library = Handles::new().expect("nobody has it")?;
    for number in 0..3 {
        library.push(number)?;
    }
    let held = library.head()?.expect("a node");
    library.clear()?;
    for number in 0..3_000_000 {
        library.push(number)?;
        if number % 1000 == 0 {
            library.clear()?;
        }
    }
    println!("{}", library.value(Some(held))?);
    println!("{:?}", library.list()?.is_some());
    let (node, seven, small) = library.both()?;
    println!("{} {seven} {}", library.value(node)?, library.small(small)?);
    let other = library.other()?;
    let codes = [
        library.value(other).map_err(|trap| trap.code()).unwrap_err(),
        library.value(None).map_err(|trap| trap.code()).unwrap_err(),
        library.value(small).map_err(|trap| trap.code()).unwrap_err(),
    ];
    println!("{}", codes.iter().all(|code| *code == W2N_TRAP_CAST_FAILURE));
    let nothing = library.ref_nothing()?;
    println!("{}", library.apply(nothing, 1).unwrap_err().code() == W2N_TRAP_CAST_FAILURE);
    let twice = library.ref_twice()?;
    println!("{}", library.apply(twice, 21)?);
    library.ref_drop(held)?;
    println!("{}", library.value(Some(held)).unwrap_err().code() == W2N_TRAP_HANDLE);
    println!("{}", library.ref_drop(held).unwrap_err().code() == W2N_TRAP_HANDLE);
    library.push(8)?;
    let head = library.head()?;
    library.reset()?;
    println!("{}", library.value(head).unwrap_err().code() == W2N_TRAP_HANDLE);
    drop(library);
    let mut library = Handles::with_config(Config::new().max_heap(8 << 20)).expect("nobody has it")?;
    let full = (0..).map(|number| library.push(number)).find_map(Result::err);
    println!("{}", full.expect("it ends").code() == W2N_TRAP_HEAP_EXHAUSTED);
    Ok(())
}
