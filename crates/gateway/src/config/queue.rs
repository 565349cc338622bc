use super::{
    Lookup,
    documented::documented,
    fields::Fields,
    kind::Kind,
    provider::{self, variable},
    signing::signing_key,
    store::{self, StoreUrl},
    value::{
        Read, Wrong, duration, filled, flag, form, integer, one_of, or_off, quoted, reader, size,
        text,
    },
};
use buttress_client::Secret;
use serde_json::Value;
use std::time::Duration;
use toml::de::DeValue;

documented! {
    /// `[queue]`: what becomes of requests that nobody could answer.
    #[derive(Clone, Debug)]
    #[non_exhaustive]
    pub struct Queue {
        /// Where they are kept; `None` is: nowhere, their callers get the error.
        pub store: Option<StoreUrl>,
        /// The environment variable with that address, which goes before what a file says: it may
        /// have a password in it.
        pub url_env: String,
        /// The name of the queue.
        pub name: String,
        /// The environment variable with the keys that seal what is kept.
        pub seal_keys_env: String,
        /// The keys themselves, the one that seals first; `None` keeps it as it is.
        pub seal_keys: Option<Secret>,
        /// Which requests are queued: all, unless their caller says otherwise, or those whose
        /// caller asks for it.
        pub accept: Accept,
        /// What their callers are told.
        pub degraded: Degraded,
        /// Whether this process answers them, too.
        pub work: bool,
        /// The most of them that it answers at a time.
        pub max_in_flight: usize,
        /// How long a worker has a task before it has to say that it still does.
        pub lease: Duration,
        /// How long a task waits after it has failed once; twice as long each time.
        pub backoff: Duration,
        /// How long it waits at most.
        pub max_backoff: Duration,
        /// The model for tasks of other programs that do not name one.
        pub default_model: Option<String>,
        /// How often one is tried before it is a dead letter.
        pub max_deliveries: u32,
        /// The most that are kept.
        pub max_tasks: u64,
        /// The most bytes that they take.
        pub max_bytes: usize,
        /// How old one may get before it is a dead letter.
        pub max_age: Duration,
        /// How long results are kept.
        pub keep_results: Duration,
        /// How long dead letters are kept.
        pub keep_dead: Duration,
        /// Who is told of results.
        pub webhook: Webhook,
    }
}

/// Which requests are queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Accept {
    /// All, unless their caller says otherwise.
    All,
    /// Those whose caller asks for it.
    Asked,
}

documented! {
    /// `[queue.degraded]`: what callers are told whose requests were queued.
    #[derive(Clone, Debug, PartialEq, Eq)]
    #[non_exhaustive]
    pub struct Degraded {
        /// With which status: one that SDKs take for an answer, or one that they raise.
        pub status: u16,
        /// In which words.
        pub text: String,
    }
}

documented! {
    /// `[queue.webhook]`: who is told of results.
    #[derive(Clone, Debug)]
    #[non_exhaustive]
    pub struct Webhook {
        /// The address; `None` is: nobody.
        pub url: Option<String>,
        /// The environment variable with the secret that signs what is sent.
        pub secret_env: String,
        /// The secret itself.
        pub secret: Option<Secret>,
    }
}

/// The variable with the address of the store, unless another one is named.
const URL: &str = "BUTTRESS_QUEUE_URL";
/// The variable with the webhook's secret, unless another one is named.
const WEBHOOK_SECRET: &str = "BUTTRESS_WEBHOOK_SECRET";

const STATUSES: [u64; 2] = [200, 503];
const ACCEPTS: [(&str, Accept); 2] = [("all", Accept::All), ("asked", Accept::Asked)];

const DAY: u64 = 86_400;

impl Default for Queue {
    fn default() -> Self {
        Self {
            store: None,
            url_env: URL.to_owned(),
            name: "agent_retry_queue".to_owned(),
            seal_keys_env: store::SEAL_KEYS.to_owned(),
            seal_keys: None,
            accept: Accept::All,
            degraded: Degraded::default(),
            work: true,
            max_in_flight: 8,
            lease: Duration::from_secs(60),
            // Ten deliveries take an hour and a half then: an outage is mostly over.
            backoff: Duration::from_secs(10),
            max_backoff: Duration::from_secs(3600),
            default_model: None,
            max_deliveries: 10,
            max_tasks: 10_000_000,
            max_bytes: 8 << 30,
            max_age: Duration::from_secs(7 * DAY),
            keep_results: Duration::from_secs(DAY),
            keep_dead: Duration::from_secs(30 * DAY),
            webhook: Webhook::default(),
        }
    }
}

impl Default for Degraded {
    fn default() -> Self {
        Self {
            status: 200,
            text: "The model can't be reached just now. Your request is kept, and will be \
                   answered as soon as it can."
                .to_owned(),
        }
    }
}

impl Default for Webhook {
    fn default() -> Self {
        Self {
            url: None,
            secret_env: WEBHOOK_SECRET.to_owned(),
            secret: None,
        }
    }
}

