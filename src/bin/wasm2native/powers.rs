//! Flags that grant powers to a program, and their form inside the program: words of a command
//! line.
//!
//! The words are those of [`Setting`]. They are stored at build time (`Options::program_options`),
//! and the program reads more of them from
//! [`OPTIONS_VARIABLE`](wasm2native::abi::program::OPTIONS_VARIABLE).

use crate::Usage;
use clap::Args;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use wasm2native::abi::grant::{Grant, Name};
use wasm2native::abi::setting::{DEV, Setting, TMP, WrongBytes, parse_bytes, parse_duration};

#[derive(Args)]
#[command(next_help_heading = "Powers")]
pub struct Powers {
    /// Let the program use the directory HOST, under the name GUEST [default: the same name]
    ///
    /// With `::ro` after GUEST the directory is read-only: `data::data::ro` or `data::/data::ro`.
    /// GUEST is required then. A relative HOST is relative to the directory in which the program is
    /// started. A name that contains `::` is written between quotation marks: `"a::b"::/data`. May
    /// be repeated.
    #[arg(long, value_name = "HOST[::GUEST[::ro]]", value_parser = dir)]
    pub dir: Vec<String>,

    /// Embed the directory HOST in the program, which sees it as the read-only directory GUEST
    ///
    /// Files are compressed, and unpacked when they are read. `wasm2native run` embeds nothing: the
    /// program reads HOST itself. May be repeated.
    #[arg(long, value_name = "HOST::GUEST", value_parser = embed)]
    pub embed: Vec<(PathBuf, String)>,

    /// Give the program the environment variable K with the value V, or without `=V` with the value
    /// at run time
    ///
    /// May be repeated.
    #[arg(long, value_name = "K[=V]", value_parser = env)]
    pub env: Vec<String>,

    /// Give the program the whole environment at run time
    #[arg(long)]
    pub inherit_env: bool,

    /// Give the program the devices null, zero and urandom, as the directory /dev
    #[arg(long)]
    pub dev: bool,

    /// Give the program an empty directory /tmp of its own, with at most BYTES in it [default: 64M]
    ///
    /// It is in memory, apart from --max-memory, and gone when the program ends. What would take
    /// more than BYTES fails as on a full disk; files and names count, too.
    #[arg(long, value_name = "BYTES", num_args = 0..=1, require_equals = true, default_missing_value = "64M",
        value_parser = bytes)]
    pub tmp: Option<u64>,

    /// Let the program accept connections at an address: 127.0.0.1:8080, [::1]:8080
    ///
    /// The program listens when it starts; the socket is its descriptor 3, or with several the next
    /// ones. May be repeated.
    #[arg(long = "tcplisten", value_name = "ADDR:PORT", value_parser = address)]
    pub tcp_listen: Vec<String>,

    /// Let the program accept connections at the sockets that it is started with (LISTEN_FDS)
    ///
    /// They are passed as by systemd and systemfd, and precede those of --tcplisten.
    #[arg(long = "listenfd")]
    pub listen_fd: bool,

    /// Limit memories, tables and objects to BYTES together: 65536, 64K, 16M, 2G
    ///
    /// Objects are those of garbage-collected types, and exceptions.
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub max_memory: Option<u64>,

    /// Limit tables to BYTES together [default: as much as --max-memory, or 1G without it]
    ///
    /// An entry takes 16 bytes in a table of functions and 8 in others. Each thread has its own
    /// tables.
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub max_table: Option<u64>,

    /// Limit objects of garbage-collected types, and exceptions, to BYTES together
    ///
    /// What nothing refers to is freed first. Then the program ends with the trap `out of memory
    /// for objects`.
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub max_heap: Option<u64>,

    /// Limit the stack to BYTES
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub max_stack: Option<u64>,

    /// End the program after DURATION: 500ms, 5s, 2m, 1h
    ///
    /// It is counted from the start on, whatever the program does. Then the program ends with the
    /// message `error: timeout after 5 s`, a backtrace, and exit status 134. 0 is no limit.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub timeout: Option<String>,
}

