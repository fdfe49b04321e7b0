//! `switch` (section 12): patterns to ranges of numbers or strings, captures, and whether
//! everything is covered.

use crate::cot::ast::{self, Expr, ExprKind};
use crate::cot::check::Checker;
use crate::cot::check::block::Want;
use crate::cot::check::model::{Mutability, Value, make};
use crate::cot::diagnostic::Code;
use crate::cot::source::Span;
use crate::cot::typed::{Arm, Expression, ExpressionKind, Pattern, Switch, SwitchSubject, UnionCapture};
use crate::cot::types::{ErrorSetId, Type, TypeId};

impl<'a> Checker<'a> {
    pub(super) fn check_switch(&mut self, it: &'a ast::Switch, want: Want, span: Span) -> Value {
        let want = if want == Want::Value(Some(TypeId::VOID)) { Want::Discard } else { want };
        let subject = self.check_settled(&it.subject);
        let subject = self.switch_subject(subject);
        let ty = subject.ty;
        let is_union = self.types.union_type(ty).is_some();
        let subject =
            if is_union { SwitchSubject::Union(self.place_of(subject)) } else { SwitchSubject::Value(subject) };
        let mut arms = Vec::new();
        let mut bodies = Vec::new();
        let mut has_wrong = false;
        for arm in &it.arms {
            self.open_scope();
            let patterns: Vec<Pattern> =
                arm.patterns.iter().filter_map(|pattern| self.check_pattern(pattern, ty)).collect();
            let is_wrong = patterns.len() < arm.patterns.len();
            has_wrong |= is_wrong;
            let capture =
                arm.capture.as_ref().and_then(|capture| self.bind_capture(capture, &patterns, &subject, is_wrong));
            let guard = arm.guard.as_ref().map(|guard| self.check_as(guard, TypeId::BOOL));
            bodies.push(self.check_wanted(&arm.body, want));
            self.close_scope();
            let body = make(ExpressionKind::Void, TypeId::VOID, arm.span);
            arms.push((Arm { patterns, capture, guard, body }, arm.patterns.is_empty()));
        }
        let has_value = want != Want::Discard && bodies.iter().any(|it| !it.is_void() && !it.is_never());
        let covers_all = self.covers_all(ty, &arms);
        self.check_covered(ty, &arms, covers_all || has_wrong, has_value, span);
        let want = if has_value { want } else { Want::Discard };
        let unified = self.unify(&mut bodies, want);
        let has_else = arms.iter().any(|(arm, is_else)| *is_else && arm.guard.is_none());
        let result = match unified {
            TypeId::NO_RETURN if !has_else && !covers_all => TypeId::VOID,
            ty => ty,
        };
        let arms = arms.into_iter().zip(bodies).map(|((arm, _), body)| Arm { body: body.expr, ..arm }).collect();
        let switch = Switch { subject, arms, covers_all: covers_all && !has_else };
        make(ExpressionKind::Switch(Box::new(switch)), result, span).into()
    }

    /// What is switched on; a pointer to an enum or union is followed.
    fn switch_subject(&mut self, subject: Expression) -> Expression {
        let behind = self.behind_pointers(subject.ty);
        let subject = match self.types.get(behind) {
            Type::Enum(_) | Type::Union(_) => self.auto_dereference(subject),
            _ => subject,
        };
        let fits = match self.types.get(subject.ty) {
            Type::Int { .. } | Type::Bool | Type::Enum(_) | Type::Union(_) | Type::Error(_) | Type::Erroneous => true,
            _ => subject.ty == TypeId::STRING,
        };
        if !fits {
            let name = self.types.name(subject.ty);
            self.type_error(subject.span, format!("a switch can't decide on a '{name}'"));
            return self.erroneous(subject.span).expr;
        }
        subject
    }

    fn check_pattern(&mut self, pattern: &'a ast::Pattern, ty: TypeId) -> Option<Pattern> {
        if ty == TypeId::ERRONEOUS {
            return None;
        }
        if self.types.union_type(ty).is_some() {
            return self.check_variant_pattern(pattern, ty);
        }
        let first = self.check_pattern_value(&pattern.first, ty)?;
        let Some(last) = &pattern.last else {
            return Some(first);
        };
        let last = self.check_pattern_value(last, ty)?;
        match (first, last) {
            (Pattern::Range(first, _), Pattern::Range(_, last)) if self.types.is_int(ty) => {
                if first > last {
                    let message = format!("the range {first}..{last} is empty");
                    self.type_error(pattern.first.span, message);
                }
                Some(Pattern::Range(first, last))
            }
            _ => {
                self.type_error(pattern.first.span, "ranges are for integers only");
                None
            }
        }
    }

