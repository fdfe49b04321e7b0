//! Work on all jobs by all threads, the longest job first: whoever is done takes the next, so that
//! no thread is left with a large function when the others have nothing to do. Results come in the
//! order of the jobs, whatever the number of threads.

use super::Job;
use crate::layout::Symbol;
use crate::wasm::Module;
use rayon::prelude::*;
use std::cmp::Reverse;

/// What `make` makes of each job. It gets a worker, of which each thread has some, and the job's
/// number.
pub fn each<W: Default, T: Send>(
    module: &Module,
    jobs: &[Job],
    make: impl Fn(&mut W, usize, Job) -> T + Sync,
) -> Vec<T> {
    let lengths: Vec<_> = jobs.iter().map(|job| length(module, *job)).collect();
    // A bridge gives out the jobs in their order; `par_iter` would deal them out in advance.
    let jobs = longest_first(&lengths).into_iter().map(|number| (number, jobs[number])).par_bridge();
    let mut results: Vec<_> =
        jobs.map_init(W::default, |worker, (number, job)| (number, make(worker, number, job))).collect();
    results.sort_unstable_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Bytes that are to be compiled. What there is besides bodies takes next to no time, as validation
/// does.
fn length(module: &Module, job: Job) -> usize {
    match job {
        Job::Translate(Symbol::Function(func)) => {
            module.functions[func].definition.local().map_or(0, |body| body.as_bytes().len())
        }
        Job::Translate(_) | Job::Validate(_) | Job::Stub(_) => 0,
    }
}

/// Numbers of jobs of these lengths; equal ones stay in their order.
fn longest_first(lengths: &[usize]) -> Vec<usize> {
    let mut numbers: Vec<_> = (0..lengths.len()).collect();
    numbers.sort_by_key(|&number| Reverse(lengths[number]));
    numbers
}

#[cfg(test)]
mod tests {
    #[test]
    fn long_jobs_come_first() {
        assert_eq!(super::longest_first(&[3, 0, 7, 3, 9]), [4, 2, 0, 3, 1]);
    }
}
