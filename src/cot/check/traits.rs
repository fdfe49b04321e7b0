//! Traits: bounds of generic functions, and whether implementations have the signatures that are wanted (section 14).

use std::rc::Rc;

use crate::cot::ast;
use crate::cot::check::Checker;
use crate::cot::check::declare::{Env, FunctionDeclId, ItemId, ItemKind, Owner};
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

    /// Signatures of methods against those of the traits they are for. Of generic types only the number of parameters is
    /// compared.
    pub(super) fn check_trait_impls(&mut self) {
        let mut impls: Vec<(ItemId, Owner)> = self.trait_impls.iter().copied().collect();
        impls.sort_by_key(|(item, owner)| (*item, format!("{owner:?}")));
        for (item, owner) in impls {
            let ItemKind::Trait(of) = self.items[item.0 as usize].kind else { continue };
            let env = self.items[item.0 as usize].env.clone();
            for wanted in &of.functions {
                if let Some(id) = self.methods.get(&(owner, wanted.name.text.clone())).copied() {
                    self.check_trait_method(owner, id, wanted, &env);
                }
            }
        }
    }

    fn check_trait_method(&mut self, owner: Owner, id: FunctionDeclId, wanted: &'a ast::Function, env: &Env) {
        let decl = &self.function_decls[id.0 as usize];
        let ast = decl.ast;
        let is_generic = !decl.owner_params.is_empty();
        let n_params = ast.params.len() + usize::from(decl.implicit_self);
        let mut fits = n_params == wanted.params.len();
        if fits && !is_generic {
            let ty = match owner {
                Owner::Item(item) => self.item_type(item, Vec::new(), ast.span),
                Owner::Type(ty) => ty,
            };
            let params: Vec<(Rc<str>, TypeId)> = env.params.iter().cloned().chain([(Rc::from("Self"), ty)]).collect();
            let env = Env { params: params.into(), ..env.clone() };
            let function = self.instance(id, Vec::new(), ast.span);
            let signature = self.signatures[function.0 as usize].clone();
            for (param, wanted) in signature.params.iter().zip(&wanted.params) {
                fits &= self.resolve_type(&wanted.ty, &env) == param.ty;
            }
            fits &= wanted.result.as_ref().map_or(TypeId::VOID, |ty| self.resolve_type(ty, &env)) == signature.result;
        }
        if !fits {
            let message = format!("'{}' has another signature than its trait wants", ast.name.text);
            let diagnostic = Diagnostic::new(Code::Type, ast.name.span, message);
            self.push_diagnostic(diagnostic.note_at(wanted.name.span, "declared here"));
        }
    }

    /// Whether type arguments have the traits that `where` asks for; what is missing is reported.
    pub(super) fn meets_bounds(&mut self, id: FunctionDeclId, arguments: &[TypeId], span: Span) -> bool {
        let decl = &self.function_decls[id.0 as usize];
        let (ast, env) = (decl.ast, decl.env.clone());
        let mut meets = true;
        for (param, name) in &ast.bounds {
            let Some(index) = ast.type_params.iter().position(|it| it.text == param.text) else {
                self.report(Code::Undefined, param.span, format!("'{}' is not a type parameter here", param.text));
                continue;
            };
            let Some(item) = self.find_item(&env, name) else { continue };
            if !matches!(self.items[item.0 as usize].kind, ItemKind::Trait(_)) {
                self.type_error(name.span, format!("'{}' is not a trait", name.text));
                continue;
            }
            // An enum has the traits of its integers too.
            let backing = self.types.enum_type(arguments[index]).map(|it| it.backing);
            let mut types = [arguments[index]].into_iter().chain(backing);
            if !types.any(|ty| self.trait_impls.contains(&(item, self.owner_of(ty)))) {
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
