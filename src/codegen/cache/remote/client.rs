//! Talks to a remote end by `opendal`: get, put, delete, and nothing else. All that is done here
//! takes a limited time, and an object takes no more memory than the reader asked for.

use super::address::{Address, Redis, S3};
use anyhow::{Error, Result, anyhow, bail};
use futures::{StreamExt, TryStreamExt, stream};
use opendal::{ErrorKind, HttpTransporter, OperationContext, Operator, services};
use opendal_http_transport_reqwest::ReqwestTransport;
use redis::{ConnectionAddr, IntoConnectionInfo, ProtocolVersion, RedisConnectionInfo};
use std::future::pending;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use tokio::runtime::{self, Runtime};
use tokio::time::{sleep, timeout};

/// A remote end that says nothing for so long is not used.
const ANSWER: Duration = Duration::from_secs(3);

/// The most time of a build that is spent here.
const PATIENCE: Duration = Duration::from_secs(30);

/// A question is asked again after this time, once.
const AGAIN: Duration = Duration::from_millis(100);

/// Objects that are read or written at the same time. `redis` allows an answer half a second.
const AT_ONCE: usize = 4;

/// Longer objects are read in parts.
const CHUNK: usize = 1 << 20;

/// How long an object stays, where the remote end can be told.
pub const EXPIRY: Duration = Duration::from_hours(30 * 24);

/// The longest message of a remote end that is repeated, in characters.
const MOST_WORDS: usize = 200;

pub struct Client {
    operator: Operator,
    address: Address,
    state: Mutex<State>,
}

struct State {
    /// It is made when it is needed.
    runtime: Option<Runtime>,
    /// What is left of [`PATIENCE`].
    patience: Duration,
    has_failed: bool,
}

/// An answer to the question for an object.
pub enum Object {
    Whole(Vec<u8>),
    Missing,
    /// It is shorter than it should be, or not an object.
    Damaged,
}

impl Client {
    /// Nothing is sent yet.
    ///
    /// # Errors
    /// When something is missing that the remote end needs.
    pub fn new(address: Address) -> Result<Client> {
        let operator = match &address {
            Address::Redis(redis) => redis_operator(redis),
            Address::S3(s3) => s3_operator(s3),
        };
        let state = State { runtime: None, patience: PATIENCE, has_failed: false };
        Ok(Client { operator: operator?, address, state: Mutex::new(state) })
    }

    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Does `work`. After an error the remote end is not asked again.
    ///
    /// # Errors
    /// Those of `work`, with the address; also when the time is over or the connection fails.
    pub fn run<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let state = &mut *self.state.lock().expect("no thread panics while it holds the lock");
        if state.has_failed {
            bail!("{}: it failed before", self.address);
        }
        let runtime = match &mut state.runtime {
            Some(runtime) => runtime,
            none => none.insert(runtime::Builder::new_current_thread().enable_all().build()?),
        };
        let begin = Instant::now();
        let result = runtime.block_on(async {
            tokio::select! {
                result = work => result,
                error = self.refusal() => Err(error),
                () = sleep(state.patience) => Err(anyhow!("it took more than {} seconds", PATIENCE.as_secs())),
            }
        });
        state.patience = state.patience.saturating_sub(begin.elapsed());
        state.has_failed = result.is_err();
        result.map_err(|error| anyhow!("{}: {}", self.address, self.describe(&error)))
    }

    /// The first question of a build, whose answer must come soon.
    ///
    /// # Errors
    /// When none comes.
    pub async fn first(&self, name: &str, length: usize) -> Result<Object> {
        let late = |_| anyhow!("no answer within {} seconds", ANSWER.as_secs());
        timeout(ANSWER, self.get(name, length)).await.map_err(late)?
    }

    /// An object of `length` bytes. Of a longer one, as many.
    ///
    /// # Errors
    /// When the remote end can't be asked.
    pub async fn get(&self, name: &str, length: usize) -> Result<Object> {
        match twice(|| self.read(name, length)).await {
            Ok(bytes) if bytes.len() == length => Ok(Object::Whole(bytes)),
            Ok(_) => Ok(Object::Damaged),
            Err(error) => match error.kind() {
                ErrorKind::NotFound => Ok(Object::Missing),
                ErrorKind::RangeNotSatisfied => Ok(Object::Damaged),
                _ => Err(error.into()),
            },
        }
    }

    async fn read(&self, name: &str, length: usize) -> opendal::Result<Vec<u8>> {
        let reader = self.operator.reader(name).await?;
        let mut bytes = Vec::new();
        for start in (0..length).step_by(CHUNK) {
            let end = start.saturating_add(CHUNK).min(length);
            let mut parts = reader.clone().into_stream(start as u64..end as u64).await?;
            // Memory grows with what has come, not with what is announced.
            while bytes.len() < end {
                let part = match parts.next().await {
                    None => return Ok(bytes),
                    // It ended early.
                    Some(Err(error)) if !error.is_temporary() && !bytes.is_empty() => return Ok(bytes),
                    Some(part) => part?,
                };
                for part in part {
                    let wanted = end.saturating_sub(bytes.len());
                    bytes.extend_from_slice(part.get(..wanted).unwrap_or(&part));
                }
            }
        }
        Ok(bytes)
    }

    /// # Errors
    /// When the remote end does not take it.
    pub async fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        twice(|| self.operator.write(name, bytes.to_vec())).await?;
        Ok(())
    }

    /// Errors are ignored: what stays expires.
    pub async fn delete(&self, name: &str) {
        let _ = self.operator.delete(name).await;
    }

    /// Why a connection is impossible. `opendal` would try for seconds, and not say why.
    async fn refusal(&self) -> Error {
        let Address::Redis(redis) = &self.address else { return pending().await };
        match try_connection(redis).await {
            Ok(()) => pending().await,
            Err(error) => error,
        }
    }

    /// One line without the password. What comes from outside may contain anything.
    fn describe(&self, error: &Error) -> String {
        let text = match error.root_cause().downcast_ref::<opendal::Error>() {
            Some(error) => format!("{}: {}", error.kind(), error.message()),
            None => error.root_cause().to_string(),
        };
        let text = match self.address.password() {
            Some(password) => text.replace(password, "***"),
            None => text,
        };
        text.chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(MOST_WORDS)
            .collect::<String>()
            .trim()
            .to_owned()
    }
}

