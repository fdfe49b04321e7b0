//! Warnings (section 25): what is probably a mistake, though the program means something. Looks at
//! one file's tree, without types.

use std::rc::Rc;

use crate::cot::ast::{
    Block, Capture, Declaration, Expr, ExprKind, File, Function, Members, Name, Param, Part, Statement, StatementKind,
    TypeExpr, TypeExprKind, Variable,
};
use crate::cot::diagnostic::{Code, Diagnostic};
use crate::cot::source::{Source, Span};

/// All warnings about a sound file, in order.
pub fn lint(file: &File, source: &Source) -> Vec<Diagnostic> {
    let mut linter = Linter { source, scopes: vec![Vec::new()], warnings: Vec::new() };
    for declaration in &file.declarations {
        if let Declaration::Variable(it) = declaration {
            it.bindings.iter().for_each(|(name, _)| linter.declare(name, BindingKind::Other));
        }
    }
    file.declarations.iter().for_each(|it| linter.declaration(it));
    linter.warnings.sort_by_key(|it| it.span.start);
    linter.warnings
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum BindingKind {
    Variable,
    Parameter,
    /// Its uses are not counted: captures, variables of loops, of the file.
    Other,
}

struct Known {
    name: Rc<str>,
    span: Span,
    kind: BindingKind,
    is_used: bool,
}

struct Linter<'a> {
    source: &'a Source,
    /// The first one is the file's.
    scopes: Vec<Vec<Known>>,
    warnings: Vec<Diagnostic>,
}

