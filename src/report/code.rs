//! Codes of errors, and what `--explain CODE` prints of each: the cause, an example, the way out.

/// Declares the codes: a row for each, `Variant = "name";`. What `--explain` prints is in
/// `explain/NAME.txt`.
macro_rules! codes {
    ($($variant:ident = $name:literal;)*) => {
        /// A kind of error that has a way out worth a page.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code {
            $($variant,)*
        }

        impl Code {
            pub const ALL: &[Code] = &[$(Code::$variant,)*];

            /// The name in messages and of `--explain`.
            pub fn name(self) -> &'static str {
                match self {
                    $(Code::$variant => $name,)*
                }
            }

            /// A title, an empty line, and text of several paragraphs.
            pub fn explanation(self) -> &'static str {
                match self {
                    $(Code::$variant => include_str!(concat!("explain/", $name, ".txt")),)*
                }
            }
        }
    };
}

codes! {
    NotAModule = "not-a-module";
    Component = "component";
    UnsupportedProposal = "unsupported-proposal";
    ExperimentalProposal = "experimental-proposal";
    NoEntry = "no-entry";
    MissingImport = "missing-import";
    WrongImport = "wrong-import";
    JavascriptHost = "javascript-host";
    OtherHost = "other-host";
    ImportNotAllowed = "import-not-allowed";
    UndefinedSymbol = "undefined-symbol";
    NoRuntime = "no-runtime";
    MissingGrant = "missing-grant";
    AddressSpace = "address-space";
}

#[cfg(test)]
mod tests {
    use super::Code;

    #[test]
    fn explanations_have_a_title_and_fit_a_terminal() {
        for code in Code::ALL {
            let text = code.explanation();
            let mut lines = text.lines();
            assert!(lines.next().is_some_and(|title| !title.is_empty()), "{}", code.name());
            assert_eq!(lines.next(), Some(""), "{}", code.name());
            assert!(text.lines().all(|line| line.chars().count() <= 100), "{}", code.name());
            assert!(text.contains("wasm2native ") || text.contains("clang "), "{} shows no command", code.name());
        }
    }
}
