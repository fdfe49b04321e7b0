//! `cot init`: the files that a project begins with.

use crate::flags;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use wasm2native::output;
use wasm2native::stdio;

const PROGRAM: &str = "import \"greeting\"

fn main() i64 {
    println(greeting(\"world\"))
    return 0
}
";

const GREETING: &str = "/// What is said to somebody.
fn greeting(name: string) string { return \"Hello, ${name}!\" }
";

const LIBRARY: &str = "/// What is said to somebody.
fn greeting(name: string) string { return \"Hello, ${name}!\" }

/// For hosts in C: how many bytes the greeting of a name of that length has.
export fn greeting_length(name_length: i64) i64 { return len(greeting(\"\")) + name_length }
";

const PROGRAM_TEST: &str = "import \"greeting\"

test \"greeting\" { @assertEq(greeting(\"you\"), \"Hello, you!\") }
";

const LIBRARY_TEST: &str = "import \"lib\"

test \"greeting\" {
    @assertEq(greeting(\"you\"), \"Hello, you!\")
    @assertEq(greeting_length(3), 11)
}
";

pub fn init(args: &flags::Init) -> Result<ExitCode> {
    let folder = PathBuf::from(args.name.as_deref().unwrap_or("."));
    let absolute = std::path::absolute(&folder).context("can't tell which folder this is")?;
    let name = absolute.file_name().map_or("project".into(), |name| name.to_string_lossy());
    let (main, test) =
        if args.lib { ("src/lib.cot", "src/lib_test.cot") } else { ("src/main.cot", "src/main_test.cot") };
    let name = serde_json::to_string(&name)?;
    let tasks = format!("{{ \"test\": \"cot test {test}\" }}");
    let about = format!(
        "{{\n    \"name\": {name},\n    \"version\": \"0.1.0\",\n    \"main\": \"{main}\",\n    \"tasks\": {tasks}\n}}\n"
    );
    let mut files = vec![("cot.json", about.as_str()), (".gitignore", "cot-out/\n")];
    match args.lib {
        true => files.extend([(main, LIBRARY), (test, LIBRARY_TEST)]),
        false => files.extend([(main, PROGRAM), ("src/greeting.cot", GREETING), (test, PROGRAM_TEST)]),
    }
    write_new(&folder, &files)?;
    let names: Vec<_> = files.iter().map(|(name, _)| *name).collect();
    stdio::message(format!("Made {}: {}\n", folder.display(), names.join(", ")));
    Ok(ExitCode::SUCCESS)
}

/// All of the files, or none if one is there already. A `.gitignore` that is there is left as it
/// is.
fn write_new(folder: &Path, files: &[(&str, &str)]) -> Result<()> {
    if let Some((name, _)) = files.iter().find(|(name, _)| *name != ".gitignore" && folder.join(name).exists()) {
        bail!("{} is there already", folder.join(name).display());
    }
    for (name, text) in files {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).with_context(|| format!("can't make the folder {}", parent.display()))?;
        }
        if !path.exists() {
            output::write(&path, text.as_bytes())?;
        }
    }
    Ok(())
}
