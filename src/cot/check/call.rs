//! Calls: of functions, generic instances, externs, function values, constructors of union variants
//! (sections 13, 14, 19).

use std::rc::Rc;

use crate::cot::ast::{Expr, ExprKind, Name};
use crate::cot::check::Checker;
use crate::cot::check::assertion::is_builtin_function;
use crate::cot::check::body::Body;
use crate::cot::check::model::{
    Binding, ExternBinding, ExternTarget, FunctionDeclId, ItemKind, Meaning, MemberCall, Signature, Value, convert,
    make,
};
use crate::cot::diagnostic::{Code, Diagnostic};
use crate::cot::runtime_function::RuntimeFunction;
use crate::cot::source::Span;
use crate::cot::typed::{
    Callee, CompareOperator, Conversion, Expression, ExpressionKind, FunctionId, LocalId, Statement, StatementKind,
};
use crate::cot::types::{Type, TypeId};

impl<'a> Checker<'a> {
    pub(super) fn check_call(
        &mut self,
        callee: &'a Expr,
        arguments: &'a [Expr],
        expected: Option<TypeId>,
        span: Span,
    ) -> Value {
        match &callee.kind {
            ExprKind::Name(text) => self.call_name(text, callee, arguments, span),
            ExprKind::Member { base, name } => self.call_member(base, MemberCall { name, types: &[], arguments, span }),
            ExprKind::EnumLiteral(name) => {
                let Some(ty) = expected.map(|ty| self.innermost(ty)).filter(|ty| self.types.union_type(*ty).is_some())
                else {
                    self.type_error(callee.span, format!("the type of '.{}' is not known here", name.text));
                    return self.erroneous(span);
                };
                self.construct_variant(ty, name, arguments, span)
            }
            ExprKind::Call { callee: inner, arguments: types } => match &inner.kind {
                ExprKind::Name(text) => match self.generic_function(text, inner.span) {
                    Some(id) => self.call_generic(id, types, arguments, callee.span, span),
                    None => self.call_value_of(callee, arguments, span),
                },
                ExprKind::Member { base, name } if self.is_generic_method(name) => {
                    self.call_member(base, MemberCall { name, types, arguments, span })
                }
                _ => self.call_value_of(callee, arguments, span),
            },
            _ => self.call_value_of(callee, arguments, span),
        }
    }

    fn call_name(&mut self, text: &Rc<str>, callee: &'a Expr, arguments: &'a [Expr], span: Span) -> Value {
        let env = self.env();
        let found = self.find_quietly(&env, text, callee.span);
        // A variable that is not a function does not hide `len` and its like.
        let is_function = match &found {
            Some(Meaning::Binding(Binding::Local { local, .. })) => {
                let ty = self.local_type(*local);
                matches!(self.types.get(ty), Type::Function { .. })
            }
            Some(Meaning::Binding(Binding::Constant(_))) => false,
            _ => true,
        };
        let found = found.filter(|_| is_function || !is_builtin_function(text));
        if found.is_none() {
            self.notes.uses.remove(&callee.span);
        }
        match found {
            None => match self.check_builtin_function(text, arguments, span) {
                Some(value) => value,
                None => {
                    self.find(&env, text, callee.span);
                    self.failed_call(arguments, span)
                }
            },
            Some(Meaning::Item(item)) => match self.declared[item].kind {
                ItemKind::Function(id) => {
                    if !self.declared[id].ast.type_params.is_empty() {
                        let is_type = |it: &mut Self, argument| it.expr_as_type(argument, &env).is_some();
                        if !arguments.is_empty() && arguments.iter().all(|argument| is_type(self, argument)) {
                            return self.instance_value(id, arguments, span);
                        }
                        let message = format!("'{text}' is generic: write {text}(types)(arguments)");
                        self.type_error(callee.span, message);
                        return self.failed_call(arguments, span);
                    }
                    self.call_declared(id, Vec::new(), None, arguments, span)
                }
                _ => self.call_value_of(callee, arguments, span),
            },
            Some(_) => self.call_value_of(callee, arguments, span),
        }
    }

