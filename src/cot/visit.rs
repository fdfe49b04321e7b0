//! The one walk over trees, for passes that are a [`Visitor`]: each kind of node has a method,
//! which by default goes into the parts of the node. A pass overrides those it knows something
//! about, and calls `walk_…` to go on into the parts.
//!
//! Parts come in the order of the source, but members of a type by their kinds. A new kind of node
//! is walked here and nowhere else.

use crate::cot::ast::{
    Arm, Block, Capture, Declaration, Expr, ExprKind, Function, Members, Name, Param, Part, Pattern, Statement,
    StatementKind, Test, TypeExpr, TypeExprKind, Variable,
};

pub trait Visitor {
    fn declaration(&mut self, it: &Declaration) {
        walk_declaration(self, it);
    }

    fn function(&mut self, it: &Function) {
        walk_function(self, it);
    }

    fn variable(&mut self, it: &Variable) {
        walk_variable(self, it);
    }

    fn members(&mut self, it: &Members) {
        walk_members(self, it);
    }

    /// A parameter, or a field of a struct.
    fn param(&mut self, it: &Param) {
        walk_param(self, it);
    }

    /// A variable, or a variant of a union, and its type.
    fn binding(&mut self, name: &Name, ty: Option<&TypeExpr>) {
        self.name(name);
        ty.into_iter().for_each(|ty| self.type_expr(ty));
    }

    /// A field of a struct value, or a variant of an enum, and its value.
    fn field(&mut self, name: &Name, value: &Expr) {
        self.name(name);
        self.expr(value);
    }

    fn type_expr(&mut self, it: &TypeExpr) {
        walk_type(self, it);
    }

    fn block(&mut self, it: &Block) {
        walk_block(self, it);
    }

    fn statement(&mut self, it: &Statement) {
        walk_statement(self, it);
    }

    fn expr(&mut self, it: &Expr) {
        walk_expr(self, &it.kind);
    }

    fn arm(&mut self, it: &Arm) {
        walk_arm(self, it);
    }

    fn pattern(&mut self, it: &Pattern) {
        self.expr(&it.first);
        it.last.iter().for_each(|last| self.expr(last));
    }

    fn type_params(&mut self, names: &[Name]) {
        names.iter().for_each(|name| self.name(name));
    }

    fn capture(&mut self, it: &Capture) {
        self.name(&it.name);
    }

    /// Names of all kinds but those that are expressions or types.
    fn name(&mut self, _: &Name) {}
}

pub fn walk_declaration<V: Visitor + ?Sized>(visitor: &mut V, it: &Declaration) {
    match it {
        Declaration::Import(_) => {}
        Declaration::Function(it) => visitor.function(it),
        Declaration::Variable(it) => visitor.variable(it),
        Declaration::Struct(it) => {
            visitor.name(&it.name);
            visitor.type_params(&it.type_params);
            it.fields.iter().for_each(|field| visitor.param(field));
            visitor.members(&it.members);
        }
        Declaration::Enum(it) => {
            visitor.name(&it.name);
            it.backing.iter().for_each(|ty| visitor.type_expr(ty));
            for (name, value) in &it.variants {
                match value {
                    Some(value) => visitor.field(name, value),
                    None => visitor.name(name),
                }
            }
            visitor.members(&it.members);
        }
        Declaration::Union(it) => {
            visitor.name(&it.name);
            it.variants.iter().for_each(|(name, ty)| visitor.binding(name, ty.as_ref()));
            visitor.members(&it.members);
        }
        Declaration::ErrorSet(it) => {
            visitor.name(&it.name);
            it.members.iter().for_each(|name| visitor.name(name));
        }
        Declaration::Alias(it) => {
            visitor.name(&it.name);
            visitor.type_expr(&it.ty);
        }
        Declaration::Trait(it) => {
            visitor.name(&it.name);
            it.functions.iter().for_each(|function| visitor.function(function));
        }
        Declaration::Impl(it) => {
            it.of_trait.iter().for_each(|name| visitor.name(name));
            visitor.type_expr(&it.target);
            visitor.type_params(&it.type_params);
            visitor.members(&it.members);
        }
        Declaration::Test(Test { body, .. }) | Declaration::Bench(Test { body, .. }) => visitor.block(body),
    }
}

