//! What a program declares: every top-level name, what stands in bodies of types and in `impl`s.
//! Nothing is resolved here but names of `impl` targets.

use std::rc::Rc;

use crate::cot::ast::{self, Declaration, Name};
use crate::cot::check::Checker;
use crate::cot::check::assertion::is_builtin_function;
use crate::cot::check::name::Visible;
use crate::cot::check::variable::VariableState;
use crate::cot::diagnostic::{Code, Diagnostic};
use crate::cot::source::Span;
use crate::cot::types::TypeId;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct ItemId(pub u32);
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct FunctionDeclId(pub u32);
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct VariableId(pub u32);

/// A declared name.
pub(super) struct Item<'a> {
    pub name: &'a Name,
    /// As errors and types call it: `Outer.Inner`.
    pub full_name: String,
    pub kind: ItemKind<'a>,
    pub env: Env,
}

#[derive(Clone, Copy)]
pub(super) enum ItemKind<'a> {
    Function(FunctionDeclId),
    Variable(VariableId),
    Struct(&'a ast::Struct),
    Enum(&'a ast::Enum),
    Union(&'a ast::Union),
    ErrorSet(&'a ast::ErrorSet),
    Alias(&'a ast::Alias),
    Trait(&'a ast::Trait),
}

/// Where names of a declaration are looked up.
#[derive(Clone)]
pub(super) struct Env {
    /// Index of [`crate::cot::load::Loaded::files`].
    pub file: usize,
    /// What type parameters (and `Self`) stand for.
    pub params: Rc<[(Rc<str>, TypeId)]>,
    /// The type whose nested types are visible without their prefix.
    pub outer: Option<ItemId>,
    /// Whether names of the function that is being checked are visible.
    pub in_body: bool,
}

impl Env {
    pub fn of_file(file: usize) -> Env {
        Env { file, params: Rc::new([]), outer: None, in_body: false }
    }
}

/// Something that has methods: all instances of a declared type, or one other type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Owner {
    Item(ItemId),
    Type(TypeId),
}

pub(super) struct FunctionDecl<'a> {
    pub ast: &'a ast::Function,
    pub env: Env,
    pub owner: Option<Owner>,
    /// Type parameters of the `impl`, which arguments of the owner are bound to.
    pub owner_params: &'a [Name],
    /// The parameter `self` is given by rule 4 of section 22.
    pub implicit_self: bool,
}

pub(super) struct VariableDecl<'a> {
    pub ast: &'a ast::Variable,
    pub env: Env,
    pub state: VariableState,
}

impl<'a> Checker<'a> {
    /// All declarations of all files.
    pub(super) fn declare(&mut self) {
        let files = &self.loaded.files;
        for (file, loaded) in files.iter().enumerate() {
            self.visible.push(Default::default());
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
        let name = self.items[item.0 as usize].name;
        if matches!(declaration, Declaration::Function(_)) && is_builtin_function(&name.text) {
            let message = format!("'{}' is built in and can't be defined again", name.text);
            return self.report(Code::Redefined, name.span, message);
        }
        if let Some(Visible::One(first)) = self.visible[file].get(&name.text).copied() {
            if self.merge_declarations(first, item) {
                let kept = if self.has_body(item) { item } else { first };
                self.visible[file].insert(name.text.clone(), Visible::One(kept));
                return;
            }
            let first = self.items[first.0 as usize].name.span;
            return self.report_redefined(name, first);
        }
        if !name.text.is_empty() {
            self.visible[file].insert(name.text.clone(), Visible::One(item));
        }
    }

    pub(super) fn report_redefined(&mut self, name: &Name, first: Span) {
        let diagnostic = Diagnostic::new(Code::Redefined, name.span, format!("'{}' is defined twice", name.text));
        self.push_diagnostic(diagnostic.note_at(first, "first defined here"));
    }

    /// Whether two declarations of a name may stand beside each other: equal extern functions, a
    /// function and its forward declaration.
    pub(super) fn merge_declarations(&mut self, first: ItemId, second: ItemId) -> bool {
        let decl = |item: ItemId| match self.items[item.0 as usize].kind {
            ItemKind::Function(id) => Some(self.function_decls[id.0 as usize].ast),
            _ => None,
        };
        let (Some(first), Some(second)) = (decl(first), decl(second)) else { return false };
        if first.is_extern != second.is_extern {
            return false;
        }
        first.is_extern || first.body.is_none() || second.body.is_none()
    }

    fn has_body(&self, item: ItemId) -> bool {
        match self.items[item.0 as usize].kind {
            ItemKind::Function(id) => self.function_decls[id.0 as usize].ast.body.is_some(),
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
        let item = ItemId(self.items.len() as u32);
        let full_name = match outer {
            Some(outer) => format!("{}.{}", self.items[outer.0 as usize].full_name, name.text),
            None => name.text.to_string(),
        };
        self.items.push(Item { name, full_name, kind, env: Env { outer, ..env.clone() } });
        if let Some((members, params)) = members {
            self.declare_members(members, Owner::Item(item), params, env);
        }
        Some(item)
    }

    fn declare_function(&mut self, ast: &'a ast::Function, env: &Env) -> FunctionDeclId {
        self.function_decls.push(FunctionDecl {
            ast,
            env: env.clone(),
            owner: None,
            owner_params: &[],
            implicit_self: false,
        });
        FunctionDeclId(self.function_decls.len() as u32 - 1)
    }

    fn declare_variable(&mut self, ast: &'a ast::Variable, env: &Env) -> VariableId {
        self.variable_decls.push(VariableDecl { ast, env: env.clone(), state: VariableState::Unchecked });
        VariableId(self.variable_decls.len() as u32 - 1)
    }

    fn declare_members(&mut self, members: &'a ast::Members, owner: Owner, params: &'a [Name], env: &Env) {
        let outer = match owner {
            Owner::Item(item) => Some(item),
            Owner::Type(_) => None,
        };
        for declaration in &members.types {
            let Some(item) = self.declare_item(declaration, env, outer) else { continue };
            let name = self.items[item.0 as usize].name;
            if let Some(outer) = outer
                && let Some(first) = self.nested.insert((outer, name.text.clone()), item)
            {
                let first = self.items[first.0 as usize].name.span;
                self.report_redefined(name, first);
            }
        }
        let env = Env { outer, ..env.clone() };
        for constant in &members.constants {
            let id = self.declare_variable(constant, &env);
            let name = &constant.bindings[0].0;
            if let Some(first) = self.constants.insert((owner, name.text.clone()), id) {
                let first = self.variable_decls[first.0 as usize].ast.span;
                self.report_redefined(name, first);
            }
        }
        for function in &members.functions {
            let id = self.declare_function(function, &env);
            let takes_self = function.params.first().is_some_and(|param| &*param.name.text == "self");
            let is_safe = self.is_safe(env.file);
            let decl = &mut self.function_decls[id.0 as usize];
            decl.owner = Some(owner);
            decl.owner_params = params;
            decl.implicit_self = is_safe && params.is_empty() && !function.is_static && !takes_self;
            self.declare_method(owner, id);
        }
    }

    fn declare_method(&mut self, owner: Owner, id: FunctionDeclId) {
        let name = &self.function_decls[id.0 as usize].ast.name;
        if let Some(first) = self.methods.insert((owner, name.text.clone()), id) {
            let first = self.function_decls[first.0 as usize].ast.name.span;
            self.report_redefined(name, first);
        }
    }

    fn declare_impl(&mut self, file: usize, it: &'a ast::Impl) {
        let env = Env::of_file(file);
        let owner = match &it.target.kind {
            ast::TypeExprKind::Named { path, .. } => {
                let Some(item) = self.find_item(&env, &path[0]) else { return };
                let n_params = match self.items[item.0 as usize].kind {
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
        self.declare_members(&it.members, owner, &it.type_params, env);
        let Some(name) = &it.of_trait else { return };
        let Some(item) = self.find_item(env, name) else { return };
        let ItemKind::Trait(of) = self.items[item.0 as usize].kind else {
            return self.type_error(name.span, format!("'{}' is not a trait", name.text));
        };
        self.trait_impls.insert((item, owner));
        let missing: Vec<_> = of
            .functions
            .iter()
            .filter(|wanted| !self.methods.contains_key(&(owner, wanted.name.text.clone())))
            .map(|wanted| format!("'{}'", wanted.name.text))
            .collect();
        if !missing.is_empty() {
            let message = format!("trait '{}' needs {}", name.text, missing.join(", "));
            self.type_error(name.span, message);
        }
    }
}