    /// An instance of a generic function as a value.
    fn instance_value(&mut self, id: FunctionDeclId, types: &'a [Expr], span: Span) -> Value {
        match self.type_arguments(id, types, span) {
            Some(types) => self.function_value(id, types, span),
            None => self.erroneous(span),
        }
    }

    pub(super) fn check_all(&mut self, arguments: &'a [Expr]) {
        for argument in arguments {
            // A literal that lacks its type is not what is wrong here.
            if !matches!(argument.kind, ExprKind::EnumLiteral(_) | ExprKind::Struct { ty: None, .. }) {
                self.check(argument, None);
            }
        }
    }

    /// A call that an error was reported of: what is wrong with its arguments is reported as well.
    pub(super) fn failed_call(&mut self, arguments: &'a [Expr], span: Span) -> Value {
        self.check_all(arguments);
        self.erroneous(span)
    }

    /// The generic function that a name stands for.
    fn generic_function(&mut self, text: &Rc<str>, span: Span) -> Option<FunctionDeclId> {
        let env = self.env();
        let Some(Meaning::Item(item)) = self.find_quietly(&env, text, span) else { return None };
        match self.declared[item].kind {
            ItemKind::Function(id) if !self.declared[id].ast.type_params.is_empty() => Some(id),
            _ => None,
        }
    }

    fn call_generic(
        &mut self,
        id: FunctionDeclId,
        types: &'a [Expr],
        arguments: &'a [Expr],
        callee_span: Span,
        span: Span,
    ) -> Value {
        match self.type_arguments(id, types, callee_span) {
            Some(types) => self.call_declared(id, types, None, arguments, span),
            None => self.failed_call(arguments, span),
        }
    }

    /// Type arguments of a function, checked against its parameters and bounds.
    pub(super) fn type_arguments(&mut self, id: FunctionDeclId, types: &'a [Expr], span: Span) -> Option<Vec<TypeId>> {
        let env = self.env();
        let ast = self.declared[id].ast;
        let found: Vec<TypeId> = types.iter().map(|ty| self.type_argument(ty, &env)).collect();
        if found.len() != ast.type_params.len() {
            let message =
                format!("'{}' takes {} type arguments, not {}", ast.name.text, ast.type_params.len(), found.len());
            self.report(Code::ArgumentCount, span, message);
            return None;
        }
        if found.contains(&TypeId::ERRONEOUS) || !self.meets_bounds(id, &found, span) {
            return None;
        }
        Some(found)
    }

    /// A call of a declared function; `receiver` stands for its first parameter.
    pub(super) fn call_declared(
        &mut self,
        id: FunctionDeclId,
        types: Vec<TypeId>,
        receiver: Option<Expression>,
        arguments: &'a [Expr],
        span: Span,
    ) -> Value {
        if self.declared[id].ast.is_extern {
            let binding = self.extern_binding(id);
            let arguments = self.bind_arguments(&binding.signature, receiver, arguments, span);
            return self.call_extern(&binding, arguments, span).into();
        }
        let function = self.instance(id, types, span);
        let signature = self.instances.signature(function).clone();
        let arguments = self.bind_arguments(&signature, receiver, arguments, span);
        self.call_function(function, arguments, span)
    }

    pub(super) fn call_function(&mut self, function: FunctionId, arguments: Vec<Expression>, span: Span) -> Value {
        let ty = self.instances.signature(function).result;
        make(ExpressionKind::Call { callee: Callee::Function(function), arguments }, ty, span).into()
    }

