use crate::{
    HttpVersion, InvalidBaseUrl, LlmClient, Secret, base_url, carries_key,
    connect::Connector,
    is_reserved,
    secret::Secrets,
    shared::{Endpoint, Shared},
};
use buttress_llm::{Dialect, Provider};
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, USER_AGENT},
};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};
use rustls::RootCertStore;
use std::{error, fmt, time::Duration};

/// The version of Anthropic's API that this client speaks.
const ANTHROPIC_VERSION: &str = "2023-06-01";

/// Settings of an [`LlmClient`]. How long an attempt may take is set on the client itself.
///
/// | setting | default | |
/// |---|---|---|
/// | `base_url` | the provider's own | as in the official SDKs: OpenAI's ends in `/v1`, Anthropic's and Gemini's do not |
/// | `key` | none is sent | |
/// | `connect_timeout` | 5 s | name, TCP and TLS; OpenAI's and Anthropic's SDKs allow 5 s |
/// | `http_version` | negotiated | |
/// | `max_answer` | 64 MiB | the largest whole answer that is taken |
/// | `dialect` | the provider's own | |
/// | `callers_dialect` | no | |
/// | `max_event` | 1 MiB, of a response 16 MiB | the largest event of a stream |
/// | `pool_idle_timeout` | 90 s | |
#[derive(Clone)]
#[must_use]
pub struct ClientBuilder {
    provider: Provider,
    dialect: Option<Dialect>,
    callers: bool,
    base_url: Option<String>,
    key: Option<Secret>,
    headers: HeaderMap,
    connect_timeout: Duration,
    version: HttpVersion,
    roots: Option<RootCertStore>,
    max_answer: usize,
    max_event: Option<usize>,
    pool_idle_timeout: Duration,
}

impl ClientBuilder {
    pub(crate) fn new(provider: Provider) -> Self {
        Self {
            provider,
            dialect: None,
            callers: false,
            base_url: None,
            key: None,
            headers: HeaderMap::new(),
            connect_timeout: Duration::from_secs(5),
            version: HttpVersion::Negotiated,
            roots: None,
            max_answer: 64 << 20,
            max_event: None,
            pool_idle_timeout: Duration::from_secs(90),
        }
    }

    /// Sets the dialect to ask it in, where that is not its own: OpenAI's responses, which some
    /// of those that are asked in OpenAI's chat know as well.
    pub const fn dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = Some(dialect);
        self
    }

    /// Sets whether a request of a caller who speaks another dialect that the provider
    /// [knows](Provider::speaks) goes there in that one, as it is, instead of being carried over.
    pub const fn callers_dialect(mut self, callers: bool) -> Self {
        self.callers = callers;
        self
    }

    /// Sets what the dialect's paths are put behind: `http://localhost:8000/v1`. See
    /// [`base_url`](crate::base_url()) for what can be one.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// Sets the key to call with. Where the provider quotes it in an error, it is taken out.
    pub fn key(mut self, key: Secret) -> Self {
        self.key = Some(key);
        self
    }

    /// Adds headers to every request. They come before those that the client sets itself, and
    /// none may be [reserved](crate::is_reserved). One that is a secret is to be marked as
    /// [sensitive](http::HeaderValue::set_sensitive), as those that
    /// [carry a key](crate::carries_key) are: it is then kept out of errors, as the key is.
    pub fn headers(mut self, headers: HeaderMap) -> Self {
        self.headers.extend(headers);
        for (name, value) in &mut self.headers {
            if carries_key(name) {
                value.set_sensitive(true);
            }
        }
        self
    }

    /// Sets how long a connection may take to be made.
    pub const fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// Sets which version of HTTP to speak.
    pub const fn http_version(mut self, version: HttpVersion) -> Self {
        self.version = version;
        self
    }

    /// Sets which roots to trust in place of the system's.
    pub fn roots(mut self, roots: RootCertStore) -> Self {
        self.roots = Some(roots);
        self
    }

    /// Sets the largest whole answer that is taken, in bytes. It is judged before it is given, so
    /// it is held as a whole meanwhile. Of a larger one no more than this is read, and it is a
    /// failure of the provider.
    pub const fn max_answer(mut self, bytes: usize) -> Self {
        self.max_answer = bytes;
        self
    }

    /// Sets the largest event of a stream that is taken, in bytes.
    pub const fn max_event(mut self, bytes: usize) -> Self {
        self.max_event = Some(bytes);
        self
    }

    /// Sets how long an unused connection is kept.
    pub const fn pool_idle_timeout(mut self, idle: Duration) -> Self {
        self.pool_idle_timeout = idle;
        self
    }

    /// Makes the client.
    ///
    /// # Errors
    /// The provider can't be asked, has no base URL and was given none, or the URL, the key or one
    /// of the headers can't be used.
    pub fn build(self) -> Result<LlmClient, InvalidClient> {
        let provider = self.provider;
        let target = provider.target();
        let target = target.ok_or(InvalidClient::Provider(provider))?;
        let dialect = self.dialect.unwrap_or(target.dialect());
        if !provider.speaks(dialect) {
            return Err(InvalidClient::Dialect(provider, dialect));
        }
        let target = target.speaking(dialect);
        let base = self.base_url.as_deref().or(provider.base_url());
        let base = base.ok_or(InvalidClient::NoBaseUrl(provider))?;
        let base = base_url(base).map_err(InvalidClient::BaseUrl)?.to_string();
        let endpoint = |dialect| {
            let endpoint = Endpoint::new(&base, dialect);
            endpoint.ok_or(InvalidClient::BaseUrl(InvalidBaseUrl::NoUrl))
        };
        let mut others = Dialect::ALL.into_iter();
        let other = others.find(|it| self.callers && *it != dialect && provider.speaks(*it));
        let callers = other.map(|other| Ok((other, endpoint(other)?)));
        let callers = callers.transpose()?;
        let endpoint = endpoint(dialect)?;
        let secrets = Secrets::new(self.key.as_ref(), &self.headers);
        let headers = headers(self.headers, dialect, self.key.as_ref())?;
        let connector = Connector::new(self.connect_timeout, self.version, self.roots)?;
        let http: Client<Connector, _> = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(self.pool_idle_timeout)
            .http2_only(self.version == HttpVersion::Http2)
            .http2_adaptive_window(true)
            .http2_keep_alive_interval(Duration::from_secs(20))
            .build(connector);
        Ok(LlmClient::new(
            Shared {
                http,
                provider,
                endpoint,
                callers,
                headers,
                secrets,
                max_answer: self.max_answer,
                max_event: self.max_event,
            },
            target,
        ))
    }
}

