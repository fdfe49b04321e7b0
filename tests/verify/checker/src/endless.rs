//! Functions that never return, where the code itself shows it: no way from their beginning leads
//! to a return, or to a jump to another function that may return. LLVM lets code end after calls
//! of such functions.

use crate::image::{Function, Image};
use crate::machine::{Leads, Named, Processor};
use std::collections::{HashMap, HashSet};

/// Functions of the runtime that do not return.
pub const RUNTIME: [&str; 5] =
    ["w2n_raise", "w2n_throw", "w2n_type_mismatch", "w2n_cast_failure", "w2n_undefined_import"];

/// The functions of an object that never return, by where they begin. All count until a way to a
/// return is found that depends on none of those that still do: the first one of them that returned
/// would have done so on such a way.
pub fn functions<P: Processor>(image: &Image) -> HashSet<u32> {
    let by_start: HashMap<u32, &Function> = image.functions.iter().map(|function| (function.start, function)).collect();
    let mut endless: HashSet<u32> = by_start.keys().copied().collect();
    // Who counts because another one does.
    let mut because: HashMap<u32, Vec<u32>> = HashMap::new();
    let mut waiting: Vec<u32> = by_start.keys().copied().collect();
    while let Some(start) = waiting.pop() {
        if !endless.contains(&start) {
            continue;
        }
        match callees::<P>(image, by_start[&start], &endless) {
            Some(callees) => callees.into_iter().for_each(|callee| because.entry(callee).or_default().push(start)),
            None => {
                endless.remove(&start);
                waiting.extend(because.remove(&start).unwrap_or_default());
            }
        }
    }
    endless
}

/// The endless functions on which it depends that a function does not return. `None`: it may.
fn callees<P: Processor>(image: &Image, function: &Function, endless: &HashSet<u32>) -> Option<Vec<u32>> {
    let is_inside = |at: &u32| (function.start..function.end).contains(at);
    let mut callees = Vec::new();
    let mut seen = HashSet::new();
    let mut waiting = vec![function.start];
    while let Some(at) = waiting.pop() {
        if !seen.insert(at) {
            continue;
        }
        // What is not code that is known may do anything.
        let one = P::decode(image, at, function.end).ok().filter(|_| is_inside(&at))?;
        let callee = callee(image, P::named(image, &one), endless);
        match (one.leads, callee) {
            (Leads::On, _) => waiting.push(one.next),
            (Leads::Call, callee) => {
                let landings = image.landings.get(&one.next).into_iter().flatten();
                waiting.extend(landings.map(|landing| landing.at));
                match callee {
                    Some(Endless::Runtime) => {}
                    Some(Endless::Here(start)) => callees.push(start),
                    None => waiting.push(one.next),
                }
            }
            (Leads::Branch(Some(target)), _) => waiting.extend([target, one.next]),
            (Leads::Jump(Some(target)), _) if is_inside(&target) => waiting.push(target),
            (Leads::Jump(_), Some(Endless::Here(start))) => callees.push(start),
            (Leads::Jump(_), Some(Endless::Runtime)) => {}
            (Leads::Branch(None) | Leads::Jump(_), _) => return None,
            (Leads::End, _) if P::is_return(&one.instruction) => return None,
            (Leads::End, _) => {}
        }
    }
    Some(callees)
}

/// Whether a call does not come back.
pub fn is_endless(image: &Image, named: Named, endless: &HashSet<u32>) -> bool {
    callee(image, named, endless).is_some()
}

enum Endless {
    Runtime,
    /// By where it begins.
    Here(u32),
}

fn callee(image: &Image, named: Named, endless: &HashSet<u32>) -> Option<Endless> {
    let start = match named.relocated {
        Some((symbol, 0)) => {
            let entry = &image.symbols[symbol];
            if entry.place.is_none() {
                return RUNTIME.contains(&entry.name.as_str()).then_some(Endless::Runtime);
            }
            image.offset_of(symbol, 0).and_then(|offset| u32::try_from(offset).ok())
        }
        Some(_) => None,
        None => named.target,
    };
    start.filter(|start| endless.contains(start)).map(Endless::Here)
}
