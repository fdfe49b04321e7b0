//! Where `import "std/…"` looks (section 18): the folder in `COT_STDLIB`, a folder `stdlib` above
//! the importing file, `./stdlib`, what is built in. Relative imports start from the real file.

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use std::fs;
use std::path::Path;

use test_kit::trial::trial;
use test_kit::{command, process};

pub fn trials() -> Vec<Trial> {
    let trial = |name: &str, test: fn() -> Result<()>| trial(format!("modules/{name}"), test);
    vec![trial("search-order", search_order), trial("links", files_behind_links)]
}

fn search_order() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let place = |path: &str| folder.path().join(path);
    for folder in ["named", "project/stdlib", "project/src/deep", "project/src/stdlib", "here/stdlib", "elsewhere"] {
        fs::create_dir_all(place(folder))?;
    }
    fs::write(place("project/src/deep/main.cot"), "import \"std/string\"\nfn main() void { print(toUpper(\"b\")) }\n")?;
    fs::copy(place("project/src/deep/main.cot"), place("elsewhere/main.cot"))?;
    let says = |file: &str, from: &str, library: Option<&str>| -> Result<String> {
        let mut command = command::cot();
        command.arg("run").arg(place(file)).current_dir(place(from)).env_remove("COT_STDLIB");
        command.envs(library.map(|folder| ("COT_STDLIB", place(folder))));
        let outcome = process::run(&mut command, b"")?;
        ensure!(outcome.status == 0, "{}", outcome.stderr);
        Ok(outcome.stdout.to_string())
    };
    // From the last place to the first, each hides those after it; a folder without the module is
    // passed over.
    let (near, far) = ("project/src/deep/main.cot", "elsewhere/main.cot");
    ensure!(says(near, ".", None)? == "B", "the built-in module is not found");
    ensure!(says(far, "here", Some("named"))? == "B", "a folder without the module hides the built-in one");
    for (folder, file, from) in [
        ("here/stdlib", far, "here"),
        ("project/stdlib", near, "here"),
        ("project/src/stdlib", near, "here"),
        ("named", near, "here"),
    ] {
        fs::write(
            place(folder).join("string.cot"),
            format!("fn toUpper(s: string) string {{ return \"{folder}\" }}\n"),
        )?;
        let library = (folder == "named").then_some(folder);
        let found = says(file, from, library)?;
        ensure!(found == folder, "{folder} is hidden by {found}");
    }
    Ok(())
}

fn files_behind_links() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let place = |path: &str| folder.path().join(path);
    fs::create_dir_all(place("real"))?;
    fs::write(place("real/module.cot"), "import \"neighbour\"\nvar times: i64 = again()\n")?;
    fs::write(place("real/neighbour.cot"), "fn again() i64 {\n    print(\"once \")\n    return 1\n}\n")?;
    fs::write(place("main.cot"), "import \"real/module\"\nimport \"link\"\nfn main() void { print(times) }\n")?;
    std::os::unix::fs::symlink(Path::new("real/module.cot"), place("link.cot"))?;
    let mut command = command::cot();
    let outcome = process::run(command.args(["run", "main.cot"]).current_dir(folder.path()), b"")?;
    let (said, complaints) = (outcome.stdout, outcome.stderr);
    ensure!(said == "once 1", "{said}{complaints}");
    Ok(())
}