    fn check_pattern_value(&mut self, expr: &'a Expr, ty: TypeId) -> Option<Pattern> {
        let value = self.check(expr, Some(ty));
        if value.is_erroneous() {
            return None;
        }
        let backing = self.types.enum_type(ty).map(|of| of.backing);
        let value = match backing {
            // A number stands for the variant with that value.
            Some(backing) if value.expr.ty != ty => Expression { ty, ..self.coerce(value, backing) },
            _ => self.coerce(value, ty),
        };
        match value.kind {
            ExpressionKind::Int(number) => Some(Pattern::Range(number, number)),
            ExpressionKind::Bool(value) => Some(Pattern::Range(i128::from(value), i128::from(value))),
            ExpressionKind::String(id) => Some(Pattern::String(id)),
            ExpressionKind::Error(error) => Some(Pattern::Range(i128::from(error.0), i128::from(error.0))),
            ExpressionKind::Convert { value, .. } => match value.kind {
                ExpressionKind::Error(error) => Some(Pattern::Range(i128::from(error.0), i128::from(error.0))),
                _ => self.not_constant(expr),
            },
            // What could not be converted was reported.
            ExpressionKind::Zero => None,
            _ => self.not_constant(expr),
        }
    }

    fn not_constant(&mut self, expr: &'a Expr) -> Option<Pattern> {
        self.type_error(expr.span, "a pattern must be a constant");
        None
    }

    /// `Union.variant`, `.variant`
    fn check_variant_pattern(&mut self, pattern: &'a ast::Pattern, ty: TypeId) -> Option<Pattern> {
        if let Some(last) = &pattern.last {
            self.type_error(last.span, "ranges are for integers only");
        }
        let name = match &pattern.first.kind {
            ExprKind::EnumLiteral(name) => name,
            ExprKind::Member { base, name } => {
                let env = self.env();
                let found = self.type_argument(base, &env);
                if found == TypeId::ERRONEOUS {
                    return None;
                }
                if found != ty {
                    let (wanted, found) = (self.types.name(ty), self.types.name(found));
                    self.type_error(pattern.first.span, format!("type mismatch: expected '{wanted}', found '{found}'"));
                    return None;
                }
                name
            }
            _ => {
                let name = self.types.name(ty);
                self.type_error(pattern.first.span, format!("a pattern of '{name}' is one of its variants"));
                return None;
            }
        };
        let (variant, _) = self.find_variant(ty, name)?;
        Some(Pattern::Range(variant as i128, variant as i128))
    }

    fn bind_capture(
        &mut self,
        capture: &'a ast::Capture,
        patterns: &[Pattern],
        subject: &SwitchSubject,
        is_wrong: bool,
    ) -> Option<UnionCapture> {
        let found = match subject {
            SwitchSubject::Union(place) => self.captured_payload(capture, patterns, place.ty, is_wrong),
            SwitchSubject::Value(value) => {
                if value.ty != TypeId::ERRONEOUS {
                    self.type_error(capture.name.span, "only variants of unions have something to capture");
                }
                None
            }
        };
        let Some((variant, payload)) = found else {
            self.declare_local(&capture.name, TypeId::ERRONEOUS, Mutability::Constant);
            return None;
        };
        let ty = if capture.by_pointer { self.types.pointer(payload) } else { payload };
        if let (true, SwitchSubject::Union(place)) = (capture.by_pointer, subject) {
            self.mark_address_taken(place);
        }
        let local = self.declare_local(&capture.name, ty, Mutability::Constant);
        Some(UnionCapture { local, variant, by_pointer: capture.by_pointer })
    }