fn headers(
    mut headers: HeaderMap,
    dialect: Dialect,
    key: Option<&Secret>,
) -> Result<HeaderMap, InvalidClient> {
    const JSON: HeaderValue = HeaderValue::from_static("application/json");
    // An answer is looked into, so it must come as it is.
    const IDENTITY: HeaderValue = HeaderValue::from_static("identity");
    const SELF: HeaderValue =
        HeaderValue::from_static(concat!("buttress/", env!("CARGO_PKG_VERSION")));
    if let Some(name) = headers.keys().find(|name| is_reserved(name)) {
        return Err(InvalidClient::Header(name.clone()));
    }
    headers.insert(CONTENT_TYPE, JSON);
    headers.insert(ACCEPT_ENCODING, IDENTITY);
    headers.entry(USER_AGENT).or_insert(SELF);

    if dialect == Dialect::AnthropicMessages {
        const VERSION: HeaderValue = HeaderValue::from_static(ANTHROPIC_VERSION);
        let name = HeaderName::from_static("anthropic-version");
        headers.entry(name).or_insert(VERSION);
    }
    if let Some(key) = key {
        let own = match dialect {
            Dialect::AnthropicMessages => Some(HeaderName::from_static("x-api-key")),
            Dialect::Gemini => Some(HeaderName::from_static("x-goog-api-key")),
            _ => None,
        };
        let (name, value) = match own {
            Some(name) => (name, key.expose().to_owned()),
            None => (AUTHORIZATION, format!("Bearer {}", key.expose())),
        };
        let mut value = HeaderValue::try_from(value).map_err(|_| InvalidClient::Key)?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

/// Without keys: the headers of a configuration may hold some as well, and so may what is no base
/// URL.
impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("provider", &self.provider)
            .field("base_url", &self.base_url.as_deref().map(base_url))
            .finish_non_exhaustive()
    }
}

/// Why a client can't be made.
#[derive(Debug)]
#[non_exhaustive]
pub enum InvalidClient {
    /// It is not known how this provider is asked.
    Provider(Provider),
    /// This provider is not asked in this dialect.
    Dialect(Provider, Dialect),
    /// This provider is found at a different place by every customer, and none was given.
    NoBaseUrl(Provider),
    /// The base URL is not one, see [`base_url`](crate::base_url()).
    BaseUrl(InvalidBaseUrl),
    /// The client alone decides about this header, see [`is_reserved`](crate::is_reserved).
    Header(HeaderName),
    /// The key holds something that can't stand in a header.
    Key,
    /// TLS can't be set up.
    Tls(rustls::Error),
}

impl InvalidClient {
    pub(crate) const fn tls(error: rustls::Error) -> Self {
        Self::Tls(error)
    }
}

impl fmt::Display for InvalidClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Provider(provider) => write!(f, "{provider} can't be asked"),
            Self::Dialect(provider, dialect) => write!(f, "{provider} is not asked in {dialect}"),
            Self::NoBaseUrl(provider) => write!(f, "{provider} needs a base URL"),
            Self::BaseUrl(error) => write!(f, "the base URL {error}"),
            Self::Header(name) => write!(f, "{name} can't be set: the client does"),
            Self::Key => f.write_str("the key holds a character that can't stand in a header"),
            Self::Tls(_) => f.write_str("TLS can't be set up"),
        }
    }
}

impl error::Error for InvalidClient {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Tls(error) => Some(error),
            _ => None,
        }
    }
}
