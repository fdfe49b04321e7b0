//! The Wasm side of a batch: two modules. `m` takes values from C and gives values to C in every
//! way that a call can be made, `n` calls the exports of `m`.
//!
//! Arguments and results that arrive are stored in exported globals, where C finds them bit for
//! bit; what is sent is constants. So neither direction is checked by means of the other. For the
//! `k`th signature, `m` imports `kK_typed` and `kK_raw`, which C and assembly define, and
//! `kK_back`, which takes a counter before the parameters; what it exports is said beside each.

use crate::kind::Kind;
use crate::signature::Signature;
use std::fmt::Write;

/// How `m` gives values to the import: name of the export, and its code after the arguments. `K`
/// stands for the signature's number, `IMPORTED` and `OWN` for the table's entries.
const GIVE: [(&str, &str); 5] = [
    ("give_typed", "(call $kK_typed)"),
    ("give_raw", "(call $kK_raw)"),
    ("give_indirect", "(call_indirect (type $kK) (i32.const IMPORTED))"),
    ("give_reference", "(call_ref $kK (ref.func $kK_raw))"),
    // Not the import but the module's own function: the internal convention, from end to end.
    ("give_own", "(call_indirect (type $kK) (i32.const OWN))"),
];

/// How it hands its own arguments on, as its last act.
const TAIL: [(&str, &str); 3] = [
    ("tail", "(return_call $kK_raw)"),
    ("tail_indirect", "(return_call_indirect (type $kK) (i32.const IMPORTED))"),
    ("tail_reference", "(return_call_ref $kK (ref.func $kK_raw))"),
];

/// Name of the global for the `place`th parameter or result of a type.
pub fn global(role: &str, kind: Kind, place: usize) -> String {
    format!("{role}_{}_{place}", kind.in_wasm().letter())
}

/// The most parameters and results in `signatures`.
pub fn sizes(signatures: &[Signature]) -> (usize, usize) {
    let most = |length: fn(&Signature) -> usize| signatures.iter().map(length).max().unwrap_or(0);
    (most(|it| it.arguments.len()), most(|it| it.replies.len()))
}

/// All globals of a batch: role, type, place. Of an `i32`, both extensions are kept too.
pub fn globals(signatures: &[Signature]) -> Vec<(&'static str, Kind, usize)> {
    let (n_parameters, n_results) = sizes(signatures);
    let mut list = Vec::new();
    for (roles, n) in [(["p", "p_zero", "p_sign"], n_parameters), (["r", "r_zero", "r_sign"], n_results)] {
        for place in 0..n {
            list.extend(Kind::ALL.map(|kind| (roles[0], kind, place)));
            list.extend([(roles[1], Kind::I64, place), (roles[2], Kind::I64, place)]);
        }
    }
    list
}

/// The module `m`.
pub fn main_module(signatures: &[Signature]) -> String {
    let mut text = "(module\n".to_owned();
    for (number, signature) in signatures.iter().enumerate() {
        let ty = function_type(signature);
        text += &format!("(type $k{number} (func {ty}))\n(type $k{number}_down (func (param i32) {ty}))\n");
    }
    for (number, signature) in signatures.iter().enumerate() {
        for name in ["typed", "raw"] {
            text += &format!("(import \"env\" \"k{number}_{name}\" (func $k{number}_{name} (type $k{number})))\n");
        }
        text += &format!("(import \"env\" \"k{number}_back\" (func $k{number}_back (type $k{number}_down)))\n");
        if has_pointer(signature) {
            text += &format!("(import \"env\" \"k{number}_keep\" (func $k{number}_keep (param i32)))\n");
        }
    }
    for (role, kind, place) in globals(signatures) {
        let (name, ty) = (global(role, kind, place), kind.wasm());
        let zero = if kind == Kind::V128 { "i64x2 0 0" } else { "0" };
        text += &format!("(global ${name} (export \"{name}\") (mut {ty}) ({ty}.const {zero}))\n");
    }
    let entries = (0..signatures.len()).map(|number| format!(" $k{number}_raw $k{number}_take"));
    text += &format!("(table funcref (elem{}))\n", entries.collect::<String>());
    for (number, signature) in signatures.iter().enumerate() {
        text += &functions(number, signature).replace("$kK", &format!("$k{number}"));
        text += &pair(signatures, number);
        if has_pointer(signature) {
            let take = format!("(call $k{number}_keep (i32.const {}))", 2 * number + 1);
            text += &format!("(func (export \"k{number}_give_pointer\") {take})\n");
        }
    }
    text + ")\n"
}

fn functions(number: usize, signature: &Signature) -> String {
    let code = |template: &str| {
        template.replace("IMPORTED", &(2 * number).to_string()).replace("OWN", &(2 * number + 1).to_string())
    };
    let constants = constants(&signature.arguments);
    let replies = self::constants(&signature.replies);
    let (own, behind_counter) = (locals(0, signature), locals(1, signature));
    let keep_params = keep_params(signature, 0);
    let keep_params_behind_counter = self::keep_params(signature, 1);
    let keep_results = keep_results(signature);
    let results: String = results(signature);
    let mut text = String::new();
    let mut add = |name: &str, ty: &str, code: &str| {
        writeln!(text, "(func $kK_{name} (export \"k{number}_{name}\") {ty} (local $word i32) {code})")
            .expect("a string takes everything");
    };
    // Keeps what it gets, and returns constants.
    add("take", "(type $kK)", &format!("{keep_params} {replies}"));
    // Sends constants, and keeps what it gets back.
    for (name, call) in GIVE {
        add(name, "", &format!("{constants} {} {keep_results}", code(call)));
    }
    for (name, call) in TAIL {
        add(name, "(type $kK)", &format!("{own} {}", code(call)));
    }
    // Hands on what it gets, both ways, and then still has its parameters.
    add("pass", "(type $kK)", &format!("{own} (call $kK_raw) {keep_results} {keep_params} {results}"));
    // The same, through itself as often as the counter says.
    let recursion = format!(
        "(if (local.get 0) (then (i32.sub (local.get 0) (i32.const 1)) {behind_counter} (call $kK_down) {keep_results})
                           (else (i32.const 0) {behind_counter} (call $kK_back) {keep_results}))
         {keep_params_behind_counter} {results}"
    );
    add("down", "(type $kK_down)", &recursion);
    // An import, exported.
    text + &format!("(export \"k{number}_again\" (func $kK_raw))\n")
}

