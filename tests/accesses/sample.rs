//! Which cases are tried: all, or a part that a hash chooses, which is the same one on every
//! machine.

use std::hash::{DefaultHasher, Hash, Hasher};
use test_kit::trial::is_full;

#[derive(Copy, Clone, Debug)]
pub enum Sample {
    All,
    /// One case in so many. The word makes samples differ from each other.
    OneIn(u64, &'static str),
}

impl Sample {
    /// A part, or everything if the variable `W2N_FULL` asks for it.
    pub fn one_in(n: u64, word: &'static str) -> Sample {
        if is_full() { Sample::All } else { Sample::OneIn(n, word) }
    }

    pub fn takes(self, case: &impl Hash) -> bool {
        match self {
            Sample::All => true,
            Sample::OneIn(n, word) => {
                // Always with the same keys.
                let mut hasher = DefaultHasher::new();
                (word, case).hash(&mut hasher);
                hasher.finish().is_multiple_of(n)
            }
        }
    }
}
