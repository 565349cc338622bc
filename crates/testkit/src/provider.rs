use crate::{Dialect, Received, Respond, Script, log::Log, server::Server, shared::Shared};
use std::{
    fmt, io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::net::TcpSocket;

/// A provider on a loopback socket that does what its script says.
///
/// It answers `POST /v1/chat/completions`, `POST /v1/messages`, `POST /v1/responses` and `POST` to
/// Gemini's `/v1beta/models/{model}:generateContent`, each in its own dialect and by the script,
/// over HTTP/1.1 or HTTP/2 with prior knowledge. `GET /v1/models` is answered aside:
/// it takes no step and is not recorded. Anything else is a 404.
///
/// Dropping it closes its port and all its connections.
#[derive(Debug)]
pub struct Provider {
    shared: Arc<Shared>,
    address: SocketAddr,
    state: State,
    /// How many calls [`next_call`](Self::next_call) has handed out.
    seen: AtomicUsize,
}

#[derive(Debug)]
enum State {
    Up(Server),
    /// The port is kept but nobody listens: connections are refused.
    Down(TcpSocket),
    /// The port could not be kept.
    Gone,
}

impl Provider {
    /// A provider whose own dialect is OpenAI's.
    pub fn openai() -> Builder {
        Self::builder(Dialect::OpenAi)
    }

    /// A provider whose own dialect is Anthropic's.
    pub fn anthropic() -> Builder {
        Self::builder(Dialect::Anthropic)
    }

    /// A provider whose own dialect is Gemini's.
    pub fn gemini() -> Builder {
        Self::builder(Dialect::Gemini)
    }

    /// A provider whose own dialect is OpenAI's for responses.
    pub fn responses() -> Builder {
        Self::builder(Dialect::Responses)
    }

    /// A provider with this dialect of its own: the one for [`base_url`](Self::base_url), the list
    /// of models, and paths that belong to none.
    pub fn builder(dialect: Dialect) -> Builder {
        Builder {
            home: dialect,
            script: Script::new(),
            key: None,
            models: vec![dialect.model().to_owned()],
            any_path: false,
            remember: 10_000,
        }
    }

    /// Where it listens: `http://127.0.0.1:port`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What an SDK of its dialect takes as base URL: [`url`](Self::url), with `/v1` for OpenAI.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("{}{}", self.url(), self.shared.home.base_path())
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Replaces the script, from the next call on.
    pub fn play(&self, script: Script) {
        *self.shared.script() = script;
    }

    /// How many calls there have been.
    #[must_use]
    pub fn call_count(&self) -> usize {
        self.shared.log.count()
    }

    /// All calls so far, in the order in which they arrived.
    #[must_use]
    pub fn calls(&self) -> Vec<Received> {
        self.shared.log.calls()
    }

    /// The times between one arrival and the next: one fewer than there are calls.
    #[must_use]
    pub fn gaps(&self) -> Vec<Duration> {
        self.shared.log.gaps()
    }

    /// The next call that this method has not yet returned; waits for it to arrive.
    ///
    /// # Cancellation
    /// A wait that is dropped has used up its turn: the next one is for the call after.
    pub async fn next_call(&self) -> Received {
        let index = self.seen.fetch_add(1, Ordering::Relaxed);
        self.shared.log.wait(index, |_| true).await
    }

    /// Waits until the connection of this call (counted from 0) is closed, from whichever side.
    pub async fn wait_closed(&self, index: usize) -> Received {
        let closed = |call: &Received| call.closed.is_some();
        self.shared.log.wait(index, closed).await
    }

    /// Refuses new connections, closes idle ones, and waits for the answers under way, save those
    /// that would never end. The port stays reserved for [`restart`](Self::restart).
    ///
    /// # Cancellation
    /// It goes on stopping; calling it again waits on.
    pub async fn stop(&mut self) {
        if let State::Up(server) = &mut self.state {
            server.drain().await;
            self.keep_port();
        }
    }

    /// As [`stop`](Self::stop), but closes all connections at once, as the end of its process would.
    pub async fn kill(&mut self) {
        if let State::Up(server) = &mut self.state {
            server.kill().await;
            self.keep_port();
        }
    }

    /// Listens again, on the same port, with the script and the record where they were.
    /// Does nothing while it runs.
    ///
    /// # Errors
    /// The port has gone to someone else.
    pub async fn restart(&mut self) -> io::Result<()> {
        let socket = match std::mem::replace(&mut self.state, State::Gone) {
            State::Down(socket) => socket,
            State::Gone => bind(self.address)?,
            up @ State::Up(_) => {
                self.state = up;
                return Ok(());
            }
        };
        self.listen(socket)
    }

    fn listen(&mut self, socket: TcpSocket) -> io::Result<()> {
        let listener = socket.listen(1024)?;
        self.state = State::Up(Server::start(listener, Arc::clone(&self.shared)));
        Ok(())
    }

    fn keep_port(&mut self) {
        self.state = bind(self.address).map_or(State::Gone, State::Down);
    }
}

/// What a [`Provider`] is made from.
#[derive(Clone)]
#[must_use = "a provider does nothing until it is started"]
pub struct Builder {
    home: Dialect,
    script: Script,
    key: Option<String>,
    models: Vec<String>,
    any_path: bool,
    remember: usize,
}

impl Builder {
    /// The first step of the script. The same as [`then`](Self::then), and reads better there.
    pub fn reply(self, respond: impl Respond) -> Self {
        self.then(respond)
    }

    /// [`Script::then`].
    pub fn then(mut self, respond: impl Respond) -> Self {
        self.script = self.script.then(respond);
        self
    }

    /// [`Script::times`].
    pub fn times(mut self, calls: usize, respond: impl Respond) -> Self {
        self.script = self.script.times(calls, respond);
        self
    }

    /// [`Script::forever`].
    pub fn forever(mut self, respond: impl Respond) -> Self {
        self.script = self.script.forever(respond);
        self
    }

    /// A whole script, in the place of what was said so far.
    pub fn script(mut self, script: Script) -> Self {
        self.script = script;
        self
    }

    /// Wants this key, as `authorization: Bearer` (OpenAI), `x-api-key` (Anthropic) or
    /// `x-goog-api-key` (Gemini) \[any or none\]. A call without it gets a 401 and takes no step.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// What `GET /v1/models` lists \[one model of the dialect\].
    pub fn models<S: Into<String>>(mut self, ids: impl IntoIterator<Item = S>) -> Self {
        self.models = ids.into_iter().map(Into::into).collect();
        self
    }

    /// Answers every method and path by the script, for clients that are not of an LLM.
    pub const fn any_path(mut self) -> Self {
        self.any_path = true;
        self
    }

    /// How many calls are kept for [`Provider::calls`] \[10,000\]; later ones are only counted.
    pub const fn remember(mut self, calls: usize) -> Self {
        self.remember = calls;
        self
    }

    /// Listens on a free port of 127.0.0.1. Must be awaited within a tokio runtime that has its
    /// I/O and time drivers enabled.
    ///
    /// # Errors
    /// The system has no socket or port to give.
    pub async fn start(self) -> io::Result<Provider> {
        let socket = bind((Ipv4Addr::LOCALHOST, 0).into())?;
        let mut provider = Provider {
            address: socket.local_addr()?,
            shared: Arc::new(Shared {
                home: self.home,
                key: self.key,
                models: self.models,
                any_path: self.any_path,
                script: Mutex::new(self.script),
                log: Log::new(self.remember),
            }),
            state: State::Gone,
            seen: AtomicUsize::new(0),
        };
        provider.listen(socket)?;
        Ok(provider)
    }
}

/// Without the key.
impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("home", &self.home)
            .field("script", &self.script)
            .field("models", &self.models)
            .finish_non_exhaustive()
    }
}

pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // Connections closed a moment ago still hold the port otherwise.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}
