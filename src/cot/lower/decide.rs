//! Which arm of a `switch` takes a value. Arms are tried in order; arms in a row without guards are
//! decided together: numbers by a jump through a table where they lie close together, by halving
//! where they don't, strings by halving their hashes.

use super::function::Body;
use super::repr::scalar;
use super::switch::Subject;
use crate::cot::ir::numeric::Numeric;
use crate::cot::ir::{Access, BlockId, End, Value};
use crate::cot::typed::{Arm, CompareOperator, Pattern, StringId, Switch};
use crate::cot::types::TypeId;
use std::collections::BTreeMap;

/// So few are compared one after the other.
const MAX_COMPARED: usize = 3;
const MAX_COMPARED_STRINGS: usize = 6;
/// Tables up to this size need not be full,
const MAX_SPARSE_TABLE: i128 = 512;
/// larger ones up to this size need one entry in this many,
const MAX_TABLE: i128 = 4096;
const TABLE_ENTRIES_EACH: i128 = 8;

/// Numbers that one arm takes, from first to last.
#[derive(Copy, Clone, Debug)]
struct Segment {
    first: i128,
    last: i128,
    to: BlockId,
}

impl<'p> Body<'_, 'p> {
    /// Jumps to the body of the arm that takes the subject, or to `otherwise`.
    pub fn decide(&mut self, switch: &'p Switch, subject: &Subject, bodies: &[BlockId], otherwise: BlockId) {
        let is_plain = |arm: &Arm| arm.guard.is_none() && !arm.patterns.is_empty();
        let mut left = switch.arms.iter().zip(bodies).peekable();
        while let Some((arm, body)) = left.next() {
            let next = self.b.new_block();
            if !is_plain(arm) {
                self.try_arm(arm, subject, *body, next);
                self.b.switch_to(next);
                continue;
            }
            let mut patterns: Vec<_> = arm.patterns.iter().map(|pattern| (*pattern, *body)).collect();
            while let Some((arm, body)) = left.next_if(|(arm, _)| is_plain(arm)) {
                patterns.extend(arm.patterns.iter().map(|pattern| (*pattern, *body)));
            }
            self.decide_patterns(&patterns, subject, next);
            self.b.switch_to(next);
        }
        self.b.jump(otherwise);
    }

    /// An arm with a guard, or one that takes everything.
    fn try_arm(&mut self, arm: &'p Arm, subject: &Subject, body: BlockId, next: BlockId) {
        let fits = if arm.guard.is_some() { self.b.new_block() } else { body };
        for pattern in &arm.patterns {
            self.compare_pattern(*pattern, subject, fits);
        }
        self.b.jump(if arm.patterns.is_empty() { fits } else { next });
        if let Some(guard) = &arm.guard {
            self.b.switch_to(fits);
            let holds = self.in_scope(|it| {
                it.capture(arm, subject);
                it.scalar(guard)
            });
            self.b.branch(holds, body, next);
        }
    }

    fn decide_patterns(&mut self, patterns: &[(Pattern, BlockId)], subject: &Subject, otherwise: BlockId) {
        match subject {
            Subject::Text(text) if patterns.len() > MAX_COMPARED_STRINGS => self.decide_text(patterns, text, otherwise),
            Subject::Text(_) => {
                for (pattern, to) in patterns {
                    self.compare_pattern(*pattern, subject, *to);
                }
                self.b.jump(otherwise);
            }
            Subject::Number(value, ty) => self.decide_number(&segments(patterns), *value, *ty, otherwise),
            Subject::Union { tag, .. } => self.decide_number(&segments(patterns), *tag, TypeId::U32, otherwise),
        }
    }

    /// Continues after a comparison that failed.
    fn compare_pattern(&mut self, pattern: Pattern, subject: &Subject, fits: BlockId) {
        let is_fit = self.fits(&pattern, subject);
        let other = self.b.new_block();
        self.b.branch(is_fit, fits, other);
        self.b.switch_to(other);
    }

    fn decide_number(&mut self, segments: &[Segment], value: Value, ty: TypeId, otherwise: BlockId) {
        if segments.len() <= MAX_COMPARED {
            for segment in segments {
                let is_fit = self.in_range(value, ty, segment.first, segment.last);
                let other = self.b.new_block();
                self.b.branch(is_fit, segment.to, other);
                self.b.switch_to(other);
            }
            self.b.jump(otherwise);
            return;
        }
        let n_entries = segments[segments.len() - 1].last - segments[0].first + 1;
        let is_full = n_entries <= MAX_TABLE && n_entries <= segments.len() as i128 * TABLE_ENTRIES_EACH;
        if is_full || n_entries <= MAX_SPARSE_TABLE {
            self.jump_by_table(segments, value, ty, otherwise);
            return;
        }
        let (low, high) = segments.split_at(segments.len() / 2);
        let pivot = self.b.constant(self.int_constant(ty, high[0].first));
        let is_low = self.compare(CompareOperator::Less, value, pivot, ty);
        let (on_low, on_high) = (self.b.new_block(), self.b.new_block());
        self.b.branch(is_low, on_low, on_high);
        self.b.switch_to(on_low);
        self.decide_number(low, value, ty, otherwise);
        self.b.switch_to(on_high);
        self.decide_number(high, value, ty, otherwise);
    }

    fn jump_by_table(&mut self, segments: &[Segment], value: Value, ty: TypeId, otherwise: BlockId) {
        let first = segments[0].first;
        let n_entries = segments[segments.len() - 1].last - first + 1;
        let least = self.b.constant(self.int_constant(ty, first));
        let index = if scalar(self.types(), ty) == Access::I64 {
            let index = self.b.numeric(Numeric::I64Sub, &[value, least]);
            let length = self.b.i64(n_entries as i64);
            let is_outside = self.b.numeric(Numeric::I64GeU, &[index, length]);
            let inside = self.b.new_block();
            self.b.branch(is_outside, otherwise, inside);
            self.b.switch_to(inside);
            self.b.numeric(Numeric::I32WrapI64, &[index])
        } else {
            self.b.numeric(Numeric::I32Sub, &[value, least])
        };
        // A target of a table has no other predecessor: there is a block in between.
        let mut ways: BTreeMap<BlockId, BlockId> = BTreeMap::new();
        let mut way = |body: &mut Self, to: BlockId| *ways.entry(to).or_insert_with(|| body.b.new_block());
        let mut targets = Vec::with_capacity(n_entries as usize);
        for segment in segments {
            let gap = way(self, otherwise);
            targets.resize((segment.first - first) as usize, gap);
            let to = way(self, segment.to);
            targets.resize((segment.last - first + 1) as usize, to);
        }
        let default = way(self, otherwise);
        self.b.end(End::Switch { index, targets, default });
        for (to, way) in ways {
            self.b.switch_to(way);
            self.b.jump(to);
        }
    }

    fn decide_text(&mut self, patterns: &[(Pattern, BlockId)], text: &[Value], otherwise: BlockId) {
        let strings = &self.lowering.program.strings;
        let mut by_hash: BTreeMap<i64, Vec<(StringId, BlockId)>> = BTreeMap::new();
        let mut longest = 0;
        for (pattern, to) in patterns {
            let Pattern::String(id) = pattern else { unreachable!("patterns fit the subject") };
            let bytes = &strings[id.0 as usize];
            longest = longest.max(bytes.len());
            by_hash.entry(hash(bytes)).or_default().push((*id, *to));
        }
        // Long texts need not be read.
        let most = self.b.i64(longest as i64);
        let is_longer = self.b.numeric(Numeric::I64GtU, &[text[1], most]);
        let short = self.b.new_block();
        self.b.branch(is_longer, otherwise, short);
        self.b.switch_to(short);
        let args = vec![self.widen(text[0]), text[1]];
        let value = self.prelude("stringHash", args)[0];
        let segments: Vec<_> = by_hash
            .keys()
            .map(|hash| Segment { first: i128::from(*hash), last: i128::from(*hash), to: self.b.new_block() })
            .collect();
        self.decide_number(&segments, value, TypeId::I64, otherwise);
        for (segment, candidates) in segments.iter().zip(by_hash.values()) {
            self.b.switch_to(segment.to);
            for (id, to) in candidates {
                self.compare_pattern(Pattern::String(*id), &Subject::Text(text.to_vec()), *to);
            }
            self.b.jump(otherwise);
        }
    }
}

