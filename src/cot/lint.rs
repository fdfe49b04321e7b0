//! Warnings (section 25): what is probably a mistake, though the program means something. Looks at
//! one file's tree, without types.

use std::rc::Rc;

use crate::cot::ast::{
    Arm, Block, Capture, Declaration, Expr, ExprKind, File, Function, Members, Name, Param, Statement, StatementKind,
    Variable,
};
use crate::cot::diagnostic::{Code, Diagnostic};
use crate::cot::source::{Source, Span};
use crate::cot::visit::{Visitor, walk_declaration, walk_expr, walk_statement, walk_variable};

/// All warnings about a sound file, in order.
pub fn lint(file: &File, source: &Source) -> Vec<Diagnostic> {
    let mut linter =
        Linter { source, scopes: vec![Vec::new()], parameter_kind: BindingKind::Parameter, warnings: Vec::new() };
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
    /// Of functions of the declaration that is looked at.
    parameter_kind: BindingKind,
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

    fn parameters(&mut self, params: &[Param], kind: BindingKind, body: &Block) {
        params.iter().for_each(|param| self.param(param));
        self.scope(|it| {
            for param in params {
                it.declare(&param.name, if &*param.name.text == "self" { BindingKind::Other } else { kind });
            }
            it.block(body);
        });
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

    /// Something with names of its own.
    fn captured<'n>(&mut self, names: impl IntoIterator<Item = &'n Name>, inside: impl FnOnce(&mut Self)) {
        self.scope(|it| {
            names.into_iter().for_each(|name| it.declare(name, BindingKind::Other));
            inside(it);
        });
    }
}

/// The name of a capture.
fn name_of(capture: &Option<Capture>) -> Option<&Name> {
    capture.as_ref().map(|it| &it.name)
}

impl Visitor for Linter<'_> {
    fn declaration(&mut self, declaration: &Declaration) {
        // What a trait wants has the parameters that it wants.
        let kind = match declaration {
            Declaration::Trait(_) => return,
            Declaration::Impl(it) if it.of_trait.is_some() => BindingKind::Other,
            _ => BindingKind::Parameter,
        };
        let outer = std::mem::replace(&mut self.parameter_kind, kind);
        match declaration {
            Declaration::Variable(it) => walk_variable(self, it),
            _ => walk_declaration(self, declaration),
        }
        self.parameter_kind = outer;
    }

    fn members(&mut self, members: &Members) {
        members.functions.iter().for_each(|it| self.function(it));
        members.constants.iter().for_each(|it| walk_variable(self, it));
        members.types.iter().for_each(|it| self.declaration(it));
    }

    fn function(&mut self, function: &Function) {
        if let Some(body) = &function.body {
            self.parameters(&function.params, self.parameter_kind, body);
        }
    }

    /// Of a block; others are known in their file.
    fn variable(&mut self, it: &Variable) {
        walk_variable(self, it);
        it.bindings.iter().for_each(|(name, _)| self.declare(name, BindingKind::Variable));
    }

    fn block(&mut self, block: &Block) {
        self.scope(|it| it.statements(&block.statements));
    }

    fn statement(&mut self, statement: &Statement) {
        match &statement.kind {
            // What is only written is not used.
            StatementKind::Assign { target, operator: None, value } if matches!(target.kind, ExprKind::Name(_)) => {
                self.expr(value);
            }
            StatementKind::While { condition, capture, step, body, .. } => {
                self.expr(condition);
                self.captured(name_of(capture), |it| {
                    step.iter().for_each(|step| it.statement(step));
                    // All may be done in the condition or in the step.
                    if step.is_some() { it.block(body) } else { it.body(body) }
                });
            }
            StatementKind::For(of) => {
                self.expr(&of.subject);
                of.end.iter().for_each(|end| self.expr(end));
                self.captured([&of.first].into_iter().chain(&of.second), |it| it.body(&of.body));
            }
            _ => walk_statement(self, statement),
        }
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Name(name) => self.use_name(name),
            ExprKind::Catch { value, capture, fallback } => {
                self.expr(value);
                self.captured(capture, |it| it.expr(fallback));
            }
            ExprKind::If(of) => {
                self.expr(&of.condition);
                self.captured(name_of(&of.capture), |it| it.body(&of.then));
                of.otherwise.iter().for_each(|block| self.body(block));
            }
            // Who calls it decides what it takes.
            ExprKind::Closure(it) => self.parameters(&it.params, BindingKind::Other, &it.body),
            kind => walk_expr(self, kind),
        }
    }

    fn arm(&mut self, arm: &Arm) {
        arm.patterns.iter().for_each(|it| self.pattern(it));
        self.captured(name_of(&arm.capture), |it| {
            arm.guard.iter().for_each(|guard| it.expr(guard));
            it.expr(&arm.body);
        });
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
