//! Types as written to types: names, instances of structs, layouts of enums and unions; refuses
//! what contains itself by value.

use std::collections::HashMap;
use std::rc::Rc;

use crate::cot::ast::{self, Expr, ExprKind, Name, TypeExpr, TypeExprKind, UnaryOperator};
use crate::cot::check::model::{Binding, Env, ItemId, ItemKind, Meaning, Owner, VariableState};
use crate::cot::check::{Checker, MAX_INSTANCE_DEPTH};
use crate::cot::diagnostic::Code;
use crate::cot::source::Span;
use crate::cot::types::{
    EnumId, EnumType, ErrorSetId, Field, StructId, StructLayout, StructType, Type, TypeId, UnionId, UnionType, Variant,
};

/// The longest array, in elements; more could not be addressed.
const MAX_ARRAY: i128 = 1 << 31;

impl<'a> Checker<'a> {
    pub(super) fn resolve_type(&mut self, ty: &'a TypeExpr, env: &Env) -> TypeId {
        match &ty.kind {
            TypeExprKind::Primitive(id) => *id,
            TypeExprKind::Erroneous => TypeId::ERRONEOUS,
            TypeExprKind::Named { path, arguments } => self.resolve_named(path, arguments, env, ty.span),
            TypeExprKind::Pointer(to) => {
                let to = self.resolve_type(to, env);
                self.types.pointer(to)
            }
            TypeExprKind::Optional(of) => {
                let of = self.resolve_type(of, env);
                self.types.optional(of)
            }
            TypeExprKind::Slice(element) => {
                let element = self.resolve_type(element, env);
                self.types.slice(element)
            }
            TypeExprKind::ErrorUnion { set, payload } => {
                let payload = self.resolve_type(payload, env);
                let set = match set {
                    None => ErrorSetId::OPEN,
                    Some(set) => self.resolve_error_set(set, env),
                };
                self.types.intern(Type::ErrorUnion { set, payload })
            }
            TypeExprKind::Array { length, element } => {
                let element = self.resolve_type(element, env);
                match self.array_length(length, env) {
                    Some(length) => self.types.intern(Type::Array { element, length }),
                    None => TypeId::ERRONEOUS,
                }
            }
            TypeExprKind::Function { params, result } => {
                let is_safe = self.is_safe(env.file);
                let mut param_type = |param: &'a TypeExpr| {
                    let ty = self.resolve_type(param, env);
                    if is_safe { self.by_reference(ty, param, env) } else { ty }
                };
                let params = params.iter().map(&mut param_type).collect();
                let result = result.as_ref().map_or(TypeId::VOID, |result| self.resolve_type(result, env));
                self.types.intern(Type::Function { params, result })
            }
            TypeExprKind::Tuple(elements) => {
                let elements = elements.iter().map(|element| self.resolve_type(element, env)).collect();
                self.types.intern(Type::Tuple(elements))
            }
            TypeExprKind::TypeOf(expr) => self.type_of(expr, env),
        }
    }

    fn resolve_error_set(&mut self, set: &'a TypeExpr, env: &Env) -> ErrorSetId {
        let ty = self.resolve_type(set, env);
        match self.types.get(ty) {
            Type::Error(set) => *set,
            Type::Erroneous => ErrorSetId::OPEN,
            _ => {
                let name = self.types.name(ty);
                self.type_error(set.span, format!("'{name}' is not an error set"));
                ErrorSetId::OPEN
            }
        }
    }

    fn array_length(&mut self, length: &'a Expr, env: &Env) -> Option<u64> {
        let value = self.constant_integer(length, env, "the length of an array")?;
        if !(1..=MAX_ARRAY).contains(&value) {
            self.type_error(length.span, format!("an array can't have {value} elements"));
            return None;
        }
        Some(value as u64)
    }

    fn resolve_named(&mut self, path: &'a [Name], arguments: &'a [TypeExpr], env: &Env, span: Span) -> TypeId {
        let arguments: Vec<TypeId> = arguments.iter().map(|argument| self.resolve_type(argument, env)).collect();
        let mut meaning = match self.find(env, &path[0].text, path[0].span) {
            Some(meaning) => meaning,
            None => return TypeId::ERRONEOUS,
        };
        for name in &path[1..] {
            let nested = match &meaning {
                Meaning::Item(item) => self.declared.nested(*item, &name.text),
                Meaning::Type(ty) => self.nested_of_type(*ty, &name.text),
                Meaning::Binding(_) => None,
            };
            let Some(item) = nested else {
                self.report(Code::Undefined, name.span, format!("no type '{}' is declared there", name.text));
                return TypeId::ERRONEOUS;
            };
            self.notes.use_of(name.span, self.declared[item].name.span);
            meaning = Meaning::Item(item);
        }
        match meaning {
            Meaning::Item(item) => self.item_type(item, arguments, span),
            Meaning::Binding(Binding::Item(item)) => self.item_type(item, arguments, span),
            Meaning::Type(ty) if arguments.is_empty() => ty,
            Meaning::Type(_) | Meaning::Binding(_) => {
                self.type_error(span, format!("'{}' is not a type that can be used so", path[0].text));
                TypeId::ERRONEOUS
            }
        }
    }

    pub(super) fn nested_of_type(&self, ty: TypeId, name: &Rc<str>) -> Option<ItemId> {
        let (item, _) = self.named.item(ty)?;
        self.declared.nested(*item, name)
    }

    /// The type that an item is, with arguments if it is generic.
    pub(super) fn item_type(&mut self, item: ItemId, arguments: Vec<TypeId>, span: Span) -> TypeId {
        let key = (item, arguments);
        if let Some(ty) = self.named.get(&key) {
            return ty;
        }
        let arguments = key.1;
        let full_name = self.declared[item].full_name.clone();
        let kind = self.declared[item].kind;
        let n_params = if let ItemKind::Struct(of) = kind { of.type_params.len() } else { 0 };
        if !matches!(kind, ItemKind::Function(_) | ItemKind::Variable(_) | ItemKind::Trait(_))
            && n_params != arguments.len()
        {
            let message = format!("'{full_name}' takes {n_params} type arguments, not {}", arguments.len());
            self.report(Code::ArgumentCount, span, message);
            return TypeId::ERRONEOUS;
        }
        match kind {
            ItemKind::Struct(of) => self.instantiate_struct(item, of, arguments, span),
            ItemKind::Enum(of) => self.make_enum(item, of),
            ItemKind::Union(of) => self.make_union(item, of),
            ItemKind::ErrorSet(of) => {
                let members = of.members.iter().map(|name| self.types.error(&name.text)).collect();
                let set = self.types.error_set(&full_name, members);
                let ty = self.types.intern(Type::Error(set));
                self.named.add_alias(item, arguments, ty);
                ty
            }
            ItemKind::Alias(of) => {
                if !self.named.open(item) {
                    self.type_error(of.span, format!("type '{full_name}' stands for itself"));
                    return TypeId::ERRONEOUS;
                }
                let env = self.declared[item].env.clone();
                let ty = self.resolve_type(&of.ty, &env);
                self.named.close();
                self.named.add_alias(item, arguments, ty);
                ty
            }
            ItemKind::Variable(id) => match self.variable_state(id) {
                VariableState::ErrorSet(ty) => ty,
                VariableState::Erroneous => TypeId::ERRONEOUS,
                _ => self.not_a_type(&full_name, span),
            },
            ItemKind::Function(_) | ItemKind::Trait(_) => self.not_a_type(&full_name, span),
        }
    }

    fn not_a_type(&mut self, name: &str, span: Span) -> TypeId {
        self.type_error(span, format!("'{name}' is not a type"));
        TypeId::ERRONEOUS
    }

    fn instantiate_struct(&mut self, item: ItemId, of: &'a ast::Struct, arguments: Vec<TypeId>, span: Span) -> TypeId {
        // Only arguments can go on for ever; structs without any are as many as there are written.
        let depth = if arguments.is_empty() { 0 } else { self.instance_depth + 1 };
        if depth > MAX_INSTANCE_DEPTH {
            self.give_up_instances(span);
            return TypeId::ERRONEOUS;
        }
        let layout = match of.kind {
            ast::StructKind::Ordinary => StructLayout::Ordinary,
            ast::StructKind::Extern => StructLayout::Extern,
            ast::StructKind::Packed => StructLayout::Packed,
        };
        let name = self.instance_name(&self.declared[item].full_name, &arguments);
        let id = StructId(self.types.structs.len() as u32);
        self.types.structs.push(StructType { name, layout, fields: Vec::new() });
        let ty = self.types.intern(Type::Struct(id));
        self.named.add(item, &arguments, ty);
        self.named.begin(ty);
        let env = self.env_of_instance(item, &of.type_params, &arguments, Some(ty));
        let outer_depth = std::mem::replace(&mut self.instance_depth, depth);
        let mut first_places: HashMap<&str, Span> = HashMap::new();
        let mut fields: Vec<Field> = Vec::new();
        for field in &of.fields {
            if let Some(first) = first_places.insert(&field.name.text, field.name.span) {
                self.report_redefined(&field.name, first);
                continue;
            }
            let ty = self.resolve_type(&field.ty, &env);
            fields.push(Field { name: field.name.text.to_string(), ty });
        }
        self.instance_depth = outer_depth;
        self.types.structs[id.0 as usize].fields = fields;
        self.completed(ty, of.name.span);
        self.declare_destructor(ty);
        ty
    }

    /// Names in an item with type arguments.
    pub(super) fn env_of_instance(
        &self,
        item: ItemId,
        params: &[Name],
        arguments: &[TypeId],
        self_type: Option<TypeId>,
    ) -> Env {
        let env = &self.declared[item].env;
        let bound = params.iter().zip(arguments).map(|(name, ty)| (name.text.clone(), *ty));
        let own = self_type.map(|ty| (Rc::from("Self"), ty));
        let params = env.params.iter().cloned().chain(own).chain(bound).collect();
        Env { params, outer: Some(item), ..env.clone() }
    }

    pub(super) fn instance_name(&self, name: &str, arguments: &[TypeId]) -> String {
        if arguments.is_empty() {
            return name.to_owned();
        }
        let arguments: Vec<_> = arguments.iter().map(|it| self.types.name(*it)).collect();
        let full = format!("{name}({})", arguments.join(", "));
        if full.len() <= 200 { full } else { format!("{}…)", full.chars().take(200).collect::<String>()) }
    }

    pub(super) fn give_up_instances(&mut self, span: Span) {
        if !std::mem::replace(&mut self.gave_up_instances, true) {
            let message = format!("instances of generics are nested more than {MAX_INSTANCE_DEPTH} deep");
            self.type_error(span, message);
        }
    }

    fn make_enum(&mut self, item: ItemId, of: &'a ast::Enum) -> TypeId {
        if !self.named.open(item) {
            self.type_error(of.span, format!("enum '{}' depends on itself", of.name.text));
            return TypeId::ERRONEOUS;
        }
        let env = self.declared[item].env.clone();
        let mut backing = of.backing.as_ref().map_or(TypeId::I32, |ty| self.resolve_type(ty, &env));
        if !self.types.is_int(backing) {
            if backing != TypeId::ERRONEOUS {
                self.type_error(of.span, "the backing type of an enum must be an integer type");
            }
            backing = TypeId::I32;
        }
        let mut first_places: HashMap<&str, Span> = HashMap::new();
        let mut variants: Vec<(String, i128)> = Vec::new();
        let mut next = 0;
        for (name, value) in &of.variants {
            if let Some(value) = value {
                next = self.constant_integer(value, &env, "the value of a variant").unwrap_or(next);
            }
            if !self.fits(next, backing) {
                let backing = self.types.name(backing);
                self.type_error(name.span, format!("the value {next} does not fit {backing}"));
                next = 0;
            }
            if let Some(first) = first_places.insert(&name.text, name.span) {
                self.report_redefined(name, first);
            }
            variants.push((name.text.to_string(), next));
            next += 1;
        }
        self.named.close();
        let id = EnumId(self.types.enums.len() as u32);
        let name = self.declared[item].full_name.clone();
        self.types.enums.push(EnumType { name, backing, variants });
        let ty = self.types.intern(Type::Enum(id));
        self.named.add(item, &[], ty);
        self.declare_destructor(ty);
        ty
    }

    fn make_union(&mut self, item: ItemId, of: &'a ast::Union) -> TypeId {
        let id = UnionId(self.types.unions.len() as u32);
        let name = self.declared[item].full_name.clone();
        self.types.unions.push(UnionType { name, variants: Vec::new() });
        let ty = self.types.intern(Type::Union(id));
        self.named.add(item, &[], ty);
        self.named.begin(ty);
        let env = self.env_of_instance(item, &[], &[], Some(ty));
        let mut first_places: HashMap<&str, Span> = HashMap::new();
        let mut variants: Vec<Variant> = Vec::new();
        for (name, payload) in &of.variants {
            if let Some(first) = first_places.insert(&name.text, name.span) {
                self.report_redefined(name, first);
            }
            let payload = payload.as_ref().map_or(TypeId::VOID, |ty| self.resolve_type(ty, &env));
            variants.push(Variant { name: name.text.to_string(), payload });
        }
        self.types.unions[id.0 as usize].variants = variants;
        self.completed(ty, of.name.span);
        self.declare_destructor(ty);
        ty
    }

    /// Once all fields of all types are known, refuses those that contain themselves by value.
    fn completed(&mut self, ty: TypeId, span: Span) {
        for (ty, span) in self.named.complete(ty, span) {
            self.check_finite(ty, span);
        }
    }

    /// Refuses a type that contains itself by value; what is wrong then is made erroneous, so that
    /// sizes stay finite.
    fn check_finite(&mut self, ty: TypeId, span: Span) {
        let mut open = Vec::new();
        if let Some(endless) = self.find_endless(ty, &mut open) {
            let name = self.types.name(endless);
            let message = format!("'{name}' would contain itself; use a pointer");
            self.type_error(span, message);
            self.types.remove_members(endless);
        }
    }

    /// A struct or union that contains itself, among what `ty` contains. `open` are those around
    /// it.
    fn find_endless(&mut self, ty: TypeId, open: &mut Vec<TypeId>) -> Option<TypeId> {
        if self.named.is_finite(ty) {
            return None;
        }
        if open.contains(&ty) {
            return Some(ty);
        }
        let parts: Vec<TypeId> = match self.types.get(ty) {
            Type::Struct(id) => self.types.structs[id.0 as usize].fields.iter().map(|field| field.ty).collect(),
            Type::Union(id) => self.types.unions[id.0 as usize].variants.iter().map(|it| it.payload).collect(),
            Type::Optional(of) | Type::ErrorUnion { payload: of, .. } | Type::Array { element: of, .. } => vec![*of],
            Type::Tuple(elements) => elements.clone(),
            _ => Vec::new(),
        };
        open.push(ty);
        let found = parts.into_iter().find_map(|part| self.find_endless(part, open));
        open.pop();
        if found.is_none() {
            self.named.set_finite(ty);
        }
        found
    }

    /// Whether the size of a type is known by now.
    pub(super) fn has_size(&self, ty: TypeId) -> bool {
        if self.named.are_all_complete() || self.named.is_finite(ty) {
            return true;
        }
        match self.types.get(ty) {
            Type::Struct(id) => {
                let fields = &self.types.structs[id.0 as usize].fields;
                self.named.is_complete(ty) && fields.iter().all(|field| self.has_size(field.ty))
            }
            Type::Union(id) => {
                let variants = &self.types.unions[id.0 as usize].variants;
                self.named.is_complete(ty) && variants.iter().all(|it| self.has_size(it.payload))
            }
            Type::Optional(of) | Type::ErrorUnion { payload: of, .. } | Type::Array { element: of, .. } => {
                self.has_size(*of)
            }
            Type::Tuple(elements) => elements.iter().all(|it| self.has_size(*it)),
            _ => true,
        }
    }

    /// Whose methods a type has.
    pub(super) fn owner_of(&self, ty: TypeId) -> Owner {
        self.named.owner(ty)
    }

    /// An expression that must be a type: an argument of a builtin or of a generic.
    pub(super) fn type_argument(&mut self, expr: &'a Expr, env: &Env) -> TypeId {
        if let Some(ty) = self.expr_as_type(expr, env) {
            return ty;
        }
        if let ExprKind::Name(text) = &expr.kind {
            match self.find(env, text, expr.span) {
                None => return TypeId::ERRONEOUS,
                // Says that its own arguments are missing.
                Some(Meaning::Item(item)) if self.is_generic(item) && self.is_type_item(item) => {
                    return self.item_type(item, Vec::new(), expr.span);
                }
                Some(_) => {}
            }
        }
        self.report(Code::ExpectedType, expr.span, "expected a type here");
        TypeId::ERRONEOUS
    }

    /// The type that an expression names; none if it is a value (or nothing that is known).
    pub(super) fn expr_as_type(&mut self, expr: &'a Expr, env: &Env) -> Option<TypeId> {
        match &expr.kind {
            ExprKind::Type(ty) => Some(self.resolve_type(ty, env)),
            ExprKind::Erroneous => Some(TypeId::ERRONEOUS),
            ExprKind::Name(text) => match self.find_quietly(env, text, expr.span)? {
                Meaning::Type(ty) => Some(ty),
                Meaning::Item(item) | Meaning::Binding(Binding::Item(item)) => {
                    if self.is_generic(item) {
                        return None;
                    }
                    self.is_type_item(item).then(|| self.item_type(item, Vec::new(), expr.span))
                }
                Meaning::Binding(_) => None,
            },
            ExprKind::Member { base, name } => {
                let item = self.expr_as_type_item(base, env)?;
                let nested = self.declared.nested(item, &name.text)?;
                self.notes.use_of(name.span, self.declared[nested].name.span);
                Some(self.item_type(nested, Vec::new(), expr.span))
            }
            ExprKind::Call { callee, arguments } => {
                let ExprKind::Name(text) = &callee.kind else { return None };
                let item = match self.find_quietly(env, text, callee.span)? {
                    Meaning::Item(item) | Meaning::Binding(Binding::Item(item)) => item,
                    _ => return None,
                };
                if !matches!(self.declared[item].kind, ItemKind::Struct(_)) {
                    return None;
                }
                let arguments = arguments.iter().map(|argument| self.type_argument(argument, env)).collect();
                Some(self.item_type(item, arguments, expr.span))
            }
            ExprKind::Tuple(items) => {
                let types: Option<Vec<TypeId>> = items.iter().map(|item| self.expr_as_type(item, env)).collect();
                types.map(|types| self.types.intern(Type::Tuple(types)))
            }
            ExprKind::Unary { operator: UnaryOperator::Not, operand } => {
                let payload = self.expr_as_type(operand, env)?;
                Some(self.types.intern(Type::ErrorUnion { set: ErrorSetId::OPEN, payload }))
            }
            ExprKind::Builtin { name, arguments } if &*name.text == "TypeOf" && arguments.len() == 1 => {
                Some(self.type_of(&arguments[0], env))
            }
            _ => None,
        }
    }

    fn expr_as_type_item(&mut self, expr: &'a Expr, env: &Env) -> Option<ItemId> {
        match &expr.kind {
            ExprKind::Name(text) => match self.find_quietly(env, text, expr.span)? {
                Meaning::Item(item) | Meaning::Binding(Binding::Item(item)) => Some(item),
                Meaning::Type(ty) => self.named.item(ty).map(|(item, _)| *item),
                Meaning::Binding(_) => None,
            },
            ExprKind::Member { base, name } => {
                let item = self.expr_as_type_item(base, env)?;
                let nested = self.declared.nested(item, &name.text)?;
                self.notes.use_of(name.span, self.declared[nested].name.span);
                Some(nested)
            }
            _ => None,
        }
    }

    fn is_generic(&self, item: ItemId) -> bool {
        matches!(self.declared[item].kind, ItemKind::Struct(of) if !of.type_params.is_empty())
    }

    fn is_type_item(&mut self, item: ItemId) -> bool {
        match self.declared[item].kind {
            ItemKind::Function(_) | ItemKind::Trait(_) => false,
            ItemKind::Variable(id) => matches!(self.variable_state(id), VariableState::ErrorSet(_)),
            _ => true,
        }
    }
}
