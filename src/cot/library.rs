//! The standard library that is built in: Cot source, by module name; the last place where `import
//! "std/…"` is looked for.

/// Source of `std/name`, and of `prelude`, which belongs to the runtime and is not a module.
pub fn module(name: &str) -> Option<&'static str> {
    MODULES.iter().find(|(known, _)| *known == name).map(|(_, source)| *source)
}

/// The module that declares a function, type or constant at its top level.
pub fn module_with(name: &str) -> Option<&'static str> {
    let declares = |line: &str| {
        let mut words = line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).filter(|word| *word != "extern");
        matches!(words.next(), Some("fn" | "struct" | "const" | "trait" | "type")) && words.next() == Some(name)
    };
    let modules = MODULES.iter().filter(|(module, _)| *module != "prelude");
    modules.into_iter().find(|(_, source)| source.lines().any(declares)).map(|(module, _)| *module)
}

macro_rules! modules {
    ($($name:literal)*) => {
        /// Name and source.
        pub const MODULES: &[(&str, &str)] = &[$(($name, include_str!(concat!("std/", $name, ".cot"))),)*];
    };
}

// To add one: its name here, its source in `std/`.
modules! {
    "prelude"
    "sys" "list" "map" "set" "string" "math" "fs" "os" "io" "time" "sort" "random"
    "json" "string_map" "mem" "path" "encoding" "fmt" "log" "cli" "testing" "debug" "process"
    "crypto" "semver" "uuid" "dotenv" "url" "regex" "http" "async"
}
