//! The types that declared items are, with their type arguments, and how far each is resolved.

use std::collections::{HashMap, HashSet};

use crate::cot::check::model::{ItemId, Owner};
use crate::cot::source::Span;
use crate::cot::types::TypeId;

#[derive(Default)]
pub(super) struct NamedTypes {
    by_item: HashMap<(ItemId, Vec<TypeId>), TypeId>,
    /// The way back; aliases and error sets have none.
    items: HashMap<TypeId, (ItemId, Vec<TypeId>)>,
    /// Items whose types are being resolved.
    open: Vec<ItemId>,
    /// Structs and unions whose fields are not known yet.
    incomplete: HashSet<TypeId>,
    /// Types that may contain themselves, with the places of their names.
    unproven: Vec<(TypeId, Span)>,
    /// Types that are known to have a finite size.
    finite: HashSet<TypeId>,
}

impl NamedTypes {
    pub fn get(&self, key: &(ItemId, Vec<TypeId>)) -> Option<TypeId> {
        self.by_item.get(key).copied()
    }

    /// The struct, enum or union that a type is, and its arguments.
    pub fn item(&self, ty: TypeId) -> Option<&(ItemId, Vec<TypeId>)> {
        self.items.get(&ty)
    }

    /// Type arguments of a type; none if it takes none.
    pub fn arguments(&self, ty: TypeId) -> Vec<TypeId> {
        self.item(ty).map_or_else(Vec::new, |(_, arguments)| arguments.clone())
    }

    pub fn owner(&self, ty: TypeId) -> Owner {
        self.item(ty).map_or(Owner::Type(ty), |(item, _)| Owner::Item(*item))
    }

    /// A type of the item's own.
    pub fn add(&mut self, item: ItemId, arguments: &[TypeId], ty: TypeId) {
        self.by_item.insert((item, arguments.to_vec()), ty);
        self.items.insert(ty, (item, arguments.to_vec()));
    }

    /// Another name of a type.
    pub fn add_alias(&mut self, item: ItemId, arguments: Vec<TypeId>, ty: TypeId) {
        self.by_item.insert((item, arguments), ty);
    }

    /// Begins to resolve the type of an item; false if that has begun already: it depends on
    /// itself.
    pub fn open(&mut self, item: ItemId) -> bool {
        let is_new = !self.open.contains(&item);
        if is_new {
            self.open.push(item);
        }
        is_new
    }

    /// Ends what was begun last.
    pub fn close(&mut self) {
        self.open.pop();
    }

    /// The fields of the type are not known until [`NamedTypes::complete`].
    pub fn begin(&mut self, ty: TypeId) {
        self.incomplete.insert(ty);
    }

    /// Types that may contain themselves, with the places of their names, once the fields of all
    /// types are known.
    #[must_use]
    pub fn complete(&mut self, ty: TypeId, name: Span) -> Vec<(TypeId, Span)> {
        self.incomplete.remove(&ty);
        self.unproven.push((ty, name));
        if self.incomplete.is_empty() { std::mem::take(&mut self.unproven) } else { Vec::new() }
    }

    pub fn is_complete(&self, ty: TypeId) -> bool {
        !self.incomplete.contains(&ty)
    }

    pub fn are_all_complete(&self) -> bool {
        self.incomplete.is_empty()
    }

    pub fn is_finite(&self, ty: TypeId) -> bool {
        self.finite.contains(&ty)
    }

    pub fn set_finite(&mut self, ty: TypeId) {
        self.finite.insert(ty);
    }
}