/// What each number of some patterns leads to, ascending; the first pattern that fits counts.
fn segments(patterns: &[(Pattern, BlockId)]) -> Vec<Segment> {
    // By their first number.
    let mut taken: BTreeMap<i128, Segment> = BTreeMap::new();
    for (pattern, to) in patterns {
        let Pattern::Range(first, last) = *pattern else { unreachable!("patterns fit the subject") };
        let mut next = first;
        // What is taken already by others, from left to right.
        let before = taken.range(..=first).next_back().map(|(_, it)| *it).filter(|it| it.last >= first);
        let inside: Vec<_> = taken.range(first..=last.max(first)).map(|(_, it)| *it).collect();
        for other in before.into_iter().chain(inside) {
            if next < other.first {
                taken.insert(next, Segment { first: next, last: other.first - 1, to: *to });
            }
            next = next.max(other.last + 1);
        }
        if next <= last {
            taken.insert(next, Segment { first: next, last, to: *to });
        }
    }
    let mut segments: Vec<Segment> = Vec::new();
    for segment in taken.into_values() {
        match segments.last_mut() {
            Some(it) if it.last + 1 == segment.first && it.to == segment.to => it.last = segment.last,
            _ => segments.push(segment),
        }
    }
    segments
}

/// As the prelude's `stringHash` (Fowler, Noll, Vo: FNV-1a).
fn hash(bytes: &[u8]) -> i64 {
    let hash = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    hash as i64
}
