use super::{
    documented::documented,
    fields::Fields,
    provider::variable,
    value::{Read, Wrong, duration, filled, form, integer, or_off, quoted, size},
};
use buttress::{Call, Stack};
use buttress_client::Secret;
use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};
use toml::de::DeValue;

documented! {
    /// `[server]`: where callers are listened to, and what they may send.
    #[derive(Clone, Debug)]
    #[non_exhaustive]
    pub struct Server {
        /// The address to listen on. Port 0 takes any free one.
        pub listen: SocketAddr,
        /// The environment variable with the key that callers have to present.
        pub client_key_env: String,
        /// The key itself; `None` lets everybody in.
        pub client_key: Option<Secret>,
        /// The environment variable with the key that opens the live page and the admin API.
        pub admin_key_env: String,
        /// The key itself; without one callers on this machine may look, and nobody may change
        /// anything but in the sandbox.
        pub admin_key: Option<Secret>,
        /// The largest body of a request, in bytes.
        pub max_body: usize,
        /// The most bytes of the requests that are read and kept at a time, all callers taken
        /// together.
        pub max_in_flight_bytes: usize,
        /// The most connections of callers. Others wait until one of these is closed.
        pub max_connections: usize,
        /// The most bytes of a request's headers.
        pub max_header: usize,
        /// How long a caller may take to send the headers of a request.
        pub header_timeout: Duration,
        /// How long callers are still served, with `/readyz` saying no, when the server is told to
        /// stop, before it accepts no more of them.
        pub drain_delay: Duration,
        /// How long calls may go on after that.
        pub shutdown_grace: Duration,
    }
}

documented! {
    /// `[limits]`: what one request of a caller may spend, whatever happens to it.
    #[derive(Clone, Debug, PartialEq, Eq)]
    #[non_exhaustive]
    pub struct Limits {
        /// All the time that a request may take; `None` is without a limit.
        pub deadline: Option<Duration>,
        /// The most upstream calls that a request may cause.
        pub max_calls: u32,
        /// How often a stream that breaks after its first content is carried on.
        pub continuations: u32,
    }
}

/// The variable with the key of the callers, unless another one is named.
pub(super) const CLIENT_KEY: &str = "BUTTRESS_CLIENT_KEY";

/// The variable with the key of who operates it, unless another one is named.
pub(super) const ADMIN_KEY: &str = "BUTTRESS_ADMIN_KEY";

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            client_key_env: CLIENT_KEY.to_owned(),
            client_key: None,
            admin_key_env: ADMIN_KEY.to_owned(),
            admin_key: None,
            max_body: 32 << 20,
            max_in_flight_bytes: 512 << 20,
            // Over HTTP/1.1 each call has one, and a single gate may hold a thousand of them.
            max_connections: 4096,
            max_header: 64 << 10,
            header_timeout: Duration::from_secs(30),
            // Whoever has a load balancer before it knows; for all others it is a wait for nothing.
            drain_delay: Duration::ZERO,
            shutdown_grace: Duration::from_secs(30),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            deadline: Some(Stack::DEFAULT_DEADLINE),
            max_calls: Call::DEFAULT_MAX_CALLS,
            continuations: 0,
        }
    }
}

impl Server {
    pub(super) fn read(&mut self, fields: &mut Fields<'_>) {
        fields.of::<Self>();
        let times = || duration(Duration::from_millis(100)..=Duration::from_secs(3600));
        let up_to_an_hour = || duration(Duration::ZERO..=Duration::from_secs(3600));
        fields.set("listen", &mut self.listen, address());
        fields.refuse(
            &["client_key", "admin_key", "key", "api_key"],
            "a key does not belong in a file",
            "put it into an environment variable, and write the variable's name: \
             client_key_env = \"BUTTRESS_CLIENT_KEY\"",
        );
        fields.set("client_key_env", &mut self.client_key_env, variable());
        fields.set("admin_key_env", &mut self.admin_key_env, variable());
        fields.set("max_body", &mut self.max_body, size(1 << 10..=1 << 30));
        let most = usize::try_from(1_u64 << 40).unwrap_or(usize::MAX);
        fields.set(
            "max_in_flight_bytes",
            &mut self.max_in_flight_bytes,
            size(1 << 10..=most),
        );
        let connections = integer(1..=1_000_000);
        fields.set("max_connections", &mut self.max_connections, connections);
        // hyper reads at least 8 KiB at a time.
        fields.set("max_header", &mut self.max_header, size(8 << 10..=1 << 20));
        fields.set("header_timeout", &mut self.header_timeout, times());
        fields.set("drain_delay", &mut self.drain_delay, up_to_an_hour());
        fields.set("shutdown_grace", &mut self.shutdown_grace, up_to_an_hour());
    }
}

impl Limits {
    pub(super) fn read(&mut self, fields: &mut Fields<'_>) {
        fields.of::<Self>();
        let times = duration(Duration::from_millis(100)..=Duration::from_secs(86_400));
        fields.set("deadline", &mut self.deadline, or_off(times));
        fields.set("max_calls", &mut self.max_calls, integer(1..=1000));
        fields.set("continuations", &mut self.continuations, integer(0..=100));
    }
}

fn address() -> impl Read<SocketAddr> {
    let read = |value: &DeValue<'_>| match value.as_integer() {
        Some(number) => listen(&number.to_string()),
        None => listen(&filled(value)?),
    };
    form("`ADDRESS:PORT`", ":[0-9]+$", read, SocketAddr::to_string)
}

/// Reads an address to listen on as the command line has it: no otherwise than a file.
pub(crate) fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    listen(text).map_err(|wrong| match wrong.help {
        Some(help) => format!("{}; {help}", wrong.message),
        None => wrong.message,
    })
}

fn listen(text: &str) -> Result<SocketAddr, Wrong> {
    let wrong = |_| match text.parse::<u64>() {
        Ok(port) => Wrong::new(
            format!("{port} is no address"),
            format!("write the address as well: \"127.0.0.1:{port}\""),
        ),
        Err(_) => Wrong::new(
            format!("{} is no address", quoted(text)),
            "write an address and a port, such as \"127.0.0.1:8080\" or \"[::1]:8080\"",
        ),
    };
    let text = text.replacen("localhost:", "127.0.0.1:", 1);
    text.parse().map_err(wrong)
}
