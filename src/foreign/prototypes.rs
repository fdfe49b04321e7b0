//! Types of the C library's functions, by which an import that only has the name of one is told
//! from an import of the function.
//!
//! Comes in: `libc.imports` and `libc.prototypes`. An import that nobody declared passes its Wasm
//! values as they are. It fits a prototype where each of them has the class that C gives the
//! parameter. Pointers, and what is as wide as one, fit both as the module's address and as the
//! machine's: compilers for wasm32 import `puts` with an `i32`.

use crate::foreign::LIBRARY;
use std::collections::HashMap;
use std::sync::LazyLock;
use wasmparser::{FuncType, ValType};

/// A function's parameters and its result, in the words of declarations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prototype<'a> {
    parameters: &'a str,
    result: Option<&'a str>,
}

/// Signatures, each with the functions that have it.
const OTHERS: &str = include_str!("libc.prototypes");

static PROTOTYPES: LazyLock<HashMap<&str, Prototype>> = LazyLock::new(|| {
    let lines = |text: &'static str| text.lines().filter(|line| !line.starts_with('#'));
    // What has another symbol than its name says how a module imports it, not what it is in C.
    let declared = lines(LIBRARY).filter_map(|line| line.strip_prefix("env.")?.split_once(": "));
    let declared = declared.filter(|(name, _)| !name.contains('='));
    let others = lines(OTHERS).filter_map(|line| line.rsplit_once(": "));
    let others = others.flat_map(|(signature, names)| names.split(' ').map(move |name| (name, signature)));
    declared.chain(others).filter_map(|(name, signature)| Some((name, Prototype::parse(signature)?))).collect()
});

/// The prototype of a function of the C library, where it is known.
pub fn find(symbol: &str) -> Option<Prototype<'static>> {
    PROTOTYPES.get(symbol).copied()
}

impl<'a> Prototype<'a> {
    fn parse(signature: &'a str) -> Option<Prototype<'a>> {
        let (parameters, result) = match signature.rsplit_once(") -> ") {
            Some((parameters, result)) if !result.contains(')') => (parameters, Some(result)),
            _ => (signature.strip_suffix(')')?, None),
        };
        Some(Prototype { parameters: parameters.strip_prefix('(')?, result })
    }

    /// The parameters, each as its first word; `...` is the last one.
    fn words(&self) -> Vec<&'a str> {
        let mut words = Vec::new();
        let mut depth = 0_u32;
        let mut start = 0;
        for (at, letter) in self.parameters.char_indices() {
            match letter {
                '(' | '[' => depth = depth.saturating_add(1),
                ')' | ']' => depth = depth.saturating_sub(1),
                ',' if depth == 0 => {
                    words.push(&self.parameters[start..at]);
                    start = at.saturating_add(1);
                }
                _ => {}
            }
        }
        words.push(&self.parameters[start..]);
        let word = |text: &'a str| {
            let ty = text.split_once(": ").map_or(text, |(_, ty)| ty).trim();
            ty.split(['[', '(']).next().unwrap_or(ty)
        };
        words.into_iter().map(word).filter(|word| !word.is_empty()).collect()
    }

    /// Whether a function of this type can be it.
    pub fn fits(&self, ty: &FuncType) -> bool {
        let words = self.words();
        let is_variadic = words.last() == Some(&"...");
        let fixed = &words[..words.len().saturating_sub(usize::from(is_variadic))];
        let has_length = ty.params().len() == fixed.len() || is_variadic && ty.params().len() > fixed.len();
        let result = match (self.result, ty.results()) {
            (None, []) => true,
            (Some(word), [result]) => has_class(word, *result),
            _ => false,
        };
        has_length && result && fixed.iter().zip(ty.params()).all(|(word, ty)| has_class(word, *ty))
    }
}

impl std::fmt::Display for Prototype<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let word = |word: &str| if word == "fmt" { "cstr".to_owned() } else { word.to_owned() };
        let parameters: Vec<_> = self.words().into_iter().map(word).collect();
        write!(f, "({})", parameters.join(", "))?;
        self.result.map_or(Ok(()), |result| write!(f, " -> {}", result.split('[').next().unwrap_or(result)))
    }
}

fn has_class(word: &str, ty: ValType) -> bool {
    match word {
        "f32" => ty == ValType::F32,
        "f64" => ty == ValType::F64,
        "i64" | "u64" => ty == ValType::I64,
        "i8" | "u8" | "i16" | "u16" | "i32" | "u32" => ty == ValType::I32,
        // A pointer, `usize`, `long`.
        _ => matches!(ty, ValType::I32 | ValType::I64),
    }
}

#[cfg(test)]
mod tests {
    use super::{PROTOTYPES, find};
    use crate::foreign::LIBRARY;
    use wasmparser::{FuncType, ValType};

    const KNOWN: [&str; 16] = [
        "...", "i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64", "isize", "usize", "long", "ulong", "f32", "f64",
        "ptr",
    ];
    const POINTERS: [&str; 4] = ["cstr", "fmt", "opaque", "funcptr"];

    #[test]
    fn all_prototypes_are_understood() {
        let declared = LIBRARY.lines().filter(|line| line.starts_with("env.") && !line.contains('='));
        assert!(PROTOTYPES.len() > declared.count() + 300);
        for (name, prototype) in &*PROTOTYPES {
            for word in
                prototype.words().into_iter().chain(prototype.result.map(|it| it.split('[').next().unwrap_or(it)))
            {
                assert!(KNOWN.contains(&word) || POINTERS.contains(&word), "{name}: {word} in {prototype}");
            }
        }
    }

    #[test]
    fn types_fit_by_their_classes() {
        use ValType::{F32, F64, I32, I64};
        let fits = |name: &str, params: &[ValType], results: &[ValType]| {
            let ty = FuncType::new(params.iter().copied(), results.iter().copied());
            find(name).expect("it is known").fits(&ty)
        };
        assert!(fits("log", &[F64], &[F64]) && fits("pow", &[F64, F64], &[F64]));
        assert!(!fits("log", &[I32, I32], &[]) && !fits("pow", &[I32, I32], &[I32]) && !fits("log", &[F32], &[F64]));
        assert!(fits("time", &[I32], &[I64]) && fits("time", &[I64], &[I64]) && !fits("time", &[], &[F64]));
        assert!(fits("printf", &[I32, I32], &[I32]) && fits("printf", &[I64, F64, I32], &[I32]));
        assert!(!fits("printf", &[], &[I32]) && !fits("puts", &[I32], &[]));
        assert!(fits("qsort", &[I32, I32, I32, I32], &[]) && !fits("abort", &[I32, I32, I32, I32], &[]));
        assert_eq!(find("open").expect("it is known").to_string(), "(cstr, i32, ...) -> i32");
        assert_eq!(find("qsort").expect("it is known").to_string(), "(ptr, usize, usize, funcptr)");
        assert!(find("vprintf").is_none() && find("helper").is_none());
    }
}