    /// Arguments for all parameters: those that are written, then defaults.
    fn bind_arguments(
        &mut self,
        signature: &Rc<Signature<'a>>,
        receiver: Option<Expression>,
        arguments: &'a [Expr],
        span: Span,
    ) -> Vec<Expression> {
        let skip = usize::from(receiver.is_some());
        let mut bound: Vec<Expression> = receiver.into_iter().collect();
        let params = signature.params.get(skip..).unwrap_or_default();
        let n_needed = params.iter().filter(|param| param.default.is_none()).count();
        if arguments.len() > params.len() || arguments.len() < n_needed {
            let wanted = if n_needed < params.len() {
                format!("{n_needed} to {}", params.len())
            } else {
                format!("{}", params.len())
            };
            let plural = if wanted == "1" { "" } else { "s" };
            let message = format!("'{}' takes {wanted} argument{plural}, not {}", signature.name, arguments.len());
            self.report(Code::ArgumentCount, span, message);
        }
        for (index, param) in params.iter().enumerate() {
            match (arguments.get(index), param.default) {
                (Some(argument), _) => bound.push(self.check_as(argument, param.ty)),
                (None, Some(default)) => {
                    let (env, ty) = (signature.env.clone(), param.ty);
                    bound.push(self.elsewhere(env, |it| it.check_as(default, ty)));
                }
                (None, None) => {}
            }
        }
        self.check_all(arguments.get(params.len()..).unwrap_or_default());
        bound
    }

    fn call_value_of(&mut self, callee: &'a Expr, arguments: &'a [Expr], span: Span) -> Value {
        let callee_value = self.check_settled(callee);
        self.call_value(callee_value, arguments, span)
    }

    /// A call of a function value.
    pub(super) fn call_value(&mut self, callee: Expression, arguments: &'a [Expr], span: Span) -> Value {
        let Type::Function { params, result } = self.types.get(callee.ty).clone() else {
            if callee.ty != TypeId::ERRONEOUS {
                let name = self.types.name(callee.ty);
                self.report(Code::NotCallable, callee.span, format!("'{name}' is not a function"));
            }
            return self.failed_call(arguments, span);
        };
        if params.len() != arguments.len() {
            let plural = if params.len() == 1 { "" } else { "s" };
            let message = format!("this function takes {} argument{plural}, not {}", params.len(), arguments.len());
            self.report(Code::ArgumentCount, span, message);
        }
        let bound: Vec<Expression> =
            arguments.iter().zip(&params).map(|(argument, ty)| self.check_as(argument, *ty)).collect();
        // What is certain already needs no closure object.
        if let ExpressionKind::Function(function) = callee.kind
            && bound.len() == params.len()
        {
            return self.call_function(function, bound, span);
        }
        let callee = Callee::Value(Box::new(callee));
        make(ExpressionKind::Call { callee, arguments: bound }, result, span).into()
    }

    pub(super) fn call_extern(
        &mut self,
        binding: &ExternBinding<'a>,
        arguments: Vec<Expression>,
        span: Span,
    ) -> Expression {
        let result = binding.signature.result;
        let function = match binding.target {
            ExternTarget::Extern(id) => {
                for argument in &arguments {
                    let is_function = matches!(self.types.get(argument.ty), Type::Function { .. });
                    if is_function && !matches!(argument.kind, ExpressionKind::Function(_)) {
                        let message = "C can call a function that is known here and captures nothing";
                        self.type_error(argument.span, message);
                    }
                }
                return make(ExpressionKind::Call { callee: Callee::Extern(id), arguments }, result, span);
            }
            ExternTarget::Runtime(function) => function,
        };
        if matches!(function, RuntimeFunction::Fork | RuntimeFunction::Pipe | RuntimeFunction::Dup2) {
            self.output.share_descriptors();
        }
        let mut arguments: Vec<Expression> = arguments.into_iter().map(|argument| self.word_of(argument)).collect();
        if function == RuntimeFunction::MallocStruct && arguments.len() == 1 {
            arguments.push(make(ExpressionKind::Int(1), TypeId::I64, span));
        }
        let returns = matches!(self.types.get(result), Type::Void | Type::NoReturn);
        let ty = if returns { result } else { TypeId::I64 };
        let call = make(ExpressionKind::Call { callee: Callee::Runtime(function), arguments }, ty, span);
        match self.types.get(result) {
            Type::Pointer(_) => convert(Conversion::IntToPointer, call, result),
            Type::Int { .. } => self.resize(call, result),
            Type::Bool => {
                let zero = Box::new(make(ExpressionKind::Int(0), TypeId::I64, span));
                let operator = CompareOperator::NotEqual;
                make(ExpressionKind::Compare { operator, left: Box::new(call), right: zero }, TypeId::BOOL, span)
            }
            _ => call,
        }
    }

