//! Where the files of a C library are: those of this machine's, which the C compiler knows, or of
//! Rust's musl target.

use crate::Result;
use crate::runtime_target::{Origin, RuntimeTarget, START_FILES};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the C library's files are: nowhere if there is no runtime.
#[derive(Default)]
pub struct Libraries {
    pub start_files: Vec<PathBuf>,
    pub archives: Vec<PathBuf>,
    /// None where only static programs are made.
    pub shared: Vec<PathBuf>,
}

impl Libraries {
    pub fn find(target: &RuntimeTarget) -> Result<Libraries> {
        match target.origin {
            Origin::Compiler => Libraries::of_compiler(target),
            Origin::Rust => Libraries::of_rust(target),
        }
    }

    fn of_compiler(target: &RuntimeTarget) -> Result<Libraries> {
        let find = |name: &str| -> Result<PathBuf> {
            let compiler = std::env::var("CC").unwrap_or("cc".into());
            let output = Command::new(&compiler).arg(format!("-print-file-name={name}")).output()?;
            let path = PathBuf::from(String::from_utf8(output.stdout)?.trim());
            // A compiler that does not know the file prints its bare name.
            if !path.is_absolute() {
                return Err(format!("`{compiler}` knows no file `{name}`; it belongs to the C library").into());
            }
            Ok(path)
        };
        let mut archives = Vec::new();
        for name in target.archives {
            archives.extend(follow_script(find(name)?)?);
        }
        let start_files = START_FILES.map(find).into_iter().collect::<Result<_>>()?;
        let shared = target.machine.shared_libraries.map(find).into_iter().collect::<Result<_>>()?;
        Ok(Libraries { start_files, archives, shared })
    }

    fn of_rust(target: &RuntimeTarget) -> Result<Libraries> {
        let rustc = std::env::var("RUSTC")?;
        let arguments = ["--print", "target-libdir", "--target", target.triple];
        let output = Command::new(rustc).args(arguments).output()?;
        let directory = Path::new(String::from_utf8(output.stdout)?.trim()).join("self-contained");
        if !directory.exists() {
            let (directory, target) = (directory.display(), target.triple);
            return Err(format!("{directory} does not exist: run `rustup target add {target}`").into());
        }
        Ok(Libraries {
            start_files: START_FILES.map(|name| directory.join(name)).into(),
            archives: target.archives.iter().map(|name| directory.join(name)).collect(),
            shared: Vec::new(),
        })
    }
}

/// The archives themselves if the file is a linker script, `GROUP ( a.a b.a )`, as glibc's `libm.a`
/// is.
fn follow_script(path: PathBuf) -> Result<Vec<PathBuf>> {
    let data = std::fs::read(&path)?;
    if data.starts_with(b"!<arch>") {
        return Ok(vec![path]);
    }
    let text = String::from_utf8(data)?;
    Ok(text.split_whitespace().filter(|word| word.ends_with(".a")).map(PathBuf::from).collect())
}
