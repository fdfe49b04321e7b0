//! What memories and tables hold when the program starts: the part of it that is data of the file.

use super::title;
use crate::abi;
use crate::layout;
use crate::object::image::{self, PageRun};
use crate::unit::Unit;
use cranelift_entity::EntityRef;

/// Bytes in a line.
const WIDTH: usize = 16;

/// The initial image of a unit, in the smallest pages of any target: memories as `hexdump -C`
/// prints them, and entries of tables.
pub fn print(unit: &Unit) -> String {
    let Unit { module, layout, .. } = unit;
    let mut text = String::new();
    title(&mut text, "image", unit);
    for PageRun { memory, address, bytes } in image::runs(module, layout, abi::memory::X86_64_PAGE) {
        text.push_str(&format!("memory {}: {} bytes at {address:#x}\n", memory.index(), bytes.len()));
        dump(&mut text, address, &bytes);
    }
    for (table, plan) in module.tables.keys().map(|table| (table, &layout.tables[table])) {
        if module.tables[table].definition.import().is_some() {
            continue;
        }
        let items = layout::initial_items(module, layout, table);
        let n_functions = items.iter().flatten().count();
        let what = if plan.functions { "functions" } else { "references" };
        text.push_str(&format!("table {}: {n_functions} {what}\n", table.index()));
        for (entry, func) in items.iter().enumerate().filter_map(|(entry, item)| Some((entry, (*item)?))) {
            text.push_str(&format!("  {entry}: {}\n", module.describe(func)));
        }
    }
    text
}

/// Lines of zeros after another are one `*`.
fn dump(text: &mut String, address: u64, bytes: &[u8]) {
    let mut is_skipping = false;
    for (number, line) in bytes.chunks(WIDTH).enumerate() {
        if line.iter().all(|byte| *byte == 0) {
            if !is_skipping {
                text.push_str("  *\n");
            }
            is_skipping = true;
            continue;
        }
        is_skipping = false;
        let start = address.saturating_add((number as u64).saturating_mul(WIDTH as u64));
        let hex: Vec<_> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        let plain = |byte: &u8| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '.' };
        let ascii: String = line.iter().map(plain).collect();
        text.push_str(&format!("  {start:08x}  {:47}  |{ascii}|\n", hex.join(" ")));
    }
}
