//! Values of flags that are one of a few words.

use clap::ValueEnum;

#[derive(Copy, Clone, ValueEnum)]
pub enum PrintWhat {
    Imports,
    Exports,
    LinkArgs,
    RuntimeSymbols,
}

#[derive(Copy, Clone, ValueEnum)]
pub enum GeneratorChoice {
    Cranelift,
    Llvm,
}

#[derive(Copy, Clone, ValueEnum)]
pub enum Base {
    Fixed,
    Any,
}

#[derive(Copy, Clone, ValueEnum)]
pub enum Level {
    #[value(name = "0")]
    O0,
    #[value(name = "1")]
    O1,
    #[value(name = "2")]
    O2,
    #[value(name = "3")]
    O3,
    #[value(name = "s")]
    Os,
    #[value(name = "z")]
    Oz,
}

pub fn print_what(text: &str) -> Result<PrintWhat, String> {
    let all = "imports, exports, link-args, runtime-symbols";
    let number = if text.contains(',') { "one of these at a time" } else { "one of" };
    PrintWhat::from_str(text, false).map_err(|_| format!("expected {number}: {all}"))
}
