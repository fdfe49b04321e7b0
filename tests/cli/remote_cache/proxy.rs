//! Servers that are not as they should be: one that breaks after some bytes, and one that answers
//! as a test says.

use super::redis::{Reply, read_reply};
use std::io::{BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

/// A listener that ends with the value.
pub struct Listener {
    pub port: u16,
    has_ended: Arc<AtomicBool>,
}

impl Listener {
    /// Serves each connection in a thread of its own.
    pub fn start(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Listener {
        let listener = TcpListener::bind("127.0.0.1:0").expect("ports are free");
        let port = listener.local_addr().expect("it is bound").port();
        let has_ended = Arc::new(AtomicBool::new(false));
        let (ended, serve) = (Arc::clone(&has_ended), Arc::new(serve));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::SeqCst) {
                    break;
                }
                let (stream, serve) = (stream.expect("it connects"), Arc::clone(&serve));
                thread::spawn(move || serve(stream));
            }
        });
        Listener { port, has_ended }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.has_ended.store(true, Ordering::SeqCst);
        // It looks after the next connection.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// Stands before a server. After so many bytes from it, all connections end.
pub struct Proxy {
    listener: Listener,
    sent: Arc<AtomicU64>,
}

impl Proxy {
    pub fn start(server: u16, most: u64) -> Proxy {
        let sent = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&sent);
        let listener = Listener::start(move |client| {
            let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { return };
            let [mut from_client, mut to_server] = [&client, &server].map(|it| it.try_clone().expect("it is open"));
            let requests = thread::spawn(move || std::io::copy(&mut from_client, &mut to_server));
            let mut bytes = [0; 1024];
            while let Ok(length @ 1..) = (&server).read(&mut bytes) {
                let before = count.fetch_add(length as u64, Ordering::SeqCst);
                let rest = usize::try_from(most.saturating_sub(before)).unwrap_or(usize::MAX).min(length);
                if (&client).write_all(&bytes[..rest]).is_err() || rest < length {
                    break;
                }
            }
            for stream in [&client, &server] {
                let _ = stream.shutdown(Shutdown::Both);
            }
            let _ = requests.join();
        });
        Proxy { listener, sent }
    }

    pub fn address(&self) -> String {
        format!("redis://127.0.0.1:{}", self.listener.port)
    }

    /// How much the server has sent.
    pub fn n_bytes(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }
}

/// A server that answers each command as `answer` says, and ends the connection at `None`.
pub fn hostile(answer: impl Fn(&[Vec<u8>]) -> Option<Vec<u8>> + Send + Sync + 'static) -> Listener {
    Listener::start(move |stream| {
        let mut input = BufReader::new(&stream);
        while let Some(Reply::List(words)) = read_reply(&mut input) {
            let word = |reply| match reply {
                Reply::Bytes(bytes) => bytes,
                _ => Vec::new(),
            };
            let words: Vec<_> = words.into_iter().map(word).collect();
            match answer(&words) {
                Some(text) if (&stream).write_all(&text).is_ok() => {}
                _ => break,
            }
        }
        let _ = stream.shutdown(Shutdown::Both);
    })
}
