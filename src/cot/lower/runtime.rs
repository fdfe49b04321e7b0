//! What `std/sys` and the prelude call: functions of the prelude, instructions, and functions of
//! the host.

use super::function::Body;
use super::{FuncKey, Host};
use crate::cot::ir::module::{COT, ENV_WRITE, WASI};
use crate::cot::ir::numeric::Numeric;
use crate::cot::ir::{End, Op, Signature, Type as WasmType, Value};
use crate::cot::runtime_function::RuntimeFunction;
use crate::cot::types::TypeId;

/// Errors of hosts are not negative.
pub const ERRNO_EXTENSION: Numeric = Numeric::I64ExtendI32U;

/// What a runtime function is.
enum Implementation {
    Prelude(&'static str),
    Host(&'static str, &'static str),
    /// Of a few instructions.
    Instructions,
}

/// What a program is for decides which function does the work.
#[derive(Copy, Clone)]
struct Calls {
    /// Descriptors of the system can be among the arguments.
    shares_descriptors: bool,
    /// Tests or benches: what fails ends the test.
    is_test: bool,
    /// The runtime's own functions for Cot are there.
    has_shims: bool,
    /// The caller is no part of the standard library, which knows what its blocks hold.
    is_program: bool,
}

fn implementation(function: RuntimeFunction, calls: Calls) -> Implementation {
    use Implementation::{Host, Instructions, Prelude};
    use RuntimeFunction::*;
    match function {
        Alloc if calls.is_program => Prelude("allocCleared"),
        Alloc => Prelude("alloc"),
        Dealloc => Prelude("dealloc"),
        Realloc if calls.is_program => Prelude("reallocCleared"),
        Realloc => Prelude("realloc"),
        Memcpy if calls.is_program => Prelude("copyShared"),
        Adopt => Prelude("adopt"),
        BlocksInUse => Prelude("blocksInUse"),
        StringConcat => Prelude("concat"),
        StringEq => Prelude("stringEq"),
        IntToString => Prelude("intToString"),
        Growslice => Prelude("growSlice"),
        Nextslicecap => Prelude("nextSliceCap"),
        Retain => Prelude("retain"),
        Release => Prelude("release"),
        FdWrite | Write if calls.shares_descriptors => Prelude("sharedWrite"),
        FdRead if calls.shares_descriptors => Prelude("sharedRead"),
        FdClose if calls.shares_descriptors => Prelude("sharedClose"),
        FdSeek if calls.shares_descriptors => Prelude("sharedSeek"),
        FdWrite | Write => Prelude("fdWrite"),
        FdRead => Prelude("fdRead"),
        FdClose => Prelude("fdClose"),
        FdSeek => Prelude("fdSeek"),
        FdOpen => Prelude("fdOpen"),
        Isatty => Prelude("isTerminal"),
        PrintInt => Prelude("printIntPlain"),
        EprintInt => Prelude("eprintIntPlain"),
        Exit => Prelude("leave"),
        ArgsCount => Prelude("argsCount"),
        ArgLen => Prelude("argLen"),
        ArgPtr => Prelude("argPtr"),
        EnvironCount => Prelude("environCount"),
        EnvironLen => Prelude("environLen"),
        EnvironPtr => Prelude("environPtr"),
        Time => Prelude("nowNanoseconds"),
        Random => Prelude("randomBytes"),
        Malloc | MallocU8 => Prelude("mallocBytes"),
        MallocI64 => Prelude("mallocWords"),
        MallocStruct => Prelude("mallocStructs"),
        Free => Prelude("freeBlock"),
        Fork => Prelude("forkProcess"),
        Execve => Prelude("executeProgram"),
        Waitpid => Prelude("waitForProcess"),
        Pipe => Prelude("makePipe"),
        Dup2 => Prelude("duplicateTo"),
        Fail if calls.is_test => Prelude("failTest"),
        Fail if calls.has_shims => Prelude("failProgram"),
        Fail => Prelude("failModule"),
        CotPlace => Host(COT, "place"),
        CotPanic => Host(COT, "panic"),
        Throw | MemsetZero | Memcpy | MemoryGrow | MemorySize | HeapBase | Trap | Destroy => Instructions,
        EnvWrite => Host(ENV_WRITE.0, ENV_WRITE.1),
        WasiFdWrite => Host(WASI, "fd_write"),
        WasiFdRead => Host(WASI, "fd_read"),
        WasiFdClose => Host(WASI, "fd_close"),
        WasiFdSeek => Host(WASI, "fd_seek"),
        WasiFdFdstatGet => Host(WASI, "fd_fdstat_get"),
        WasiFdPrestatGet => Host(WASI, "fd_prestat_get"),
        WasiFdPrestatDirName => Host(WASI, "fd_prestat_dir_name"),
        WasiPathOpen => Host(WASI, "path_open"),
        WasiArgsSizesGet => Host(WASI, "args_sizes_get"),
        WasiArgsGet => Host(WASI, "args_get"),
        WasiEnvironSizesGet => Host(WASI, "environ_sizes_get"),
        WasiEnvironGet => Host(WASI, "environ_get"),
        WasiClockTimeGet => Host(WASI, "clock_time_get"),
        WasiRandomGet => Host(WASI, "random_get"),
        WasiProcExit => Host(WASI, "proc_exit"),
    }
}

/// The types of a function of the host.
pub fn host_signature(name: &str) -> Signature {
    use WasmType::{I32, I64};
    let (params, results) = match name {
        "write" => (vec![I64, I64, I64], vec![I64]),
        "fd_seek" => (vec![I32, I64, I32, I32], vec![I32]),
        "path_open" => (vec![I32, I32, I32, I32, I32, I64, I64, I32, I32], vec![I32]),
        "clock_time_get" => (vec![I32, I64, I32], vec![I32]),
        "proc_exit" => (vec![I32], vec![]),
        "fd_close" => (vec![I32], vec![I32]),
        "fd_write" | "fd_read" => (vec![I32; 4], vec![I32]),
        "panic" => (vec![I32; 2], vec![]),
        "fd_prestat_dir_name" => (vec![I32; 3], vec![I32]),
        _ => (vec![I32; 2], vec![I32]),
    };
    Signature { params, results }
}

impl Body<'_, '_> {
    /// Arguments are `i64`; so is the result, unless there is none.
    pub fn call_runtime(&mut self, function: RuntimeFunction, args: Vec<Value>, result: TypeId) -> Vec<Value> {
        let calls = Calls {
            shares_descriptors: self.lowering.program.shares_descriptors,
            is_test: self.lowering.is_for_tests(),
            has_shims: self.lowering.options.has_shims,
            is_program: self.is_of_program(),
        };
        let results = match implementation(function, calls) {
            Implementation::Prelude(name) => self.prelude(name, args),
            Implementation::Host(module, name) => self.call_host(module, name, args),
            Implementation::Instructions => self.runtime_instructions(function, &args),
        };
        match result {
            TypeId::NO_RETURN => {
                self.b.end(End::Unreachable);
                Vec::new()
            }
            TypeId::VOID => Vec::new(),
            _ if results.is_empty() => vec![self.b.i64(0)],
            _ => results,
        }
    }

