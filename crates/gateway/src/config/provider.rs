use super::{
    Lookup,
    documented::documented,
    fields::Fields,
    kind::{Kind, VARIABLE},
    value::{Read, Wrong, closest, duration, filled, form, one_of, or_off, quoted, reader},
};
pub use buttress_client::HttpVersion;
use buttress_client::{InvalidBaseUrl, Secret, carries_key, is_reserved};
use buttress_llm::{self as llm, Dialect};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use subtle::ConstantTimeEq;
use toml::de::DeValue;

documented! {
    /// `[providers.NAME]`: a place that can be asked, and the key to ask it with.
    #[derive(Clone, Debug)]
    #[non_exhaustive]
    pub struct Provider {
        /// What routes call it.
        pub name: Arc<str>,
        /// Whose it is: which dialect it speaks and what its failures mean. Left out, its name
        /// says it.
        pub kind: llm::Provider,
        /// In which of its APIs it is asked.
        pub api: Api,
        /// What the dialect's paths are put behind. Left out, it is where its kind is found.
        // `None` only in a configuration with errors.
        pub base_url: Option<Uri>,
        /// The environment variable that holds its key; `None` sends none. Left out, it is the one
        /// that the official SDKs read.
        pub key_env: Option<String>,
        /// The key itself.
        pub key: Option<Secret>,
        /// Headers that every request to it carries.
        pub headers: HeaderMap,
        /// How long a connection may take to be made, its TLS included.
        pub connect_timeout: Duration,
        /// Which version of HTTP it is asked in.
        pub http: HttpVersion,
    }
}

/// In which of the APIs of a provider it is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Api {
    /// In its own; OpenAI itself in either of its two, as the caller asks.
    #[default]
    Auto,
    /// In OpenAI's chat completions.
    Chat,
    /// In OpenAI's responses.
    Responses,
}

const APIS: [(&str, Api); 3] = [
    ("auto", Api::Auto),
    ("chat", Api::Chat),
    ("responses", Api::Responses),
];

const VERSIONS: [(&str, HttpVersion); 3] = [
    ("auto", HttpVersion::Negotiated),
    ("1.1", HttpVersion::Http1),
    ("2", HttpVersion::Http2),
];

/// Another name of what is merely compatible.
const ALIAS: &str = "openai-compatible";

impl Provider {
    /// One with the defaults of its kind.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, kind: llm::Provider) -> Self {
        Self {
            name: name.into(),
            kind,
            api: Api::Auto,
            base_url: kind.base_url().and_then(|url| url.parse().ok()),
            key_env: kind.key_env().map(str::to_owned),
            key: None,
            headers: HeaderMap::new(),
            connect_timeout: Duration::from_secs(5),
            http: HttpVersion::Negotiated,
        }
    }

    /// The one that is meant by a known name that no table declares.
    pub(super) fn known(name: &str) -> Option<Self> {
        let provider = Self::new(name, named(name)?);
        provider.base_url.is_some().then_some(provider)
    }

    /// Looks for its key.
    #[must_use]
    pub(super) fn with_key(mut self, env: Lookup<'_>) -> Self {
        let key = self.key_env.as_deref().map(|variable| key(env, variable));
        self.key = key.and_then(Result::ok);
        self
    }

    pub(super) fn read(name: &str, fields: &mut Fields<'_>) -> Self {
        fields.of::<Self>();
        let kind = fields.get("kind", kind()).or_else(|| named(name));
        if kind.is_none() && !fields.has("kind") {
            let message = format!("{} is not the name of a known provider", quoted(name));
            fields.wrong("kind", Wrong::new(message, kinds_help(Some(name))));
        }
        let mut provider = Self::new(name, kind.unwrap_or(llm::Provider::Compatible));
        if let Some(url) = fields.get("base_url", base_url()) {
            provider.base_url = Some(url);
        } else if let (Some(kind), None) = (kind, &provider.base_url)
            && !fields.has("base_url")
        {
            let help = "write where it is found, such as base_url = \"http://localhost:8000/v1\"";
            fields.wrong(
                "base_url",
                Wrong::new(format!("needed for kind \"{kind}\""), help),
            );
        }
        provider.read_api(fields);
        fields.refuse(
            &["key", "api_key", "apikey", "token", "auth_token"],
            "a key does not belong in a file",
            "put it into an environment variable, and write the variable's name: \
             key_env = \"OPENAI_API_KEY\"",
        );
        // What it is by default depends on the kind.
        if let Some(variable) = fields.get("key_env", or_off(variable())) {
            provider.key_env = variable;
        }
        let connect = duration(Duration::from_millis(1)..=Duration::from_secs(600));
        fields.set("connect_timeout", &mut provider.connect_timeout, connect);
        fields.set("http", &mut provider.http, one_of(&VERSIONS));
        provider.headers = fields.section("headers", headers);
        provider
    }
}

