//! Checks a program for editors: what is wrong is not reported, what is not needed is looked at
//! all the same, and the names are noted.

use crate::cot::ast;
use crate::cot::check::model::{FunctionDeclId, ItemId, ItemKind, Owner};
use crate::cot::check::notes::{Definition, Kind, Notes};
use crate::cot::check::{CheckOptions, Checker};
use crate::cot::load::Loaded;
use crate::cot::source::Span;
use crate::cot::types::{TypeId, Types};

/// What is known of a program's names.
pub struct Explored {
    pub types: Types,
    pub notes: Notes,
}

/// Looks at all of a program, which may have errors. Where the name `marker` stands, what could be
/// there is collected.
pub fn explore(loaded: &Loaded, options: &CheckOptions, marker: Option<&str>) -> Explored {
    let mut checker = Checker::new(loaded, options);
    checker.notes = Notes::on(marker);
    checker.declare();
    checker.check_declarations();
    checker.check_queue();
    checker.check_unneeded();
    checker.check_queue();
    checker.find_main();
    Explored { types: checker.types, notes: checker.notes }
}

impl<'a> Checker<'a> {
    /// Generics without an instance get one, with types that are equal to themselves only.
    fn check_unneeded(&mut self) {
        for item in self.declared.items() {
            let file = self.declared[item].env.file;
            match self.declared[item].kind {
                ItemKind::Struct(of) if !of.type_params.is_empty() && self.is_of_interest(file) => {
                    let arguments = self.opaque_types(&of.type_params);
                    self.item_type(item, arguments, of.name.span);
                }
                ItemKind::Trait(of) => self.check_trait_types(item, of),
                _ => {}
            }
        }
        for id in self.declared.functions() {
            self.check_unneeded_function(id);
        }
    }

    fn check_unneeded_function(&mut self, id: FunctionDeclId) {
        let (ast, owner_params) = (self.declared[id].ast, self.declared[id].owner_params);
        if !self.is_of_interest(self.declared[id].env.file) || ast.is_extern || self.instances.has(id) {
            return;
        }
        let own = self.opaque_types(&ast.type_params);
        for (param, name) in &ast.bounds {
            let env = self.declared[id].env.clone();
            let index = ast.type_params.iter().position(|it| it.text == param.text);
            if let Some((item, index)) = self.find_item(&env, name).zip(index) {
                self.notes.bounds.push((own[index], item));
            }
        }
        let arguments = [self.opaque_types(owner_params), own].concat();
        self.instance(id, arguments, ast.span);
    }

    fn check_trait_types(&mut self, item: ItemId, of: &'a ast::Trait) {
        let own = self.types.opaque("Self");
        let env = self.env_of_instance(item, &[], &[], Some(own));
        for function in &of.functions {
            let arguments = self.opaque_types(&function.type_params);
            let bound = function.type_params.iter().map(|name| name.text.clone()).zip(arguments);
            let params = env.params.iter().cloned().chain(bound).collect();
            let env = crate::cot::check::model::Env { params, ..env.clone() };
            let types = function.params.iter().map(|param| &param.ty).chain(&function.result);
            for ty in types {
                self.resolve_type(ty, &env);
            }
        }
    }

    /// Functions of the traits that a type has which stands for a type parameter.
    pub(super) fn bound_functions(&self, ty: TypeId) -> Vec<(ItemId, &'a ast::Function)> {
        let traits = self.notes.bounds.iter().filter(|(of, _)| *of == ty).map(|(_, item)| *item);
        let functions = traits.flat_map(|item| match self.declared[item].kind {
            ItemKind::Trait(of) => of.functions.iter().map(|function| (item, function)).collect(),
            _ => Vec::new(),
        });
        functions.collect()
    }

    /// The result of a function of a trait that such a type has; none if it has none of this name.
    pub(super) fn call_of_bound(&mut self, ty: TypeId, name: &ast::Name) -> Option<TypeId> {
        let functions = self.bound_functions(ty);
        let (item, function) = functions.into_iter().find(|(_, it)| it.name.text == name.text)?;
        self.notes.use_of(name.span, function.name.span);
        let env = self.env_of_instance(item, &[], &[], Some(ty));
        Some(function.result.as_ref().map_or(TypeId::VOID, |result| self.resolve_type(result, &env)))
    }

    fn opaque_types(&mut self, names: &[ast::Name]) -> Vec<TypeId> {
        names.iter().map(|name| self.types.opaque(&name.text)).collect()
    }

    /// Of libraries, only what is needed is looked at, unless one is what was named.
    fn is_of_interest(&self, file: usize) -> bool {
        !self.loaded.files[file].is_library || file + 1 == self.loaded.files.len()
    }

