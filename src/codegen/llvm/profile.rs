//! Counts of a profile as metadata of LLVM: weights of branches, how often functions were entered,
//! and the summary by which LLVM tells hot from cold.

use super::Target;
use crate::layout::Symbol;
use crate::profile::Heat;
use crate::profile::summary::Summary;
use crate::translate::profile::Passes;

/// The number of the summary among the metadata. Its parts follow.
pub const SUMMARY: u32 = 500;

/// Weights of a branch's ways, in their order. `None` where none was gone.
pub fn weights(passes: &[u64]) -> Option<String> {
    let most = passes.iter().max().copied().filter(|most| *most > 0)?;
    // A weight has 32 bits, and should not be zero.
    let scale = (most >> 32).saturating_add(1);
    let weight =
        |count: &u64| format!("i32 {}", count.checked_div(scale).unwrap_or(0).saturating_add(1).min(u32::MAX.into()));
    let weights: Vec<_> = passes.iter().map(weight).collect();
    Some(format!(", !prof !{{!\"branch_weights\", {}}}", weights.join(", ")))
}

/// How often a function was entered, after its scope.
pub fn entry_count(passes: &Passes) -> String {
    passes.entry.map_or(String::new(), |count| format!(" !prof !{{!\"function_entry_count\", i64 {count}}}"))
}

/// What the counts say of a whole function, after its other attributes.
pub fn attributes(target: &Target, symbol: Symbol) -> &'static str {
    let Symbol::Function(func) = symbol else { return "" };
    match target.counts.map(|counts| counts.heat(func)) {
        Some(Heat::Never) => " cold",
        Some(Heat::Hot) => " inlinehint",
        Some(Heat::Usual) | None => "",
    }
}

/// The metadata of a summary, of which the flag of the module is [`SUMMARY`].
pub fn summary(summary: &Summary) -> String {
    let Summary { total, most, most_of_entries, most_inside, n_counts, n_functions, detailed, hot: _ } = summary;
    let numbers = [
        ("TotalCount", total),
        ("MaxCount", most),
        ("MaxInternalCount", most_inside),
        ("MaxFunctionCount", most_of_entries),
        ("NumCounts", n_counts),
        ("NumFunctions", n_functions),
    ];
    let numbers = numbers.map(|(name, number)| format!("!{{!\"{name}\", i64 {number}}}")).join(", ");
    let rows =
        detailed.iter().map(|(cutoff, least, n_blocks)| format!("!{{i32 {cutoff}, i64 {least}, i64 {n_blocks}}}"));
    let rows = rows.collect::<Vec<_>>().join(", ");
    format!(
        "!{SUMMARY} = !{{i32 1, !\"ProfileSummary\", !{{!{{!\"ProfileFormat\", !\"InstrProf\"}}, {numbers}, \
         !{{!\"DetailedSummary\", !{{{rows}}}}}}}}}\n"
    )
}
