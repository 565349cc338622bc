//! A gateway in this process, and its callers.

use crate::{
    Answer, Mode,
    wire::{self, Open},
};
use buttress::{Route, circuit_breaker::Handle};
use buttress_gateway::{
    config::{Changes, Config, Options},
    serve::{self, NotReloaded, Running},
};
use buttress_testkit::Dialect;
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use std::{fmt::Write, io, net::SocketAddr, path::Path};

/// A configuration: routes, each to a provider of its own, and settings.
///
/// Retries wait for 40, 80 and 160 ms without jitter, unless set otherwise.
#[derive(Clone, Debug)]
pub struct Setup {
    settings: Vec<(String, String)>,
    /// The tables of each provider and of its route.
    routes: Vec<(String, String)>,
}

impl Default for Setup {
    fn default() -> Self {
        Self::new()
    }
}

impl Setup {
    pub fn new() -> Self {
        let setup = Self {
            settings: Vec::new(),
            routes: Vec::new(),
        };
        setup
            .with("server.listen = '127.0.0.1:0'")
            .with("defaults.retry.base = '40ms'")
            .with("defaults.retry.cap = '160ms'")
            .with("defaults.retry.jitter = 'none'")
    }

    /// Adds a line at the top of the file, such as `limits.max_calls = 3`, or another value for
    /// one that is there.
    pub fn with(mut self, line: &str) -> Self {
        let (name, value) = line.split_once(" = ").expect("name = value");
        self.settings.retain(|(known, _)| known != name);
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a route to what speaks this dialect at this address. Its model has the name of the
    /// route.
    pub fn route(mut self, name: &str, dialect: Dialect, url: impl Into<String>) -> Self {
        let (kind, path, api) = match dialect {
            Dialect::OpenAi => ("openai", "/v1", "auto"),
            Dialect::Responses => ("openai", "/v1", "responses"),
            Dialect::Gemini => ("gemini", "", "auto"),
            _ => ("anthropic", "", "auto"),
        };
        let url = url.into();
        let provider = format!(
            "[providers.{name}]\nkind = '{kind}'\napi = '{api}'\nbase_url = '{url}{path}'\n\
             key_env = 'off'\n"
        );
        let route = format!("[[routes]]\nname = '{name}'\nprovider = '{name}'\nmodel = '{name}'\n");
        self.routes.push((provider, route));
        self
    }

    /// Adds a route to the provider that was added last, with the same key. Its model has the name
    /// of the route.
    pub fn model(mut self, name: &str) -> Self {
        let (_, last) = self.routes.last().expect("a route");
        let provider = last.lines().find(|line| line.starts_with("provider"));
        let provider = provider.expect("each has one");
        let route = format!("[[routes]]\nname = '{name}'\n{provider}\nmodel = '{name}'\n");
        self.routes.push((String::new(), route));
        self
    }

    /// Adds another route to the model that was added last.
    pub fn again(mut self, name: &str) -> Self {
        let (_, last) = self.routes.last().expect("a route");
        let same = |line: &&str| line.starts_with("provider") || line.starts_with("model");
        let same: Vec<_> = last.lines().filter(same).collect();
        let route = format!("[[routes]]\nname = '{name}'\n{}\n", same.join("\n"));
        self.routes.push((String::new(), route));
        self
    }

    /// Adds a line to the route that was added last, such as `context_window = 1000`.
    pub fn and(mut self, line: &str) -> Self {
        let (_, route) = self.routes.last_mut().expect("a route");
        writeln!(route, "{line}").expect("memory");
        self
    }

    /// Asks the provider that was added last with a key.
    pub fn keyed(mut self) -> Self {
        let (provider, _) = self.routes.last_mut().expect("a provider");
        *provider = provider.replace("key_env = 'off'", "key_env = 'A_KEY'");
        self
    }

    /// Asks the provider that was added last over HTTP/2.
    pub fn over_http2(mut self) -> Self {
        let (provider, _) = self.routes.last_mut().expect("a provider");
        provider.push_str("http = '2'\n");
        self
    }

    /// As it stands in a file.
    pub fn file(&self) -> String {
        let mut file = String::new();
        for (name, value) in &self.settings {
            writeln!(file, "{name} = {value}").expect("memory");
        }
        for (provider, route) in &self.routes {
            file.push_str(provider);
            file.push_str(route);
        }
        file
    }

    pub async fn start(self) -> Gateway {
        let is_key = |name: &str| {
            let others = ["BUTTRESS_ADMIN_KEY", "BUTTRESS_SEAL_KEYS"];
            !name.ends_with("_URL") && !name.starts_with("OTEL_") && !others.contains(&name)
        };
        let keys = |name: &str| is_key(name).then(|| "the-callers-key".to_owned());
        let parsed = Config::parse("test.toml", &self.file(), &Options::new(&keys));
        let (mut config, _) = parsed.unwrap_or_else(|report| panic!("{report}"));
        if !self.file().contains("client_key_env") {
            config.server.client_key = None;
        }
        if !self.file().contains("admin_key_env") {
            config.server.admin_key = None;
        }
        let running = serve::start(config).await;
        let running = running.unwrap_or_else(|error| panic!("{error}"));
        Gateway { running }
    }
}

impl Gateway {
    /// One that has read this file, and can read it again. No variable is set.
    pub async fn from_file(file: &Path) -> Self {
        let loaded = Config::load(Some(file), &Options::new(&|_: &str| None));
        let (config, _) = loaded.unwrap_or_else(|report| panic!("{report}"));
        let running = serve::start(config).await;
        let running = running.unwrap_or_else(|error| panic!("{error}"));
        Self { running }
    }

    pub async fn reload(&self) -> Result<Changes, NotReloaded> {
        self.running.reload().await
    }
}

/// A gateway on a free port of this machine.
#[derive(Debug)]
pub struct Gateway {
    running: Running,
}

impl Gateway {
    pub fn address(&self) -> SocketAddr {
        self.running.address()
    }

    /// The route at this place, from 0.
    pub fn route(&self, at: usize) -> Route {
        self.running.routes().swap_remove(at)
    }

    pub fn breaker(&self, at: usize) -> Handle {
        self.route(at).breaker_handle()
    }

    /// Asks for a short answer in this mode, and reads all of it.
    pub async fn ask(&self, mode: Mode) -> Answer {
        Answer::read(mode, self.open(mode).await).await
    }

    /// Asks for a short answer in this mode, and waits for its head.
    pub async fn open(&self, mode: Mode) -> Open {
        let body = mode.request().to_string();
        let open = self.post(&mode.path(), &[], body).await;
        open.expect("an answer")
    }

    pub async fn post(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> io::Result<Open> {
        self.send("POST", path, headers, body).await
    }

    pub async fn get(&self, path: &str, headers: &[(&str, &str)]) -> io::Result<Open> {
        self.send("GET", path, headers, Bytes::new()).await
    }

    /// A `host` or `content-type` that is given takes the place of the right one.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> io::Result<Open> {
        let mut request = Request::builder().method(method).uri(path);
        let host = self.address().to_string();
        let own = [("host", &*host), ("content-type", "application/json")];
        let given = |name| headers.iter().any(|(given, _)| *given == name);
        let own = own.iter().filter(|(name, _)| !given(*name));
        for (name, value) in own.chain(headers) {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).expect("a request");
        wire::send(self.address(), request).await
    }

    /// Tells it to stop, and waits until it has.
    pub async fn stop(self) -> usize {
        self.running.stop().await.expect("no panic")
    }
}