    /// An argument of a runtime function.
    fn word_of(&mut self, expr: Expression) -> Expression {
        match self.types.get(expr.ty) {
            Type::Int { .. } => self.resize(expr, TypeId::I64),
            Type::Bool => convert(Conversion::BoolToInt, expr, TypeId::I64),
            Type::Pointer(_) | Type::Optional(_) => convert(Conversion::PointerToInt, expr, TypeId::I64),
            _ => expr,
        }
    }

    /// A declared function as a value.
    pub(super) fn function_value(&mut self, id: FunctionDeclId, types: Vec<TypeId>, span: Span) -> Value {
        let function =
            if self.declared[id].ast.is_extern { self.extern_value(id) } else { self.instance(id, types, span) };
        let signature = self.instances.signature(function).clone();
        let params = signature.params.iter().map(|param| param.ty).collect();
        let ty = self.types.intern(Type::Function { params, result: signature.result });
        make(ExpressionKind::Function(function), ty, span).into()
    }

    /// A function that calls an extern function.
    fn extern_value(&mut self, id: FunctionDeclId) -> FunctionId {
        if let Some(known) = self.instances.extern_value(id) {
            return known;
        }
        let binding = self.extern_binding(id);
        let span = self.declared[id].ast.span;
        let signature = binding.signature.clone();
        let function = self.new_function(&signature, span);
        let body = Body::new(function, signature.name.clone(), signature.env.clone(), signature.result);
        self.bodies.push(body);
        let mut arguments = Vec::new();
        for param in &signature.params {
            let local: LocalId = self.new_local(&param.name, param.ty);
            arguments.push(self.load_local(local, span));
        }
        let call = self.call_extern(&binding, arguments, span);
        let kind = if matches!(self.types.get(signature.result), Type::Void | Type::NoReturn) {
            StatementKind::Expression(call)
        } else {
            let leave = ExpressionKind::Return(Some(Box::new(call)));
            StatementKind::Expression(make(leave, TypeId::NO_RETURN, span))
        };
        let statements = vec![Statement { kind, span }];
        self.close_body(crate::cot::typed::Block { statements, value: None, end: span.end_point() });
        self.instances.set_extern_value(id, function);
        function
    }

    /// `Union.variant(payload)`
    pub(super) fn construct_variant(&mut self, ty: TypeId, name: &'a Name, arguments: &'a [Expr], span: Span) -> Value {
        let Some((variant, payload)) = self.find_variant(ty, name) else {
            return self.failed_call(arguments, span);
        };
        let wanted = usize::from(payload != TypeId::VOID);
        if arguments.len() != wanted {
            let message = format!("variant '{}' takes {wanted} values, not {}", name.text, arguments.len());
            let diagnostic = Diagnostic::new(Code::ArgumentCount, span, message);
            self.push_diagnostic(diagnostic);
        }
        if payload == TypeId::VOID {
            self.check_all(arguments);
            return make(ExpressionKind::Union { variant, payload: None }, ty, span).into();
        }
        let payload = arguments.first().map(|argument| Box::new(self.check_as(argument, payload)));
        make(ExpressionKind::Union { variant, payload }, ty, span).into()
    }

    /// Whether a method of this name takes type arguments of its own; whose it is, is not known
    /// before the base is checked.
    fn is_generic_method(&self, name: &'a Name) -> bool {
        let mut methods = self.declared.methods();
        methods.any(|(_, method, id)| *method == name.text && !self.declared[id].ast.type_params.is_empty())
    }
}
