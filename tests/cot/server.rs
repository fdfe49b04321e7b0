//! The HTTP server of the examples, with a real client on loopback: 10,000 requests, none lost.

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Stdio};
use test_kit::trial::trial;
use test_kit::{command, process};

const REQUESTS: usize = 10_000;

pub fn trials() -> Vec<Trial> {
    vec![trial("server/answers-every-request", answers_every_request)]
}

/// A server that is ended when the test is, whatever comes.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended already where all went well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn answers_every_request() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let program = folder.path().join("server");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/cot/examples/http-server.cot");
    let built = process::run(command::cot_build().arg(source).arg("-o").arg(&program), b"")?;
    ensure!(built.status == 0, "{}", built.stderr);

    let mut server = Server(process::spawn(process::program(&program).stdout(Stdio::piped()))?);
    let mut output = BufReader::new(server.0.stdout.take().context("its output is a pipe")?);
    let mut line = String::new();
    output.read_line(&mut line)?;
    let port = line.trim().strip_prefix("port ").context("it says its port")?.parse()?;
    for number in 0..REQUESTS {
        let (path, body) = match number % 4 {
            0 => ("/".to_owned(), "hello from Cot\n".to_owned()),
            1 => (format!("/add/{number}/-7"), format!("{}\n", number as i64 - 7)),
            2 => ("/count".to_owned(), format!("{number}\n")),
            _ => ("/nosuch".to_owned(), "not found\n".to_owned()),
        };
        let status = if number % 4 == 3 { "404 Not Found" } else { "200 OK" };
        let expected = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = ask(port, &path).with_context(|| format!("request {number}"))?;
        ensure!(answer == expected, "request {number}, {path}: {answer:?} instead of {expected:?}");
    }
    ask(port, "/stop")?;
    let mut rest = String::new();
    output.read_to_string(&mut rest)?;
    ensure!(rest == format!("answered {}\n", REQUESTS + 1), "at its end it says {rest:?}");
    ensure!(process::finish(&mut server.0)?.status == 0, "it does not end with 0");
    Ok(())
}

fn ask(port: u16, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