    /// Notes a declaration and its parts.
    pub(super) fn note_item(&mut self, item: ItemId) {
        if !self.notes.is_on() {
            return;
        }
        let (name, kind) = (self.declared[item].name, self.declared[item].kind);
        let full_name = self.declared[item].full_name.clone();
        let owner = full_name.rsplit_once('.').map(|(outer, _)| outer.to_owned());
        let (kind, shown) = match kind {
            ItemKind::Function(id) => return self.note_function(id, None),
            ItemKind::Variable(id) => {
                let of = self.declared[id].ast;
                (if of.is_const { Kind::Constant } else { Kind::Variable }, of.span)
            }
            ItemKind::Struct(of) => {
                self.note_type_parameters(&of.type_params);
                for field in &of.fields {
                    self.note_member(&field.name, Kind::Field, field.name.span.to(field.ty.span), &full_name);
                }
                (Kind::Struct, of.span)
            }
            ItemKind::Enum(of) => {
                for (name, value) in &of.variants {
                    let shown = value.as_ref().map_or(name.span, |value| name.span.to(value.span));
                    self.note_member(name, Kind::Variant, shown, &full_name);
                }
                (Kind::Enum, of.span)
            }
            ItemKind::Union(of) => {
                for (name, ty) in &of.variants {
                    let shown = ty.as_ref().map_or(name.span, |ty| name.span.to(ty.span));
                    self.note_member(name, Kind::Variant, shown, &full_name);
                }
                (Kind::Union, of.span)
            }
            ItemKind::ErrorSet(of) => {
                for name in &of.members {
                    self.notes.error(name.span, &name.text);
                    self.note_member(name, Kind::Error, name.span, &full_name);
                }
                (Kind::ErrorSet, of.span)
            }
            ItemKind::Alias(of) => (Kind::Alias, of.span),
            ItemKind::Trait(of) => {
                for function in &of.functions {
                    self.note_member(&function.name, Kind::Method, function.head(), &full_name);
                    self.note_parameters(function);
                }
                (Kind::Trait, of.span)
            }
        };
        self.notes.define(name.span, Definition { kind, shown, owner, ty: None, is_extern: false });
    }

    /// Notes a function, or a method of `owner`.
    pub(super) fn note_function(&mut self, id: FunctionDeclId, owner: Option<Owner>) {
        if !self.notes.is_on() {
            return;
        }
        let ast = self.declared[id].ast;
        let owner = owner.map(|owner| self.owner_name(owner));
        let kind = if owner.is_some() { Kind::Method } else { Kind::Function };
        let definition = Definition { kind, shown: ast.head(), owner, ty: None, is_extern: ast.is_extern };
        self.notes.define(ast.name.span, definition);
        self.note_parameters(ast);
    }

    fn note_parameters(&mut self, function: &ast::Function) {
        self.note_type_parameters(&function.type_params);
        for param in &function.params {
            let shown = param.name.span.to(param.ty.span);
            let definition = Definition { kind: Kind::Parameter, shown, owner: None, ty: None, is_extern: false };
            self.notes.define(param.name.span, definition);
        }
    }

    pub(super) fn owner_name(&self, owner: Owner) -> String {
        match owner {
            Owner::Item(item) => self.declared[item].full_name.clone(),
            Owner::Type(ty) => self.types.name(ty),
        }
    }

    pub(super) fn note_member(&mut self, name: &ast::Name, kind: Kind, shown: Span, owner: &str) {
        let owner = Some(owner.to_owned());
        self.notes.define(name.span, Definition { kind, shown, owner, ty: None, is_extern: false });
    }

    pub(super) fn note_type_parameters(&mut self, names: &[ast::Name]) {
        for name in names {
            let kind = Kind::TypeParameter;
            let definition = Definition { kind, shown: name.span, owner: None, ty: None, is_extern: false };
            self.notes.define(name.span, definition);
        }
    }

    /// Place of the declaration of a field or variant.
    pub(super) fn member_place(&self, ty: TypeId, name: &str) -> Option<Span> {
        let (item, _) = self.named.item(ty)?;
        match self.declared[*item].kind {
            ItemKind::Struct(of) => of.fields.iter().find(|it| &*it.name.text == name).map(|it| it.name.span),
            ItemKind::Enum(of) => of.variants.iter().find(|it| &*it.0.text == name).map(|it| it.0.span),
            ItemKind::Union(of) => of.variants.iter().find(|it| &*it.0.text == name).map(|it| it.0.span),
            _ => None,
        }
    }

    /// Notes that `name` is a field or variant of a type.
    pub(super) fn note_use_of_member(&mut self, ty: TypeId, name: &ast::Name) {
        if self.notes.is_on()
            && let Some(place) = self.member_place(ty, &name.text)
        {
            self.notes.use_of(name.span, place);
        }
    }

    /// Notes that `name` is a function.
    pub(super) fn note_use_of_function(&mut self, id: FunctionDeclId, name: Span) {
        self.notes.use_of(name, self.declared[id].ast.name.span);
    }
}