pub fn walk_function<V: Visitor + ?Sized>(visitor: &mut V, it: &Function) {
    visitor.name(&it.name);
    visitor.type_params(&it.type_params);
    it.params.iter().for_each(|param| visitor.param(param));
    it.result.iter().for_each(|ty| visitor.type_expr(ty));
    for (param, of) in &it.bounds {
        visitor.name(param);
        visitor.name(of);
    }
    it.body.iter().for_each(|body| visitor.block(body));
}

pub fn walk_variable<V: Visitor + ?Sized>(visitor: &mut V, it: &Variable) {
    it.bindings.iter().for_each(|(name, ty)| visitor.binding(name, ty.as_ref()));
    it.value.iter().for_each(|value| visitor.expr(value));
}

pub fn walk_members<V: Visitor + ?Sized>(visitor: &mut V, it: &Members) {
    it.types.iter().for_each(|of| visitor.declaration(of));
    it.constants.iter().for_each(|of| visitor.variable(of));
    it.functions.iter().for_each(|of| visitor.function(of));
}

pub fn walk_param<V: Visitor + ?Sized>(visitor: &mut V, it: &Param) {
    visitor.name(&it.name);
    visitor.type_expr(&it.ty);
    it.default.iter().for_each(|value| visitor.expr(value));
}

pub fn walk_type<V: Visitor + ?Sized>(visitor: &mut V, it: &TypeExpr) {
    match &it.kind {
        TypeExprKind::Primitive(_) | TypeExprKind::Erroneous => {}
        TypeExprKind::Named { arguments: types, .. } | TypeExprKind::Tuple(types) => {
            types.iter().for_each(|ty| visitor.type_expr(ty));
        }
        TypeExprKind::Pointer(of) | TypeExprKind::Optional(of) | TypeExprKind::Slice(of) => visitor.type_expr(of),
        TypeExprKind::ErrorUnion { set, payload } => {
            set.iter().for_each(|set| visitor.type_expr(set));
            visitor.type_expr(payload);
        }
        TypeExprKind::Array { length, element } => {
            visitor.expr(length);
            visitor.type_expr(element);
        }
        TypeExprKind::Function { params, result } => {
            params.iter().chain(result.as_deref()).for_each(|ty| visitor.type_expr(ty));
        }
        TypeExprKind::TypeOf(of) => visitor.expr(of),
    }
}

pub fn walk_block<V: Visitor + ?Sized>(visitor: &mut V, it: &Block) {
    it.statements.iter().for_each(|statement| visitor.statement(statement));
}

pub fn walk_statement<V: Visitor + ?Sized>(visitor: &mut V, it: &Statement) {
    match &it.kind {
        StatementKind::Expr(it) => visitor.expr(it),
        StatementKind::Variable(it) => visitor.variable(it),
        StatementKind::Type(it) => visitor.declaration(it),
        StatementKind::Assign { target, value, .. } => {
            visitor.expr(target);
            visitor.expr(value);
        }
        StatementKind::While { label, condition, capture, step, body } => {
            label.iter().for_each(|label| visitor.name(label));
            visitor.expr(condition);
            capture.iter().for_each(|capture| visitor.capture(capture));
            step.iter().for_each(|step| visitor.statement(step));
            visitor.block(body);
        }
        StatementKind::For(it) => {
            it.label.iter().chain([&it.first]).chain(&it.second).for_each(|name| visitor.name(name));
            visitor.expr(&it.subject);
            it.end.iter().for_each(|end| visitor.expr(end));
            visitor.block(&it.body);
        }
        StatementKind::Defer { body, .. } => visitor.statement(body),
    }
}