impl Provider {
    /// Whether the other one is the same place, asked in the same way with the same key and the
    /// same headers. How connections to it are made does not matter.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let Self {
            name,
            kind,
            api,
            base_url,
            key_env: _,
            key,
            headers,
            connect_timeout: _,
            http: _,
        } = self;
        *name == other.name
            && *kind == other.kind
            && *api == other.api
            && *base_url == other.base_url
            && same_secret(key.as_ref(), other.key.as_ref())
            && *headers == other.headers
    }

    /// The dialect that it is asked in, by callers who speak neither or both of two.
    #[must_use]
    pub fn dialect(&self) -> Option<Dialect> {
        match self.api {
            Api::Responses => Some(Dialect::OpenAiResponses),
            Api::Auto | Api::Chat => self.kind.dialect(),
        }
    }

    /// Whether callers of each of OpenAI's dialects are asked for in their own. Only OpenAI itself
    /// is known to have both: what stands at another address may be anything.
    #[must_use]
    pub fn asks_as_callers_do(&self) -> bool {
        let own = self.kind.base_url().and_then(|url| url.parse().ok());
        self.api == Api::Auto && self.kind == llm::Provider::OpenAi && self.base_url == own
    }

    fn read_api(&mut self, fields: &mut Fields<'_>) {
        fields.set("api", &mut self.api, one_of(&APIS));
        let asked = match self.api {
            Api::Auto => return,
            Api::Chat => Dialect::OpenAiChat,
            Api::Responses => Dialect::OpenAiResponses,
        };
        if !self.kind.speaks(asked) {
            let message = format!("{} is not asked in {asked}", self.kind);
            let help = "leave it out: it is asked in its own API";
            fields.wrong("api", Wrong::new(message, help));
        }
    }
}

/// A variable of another name that holds the same key changes nothing.
impl PartialEq for Provider {
    fn eq(&self, other: &Self) -> bool {
        self.is_same(other)
            && self.connect_timeout == other.connect_timeout
            && self.http == other.http
    }
}

/// Whether two secrets are one. How long it takes does not say where they differ.
pub(super) fn same_secret(one: Option<&Secret>, other: Option<&Secret>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => {
            let (one, other) = (one.expose().as_bytes(), other.expose().as_bytes());
            one.ct_eq(other).into()
        }
        (one, other) => one.is_none() && other.is_none(),
    }
}

/// The key that a variable holds.
pub(super) fn key(env: Lookup<'_>, variable: &str) -> Result<Secret, Wrong> {
    let help = format!("set it where buttress is started: export {variable}=…");
    let key = env(variable).ok_or_else(|| Wrong::new(format!("{variable} is not set"), &*help))?;
    if key.is_empty() {
        return Err(Wrong::new(format!("{variable} is empty"), help));
    }
    if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        let message =
            format!("{variable} holds a space, a line end or something else that no key has");
        return Err(Wrong::new(
            message,
            "remove it: keys are ASCII letters, digits and signs",
        ));
    }
    Ok(Secret::new(key))
}

/// The provider of this name that can be asked.
pub(super) fn named(name: &str) -> Option<llm::Provider> {
    let name = match name {
        ALIAS => llm::Provider::Compatible.as_str(),
        name => name,
    };
    askable().find(|kind| kind.as_str() == name)
}

