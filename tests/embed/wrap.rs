//! A 64-bit memory in a library: sums of index and offset that wrap around reach neither the host
//! nor the memory.

use crate::place::Place;

#[test]
fn wrapped_addresses_trap_and_change_nothing() {
    let Some(place) = Place::with("cc", &["wrap.wat", "wrap.c"]) else { return };
    for flags in [&[][..], &["-O0"], &["-Os"], &["--spectre-masks"]] {
        place.wasm2native(&[flags, &["wrap.wat", "--emit", "staticlib,header"]].concat());
        place.cc(&["wrap.c", "wrap.a", "-o", "wrap"]);
        let expected = "384 of 384 trapped, 0 bytes of the host changed, sum of the memory 0\n";
        place.run("wrap", &[]).prints(expected);
    }
}
