//! What the counts of a whole program say of a single one: whether it is hot.

use super::read::Profile;

/// Blocks with the largest counts that make up so many millionths of all passes; LLVM knows a
/// profile by these.
pub const CUTOFFS: [u32; 16] = [
    10_000, 100_000, 200_000, 300_000, 400_000, 500_000, 600_000, 700_000, 800_000, 900_000, 950_000, 990_000, 999_000,
    999_900, 999_990, 999_999,
];

/// Blocks up to here are hot.
const HOT: u32 = 990_000;

/// A summary of all counts.
#[derive(Debug, Default)]
pub struct Summary {
    pub total: u64,
    pub most: u64,
    /// The largest count of an entry, and of any other block.
    pub most_of_entries: u64,
    pub most_inside: u64,
    pub n_counts: u64,
    pub n_functions: u64,
    /// For each of [`CUTOFFS`]: the least count, and how many blocks have at least that.
    pub detailed: Vec<(u32, u64, u64)>,
    /// The least count of a hot block.
    pub hot: u64,
}

impl Summary {
    pub fn of(profile: &Profile) -> Summary {
        let mut counts: Vec<u64> = profile.all().flatten().copied().collect();
        counts.sort_unstable_by(|a, b| b.cmp(a));
        let total = counts.iter().fold(0u64, |total, count| total.saturating_add(*count));
        let entries = profile.all().filter_map(|counts| counts.first().copied());
        let inside = profile.all().flat_map(|counts| counts.iter().skip(1)).copied();
        let mut summary = Summary {
            total,
            most: counts.first().copied().unwrap_or(0),
            most_of_entries: entries.max().unwrap_or(0),
            most_inside: inside.max().unwrap_or(0),
            n_counts: counts.len() as u64,
            n_functions: profile.all().count() as u64,
            detailed: Vec::new(),
            hot: u64::MAX,
        };
        let (mut sum, mut n_blocks, mut least) = (0u128, 0u64, 0);
        let mut rest = counts.into_iter().filter(|count| *count != 0);
        for cutoff in CUTOFFS {
            let wanted = u128::from(total).saturating_mul(cutoff.into()) / 1_000_000;
            while sum < wanted {
                let Some(count) = rest.next() else { break };
                (sum, n_blocks, least) = (sum.saturating_add(count.into()), n_blocks.saturating_add(1), count);
            }
            summary.detailed.push((cutoff, least, n_blocks));
            if cutoff == HOT && least != 0 {
                summary.hot = least;
            }
        }
        summary
    }
}
