//! Choices that follow from a seed.

/// A source of choices.
pub struct Dice(blake3::OutputReader);

impl Dice {
    /// `kind` tells apart sources with the same seed.
    pub fn new(kind: &str, seed: u64) -> Dice {
        Dice(blake3::Hasher::new().update(kind.as_bytes()).update(&seed.to_le_bytes()).finalize_xof())
    }

    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        u32::from_le_bytes(bytes) as usize % n
    }

    /// A number of 64 bits.
    pub fn word(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    pub fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}
