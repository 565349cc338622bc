//! What the calls of a client have in common.

use crate::{Commit, connect::Connector, secret::Secrets};
use buttress_llm::{Dialect, InvalidRequest, LlmRequest, Provider, Target};
use buttress_timeout::Limits;
use bytes::Bytes;
use http::{HeaderMap, Uri};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use std::{borrow::Cow, sync::Arc};

/// What a client is, in one piece: a call counts one reference, and no more.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) shared: Arc<Shared>,
    pub(crate) place: Place,
}

/// What a request is written for.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) target: Target,
    /// The model that is asked, unless it is the one that a request names.
    pub(crate) model: Option<Arc<str>>,
    /// How long a whole answer may take, and a streamed one.
    pub(crate) whole: Limits,
    pub(crate) streamed: Limits,
    /// When a streamed answer is given out, and how much of it may be held back until then.
    pub(crate) commit: Commit,
    pub(crate) max_held: usize,
}

impl Place {
    pub(crate) fn model(&self, request: &LlmRequest) -> Arc<str> {
        match (request.insists_on(), &self.model) {
            (Some(model), _) => model.into(),
            (None, Some(model)) => Arc::clone(model),
            (None, None) => request.model().into(),
        }
    }
}

/// What all clones have in common.
pub(crate) struct Shared {
    pub(crate) http: Client<Connector, Full<Bytes>>,
    pub(crate) provider: Provider,
    pub(crate) endpoint: Endpoint,
    /// Another dialect that is known there, and where, if callers who speak it are to be asked
    /// for in it.
    pub(crate) callers: Option<(Dialect, Endpoint)>,
    pub(crate) headers: HeaderMap,
    pub(crate) secrets: Secrets,
    pub(crate) max_answer: usize,
    pub(crate) max_event: Option<usize>,
}

impl Asked {
    /// What this request is written for, and where it goes.
    pub(crate) fn written_for(&self, request: &LlmRequest) -> (Cow<'_, Target>, &Endpoint) {
        let target = &self.place.target;
        match &self.shared.callers {
            Some((dialect, endpoint)) if *dialect == request.dialect() => {
                (Cow::Owned(target.clone().speaking(*dialect)), endpoint)
            }
            _ => (Cow::Borrowed(target), &self.shared.endpoint),
        }
    }
}

/// Where requests go.
#[derive(Debug)]
pub(crate) enum Endpoint {
    /// All to one address.
    One(Uri),
    /// Behind this base URL, each to an address of its model.
    OfModel(Box<str>),
}

impl Endpoint {
    /// Where this dialect is spoken behind this base URL; nothing, if that is none.
    pub(crate) fn new(base: &str, dialect: Dialect) -> Option<Self> {
        let base = base.trim_end_matches('/');
        let url: Uri = format!("{base}{}", dialect.path("m", false)).parse().ok()?;
        let usable = matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some();
        usable.then(|| {
            if dialect.is_addressed() {
                Self::OfModel(base.into())
            } else {
                Self::One(url)
            }
        })
    }

    /// The host and the port.
    pub(crate) fn address(&self) -> Option<(&str, u16)> {
        let (secure, authority) = match self {
            Self::One(url) => (url.scheme_str()? == "https", url.authority()?.as_str()),
            Self::OfModel(base) => {
                let (scheme, rest) = base.split_once("://")?;
                (scheme == "https", rest.split(['/', '?']).next()?)
            }
        };
        let authority = authority
            .rsplit_once('@')
            .map_or(authority, |(_, rest)| rest);
        let port = |text: &str| text.parse().ok();
        let usual = if secure { 443 } else { 80 };
        match authority.rsplit_once(':') {
            // The last part of an address in brackets is no port.
            Some((host, last)) if !last.ends_with(']') => Some((host, port(last)?)),
            _ => Some((authority, usual)),
        }
    }

    /// The address for this request.
    pub(crate) fn of(&self, request: &LlmRequest, target: &Target) -> Result<Uri, InvalidRequest> {
        match self {
            Self::One(url) => Ok(url.clone()),
            Self::OfModel(base) => {
                let model = request.model_at(target);
                let path = target.dialect().path(model, request.streams());
                let url = format!("{base}{path}").parse();
                url.map_err(|_| InvalidRequest::Field {
                    field: "model".to_owned(),
                    problem: "is too long for an address".to_owned(),
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_tells_its_host_and_port_and_nothing_else() {
        for dialect in [Dialect::OpenAiChat, Dialect::Gemini] {
            for (base, host, port) in [
                ("https://api.example.com/v1", "api.example.com", 443),
                ("http://localhost:8000", "localhost", 8000),
                ("http://[::1]/v1/", "[::1]", 80),
                ("https://[::1]:9/v1", "[::1]", 9),
                ("https://name:key@example.com/v1", "example.com", 443),
            ] {
                let endpoint = Endpoint::new(base, dialect).unwrap();
                assert_eq!(endpoint.address(), Some((host, port)), "{base}");
            }
        }
    }
}