impl Drop for Client {
    /// A question for the address of a host may still wait for its answer.
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(runtime) = state.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// What `make` makes of each item, in their order; of some at the same time.
///
/// # Errors
/// The first error.
pub async fn each<T, R, F: Future<Output = Result<R>>>(
    items: impl IntoIterator<Item = T>,
    make: impl Fn(T) -> F,
) -> Result<Vec<R>> {
    stream::iter(items).map(make).buffered(AT_ONCE).try_collect().await
}

async fn twice<T, F: Future<Output = opendal::Result<T>>>(question: impl Fn() -> F) -> opendal::Result<T> {
    match question().await {
        Err(error) if error.is_temporary() => {
            sleep(AGAIN).await;
            question().await
        }
        answer => answer,
    }
}

fn redis_operator(redis: &Redis) -> Result<Operator> {
    let Redis { has_tls, host, port, user, password, database, prefix } = redis;
    install_cryptography();
    let scheme = if *has_tls { "rediss" } else { "redis" };
    let builder = services::Redis::default()
        .endpoint(&format!("{scheme}://{host}:{port}"))
        .username(user.as_deref().unwrap_or_default())
        .password(password.as_deref().unwrap_or_default())
        .db(*database)
        .root(prefix)
        .default_ttl(EXPIRY)
        .connection_pool_max_size(AT_ONCE);
    Ok(Operator::new(builder)?)
}

/// Connects and asks whether we may ask. The client allows a second for the connection, and half a
/// second for the answer.
async fn try_connection(redis: &Redis) -> Result<()> {
    let (host, port) = (redis.host.clone(), redis.port);
    let address = match redis.has_tls {
        false => ConnectionAddr::Tcp(host, port),
        true => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
    };
    let mut settings = RedisConnectionInfo::default().set_db(redis.database).set_protocol(ProtocolVersion::RESP2);
    if let Some(user) = &redis.user {
        settings = settings.set_username(user);
    }
    if let Some(password) = &redis.password {
        settings = settings.set_password(password);
    }
    let client = redis::Client::open(address.into_connection_info()?.set_redis_settings(settings))?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    redis::cmd("PING").query_async::<()>(&mut connection).await?;
    Ok(())
}

fn s3_operator(s3: &S3) -> Result<Operator> {
    install_cryptography();
    let is_set = |names: &[&str]| names.iter().any(|name| std::env::var_os(name).is_some());
    let mut builder = services::S3::default().bucket(&s3.bucket).root(&s3.prefix);
    if !is_set(&["AWS_REGION", "AWS_DEFAULT_REGION"]) {
        // Servers of one's own have no regions.
        if !is_set(&["AWS_ENDPOINT_URL", "AWS_ENDPOINT", "AWS_S3_ENDPOINT"]) {
            bail!("AWS_REGION is not set; it says where the bucket is");
        }
        builder = builder.region("us-east-1");
    }
    let context = OperationContext::new().with_http_transport(HttpTransporter::new(ReqwestTransport::default()));
    Ok(Operator::new(builder)?.with_context(context))
}

/// What TLS is made of. It stays what it is if the host of the library has chosen already.
fn install_cryptography() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}