/// The parts of an expression.
pub fn walk_expr<V: Visitor + ?Sized>(visitor: &mut V, it: &ExprKind) {
    match it {
        ExprKind::Integer(_) | ExprKind::Float(_) | ExprKind::Character(_) | ExprKind::Bool(_) => {}
        ExprKind::Null | ExprKind::Undefined | ExprKind::Unreachable | ExprKind::String(_) => {}
        ExprKind::Name(_) | ExprKind::Erroneous => {}
        ExprKind::EnumLiteral(name) | ExprKind::ErrorLiteral(name) => visitor.name(name),
        ExprKind::Interpolation(parts) => parts.iter().for_each(|part| match part {
            Part::Expr(it) => visitor.expr(it),
            Part::Text(_) => {}
        }),
        ExprKind::Type(ty) => visitor.type_expr(ty),
        ExprKind::Tuple(all) | ExprKind::Array(all) | ExprKind::Builtin { arguments: all, .. } => exprs(visitor, all),
        ExprKind::Unary { operand: of, .. } | ExprKind::Dereference(of) | ExprKind::Unwrap(of) => visitor.expr(of),
        ExprKind::TupleIndex { base, .. } => visitor.expr(base),
        ExprKind::Member { base, name } | ExprKind::OptionalMember { base, name } => {
            visitor.expr(base);
            visitor.name(name);
        }
        ExprKind::Binary { left, right, .. } | ExprKind::Index { base: left, index: right } => {
            visitor.expr(left);
            visitor.expr(right);
        }
        ExprKind::Catch { value, capture, fallback } => {
            visitor.expr(value);
            capture.iter().for_each(|name| visitor.name(name));
            visitor.expr(fallback);
        }
        ExprKind::Call { callee, arguments } => {
            visitor.expr(callee);
            exprs(visitor, arguments);
        }
        ExprKind::Slice { base, start, end } => {
            [Some(base), start.as_ref(), end.as_ref()].into_iter().flatten().for_each(|it| visitor.expr(it));
        }
        ExprKind::Struct { ty, fields } => {
            ty.iter().for_each(|ty| visitor.expr(ty));
            fields.iter().for_each(|(name, value)| visitor.field(name, value));
        }
        ExprKind::New { ty, fields } => {
            visitor.type_expr(ty);
            fields.iter().for_each(|(name, value)| visitor.field(name, value));
        }
        ExprKind::NewCall { ty, arguments } => {
            visitor.type_expr(ty);
            exprs(visitor, arguments);
        }
        ExprKind::As { value, ty } => {
            visitor.expr(value);
            visitor.type_expr(ty);
        }
        ExprKind::Block(block) | ExprKind::Comptime(block) => visitor.block(block),
        ExprKind::Labelled(label, block) => {
            visitor.name(label);
            visitor.block(block);
        }
        ExprKind::If(it) => {
            visitor.expr(&it.condition);
            it.capture.iter().for_each(|capture| visitor.capture(capture));
            visitor.block(&it.then);
            it.otherwise.iter().for_each(|block| visitor.block(block));
        }
        ExprKind::Switch(it) => {
            visitor.expr(&it.subject);
            it.arms.iter().for_each(|arm| visitor.arm(arm));
        }
        ExprKind::Closure(it) => {
            it.params.iter().for_each(|param| visitor.param(param));
            it.result.iter().for_each(|ty| visitor.type_expr(ty));
            visitor.block(&it.body);
        }
        ExprKind::Return(value) => value.iter().for_each(|value| visitor.expr(value)),
        ExprKind::Break(label) | ExprKind::Continue(label) => label.iter().for_each(|label| visitor.name(label)),
        ExprKind::BreakValue(label, value) => {
            visitor.name(label);
            visitor.expr(value);
        }
    }
}

pub fn walk_arm<V: Visitor + ?Sized>(visitor: &mut V, it: &Arm) {
    it.patterns.iter().for_each(|pattern| visitor.pattern(pattern));
    it.capture.iter().for_each(|capture| visitor.capture(capture));
    it.guard.iter().for_each(|guard| visitor.expr(guard));
    visitor.expr(&it.body);
}

fn exprs<V: Visitor + ?Sized>(visitor: &mut V, exprs: &[Expr]) {
    exprs.iter().for_each(|it| visitor.expr(it));
}
