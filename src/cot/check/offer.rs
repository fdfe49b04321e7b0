//! What could stand where a name is being typed: at the marker of [`crate::cot::check::notes`].

use std::rc::Rc;

use crate::cot::ast;
use crate::cot::check::Checker;
use crate::cot::check::model::{Binding, Env, FunctionDeclId, ItemId, ItemKind, Mutability, Visible};
use crate::cot::check::notes::Kind;
use crate::cot::source::Span;
use crate::cot::types::{Type, TypeId};

impl<'a> Checker<'a> {
    /// Names that are seen at a place.
    pub(super) fn offer_names(&mut self, env: &Env) {
        if env.in_body {
            for (text, binding, place) in self.bindings_in_scope() {
                let (kind, ty) = match binding {
                    Binding::Local { mutability: Mutability::Parameter, .. } => (Kind::Parameter, None),
                    Binding::Local { mutability: Mutability::Constant, .. } => (Kind::Constant, None),
                    Binding::Local { .. } => (Kind::Variable, None),
                    Binding::Constant(value) => (Kind::Constant, Some(value.expr.ty)),
                    Binding::Item(item) => {
                        self.offer_item(item);
                        continue;
                    }
                };
                let ty = ty.or_else(|| self.notes.definitions.get(&place)?.ty);
                let detail = ty.map_or_else(String::new, |ty| self.types.name(ty));
                self.notes.offer(&text, Some(kind), detail, Some(place));
            }
        }
        for (name, ty) in env.params.iter() {
            self.notes.offer(name, Some(Kind::TypeParameter), self.types.name(*ty), None);
        }
        let mut outer = env.outer;
        while let Some(item) = outer {
            self.offer_nested(item);
            outer = self.declared[item].env.outer;
        }
        let visible = &self.declared.visible_names()[env.file];
        let mut items: Vec<(Rc<str>, ItemId)> = visible
            .iter()
            .map(|(name, visible)| match visible {
                Visible::One(item) | Visible::Ambiguous(item, _) => (name.clone(), *item),
            })
            .collect();
        items.sort();
        items.into_iter().for_each(|(_, item)| self.offer_item(item));
        for (name, detail) in BUILTIN_FUNCTIONS {
            self.notes.offer(name, None, (*detail).to_owned(), None);
        }
    }

    fn offer_item(&mut self, item: ItemId) {
        let name = self.declared[item].name;
        if let ItemKind::Function(id) = self.declared[item].kind {
            return self.offer_function(id);
        }
        let known = self.notes.definitions.get(&name.span);
        let kind = known.map(|it| it.kind);
        let detail = match self.declared[item].kind {
            ItemKind::Variable(id) => {
                let shown = self.declared[id].ast.span;
                let text = String::from_utf8_lossy(self.loaded.sources.text(shown)).into_owned();
                text.lines().next().unwrap_or_default().to_owned()
            }
            _ => self.declared[item].full_name.clone(),
        };
        self.notes.offer(&name.text, kind, detail, Some(name.span));
    }

    fn offer_function(&mut self, id: FunctionDeclId) {
        let ast = self.declared[id].ast;
        let kind = if self.declared[id].owner.is_some() { Kind::Method } else { Kind::Function };
        let detail = self.shown_in_line(ast.head());
        self.notes.offer(&ast.name.text, Some(kind), detail, Some(ast.name.span));
    }

