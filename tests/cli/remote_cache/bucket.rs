//! A server with as much of S3 as we use: objects are put, read in part, and deleted. It does not
//! look at signatures.

use super::proxy::Listener;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

type Objects = BTreeMap<String, Vec<u8>>;

pub struct Bucket {
    listener: Listener,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    objects: Mutex<Objects>,
    /// The status of all answers, if that is set.
    refusal: Mutex<String>,
    sends_forever: AtomicBool,
}

impl Deref for Bucket {
    type Target = Listener;

    fn deref(&self) -> &Listener {
        &self.listener
    }
}

impl Bucket {
    pub fn start() -> Bucket {
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        Bucket { listener: Listener::start(move |stream| while answer(&shared, &stream).is_some() {}), state }
    }

    /// By path, with the bucket's name.
    pub fn objects(&self) -> MutexGuard<'_, Objects> {
        self.state.objects.lock().expect("nothing panics with the lock")
    }

    pub fn refuse(&self, status: &str) {
        status.clone_into(&mut self.state.refusal.lock().expect("nothing panics with the lock"));
    }

    pub fn send_forever(&self) {
        self.state.sends_forever.store(true, Ordering::SeqCst);
    }
}

/// Answers a request. `None` ends the connection.
fn answer(state: &State, mut stream: &TcpStream) -> Option<()> {
    let mut input = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        input.read_line(&mut line).ok()?;
        match line.strip_suffix("\r\n")? {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let header = |name: &str| {
        let line = lines.iter().find(|line| line.to_ascii_lowercase().starts_with(name))?;
        Some(line[name.len()..].trim_start_matches([':', ' ']).to_owned())
    };
    let mut words = lines.first()?.split(' ');
    let (method, path) = (words.next()?, words.next()?.split('?').next()?.to_owned());
    let mut body = vec![0; header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0)];
    input.read_exact(&mut body).ok()?;

    let refusal = state.refusal.lock().expect("nothing panics with the lock").clone();
    if state.sends_forever.load(Ordering::SeqCst) && method == "GET" {
        stream.write_all(b"HTTP/1.1 206 Partial Content\r\ncontent-length: 999999999999\r\n\r\n").ok()?;
        loop {
            stream.write_all(&[0; 0x10000]).ok()?;
        }
    }
    let mut objects = state.objects.lock().expect("nothing panics with the lock");
    let (status, extra, body) = match method {
        _ if !refusal.is_empty() => (refusal, String::new(), Vec::new()),
        "PUT" => {
            objects.insert(path, body);
            ("200 OK".to_owned(), "etag: \"0\"\r\n".to_owned(), Vec::new())
        }
        "DELETE" => {
            objects.remove(&path);
            ("204 No Content".to_owned(), String::new(), Vec::new())
        }
        "GET" => match (objects.get(&path), header("range")) {
            (None, _) => ("404 Not Found".to_owned(), String::new(), Vec::new()),
            (Some(object), None) => ("200 OK".to_owned(), String::new(), object.clone()),
            (Some(object), Some(range)) => {
                let (start, end) = range.strip_prefix("bytes=")?.split_once('-')?;
                let (start, end) = (start.parse::<usize>().ok()?, end.parse::<usize>().ok()?);
                let end = object.len().min(end + 1);
                match object.get(start..end) {
                    Some(part) if !part.is_empty() => {
                        let range = format!("content-range: bytes {start}-{}/{}\r\n", end - 1, object.len());
                        ("206 Partial Content".to_owned(), range, part.to_vec())
                    }
                    _ => {
                        let error = b"<Error><Code>InvalidRange</Code><Message>There is less.</Message></Error>";
                        ("416 Range Not Satisfiable".to_owned(), String::new(), error.to_vec())
                    }
                }
            }
        },
        _ => ("501 Not Implemented".to_owned(), String::new(), Vec::new()),
    };
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{extra}\r\n", body.len());
    stream.write_all(&[head.as_bytes(), &body].concat()).ok()
}
