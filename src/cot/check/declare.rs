//! What a program declares: every top-level name, members in bodies of types and in `impl`s.
//! Nothing is resolved here but names of `impl` targets.

use crate::cot::ast::{self, Declaration, Name};
use crate::cot::check::Checker;
use crate::cot::check::assertion::is_builtin_function;
use crate::cot::check::model::{
    Env, FunctionDecl, FunctionDeclId, Item, ItemId, ItemKind, Owner, VariableDecl, VariableId, VariableState, Visible,
};
use crate::cot::check::notes::Kind;
use crate::cot::diagnostic::{Code, Diagnostic};
use crate::cot::source::Span;
use crate::cot::types::TypeId;

impl<'a> Checker<'a> {
    /// All declarations of all files.
    pub(super) fn declare(&mut self) {
        let files = &self.loaded.files;
        for (file, loaded) in files.iter().enumerate() {
            self.declared.add_file();
            for declaration in &loaded.tree.declarations {
                self.declare_top(file, declaration);
            }
        }
        self.make_visible();
        for (file, loaded) in files.iter().enumerate() {
            for declaration in &loaded.tree.declarations {
                if let Declaration::Impl(it) = declaration {
                    self.declare_impl(file, it);
                }
            }
        }
    }

    fn declare_top(&mut self, file: usize, declaration: &'a Declaration) {
        let env = Env::of_file(file);
        if let Declaration::Variable(it) = declaration
            && it.bindings.len() > 1
        {
            return self.report(Code::InvalidOperation, it.span, "only variables of functions can take a tuple apart");
        }
        let Some(item) = self.declare_item(declaration, &env, None) else { return };
        let name = self.declared[item].name;
        if matches!(declaration, Declaration::Function(_)) && is_builtin_function(&name.text) {
            // It can't be reached: a call by that name is the builtin.
            return;
        }
        if let Some(Visible::One(first)) = self.declared.visible(file, &name.text) {
            if self.merge_declarations(first, item) {
                let kept = if self.has_body(item) { item } else { first };
                self.declared.set_visible(file, &name.text, kept);
                return;
            }
            let first = self.declared[first].name.span;
            return self.report_redefined(name, first);
        }
        if !name.text.is_empty() {
            self.declared.set_visible(file, &name.text, item);
        }
    }

    pub(super) fn report_redefined(&mut self, name: &Name, first: Span) {
        let diagnostic = Diagnostic::new(Code::Redefined, name.span, format!("'{}' is defined twice", name.text));
        self.push_diagnostic(diagnostic.note_at(first, "first defined here"));
    }

    /// Whether two declarations of a name may coexist: equal extern functions, a
    /// function and its forward declaration.
    pub(super) fn merge_declarations(&mut self, first: ItemId, second: ItemId) -> bool {
        let decl = |item: ItemId| match self.declared[item].kind {
            ItemKind::Function(id) => Some(self.declared[id].ast),
            _ => None,
        };
        let (Some(first), Some(second)) = (decl(first), decl(second)) else { return false };
        if first.is_extern != second.is_extern {
            return false;
        }
        let is_one = first.is_extern || first.body.is_none() || second.body.is_none();
        if is_one {
            self.notes.same(first.name.span, second.name.span);
        }
        is_one
    }

    fn has_body(&self, item: ItemId) -> bool {
        match self.declared[item].kind {
            ItemKind::Function(id) => self.declared[id].ast.body.is_some(),
            _ => false,
        }
    }

    /// Makes an item, and those nested in it. None for what declares no name.
    pub(super) fn declare_item(
        &mut self,
        declaration: &'a Declaration,
        env: &Env,
        outer: Option<ItemId>,
    ) -> Option<ItemId> {
        let (name, kind, members) = match declaration {
            Declaration::Function(it) => (&it.name, ItemKind::Function(self.declare_function(it, env)), None),
            Declaration::Variable(it) => (&it.bindings[0].0, ItemKind::Variable(self.declare_variable(it, env)), None),
            Declaration::Struct(it) => (&it.name, ItemKind::Struct(it), Some((&it.members, &it.type_params[..]))),
            Declaration::Enum(it) => (&it.name, ItemKind::Enum(it), Some((&it.members, &[][..]))),
            Declaration::Union(it) => (&it.name, ItemKind::Union(it), Some((&it.members, &[][..]))),
            Declaration::ErrorSet(it) => (&it.name, ItemKind::ErrorSet(it), None),
            Declaration::Alias(it) => (&it.name, ItemKind::Alias(it), None),
            Declaration::Trait(it) => (&it.name, ItemKind::Trait(it), None),
            Declaration::Import(_) | Declaration::Impl(_) | Declaration::Test(_) | Declaration::Bench(_) => {
                return None;
            }
        };
        let full_name = match outer {
            Some(outer) => format!("{}.{}", self.declared[outer].full_name, name.text),
            None => name.text.to_string(),
        };
        let item = self.declared.add_item(Item { name, full_name, kind, env: Env { outer, ..env.clone() } });
        self.note_item(item);
        if let Some((members, params)) = members {
            self.declare_members(members, Owner::Item(item), params, env);
        }
        Some(item)
    }

