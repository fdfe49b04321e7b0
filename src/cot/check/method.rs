//! Methods: found by the type of the receiver, which is adapted to what they take (sections 7 and
//! 8.3).

use std::rc::Rc;

use crate::cot::ast::{Expr, Name};
use crate::cot::check::Checker;
use crate::cot::check::model::{FunctionDeclId, MemberCall, Value, make};
use crate::cot::check::suggest::nearest;
use crate::cot::diagnostic::{Code, Diagnostic};
use crate::cot::source::Span;
use crate::cot::typed::{Expression, ExpressionKind};
use crate::cot::types::{Type, TypeId};

impl<'a> Checker<'a> {
    /// `base.name(arguments)`, where the base is a type or a value.
    pub(super) fn call_member(&mut self, base: &'a Expr, call: MemberCall<'a>) -> Value {
        let env = self.env();
        match self.expr_as_type(base, &env) {
            Some(ty) => self.call_of_type(ty, call),
            None => {
                let value = self.check_settled(base);
                self.call_method(value, call)
            }
        }
    }

    /// `Type.name(arguments)`: a static function, a method called as a function, or the constructor
    /// of a variant.
    fn call_of_type(&mut self, ty: TypeId, call: MemberCall<'a>) -> Value {
        let MemberCall { name, arguments, span, .. } = call;
        if ty == TypeId::ERRONEOUS {
            return self.failed_call(arguments, span);
        }
        if self.notes.is_marker(&name.text) {
            self.offer_of_type(ty);
        }
        let method = self.declared.method(self.owner_of(ty), &name.text);
        if let Some(id) = method {
            self.note_use_of_function(id, name.span);
            let Some(all) = self.method_arguments(id, ty, call) else {
                return self.failed_call(arguments, span);
            };
            return self.call_declared(id, all, None, arguments, span);
        }
        if self.types.union_type(ty).is_some() {
            return self.construct_variant(ty, name, arguments, span);
        }
        let owner = self.owner_of(ty);
        if let Some(id) = self.declared.constant(owner, &name.text) {
            self.notes.use_of(name.span, self.declared[id].ast.bindings[0].0.span);
            let callee = self.variable_value(id, span);
            return self.call_value(callee.expr, arguments, span);
        }
        let message = format!("type '{}' has no function '{}'", self.types.name(ty), name.text);
        self.report_no_method(ty, name, message);
        self.failed_call(arguments, span)
    }

    /// Type arguments of a method: those of the receiver's type, then its own.
    fn method_arguments(&mut self, id: FunctionDeclId, ty: TypeId, call: MemberCall<'a>) -> Option<Vec<TypeId>> {
        let own = self.type_arguments(id, call.types, call.span)?;
        let of_owner = self.named.arguments(ty);
        Some([of_owner, own].concat())
    }

    /// `value.name(arguments)`
    fn call_method(&mut self, value: Expression, call: MemberCall<'a>) -> Value {
        let MemberCall { name, arguments, span, .. } = call;
        let value = self.unwrap_weak(value);
        let ty = self.behind_pointers(value.ty);
        if self.notes.is_marker(&name.text) {
            self.offer_members(ty);
        }
        if ty == TypeId::ERRONEOUS || ty == TypeId::NO_RETURN {
            return self.failed_call(arguments, span);
        }
        if let Some(id) = self.declared.method(self.owner_of(ty), &name.text) {
            let Some(all) = self.method_arguments(id, ty, call) else {
                return self.failed_call(arguments, span);
            };
            return self.call_with_receiver(id, all, value, call);
        }
        let base = self.auto_dereference(value.clone());
        if let Some(field) = self.field_quietly(&base, &name.text, span) {
            self.note_use_of_member(base.ty, name);
            self.notes.type_of(name.span, field.expr.ty);
            return self.call_value(field.expr, arguments, span);
        }
        if let Some(id) = self.free_method(&name.text) {
            return self.call_with_receiver(id, Vec::new(), value, call);
        }
        // An enum is an integer as well.
        if let Some(backing) = self.types.enum_type(ty).map(|it| it.backing)
            && self.declared.method(self.owner_of(backing), &name.text).is_some()
        {
            let value = self.enum_to_backing(base, backing);
            return self.call_method(value, call);
        }
        if let Some(result) = self.call_of_bound(ty, name) {
            self.check_all(arguments);
            return make(ExpressionKind::Zero, result, span).into();
        }
        let message = format!("'{}' has no method '{}'", self.types.name(ty), name.text);
        self.report_no_method(ty, name, message);
        self.failed_call(arguments, span)
    }

