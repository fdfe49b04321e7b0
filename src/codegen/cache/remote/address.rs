//! The address of a remote end: what the user typed, taken apart. A password is part of the value,
//! and never of the text that it is shown as.

use anyhow::{Context, Result, bail};
use percent_encoding::percent_decode_str;
use std::fmt;
use url::Url;

/// What the names of our objects begin with, unless the address says otherwise.
const PREFIX: &str = "wasm2native";

/// The variable of `redis-cli` with a password.
const PASSWORD: &str = "REDISCLI_AUTH";

pub enum Address {
    Redis(Redis),
    S3(S3),
}

/// `redis://[[USER]:PASSWORD@]HOST[:PORT][/DB[/PREFIX]]`; with TLS `rediss://…`.
pub struct Redis {
    pub has_tls: bool,
    pub host: String,
    pub port: u16,
    pub user: Option<String>,
    pub password: Option<String>,
    /// Number of the database.
    pub database: i64,
    pub prefix: String,
}

/// `s3://BUCKET[/PREFIX]`. All else is in the environment.
pub struct S3 {
    pub bucket: String,
    pub prefix: String,
}

impl Address {
    /// # Errors
    /// When this is not such an address.
    pub fn parse(text: &str) -> Result<Address> {
        let url = Url::parse(text)?;
        if url.query().is_some() || url.fragment().is_some() {
            bail!("`?` and `#` have no meaning here");
        }
        match url.scheme() {
            "s3" => S3::of(&url).map(Address::S3),
            _ => Redis::of(&url).map(Address::Redis),
        }
    }

    /// What no message may contain.
    pub fn password(&self) -> Option<&str> {
        match self {
            Address::Redis(redis) => redis.password.as_deref(),
            Address::S3(_) => None,
        }
    }
}

impl Redis {
    fn of(url: &Url) -> Result<Redis> {
        let plain = |text: &str| -> Result<Option<String>> {
            let text = percent_decode_str(text).decode_utf8().context("user and password are not UTF-8")?;
            Ok((!text.is_empty()).then(|| text.into_owned()))
        };
        let password = match plain(url.password().unwrap_or_default())? {
            None => std::env::var(PASSWORD).ok().filter(|password| !password.is_empty()),
            password => password,
        };
        let path = url.path().trim_matches('/');
        let (database, prefix) = path.split_once('/').unwrap_or((path, PREFIX));
        let database = match database {
            "" => 0,
            number => match number.parse::<u16>() {
                Ok(number) => number.into(),
                Err(_) => bail!("the path is the number of a database, as in redis://HOST/0/{number}"),
            },
        };
        Ok(Redis {
            has_tls: url.scheme() == "rediss",
            host: url.host_str().filter(|host| !host.is_empty()).context("the host is missing")?.to_owned(),
            port: url.port().unwrap_or(6379),
            user: plain(url.username())?,
            password,
            database,
            prefix: prefix.to_owned(),
        })
    }
}

impl S3 {
    fn of(url: &Url) -> Result<S3> {
        if !url.username().is_empty() || url.password().is_some() || url.port().is_some() {
            bail!("the address is s3://BUCKET/PREFIX; AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL and others say the rest");
        }
        let prefix = Some(url.path().trim_matches('/')).filter(|prefix| !prefix.is_empty()).unwrap_or(PREFIX);
        let bucket = url.host_str().filter(|bucket| !bucket.is_empty()).context("the bucket is missing")?;
        Ok(S3 { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }
}

/// Without user and password.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Redis(Redis { has_tls, host, port, user: _, password: _, database, prefix }) => {
                let scheme = if *has_tls { "rediss" } else { "redis" };
                write!(f, "{scheme}://{host}:{port}/{database}/{prefix}")
            }
            Address::S3(S3 { bucket, prefix }) => write!(f, "s3://{bucket}/{prefix}"),
        }
    }
}
