//! Blocks, `if`, and what their branches agree on (sections 6, 8.3, 9).

use crate::cot::ast::{self, Capture, Declaration, Expr, StatementKind as Ast};
use crate::cot::check::Checker;
use crate::cot::check::model::{Binding, Env, Mutability, Untyped, Value, as_block, make};
use crate::cot::source::Span;
use crate::cot::typed::{Block, Condition, Expression, ExpressionKind, LocalId, Statement, StatementKind};
use crate::cot::types::{Type, TypeId};

/// What is expected of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    /// It is a statement.
    Discard,
    /// A value, which will be converted to the type, if there is one.
    Value(Option<TypeId>),
}

impl Want {
    pub fn expected(self) -> Option<TypeId> {
        match self {
            Want::Discard => None,
            Want::Value(expected) => expected,
        }
    }
}

impl<'a> Checker<'a> {
    /// A block; its value is that of the last expression if one is wanted.
    pub(super) fn check_block(&mut self, block: &'a ast::Block, want: Want) -> Value {
        let want = if want == Want::Value(Some(TypeId::VOID)) { Want::Discard } else { want };
        self.open_scope();
        self.declare_block_types(block);
        let mut statements = Vec::new();
        let (mut value, mut is_left) = (None, false);
        for (index, statement) in block.statements.iter().enumerate() {
            let is_last = index + 1 == block.statements.len();
            match (&statement.kind, want) {
                (Ast::Expr(expr), Want::Value(expected)) if is_last => {
                    value = self.check_last(expr, expected, &mut statements, &mut is_left);
                }
                _ => is_left |= self.check_statement(statement, &mut statements),
            }
        }
        self.close_scope();
        self.make_block(statements, value, is_left, block.span)
    }

    fn check_last(
        &mut self,
        expr: &'a Expr,
        expected: Option<TypeId>,
        statements: &mut Vec<Statement>,
        is_left: &mut bool,
    ) -> Option<Value> {
        let value = self.check(expr, expected);
        if value.is_never() || value.is_void() {
            *is_left |= value.is_never();
            if !matches!(value.expr.kind, ExpressionKind::Void) {
                statements.push(Statement { kind: StatementKind::Expression(value.expr), span: expr.span });
            }
            return None;
        }
        Some(match expected {
            Some(ty) => self.coerce(value, ty).into(),
            None => value,
        })
    }

    fn make_block(&mut self, statements: Vec<Statement>, value: Option<Value>, is_left: bool, span: Span) -> Value {
        let end = Span { start: span.end.saturating_sub(1).max(span.start), ..span };
        let value = match value {
            Some(value) if statements.is_empty() && !is_left && Self::is_constant_or_untyped(&value) => return value,
            Some(value) => Some(self.settle(value)),
            None => None,
        };
        let ty = match &value {
            _ if is_left => TypeId::NO_RETURN,
            Some(value) => value.ty,
            None => TypeId::VOID,
        };
        if statements.is_empty() && value.is_none() {
            return make(ExpressionKind::Void, TypeId::VOID, span).into();
        }
        let value = if is_left { None } else { value.map(Box::new) };
        make(ExpressionKind::Block(Block { statements, value, end }), ty, span).into()
    }

    pub(super) fn is_constant_or_untyped(value: &Value) -> bool {
        value.untyped != Untyped::No || Self::is_constant(&value.expr)
    }

    /// Types of a block are visible in all of it.
    fn declare_block_types(&mut self, block: &'a ast::Block) {
        for statement in &block.statements {
            let Ast::Type(declaration) = &statement.kind else { continue };
            let declaration: &'a Declaration = declaration;
            let env = self.env();
            if let Some(item) = self.declare_item(declaration, &Env { outer: env.outer, ..env.clone() }, env.outer) {
                let name = self.declared[item].name;
                self.declared.rename(item, name.text.to_string());
                self.bind(name, Binding::Item(item));
            }
        }
        for statement in &block.statements {
            if let Ast::Type(declaration) = &statement.kind {
                self.check_block_type(declaration);
            }
        }
    }

    /// Resolves a type of a block, so it is checked even if nothing uses it.
    fn check_block_type(&mut self, declaration: &'a Declaration) {
        let name = match declaration {
            Declaration::Struct(it) if it.type_params.is_empty() => &it.name,
            Declaration::Enum(it) => &it.name,
            Declaration::Union(it) => &it.name,
            Declaration::ErrorSet(it) => &it.name,
            Declaration::Alias(it) => &it.name,
            _ => return,
        };
        if let Some(Binding::Item(item)) = self.find_binding(&name.text) {
            self.item_type(item, Vec::new(), name.span);
        }
    }

    /// Runs something that binds locals to values first, and has them in scope.
    pub(super) fn with_locals(&mut self, locals: Vec<(LocalId, Expression)>, result: Expression) -> Expression {
        let span = result.span;
        let ty = result.ty;
        let statements = locals.into_iter().map(|(local, value)| {
            let span = value.span;
            Statement { kind: StatementKind::Local { local, value }, span }
        });
        let statements = statements.collect();
        let value = if matches!(ty, TypeId::VOID | TypeId::NO_RETURN) { None } else { Some(Box::new(result.clone())) };
        let mut block = Block { statements, value, end: span.end_point() };
        if block.value.is_none() {
            block.statements.push(Statement { kind: StatementKind::Expression(result), span });
        }
        make(ExpressionKind::Block(block), ty, span)
    }