/// The name of an environment variable.
pub(super) fn variable() -> impl Read<String> {
    let pattern = "^[A-Za-z_][A-Za-z0-9_]{0,127}$";
    form(VARIABLE, pattern, name_of_variable, String::clone)
}

fn name_of_variable(value: &DeValue<'_>) -> Result<String, Wrong> {
    let text = filled(value)?;
    match is_variable(&text) {
        true => Ok(text),
        // What was written may be a key.
        false => Err(Wrong::new(
            "expected the name of an environment variable",
            "write its name, such as \"OPENAI_API_KEY\", and not what it holds",
        )),
    }
}

/// Whether a variable can have this name.
pub(super) fn is_variable(name: &str) -> bool {
    let start = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
    start && name.len() <= 128 && name.chars().all(allowed)
}

fn askable() -> impl Iterator<Item = llm::Provider> {
    let all = llm::Provider::ALL.into_iter();
    all.filter(|kind| kind.dialect().is_some())
}

fn kinds_help(name: Option<&str>) -> String {
    let names: Vec<_> = askable().map(llm::Provider::as_str).collect();
    let list = names.join(", ");
    match name.and_then(|name| closest(name, names)) {
        Some(close) => format!("did you mean \"{close}\"? there are {list}"),
        None => format!("write kind = …, one of {list}"),
    }
}

fn kind() -> impl Read<llm::Provider> {
    let read = |value: &DeValue<'_>| {
        let text = filled(value)?;
        let known = named(&text);
        let wrong = || {
            Wrong::new(
                format!("{} is not known", quoted(&text)),
                kinds_help(Some(&text)),
            )
        };
        known.ok_or_else(wrong)
    };
    let names = askable().map(llm::Provider::as_str).chain([ALIAS]);
    reader(Kind::Names(names.collect()), read, |kind| {
        Value::from(kind.as_str())
    })
}

fn base_url() -> impl Read<Uri> {
    let read = |value: &DeValue<'_>| url(&filled(value)?);
    form(
        "`http://…` or `https://…`",
        "^[hH][tT][tT][pP][sS]?://",
        read,
        Uri::to_string,
    )
}

/// What a dialect's paths can be put behind.
pub(super) fn url(text: &str) -> Result<Uri, Wrong> {
    buttress_client::base_url(text).map_err(|error| {
        let help = match error {
            InvalidBaseUrl::UserInfo => {
                "leave out what stands before the @; a key goes into key_env"
            }
            InvalidBaseUrl::Query => "leave out what follows the path",
            InvalidBaseUrl::Endpoint => {
                "leave out the end of the path: it is added to each request"
            }
            _ => "write it like \"https://api.example.com/v1\"",
        };
        Wrong::new(error.to_string(), help)
    })
}

fn headers(fields: &mut Fields<'_>) -> HeaderMap {
    fields.about(&["Headers that every request to it carries."]);
    let mut headers = HeaderMap::new();
    for (name, value) in fields.entries() {
        let read = reader(
            Kind::Text,
            |value: &_| header(&name, value),
            |_| Value::Null,
        );
        let header = fields.entry_value(&name, value, &["A header of this name."], read);
        if let Some((name, value)) = header {
            headers.insert(name, value);
        }
    }
    headers
}

fn header(name: &str, value: &DeValue<'_>) -> Result<(HeaderName, HeaderValue), Wrong> {
    let help = "header names are letters, digits and hyphens";
    let name = HeaderName::from_bytes(name.as_bytes());
    let name = name.map_err(|_| Wrong::new("is no header name", help))?;
    // A key does not belong in a file.
    if is_reserved(&name) || carries_key(&name) {
        let help = "leave it out: buttress sets it, and takes keys from key_env";
        return Err(Wrong::new("can't be set", help));
    }
    let wrong = |_| Wrong::new("is no header value", "write visible ASCII on one line");
    let mut value = HeaderValue::try_from(filled(value)?).map_err(wrong)?;
    // It may be a key after all.
    value.set_sensitive(true);
    Ok((name, value))
}
