//! CLIF is the narrow waist: who builds it may name `cranelift_codegen`, and so may the code
//! generators. All others know code generators by what `src/codegen/mod.rs` says.

use super::{assert_none, code_of, project, read, rust_files};
use std::path::Path;

/// Where CLIF is built or compiled, below `src/`.
const KNOW_CLIF: [&str; 7] = [
    "translate/",
    "layout",
    "codegen/cranelift/",
    "codegen/globals/",
    "codegen/inline/",
    "codegen/llvm/",
    "codegen/loops/",
];

#[test]
fn code_generators_are_known_in_their_folders() {
    let complaints: Vec<_> = rust_files("src").iter().flat_map(|path| faults(below_src(path), &read(path))).collect();
    assert_none(&complaints);
}

fn below_src(path: &Path) -> &str {
    let path = path.strip_prefix(project().join("src")).expect("it was found there");
    path.to_str().expect("names of files are UTF-8")
}

fn faults(path: &str, text: &str) -> Vec<String> {
    let code = code_of(text);
    let mut faults = Vec::new();
    if code.contains("cranelift_codegen") && !KNOW_CLIF.iter().any(|folder| path.starts_with(folder)) {
        faults.push(format!("{path}: names `cranelift_codegen`"));
    }
    if code.contains("cranelift::") && !path.starts_with("codegen/") {
        faults.push(format!("{path}: names a code generator"));
    }
    if code.contains("gimli::write") && path.starts_with("codegen/") {
        faults.push(format!("{path}: speaks of frames in the words of a writer"));
    }
    faults
}

#[test]
fn rules_complain() {
    assert_eq!(faults("object/text.rs", "use cranelift_codegen::ir;\n").len(), 1);
    assert_eq!(faults("translate/body.rs", "use cranelift_codegen::ir;\n").len(), 0);
    assert_eq!(faults("driver/mod.rs", "use crate::codegen::cranelift::isa::Isa;\n").len(), 1);
    assert_eq!(faults("codegen/sweep.rs", "use super::cranelift::isa::Isa;\n").len(), 0);
    assert_eq!(faults("codegen/cranelift/frame.rs", "use gimli::write::Address;\n").len(), 1);
    assert_eq!(faults("codegen/llvm/frames.rs", "use gimli::read::EhFrame;\n").len(), 0);
    assert_eq!(faults("driver/mod.rs", "//! As [`crate::codegen::cranelift`] does.\n").len(), 0);
}
