//! Test scripts of the specification (`.wast`: interpreter/README.md, "Scripts") as plain data: the
//! modules and the steps.
//!
//! Names are resolved here: `$id`s and registered names become the numbers of instances. Modules
//! are validated later, by the driver.
// Numbers that a module chooses are checked; see `tests/tidy`.
#![deny(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss
)]

mod value;

use crate::abi::script::{Outcome, Pattern};
use crate::abi::value::Value;
use crate::report::shown;
use anyhow::{Context, Error, Result, anyhow, bail};
use std::collections::HashMap;
use std::mem;
use wast::lexer::{Lexer, TokenKind};
use wast::parser::{self, ParseBuffer};
use wast::token::{Id, Span};
use wast::{QuoteWat, Wast, WastArg, WastDirective, WastExecute, WastInvoke, WastRet, WastThread, Wat};

/// The module that scripts may import from (interpreter/README.md, "Spectest host module").
const SPECTEST: &str = include_str!("spectest.wat");

pub struct Script {
    /// In the order of their instantiation; the first is `spectest`.
    pub instances: Vec<InstanceSource>,
    pub steps: Vec<Step>,
}

/// A module's binary form, or the reason why it has none.
pub type Encoded = Result<Vec<u8>, String>;

pub struct InstanceSource {
    pub wasm: Encoded,
    /// Names registered when the instance is made, with the instances they stand for.
    pub registry: HashMap<String, usize>,
}

pub struct Step {
    /// Counted from 1.
    pub line: u32,
    pub kind: StepKind,
}

pub enum StepKind {
    /// The instance is created, which must end with a trap whose text is `message`.
    Instantiate {
        instance: usize,
        trap: Option<String>,
    },
    Invoke(Invoke),
    Get {
        instance: usize,
        global: String,
        results: Vec<Vec<Pattern>>,
        /// The results as the script has them.
        expected: String,
    },
    /// The module must be refused. `Err`: the text could not even be parsed.
    Refuse {
        wasm: Encoded,
        message: String,
    },
    /// The module is valid, but its imports don't fit.
    Unlinkable {
        source: InstanceSource,
        message: String,
    },
    /// The given number of next steps belongs to a thread.
    Thread {
        n_steps: usize,
    },
    /// Waits for the thread that the step with this number started.
    Wait {
        thread: usize,
    },
    /// A step that can't be executed, with the reason.
    Impossible(String),
}

pub struct Invoke {
    pub instance: usize,
    pub function: String,
    pub arguments: Vec<Value>,
    pub outcome: Outcome,
    /// Alternatives per result.
    pub results: Vec<Vec<Pattern>>,
    /// The function with its arguments, and the results, as the script has them.
    pub call: String,
    pub expected: String,
    /// The trap's.
    pub message: String,
}

/// Whether `text` is a script and not the text of one module: it has a command, a second module, or
/// a module in a form that only scripts have. The words after the outermost parentheses decide;
/// text in comments and strings does not count.
pub fn is_script(text: &str) -> bool {
    let (mut depth, mut n_modules) = (0u64, 0u64);
    // Whether the next word is the first of an outermost form, or names the form of a module.
    let (mut at_head, mut in_module) = (false, false);
    let lexer = lexer(text);
    // The parser reports mistakes in the text.
    for token in lexer.iter(0).map_while(Result::ok) {
        match token.kind {
            TokenKind::Whitespace | TokenKind::LineComment | TokenKind::BlockComment => continue,
            TokenKind::LParen => {
                depth = depth.saturating_add(1);
                (at_head, in_module) = (depth == 1, false);
                continue;
            }
            TokenKind::RParen => depth = depth.saturating_sub(1),
            TokenKind::Keyword => match token.keyword(text) {
                "invoke" | "register" | "thread" | "wait" if at_head => return true,
                word if at_head && word.starts_with("assert_") => return true,
                "module" if at_head => {
                    n_modules = n_modules.saturating_add(1);
                    if n_modules > 1 {
                        return true;
                    }
                    in_module = true;
                }
                "definition" | "instance" | "quote" if in_module => return true,
                _ => in_module = false,
            },
            // The module's name.
            TokenKind::Id => {}
            _ => in_module = false,
        }
        at_head = false;
    }
    false
}

/// Reads a script.
///
/// # Errors
/// When it is not a script, or uses a name that it does not define.
pub fn read(text: &str) -> Result<Script> {
    with_directives(text, |directives| {
        let mut reader = Reader::new(text)?;
        for directive in directives {
            let line = reader.line(directive.span());
            reader.directive(directive).with_context(|| format!("line {line}"))?;
        }
        Ok(Script { instances: reader.instances, steps: reader.steps })
    })
}

