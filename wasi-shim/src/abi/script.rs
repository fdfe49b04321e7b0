//! A test script (`.wast`) as data: the commands that the runtime goes through.

use super::image::Image;
use super::record::Padding;
use super::value::Value;

record! {
    /// A test script (`.wast`) as a program: its commands, in order.
    pub struct Script from ScriptFields {
        pub commands: *const Command,
        pub n_commands: u64,
    }
}

record! {
    /// One command of a script.
    pub struct Command from CommandFields {
        /// Line in the script, counted from 1.
        pub line: u32,
        /// An [`Action`].
        pub action: u8,
        /// An [`Outcome`].
        pub outcome: u8,
        /// 1: an assertion, counted in the summary.
        pub is_assertion: u8,
        pub padding: Padding<1>,
        pub n_arguments: u32,
        pub n_results: u32,
        /// The instance, for [`Action::Instantiate`].
        pub image: *const Image,
        /// The function, for [`Action::Call`].
        pub entry: Option<unsafe extern "C" fn(*mut Value)>,
        /// Storage of the global, for [`Action::ReadGlobal`].
        pub global: *const u8,
        /// Bytes of the global; for [`Action::StartThread`] the number of commands after this one
        /// that belong to the thread; for [`Action::JoinThread`] the number of the command that has
        /// started it.
        pub size: u64,
        pub arguments: *const Value,
        pub results: *const Pattern,
        /// What is called with which arguments, or read, and the results that are expected, as a
        /// script has them; both zero-terminated.
        pub subject: *const u8,
        pub expected: *const u8,
        /// The type code of each result.
        pub types: *const u8,
        /// The message that a trap must begin with or contain, or what was wrong when compiling;
        /// zero-terminated.
        pub message: *const u8,
    }
}

/// What a command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Action {
    Instantiate = 0,
    Call = 1,
    ReadGlobal = 2,
    /// Nothing: the compiler has found that the assertion holds.
    Hold = 3,
    /// Nothing: the compiler has found that the assertion does not hold, see [`Command::message`].
    Fail = 4,
    /// The commands that follow are done by a thread of their own.
    StartThread = 5,
    JoinThread = 6,
}

/// The required outcome of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Outcome {
    /// It returns, with results that match the patterns.
    Return = 0,
    /// It returns, with any results.
    Any = 1,
    Trap = 2,
    Exception = 3,
}

/// [`Pattern::kind`]: equal to `value` where `mask` has ones.
pub const NUMBER: u8 = 0;
/// Any reference but null; `value` and `mask` don't count here and below.
pub const NOT_NULL: u8 = 1;
pub const STRUCT: u8 = 2;
pub const ARRAY: u8 = 3;
/// A reference that `ref.eq` compares.
pub const EQ: u8 = 4;

record! {
    /// A set of values that a result may have.
    #[derive(Clone, Copy, Debug)]
    #[repr(align(16))]
    pub struct Pattern from PatternFields {
        pub value: [u8; 16],
        pub mask: [u8; 16],
        /// One of the constants [`NUMBER`] and the following.
        pub kind: u8,
        /// 1: the next pattern is an alternative for the same result.
        pub has_alternative: u8,
        pub padding: Padding<14>,
    }
}
