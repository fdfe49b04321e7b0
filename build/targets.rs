//! Which runtimes are built, and with which rustc and C compiler.

use crate::Result;
use crate::libraries::Libraries;
use crate::runtime_target::{Origin, RUNTIME_TARGETS, RuntimeTarget};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The value of an environment variable on which the result depends.
fn variable(name: &str) -> Option<String> {
    println!("cargo::rerun-if-env-changed={name}");
    std::env::var(name).ok()
}

/// The target that the compiler is built for, if there is a runtime for it, and those that the user
/// names. A user who names none gets those of other processors that can be built here.
pub fn chosen() -> Result<Vec<&'static RuntimeTarget>> {
    const LIST: &str = "WASM2NATIVE_RUNTIMES";
    let mut chosen: Vec<_> = own()?.into_iter().collect();
    let Some(named) = variable(LIST) else {
        let compiler = std::env::var("TARGET")?;
        let is_other = |target: &&RuntimeTarget| processor(target.triple) != processor(&compiler);
        chosen.extend(RUNTIME_TARGETS.iter().filter(is_other).filter(|target| is_at_hand(target)));
        return Ok(chosen);
    };
    for name in named.split([',', ' ']).filter(|name| !name.is_empty()) {
        let Some(target) = RUNTIME_TARGETS.iter().find(|target| target.triple == name) else {
            let known: Vec<_> = RUNTIME_TARGETS.iter().map(|target| target.triple).collect();
            return Err(format!("{LIST}: there is no runtime for `{name}`, only for {}", known.join(", ")).into());
        };
        if !chosen.iter().any(|other| other.triple == target.triple) {
            chosen.push(target);
        }
    }
    Ok(chosen)
}

/// Whether all is here that the runtime of a target needs.
fn is_at_hand(target: &RuntimeTarget) -> bool {
    rustc(target).is_ok() && Libraries::find(target).is_ok()
}

/// That of the compiler, with the C library that the user wants.
fn own() -> Result<Option<&'static RuntimeTarget>> {
    const NAME: &str = "WASM2NATIVE_RUNTIME_LIBC";
    let compiler = std::env::var("TARGET")?;
    let Some(name) = variable(NAME) else {
        return Ok(RUNTIME_TARGETS.iter().find(|target| target.triple == compiler));
    };
    let mut named = RUNTIME_TARGETS.iter().filter(|target| target.c_library == name).peekable();
    if named.peek().is_none() {
        return Err(format!("{NAME} is `{name}`, not `glibc` or `musl`").into());
    }
    let found = named.find(|target| processor(target.triple) == processor(&compiler));
    Ok(Some(found.ok_or_else(|| format!("{NAME} is `{name}`, which there is none of for {compiler}"))?))
}

fn processor(triple: &str) -> &str {
    triple.split('-').next().unwrap_or(triple)
}

/// `VARIABLE_x86_64_unknown_linux_gnu`
fn for_target(variable: &str, target: &RuntimeTarget) -> String {
    format!("{variable}_{}", target.triple.replace('-', "_"))
}

/// A rustc that has the standard library of a target: the one that the user names for it, the one
/// that builds this package, or else one on the PATH.
pub fn rustc(target: &RuntimeTarget) -> Result<PathBuf> {
    let name = for_target("WASM2NATIVE_RUSTC", target);
    if let Some(named) = variable(&name).map(PathBuf::from) {
        return match library_folder(&named, target) {
            Some(_) => Ok(named),
            None => Err(format!("{name}: {} has no standard library of {}", named.display(), target.triple).into()),
        };
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let others = std::env::split_paths(&path).map(|folder| folder.join("rustc"));
    let mut all = [PathBuf::from(std::env::var("RUSTC")?)].into_iter().chain(others);
    all.find(|rustc| library_folder(rustc, target).is_some()).ok_or_else(|| {
        let triple = target.triple;
        format!(
            "no rustc here has the standard library of {triple}, which the runtime needs: run `rustup target add {triple}`, or name \
             one that has it in {name}"
        )
        .into()
    })
}

/// Where a rustc has the standard library of a target.
pub fn library_folder(rustc: &Path, target: &RuntimeTarget) -> Option<PathBuf> {
    let output = Command::new(rustc).args(["--print", "target-libdir", "--target", target.triple]).output().ok()?;
    let folder = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
    let is_std = |entry: std::fs::DirEntry| entry.file_name().to_string_lossy().starts_with("libstd-");
    let has_std = std::fs::read_dir(&folder).ok()?.flatten().any(is_std);
    (output.status.success() && has_std).then_some(folder)
}

/// The C compiler that knows where the C library of a target is.
pub fn c_compiler(target: &RuntimeTarget) -> Result<String> {
    assert!(target.origin == Origin::Compiler, "Rust brings the others");
    if let Some(named) = variable(&for_target("CC", target)) {
        return Ok(named);
    }
    let is_here = processor(target.triple) == processor(&std::env::var("HOST")?);
    Ok(if is_here {
        variable("CC").filter(|cc| !cc.is_empty()).unwrap_or("cc".into())
    } else {
        target.machine.cross_compiler.into()
    })
}

/// How the user gets what [`c_compiler`] did not have.
pub fn advice(target: &RuntimeTarget) -> String {
    format!("install {}, or name a C compiler that knows one in {}", target.machine.packages, for_target("CC", target))
}
