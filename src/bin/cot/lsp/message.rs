//! JSON-RPC: what a body is, and how it is answered.

use crate::lsp::frame;
use anyhow::Result;
use lsp_types::error_codes;
use serde::Serialize;
use serde_json::{Value, json};
use wasm2native::stdio;

/// A message of the client.
#[derive(Debug, PartialEq)]
pub enum Message {
    Request {
        id: Value,
        method: String,
        params: Value,
    },
    Notification {
        method: String,
        params: Value,
    },
    /// An answer to a request of ours.
    Response,
}

/// Why a request has no result.
#[derive(Debug, PartialEq)]
pub struct Failure {
    pub code: i64,
    pub message: String,
}

/// The body is not JSON.
const PARSE_ERROR: i64 = -32700;
const INVALID_REQUEST: i64 = -32600;
const METHOD_NOT_FOUND: i64 = -32601;
const INVALID_PARAMS: i64 = -32602;
const INTERNAL_ERROR: i64 = -32603;

impl Failure {
    pub fn parse(message: impl Into<String>) -> Failure {
        Failure { code: PARSE_ERROR, message: message.into() }
    }

    pub fn invalid_request(message: impl Into<String>) -> Failure {
        Failure { code: INVALID_REQUEST, message: message.into() }
    }

    pub fn no_method(method: &str) -> Failure {
        Failure { code: METHOD_NOT_FOUND, message: format!("there is no method '{method}' here") }
    }

    pub fn invalid_params(message: impl Into<String>) -> Failure {
        Failure { code: INVALID_PARAMS, message: message.into() }
    }

    pub fn internal(message: impl Into<String>) -> Failure {
        Failure { code: INTERNAL_ERROR, message: message.into() }
    }

    pub fn not_initialized() -> Failure {
        Failure { code: error_codes::SERVER_NOT_INITIALIZED, message: "the first request is 'initialize'".to_owned() }
    }

    pub fn cancelled() -> Failure {
        Failure { code: error_codes::REQUEST_CANCELLED, message: "the request was cancelled".to_owned() }
    }

    /// What was asked for can't be done; the user is told why.
    pub fn refused(message: impl Into<String>) -> Failure {
        Failure { code: error_codes::REQUEST_FAILED, message: message.into() }
    }
}

/// What a body says; a failure comes with the request that it is about, if that is known.
pub fn parse(body: &[u8]) -> Result<Message, (Value, Failure)> {
    let value: Value =
        serde_json::from_slice(body).map_err(|error| (Value::Null, Failure::parse(format!("not JSON: {error}"))))?;
    let Value::Object(mut object) = value else {
        return Err((Value::Null, Failure::invalid_request("a message is an object")));
    };
    let id = object.remove("id");
    let is_id = |id: &Value| id.is_string() || id.is_i64() || id.is_u64();
    let known_id = id.clone().filter(is_id).unwrap_or(Value::Null);
    if object.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return Err((known_id, Failure::invalid_request("'jsonrpc' is \"2.0\" in every message")));
    }
    let params = object.remove("params").unwrap_or(Value::Null);
    match (object.remove("method"), id) {
        (Some(Value::String(method)), None) => Ok(Message::Notification { method, params }),
        (Some(Value::String(method)), Some(id)) if is_id(&id) => Ok(Message::Request { id, method, params }),
        (None, Some(_)) if object.contains_key("result") || object.contains_key("error") => Ok(Message::Response),
        _ => Err((known_id, Failure::invalid_request("neither a request nor a notification nor a response"))),
    }
}

/// Answers a request.
///
/// # Errors
/// Standard output can't be written.
pub fn answer(id: &Value, result: Result<Value, Failure>) -> Result<()> {
    send(&match result {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        Err(failure) => {
            json!({ "jsonrpc": "2.0", "id": id, "error": { "code": failure.code, "message": failure.message } })
        }
    })
}

/// Tells the client something.
///
/// # Errors
/// Standard output can't be written.
pub fn notify(method: &str, params: impl Serialize) -> Result<()> {
    send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }))
}

/// Asks the client for something; the answer is of no interest.
///
/// # Errors
/// Standard output can't be written.
pub fn request(id: &str, method: &str, params: impl Serialize) -> Result<()> {
    send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))
}

fn send(message: &Value) -> Result<()> {
    stdio::print(frame::write(&message.to_string()))
}
