//! The order of modules. The root of a folder (`lib.rs`, `mod.rs`) may say in its head that its
//! modules import only from those above them; then each file of the folder is held to it.

use std::path::{Path, PathBuf};

use crate::{RUNTIME, assert_none, code_of, project, read, rust_files};

#[test]
fn modules_import_only_from_above() {
    let mut complaints = Vec::new();
    let mut n_orders = 0;
    for source in ["src", RUNTIME[0], RUNTIME[1]] {
        for root in rust_files(source).into_iter().filter(|path| path.ends_with("mod.rs") || path.ends_with("lib.rs")) {
            let text = read(&root);
            if !declares_order(&text) {
                continue;
            }
            n_orders += 1;
            let folder = root.parent().expect("a file is in a folder");
            let below = folder.strip_prefix(project().join(source)).expect("it was found there");
            let order = Order { modules: declared_modules(&text), path: module_path(below) };
            for path in rust_files(folder.to_str().expect("folders of the project have plain names")) {
                let relative = path.strip_prefix(folder).expect("it was found there");
                let Some(place) = Module::of(relative) else { continue };
                let wrong = order.wrong_imports(&place, &read(&path)).into_iter();
                complaints.extend(wrong.map(|it| format!("{}: {it}", path.display())));
            }
            if root.ends_with("src/lib.rs") && source == "src" {
                complaints.extend(wrong_imports_of_contract(&order));
            }
        }
    }
    assert!(n_orders > 1, "src/lib.rs and others declare an order");
    assert_none(&complaints);
}