fn with_directives<T>(text: &str, work: impl FnOnce(Vec<WastDirective>) -> Result<T>) -> Result<T> {
    let explain = |mut error: wast::Error| {
        error.set_text(text);
        anyhow!("{error}")
    };
    let buffer = ParseBuffer::new_with_lexer(lexer(text)).map_err(explain)?;
    let wast = parser::parse::<Wast>(&buffer).map_err(explain)?;
    work(wast.directives)
}

fn lexer(text: &str) -> Lexer<'_> {
    let mut lexer = Lexer::new(text);
    lexer.allow_confusing_unicode(true);
    lexer
}

struct Reader {
    /// The offset of each line's end.
    line_ends: Vec<usize>,
    instances: Vec<InstanceSource>,
    steps: Vec<Step>,
    registry: HashMap<String, usize>,
    /// Instances by `$id`, and the last one.
    named: HashMap<String, usize>,
    current: Option<usize>,
    definitions: HashMap<String, Encoded>,
    /// Steps that start threads, by the threads' names.
    threads: HashMap<String, usize>,
    last_definition: Option<Encoded>,
}

impl Reader {
    fn new(text: &str) -> Result<Reader> {
        let spectest = InstanceSource { wasm: Ok(wat::parse_str(SPECTEST)?), registry: HashMap::new() };
        let steps = vec![Step { line: 0, kind: StepKind::Instantiate { instance: 0, trap: None } }];
        let registry = HashMap::from([("spectest".to_owned(), 0)]);
        let (named, definitions, threads) = (HashMap::new(), HashMap::new(), HashMap::new());
        let instances = vec![spectest];
        let line_ends = text.match_indices('\n').map(|(end, _)| end).collect();
        Ok(Reader {
            line_ends,
            instances,
            steps,
            registry,
            named,
            current: None,
            definitions,
            threads,
            last_definition: None,
        })
    }

    fn line(&self, span: Span) -> u32 {
        let n_before = self.line_ends.partition_point(|end| *end < span.offset());
        u32::try_from(n_before).unwrap_or(u32::MAX).saturating_add(1)
    }

    fn directive(&mut self, directive: WastDirective) -> Result<()> {
        let line = self.line(directive.span());
        let kind = match directive {
            WastDirective::Module(mut module) => {
                let name = module.name();
                self.instantiate(encode(&mut module), name, None)
            }
            WastDirective::ModuleDefinition(mut module) => {
                let name = module.name();
                let wasm = encode(&mut module);
                if let Some(name) = name {
                    self.definitions.insert(name.name().to_owned(), wasm.clone());
                }
                self.last_definition = Some(wasm);
                return Ok(());
            }
            WastDirective::ModuleInstance { instance, module, .. } => {
                let wasm = match module {
                    Some(id) => self.definitions.get(id.name()).cloned(),
                    None => self.last_definition.clone(),
                };
                self.instantiate(wasm.context("no such module definition")?, instance, None)
            }
            WastDirective::Register { name, module, .. } => {
                let instance = self.instance(module)?;
                self.registry.insert(name.to_owned(), instance);
                return Ok(());
            }
            WastDirective::Invoke(call) => self.invoke(call, Wanted::of(Outcome::Any, ""))?,
            WastDirective::AssertReturn { exec, results, .. } => {
                match results.iter().map(result).collect::<Result<_>>() {
                    Ok(patterns) => {
                        let expected = results.iter().map(describe_result).collect::<Vec<_>>().join(" ");
                        self.execute(exec, Wanted { results: patterns, expected, ..Wanted::of(Outcome::Return, "") })?
                    }
                    Err(error) => StepKind::Impossible(format!("{error:#}")),
                }
            }
            WastDirective::AssertTrap { exec, message, .. } => {
                self.execute(exec, Wanted::of(Outcome::Trap, message))?
            }
            WastDirective::AssertExhaustion { call, message, .. } => {
                self.invoke(call, Wanted::of(Outcome::Trap, message))?
            }
            WastDirective::AssertException { exec, .. } => self.execute(exec, Wanted::of(Outcome::Exception, ""))?,
            WastDirective::AssertMalformed { module, message, .. }
            | WastDirective::AssertInvalid { module, message, .. } => refuse(module, message),
            WastDirective::AssertUnlinkable { mut module, message, .. } => {
                let wasm = module.encode().map_err(|error| error.message());
                let source = InstanceSource { wasm, registry: self.registry.clone() };
                StepKind::Unlinkable { source, message: message.to_owned() }
            }
            WastDirective::Thread(thread) => return self.thread(line, thread),
            WastDirective::Wait { thread, .. } => {
                let thread = self.threads.get(thread.name()).copied();
                StepKind::Wait { thread: thread.context("there is no such thread")? }
            }
            other => StepKind::Impossible(format!("{} are not supported", directive_name(&other))),
        };
        self.steps.push(Step { line, kind });
        Ok(())
    }