    fn declare_function(&mut self, ast: &'a ast::Function, env: &Env) -> FunctionDeclId {
        self.declared.add_function(FunctionDecl {
            ast,
            env: env.clone(),
            owner: None,
            owner_params: &[],
            implicit_self: false,
        })
    }

    fn declare_variable(&mut self, ast: &'a ast::Variable, env: &Env) -> VariableId {
        self.declared.add_variable(VariableDecl { ast, env: env.clone(), state: VariableState::Unchecked })
    }

    fn declare_members(&mut self, members: &'a ast::Members, owner: Owner, params: &'a [Name], env: &Env) {
        let outer = match owner {
            Owner::Item(item) => Some(item),
            Owner::Type(_) => None,
        };
        for declaration in &members.types {
            let Some(item) = self.declare_item(declaration, env, outer) else { continue };
            let name = self.declared[item].name;
            if let Some(outer) = outer
                && let Some(first) = self.declared.add_nested(outer, &name.text, item)
            {
                let first = self.declared[first].name.span;
                self.report_redefined(name, first);
            }
        }
        let env = Env { outer, ..env.clone() };
        for constant in &members.constants {
            let id = self.declare_variable(constant, &env);
            let name = &constant.bindings[0].0;
            if self.notes.is_on() {
                let owner = self.owner_name(owner);
                self.note_member(name, Kind::Constant, constant.span, &owner);
            }
            if let Some(first) = self.declared.add_constant(owner, &name.text, id) {
                let first = self.declared[first].ast.span;
                self.report_redefined(name, first);
            }
        }
        for function in &members.functions {
            let id = self.declare_function(function, &env);
            let takes_self = function.params.first().is_some_and(|param| &*param.name.text == "self");
            let is_safe = self.is_safe(env.file);
            let decl = &mut self.declared[id];
            decl.owner = Some(owner);
            decl.owner_params = params;
            decl.implicit_self = is_safe && params.is_empty() && !function.is_static && !takes_self;
            self.note_function(id, Some(owner));
            self.declare_method(owner, id);
        }
    }

    fn declare_method(&mut self, owner: Owner, id: FunctionDeclId) {
        let name = &self.declared[id].ast.name;
        if let Some(first) = self.declared.add_method(owner, &name.text, id) {
            let first = self.declared[first].ast.name.span;
            self.report_redefined(name, first);
        }
    }

    fn declare_impl(&mut self, file: usize, it: &'a ast::Impl) {
        let env = Env::of_file(file);
        let owner = match &it.target.kind {
            ast::TypeExprKind::Named { path, .. } => {
                let Some(item) = self.find_item(&env, &path[0]) else { return };
                let n_params = match self.declared[item].kind {
                    ItemKind::Struct(of) => of.type_params.len(),
                    ItemKind::Enum(_) | ItemKind::Union(_) => 0,
                    ItemKind::Alias(_) if it.type_params.is_empty() => {
                        let ty = self.item_type(item, Vec::new(), it.target.span);
                        let owner = self.owner_of(ty);
                        return self.declare_impl_of(owner, it, &env);
                    }
                    _ => return self.type_error(it.target.span, format!("'{}' can't have methods", path[0].text)),
                };
                if n_params != it.type_params.len() {
                    let message = format!(
                        "'{}' has {n_params} type parameters, but {} are named here",
                        path[0].text,
                        it.type_params.len()
                    );
                    return self.type_error(it.target.span, message);
                }
                Owner::Item(item)
            }
            _ => {
                let ty = self.resolve_type(&it.target, &env);
                self.owner_of(ty)
            }
        };
        self.declare_impl_of(owner, it, &env);
    }

    fn declare_impl_of(&mut self, owner: Owner, it: &'a ast::Impl, env: &Env) {
        if owner == Owner::Type(TypeId::ERRONEOUS) {
            return;
        }
        self.note_type_parameters(&it.type_params);
        self.declare_members(&it.members, owner, &it.type_params, env);
        let Some(name) = &it.of_trait else { return };
        let Some(item) = self.find_item(env, name) else { return };
        let ItemKind::Trait(of) = self.declared[item].kind else {
            return self.type_error(name.span, format!("'{}' is not a trait", name.text));
        };
        self.declared.add_trait_impl(item, owner);
        let missing: Vec<_> = of
            .functions
            .iter()
            .filter(|wanted| self.declared.method(owner, &wanted.name.text).is_none())
            .map(|wanted| format!("'{}'", wanted.name.text))
            .collect();
        if !missing.is_empty() {
            let message = format!("trait '{}' needs {}", name.text, missing.join(", "));
            self.type_error(name.span, message);
        }
    }
}
