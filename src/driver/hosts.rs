//! Modules that were made for another host than a native program, recognized by what they import.
//!
//! Comes in: the imports that nothing defines. Goes out: what made the module, and what to build
//! instead.

use crate::report::code::Code;
use crate::wasm::ImportName;

/// A host that modules expect.
pub struct Host {
    pub code: Code,
    /// A sentence: what the module is, and what to build instead.
    pub help: &'static str,
    /// Whether an import is of this host alone.
    is_import: fn(ImportName) -> bool,
}

/// The first that fits counts.
const HOSTS: [Host; 7] = [
    Host {
        code: Code::JavascriptHost,
        help: "wasm-bindgen made this module for JavaScript: build it with `cargo build --target wasm32-wasip1`, without \
               the crates wasm-bindgen, js-sys and web-sys",
        is_import: |import| {
            import.module == "wbg"
                || import.module.starts_with("__wbindgen_")
                || import.module.starts_with("./") && import.module.ends_with("_bg.js")
                || import.name.starts_with("__wbindgen_")
                || import.name.starts_with("__wbg_")
        },
    },
    Host {
        code: Code::JavascriptHost,
        help: "Go made this module for JavaScript: build it with `GOOS=wasip1 GOARCH=wasm go build`, or `tinygo build \
               -target=wasip1`",
        is_import: |import| {
            import.module == "gojs"
                || import.module == "go" && import.name.contains('.')
                || import.name.starts_with("syscall/js.")
        },
    },
    Host {
        code: Code::JavascriptHost,
        help: "Emscripten made this module for JavaScript: build it with `emcc -sSTANDALONE_WASM -o app.wasm`, or with clang \
               and the WASI SDK",
        is_import: |import| {
            let is_minified = import.module == "a" && (1..=2).contains(&import.name.len());
            let prefixes =
                ["emscripten_", "_emscripten_", "__emscripten_", "__syscall_", "invoke_", "_embind_", "_emval_"];
            let is_named = prefixes.iter().any(|prefix| import.name.starts_with(prefix));
            let is_exact = matches!(import.name, "__cxa_throw" | "__cxa_begin_catch" | "_mmap_js" | "_abort_js");
            is_minified || import.module == "env" && (is_named || is_exact)
        },
    },
    Host {
        code: Code::OtherHost,
        help: "these are interfaces of WASI 0.2, which components have: build a module of WASI preview 1 \
               (wasm32-wasip1 instead of wasip2)",
        is_import: |import| {
            import.module.starts_with("wasi:")
                || import.module.starts_with("[export]")
                || import.module.starts_with("cm32p2|")
        },
    },
    Host {
        code: Code::OtherHost,
        help: "these are functions of wasi-nn, for which a native program has no engine: build the module without it, or \
               define them in C",
        is_import: |import| matches!(import.module, "wasi_ephemeral_nn" | "wasi_nn"),
    },
    Host {
        code: Code::OtherHost,
        help: "these are functions of WASIX, which Wasmer has: build for WASI preview 1 (wasm32-wasip1) instead",
        is_import: |import| import.module.starts_with("wasix_"),
    },
    Host {
        code: Code::OtherHost,
        help: "these are functions of a proposal for WASI that only certain engines have: build the module without them, or \
               define them in C",
        is_import: |import| import.module.starts_with("wasi_ephemeral_"),
    },
];

/// The host that an import shows.
pub fn recognize<'i>(imports: impl Iterator<Item = ImportName<'i>> + Clone) -> Option<&'static Host> {
    HOSTS.iter().find(|host| imports.clone().any(host.is_import))
}
