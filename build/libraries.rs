//! Where the files of a C library are: those of a C compiler, or of Rust's musl target.

use crate::Result;
use crate::runtime_target::{Origin, RuntimeTarget, START_FILES};
use crate::targets;
use std::path::PathBuf;
use std::process::Command;

/// Where the C library's files are.
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
        let compiler = targets::c_compiler(target)?;
        let find = |name: &str| -> Result<PathBuf> {
            let lacks = |what: &str| {
                format!("`{compiler}` {what}: the runtime for {} needs it; {}", target.triple, targets::advice(target))
            };
            let output = Command::new(&compiler).arg(format!("-print-file-name={name}")).output();
            let output = output.map_err(|error| lacks(&format!("can't be run ({error})")))?;
            let path = PathBuf::from(String::from_utf8(output.stdout)?.trim());
            // A compiler that does not know the file prints its bare name.
            if !path.is_absolute() {
                return Err(lacks(&format!("knows no file `{name}` of the C library")).into());
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
        let rustc = targets::rustc(target)?;
        let folder = targets::library_folder(&rustc, target).ok_or("a rustc lost its standard library")?;
        let folder = folder.join("self-contained");
        if !folder.exists() {
            let (rustc, folder) = (rustc.display(), folder.display());
            return Err(format!("{rustc} brings no C library for {}: there is no {folder}", target.triple).into());
        }
        Ok(Libraries {
            start_files: START_FILES.map(|name| folder.join(name)).into(),
            archives: target.archives.iter().map(|name| folder.join(name)).collect(),
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
