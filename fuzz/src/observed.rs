//! What calls of a module came to, and how two of those differ.

use std::fmt;
use test_kit::trap;

/// What came of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The hash of its results and of all globals.
    Value(u64),
    Trap {
        /// In the words of [`test_kit::trap`].
        kind: &'static str,
        place: Option<Place>,
    },
}

/// Where a trap happened.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// `None`: it is not told.
    pub function: Option<u32>,
    /// Of the operator in the module.
    pub offset: u32,
}

impl Place {
    /// Whether the function is the same, and the offset differs by `distance` at most.
    fn agrees(self, other: Place, distance: u32) -> bool {
        let same_function = self.function.zip(other.function).is_none_or(|(one, other)| one == other);
        self.offset.abs_diff(other.offset) <= distance && same_function
    }
}

/// How far a load is at most from what uses its result. Where both are one instruction, that has
/// the place of the use.
const NEAR: u32 = 64;

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::Value(value) => write!(f, "{value:#x}"),
            Ended::Trap { kind, place: None } => f.write_str(kind),
            Ended::Trap { kind, place: Some(Place { function, offset }) } => {
                write!(f, "{kind} at {offset:#x}")?;
                function.map_or(Ok(()), |function| write!(f, " in function {function}"))
            }
        }
    }
}

impl Ended {
    pub fn is_trap(&self) -> bool {
        matches!(self, Ended::Trap { .. })
    }

    /// The end of something that each engine has as much of as it likes.
    pub fn is_limit(&self) -> bool {
        matches!(self, Ended::Trap { kind: "call stack exhausted" | "out of memory for objects", .. })
    }

    /// Whether both are the same, as far as both tell it, and `traps` asks for it.
    pub fn agrees(&self, other: &Ended, traps: Traps) -> bool {
        match (self, other) {
            (Ended::Trap { kind, place }, Ended::Trap { kind: other_kind, place: other_place }) => {
                let distance = match (traps, *kind) {
                    (Traps::Function | Traps::Free, _) => u32::MAX,
                    (Traps::Merged, "unreachable") => u32::MAX,
                    (_, "out of bounds memory access") => NEAR,
                    (_, kind) if kind.starts_with("null ") => NEAR,
                    _ => 0,
                };
                let same_place = place.zip(*other_place).is_none_or(|(one, other)| one.agrees(other, distance));
                trap::coarse(Some(kind)) == trap::coarse(Some(other_kind)) && same_place
            }
            _ => self == other,
        }
    }
}

/// How calls follow each other.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// After a trap the instance is used again.
    On,
    /// After a trap the instance begins again.
    Reset,
}

/// The calls of a module.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// `None`: the module was instantiated.
    pub failed: Option<Ended>,
    pub calls: Vec<Ended>,
    /// The hash of memories and tables in the end.
    pub state: Option<Ended>,
}

/// Whether traps are compared.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Traps {
    Exact,
    /// But for the place of an `unreachable` that a branch leads to: both become one instruction,
    /// which has the branch's place.
    Merged,
    /// But for the offset: an instruction that loads and computes has the place of the computation.
    Function,
    /// A call that traps in one place may do anything, and the instance begins again.
    Free,
}

/// The first difference.
#[derive(Clone, Debug)]
pub struct Difference {
    /// `init`, a number or `state`.
    pub what: String,
    pub expected: String,
    pub actual: String,
}

/// The first difference of `actual`.
pub fn difference(expected: &Observed, actual: &Observed, traps: Traps) -> Option<Difference> {
    let differs = |what: String, expected: &dyn fmt::Display, actual: &dyn fmt::Display| {
        Some(Difference { what, expected: expected.to_string(), actual: actual.to_string() })
    };
    match (&expected.failed, &actual.failed) {
        (None, None) => {}
        (Some(one), Some(other)) if one.agrees(other, traps) => return None,
        (one, other) if [one, other].into_iter().flatten().any(Ended::is_limit) => return None,
        (one, other) => {
            let text = |it: &Option<Ended>| it.as_ref().map_or_else(|| "success".to_owned(), Ended::to_string);
            return differs("init".to_owned(), &text(one), &text(other));
        }
    }
    for (number, one) in expected.calls.iter().enumerate() {
        let Some(other) = actual.calls.get(number) else {
            return differs(number.to_string(), one, &"nothing");
        };
        if one.is_limit() || other.is_limit() {
            return None;
        }
        if one.agrees(other, traps) {
            continue;
        }
        let is_free = traps == Traps::Free && one.is_trap();
        if is_free && !other.is_trap() {
            // It goes on from another state than the reference's.
            return None;
        }
        if !is_free {
            return differs(number.to_string(), one, other);
        }
    }
    match (&expected.state, &actual.state) {
        (Some(one), Some(other)) if !one.agrees(other, traps) => differs("state".to_owned(), one, other),
        (Some(one), None) => differs("state".to_owned(), one, &"nothing"),
        _ => None,
    }
}
