//! Variables of the top level and constants of types: what they hold, and the code that sets them
//! before `main` (sections 7 and 21).

use std::rc::Rc;

use crate::cot::ast::{BinaryOperator, Expr, ExprKind};
use crate::cot::check::Checker;
use crate::cot::check::body::Body;
use crate::cot::check::model::{Env, Signature, Value, VariableDecl, VariableId, VariableState, as_block, make};
use crate::cot::diagnostic::Code;
use crate::cot::source::Span;
use crate::cot::typed::{
    Block, Callee, Expression, ExpressionKind, FunctionId, Global, Place, PlaceKind, Statement, StatementKind,
};
use crate::cot::types::{Type, TypeId};

impl<'a> Checker<'a> {
    /// The state of a variable, which is checked now if it was not before.
    pub(super) fn variable_state(&mut self, id: VariableId) -> VariableState {
        let decl = &mut self.declared[id];
        let (ast, env) = (decl.ast, decl.env.clone());
        match &decl.state {
            VariableState::Unchecked => {}
            VariableState::Open => {
                let name = &ast.bindings[0].0;
                self.type_error(name.span, format!("the value of '{}' depends on itself", name.text));
                return VariableState::Erroneous;
            }
            state => return state.clone(),
        }
        decl.state = VariableState::Open;
        let state =
            match ast.value.as_ref().and_then(|value| self.merged_error_set(value, &env, &ast.bindings[0].0.text)) {
                Some(ty) => VariableState::ErrorSet(ty),
                None => self.check_variable(id, &env),
            };
        self.declared[id].state = state.clone();
        state
    }

    fn check_variable(&mut self, id: VariableId, env: &Env) -> VariableState {
        let ast = self.declared[id].ast;
        let (name, annotation) = &ast.bindings[0];
        if ast.is_const && ast.value.is_none() {
            self.report(Code::ExpectedExpression, ast.span, format!("the constant '{}' needs a value", name.text));
            return VariableState::Erroneous;
        }
        let annotated = annotation.as_ref().map(|ty| self.resolve_type(ty, env));
        let function = self.open_initializer(&name.text, env, ast.span);
        let value = match &ast.value {
            Some(value) => self.check(value, annotated),
            None => make(ExpressionKind::Zero, annotated.unwrap_or(TypeId::ERRONEOUS), ast.span).into(),
        };
        if value.is_erroneous() && annotated.is_none() {
            if ast.value.is_none() {
                self.type_error(ast.span, format!("'{}' needs a type or a value", name.text));
            }
            self.bodies.pop();
            return VariableState::Erroneous;
        }
        let value = match annotated {
            Some(ty) => self.coerce(value, ty).into(),
            None => value,
        };
        if ast.is_const && self.is_compile_time(&value.expr) {
            self.bodies.pop();
            return VariableState::Constant(Rc::new(value));
        }
        let expr = self.settle(value);
        self.make_global(&name.text, expr, ast.is_const, function, ast.span)
    }

    fn make_global(
        &mut self,
        name: &str,
        expr: Expression,
        is_const: bool,
        function: FunctionId,
        span: Span,
    ) -> VariableState {
        let ty = expr.ty;
        if matches!(self.types.get(ty), Type::Void | Type::NoReturn) {
            self.type_error(expr.span, format!("'{name}' would have no value"));
            self.bodies.pop();
            return VariableState::Erroneous;
        }
        let is_known = Self::is_constant(&expr) || matches!(expr.kind, ExpressionKind::Null | ExpressionKind::Zero);
        if is_known {
            self.bodies.pop();
            let id = self.output.add_global(Global { name: name.to_owned(), ty, value: Some(expr), span });
            return VariableState::Global { id, is_const, initializer: None };
        }
        let id = self.output.add_global(Global { name: name.to_owned(), ty, value: None, span });
        let kind = ExpressionKind::Return(Some(Box::new(expr)));
        let value = make(kind, TypeId::NO_RETURN, span);
        self.output[function].result = ty;
        let statement = Statement { kind: StatementKind::Expression(value), span };
        self.close_body(Block { statements: vec![statement], value: None, end: span.end_point() });
        VariableState::Global { id, is_const, initializer: Some(function) }
    }

    /// A function of its own for the initializer of a variable.
    pub(super) fn open_initializer(&mut self, name: &str, env: &Env, span: Span) -> FunctionId {
        let name = format!("initial {name}");
        let signature = Signature { name: name.clone(), params: Vec::new(), result: TypeId::VOID, env: env.clone() };
        let function = self.new_function(&Rc::new(signature), span);
        self.bodies.push(Body::new(function, name, env.clone(), TypeId::VOID));
        self.open_scope();
        function
    }

    /// The set that `A || B` merges.
    fn merged_error_set(&mut self, value: &'a Expr, env: &Env, name: &str) -> Option<TypeId> {
        let ExprKind::Binary { operator: BinaryOperator::Or, left, right } = &value.kind else { return None };
        let mut members = Vec::new();
        for side in [left, right] {
            let ty = match self.merged_error_set(side, env, name) {
                Some(ty) => ty,
                None => self.expr_as_type(side, env)?,
            };
            let Type::Error(set) = *self.types.get(ty) else { return None };
            members.extend(self.types.error_sets[set.0 as usize].members.iter().copied());
        }
        let set = self.types.error_set(name, members);
        Some(self.types.intern(Type::Error(set)))
    }

    /// A variable where it is named.
    pub(super) fn variable_value(&mut self, id: VariableId, span: Span) -> Value {
        match self.variable_state(id) {
            VariableState::Constant(value) => {
                let mut value = (*value).clone();
                value.expr.span = span;
                value
            }
            VariableState::Global { id, .. } => {
                let ty = self.output[id].ty;
                let place = Place { kind: PlaceKind::Global(id), ty, span };
                make(ExpressionKind::Load(Box::new(place)), ty, span).into()
            }
            VariableState::ErrorSet(_) => {
                self.type_error(span, "an error set is not a value");
                self.erroneous(span)
            }
            VariableState::Unchecked | VariableState::Open | VariableState::Erroneous => self.erroneous(span),
        }
    }

    /// The function that sets all variables, in the order of files and source.
    pub(super) fn make_initializer(&mut self) -> Option<FunctionId> {
        let mut statements = Vec::new();
        for variable in self.declared.variables() {
            let VariableDecl { ast, state, .. } = &self.declared[variable];
            let span = ast.span;
            let VariableState::Global { id, initializer: Some(function), .. } = *state else {
                continue;
            };
            let kind = ExpressionKind::Call { callee: Callee::Function(function), arguments: Vec::new() };
            let value = make(kind, self.output[id].ty, span);
            statements.push(Statement { kind: StatementKind::InitializeGlobal { global: id, value }, span });
        }
        let span = statements.first()?.span;
        let env = Env::of_file(0);
        let signature = Signature { name: "initialize".to_owned(), params: Vec::new(), result: TypeId::VOID, env };
        let function = self.new_function(&Rc::new(signature), span);
        let mut body = as_block(make(ExpressionKind::Void, TypeId::VOID, span));
        body.statements = statements;
        self.output[function].body = body;
        Some(function)
    }
}
