//! Where things are kept, and what seals them.

use super::{
    Lookup,
    fields::Fields,
    provider::{self, variable},
    value::{Read, Wrong, filled, form, or_off, quoted},
};
use buttress_client::Secret;
use buttress_queue::Seal;
use std::{fmt, path::PathBuf};
use toml::de::DeValue;

/// Where things are kept.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreUrl {
    /// In a file on this machine.
    Sqlite(PathBuf),
    /// In a Redis server, at this address.
    Redis(String),
}

/// The variable with the keys that seal, unless another one is named.
pub(super) const SEAL_KEYS: &str = "BUTTRESS_SEAL_KEYS";

impl StoreUrl {
    /// What `url` says, and the variable that `url_env` names, which goes before it.
    pub(super) fn read(
        fields: &mut Fields<'_>,
        url_env: &mut String,
        env: Lookup<'_>,
    ) -> Option<Self> {
        let mut written = None;
        fields.set_for("url", "store", &mut written, or_off(url()));
        told(fields, written, url_env, env, parse)
    }

    /// The same, where only a server will do.
    pub(super) fn read_server(
        fields: &mut Fields<'_>,
        url_env: &mut String,
        env: Lookup<'_>,
    ) -> Option<Self> {
        let mut written = None;
        fields.set_for("url", "server", &mut written, or_off(server_url()));
        told(fields, written, url_env, env, server)
    }

    /// What this variable says, where there is no file.
    pub(super) fn from_env(
        env: Lookup<'_>,
        variable: &'static str,
    ) -> Result<Option<Self>, (&'static str, Wrong)> {
        let told = env(variable).map(|url| parse(&url));
        told.transpose().map_err(|wrong| (variable, wrong))
    }

    /// The same, where only a server will do.
    pub(super) fn server_from_env(
        env: Lookup<'_>,
        variable: &'static str,
    ) -> Result<Option<Self>, (&'static str, Wrong)> {
        let told = env(variable).map(|url| server(&url));
        told.transpose().map_err(|wrong| (variable, wrong))
    }
}

/// What the variable says that `url_env` names, and where it says nothing what is written.
fn told(
    fields: &mut Fields<'_>,
    written: Option<StoreUrl>,
    url_env: &mut String,
    env: Lookup<'_>,
    parse: impl Fn(&str) -> Result<StoreUrl, Wrong>,
) -> Option<StoreUrl> {
    fields.set("url_env", url_env, variable());
    let Some(told) = env(url_env) else {
        return written;
    };
    parse(&told)
        .map_err(|wrong| {
            let message = format!("{url_env} {}", wrong.message);
            fields.wrong("url_env", Wrong { message, ..wrong });
        })
        .ok()
}

/// The keys in the variable that `seal_keys_env` names.
pub(super) fn seal_keys(
    fields: &mut Fields<'_>,
    seal_keys_env: &mut String,
    env: Lookup<'_>,
) -> Option<Secret> {
    fields.set("seal_keys_env", seal_keys_env, variable());
    env(seal_keys_env)?;
    keys(env, seal_keys_env)
        .map_err(|wrong| fields.wrong("seal_keys_env", wrong))
        .ok()
}

/// The keys, where there is no file.
pub(super) fn keys_from_env(env: Lookup<'_>) -> Result<Option<Secret>, (&'static str, Wrong)> {
    let told = env(SEAL_KEYS).map(|_| keys(env, SEAL_KEYS));
    told.transpose().map_err(|wrong| (SEAL_KEYS, wrong))
}

/// Checked here, so that nobody hears of a wrong key when it is needed.
fn keys(env: Lookup<'_>, variable: &str) -> Result<Secret, Wrong> {
    let keys = provider::key(env, variable)?;
    match Seal::parse(keys.expose()) {
        Ok(_) => Ok(keys),
        Err(error) => Err(Wrong::new(
            format!("{variable}: {error}"),
            "make one with `openssl rand -base64 32`; older ones follow behind a comma",
        )),
    }
}

fn url() -> impl Read<StoreUrl> {
    let what = "`sqlite:FILE`, `redis://HOST` or `rediss://HOST`";
    let address = |value: &DeValue<'_>| address(value, parse);
    form(what, "^(sqlite:|rediss?://)", address, StoreUrl::to_string)
}

fn server_url() -> impl Read<StoreUrl> {
    let address = |value: &DeValue<'_>| address(value, server);
    form(
        "`redis://HOST` or `rediss://HOST`",
        "^rediss?://",
        address,
        StoreUrl::to_string,
    )
}

fn address(
    value: &DeValue<'_>,
    parse: impl Fn(&str) -> Result<StoreUrl, Wrong>,
) -> Result<StoreUrl, Wrong> {
    let url = filled(value)?;
    let store = parse(&url)?;
    let has_user = url.split_once("://").is_some_and(|(_, rest)| {
        rest.split(['/', '?'])
            .next()
            .unwrap_or_default()
            .contains('@')
    });
    match (&store, has_user) {
        (StoreUrl::Redis(_), true) => Err(Wrong::new(
            "a password does not belong in a file",
            "put the whole address into an environment variable, and write the variable's name: \
             url_env = \"NAME\"",
        )),
        _ => Ok(store),
    }
}

/// The store of this address. A message about it shows nothing of it, since it may have a password.
fn parse(url: &str) -> Result<StoreUrl, Wrong> {
    let help = "write a file, as \"sqlite:buttress.db\", or a server, as \
                \"redis://localhost:6379\" or \"rediss://…\"";
    if let Some(path) = url.strip_prefix("sqlite:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        return match path.is_empty() {
            true => Err(Wrong::new("names no file", help)),
            false => Ok(StoreUrl::Sqlite(path.into())),
        };
    }
    let is_redis = ["redis://", "rediss://"]
        .iter()
        .any(|scheme| url.starts_with(scheme));
    match is_redis {
        true => Ok(StoreUrl::Redis(url.to_owned())),
        false => Err(Wrong::new("is no address of a store", help)),
    }
}

/// The same, of what several machines reach.
fn server(url: &str) -> Result<StoreUrl, Wrong> {
    let help = "write a server, as \"redis://localhost:6379\" or \"rediss://…\"";
    match parse(url) {
        Ok(server @ StoreUrl::Redis(_)) => Ok(server),
        Ok(StoreUrl::Sqlite(_)) => Err(Wrong::new("is no address of a server", help)),
        Err(wrong) => Err(Wrong::new(wrong.message, help)),
    }
}

/// A name in a store, of such a thing.
pub(super) fn name(thing: &'static str) -> impl Read<String> {
    let what = "up to 48 letters, digits, `_`, `-`, `.` and `:`";
    let read = move |value: &DeValue<'_>| plain_name(value, thing);
    form(what, "^[A-Za-z0-9_.:-]{1,48}$", read, String::clone)
}

/// The longest name: a store takes 64 letters, and the webhook has a queue with a longer name.
const NAME: usize = 48;

fn plain_name(value: &DeValue<'_>, thing: &str) -> Result<String, Wrong> {
    let name = filled(value)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.:".contains(c);
    match name.len() <= NAME && name.chars().all(plain) {
        true => Ok(name),
        false => Err(Wrong::new(
            format!("{} is no name for {thing}", quoted(&name)),
            "write up to 48 letters, digits, `_`, `-`, `.` and `:`",
        )),
    }
}

/// Without what may be a password.
impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Redis(url) => {
                let (scheme, rest) = url.split_once("://").unwrap_or(("redis", ""));
                let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
                write!(
                    f,
                    "{scheme}://{}",
                    host.split('?').next().unwrap_or_default()
                )
            }
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
