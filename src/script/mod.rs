//! Test scripts of the specification (`.wast`: interpreter/README.md, "Scripts") to plain data: which modules there are,
//! and what is done with them.
//!
//! Names are resolved here: `$id`s and registered names become the numbers of instances. Whether modules are valid is the
//! driver's business.

mod value;

use crate::abi::{Outcome, Pattern, Value};
use anyhow::{Context, Error, Result, anyhow, bail};
use std::collections::HashMap;
use std::mem;
use wast::core::WastArgCore;
use wast::lexer::Lexer;
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

pub struct InstanceSource {
    pub wasm: Vec<u8>,
    /// Names registered when the instance is made, with the instances they stand for.
    pub registry: HashMap<String, usize>,
}

pub struct Step {
    /// Counted from 1.
    pub line: u32,
    pub kind: StepKind,
}

pub enum StepKind {
    /// The instance is made; `message` is the trap's that has to end it.
    Instantiate {
        instance: usize,
        trap: Option<String>,
    },
    Invoke(Invoke),
    Get {
        instance: usize,
        global: String,
        results: Vec<Vec<Pattern>>,
    },
    /// The module must be refused. `Err`: the text could not even be parsed.
    Refuse {
        wasm: Result<Vec<u8>, String>,
        message: String,
    },
    /// The module is valid, but its imports don't fit.
    Unlinkable {
        source: InstanceSource,
        message: String,
    },
    /// The steps that follow, so many, are a thread's.
    Thread {
        n_steps: usize,
    },
    /// Waits for the thread that this step has begun.
    Wait {
        thread: usize,
    },
    /// Something this program can't do.
    Unsupported(String),
}

pub struct Invoke {
    pub instance: usize,
    pub function: String,
    pub arguments: Vec<Value>,
    pub outcome: Outcome,
    /// Alternatives per result.
    pub results: Vec<Vec<Pattern>>,
    /// The trap's.
    pub message: String,
}

/// Whether `text` is a script and not the text of one module.
pub fn is_script(text: &str) -> bool {
    // Parsing tells, but costs as much as the module itself: first a look at the words.
    let may_be = text.contains("(assert_") || text.matches("(module").nth(1).is_some();
    let is_module = |directives: Vec<WastDirective>| Ok(matches!(directives[..], [WastDirective::Module(_)]));
    may_be && !with_directives(text, is_module).unwrap_or(false)
}

/// Reads a script.
///
/// # Errors
/// When it is no script, or refers to what it does not define.
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
    let mut lexer = Lexer::new(text);
    lexer.allow_confusing_unicode(true);
    let buffer = ParseBuffer::new_with_lexer(lexer).map_err(explain)?;
    let wast = parser::parse::<Wast>(&buffer).map_err(explain)?;
    work(wast.directives)
}

