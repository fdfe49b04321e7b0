//! A real Redis, for one test.

use anyhow::{Result, bail};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use test_kit::folder::Folder;
use test_kit::tool;

/// A server on a port of its own. It ends with the value.
pub struct Server {
    pub port: u16,
    child: Child,
    password: Option<String>,
    _folder: Folder,
}

/// What a server answers.
#[derive(Debug, PartialEq)]
pub enum Reply {
    Text(String),
    Number(u64),
    Bytes(Vec<u8>),
    None,
    List(Vec<Reply>),
}

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("ports are free");
    listener.local_addr().expect("it is bound").port()
}

impl Server {
    /// # Errors
    /// [`Skip`](test_kit::trial::Skip), where there is no Redis.
    pub fn start(options: &[&str]) -> Result<Server> {
        tool::require_command("redis-server")?;
        // Another process may take the port.
        for _ in 0..5 {
            let (folder, port) = (Folder::empty(), free_port());
            let mut command = Command::new("redis-server");
            command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port", &port.to_string()]);
            command.arg("--dir").arg(folder.path(".")).args(options);
            let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
            let password = options.iter().skip_while(|option| **option != "--requirepass").nth(1);
            let password = password.map(|password| (*password).to_owned());
            let mut server = Server { port, child, password, _folder: folder };
            if server.is_up()? {
                return Ok(server);
            }
        }
        bail!("redis-server does not start");
    }

    fn is_up(&mut self) -> Result<bool> {
        let deadline = Instant::now() + Duration::from_secs(20);
        while Instant::now() < deadline {
            if self.child.try_wait()?.is_some() {
                return Ok(false);
            }
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return Ok(true);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(false)
    }

    pub fn address(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Does a command.
    #[track_caller]
    pub fn ask(&self, words: &[&[u8]]) -> Reply {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("the server is up");
        let mut input = BufReader::new(&stream);
        let mut ask = |words: &[&[u8]]| {
            let mut text = format!("*{}\r\n", words.len()).into_bytes();
            for word in words {
                text.extend([format!("${}\r\n", word.len()).as_bytes(), word, b"\r\n"].concat());
            }
            (&stream).write_all(&text).expect("the server reads");
            read_reply(&mut input).expect("the server answers")
        };
        if let Some(password) = &self.password {
            assert_eq!(ask(&[b"AUTH", password.as_bytes()]), Reply::Text("+OK".to_owned()));
        }
        let reply = ask(words);
        assert!(!matches!(&reply, Reply::Text(text) if text.starts_with('-')), "{reply:?}");
        reply
    }

    #[track_caller]
    pub fn number(&self, words: &[&[u8]]) -> u64 {
        match self.ask(words) {
            Reply::Number(number) => number,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    pub fn get(&self, name: &str) -> Vec<u8> {
        match self.ask(&[b"GET", name.as_bytes()]) {
            Reply::Bytes(bytes) => bytes,
            other => panic!("{name}: {other:?}"),
        }
    }

    pub fn set(&self, name: &str, contents: &[u8]) {
        self.ask(&[b"SET", name.as_bytes(), contents]);
    }

    /// The names of all objects of the first database.
    pub fn names(&self) -> BTreeSet<String> {
        let Reply::List(names) = self.ask(&[b"KEYS", b"*"]) else { panic!("a list is the answer") };
        let name = |reply| match reply {
            Reply::Bytes(bytes) => String::from_utf8(bytes).expect("our names are ASCII"),
            other => panic!("{other:?}"),
        };
        names.into_iter().map(name).collect()
    }

    fn statistic(&self, name: &str) -> u64 {
        let Reply::Bytes(text) = self.ask(&[b"INFO", b"stats"]) else { panic!("a text is the answer") };
        let text = String::from_utf8_lossy(&text).into_owned();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value.and_then(|value| value.parse().ok()).expect("Redis counts this")
    }

    /// How many bytes the server has sent.
    pub fn sent(&self) -> u64 {
        self.statistic("total_net_output_bytes")
    }

    /// How many commands it has had.
    pub fn n_commands(&self) -> u64 {
        self.statistic("total_commands_processed")
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status();
        assert!(status.expect("there is `kill`").success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads an answer, or a command.
pub fn read_reply(input: &mut impl BufRead) -> Option<Reply> {
    let mut line = String::new();
    input.read_line(&mut line).ok()?;
    let line = line.strip_suffix("\r\n")?;
    let number = || line[1..].parse::<u64>().ok();
    Some(match line.as_bytes().first()? {
        b':' => Reply::Number(number()?),
        b'$' if line == "$-1" => Reply::None,
        b'$' => {
            let mut bytes = vec![0; usize::try_from(number()?).ok()? + 2];
            input.read_exact(&mut bytes).ok()?;
            bytes.truncate(bytes.len() - 2);
            Reply::Bytes(bytes)
        }
        b'*' => Reply::List((0..number()?).map(|_| read_reply(input)).collect::<Option<_>>()?),
        _ => Reply::Text(line.to_owned()),
    })
}
