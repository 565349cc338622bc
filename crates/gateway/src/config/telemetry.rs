use super::{
    Lookup,
    documented::documented,
    fields::Fields,
    provider::{url, variable},
    value::{Read, Wrong, duration, filled, flag, form, one_of, or_off, rate, text},
};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use percent_encoding::percent_decode_str;
use std::time::Duration;
use toml::de::DeValue;

documented! {
    /// `[telemetry]`: where traces go, and what they tell.
    #[derive(Clone, Debug)]
    #[non_exhaustive]
    pub struct Telemetry {
        /// The collector that traces go to; `None` is: no call is traced. The variables
        /// `OTEL_EXPORTER_OTLP_ENDPOINT` and `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` go before what a file
        /// says.
        pub endpoint: Option<Uri>,
        /// How the collector is spoken to. `OTEL_EXPORTER_OTLP_PROTOCOL` goes before what a file says.
        pub protocol: Protocol,
        /// The environment variable with the headers that the collector wants, such as its key, as
        /// `name=value,name=value`.
        pub headers_env: String,
        /// The headers themselves.
        pub headers: HeaderMap,
        /// What this program is called in traces. `OTEL_SERVICE_NAME` goes before what a file says.
        pub service_name: String,
        /// The share of the calls that are traced, of those whose caller has not decided about it.
        /// `OTEL_TRACES_SAMPLER` goes before what a file says.
        // Nothing then: the SDK reads it by itself.
        pub sample: Option<f64>,
        /// Whether prompts and answers are put into traces.
        pub content: bool,
        /// How long the collector may take for one delivery, with what is tried again.
        pub timeout: Duration,
    }
}

/// How a collector is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Protocol {
    /// OTLP over HTTP/1.1, usually at port 4318.
    Http,
    /// OTLP over gRPC, usually at port 4317.
    Grpc,
}

/// The variable with the headers, unless another one is named.
const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";

/// In each pair the one for traces alone goes first.
const ENDPOINTS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
];
const PROTOCOLS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
    "OTEL_EXPORTER_OTLP_PROTOCOL",
];
const NAMES: [(&str, Protocol); 2] = [("http/protobuf", Protocol::Http), ("grpc", Protocol::Grpc)];

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            endpoint: None,
            protocol: Protocol::Http,
            headers_env: HEADERS.to_owned(),
            headers: HeaderMap::new(),
            service_name: "buttress".to_owned(),
            sample: Some(1.0),
            content: false,
            timeout: Duration::from_secs(10),
        }
    }
}

impl Telemetry {
    pub(super) fn read(&mut self, fields: &mut Fields<'_>, env: Lookup<'_>) {
        fields.of::<Self>();
        let mut base = None;
        fields.set("endpoint", &mut base, or_off(collector()));
        fields.set("protocol", &mut self.protocol, one_of(&NAMES));
        fields.refuse(
            &["headers", "key", "api_key"],
            "a key does not belong in a file",
            "put it into an environment variable, and write the variable's name: \
             headers_env = \"OTEL_EXPORTER_OTLP_HEADERS\"",
        );
        fields.set("headers_env", &mut self.headers_env, variable());
        fields.set("service_name", &mut self.service_name, text());
        let mut sample = 1.0;
        fields.set("sample", &mut sample, rate());
        self.sample = Some(sample);
        fields.set("content", &mut self.content, flag());
        let times = duration(Duration::from_millis(100)..=Duration::from_secs(60));
        fields.set("timeout", &mut self.timeout, times);
        if let Err((field, wrong)) = self.told(base, env) {
            fields.wrong(field, wrong);
        }
    }

    /// Without a file: there is a collector where the variable says where it is. What is wrong is
    /// told with the name of its variable.
    pub(super) fn from_env(env: Lookup<'_>) -> Result<Self, (&'static str, Wrong)> {
        let mut telemetry = Self::default();
        let told = telemetry.told(None, env);
        told.map_err(|(field, wrong)| match field {
            "protocol" => (PROTOCOLS[1], wrong),
            "headers_env" => (HEADERS, wrong),
            _ => (ENDPOINTS[1], wrong),
        })?;
        Ok(telemetry)
    }