    pub(super) fn behind_pointers(&self, mut ty: TypeId) -> TypeId {
        while let Type::Pointer(to) = self.types.get(ty) {
            ty = *to;
        }
        ty
    }

    /// A free function whose first parameter is named `self`.
    fn free_method(&self, name: &Rc<str>) -> Option<FunctionDeclId> {
        let id = self.function_named(&self.env(), name)?;
        let ast = self.declared[id].ast;
        let takes_self = ast.params.first().is_some_and(|param| &*param.name.text == "self");
        (takes_self && ast.type_params.is_empty()).then_some(id)
    }

    fn call_with_receiver(
        &mut self,
        id: FunctionDeclId,
        types: Vec<TypeId>,
        value: Expression,
        call: MemberCall<'a>,
    ) -> Value {
        let MemberCall { name, arguments, span, .. } = call;
        self.note_use_of_function(id, name.span);
        let decl = &self.declared[id];
        let takes_self = decl.implicit_self || decl.ast.params.first().is_some_and(|param| &*param.name.text == "self");
        if decl.ast.is_static || !takes_self {
            let owner = self.behind_pointers(value.ty);
            let message =
                format!("'{}' is not called on a value: write {}.{}(…)", name.text, self.types.name(owner), name.text);
            self.report(Code::InvalidOperation, name.span, message);
            return self.failed_call(arguments, span);
        }
        let wanted = if decl.ast.is_extern {
            self.extern_binding(id).signature.params[0].ty
        } else {
            let function = self.instance(id, types.clone(), span);
            self.instances.signature(function).params[0].ty
        };
        let receiver = self.adapt_receiver(value, wanted);
        self.call_declared(id, types, Some(receiver), arguments, span)
    }

    /// Takes the address of the receiver, or follows its pointers, as the method wants it.
    fn adapt_receiver(&mut self, value: Expression, wanted: TypeId) -> Expression {
        if value.ty == wanted {
            return value;
        }
        let base = self.behind_pointers(value.ty);
        if base == wanted {
            return self.auto_dereference(value);
        }
        if *self.types.get(wanted) == Type::Pointer(base) {
            let value = self.auto_dereference(value);
            return self.address_of_value(value, wanted);
        }
        self.coerce(value.into(), wanted)
    }

    fn report_no_method(&mut self, ty: TypeId, name: &Name, message: String) {
        let owner = self.owner_of(ty);
        let mut names: Vec<Rc<str>> =
            self.declared.methods().filter(|(of, ..)| *of == owner).map(|(_, name, _)| name.clone()).collect();
        names.sort();
        let mut diagnostic = Diagnostic::new(Code::NoSuchField, name.span, message);
        if let Some(near) = nearest(&name.text, names.iter().map(|name| &**name)) {
            diagnostic = diagnostic.note(format!("did you mean '{near}'?"));
        } else if matches!(self.types.get(ty), Type::Optional(_)) {
            diagnostic = diagnostic.note("unwrap the optional first: by '.?', 'orelse' or a capture");
        }
        self.push_diagnostic(diagnostic);
    }

    /// A call of a method that the checker makes up, by its name; none if the type has no such
    /// method.
    pub(super) fn call_known_method(
        &mut self,
        value: Expression,
        name: &str,
        arguments: Vec<Expression>,
        span: Span,
    ) -> Option<Expression> {
        let ty = self.behind_pointers(value.ty);
        let id = self.declared.method(self.owner_of(ty), &Rc::from(name))?;
        self.notes.implicit(self.declared[id].ast.name.span);
        let types = self.named.arguments(ty);
        let function = self.instance(id, types, span);
        let signature = self.instances.signature(function).clone();
        if signature.params.len() != arguments.len() + 1 {
            return None;
        }
        let mut bound = vec![self.adapt_receiver(value, signature.params[0].ty)];
        for (argument, param) in arguments.into_iter().zip(&signature.params[1..]) {
            bound.push(self.coerce(argument.into(), param.ty));
        }
        let callee = crate::cot::typed::Callee::Function(function);
        Some(make(ExpressionKind::Call { callee, arguments: bound }, signature.result, span))
    }
}