impl Powers {
    /// # Errors
    /// When two directories have the same name.
    pub fn check(&self) -> Result<(), Usage> {
        let grants = self.dir.iter().map(|dir| Grant::parse(dir.as_bytes()).expect("it was parsed before").guest);
        let mut names = BTreeSet::new();
        let own = [(DEV, self.dev), (TMP, self.tmp.is_some())].into_iter().filter(|(_, is_granted)| *is_granted);
        let own = own.map(|(name, _)| name.as_bytes());
        for guest in grants.chain(self.embed.iter().map(|(_, guest)| guest.as_bytes())).chain(own) {
            if !names.insert(guest) {
                let name = String::from_utf8_lossy(guest);
                return Err(Usage(format!("two directories have the name {}", name.escape_debug())));
            }
        }
        Ok(())
    }

    /// Words for embedded trees, in the order of the trees.
    pub fn embedded(&self) -> Vec<String> {
        self.embed.iter().flat_map(|(_, guest)| Setting::Embed(guest.as_bytes()).words()).collect()
    }

    /// Words for a program that runs where these directories exist, and needs no copies of them.
    pub fn embedded_in_place(&self) -> Vec<String> {
        let word = |(host, guest): &(PathBuf, String)| {
            format!("{}::{}::ro", Name::write(&host.to_string_lossy()), Name::write(guest))
        };
        self.embed.iter().map(word).flat_map(|dir| Setting::Dir(dir.as_bytes()).words()).collect()
    }

    pub fn options(&self) -> Vec<String> {
        let dirs = self.dir.iter().map(|dir| Setting::Dir(dir.as_bytes()));
        let variables = self.env.iter().map(|variable| Setting::Env(variable.as_bytes()));
        let addresses = self.tcp_listen.iter().map(|address| Setting::TcpListen(address.as_bytes()));
        let others = [
            self.dev.then_some(Setting::Dev),
            self.tmp.map(|bytes| Setting::Tmp(Some(bytes))),
            self.listen_fd.then_some(Setting::ListenFd),
            self.max_memory.map(Setting::MaxMemory),
            self.max_table.map(Setting::MaxTable),
            self.max_heap.map(Setting::MaxHeap),
            self.max_stack.map(Setting::MaxStack),
            self.timeout.as_deref().map(|duration| Setting::Timeout(duration.as_bytes())),
            self.inherit_env.then_some(Setting::InheritEnv),
        ];
        dirs.chain(variables).chain(addresses).chain(others.into_iter().flatten()).flat_map(Setting::words).collect()
    }
}

fn dir(text: &str) -> Result<String, String> {
    Grant::parse(text.as_bytes())?;
    Ok(text.to_owned())
}

fn embed(text: &str) -> Result<(PathBuf, String), String> {
    let message = "expected HOST::GUEST, two names of directories; embedded directories are always read-only";
    let (host, rest) = Name::parse(text.as_bytes())?;
    let (guest, rest) = Name::parse(rest.ok_or(message)?)?;
    let is_name = |name: Name| !name.bytes.is_empty() && (name.is_quoted || !name.bytes.starts_with(b":"));
    let [host_name, guest_name] = [host, guest].map(|name| str::from_utf8(name.bytes));
    match (host_name, guest_name, rest) {
        (Ok(host_name), Ok(guest_name), None) if is_name(host) && is_name(guest) => {
            Ok((host_name.into(), guest_name.to_owned()))
        }
        _ => Err(message.to_owned()),
    }
}

fn env(text: &str) -> Result<String, String> {
    if text.is_empty() || text.starts_with('=') {
        return Err("the variable's name is empty".to_owned());
    }
    Ok(text.to_owned())
}

fn address(text: &str) -> Result<String, String> {
    match text.parse::<SocketAddr>() {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err("expected ADDR:PORT, such as 127.0.0.1:8080 or [::1]:8080".to_owned()),
    }
}

fn duration(text: &str) -> Result<String, String> {
    parse_duration(text.as_bytes()).ok_or("expected a duration, such as 500ms, 5s, 2m or 1h")?;
    Ok(text.to_owned())
}

/// A number of bytes: `65536`, `64K`, `16M`, `2G`.
fn bytes(text: &str) -> Result<u64, String> {
    parse_bytes(text.as_bytes()).map_err(|wrong| match wrong {
        WrongBytes::NotANumber => "expected a number of bytes, such as 65536, 64K, 16M or 2G".to_owned(),
        WrongBytes::TooLarge => "the number is too large".to_owned(),
    })
}