    fn is_of_program(&self) -> bool {
        let name = |function: &crate::cot::typed::Function| &self.lowering.sources.get(function.span.file).name;
        self.function.is_some_and(|function| !name(function).starts_with("std/"))
    }

    fn call_host(&mut self, module: &'static str, name: &'static str, args: Vec<Value>) -> Vec<Value> {
        debug_assert!(
            (module != ENV_WRITE.0) == (self.lowering.options.host != Host::Bare),
            "the prelude asks for the target before it calls the host"
        );
        let signature = host_signature(name);
        let args = args.into_iter().zip(&signature.params).map(|(arg, ty)| self.fit_host(arg, *ty)).collect();
        let results = self.call_key(FuncKey::Host(module, name), args);
        results.into_iter().map(|result| self.fit_host(result, WasmType::I64)).collect()
    }

    fn runtime_instructions(&mut self, function: RuntimeFunction, args: &[Value]) -> Vec<Value> {
        let narrow: Vec<_> = args.iter().map(|arg| self.narrow(*arg)).collect();
        match function {
            RuntimeFunction::Memcpy => {
                self.b.push(Op::MemoryCopy, narrow, &[]);
                Vec::new()
            }
            RuntimeFunction::MemsetZero => {
                let zero = self.b.i32(0);
                self.b.push(Op::MemoryFill, vec![narrow[0], zero, narrow[1]], &[]);
                Vec::new()
            }
            RuntimeFunction::MemoryGrow => {
                let before = self.b.push(Op::MemoryGrow, narrow, &[WasmType::I32]);
                vec![self.b.numeric(Numeric::I64ExtendI32S, &before)]
            }
            RuntimeFunction::MemorySize => {
                let pages = self.b.push(Op::MemorySize, narrow, &[WasmType::I32]);
                vec![self.b.numeric(Numeric::I64ExtendI32U, &pages)]
            }
            RuntimeFunction::HeapBase => {
                let address = self.b.push(Op::HeapBase, narrow, &[WasmType::I32]);
                vec![self.b.numeric(Numeric::I64ExtendI32U, &address)]
            }
            RuntimeFunction::Throw => {
                self.b.push(Op::Throw, Vec::new(), &[]);
                self.b.end(End::Unreachable);
                Vec::new()
            }
            RuntimeFunction::Destroy => {
                let signature = Signature { params: vec![WasmType::I32], results: Vec::new() };
                self.b.push(Op::CallIndirect(signature), vec![narrow[1], narrow[0]], &[]);
                Vec::new()
            }
            _ => {
                self.b.end(End::Unreachable);
                Vec::new()
            }
        }
    }
}
