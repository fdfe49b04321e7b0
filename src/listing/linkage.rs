//! How a module hangs together with the others of its program, and with the host
//! ([`Linkage`](crate::resolve::Linkage)).

use super::title;
use crate::object::imports;
use crate::resolve;
use crate::unit::Unit;
use crate::wasm::EntityIndex;
use crate::wasm::describe::{describe_index, describe_name};

/// Who defines each import, and what others use of the module.
pub fn print(unit: &Unit) -> String {
    let Unit { module, linkage, foreign, undefined, .. } = unit;
    let open = imports::open(module, linkage, foreign, |_| false);
    let mut text = String::new();
    title(&mut text, "linkage", unit);
    for (import, entity) in resolve::imports(module) {
        let is_undefined = matches!(entity, EntityIndex::Function(func) if undefined.contains(&func));
        let definer = match (linkage.provider(entity), open.iter().find(|it| it.entity == entity)) {
            (Some(provider), _) => {
                format!("{} of module {}", describe_index(provider.entity), provider.instance)
            }
            (None, _) if is_undefined => "nothing; a call is a trap".to_owned(),
            (None, Some(open)) => format!("the C symbol {}", open.symbol),
            (None, None) => "the runtime".to_owned(),
        };
        text.push_str(&format!("{} = import {}: {definer}\n", describe_index(entity), describe_name(import)));
    }
    for entity in &linkage.visible {
        text.push_str(&format!("{}: used by other modules\n", describe_index(*entity)));
    }
    text
}
