//! Builds the runtimes that `wasm2native` carries, see `src/link/runtime.rs`.
//!
//! Comes in: the crates `wasi-shim` and `wasi-shim-libc`, and for each target a rustc that has its
//! standard library, and its C library: that of a C compiler, or of Rust's musl target. Goes out,
//! in `OUT_DIR`: a file for each target (`src/runtime_file.rs`) with the parts that [`pack`]
//! writes, and `carried.rs`, a list of them for the crate.
//!
//! These environment variables have a say; [`targets`] reads them:
//!
//! | variable | meaning |
//! | --- | --- |
//! | `WASM2NATIVE_RUNTIMES` | targets, besides the one that the compiler is built for; unset, those |
//! | | of other processors for which all is here |
//! | `WASM2NATIVE_RUNTIME_LIBC` | `glibc` or `musl`: the C library of the latter |
//! | `WASM2NATIVE_RUSTC_<target>` | the rustc for a target, for instance |
//! | | `WASM2NATIVE_RUSTC_aarch64_unknown_linux_gnu` |
//! | `CC_<target>` | the C compiler that knows the C library of a target; `CC` on this machine |

mod archive;
#[path = "../wasi-shim/src/abi/c_library.rs"]
mod c_library;
mod libraries;
mod localize;
mod pack;
#[path = "../src/runtime_file.rs"]
mod runtime_file;
#[path = "../src/runtime_target.rs"]
mod runtime_target;
mod shim;
mod strings;
mod strip;
mod targets;

use flate2::Crc;
use libraries::Libraries;
use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    for path in ["build", "src/runtime_file.rs", "src/runtime_target.rs", "wasi-shim"] {
        println!("cargo::rerun-if-changed={path}");
    }
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let interface = interface()?;
    let mut carried = "[\n".to_owned();
    for target in targets::chosen()? {
        let libraries = Libraries::find(target)?;
        let rustc = targets::rustc(target)?;
        let shim = shim::build(shim::RUNTIME, target.triple, &rustc, &out)?;
        let own = target.has_own_library.then(|| shim::build(shim::LIBRARY, target.triple, &rustc, &out));
        let parts = pack::parts(&shim, own.transpose()?.as_deref(), &libraries)?;
        let file = out.join(format!("{}.runtime", target.triple));
        std::fs::write(&file, runtime_file::write(target.triple, &interface, &parts))?;
        writeln!(carried, "    include_bytes!({:?}),", file.to_str().ok_or("OUT_DIR is not UTF-8")?)?;
    }
    std::fs::write(out.join("carried.rs"), carried + "]\n")?;
    println!("cargo::rustc-env=WASM2NATIVE_RUNTIME_INTERFACE={interface}");
    Ok(())
}

/// Which objects and runtimes fit: see `src/runtime_file.rs`.
fn interface() -> Result<String> {
    let mut files: Vec<_> =
        std::fs::read_dir(Path::new("wasi-shim/src/abi"))?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    files.sort();
    let mut checksum = Crc::new();
    for file in files {
        checksum.update(&std::fs::read(file)?);
    }
    Ok(format!("{} {:08x}", std::env::var("CARGO_PKG_VERSION")?, checksum.sum()))
}
