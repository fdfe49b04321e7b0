//! The archives of the runtime and of its C library, from the crates `wasi-shim` and
//! `wasi-shim-libc`, by cargo runs of their own.

use crate::Result;
use std::path::Path;
use std::process::Command;

/// The workspace that the runtime is built in, and its settings.
const WORKSPACE: &str = r#"[workspace]
members = ["crate", "libc/crate"]
resolver = "3"

[profile.runtime]
inherits = "release"
opt-level = 2
lto = "fat"
codegen-units = 1
panic = "abort"
debug = false
overflow-checks = true

# Its loops over vectors are all that it does.
[profile.runtime.package.wasi-shim-libc]
opt-level = 3
"#;

/// Where the manifests of the runtime and of its C library say that their sources are.
const SOURCE: &str = "../src/lib.rs";

/// The crates.
pub const RUNTIME: &str = "wasi-shim";
pub const LIBRARY: &str = "wasi-shim-libc";

/// Builds a crate with `rustc` and returns its archive.
///
/// It is built in a workspace that is written here, with a lock file of its own, so that nothing
/// depends on whether this is a checkout or a package from a registry: that has the source of the
/// runtime, but no workspace.
pub fn build(package: &str, target: &str, rustc: &Path, out: &Path) -> Result<Vec<u8>> {
    let root = std::env::var("CARGO_MANIFEST_DIR")?;
    let workspace = out.join("runtime");
    std::fs::create_dir_all(&workspace)?;
    std::fs::write(workspace.join("Cargo.toml"), WORKSPACE)?;
    for part in ["", "libc/"] {
        let manifest = std::fs::read_to_string(format!("wasi-shim/{part}manifest.toml"))?;
        if !manifest.contains(SOURCE) {
            return Err(format!("wasi-shim/{part}manifest.toml does not name {SOURCE}").into());
        }
        let folder = workspace.join(part).join("crate");
        std::fs::create_dir_all(&folder)?;
        let source = format!("{root}/wasi-shim/{part}src/lib.rs");
        std::fs::write(folder.join("Cargo.toml"), manifest.replace(SOURCE, &source))?;
    }
    std::fs::copy("wasi-shim/manifest.lock", workspace.join("Cargo.lock"))?;

    let mut cargo = Command::new(std::env::var("CARGO")?);
    cargo.args(["rustc", "--locked", "--package", package, "--lib", "--crate-type", "staticlib"]);
    cargo.args(["--profile", "runtime", "--target", target]);
    cargo.arg("--manifest-path").arg(workspace.join("Cargo.toml"));
    // A directory of its own: the outer cargo holds the lock of the usual one.
    cargo.arg("--target-dir").arg(workspace.join("target"));
    cargo.env("RUSTC", rustc);
    // The runtime is the same whatever flags, checkers and wrappers this crate is built with.
    for variable in ["RUSTFLAGS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "CARGO_BUILD_TARGET", "CARGO_TARGET_DIR"]
    {
        cargo.env_remove(variable);
    }
    let home = std::env::var("CARGO_HOME").ok().or_else(|| Some(format!("{}/.cargo", std::env::var("HOME").ok()?)));
    // A function is copied into its callers only if it is short: most of the runtime runs once.
    let mut flags = vec!["-Cforce-frame-pointers=yes".to_owned(), "-Cllvm-args=-inline-threshold=60".to_owned()];
    // No folder of this machine in the programs.
    flags.push(format!("--remap-path-prefix={root}/="));
    flags.extend(home.map(|home| format!("--remap-path-prefix={home}=cargo")));
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
    let status = cargo.status()?;
    if !status.success() {
        return Err(format!("building {package} failed: {status}").into());
    }
    let name = format!("lib{}.a", package.replace('-', "_"));
    Ok(std::fs::read(workspace.join("target").join(target).join("runtime").join(name))?)
}