/// The contract stands in the folder of the runtime, and is a module of the library.
fn wrong_imports_of_contract(order: &Order) -> Vec<String> {
    let place = Module { name: "abi".to_owned(), depth: 1 };
    let files = rust_files("wasi-shim/src/abi").into_iter();
    files
        .flat_map(|path| {
            let wrong = order.wrong_imports(&place, &read(&path)).into_iter();
            wrong.map(move |it| format!("{}: {it}", path.display())).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn the_rule_complains() {
    assert!(declares_order("//! Modules stand in pipeline order and import only from\n//! those above them.\n"));
    assert!(declares_order("//! Each imports only from those above it.\n"));
    assert!(!declares_order("//! Modules stand as they like.\n\n// They import only from those above them.\n"));

    let modules = declared_modules("pub mod one;\n\n#[path = \"x\"]\npub mod two;\n\nmod three;\n");
    assert_eq!(modules, ["one", "two", "three"]);
    let order = Order { modules: modules.clone(), path: module_path(Path::new("")) };
    let two = Module { name: "two".to_owned(), depth: 0 };
    let found = |text: &str| order.wrong_imports(&two, text).len();
    assert_eq!(found("use crate::one::Thing;\nuse crate::two::part;\n"), 0);
    assert_eq!(found("use crate::three::Thing;\n"), 1);
    assert_eq!(found("fn f() { crate::three::g() }\n"), 1);
    assert_eq!(found("use crate::{one, three::{self, Thing}};\n"), 1);
    assert_eq!(found("use crate::{\n    one,\n    three,\n};\n"), 1);
    assert_eq!(found("/// See [`crate::three::Thing`].\n"), 0);
    assert_eq!(found("use crate::Thing;\n"), 1);
    let four = Module { name: "four".to_owned(), depth: 0 };
    assert_eq!(order.wrong_imports(&four, "").len(), 1);

    let order = Order { modules, path: module_path(Path::new("cot/check")) };
    let found = |text: &str| order.wrong_imports(&two, text).len();
    assert_eq!(found("use crate::cot::check::{Checker, one::Thing};\nuse crate::three::Thing;\n"), 0);
    assert_eq!(found("use crate::cot::check::three::Thing;\n"), 1);
    assert_eq!(found("super::one::f(); super::super::three::f(); super::f()\n"), 0);
    assert_eq!(found("super::three::f()\n"), 1);
    let part = Module { name: "two".to_owned(), depth: 1 };
    assert_eq!(order.wrong_imports(&part, "super::three::f(); super::super::one::f()\n").len(), 0);
    assert_eq!(order.wrong_imports(&part, "super::super::three::f()\n").len(), 1);

    let place = |path| Module::of(Path::new(path)).map(|it| (it.name, it.depth));
    assert_eq!(place("two.rs"), Some(("two".to_owned(), 0)));
    assert_eq!(place("two/mod.rs"), Some(("two".to_owned(), 0)));
    assert_eq!(place("two/part.rs"), Some(("two".to_owned(), 1)));
    assert_eq!(place("two/part/mod.rs"), Some(("two".to_owned(), 1)));
    assert_eq!(place("mod.rs"), None);
    assert_eq!(place("bin/two/main.rs"), None);
}

/// Whether the head of a root says that its modules are ordered.
fn declares_order(root: &str) -> bool {
    let head = root.lines().map_while(|line| line.strip_prefix("//!"));
    let words = head.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ").to_lowercase();
    ["import only from those above", "imports only from those above"].iter().any(|phrase| words.contains(phrase))
}

/// The modules that a root declares, in order.
fn declared_modules(root: &str) -> Vec<String> {
    let declared = root.lines().filter_map(|line| {
        let line = line.strip_prefix("pub ").or_else(|| line.strip_prefix("pub(crate) ")).unwrap_or(line);
        line.strip_prefix("mod ")?.strip_suffix(';')
    });
    declared.map(str::to_owned).collect()
}

/// `crate::a::b::` of the folder `a/b` of a crate.
fn module_path(folder: &Path) -> String {
    let names = folder.iter().map(|name| name.to_str().expect("folders of the project have plain names"));
    std::iter::once("crate").chain(names).map(|name| format!("{name}::")).collect()
}

/// Where a file is in the folder of an order.
struct Module {
    /// The module of the folder that it is or belongs to.
    name: String,
    /// How many modules it is below that.
    depth: usize,
}

impl Module {
    /// Of a path relative to the folder; none for its root and for the programs.
    fn of(relative: &Path) -> Option<Module> {
        let mut path = PathBuf::from(relative);
        if path.ends_with("mod.rs") || path.ends_with("lib.rs") {
            path.pop();
        }
        let name = path.iter().next()?.to_str()?;
        let name = name.strip_suffix(".rs").unwrap_or(name).to_owned();
        (name != "bin").then(|| Module { name, depth: path.iter().count() - 1 })
    }
}

/// The modules of a folder in the order that they import from each other, and the folder's path.
struct Order {
    modules: Vec<String>,
    path: String,
}

impl Order {
    /// What `text`, a file of `module`, takes from modules that are not above it.
    fn wrong_imports(&self, module: &Module, text: &str) -> Vec<String> {
        let place = |name: &str| self.modules.iter().position(|other| other == name);
        let Some(own) = place(&module.name) else { return vec![format!("`{}` is not declared", module.name)] };
        let code = code_of(text);
        let absolute = names_after(&code, &self.path);
        let relative = names_after(&code, &"super::".repeat(module.depth + 1));
        let mut complaints = Vec::new();
        // The root of a crate declares modules only; other roots have items of their own.
        if self.path == "crate::" {
            let others = absolute.iter().filter(|name| place(name).is_none());
            complaints.extend(others.map(|name| format!("`crate::{name}` is not a module")));
        }
        let lower = absolute.iter().chain(&relative).filter(|name| place(name).is_some_and(|other| other > own));
        complaints
            .extend(lower.map(|name| format!("`{}` imports from `{name}`, which is declared below it", module.name)));
        complaints
    }
}

/// The first names of all paths that begin with `prefix`, those in braces too.
fn names_after(code: &str, prefix: &str) -> Vec<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut names = Vec::new();
    for (at, found) in code.match_indices(prefix) {
        let is_inside_path = code[..at].ends_with(|c: char| c.is_alphanumeric() || "_$:".contains(c));
        let rest = &code[at + found.len()..];
        if is_inside_path || rest.starts_with("super::") {
            continue;
        }
        let Some(group) = rest.strip_prefix('{') else {
            names.push(word(rest));
            continue;
        };
        let mut depth = 0;
        let mut at_start = true;
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => at_start = true,
                c if depth == 0 && at_start && !c.is_whitespace() => {
                    names.push(word(&group[at..]));
                    at_start = false;
                }
                _ => {}
            }
        }
    }
    names
}
