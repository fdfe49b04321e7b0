//! Names of function types, and the stack that their functions take.
//!
//! A name is the parameters, `.`, the results: `il.d`. A reference to a declared type is that
//! type's name in parentheses; `!` precedes references that can't be null. See `docs/verify.md`.

use object::Architecture;

/// What the checker must know of the internal convention for a type.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Convention {
    /// Bytes of arguments on the stack.
    pub stack: u32,
    /// Bytes that the callee takes away from there.
    pub taken: u32,
    /// Bytes of results that lie where the caller says.
    pub area: u32,
}

/// By whose rules functions of the module call each other.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum Rules {
    /// Cranelift's convention for tail calls.
    #[default]
    Cranelift,
    /// LLVM's for C.
    C,
    /// LLVM's `tailcc`, in modules with tail calls.
    Tail,
}

#[derive(Copy, Clone, PartialEq)]
enum Kind {
    Integer,
    Float,
    Vector,
}

impl Convention {
    /// Of an encoded type. `None` where the name is a hash.
    pub fn of(name: &str, architecture: Architecture, rules: Rules) -> Option<Convention> {
        let (params, results) = split(name)?;
        let is_arm = architecture == Architecture::Aarch64;
        if rules != Rules::Cranelift {
            return Some(Convention::of_llvm(params, &results, rules, is_arm));
        }
        // `x2` to `x7`; the area's address has a register of its own.
        let area = placed(&results, if is_arm { 6 } else { 8 }, 8);
        let n_registers = if area > 0 && !is_arm { 5 } else { 6 };
        let stack = placed(&params, n_registers, 8).next_multiple_of(16);
        Some(Convention { stack, taken: stack, area })
    }

    /// LLVM's (`codegen::llvm::types`): results that have no registers lie 16 bytes apart. With
    /// `tailcc` the callee takes all arguments away: on x86-64 an odd number of words, on aarch64
    /// an even one.
    fn of_llvm(mut params: Vec<Kind>, results: &[Kind], rules: Rules, is_arm: bool) -> Convention {
        let count = |kind: Kind| results.iter().filter(|it| **it == kind).count();
        let (n_floats, n_vectors) = (count(Kind::Float), count(Kind::Vector));
        let (n_integers, n_most) = match (is_arm, n_floats) {
            (true, _) => (8, 8),
            (false, 0) => (3, 4),
            (false, _) => (3, 2),
        };
        let has_area = count(Kind::Integer) > n_integers || n_floats + n_vectors > n_most;
        let area = if has_area { 16 * u32::try_from(results.len()).unwrap_or(u32::MAX / 16) } else { 0 };
        // One more argument, which has no meaning. Registers are counted as on x86-64.
        let n_registers = |all: usize| all - usize::from(has_area);
        let has_vector = params.iter().filter(|kind| **kind != Kind::Integer).skip(8).any(|it| *it == Kind::Vector);
        if has_vector && !placed(&params, n_registers(6), 8).is_multiple_of(16) {
            params.push(Kind::Float);
        }
        let stack = placed(&params, n_registers(if is_arm { 8 } else { 6 }), 8);
        let taken = match (rules, is_arm) {
            (Rules::Tail, true) => stack.next_multiple_of(16),
            (Rules::Tail, false) => (stack + 8).next_multiple_of(16) - 8,
            _ => 0,
        };
        Convention { stack: stack.max(taken), taken, area }
    }
}

/// Bytes of the values that have no register.
fn placed(kinds: &[Kind], integers: usize, floats: usize) -> u32 {
    let (mut n_integers, mut n_floats, mut bytes) = (0, 0, 0u32);
    for kind in kinds {
        let (count, most) = match kind {
            Kind::Integer => (&mut n_integers, integers),
            _ => (&mut n_floats, floats),
        };
        *count += 1;
        if *count > most {
            let size = if *kind == Kind::Vector { 16 } else { 8 };
            bytes = bytes.next_multiple_of(size) + size;
        }
    }
    bytes
}

/// Parameters and results.
fn split(name: &str) -> Option<(Vec<Kind>, Vec<Kind>)> {
    let mut name = name;
    // A member of a group: its position, then all members.
    if let Some((position, members)) = name.trim_start_matches('<').split_once(':')
        && let Ok(position) = position.parse::<usize>()
    {
        name = split_members(members).get(position).copied()?;
    }
    if let Some(rest) = name.strip_prefix('<') {
        name = rest;
        if name.starts_with('(') {
            name = &name[closing(name)? + 1..];
        }
    }
    name = name.trim_start_matches('~');
    let mut lists = [Vec::new(), Vec::new()];
    let mut list = 0;
    let mut at = 0;
    while at < name.len() {
        let kind = match name.as_bytes()[at] {
            b'.' if list == 0 => {
                list = 1;
                at += 1;
                continue;
            }
            b'!' => {
                at += 1;
                continue;
            }
            b'f' | b'd' => Kind::Float,
            b'v' => Kind::Vector,
            b'(' => {
                at += closing(&name[at..])?;
                Kind::Integer
            }
            it if it.is_ascii_alphabetic() => Kind::Integer,
            _ => return None,
        };
        lists[list].push(kind);
        at += 1;
    }
    let [params, results] = lists;
    (list == 1).then_some((params, results))
}

/// Where the parenthesis that a text begins with is closed.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' if depth == 1 => return Some(at),
            b')' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn split_members(text: &str) -> Vec<&str> {
    let mut depth = 0;
    text.split(|it: char| {
        match it {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        it == ';' && depth == 0
    })
    .collect()
}