struct Reader<'t> {
    text: &'t str,
    instances: Vec<InstanceSource>,
    steps: Vec<Step>,
    registry: HashMap<String, usize>,
    /// Instances by `$id`, and the last one.
    named: HashMap<String, usize>,
    current: Option<usize>,
    definitions: HashMap<String, Vec<u8>>,
    /// Steps that begin threads, by the threads' names.
    threads: HashMap<String, usize>,
    last_definition: Option<Vec<u8>>,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str) -> Result<Reader<'t>> {
        let spectest = InstanceSource { wasm: wat::parse_str(SPECTEST)?, registry: HashMap::new() };
        let steps = vec![Step { line: 0, kind: StepKind::Instantiate { instance: 0, trap: None } }];
        let registry = HashMap::from([("spectest".to_owned(), 0)]);
        let (named, definitions, threads) = (HashMap::new(), HashMap::new(), HashMap::new());
        let instances = vec![spectest];
        Ok(Reader {
            text,
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
        span.linecol_in(self.text).0 as u32 + 1
    }

    fn directive(&mut self, directive: WastDirective) -> Result<()> {
        let line = self.line(directive.span());
        let kind = match directive {
            WastDirective::Module(mut module) => {
                let name = module.name();
                let wasm = module.encode().map_err(|error| anyhow!("{error}"))?;
                self.instantiate(wasm, name, None)
            }
            WastDirective::ModuleDefinition(mut module) => {
                let name = module.name();
                let wasm = module.encode().map_err(|error| anyhow!("{error}"))?;
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
            WastDirective::Invoke(call) => self.invoke(call, Outcome::Any, Vec::new(), "")?,
            WastDirective::AssertReturn { exec, results, .. } => {
                let results = results.iter().map(result).collect::<Result<_>>()?;
                self.execute(exec, Outcome::Return, results, "")?
            }
            WastDirective::AssertTrap { exec, message, .. } => {
                self.execute(exec, Outcome::Trap, Vec::new(), message)?
            }
            WastDirective::AssertExhaustion { call, message, .. } => {
                self.invoke(call, Outcome::Trap, Vec::new(), message)?
            }
            WastDirective::AssertException { exec, .. } => self.execute(exec, Outcome::Exception, Vec::new(), "")?,
            WastDirective::AssertMalformed { module, message, .. }
            | WastDirective::AssertInvalid { module, message, .. } => refuse(module, message),
            WastDirective::AssertUnlinkable { mut module, message, .. } => {
                let wasm = module.encode().map_err(|error| anyhow!("{error}"))?;
                let source = InstanceSource { wasm, registry: self.registry.clone() };
                StepKind::Unlinkable { source, message: message.to_owned() }
            }
            WastDirective::Thread(thread) => return self.thread(line, thread),
            WastDirective::Wait { thread, .. } => {
                let thread = self.threads.get(thread.name()).copied();
                StepKind::Wait { thread: thread.context("there is no such thread")? }
            }
            other => StepKind::Unsupported(directive_name(&other).to_owned()),
        };
        self.steps.push(Step { line, kind });
        Ok(())
    }

    /// A thread has names of its own, and knows no instance but the one that is shared with it.
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
        let n_steps = self.steps.len() - begin - 1;
        self.steps[begin].kind = StepKind::Thread { n_steps };
        self.threads.insert(thread.name.name().to_owned(), begin);
        Ok(())
    }

    fn instantiate(&mut self, wasm: Vec<u8>, name: Option<Id>, trap: Option<String>) -> StepKind {
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

    fn execute(
        &mut self,
        exec: WastExecute,
        outcome: Outcome,
        results: Vec<Vec<Pattern>>,
        message: &str,
    ) -> Result<StepKind> {
        Ok(match exec {
            WastExecute::Invoke(call) => self.invoke(call, outcome, results, message)?,
            WastExecute::Get { module, global, .. } => {
                StepKind::Get { instance: self.instance(module)?, global: global.to_owned(), results }
            }
            WastExecute::Wat(mut module) => {
                let name = match &module {
                    Wat::Module(module) => module.id,
                    Wat::Component(_) => bail!("components are not supported"),
                };
                let wasm = module.encode().map_err(|error| anyhow!("{error}"))?;
                self.instantiate(wasm, name, Some(message.to_owned()))
            }
        })
    }

    fn invoke(
        &self,
        call: WastInvoke,
        outcome: Outcome,
        results: Vec<Vec<Pattern>>,
        message: &str,
    ) -> Result<StepKind> {
        let arguments = call.args.iter().map(argument).collect::<Result<_>>()?;
        Ok(StepKind::Invoke(Invoke {
            instance: self.instance(call.module)?,
            function: call.name.to_owned(),
            arguments,
            outcome,
            results,
            message: message.to_owned(),
        }))
    }
}

fn refuse(mut module: QuoteWat, message: &str) -> StepKind {
    let wasm = module.encode().map_err(|error| error.to_string());
    StepKind::Refuse { wasm, message: message.to_owned() }
}

fn argument(argument: &WastArg) -> Result<Value> {
    let WastArg::Core(argument) = argument else { bail!("components are not supported") };
    value::argument(argument).with_context(|| format!("argument {}", describe(argument)))
}

fn describe(argument: &WastArgCore) -> String {
    format!("{argument:?}")
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
