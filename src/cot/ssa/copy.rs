//! Copy propagation: a block parameter that gets one and the same value on all ways is that value.

use super::graph::Ways;
use super::rename::Renaming;
use crate::cot::ir::{Function, Value};

/// Requires: SSA form without unreachable blocks. Leaves: no parameter whose arguments are all one
/// value or the parameter itself.
pub fn propagate(function: &mut Function) {
    let mut renaming = Renaming::new(function);
    let mut changed = true;
    while changed {
        changed = false;
        let ways = Ways::new(function);
        for block in ways.order.iter().skip(1) {
            let single = single_values(function, &ways, block.index(), &renaming);
            if single.iter().all(Option::is_none) {
                continue;
            }
            changed = true;
            remove_params(function, &ways, block.index(), &single, &mut renaming);
        }
    }
    renaming.apply(function);
}

/// For each parameter the only value it gets, if there is only one.
fn single_values(function: &Function, ways: &Ways, block: usize, renaming: &Renaming) -> Vec<Option<Value>> {
    let params = &function.blocks[block].params;
    let single = |(index, param): (usize, &Value)| {
        let ends = ways.predecessors[block].iter().map(|it| &function.blocks[it.index()].end);
        let edges = ends.flat_map(|end| end.edges()).filter(|edge| edge.block.index() == block);
        let mut others = edges.map(|edge| renaming.get(edge.args[index])).filter(|value| value != param);
        let first = others.next()?;
        others.all(|other| other == first).then_some(first)
    };
    params.iter().enumerate().map(single).collect()
}

fn remove_params(
    function: &mut Function,
    ways: &Ways,
    block: usize,
    single: &[Option<Value>],
    renaming: &mut Renaming,
) {
    let params = std::mem::take(&mut function.blocks[block].params);
    for (param, single) in params.into_iter().zip(single) {
        match single {
            Some(value) => {
                renaming.replace(param, *value);
            }
            None => function.blocks[block].params.push(param),
        }
    }
    for predecessor in &ways.predecessors[block] {
        for edge in function.blocks[predecessor.index()].end.edges_mut() {
            if edge.block.index() == block {
                let mut kept = single.iter().map(Option::is_none);
                edge.args.retain(|_| kept.next().expect("an argument per parameter"));
            }
        }
    }
}