impl Queue {
    pub(super) fn read(&mut self, fields: &mut Fields<'_>, env: Lookup<'_>) {
        fields.of::<Self>();
        let days = || duration(Duration::from_secs(1)..=Duration::from_secs(365 * DAY));
        self.store = StoreUrl::read(fields, &mut self.url_env, env);
        fields.set("name", &mut self.name, store::name("a queue"));
        self.seal_keys = store::seal_keys(fields, &mut self.seal_keys_env, env);
        fields.set("accept", &mut self.accept, one_of(&ACCEPTS));
        fields.section("degraded", |fields| self.degraded.read(fields));
        fields.set("work", &mut self.work, flag());
        fields.set(
            "max_in_flight",
            &mut self.max_in_flight,
            integer(1..=10_000),
        );
        let lease = duration(Duration::from_secs(1)..=Duration::from_secs(3600));
        fields.set("lease", &mut self.lease, lease);
        let waits = || duration(Duration::from_millis(10)..=Duration::from_secs(DAY));
        fields.set("backoff", &mut self.backoff, waits());
        fields.set("max_backoff", &mut self.max_backoff, waits());
        self.default_model = fields.get("default_model", text());
        fields.set(
            "max_deliveries",
            &mut self.max_deliveries,
            integer(1..=1000),
        );
        let many = integer(1..=1_000_000_000_000);
        fields.set("max_tasks", &mut self.max_tasks, many);
        let most = usize::try_from(1_u64 << 50).unwrap_or(usize::MAX);
        fields.set("max_bytes", &mut self.max_bytes, size(1 << 20..=most));
        fields.set("max_age", &mut self.max_age, days());
        fields.set("keep_results", &mut self.keep_results, days());
        fields.set("keep_dead", &mut self.keep_dead, days());
        fields.section("webhook", |fields| self.webhook.read(fields, env));
    }
}

impl Queue {
    /// Without a file: there is one where the variable says where it is. What is wrong is told with
    /// the name of its variable.
    pub(super) fn from_env(env: Lookup<'_>) -> Result<Self, (&'static str, Wrong)> {
        Ok(Self {
            store: StoreUrl::from_env(env, URL)?,
            seal_keys: store::keys_from_env(env)?,
            ..Self::default()
        })
    }
}

impl Degraded {
    fn read(&mut self, fields: &mut Fields<'_>) {
        fields.of::<Self>();
        fields.set("status", &mut self.status, status());
        fields.set("text", &mut self.text, text());
    }
}

impl Webhook {
    fn read(&mut self, fields: &mut Fields<'_>, env: Lookup<'_>) {
        fields.of::<Self>();
        fields.set("url", &mut self.url, or_off(web()));
        fields.refuse(
            &["secret", "key"],
            "a secret does not belong in a file",
            "put it into an environment variable, and write the variable's name: \
             secret_env = \"BUTTRESS_WEBHOOK_SECRET\"",
        );
        fields.set("secret_env", &mut self.secret_env, variable());
        // That there is none is told with the keys that are missing.
        self.secret = self.signing_secret(env).ok().flatten();
    }

    /// The secret, where one is needed. Checked here, so that nobody hears of a wrong one when it
    /// is needed.
    pub(super) fn signing_secret(&self, env: Lookup<'_>) -> Result<Option<Secret>, Wrong> {
        if self.url.is_none() {
            return Ok(None);
        }
        let variable = &self.secret_env;
        let secret = provider::key(env, variable)?;
        match signing_key(secret.expose()) {
            Ok(_) => Ok(Some(secret)),
            Err(error) => Err(Wrong::new(
                format!("{variable} {error}"),
                "make one with `echo whsec_$(openssl rand -base64 32)`; what does not begin with \
                 whsec_ is taken as it is",
            )),
        }
    }
}

fn status() -> impl Read<u16> {
    let read = |value: &DeValue<'_>| {
        let written = value
            .as_integer()
            .and_then(|written| written.as_str().parse().ok());
        let known = written.filter(|written| STATUSES.contains(&u64::from(*written)));
        let help = "write 200, which SDKs take for an answer, or 503, which they raise";
        known.ok_or_else(|| Wrong::new("is no status for this", help))
    };
    reader(Kind::Numbers(&STATUSES), read, |status| {
        Value::from(*status)
    })
}

/// Where a webhook is called.
fn web() -> impl Read<String> {
    let what = "`http://…` or `https://…`";
    form(
        what,
        "^[hH][tT][tT][pP][sS]?://",
        web_address,
        String::clone,
    )
}

fn web_address(value: &DeValue<'_>) -> Result<String, Wrong> {
    let url = filled(value)?;
    let parsed: Option<http::Uri> = url.parse().ok();
    let usable = parsed.as_ref().filter(|url| {
        let has_host = url.host().is_some_and(|host| !host.is_empty());
        matches!(url.scheme_str(), Some("http" | "https")) && has_host
    });
    match usable.and_then(http::Uri::authority) {
        Some(authority) if authority.as_str().contains('@') => Err(Wrong::new(
            "holds a user name or a password, which would not be sent",
            "leave it out: the receiver knows by the signature whom a request is from",
        )),
        Some(_) => Ok(url),
        None => Err(Wrong::new(
            format!("{} is no address to send to", quoted(&url)),
            "write it like \"https://example.com/hooks/buttress\"",
        )),
    }
}