/// Whether `kK_take` can become a C function pointer: declarations know no structures of results.
pub fn has_pointer(signature: &Signature) -> bool {
    !signature.returns_structure()
}

/// The declarations of `kK_keep`, which gets the index of `kK_take` in the table as a function
/// pointer, and of imports with narrow integers.
pub fn declarations(signatures: &[Signature]) -> String {
    let mut text = String::new();
    for (number, signature) in signatures.iter().enumerate().filter(|(_, signature)| has_pointer(signature)) {
        let params: Vec<_> = signature.params().map(Kind::declared).collect();
        let result = signature.results().next().map_or(String::new(), |kind| format!(" -> {}", kind.declared()));
        let ty = format!("({}){result}", params.join(", "));
        text += &format!("env.k{number}_keep: (take: funcptr({ty}))\n");
        if signature.is_narrow() {
            text += &format!("env.k{number}_typed: {ty}\nenv.k{number}_raw: {ty}\n");
        }
    }
    text
}

/// Gives constants to the import, and then to that of the next signature: two calls share a frame,
/// with all that they need of it.
fn pair(signatures: &[Signature], number: usize) -> String {
    let call = |number: usize| {
        let signature = &signatures[number];
        format!("{} (call $k{number}_raw) {}", constants(&signature.arguments), keep_results(signature))
    };
    let next = (number + 1) % signatures.len();
    format!("(func (export \"k{number}_give_pair\") (local $word i32) {} {})\n", call(number), call(next))
}

/// The module `n`: for each signature `kK_cross`, which gives constants to `kK_take` of `m` and
/// keeps the results in the globals of `m`.
pub fn other_module(signatures: &[Signature]) -> String {
    let mut text = "(module\n".to_owned();
    for (number, signature) in signatures.iter().enumerate() {
        let ty = function_type(signature);
        text += &format!("(import \"m\" \"k{number}_take\" (func $k{number}_take {ty}))\n");
    }
    for (role, kind, place) in globals(signatures) {
        let (name, ty) = (global(role, kind, place), kind.wasm());
        text += &format!("(import \"m\" \"{name}\" (global ${name} (mut {ty})))\n");
    }
    for (number, signature) in signatures.iter().enumerate() {
        let (constants, keep) = (constants(&signature.arguments), keep_results(signature));
        text += &format!(
            "(func (export \"k{number}_cross\") (local $word i32) {constants} (call $k{number}_take) {keep})\n"
        );
    }
    text + ")\n"
}

fn function_type(signature: &Signature) -> String {
    let list =
        |kinds: &mut dyn Iterator<Item = Kind>| kinds.map(|kind| format!(" {}", kind.wasm())).collect::<String>();
    format!("(param{}) (result{})", list(&mut signature.params()), list(&mut signature.results()))
}

fn constants(values: &[crate::kind::Value]) -> String {
    values.iter().map(|value| value.wasm()).collect()
}

/// Pushes all parameters, the first of which is local `first`.
fn locals(first: usize, signature: &Signature) -> String {
    (first..first + signature.arguments.len()).map(|local| format!("(local.get {local})")).collect()
}

fn keep_params(signature: &Signature, first: usize) -> String {
    let keep = |(place, kind): (usize, Kind)| {
        let get = format!("(local.get {})", first + place);
        format!("(global.set ${} {get}) {}", global("p", kind, place), extensions("p", kind, place, &get))
    };
    signature.params().enumerate().map(keep).collect()
}

/// Takes all results off the stack.
fn keep_results(signature: &Signature) -> String {
    let results: Vec<_> = signature.results().enumerate().collect();
    let keep = |&(place, kind): &(usize, Kind)| {
        let name = global("r", kind, place);
        // Not from the global: what is loaded from there has no upper half.
        let tee = if kind.in_wasm() == Kind::I32 { "(local.tee $word)" } else { "" };
        format!("{tee} (global.set ${name}) {}", extensions("r", kind, place, "(local.get $word)"))
    };
    results.iter().rev().map(keep).collect()
}

/// Pushes the results that were kept.
fn results(signature: &Signature) -> String {
    signature.results().enumerate().map(|(place, kind)| format!("(global.get ${})", global("r", kind, place))).collect()
}

/// Keeps both extensions of an `i32`, so that a wrong upper half shows.
fn extensions(role: &str, kind: Kind, place: usize, get: &str) -> String {
    if kind.in_wasm() != Kind::I32 {
        return String::new();
    }
    let extend = |how: &str, op: &str| {
        format!("(global.set ${} (i64.extend_i32_{op} {get}))", global(&format!("{role}_{how}"), Kind::I64, place))
    };
    format!("{} {}", extend("zero", "u"), extend("sign", "s"))
}
