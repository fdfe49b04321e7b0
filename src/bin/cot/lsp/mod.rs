//! `cot lsp`: the Language Server Protocol on standard input and output.
//!
//! Requests are answered in order. What is wrong is looked for when no message is waiting. Nothing
//! but messages is written to standard output; no input ends the server but `exit` and the end of
//! standard input.

mod complete;
mod diagnose;
mod documents;
mod edits;
mod frame;
mod library;
mod look;
mod message;
mod outline;
mod position;
mod server;
mod uri;
mod workspace;

use crate::lsp::frame::Frame;
use crate::lsp::message::{Failure, Message};
use crate::lsp::server::Server;
use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::VecDeque;
use std::io::BufReader;
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;
use wasm2native::cot::with_large_stack;

/// How long no message must come before programs are checked.
const QUIET: Duration = Duration::from_millis(50);

/// How many messages are read before they are needed.
const MOST_WAITING: usize = 64;

pub fn lsp() -> Result<ExitCode> {
    let (sender, incoming) = sync_channel(MOST_WAITING);
    let reader = std::thread::Builder::new().name("reader".to_owned());
    // It ends with the process: nothing else ends the wait for input.
    reader
        .spawn(move || {
            let mut input = BufReader::new(std::io::stdin());
            while let Ok(Some(frame)) = frame::read(&mut input) {
                if sender.send(frame).is_err() {
                    return;
                }
            }
        })
        .context("can't start a thread")?;
    with_large_stack(|| Session { incoming, waiting: VecDeque::new(), server: Server::default() }.serve())
}

struct Session {
    incoming: Receiver<Frame>,
    waiting: VecDeque<Result<Message, (Value, Failure)>>,
    server: Server,
}

impl Session {
    fn serve(mut self) -> Result<ExitCode> {
        while let Some(message) = self.next()? {
            match message {
                Err((id, failure)) => message::answer(&id, Err(failure))?,
                Ok(Message::Response) => {}
                Ok(Message::Notification { method, .. }) if method == "exit" => break,
                Ok(Message::Notification { method, params }) => self.server.notified(&method, params)?,
                Ok(Message::Request { id, method, params }) => {
                    let result = self.server.request(&method, params);
                    message::answer(&id, result)?;
                }
            }
        }
        Ok(if self.server.was_shut_down() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// The next message; none at the end of input. While there is none, programs are checked.
    fn next(&mut self) -> Result<Option<Result<Message, (Value, Failure)>>> {
        while let Ok(frame) = self.incoming.try_recv() {
            self.take(frame)?;
        }
        while self.waiting.is_empty() {
            let received = match self.server.has_work() {
                true => self.incoming.recv_timeout(QUIET),
                false => self.incoming.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match received {
                Ok(frame) => self.take(frame)?,
                Err(RecvTimeoutError::Timeout) => self.server.work()?,
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
            }
        }
        Ok(self.waiting.pop_front())
    }

    /// Puts a message behind those that wait, unless it cancels one of them.
    fn take(&mut self, frame: Frame) -> Result<()> {
        let message = match frame {
            Frame::Body(body) => message::parse(&body),
            Frame::Wrong(why) => Err((Value::Null, Failure::parse(why))),
        };
        let Ok(Message::Notification { method, params }) = &message else {
            self.waiting.push_back(message);
            return Ok(());
        };
        if method != "$/cancelRequest" {
            self.waiting.push_back(message);
            return Ok(());
        }
        let wanted = params.get("id").cloned().unwrap_or(Value::Null);
        let is_it = |it: &Result<Message, _>| matches!(it, Ok(Message::Request { id, .. }) if *id == wanted);
        if let Some(at) = self.waiting.iter().position(is_it) {
            self.waiting[at] = Err((wanted, Failure::cancelled()));
        }
        Ok(())
    }
}