    /// A thread has its own names, and sees only the instance that is shared with it.
    fn thread(&mut self, line: u32, thread: WastThread) -> Result<()> {
        let begin = self.steps.len();
        self.steps.push(Step { line, kind: StepKind::Thread { n_steps: 0 } });
        let shared = thread.shared_module.map(|id| Ok::<_, Error>((id.name().to_owned(), self.instance(Some(id))?)));
        let named = shared.transpose()?.into_iter().collect();
        let registry = self.registry.iter().filter(|(name, _)| *name == "spectest");
        let registry = registry.map(|(name, instance)| (name.clone(), *instance)).collect();
        let outer =
            (mem::replace(&mut self.named, named), mem::replace(&mut self.registry, registry), self.current.take());
        for directive in thread.directives {
            let line = self.line(directive.span());
            self.directive(directive).with_context(|| format!("line {line}"))?;
        }
        (self.named, self.registry, self.current) = outer;
        let n_steps = self.steps.len().saturating_sub(begin).saturating_sub(1);
        self.steps[begin].kind = StepKind::Thread { n_steps };
        self.threads.insert(thread.name.name().to_owned(), begin);
        Ok(())
    }

    fn instantiate(&mut self, wasm: Encoded, name: Option<Id>, trap: Option<String>) -> StepKind {
        let instance = self.instances.len();
        self.instances.push(InstanceSource { wasm, registry: self.registry.clone() });
        if trap.is_none() {
            self.current = Some(instance);
            if let Some(name) = name {
                self.named.insert(name.name().to_owned(), instance);
            }
        }
        StepKind::Instantiate { instance, trap }
    }

    fn instance(&self, id: Option<Id>) -> Result<usize> {
        match id {
            Some(id) => {
                self.named.get(id.name()).copied().with_context(|| format!("there is no module ${}", id.name()))
            }
            None => self.current.context("there is no module yet"),
        }
    }

    fn execute(&mut self, exec: WastExecute, wanted: Wanted) -> Result<StepKind> {
        Ok(match exec {
            WastExecute::Invoke(call) => self.invoke(call, wanted)?,
            WastExecute::Get { module, global, .. } => {
                let Wanted { results, expected, .. } = wanted;
                StepKind::Get { instance: self.instance(module)?, global: global.to_owned(), results, expected }
            }
            WastExecute::Wat(mut module) => {
                let name = match &module {
                    Wat::Module(module) => module.id,
                    Wat::Component(_) => return Ok(StepKind::Impossible("components are not supported".to_owned())),
                };
                let wasm = module.encode().map_err(|error| error.message());
                self.instantiate(wasm, name, Some(wanted.message.to_owned()))
            }
        })
    }

    fn invoke(&self, call: WastInvoke, wanted: Wanted) -> Result<StepKind> {
        let Wanted { outcome, results, expected, message } = wanted;
        let arguments = match call.args.iter().map(argument).collect::<Result<_>>() {
            Ok(arguments) => arguments,
            Err(error) => return Ok(StepKind::Impossible(format!("{error:#}"))),
        };
        Ok(StepKind::Invoke(Invoke {
            instance: self.instance(call.module)?,
            function: call.name.to_owned(),
            arguments,
            outcome,
            results,
            call: std::iter::once(shown(call.name))
                .chain(call.args.iter().map(describe_argument))
                .collect::<Vec<_>>()
                .join(" "),
            expected,
            message: message.to_owned(),
        }))
    }
}

/// How a command must end.
struct Wanted<'a> {
    outcome: Outcome,
    results: Vec<Vec<Pattern>>,
    /// The results as the script has them.
    expected: String,
    /// The trap's.
    message: &'a str,
}

impl Wanted<'_> {
    fn of(outcome: Outcome, message: &str) -> Wanted<'_> {
        Wanted { outcome, results: Vec::new(), expected: String::new(), message }
    }
}

fn refuse(mut module: QuoteWat, message: &str) -> StepKind {
    StepKind::Refuse { wasm: encode(&mut module), message: message.to_owned() }
}

fn encode(module: &mut QuoteWat) -> Encoded {
    module.encode().map_err(|error| error.message())
}

fn argument(argument: &WastArg) -> Result<Value> {
    let WastArg::Core(argument) = argument else { bail!("components are not supported") };
    Ok(value::argument(argument))
}

fn describe_argument(argument: &WastArg) -> String {
    match argument {
        WastArg::Core(argument) => value::describe_argument(argument),
        _ => "(component)".to_owned(),
    }
}

fn describe_result(result: &WastRet) -> String {
    match result {
        WastRet::Core(result) => value::describe_result(result),
        _ => "(component)".to_owned(),
    }
}

fn result(result: &WastRet) -> Result<Vec<Pattern>> {
    let WastRet::Core(result) = result else { bail!("components are not supported") };
    value::patterns(result).with_context(|| format!("result {result:?}"))
}

fn directive_name(directive: &WastDirective) -> &'static str {
    match directive {
        WastDirective::AssertSuspension { .. } => "suspensions",
        _ => "assertions about custom sections",
    }
}
