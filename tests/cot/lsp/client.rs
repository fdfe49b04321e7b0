//! The other side of `cot lsp`: a process, messages to it, answers from it.

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use test_kit::{command, process};

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(60);

pub struct Client {
    process: Child,
    input: Option<ChildStdin>,
    messages: Receiver<Result<Value>>,
    n_requests: u64,
    /// Notifications that came while something else was awaited.
    pub notifications: Vec<Value>,
}

impl Drop for Client {
    fn drop(&mut self) {
        // It has ended already where all went well.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Client {
    pub fn start(folder: &Path) -> Result<Client> {
        let mut command = command::cot();
        command.arg("lsp").current_dir(folder).env_remove("COT_STDLIB").env("WASM2NATIVE_CACHE", folder.join(".cache"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = process::spawn(&mut command)?;
        let input = process.stdin.take();
        let mut output = BufReader::new(process.stdout.take().context("its output is a pipe")?);
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            let messages = std::iter::from_fn(|| receive(&mut output).transpose());
            let _ = messages.take_while(Result::is_ok).try_for_each(|it| sender.send(it));
        });
        Ok(Client { process, input, messages, n_requests: 0, notifications: Vec::new() })
    }

    /// Sends bytes as they are.
    pub fn send_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        let input = self.input.as_mut().context("its input was closed")?;
        input.write_all(bytes)?;
        Ok(input.flush()?)
    }

    pub fn send(&mut self, body: &str) -> Result<()> {
        self.send_bytes(format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes())
    }

    pub fn notify(&mut self, method: &str, params: &Value) -> Result<()> {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }).to_string())
    }

    /// A request and its answer.
    pub fn request(&mut self, method: &str, params: &Value) -> Result<Value> {
        self.n_requests += 1;
        let id = self.n_requests;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string())?;
        let answer = self.answer()?;
        ensure!(answer["id"] == id, "the answer to another request came: {answer}");
        Ok(answer)
    }

    /// The next message that is not a notification.
    pub fn answer(&mut self) -> Result<Value> {
        loop {
            let message = self.next()?;
            if message.get("method").is_none() {
                return Ok(message);
            }
            self.notifications.push(message);
        }
    }

    pub fn next(&mut self) -> Result<Value> {
        self.messages.recv_timeout(LIMIT).context("no message comes")?
    }

    /// What is wrong with files, which is told next: the notifications of one round.
    pub fn diagnostics(&mut self) -> Result<Vec<Value>> {
        if self.notifications.is_empty() {
            let message = self.next()?;
            ensure!(message.get("method").is_some(), "an answer that nobody asked for: {message}");
            self.notifications.push(message);
        }
        // An answer comes after all that was told before.
        self.request("test/nothing", &Value::Null)?;
        Ok(std::mem::take(&mut self.notifications))
    }

    /// Closes the input and waits for the end.
    pub fn end(&mut self) -> Result<i32> {
        drop(self.input.take());
        Ok(process::finish(&mut self.process)?.status)
    }
}

fn receive(output: &mut impl BufRead) -> Result<Option<Value>> {
    let mut length = None;
    loop {
        let mut line = String::new();
        if output.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        match line.strip_suffix("\r\n") {
            Some("") => break,
            Some(header) => {
                let Some(value) = header.strip_prefix("Content-Length: ") else { bail!("the header is {line:?}") };
                length = Some(value.parse()?);
            }
            None => bail!("this is not of the protocol: {line:?}"),
        }
    }
    let mut body = vec![0; length.context("the header has no length")?];
    output.read_exact(&mut body)?;
    Ok(Some(serde_json::from_slice(&body)?))
}
