//! The package that a registry gets: it has all files that a build reads, and the lock file of the
//! runtime agrees with that of the workspace.

use crate::{assert_none, files, project, read};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Cargo leaves folders that have a manifest out, and files that Git ignores.
#[test]
fn a_package_has_all_that_a_build_reads() {
    let mut command = Command::new(cargo());
    command.args(["package", "--list", "--allow-dirty", "--offline", "--quiet"]).current_dir(project());
    let output = command.output().expect("Cargo can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let listed = String::from_utf8(output.stdout).expect("the names of the project's files are UTF-8");
    assert_none(&missing(&listed, &read_by_a_build()));
}

/// The files that a build reads. The README's first command reads a fixture.
fn read_by_a_build() -> Vec<String> {
    let relative =
        |path: &PathBuf| path.strip_prefix(project()).expect("it was found there").to_string_lossy().into_owned();
    let source = ["build", "src", "wasi-shim"].into_iter().flat_map(files).map(|path| relative(&path));
    // What makes the runtime a member of the workspace; a package has none.
    let source = source.filter(|path| !path.ends_with("/crate/Cargo.toml"));
    let others = ["Cargo.toml", "Cargo.lock", "LICENSE", "README.md", "THIRD-PARTY.md", "fixtures/wasi/hello.wat"];
    source.chain(others.map(str::to_owned)).collect()
}

fn missing(listed: &str, needed: &[String]) -> Vec<String> {
    let listed: BTreeSet<_> = listed.lines().collect();
    let missing = needed.iter().filter(|file| !listed.contains(file.as_str()));
    missing.map(|file| format!("{file} is not in the package")).collect()
}

/// `BLESS=1` writes the runtime's lock file.
#[test]
fn the_runtime_has_the_versions_of_the_lock_file() {
    let all = project().join("Cargo.lock");
    let own = project().join("wasi-shim/manifest.lock");
    if std::env::var_os("BLESS").is_some() {
        write_lock_file(&all, &own);
    }
    // A package has no workspace, and so no runtime among its members.
    if read(&all).contains("\nname = \"wasi-shim\"\n") {
        assert_none(&foreign_versions(&read(&all), &read(&own)));
    }
}

/// Packages that the workspace has not, or not in this version.
fn foreign_versions(all: &str, own: &str) -> Vec<String> {
    // Name, version, source and checksum; which dependencies a package has depends on its features.
    let packages = |text: &str| -> BTreeSet<String> {
        let packages = text.split("\n[[package]]\n").skip(1);
        packages.map(|it| it.split("dependencies = [").next().unwrap_or_default().trim_end().to_owned()).collect()
    };
    let known = packages(all);
    let foreign = packages(own).into_iter().filter(|package| !known.contains(package));
    foreign.map(|it| format!("not in Cargo.lock; BLESS=1 cargo test --test tidy mends it:\n{it}")).collect()
}

/// Has Cargo keep of `all` what the runtime needs.
fn write_lock_file(all: &Path, own: &Path) {
    let folder = tempfile::tempdir().expect("there is a place for temporary files");
    let place = |name: &str| folder.path().join(name);
    // The runtime, and its C library.
    for part in ["", "libc/"] {
        for name in ["crate", "src"] {
            std::fs::create_dir_all(place(&format!("{part}{name}"))).expect("the folder is ours");
        }
        let manifest = project().join("wasi-shim").join(part).join("manifest.toml");
        std::fs::write(place(&format!("{part}src/lib.rs")), "").expect("the folder is ours");
        std::fs::copy(manifest, place(&format!("{part}crate/Cargo.toml"))).expect("the manifest can be copied");
    }
    let workspace = "[workspace]\nmembers = [\"crate\", \"libc/crate\"]\nresolver = \"3\"\n";
    std::fs::write(place("Cargo.toml"), workspace).expect("the folder is ours");
    std::fs::copy(all, place("Cargo.lock")).expect("the lock file can be copied");
    let arguments = ["update", "--workspace", "--offline"];
    let status = Command::new(cargo()).args(arguments).current_dir(folder.path()).status();
    assert!(status.expect("Cargo can be run").success(), "Cargo can't make the lock file");
    std::fs::copy(place("Cargo.lock"), own).expect("the lock file can be written");
}

fn cargo() -> String {
    std::env::var("CARGO").expect("Cargo runs the tests")
}

#[test]
fn rules_of_the_package_complain() {
    let needed = ["src/lib.rs".to_owned(), "wasi-shim/src/lib.rs".to_owned()];
    assert_eq!(missing("src/lib.rs\nbuild/main.rs\n", &needed), ["wasi-shim/src/lib.rs is not in the package"]);

    let package = |version: &str| {
        format!("\n[[package]]\nname = \"it\"\nversion = \"{version}\"\ndependencies = [\n \"x\",\n]\n")
    };
    let all = format!("version = 4\n{}{}", package("1"), package("2"));
    assert_eq!(foreign_versions(&all, &package("2").replace(" \"x\",\n", "")).len(), 0);
    assert_eq!(foreign_versions(&all, &package("3")).len(), 1);
}
