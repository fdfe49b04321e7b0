//! The runtime, compiled with one of LLVM's sanitizers. They are `unsafe` features of the compiler
//! (`RUSTC_BOOTSTRAP`), for tests alone; these run with `W2N_FULL=1`.

use anyhow::{Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;
use test_kit::folder::Folder;
use test_kit::trial::{Skip, is_full};
use test_kit::{command, process, target, tool};

#[derive(Copy, Clone, PartialEq, Eq)]
pub enum Sanitizer {
    Address,
    /// Compiles Rust's standard library too: locks in it that are not checked would seem to be
    /// none.
    Thread,
}

const TARGET: &str = "x86_64-unknown-linux-gnu";

impl Sanitizer {
    /// As rustc calls it, and as the file of its own runtime has it in its name.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Sanitizer::Address => ("address", "asan"),
            Sanitizer::Thread => ("thread", "tsan"),
        }
    }

    /// Requires what compiling with it needs.
    ///
    /// # Errors
    /// [`Skip`].
    pub fn require(self) -> Result<()> {
        if !is_full() {
            bail!(Skip::Reason("it compiles the runtime once more; W2N_FULL=1 runs it".to_owned()));
        }
        if target::is_foreign() || process::is_emulated() || !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
            bail!(Skip::Reason("the sanitizer's runtime is that of this machine".to_owned()));
        }
        tool::require("cc")?;
        let source = Path::new(ask("sysroot")?.trim()).join("lib/rustlib/src/rust/library/Cargo.lock");
        if self == Sanitizer::Thread && !source.exists() {
            bail!(Skip::Tool(format!("there is no {}: `rustup component add rust-src`", source.display())));
        }
        Ok(())
    }

    /// Links `inputs` of a folder with the checked runtime to a program there.
    ///
    /// # Errors
    /// When the toolchain does not have the sanitizer.
    ///
    /// # Panics
    /// When something is not compiled.
    pub fn link(self, folder: &Folder, inputs: &[&str], program: &str) -> Result<()> {
        let (_, file) = self.names();
        let own = Path::new(ask("target-libdir")?.trim()).join(format!("librustc-stable_rt.{file}.a"));
        if !own.exists() {
            bail!("this toolchain has no {}", own.display());
        }
        let mut cc = tool::cc();
        cc.args(["-I.", "-Wall", "-Wextra"]).args(inputs).arg(self.runtime()?).current_dir(folder.path("."));
        cc.args(["-Wl,--whole-archive"]).arg(&own).args(["-Wl,--no-whole-archive", "-rdynamic"]);
        cc.args(["-lpthread", "-ldl", "-lm", "-lgcc_s", "-o", program]);
        process::run(&mut cc, b"")?.succeeds();
        Ok(())
    }

    /// The runtime's archive, which cargo compiles where it is not up to date.
    fn runtime(self) -> Result<PathBuf> {
        let (name, folder) = self.names();
        let place = command::scratch().join(folder);
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["rustc", "--locked", "--package", "wasi-shim", "--lib", "--crate-type", "staticlib", "--release"]);
        if self == Sanitizer::Thread {
            cargo.arg("-Zbuild-std=std,panic_unwind");
        }
        cargo.args(["--target", TARGET, "--target-dir"]).arg(&place).current_dir(env!("CARGO_MANIFEST_DIR"));
        let flags = format!("-Zsanitizer={name} -Cforce-frame-pointers=yes");
        process::run(cargo.env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", flags), b"")?.succeeds();
        Ok(place.join(TARGET).join("release/libwasi_shim.a"))
    }
}

/// What rustc prints.
fn ask(what: &str) -> Result<String> {
    let outcome = process::run(Command::new("rustc").args(["--print", what, "--target", TARGET]), b"")?;
    Ok(outcome.succeeds().stdout.to_string())
}