    /// A part of the source in one line.
    fn shown_in_line(&self, span: Span) -> String {
        let text = String::from_utf8_lossy(self.loaded.sources.text(span)).into_owned();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn offer_nested(&mut self, outer: ItemId) {
        let mut nested: Vec<ItemId> = self.declared.nested_types(outer).collect();
        nested.sort();
        nested.into_iter().for_each(|item| self.offer_item(item));
    }

    /// Fields and methods of a value.
    pub(super) fn offer_members(&mut self, ty: TypeId) {
        let ty = self.behind_pointers(ty);
        match self.types.get(ty).clone() {
            Type::Struct(_) => self.offer_fields(ty),
            Type::Union(_) => {
                self.offer_variants(ty);
                self.notes.offer("tag", Some(Kind::Field), self.types.name(TypeId::I64), None);
            }
            Type::Slice(element) => {
                self.notes.offer("len", Some(Kind::Field), self.types.name(TypeId::I64), None);
                let pointer = self.types.pointer(element);
                self.notes.offer("ptr", Some(Kind::Field), self.types.name(pointer), None);
            }
            Type::Array { .. } => self.notes.offer("len", Some(Kind::Field), self.types.name(TypeId::I64), None),
            _ => {}
        }
        self.offer_methods(ty, true);
        for (_, function) in self.bound_functions(ty) {
            let detail = self.shown_in_line(function.head());
            self.notes.offer(&function.name.text, Some(Kind::Method), detail, Some(function.name.span));
        }
        if let Some(backing) = self.types.enum_type(ty).map(|it| it.backing) {
            self.offer_methods(backing, true);
        }
    }

    /// What is declared in a type: constants, functions, variants, errors, types.
    pub(super) fn offer_of_type(&mut self, ty: TypeId) {
        match self.types.get(ty).clone() {
            Type::Enum(_) | Type::Union(_) => self.offer_variants(ty),
            Type::Error(set) => {
                let members = self.types.error_sets[set.0 as usize].members.clone();
                for error in members {
                    let name = self.types.error_names[error.0 as usize].clone();
                    self.notes.offer(&name, Some(Kind::Error), self.types.name(ty), None);
                }
            }
            _ => {}
        }
        let owner = self.owner_of(ty);
        let mut constants: Vec<_> = self.declared.constants_of(owner).collect();
        constants.sort();
        for id in constants {
            let ast = self.declared[id].ast;
            let detail = self.shown_in_line(ast.span);
            let name = &ast.bindings[0].0;
            self.notes.offer(&name.text, Some(Kind::Constant), detail, Some(name.span));
        }
        self.offer_methods(ty, false);
        if let Some((item, _)) = self.named.item(ty).cloned() {
            self.offer_nested(item);
        }
    }

    fn offer_methods(&mut self, ty: TypeId, on_value: bool) {
        let owner = self.owner_of(ty);
        let of_owner = self.declared.methods().filter(|(of, ..)| *of == owner);
        let mut methods: Vec<FunctionDeclId> = of_owner.map(|(.., id)| id).collect();
        methods.sort();
        for id in methods {
            let decl = &self.declared[id];
            let takes_self = decl.implicit_self || takes_self(decl.ast);
            if !on_value || takes_self && !decl.ast.is_static {
                self.offer_function(id);
            }
        }
    }

    pub(super) fn offer_fields(&mut self, ty: TypeId) {
        let fields = self.types.struct_type(ty).map(|of| of.fields.clone()).unwrap_or_default();
        for field in fields {
            let place = self.member_place(ty, &field.name);
            self.notes.offer(&field.name, Some(Kind::Field), self.types.name(field.ty), place);
        }
    }

    pub(super) fn offer_variants(&mut self, ty: TypeId) {
        let names: Vec<String> = self.types.member_names(ty).into_iter().map(str::to_owned).collect();
        for (index, name) in names.iter().enumerate() {
            let payload = self.types.union_type(ty).map(|of| of.variants[index].payload);
            let shown = payload.filter(|ty| *ty != TypeId::VOID).unwrap_or(ty);
            let place = self.member_place(ty, name);
            self.notes.offer(name, Some(Kind::Variant), self.types.name(shown), place);
        }
    }

    /// All errors that the program names.
    pub(super) fn offer_errors(&mut self) {
        let mut names = self.types.error_names.clone();
        names.sort();
        for name in names {
            self.notes.offer(&name, Some(Kind::Error), "error".to_owned(), None);
        }
    }
}

fn takes_self(function: &ast::Function) -> bool {
    function.params.first().is_some_and(|param| &*param.name.text == "self")
}

const BUILTIN_FUNCTIONS: &[(&str, &str)] = &[
    ("print", "to standard output"),
    ("println", "to standard output, with the end of a line"),
    ("eprint", "to standard error"),
    ("eprintln", "to standard error, with the end of a line"),
    ("len", "number of elements"),
    ("append", "a slice with one more element"),
];
