//! A 64-bit memory in a library: sums of index and offset that wrap around reach neither the host
//! nor the memory.

use crate::host;
use anyhow::Result;
use libtest_mimic::Trial;
use test_kit::trials;

pub fn trials() -> Vec<Trial> {
    trials!["wrap":
        wrapped_addresses_trap_and_change_nothing,
    ]
}

fn wrapped_addresses_trap_and_change_nothing() -> Result<()> {
    let folder = host("cc", &["wrap.wat", "wrap.c"])?;
    for flags in [&[][..], &["-O0"], &["-Os"], &["--spectre-masks"]] {
        folder.builds(&[flags, &["wrap.wat", "--emit", "staticlib,header"]].concat());
        folder.cc(&["wrap.c", "wrap.a", "-o", "wrap"]);
        let expected = "384 of 384 trapped, 0 bytes of the host changed, sum of the memory 0\n";
        folder.program("wrap", &[]).prints(expected);
    }
    Ok(())
}