    /// Variant and payload type of a capture.
    fn captured_payload(
        &mut self,
        capture: &'a ast::Capture,
        patterns: &[Pattern],
        ty: TypeId,
        is_wrong: bool,
    ) -> Option<(usize, TypeId)> {
        if is_wrong {
            return None;
        }
        let variants = &self.types.union_type(ty)?.variants;
        let payloads: Vec<(usize, TypeId)> = patterns
            .iter()
            .filter_map(|pattern| match pattern {
                Pattern::Range(first, _) => Some((*first as usize, variants[*first as usize].payload)),
                Pattern::String(_) => None,
            })
            .collect();
        let first = payloads.first().copied();
        let message = match first {
            None => "'else' has nothing to capture",
            Some((_, TypeId::VOID)) => "this variant has no payload to capture",
            Some((_, ty)) if payloads.iter().any(|(_, other)| *other != ty) => {
                "these variants have payloads of different types"
            }
            Some(_) => return first,
        };
        self.type_error(capture.name.span, message);
        None
    }

    /// Whether arms without guards cover every value there is; the second of a pair says that an
    /// arm is `else`.
    fn covers_all(&self, ty: TypeId, arms: &[(Arm, bool)]) -> bool {
        let covered = Covered::by(arms);
        let has = |value: i128| covered.has(value);
        match self.types.get(ty) {
            Type::Erroneous => true,
            Type::Bool => has(0) && has(1),
            Type::Enum(id) => self.types.enums[id.0 as usize].variants.iter().all(|(_, value)| has(*value)),
            Type::Union(id) => (0..self.types.unions[id.0 as usize].variants.len()).all(|index| has(index as i128)),
            Type::Error(set) if *set != ErrorSetId::OPEN => {
                self.types.error_sets[set.0 as usize].members.iter().all(|error| has(i128::from(error.0)))
            }
            Type::Int { bits: 8, signed } => {
                let start = if *signed { -128 } else { 0 };
                (start..start + 256).all(has)
            }
            _ => false,
        }
    }

    fn check_covered(&mut self, ty: TypeId, arms: &[(Arm, bool)], covers_all: bool, has_value: bool, span: Span) {
        let has_else = arms.iter().any(|(arm, is_else)| *is_else && arm.guard.is_none());
        let is_enum = self.types.enum_type(ty).is_some();
        if has_else || covers_all || !(has_value || is_enum) {
            return;
        }
        let covered = Covered::by(arms);
        let has = |value: i128| covered.has(value);
        let missing: Vec<&str> = match self.types.get(ty) {
            Type::Enum(id) => {
                let variants = self.types.enums[id.0 as usize].variants.iter();
                variants.filter(|(_, value)| !has(*value)).map(|(name, _)| name.as_str()).collect()
            }
            Type::Union(id) => {
                let variants = self.types.unions[id.0 as usize].variants.iter().enumerate();
                variants.filter(|(index, _)| !has(*index as i128)).map(|(_, it)| it.name.as_str()).collect()
            }
            Type::Error(set) if *set != ErrorSetId::OPEN => {
                let members = self.types.error_sets[set.0 as usize].members.iter();
                let missing = members.filter(|error| !has(i128::from(error.0)));
                missing.map(|error| self.types.error_names[error.0 as usize].as_str()).collect()
            }
            Type::Bool => {
                ["false", "true"].into_iter().zip(0..).filter(|(_, it)| !has(*it)).map(|(name, _)| name).collect()
            }
            _ => Vec::new(),
        };
        let message = if missing.is_empty() {
            "a switch that is used as a value needs an 'else'".to_owned()
        } else {
            format!("the switch does not handle {}", missing.join(", "))
        };
        let start = Span { end: span.start + 6, ..span };
        self.report(Code::Type, start, message);
    }
}

/// Numbers that arms without guards take: first and last of ranges, in order, that neither overlap
/// nor touch.
struct Covered(Vec<(i128, i128)>);

impl Covered {
    fn by(arms: &[(Arm, bool)]) -> Covered {
        let without_guard = arms.iter().filter(|(arm, _)| arm.guard.is_none());
        let patterns = without_guard.flat_map(|(arm, _)| &arm.patterns);
        let mut ranges: Vec<(i128, i128)> = patterns
            .filter_map(|pattern| match pattern {
                Pattern::Range(first, last) if first <= last => Some((*first, *last)),
                _ => None,
            })
            .collect();
        ranges.sort();
        ranges.dedup_by(|next, kept| {
            let joined = next.0 <= kept.1 + 1;
            if joined {
                kept.1 = kept.1.max(next.1);
            }
            joined
        });
        Covered(ranges)
    }

    fn has(&self, value: i128) -> bool {
        let index = self.0.partition_point(|(_, last)| *last < value);
        self.0.get(index).is_some_and(|(first, _)| *first <= value)
    }
}