    pub(super) fn check_if(&mut self, it: &'a ast::If, want: Want, span: Span) -> Value {
        self.open_scope();
        let condition = self.check_condition(&it.condition, it.capture.as_ref());
        if let Condition::Bool(Expression { kind: ExpressionKind::Bool(taken), .. }) = condition {
            self.look_at(if taken { it.otherwise.as_ref() } else { Some(&it.then) });
            let value = match (&it.otherwise, taken) {
                (_, true) => self.check_block(&it.then, want),
                (Some(otherwise), false) => {
                    self.close_scope();
                    self.open_scope();
                    self.check_block(otherwise, want)
                }
                (None, false) => make(ExpressionKind::Void, TypeId::VOID, span).into(),
            };
            self.close_scope();
            return value;
        }
        let want = if it.otherwise.is_none() || want == Want::Value(Some(TypeId::VOID)) { Want::Discard } else { want };
        let then = self.check_block(&it.then, want);
        self.close_scope();
        let otherwise = it.otherwise.as_ref().map(|block| self.check_block(block, want));
        let condition = Box::new(condition);
        let Some(otherwise) = otherwise else {
            let kind = ExpressionKind::If { condition, then: as_block(then.expr), otherwise: None };
            return make(kind, TypeId::VOID, span).into();
        };
        let mut branches = vec![then, otherwise];
        let ty = self.unify(&mut branches, want);
        let otherwise = branches.pop().map(|branch| as_block(branch.expr));
        let then = branches.pop().map(|branch| as_block(branch.expr)).expect("there are two branches");
        make(ExpressionKind::If { condition, then, otherwise }, ty, span).into()
    }

    /// A branch that is not part of the program has names all the same.
    fn look_at(&mut self, block: Option<&'a ast::Block>) {
        if let Some(block) = block.filter(|_| self.notes.is_on()) {
            let loops = self.body().loops.clone();
            self.check_block(block, Want::Discard);
            self.body().loops = loops;
        }
    }

    /// Gives branches one type, which is returned: the expected one, or one that all convert to.
    /// Branches that never end don't count.
    pub(super) fn unify(&mut self, branches: &mut Vec<Value>, want: Want) -> TypeId {
        if branches.iter().all(Value::is_never) {
            return TypeId::NO_RETURN;
        }
        let target = match want {
            Want::Discard => {
                for branch in branches {
                    self.discard(branch);
                }
                return TypeId::VOID;
            }
            Want::Value(Some(expected)) => expected,
            Want::Value(None) => self.common_type(branches),
        };
        for branch in branches {
            let value = branch.clone();
            *branch = self.coerce(value, target).into();
        }
        target
    }

    /// Makes an expression one without value.
    pub(super) fn discard(&mut self, value: &mut Value) {
        if value.is_void() || value.is_never() {
            return;
        }
        let span = value.expr.span;
        let inner = if value.untyped == Untyped::No {
            value.expr.clone()
        } else {
            make(ExpressionKind::Void, TypeId::VOID, span)
        };
        let statements = vec![Statement { kind: StatementKind::Expression(inner), span }];
        let block = Block { statements, value: None, end: span.end_point() };
        *value = make(ExpressionKind::Block(block), TypeId::VOID, span).into();
    }

    fn common_type(&mut self, branches: &[Value]) -> TypeId {
        let mut target: Option<TypeId> = None;
        for branch in branches.iter().filter(|it| !it.is_never() && it.untyped == Untyped::No && !it.is_erroneous()) {
            let ty = branch.expr.ty;
            target = match target {
                None => Some(ty),
                Some(known) if self.converts(ty, known) => Some(known),
                Some(known) if self.converts(known, ty) => Some(ty),
                known => known,
            };
        }
        let has = |untyped| branches.iter().any(|it| it.untyped == untyped);
        match target {
            Some(ty) if has(Untyped::Null) && !matches!(self.types.get(ty), Type::Optional(_) | Type::Pointer(_)) => {
                self.types.optional(ty)
            }
            Some(ty) => ty,
            None if has(Untyped::Float) => TypeId::F64,
            None if has(Untyped::Int) || has(Untyped::Bits) => TypeId::I64,
            None => TypeId::ERRONEOUS,
        }
    }

    /// What decides an `if` or `while`; a capture is bound in the innermost scope.
    pub(super) fn check_condition(&mut self, expr: &'a Expr, capture: Option<&'a Capture>) -> Condition {
        let Some(capture) = capture else {
            let value = self.check(expr, Some(TypeId::BOOL));
            return Condition::Bool(self.coerce(value, TypeId::BOOL));
        };
        let subject = self.check(expr, None);
        let subject = self.settle(subject);
        let payload = match self.types.get(subject.ty) {
            Type::Optional(of) => *of,
            Type::Erroneous => TypeId::ERRONEOUS,
            _ => {
                let name = self.types.name(subject.ty);
                self.type_error(expr.span, format!("a capture needs an optional, not '{name}'"));
                TypeId::ERRONEOUS
            }
        };
        if !capture.by_pointer {
            let payload = self.declare_local(&capture.name, payload, Mutability::Constant);
            return Condition::Optional { subject, payload };
        }
        let subject = self.place_of(subject);
        self.mark_address_taken(&subject);
        let pointer = self.types.pointer(payload);
        let payload = self.declare_local(&capture.name, pointer, Mutability::Constant);
        Condition::OptionalPointer { subject, payload }
    }
}
