//! A page in a headless Chromium, driven by the DevTools protocol over pipes.
//!
//! What the page reports as an error, and every request for something else than the page itself, is
//! kept: a page that shows something must cause neither.

use crate::tool;
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// A page is shown by then, or something is wrong.
const LIMIT: Duration = Duration::from_secs(60);

/// A browser with one page.
pub struct Browser {
    process: Child,
    commands: ChildStdin,
    events: BufReader<ChildStdout>,
    session: Option<String>,
    next: u64,
    /// Errors of the page, and addresses that it asked for.
    complaints: Vec<String>,
    /// From the begin of loading until the page says that it is ready.
    pub took: Duration,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Opens a page, and waits until its script sets `data-ready` on its body.
    ///
    /// # Errors
    /// [`Skip`](crate::trial::Skip) where there is no Chromium.
    pub fn open(page: &Path) -> Result<Browser> {
        tool::require_command("chromium")?;
        let profile = tempfile::tempdir()?;
        // The protocol's descriptors are 3 and 4.
        let script = "exec chromium --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run \
                      --disable-background-networking --disable-component-update --window-size=1400,900 \
                      --remote-debugging-pipe --user-data-dir=\"$0\" about:blank 3<&0 4>&1 </dev/null >/dev/null 2>&1";
        let mut command = Command::new("sh");
        command.args(["-c", script]).arg(profile.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.env("HOME", profile.path()).spawn().context("can't start sh")?;
        let commands = process.stdin.take().expect("it is piped");
        let events = BufReader::new(process.stdout.take().expect("it is piped"));
        let mut browser = Browser {
            process,
            commands,
            events,
            session: None,
            next: 0,
            complaints: Vec::new(),
            took: Duration::ZERO,
            _profile: profile,
        };
        let target = browser.call("Target.createTarget", json!({ "url": "about:blank" }))?;
        let attached = json!({ "targetId": target["targetId"], "flatten": true });
        browser.session = browser.call("Target.attachToTarget", attached)?["sessionId"].as_str().map(str::to_owned);
        for domain in ["Runtime", "Log", "Page", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}))?;
        }
        let start = Instant::now();
        let url = format!("file://{}", page.display());
        browser.call("Page.navigate", json!({ "url": url }))?;
        browser.wait("document.body?.dataset.ready === 'true'")?;
        browser.took = start.elapsed();
        Ok(browser)
    }

    /// The value of an expression, or what its promise becomes.
    ///
    /// # Errors
    /// When it throws.
    pub fn evaluate(&mut self, expression: &str) -> Result<Value> {
        let parameters = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let mut answer = self.call("Runtime.evaluate", parameters)?;
        if let Some(details) = answer.get("exceptionDetails") {
            bail!("`{expression}` throws {details}");
        }
        Ok(answer["result"]["value"].take())
    }

    /// Waits until an expression is true.
    ///
    /// # Errors
    /// When that takes too long, with the page's complaints.
    pub fn wait(&mut self, expression: &str) -> Result<()> {
        let start = Instant::now();
        while self.evaluate(expression)? != Value::Bool(true) {
            if start.elapsed() > LIMIT {
                bail!("`{expression}` does not become true; {:?}", self.complaints);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Clicks on the middle of an element until an expression is true.
    ///
    /// What has just changed may not be drawn yet, and a browser drops a click on it, also a
    /// user's. So a click that changes nothing is repeated.
    ///
    /// # Errors
    /// When there is no such element, or that takes too long.
    pub fn click_until(&mut self, selector: &str, expression: &str) -> Result<()> {
        let start = Instant::now();
        loop {
            self.click(selector)?;
            let clicked = Instant::now();
            while clicked.elapsed() < Duration::from_millis(500) {
                if self.evaluate(expression)? == true {
                    return Ok(());
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            if start.elapsed() > LIMIT {
                bail!("`{expression}` does not become true by clicks on `{selector}`; {:?}", self.complaints);
            }
        }
    }

    /// Presses and releases the mouse.
    fn click(&mut self, selector: &str) -> Result<()> {
        let place = self.evaluate(&format!(
            "(() => {{ const box = document.querySelector({selector:?}).getBoundingClientRect();
               return [box.x + Math.min(box.width / 2, 200), box.y + box.height / 2]; }})()"
        ))?;
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({ "type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1 });
            self.call("Input.dispatchMouseEvent", event)?;
        }
        Ok(())
    }

    /// Errors of the page, and addresses that it asked for, so far.
    pub fn complaints(&mut self) -> &[String] {
        &self.complaints
    }

    /// Writes a picture of the page into the folder that `W2N_SCREENSHOTS` names, if it does.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn screenshot(&mut self, name: &str) -> Result<()> {
        let Some(folder) = std::env::var_os("W2N_SCREENSHOTS") else { return Ok(()) };
        let picture = self.call("Page.captureScreenshot", json!({ "format": "png" }))?;
        let text = picture["data"].as_str().context("there is a picture")?;
        Ok(std::fs::write(Path::new(&folder).join(format!("{name}.png")), decode(text))?)
    }

    fn call(&mut self, method: &str, parameters: Value) -> Result<Value> {
        self.next += 1;
        let mut message = json!({ "id": self.next, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.commands.write_all(message.to_string().as_bytes())?;
        self.commands.write_all(b"\0")?;
        loop {
            let mut bytes = Vec::new();
            self.events.read_until(0, &mut bytes)?;
            bytes.pop();
            let mut event: Value = serde_json::from_slice(&bytes).context("the browser has ended")?;
            if event["id"] == self.next {
                match event.get("error") {
                    Some(error) => bail!("{method}: {error}"),
                    None => return Ok(event["result"].take()),
                }
            }
            self.note(&event);
        }
    }

    /// Keeps what a page that works does not do.
    fn note(&mut self, event: &Value) {
        let parameters = &event["params"];
        let complaint = match event["method"].as_str() {
            Some("Runtime.exceptionThrown") => parameters["exceptionDetails"].to_string(),
            Some("Runtime.consoleAPICalled") if parameters["type"] == "error" => parameters["args"].to_string(),
            Some("Log.entryAdded") if parameters["entry"]["level"] == "error" => parameters["entry"].to_string(),
            Some("Network.requestWillBeSent") => match parameters["request"]["url"].as_str() {
                Some(url) if !url.starts_with("file://") && !url.starts_with("data:") => format!("it asks for {url}"),
                _ => return,
            },
            _ => return,
        };
        self.complaints.push(complaint);
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.commands.write_all(b"{\"id\":0,\"method\":\"Browser.close\"}\0");
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(5) && matches!(self.process.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Base64 (RFC 4648), of text that has no other characters.
fn decode(text: &str) -> Vec<u8> {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let text = text.trim_end_matches('=').as_bytes();
    text.chunks(4)
        .flat_map(|chunk| {
            let bits =
                chunk.iter().fold(0u32, |bits, byte| bits << 6 | u32::from(value(*byte))) << (6 * (4 - chunk.len()));
            bits.to_be_bytes()[1..chunk.len()].to_vec()
        })
        .collect()
}