    /// Takes over what the variables say that all of OpenTelemetry knows. What is wrong is told with
    /// the field in whose place it is.
    fn told(&mut self, base: Option<Uri>, env: Lookup<'_>) -> Result<(), (&'static str, Wrong)> {
        let env = |name: &str| env(name).filter(|value| !value.trim().is_empty());
        let first = |names: [&'static str; 2]| {
            let mut told = names
                .into_iter()
                .filter_map(|name| Some((name, env(name)?)));
            told.next()
        };
        if let Some((name, protocol)) = first(PROTOCOLS) {
            let known = NAMES.into_iter().find(|(name, _)| *name == protocol.trim());
            let help = "set it to http/protobuf or grpc";
            let wrong = || Wrong::new(format!("{name} is no protocol that is spoken here"), help);
            let known = known.ok_or_else(|| ("protocol", wrong()))?;
            self.protocol = known.1;
        }
        let off = |name: &str, value: &str| {
            env(name).is_some_and(|told| told.trim().eq_ignore_ascii_case(value))
        };
        self.endpoint = match first(ENDPOINTS) {
            _ if off("OTEL_SDK_DISABLED", "true") || off("OTEL_TRACES_EXPORTER", "none") => None,
            None => base.map(|base| self.traces(&base)),
            Some((name, address)) => {
                let wrong = |wrong: Wrong| {
                    let message = format!("{name} {}", wrong.message);
                    ("endpoint", Wrong { message, ..wrong })
                };
                let address = parse(&address).map_err(wrong)?;
                Some(match name == ENDPOINTS[0] {
                    true => address,
                    false => self.traces(&address),
                })
            }
        };
        let named = env("OTEL_SERVICE_NAME").or_else(|| service(&env("OTEL_RESOURCE_ATTRIBUTES")?));
        self.service_name = named.unwrap_or_else(|| std::mem::take(&mut self.service_name));
        if env("OTEL_TRACES_SAMPLER").is_some() {
            self.sample = None;
        }
        let name = self.headers_env.clone();
        if let Some(written) = env(&name) {
            let wrong = || {
                let message = format!("{name} has something in it that is no header");
                let help = "write name=value, with a comma between two, and in values % as %25";
                ("headers_env", Wrong::new(message, help))
            };
            self.headers = headers(&written).ok_or_else(wrong)?;
        }
        Ok(())
    }

    /// Where traces are taken behind this address. In gRPC the path says what is meant.
    fn traces(&self, base: &Uri) -> Uri {
        let path = match self.protocol {
            Protocol::Http => "/v1/traces",
            Protocol::Grpc => return base.clone(),
        };
        let base = base.to_string();
        let whole = format!("{}{path}", base.trim_end_matches('/'));
        whole.parse().unwrap_or_default()
    }
}

fn collector() -> impl Read<Uri> {
    let read = |value: &DeValue<'_>| parse(&filled(value)?);
    form("the URL of a collector", "^https?://", read, Uri::to_string)
}

fn parse(address: &str) -> Result<Uri, Wrong> {
    let help = "write it like \"http://localhost:4318\"; a key goes into headers_env";
    url(address.trim()).map_err(|wrong| Wrong::new(wrong.message, help))
}

/// The name of the service among `key=value,…`.
fn service(attributes: &str) -> Option<String> {
    let mut pairs = attributes
        .split(',')
        .filter_map(|pair| pair.split_once('='));
    let named = pairs.find(|(key, _)| key.trim() == "service.name");
    named.map(|(_, name)| name.trim().to_owned())
}

/// The headers in `name=value,…`, where a value is written as in a URL. None of them is shown.
fn headers(written: &str) -> Option<HeaderMap> {
    let pairs = written.split(',').filter(|pair| !pair.trim().is_empty());
    let header = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        let name: HeaderName = name.trim().parse().ok()?;
        let value: Vec<u8> = percent_decode_str(value.trim()).collect();
        let mut value = HeaderValue::from_bytes(&value).ok()?;
        value.set_sensitive(true);
        Some((name, value))
    };
    pairs.map(header).collect()
}
