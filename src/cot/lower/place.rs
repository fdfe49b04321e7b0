//! Places: things with an address, or with variables of their own.

use super::call::is_simple;
use super::function::{Address, Body, Data, Operand, Storage};
use super::scope::Cleanup;
use crate::cot::ir::numeric::Numeric;
use crate::cot::ir::{Access, Value, Variable};
use crate::cot::source::Span;
use crate::cot::typed::{Conversion, Expression, ExpressionKind, GlobalId, Ownership, Place, PlaceKind};
use crate::cot::types::{Type, TypeId, Types};

/// Where a place is, its operands evaluated.
#[derive(Clone, Debug)]
pub enum ResolvedPlace {
    Variables(Vec<Variable>),
    Memory(Address),
}

/// What happens to the object that a place is part of before the place is used.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Root {
    /// Nothing.
    Borrowed,
    /// Code that may release it: it is kept until the end of the statement.
    Held,
}

impl<'p> Body<'_, 'p> {
    pub fn place(&mut self, place: &'p Place) -> ResolvedPlace {
        self.place_in(place, Root::Borrowed)
    }

    /// A place that is used after something else was evaluated.
    pub fn place_before(&mut self, place: &'p Place, later: &'p Expression) -> ResolvedPlace {
        self.place_in(place, if is_simple(later) { Root::Borrowed } else { Root::Held })
    }

    fn place_in(&mut self, place: &'p Place, root: Root) -> ResolvedPlace {
        match &place.kind {
            PlaceKind::Local(local) => {
                match self.storage[local.0 as usize].clone().expect("locals are used after their declaration") {
                    Storage::Variables(variables) => ResolvedPlace::Variables(variables),
                    Storage::Frame(offset) => ResolvedPlace::Memory(Address { base: self.b.frame(offset), offset: 0 }),
                    Storage::Address(base) => ResolvedPlace::Memory(Address { base, offset: 0 }),
                }
            }
            PlaceKind::Global(global) => ResolvedPlace::Memory(self.global(*global)),
            PlaceKind::Temporary(value) => {
                let offset = self.frame_slot(place.ty);
                let base = self.b.frame(offset);
                self.expr_into(value, Address { base, offset: 0 });
                if self.types().holds_managed(place.ty) {
                    self.add_block_cleanup(Cleanup::ReleaseFrame(place.ty, offset));
                }
                ResolvedPlace::Memory(Address { base, offset: 0 })
            }
            PlaceKind::Dereference(pointer) => {
                let base = match root {
                    Root::Borrowed => self.scalar(pointer),
                    Root::Held => self.held_pointer(pointer),
                };
                if self.checks && !matches!(pointer.kind, ExpressionKind::AddressOf(_) | ExpressionKind::New(_)) {
                    self.check_null(base, place.span);
                }
                ResolvedPlace::Memory(Address { base, offset: 0 })
            }
            PlaceKind::Field { base, index } => self.field(base, *index, root),
            PlaceKind::ArrayElement { .. } => self.array_element(place, root),
            PlaceKind::SliceElement { slice, index } => {
                let leaves = self.leaves_before(slice, root == Root::Borrowed && is_simple(index));
                let index = self.scalar(index);
                if self.checks {
                    self.check_index(index, leaves[1], place.span);
                }
                ResolvedPlace::Memory(self.element(leaves[0], index, place.ty))
            }
            PlaceKind::UnionPayload { base, variant, checked } => {
                let address = self.memory_place_in(base, root);
                if *checked && self.checks {
                    self.check_variant(base.ty, address, *variant, place.span);
                }
                ResolvedPlace::Memory(Address { offset: address.offset + Types::PAYLOAD_OFFSET as u32, ..address })
            }
            PlaceKind::OptionalPayload { base } => {
                let is_word = self.is_word_optional(base.ty);
                match self.place_in(base, root) {
                    target if is_word => target,
                    ResolvedPlace::Variables(variables) => ResolvedPlace::Variables(variables[1..].to_vec()),
                    ResolvedPlace::Memory(address) => ResolvedPlace::Memory(Address {
                        offset: address.offset + Types::PAYLOAD_OFFSET as u32,
                        ..address
                    }),
                }
            }
        }
    }

    /// Whether an optional is a pointer with 0 as null.
    pub fn is_word_optional(&self, ty: TypeId) -> bool {
        matches!(self.types().get(ty), Type::Optional(of) if self.types().is_pointer(*of))
    }

    /// A place that is in memory for certain: of a type without leaves, or whose address is taken.
    pub fn memory_place(&mut self, place: &'p Place) -> Address {
        self.memory_place_in(place, Root::Borrowed)
    }

    pub fn memory_place_in(&mut self, place: &'p Place, root: Root) -> Address {
        match self.place_in(place, root) {
            ResolvedPlace::Memory(address) => address,
            ResolvedPlace::Variables(variables) => {
                // What is only read may be a copy.
                let offset = self.frame_slot(place.ty);
                let base = self.b.frame(offset);
                let values = variables.into_iter().map(|variable| self.b.get(variable)).collect();
                self.store(place.ty, Address { base, offset: 0 }, &Data::Leaves(values));
                Address { base, offset: 0 }
            }
        }
    }

    /// A pointer to an object that lives until the end of the statement.
    fn held_pointer(&mut self, pointer: &'p Expression) -> Value {
        let is_fixed = match &pointer.kind {
            ExpressionKind::Load(place) => matches!(place.kind, PlaceKind::Local(it) if !self.local(it).modified),
            _ => false,
        };
        let operand = self.expr(pointer);
        let operand = if is_fixed || self.is_raw(pointer) { operand } else { self.own(pointer.ty, operand) };
        let Data::Leaves(values) = operand.data else { unreachable!("pointers have leaves") };
        if operand.owned {
            self.keep_until_end(pointer.ty, &values);
        }
        values[0]
    }

    fn field(&mut self, base: &'p Place, index: usize, root: Root) -> ResolvedPlace {
        let offset = self.types().field_offset(base.ty, index) as u32;
        match self.place_in(base, root) {
            ResolvedPlace::Memory(address) => {
                ResolvedPlace::Memory(Address { offset: address.offset + offset, ..address })
            }
            ResolvedPlace::Variables(variables) => {
                let range = self.leaves_of_field(base.ty, index);
                ResolvedPlace::Variables(variables[range].to_vec())
            }
        }
    }

    /// Which leaves of a struct or tuple are those of a field.
    pub fn leaves_of_field(&mut self, ty: TypeId, index: usize) -> std::ops::Range<usize> {
        let types = self.types();
        let fields: Vec<TypeId> = match types.get(ty) {
            Type::Tuple(elements) => elements.clone(),
            Type::Struct(of) => types.structs[of.0 as usize].fields.iter().map(|field| field.ty).collect(),
            _ => unreachable!("only structs and tuples have fields"),
        };
        let mut n_leaves = |ty: TypeId| self.leaves(ty).expect("parts of what has leaves have leaves").len();
        let start = fields[..index].iter().map(|ty| n_leaves(*ty)).sum::<usize>();
        start..start + n_leaves(fields[index])
    }

    fn array_element(&mut self, place: &'p Place, root: Root) -> ResolvedPlace {
        let PlaceKind::ArrayElement { base, index, checked } = &place.kind else { unreachable!("it is an element") };
        let root = if is_simple(index) { root } else { Root::Held };
        let address = self.memory_place_in(base, root);
        let Type::Array { length, .. } = self.types().get(base.ty) else { unreachable!("the base is an array") };
        if let ExpressionKind::Int(index) = index.kind
            && !*checked
        {
            let offset = index as u32 * self.lowering.size(place.ty);
            return ResolvedPlace::Memory(Address { offset: address.offset + offset, ..address });
        }
        let index = self.scalar(index);
        if *checked && self.checks {
            let length = self.b.i64(*length as i64);
            self.check_index(index, length, place.span);
        }
        let element = self.element(address.base, index, place.ty);
        ResolvedPlace::Memory(Address { offset: element.offset + address.offset, ..element })
    }

    /// The place of an element after an address.
    pub fn element(&mut self, base: Value, index: Value, ty: TypeId) -> Address {
        let size = self.lowering.size(ty);
        let index = self.narrow(index);
        let distance = self.scaled(index, size);
        Address { base: self.b.numeric(Numeric::I32Add, &[base, distance]), offset: 0 }
    }

    /// A 32-bit number times a size.
    pub fn scaled(&mut self, index: Value, size: u32) -> Value {
        if size.is_power_of_two() {
            let shift = self.b.i32(size.trailing_zeros() as i32);
            return self.b.numeric(Numeric::I32Shl, &[index, shift]);
        }
        let size = self.b.i32(size as i32);
        self.b.numeric(Numeric::I32Mul, &[index, size])
    }

    /// The address of a global, which gets it when it is asked for first.
    pub fn global(&mut self, id: GlobalId) -> Address {
        let address = self.lowering.global_address(id);
        Address { base: self.b.i32(address as i32), offset: 0 }
    }

    /// What a place holds; its owner is the place.
    pub fn read(&mut self, ty: TypeId, target: &ResolvedPlace) -> Operand {
        let data = match target {
            ResolvedPlace::Variables(variables) => Data::Leaves(variables.iter().map(|it| self.b.get(*it)).collect()),
            ResolvedPlace::Memory(address) => self.load(ty, *address),
        };
        Operand { data, owned: false }
    }

    /// A copy of what a place holds. Fields of what a call returns are taken out without a detour
    /// over memory.
    pub fn read_place(&mut self, place: &'p Place) -> Operand {
        if self.is_weak(place) {
            return self.read_weak(place);
        }
        if let Some(data) = self.project(place) {
            return Operand { data, owned: false };
        }
        let target = self.place(place);
        self.read(place.ty, &target)
    }

    fn project(&mut self, place: &'p Place) -> Option<Data> {
        self.leaves(place.ty)?;
        match &place.kind {
            PlaceKind::Temporary(value) => Some(Data::Leaves(self.leaves_of(value))),
            PlaceKind::Field { base, index } if self.leaves(base.ty).is_some() => {
                let Data::Leaves(values) = self.project(base)? else { unreachable!("the base has leaves") };
                let range = self.leaves_of_field(base.ty, *index);
                Some(Data::Leaves(values[range].to_vec()))
            }
            _ => None,
        }
    }

    pub fn is_weak(&self, place: &Place) -> bool {
        let PlaceKind::Local(local) = place.kind else { return false };
        matches!(self.local(local).ownership, Ownership::Weak | Ownership::Unowned)
    }

    /// A weak or unowned variable holds the cell of its object (see the prelude), which knows
    /// whether that is alive.
    fn read_weak(&mut self, place: &'p Place) -> Operand {
        let target = self.place(place);
        let Data::Leaves(values) = self.read(place.ty, &target).data else { unreachable!("pointers have leaves") };
        let cell = self.widen(values[0]);
        let object = self.prelude("weakLoad", vec![cell])[0];
        if matches!(place.kind, PlaceKind::Local(local) if self.local(local).ownership == Ownership::Unowned) {
            let is_dead = self.b.numeric(Numeric::I64Eqz, &[object]);
            self.when(is_dead, |body| body.panic_at("panicUnowned", place.span));
        }
        Operand { data: Data::Leaves(vec![self.narrow(object)]), owned: true }
    }

    /// The cell of the object that a pointer points to, owned.
    pub fn weak_cell(&mut self, pointer: &'p Expression) -> Operand {
        let object = self.scalar(pointer);
        let object = self.widen(object);
        let cell = self.prelude("weakCell", vec![object])[0];
        Operand { data: Data::Leaves(vec![self.narrow(cell)]), owned: true }
    }

    /// Writes to a place without counting.
    pub fn write(&mut self, ty: TypeId, target: &ResolvedPlace, data: &Data) {
        match (target, data) {
            (ResolvedPlace::Variables(variables), Data::Leaves(values)) => {
                for (variable, value) in variables.iter().zip(values) {
                    self.b.set(*variable, *value);
                }
            }
            (ResolvedPlace::Memory(address), data) => self.store(ty, *address, data),
            (ResolvedPlace::Variables(_), Data::Memory(_)) => unreachable!("variables hold leaves"),
        }
    }

    /// Whether what is stored there is counted: not behind raw pointers, nor in locals that opted
    /// out.
    pub fn is_strong(&self, place: &Place) -> bool {
        if !self.types().holds_managed(place.ty) {
            return false;
        }
        let mut at = place;
        loop {
            match &at.kind {
                PlaceKind::Local(local) => return self.local(*local).ownership != Ownership::Raw,
                PlaceKind::Dereference(pointer) => return !self.is_raw(pointer),
                PlaceKind::Field { base, .. }
                | PlaceKind::ArrayElement { base, .. }
                | PlaceKind::UnionPayload { base, .. }
                | PlaceKind::OptionalPayload { base } => at = base,
                PlaceKind::Global(_) | PlaceKind::Temporary(_) | PlaceKind::SliceElement { .. } => return true,
            }
        }
    }

    /// Whether a pointer was made of a number or of another pointer.
    pub fn is_raw(&self, pointer: &Expression) -> bool {
        match &pointer.kind {
            ExpressionKind::Convert { conversion: Conversion::IntToPointer | Conversion::Reinterpret, .. } => true,
            ExpressionKind::OffsetPointer { pointer, .. } => self.is_raw(pointer),
            ExpressionKind::Load(place) => match &place.kind {
                PlaceKind::Local(local) => self.local(*local).ownership == Ownership::Raw,
                _ => false,
            },
            _ => false,
        }
    }

    /// The tag of a union.
    pub fn union_tag(&mut self, address: Address) -> Value {
        self.b.load(Access::Pointer, address.base, address.offset)
    }

    fn check_variant(&mut self, ty: TypeId, address: Address, variant: usize, span: Span) {
        let tag = self.union_tag(address);
        let wanted = self.b.i32(variant as i32);
        let is_other = self.b.numeric(Numeric::I32Ne, &[tag, wanted]);
        let union = self.types().union_type(ty).expect("the base is a union");
        let name = self.lowering.bytes(union.variants[variant].name.as_bytes());
        self.when(is_other, |body| body.panic_with_text("panicPayload", span, name));
    }
}
