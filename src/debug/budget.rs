//! How much work DWARF may make: in proportion to its size.
//!
//! Entries refer to tables, lists and names, and any number of them to the same: what follows from
//! a small file can be as large as the square of it. What real compilers write stays far below.

use anyhow::{Result, bail};
use std::cell::Cell;

/// Steps that are left.
#[derive(Debug)]
pub struct Budget(Cell<u64>);

impl Budget {
    /// Steps for so many bytes, and at least for a small file.
    pub fn new(bytes: usize, per_byte: u64) -> Budget {
        const LEAST: u64 = 1 << 16;
        Budget(Cell::new((bytes as u64).saturating_add(LEAST).saturating_mul(per_byte)))
    }

    /// Takes steps. Whether there were as many; once there were not, there are none.
    pub fn take(&self, steps: usize) -> bool {
        let left = self.0.get().checked_sub(steps as u64);
        self.0.set(left.unwrap_or(0));
        left.is_some()
    }

    /// The same.
    ///
    /// # Errors
    /// When there were not as many. `what` takes too much.
    pub fn spend(&self, steps: usize, what: &str) -> Result<()> {
        if !self.take(steps) {
            bail!("{what} are more than debug information of this size can be about");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_once_something_was_too_much() {
        let budget = Budget::new(0, 2);
        assert!(budget.take(1 << 16) && budget.take((1 << 16) - 1) && budget.take(1));
        assert!(!budget.take(1));
        let budget = Budget::new(1, 1);
        assert!(!budget.take(usize::MAX) && !budget.take(1) && budget.take(0));
    }
}
