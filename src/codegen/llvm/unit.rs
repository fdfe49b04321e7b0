//! Definitions as a text that LLVM takes: with declarations, attributes and metadata.
//!
//! Units have about the same size. Their number follows from the module alone, so that the bytes
//! of the program do not depend on the machine that compiles.

use super::function::{Definition, FIRST_SCOPE, UNLIKELY, region_tag};
use super::profile::SUMMARY;
use super::types::CONVENTION;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::ops::Range;

/// Bytes of text of a unit, about.
const UNIT: usize = 1 << 20;

/// Alias regions: four kinds of sixteen; see `translate::symbols::Region`.
const N_REGIONS: u32 = 80;

/// Consecutive definitions that belong to a unit each.
pub fn divide(definitions: &[(usize, Definition)]) -> Vec<Range<usize>> {
    let total: usize = definitions.iter().map(|(_, definition)| definition.text.len()).sum();
    let n_units = total.div_ceil(UNIT).max(1);
    let most = total.div_ceil(n_units);
    let mut units = Vec::new();
    let (mut start, mut size) = (0, 0usize);
    for (index, (_, definition)) in definitions.iter().enumerate() {
        size = size.saturating_add(definition.text.len());
        if size >= most {
            units.push(start..index.saturating_add(1));
            (start, size) = (index.saturating_add(1), 0);
        }
    }
    if start < definitions.len() {
        units.push(start..definitions.len());
    }
    units
}

/// What the units of a module have in common.
pub struct ModuleForm<'a> {
    pub triple: &'a str,
    pub has_tail_calls: bool,
    /// Calls may end with an exception that lands somewhere.
    pub has_landings: bool,
    /// The processor whose costs count, if that is not the one that has the instructions.
    pub tuning: Option<&'static str>,
    /// What a profile says of the whole program, as metadata from [`SUMMARY`] on; empty if there is
    /// none.
    pub summary: &'a str,
}

/// The text of a unit. Each definition has the number of its job.
pub fn text(definitions: &[(usize, Definition)], module: &ModuleForm) -> String {
    let ModuleForm { triple, has_tail_calls, has_landings, tuning, summary } = *module;
    let mut text = format!("target triple = \"{triple}\"\n\n");
    let defined: BTreeSet<String> =
        definitions.iter().map(|(_, it)| super::types::symbol(&it.symbol.encode())).collect();
    let mut declarations = BTreeMap::new();
    for (_, definition) in definitions {
        declarations.extend(definition.declarations.iter());
    }
    for (_, declaration) in declarations.iter().filter(|(name, _)| !defined.contains(**name)) {
        text.push_str(declaration);
        text.push('\n');
    }
    for (_, definition) in definitions {
        text.push('\n');
        text.push_str(&definition.text);
    }
    let convention = if has_tail_calls { "tailcc" } else { "" };
    let mut text = text.replace(CONVENTION, convention);
    let nounwind = if has_landings { "" } else { "nounwind " };
    let tuning = tuning.map_or(String::new(), |name| format!(" \"tune-cpu\"=\"{name}\""));
    // A call of the module's own functions may end with an exception.
    write!(
        text,
        "\nattributes #0 = {{ {nounwind}uwtable null_pointer_is_valid \"frame-pointer\"=\"all\" \
         \"probe-stack\"=\"inline-asm\" \"no-builtins\" \"disable-tail-calls\"=\"true\"{tuning} }}\n\
         attributes #1 = {{ noreturn cold nounwind }}\n\
         attributes #2 = {{ {nounwind}nomerge }}\n\
         attributes #3 = {{ nounwind }}\n\
         attributes #4 = {{ {nounwind}nomerge noinline }}\n\
         attributes #5 = {{ {nounwind}uwtable }}\n"
    )
    .expect("a string");
    let flags = if summary.is_empty() { String::new() } else { format!(", !{SUMMARY}") };
    write!(text, "\n!llvm.module.flags = !{{!6, !7, !8{flags}}}\n{summary}").expect("a string");
    text.push_str(
        "!llvm.dbg.cu = !{!0}\n\
         !0 = distinct !DICompileUnit(language: DW_LANG_C99, file: !1, producer: \"wasm2native\", \
         isOptimized: true, runtimeVersion: 0, emissionKind: LineTablesOnly)\n\
         !1 = !DIFile(filename: \"module\", directory: \"\")\n\
         !2 = !DISubroutineType(types: !3)\n\
         !3 = !{}\n",
    );
    let unlikely = "!{!\"branch_weights\", i32 1, i32 1000000}";
    let likely = "!{!\"branch_weights\", i32 1000000, i32 1}";
    let flags = [
        "!{i32 2, !\"Debug Info Version\", i32 3}",
        "!{i32 7, !\"Dwarf Version\", i32 4}",
        "!{i32 8, !\"PIC Level\", i32 2}",
        "",
        "!{!\"w2n\"}",
    ];
    for (number, node) in [unlikely, likely].into_iter().chain(flags).enumerate().filter(|(_, node)| !node.is_empty()) {
        writeln!(text, "!{} = {node}", to_usize(UNLIKELY).saturating_add(number)).expect("a string");
    }
    for region in 0..N_REGIONS {
        let tag = region_tag(region);
        let ty = tag.saturating_sub(1);
        writeln!(text, "!{ty} = !{{!\"region {region}\", !10, i64 0}}\n!{tag} = !{{!{ty}, !{ty}, i64 0}}")
            .expect("a string");
    }
    for (number, definition) in definitions {
        let name = super::types::symbol(&definition.symbol.encode());
        let (scope, line) = (number.saturating_add(FIRST_SCOPE), definition.line);
        writeln!(
            text,
            "!{scope} = distinct !DISubprogram(name: \"{name}\", scope: !1, file: !1, line: 0, scopeLine: {line}, type: !2, \
             spFlags: DISPFlagDefinition | DISPFlagOptimized, unit: !0)"
        )
        .expect("a string");
    }
    text
}

fn to_usize(number: u32) -> usize {
    crate::number::to_usize(number.into())
}