impl Linter<'_> {
    fn warn(&mut self, code: Code, span: Span, message: String) {
        self.warnings.push(Diagnostic::new(code, span, message));
    }

    fn declare(&mut self, name: &Name, kind: BindingKind) {
        let n_outer = self.scopes.len() - 1;
        let mut outer = self.scopes[..n_outer].iter().rev().flatten();
        if let Some(known) = outer.find(|it| it.name == name.text && !name.text.starts_with('_')) {
            let first = known.span;
            let message = format!("'{}' shadows an outer declaration", name.text);
            let warning = Diagnostic::new(Code::Shadowing, name.span, message);
            self.warnings.push(warning.note_at(first, "which is declared here"));
        }
        let known = Known { name: name.text.clone(), span: name.span, kind, is_used: name.text.starts_with('_') };
        self.scopes.last_mut().expect("the file's scope stays").push(known);
    }

    fn scope(&mut self, inside: impl FnOnce(&mut Self)) {
        self.scopes.push(Vec::new());
        inside(self);
        for known in self.scopes.pop().into_iter().flatten().filter(|it| !it.is_used) {
            match known.kind {
                BindingKind::Variable => {
                    self.warn(Code::UnusedVariable, known.span, format!("unused variable '{}'", known.name));
                }
                BindingKind::Parameter => {
                    self.warn(Code::UnusedParameter, known.span, format!("unused parameter '{}'", known.name));
                }
                BindingKind::Other => {}
            }
        }
    }

    fn use_name(&mut self, name: &str) {
        if let Some(known) =
            self.scopes.iter_mut().rev().flat_map(|all| all.iter_mut().rev()).find(|it| &*it.name == name)
        {
            known.is_used = true;
        }
    }

    fn declaration(&mut self, declaration: &Declaration) {
        match declaration {
            Declaration::Function(it) => self.function(it, BindingKind::Parameter),
            Declaration::Variable(it) => it.value.iter().for_each(|value| self.expr(value)),
            Declaration::Struct(it) => {
                it.fields.iter().flat_map(|field| &field.default).for_each(|value| self.expr(value));
                self.members(&it.members, BindingKind::Parameter);
            }
            Declaration::Enum(it) => self.members(&it.members, BindingKind::Parameter),
            Declaration::Union(it) => self.members(&it.members, BindingKind::Parameter),
            Declaration::Impl(it) => {
                // What a trait wants has the parameters that it wants.
                let kind = if it.of_trait.is_some() { BindingKind::Other } else { BindingKind::Parameter };
                self.members(&it.members, kind);
            }
            Declaration::Test(it) | Declaration::Bench(it) => self.block(&it.body),
            Declaration::Import(_) | Declaration::ErrorSet(_) | Declaration::Alias(_) | Declaration::Trait(_) => {}
        }
    }

    fn members(&mut self, members: &Members, kind: BindingKind) {
        members.functions.iter().for_each(|it| self.function(it, kind));
        members.constants.iter().flat_map(|it| &it.value).for_each(|value| self.expr(value));
        members.types.iter().for_each(|it| self.declaration(it));
    }

    fn function(&mut self, function: &Function, kind: BindingKind) {
        let Some(body) = &function.body else { return };
        self.parameters(&function.params, kind, body);
    }

    fn parameters(&mut self, params: &[Param], kind: BindingKind, body: &Block) {
        params.iter().flat_map(|param| &param.default).for_each(|value| self.expr(value));
        params.iter().for_each(|param| self.type_expr(&param.ty));
        self.scope(|it| {
            for param in params {
                it.declare(&param.name, if &*param.name.text == "self" { BindingKind::Other } else { kind });
            }
            it.block(body);
        });
    }

    fn block(&mut self, block: &Block) {
        self.scope(|it| it.statements(&block.statements));
    }

    fn statements(&mut self, statements: &[Statement]) {
        let last = statements.iter().position(leaves);
        if let Some(unreachable) = last.and_then(|last| statements.get(last + 1)) {
            let message = "unreachable code".to_owned();
            self.warn(Code::Unreachable, unreachable.span, message);
        }
        statements.iter().for_each(|it| self.statement(it));
    }

    /// The body of a loop or branch. A comment in it says why it is empty.
    fn body(&mut self, block: &Block) {
        let text = &self.source.bytes[block.span.start as usize..block.span.end as usize];
        if block.statements.is_empty() && text.iter().all(|byte| byte.is_ascii_whitespace() || b"{};".contains(byte)) {
            self.warn(Code::EmptyBlock, block.span, "empty block".to_owned());
        }
        self.block(block);
    }

    /// A body with a name of its own.
    fn captured(&mut self, capture: Option<&Capture>, inside: impl FnOnce(&mut Self)) {
        self.scope(|it| {
            capture.iter().for_each(|capture| it.declare(&capture.name, BindingKind::Other));
            inside(it);
        });
    }

    fn variable(&mut self, it: &Variable) {
        it.value.iter().for_each(|value| self.expr(value));
        it.bindings.iter().flat_map(|(_, ty)| ty).for_each(|ty| self.type_expr(ty));
        it.bindings.iter().for_each(|(name, _)| self.declare(name, BindingKind::Variable));
    }

    fn statement(&mut self, statement: &Statement) {
        match &statement.kind {
            StatementKind::Expr(it) => self.expr(it),
            StatementKind::Variable(it) => self.variable(it),
            StatementKind::Type(it) => self.declaration(it),
            StatementKind::Assign { target, operator, value } => {
                // What is only written is not used.
                if operator.is_some() || !matches!(target.kind, ExprKind::Name(_)) {
                    self.expr(target);
                }
                self.expr(value);
            }
            StatementKind::While { condition, capture, step, body, .. } => {
                self.expr(condition);
                self.captured(capture.as_ref(), |it| {
                    step.iter().for_each(|step| it.statement(step));
                    // All may be done in the condition or in the step.
                    if step.is_some() { it.block(body) } else { it.body(body) }
                });
            }
            StatementKind::For(of) => {
                self.expr(&of.subject);
                of.end.iter().for_each(|end| self.expr(end));
                self.scope(|it| {
                    [Some(&of.first), of.second.as_ref()]
                        .into_iter()
                        .flatten()
                        .for_each(|name| it.declare(name, BindingKind::Other));
                    it.body(&of.body);
                });
            }
            StatementKind::Defer { body, .. } => self.statement(body),
        }
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Name(name) => self.use_name(name),
            ExprKind::Interpolation(parts) => parts.iter().for_each(|part| match part {
                Part::Expr(it) => self.expr(it),
                Part::Text(_) => {}
            }),
            ExprKind::Tuple(all) | ExprKind::Array(all) | ExprKind::Builtin { arguments: all, .. } => self.exprs(all),
            ExprKind::NewCall { ty, arguments } => {
                self.type_expr(ty);
                self.exprs(arguments);
            }
            ExprKind::Unary { operand: base, .. }
            | ExprKind::Member { base, .. }
            | ExprKind::TupleIndex { base, .. }
            | ExprKind::OptionalMember { base, .. }
            | ExprKind::Dereference(base)
            | ExprKind::Unwrap(base) => self.expr(base),
            ExprKind::As { value, ty } => {
                self.expr(value);
                self.type_expr(ty);
            }
            ExprKind::Type(ty) => self.type_expr(ty),
            ExprKind::Binary { left, right, .. } | ExprKind::Index { base: left, index: right } => {
                self.expr(left);
                self.expr(right);
            }
            ExprKind::Catch { value, capture, fallback } => {
                self.expr(value);
                self.scope(|it| {
                    capture.iter().for_each(|name| it.declare(name, BindingKind::Other));
                    it.expr(fallback);
                });
            }
            ExprKind::Call { callee, arguments } => {
                self.expr(callee);
                self.exprs(arguments);
            }
            ExprKind::Slice { base, start, end } => {
                [Some(base), start.as_ref(), end.as_ref()].into_iter().flatten().for_each(|it| self.expr(it));
            }
            ExprKind::Struct { ty, fields } => {
                ty.iter().for_each(|it| self.expr(it));
                fields.iter().for_each(|(_, value)| self.expr(value));
            }
            ExprKind::New { ty, fields } => {
                self.type_expr(ty);
                fields.iter().for_each(|(_, value)| self.expr(value));
            }
            ExprKind::Block(it) | ExprKind::Comptime(it) | ExprKind::Labelled(_, it) => self.block(it),
            ExprKind::BreakValue(_, value) => self.expr(value),
            ExprKind::If(of) => {
                self.expr(&of.condition);
                self.captured(of.capture.as_ref(), |it| it.body(&of.then));
                of.otherwise.iter().for_each(|block| self.body(block));
            }
            ExprKind::Switch(of) => {
                self.expr(&of.subject);
                for arm in &of.arms {
                    let sides = arm.patterns.iter().flat_map(|it| [Some(&it.first), it.last.as_ref()]);
                    sides.flatten().for_each(|it| self.expr(it));
                    self.captured(arm.capture.as_ref(), |it| {
                        arm.guard.iter().for_each(|guard| it.expr(guard));
                        it.expr(&arm.body);
                    });
                }
            }
            // Who calls it decides what it takes.
            ExprKind::Closure(it) => self.parameters(&it.params, BindingKind::Other, &it.body),
            ExprKind::Return(value) => value.iter().for_each(|it| self.expr(it)),
            ExprKind::Integer(_)
            | ExprKind::Float(_)
            | ExprKind::Character(_)
            | ExprKind::Bool(_)
            | ExprKind::Null
            | ExprKind::Undefined
            | ExprKind::Unreachable
            | ExprKind::String(_)
            | ExprKind::EnumLiteral(_)
            | ExprKind::ErrorLiteral(_)
            | ExprKind::Break(_)
            | ExprKind::Continue(_)
            | ExprKind::Erroneous => {}
        }
    }

    /// Constants may be lengths of arrays; types of a block are not variables.
    fn type_expr(&mut self, ty: &TypeExpr) {
        match &ty.kind {
            TypeExprKind::Primitive(_) | TypeExprKind::Erroneous => {}
            TypeExprKind::Named { arguments: types, .. } | TypeExprKind::Tuple(types) => {
                types.iter().for_each(|it| self.type_expr(it));
            }
            TypeExprKind::Pointer(of) | TypeExprKind::Optional(of) | TypeExprKind::Slice(of) => self.type_expr(of),
            TypeExprKind::ErrorUnion { payload, .. } => self.type_expr(payload),
            TypeExprKind::Array { length, element } => {
                self.expr(length);
                self.type_expr(element);
            }
            TypeExprKind::Function { params, result } => {
                params.iter().chain(result.as_deref()).for_each(|it| self.type_expr(it));
            }
            TypeExprKind::TypeOf(of) => self.expr(of),
        }
    }

    fn exprs(&mut self, all: &[Expr]) {
        all.iter().for_each(|it| self.expr(it));
    }
}

/// Whether nothing after a statement is reached.
fn leaves(statement: &Statement) -> bool {
    let StatementKind::Expr(expr) = &statement.kind else { return false };
    match &expr.kind {
        ExprKind::Return(_) | ExprKind::Break(_) | ExprKind::BreakValue(..) => true,
        ExprKind::Continue(_) | ExprKind::Unreachable => true,
        ExprKind::Builtin { name, .. } => matches!(&*name.text, "panic" | "trap"),
        _ => false,
    }
}
