//! Calls inside a `try`: `invoke` and its landing pad.
//!
//! A landing pad has a clause for each tag, by which the runtime knows whether to land, and finds
//! out by itself which it is. `resume` is what is left: LLVM makes it a branch to the landing pad
//! around, once a function is inlined there, and otherwise it is never reached.

use super::function::{Callee, Writer, edge};
use super::types;
use crate::layout::Symbol;
use crate::wasm::TagIndex;
use cranelift_codegen::entity::EntityRef;
use cranelift_codegen::ir::{ExceptionTable, ExceptionTableItem, Inst};

/// A name for clang alone: nothing calls it.
pub const PERSONALITY: &str = "w2n_personality";

impl Writer<'_> {
    pub fn try_call(&mut self, inst: Inst, callee: &Callee, table: ExceptionTable) {
        let table = &self.func.dfg.exception_tables[table];
        let Callee { name: callee, signature, arguments } = callee;
        let items: Vec<_> = table.items().collect();
        let normal = items.len();
        let branches = table.all_branches().to_vec();
        let (number, result) = (inst.index(), types::result(self.processor, signature));
        let place = self.place_of_results(inst, signature, false);
        let words = self.arguments(signature, place.as_deref(), arguments);
        let attributes = self.attributes;
        let named = if result == "void" { String::new() } else { format!("%r{number} = ") };
        self.has_landings = true;
        self.declare(PERSONALITY, format!("declare i32 @{PERSONALITY}(...)"));
        self.effect(format!(
            "{named}invoke {} {result} {callee}({words}) {attributes} to label %n{number} unwind label %l{number}",
            types::convention(signature),
        ));
        self.push(format!("n{number}:"));
        for (nth, it) in signature.returns.iter().enumerate() {
            if let Some(place) = &place {
                let load = self.result_at(place, nth, it.value_type);
                self.effect(format!("%r{number}.{nth} = {load}"));
                continue;
            }
            let ty = types::name(it.value_type);
            self.effect(match signature.returns.len() {
                1 => format!("%r{number}.0 = bitcast {ty} %r{number} to {ty}"),
                _ => format!("%r{number}.{nth} = extractvalue {result} %r{number}, {nth}"),
            });
        }
        self.effect(format!("br label %{}", edge(inst, normal)));
        self.landing(inst, &items);
        self.edges(inst, &branches);
    }

    /// The landing pad: branches to the edge of the item that takes the exception.
    fn landing(&mut self, inst: Inst, items: &[ExceptionTableItem]) {
        let number = inst.index();
        let tags: Vec<Option<String>> = items.iter().map(|item| self.tag(item)).collect();
        let clauses: Vec<_> =
            tags.iter().map(|tag| format!("catch ptr {}", tag.as_deref().unwrap_or("null"))).collect();
        self.push(format!("l{number}:"));
        self.effect(format!("%p{number} = landingpad {{ ptr, i32 }} {}", clauses.join(" ")));
        let exception = self.named(format!("extractvalue {{ ptr, i32 }} %p{number}, 0"));
        self.effect(format!("%x{number} = ptrtoint ptr {exception} to i64"));
        // The tag is the first field of an exception.
        const { assert!(std::mem::offset_of!(crate::abi::exception::Exception, tag) == 0) };
        let thrown = self.named(format!("load ptr, ptr {exception}"));
        for (nth, tag) in tags.iter().enumerate() {
            let Some(tag) = tag else {
                return self.effect(format!("br label %{}", edge(inst, nth)));
            };
            let fits = self.named(format!("icmp eq ptr {thrown}, {tag}"));
            let next = self.name();
            self.effect(format!("br i1 {fits}, label %{}, label %{next}", edge(inst, nth)));
            self.push(format!("{next}:"));
        }
        self.effect(format!("resume {{ ptr, i32 }} %p{number}"));
    }

    /// The identity of a tag; nothing where all are taken.
    fn tag(&mut self, item: &ExceptionTableItem) -> Option<String> {
        let ExceptionTableItem::Tag(tag, _) = item else { return None };
        let symbol = types::symbol(&Symbol::Tag(TagIndex::from_u32(tag.as_u32())).encode());
        self.declare(&symbol, format!("@{symbol} = external hidden global i8"));
        Some(format!("@{symbol}"))
    }
}
