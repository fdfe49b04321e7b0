//! How high trees are: expressions and blocks are made here, and know it. One more than the highest
//! part of a node; of statements, only `defer` counts.

use crate::cot::ast::{Block, Declaration, Expr, ExprKind, Statement, StatementKind, TypeExpr};
use crate::cot::source::Span;
use crate::cot::visit::{Visitor, walk_expr, walk_statement, walk_type};

impl Expr {
    pub fn new(kind: ExprKind, span: Span) -> Expr {
        let height = 1 + Highest::of(|it| walk_expr(it, &kind));
        Expr { kind, span, height }
    }
}

impl Block {
    pub fn new(statements: Vec<Statement>, span: Span) -> Block {
        let height = 1 + Highest::of(|it| statements.iter().for_each(|statement| it.statement(statement)));
        Block { statements, span, height }
    }
}

/// The height of the highest of the nodes that it visits.
struct Highest(u32);

impl Highest {
    fn of(visit: impl FnOnce(&mut Highest)) -> u32 {
        let mut highest = Highest(0);
        visit(&mut highest);
        highest.0
    }

    fn add(&mut self, height: u32) {
        self.0 = self.0.max(height);
    }
}

impl Visitor for Highest {
    fn expr(&mut self, it: &Expr) {
        self.add(it.height);
    }

    fn block(&mut self, it: &Block) {
        self.add(it.height);
    }

    fn type_expr(&mut self, it: &TypeExpr) {
        self.add(1 + Highest::of(|parts| walk_type(parts, it)));
    }

    fn statement(&mut self, it: &Statement) {
        let own = u32::from(matches!(it.kind, StatementKind::Defer { .. }));
        self.add(own + Highest::of(|parts| walk_statement(parts, it)));
    }

    /// Types of blocks are not passed by what is around them.
    fn declaration(&mut self, _: &Declaration) {}
}
