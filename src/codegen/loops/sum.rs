//! Sums modulo 2^32: what the 32-bit indices of a loop are made of.

use cranelift_codegen::ir::Value;

/// More terms than this are not worth a check before the loop.
const MAX_TERMS: usize = 4;

/// A constant plus multiples of values, modulo 2^32.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// Sorted by value; no factor is zero.
    terms: Vec<(Value, u32)>,
    pub constant: u32,
}

impl Sum {
    pub fn constant(constant: u32) -> Sum {
        Sum { terms: Vec::new(), constant }
    }

    pub fn value(value: Value) -> Sum {
        Sum { terms: vec![(value, 1)], constant: 0 }
    }

    pub fn terms(&self) -> &[(Value, u32)] {
        &self.terms
    }

    /// `None` where there are too many terms.
    pub fn plus(&self, other: &Sum) -> Option<Sum> {
        let mut terms = self.terms.clone();
        for &(value, factor) in &other.terms {
            match terms.binary_search_by_key(&value, |term| term.0) {
                Ok(at) => terms[at].1 = terms[at].1.wrapping_add(factor),
                Err(at) => terms.insert(at, (value, factor)),
            }
        }
        terms.retain(|term| term.1 != 0);
        let constant = self.constant.wrapping_add(other.constant);
        (terms.len() <= MAX_TERMS).then_some(Sum { terms, constant })
    }

    pub fn minus(&self, other: &Sum) -> Option<Sum> {
        self.plus(&other.times(u32::MAX))
    }

    pub fn times(&self, factor: u32) -> Sum {
        let terms = self.terms.iter().map(|&(value, it)| (value, it.wrapping_mul(factor)));
        Sum { terms: terms.filter(|term| term.1 != 0).collect(), constant: self.constant.wrapping_mul(factor) }
    }

    /// The constant, where there is nothing else.
    pub fn as_constant(&self) -> Option<u32> {
        self.terms.is_empty().then_some(self.constant)
    }
}

#[cfg(test)]
mod tests {
    use super::Sum;
    use cranelift_codegen::ir::Value;

    #[test]
    fn sums_wrap_and_cancel() {
        let [a, b] = [Value::from_u32(1), Value::from_u32(2)];
        let sum = Sum::value(b).plus(&Sum::value(a).times(8)).unwrap().plus(&Sum::constant(u32::MAX)).unwrap();
        assert_eq!((sum.terms(), sum.constant), (&[(a, 8), (b, 1)][..], u32::MAX));
        assert_eq!(sum.minus(&sum).unwrap().as_constant(), Some(0));
        assert_eq!(sum.plus(&Sum::constant(3)).unwrap().constant, 2);
    }

    #[test]
    fn a_sum_of_many_values_is_none() {
        let sum = (0..4).try_fold(Sum::default(), |sum, it| sum.plus(&Sum::value(Value::from_u32(it))));
        assert!(sum.unwrap().plus(&Sum::value(Value::from_u32(9))).is_none());
    }
}
