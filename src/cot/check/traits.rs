//! Traits: bounds of generic functions, and whether implementations have the signatures that are
//! wanted (section 14).

use std::rc::Rc;

use crate::cot::ast;
use crate::cot::check::Checker;
use crate::cot::check::model::{Env, FunctionDeclId, ItemKind, Owner};
use crate::cot::diagnostic::{Code, Diagnostic};
use crate::cot::source::Span;
use crate::cot::types::TypeId;

impl<'a> Checker<'a> {
    pub(super) fn check_trait(&mut self, of: &'a ast::Trait) {
        for (index, function) in of.functions.iter().enumerate() {
            if let Some(body) = &function.body {
                self.type_error(body.span, "functions of a trait have no bodies");
            }
            if let Some(first) = of.functions[..index].iter().find(|other| other.name.text == function.name.text) {
                self.report_redefined(&function.name, first.name.span);
            }
        }
    }

    /// Signatures of methods against those of the traits they are for.
    pub(super) fn check_trait_impls(&mut self) {
        for (item, owner) in self.declared.trait_impls() {
            let ItemKind::Trait(of) = self.declared[item].kind else { continue };
            let env = self.declared[item].env.clone();
            for wanted in &of.functions {
                if let Some(id) = self.declared.method(owner, &wanted.name.text) {
                    self.check_trait_method(owner, id, wanted, &env);
                }
            }
        }
    }

    fn check_trait_method(&mut self, owner: Owner, id: FunctionDeclId, wanted: &'a ast::Function, env: &Env) {
        let decl = &self.declared[id];
        let (ast, owner_params) = (decl.ast, decl.owner_params);
        self.notes.same(ast.name.span, wanted.name.span);
        if !self.fits_trait(owner, id, owner_params, wanted, env) {
            let message = format!("'{}' has another signature than its trait wants", ast.name.text);
            let diagnostic = Diagnostic::new(Code::Type, ast.name.span, message);
            self.push_diagnostic(diagnostic.note_at(wanted.name.span, "declared here"));
        }
    }

    /// Whether a method has the signature that a trait wants, with `Self` and all type parameters
    /// replaced.
    fn fits_trait(
        &mut self,
        owner: Owner,
        id: FunctionDeclId,
        owner_params: &'a [ast::Name],
        wanted: &'a ast::Function,
        env: &Env,
    ) -> bool {
        let ast = self.declared[id].ast;
        if ast.type_params.len() != wanted.type_params.len() || ast.is_static != wanted.is_static {
            return false;
        }
        let n_destructors = self.wanted_destructors.len();
        let of_owner: Vec<TypeId> = owner_params.iter().map(|name| self.types.opaque(&name.text)).collect();
        let own: Vec<TypeId> = ast.type_params.iter().map(|name| self.types.opaque(&name.text)).collect();
        let ty = match owner {
            Owner::Item(item) => self.item_type(item, of_owner.clone(), ast.span),
            Owner::Type(ty) => ty,
        };
        let own_names = wanted.type_params.iter().map(|name| name.text.clone());
        let params = env.params.iter().cloned().chain([(Rc::from("Self"), ty)]).chain(own_names.zip(own.clone()));
        let wanted_env = Env { params: params.collect(), ..env.clone() };
        let arguments = [of_owner, own].concat();
        let env = self.function_env(id, &arguments);
        let signature = self.signature(id, &env, &arguments);
        let mut fits = signature.params.len() == wanted.params.len();
        for (param, wanted) in signature.params.iter().zip(&wanted.params) {
            let mut ty = self.resolve_type(&wanted.ty, &wanted_env);
            if self.is_safe(wanted_env.file) {
                ty = self.by_reference(ty, &wanted.ty, &wanted_env);
            }
            fits &= ty == param.ty;
        }
        let result = wanted.result.as_ref().map_or(TypeId::VOID, |ty| self.resolve_type(ty, &wanted_env));
        fits &= result == signature.result;
        // Types made up here have none.
        self.wanted_destructors.truncate(n_destructors);
        fits
    }

    /// Whether type arguments have the traits that `where` asks for; what is missing is reported.
    pub(super) fn meets_bounds(&mut self, id: FunctionDeclId, arguments: &[TypeId], span: Span) -> bool {
        let decl = &self.declared[id];
        let (ast, env) = (decl.ast, decl.env.clone());
        let mut meets = true;
        for (param, name) in &ast.bounds {
            let Some(index) = ast.type_params.iter().position(|it| it.text == param.text) else {
                self.report(Code::Undefined, param.span, format!("'{}' is not a type parameter here", param.text));
                continue;
            };
            let Some(item) = self.find_item(&env, name) else { continue };
            if !matches!(self.declared[item].kind, ItemKind::Trait(_)) {
                self.type_error(name.span, format!("'{}' is not a trait", name.text));
                continue;
            }
            // An enum has the traits of its integers too.
            let backing = self.types.enum_type(arguments[index]).map(|it| it.backing);
            let mut types = [arguments[index]].into_iter().chain(backing);
            if !types.any(|ty| self.declared.has_trait(self.owner_of(ty), item)) {
                let found = self.types.name(arguments[index]);
                let diagnostic =
                    Diagnostic::new(Code::Type, span, format!("'{found}' does not have trait '{}'", name.text));
                self.push_diagnostic(diagnostic.note_at(name.span, "wanted here"));
                meets = false;
            }
        }
        meets
    }
}
