//! Web pages, which are not to spend the keys of whoever looks at them.

use super::{app::App, refusal::Asked};
use axum::{extract::FromRequestParts, response::Response};
use buttress::llm::Kind;
use http::{
    HeaderMap, HeaderValue, StatusCode, Uri,
    header::{CONTENT_TYPE, HOST, ORIGIN},
    request::Parts,
    uri::Authority,
};
use std::{net::IpAddr, sync::Arc};

/// Shows that a request is not one that a foreign web page has made its visitor's browser send.
///
/// A browser says in `origin` which page asks, and in `host` by which name it found the gateway.
/// Who has a name in the DNS can let it point to any address, and pages of that name may then ask
/// there without being foreign; so only names that nobody can register are taken, and addresses.
/// For a gateway that asks for a key: no page knows it.
pub(super) struct NoPage;

impl FromRequestParts<Arc<App>> for NoPage {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        let refused = if app.server.client_key.is_some() {
            return Ok(Self);
        } else if !is_at_home(&parts.headers) {
            "this gateway asks for no key and takes no requests of web pages from elsewhere \
             (`origin`): set a client key, and let the page's server present it"
        } else if !is_called_right(&parts.uri, &parts.headers) {
            "this gateway asks for no key and is only found under an IP address \
             or a local name (`host`): use one of them, or set a client key"
        } else {
            return Ok(Self);
        };
        let asked = Asked::of(&parts.uri, &parts.headers).at(app);
        Err(asked.refuse(StatusCode::FORBIDDEN, Kind::Permission, refused))
    }
}

/// Whether it is JSON that is sent. A page may have other types sent to anybody without asking;
/// for this one its browser asks first, and hears no.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let json = |value: &HeaderValue| {
        let kind = value.to_str().unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        let kind = kind.to_ascii_lowercase();
        kind == "application/json" || kind.starts_with("application/") && kind.ends_with("+json")
    };
    let mut kinds = headers.get_all(CONTENT_TYPE).iter();
    kinds.next().is_some_and(json) && kinds.all(json)
}

/// Whether no page asks, or one of this machine.
fn is_at_home(headers: &HeaderMap) -> bool {
    headers.get_all(ORIGIN).iter().all(|origin| {
        let origin = origin.to_str().unwrap_or_default();
        let host = origin.split_once("://").and_then(|(_, host)| host_of(host));
        host.is_some_and(|host| match host {
            Host::Name(_) => host.is_kept(),
            Host::Address(address) => address.is_loopback(),
        })
    })
}

/// Whether the gateway was found by an address, or a name that nobody can register.
fn is_called_right(uri: &Uri, headers: &HeaderMap) -> bool {
    is_called(uri, headers, |host| match host {
        Host::Name(_) => host.is_kept(),
        Host::Address(_) => true,
    })
}

/// Whether the gateway was found as one that is on the caller's own machine.
pub(super) fn is_called_local(uri: &Uri, headers: &HeaderMap) -> bool {
    is_called(uri, headers, |host| match host {
        Host::Name(name) => name == "localhost" || name.ends_with(".localhost"),
        Host::Address(address) => address.to_canonical().is_loopback(),
    })
}

/// Whether every name by which the gateway was found is a right one. Who says nothing of it is no
/// browser.
fn is_called(uri: &Uri, headers: &HeaderMap, right: impl Fn(&Host) -> bool) -> bool {
    let right = |host: Option<Host>| host.is_some_and(|host| right(&host));
    let mut hosts = headers.get_all(HOST).iter();
    hosts.all(|host| right(host.to_str().ok().and_then(host_of)))
        // Where HTTP/2 has it.
        && uri.authority().is_none_or(|host| right(host_of(host.as_str())))
}

enum Host {
    /// A name in small letters, without a full stop at its end.
    Name(String),
    Address(IpAddr),
}

impl Host {
    /// Whether it is a name that nobody can have for a page of their own: without a dot, or below
    /// what is kept for local use (RFC 6761 and 6762, and ICANN's `.internal`), as containers and
    /// clusters call each other.
    fn is_kept(&self) -> bool {
        const LOCAL: [&str; 3] = [".localhost", ".local", ".internal"];
        match self {
            Self::Name(name) => {
                !name.contains('.') || LOCAL.iter().any(|local| name.ends_with(local))
            }
            Self::Address(_) => false,
        }
    }
}

/// A host, its port left out.
fn host_of(authority: &str) -> Option<Host> {
    let authority: Authority = authority.parse().ok()?;
    let host = authority.host();
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    if let Ok(address) = bare.unwrap_or(host).parse() {
        return Some(Host::Address(address));
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    Some(Host::Name(name.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: http::HeaderName, values: &[&str]) -> HeaderMap {
        let values = values.iter().map(|value| value.parse().unwrap());
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(&name, value);
        }
        headers
    }

    #[test]
    fn json_has_several_names() {
        for (kinds, right) in [
            (&["application/json"][..], true),
            (&["Application/JSON; charset=utf-8"], true),
            (&["application/problem+json"], true),
            (&[], false),
            (&[""], false),
            (&["text/plain"], false),
            (&["text/plain; application/json"], false),
            (&["application/x-www-form-urlencoded"], false),
            (&["multipart/form-data; boundary=+json"], false),
            (&["application/json", "text/plain"], false),
        ] {
            assert_eq!(is_json(&headers(CONTENT_TYPE, kinds)), right, "{kinds:?}");
        }
    }

    #[test]
    fn pages_of_this_machine_may_ask() {
        for (origins, right) in [
            (&[][..], true),
            (&["http://localhost:3000"], true),
            (&["http://127.0.0.1"], true),
            (&["http://[::1]:8080"], true),
            (&["https://app.localhost"], true),
            (&["http://10.0.0.1"], false),
            (&["https://example.com"], false),
            (&["https://localhost.example.com"], false),
            (&["https://127.0.0.1.example.com"], false),
            (&["null"], false),
            (&[""], false),
            (&["http://localhost", "https://example.com"], false),
        ] {
            assert_eq!(is_at_home(&headers(ORIGIN, origins)), right, "{origins:?}");
        }
    }

    #[test]
    fn names_that_can_be_registered_are_not_taken() {
        let here = Uri::from_static("/v1/messages");
        for (hosts, right) in [
            (&[][..], true),
            (&["localhost:8080"], true),
            (&["LOCALHOST."], true),
            (&["127.0.0.1:8080"], true),
            (&["10.1.2.3"], true),
            (&["[fe80::1]:8080"], true),
            (&["example.com:8080"], false),
            (&["127.0.0.1.example.com"], false),
            (&[""], false),
            (&["localhost", "example.com"], false),
        ] {
            let headers = headers(HOST, hosts);
            assert_eq!(is_called_right(&here, &headers), right, "{hosts:?}");
        }
        let none = HeaderMap::new();
        let over_http2 = Uri::from_static("http://example.com/v1/messages");
        assert!(!is_called_right(&over_http2, &none));
    }

    #[test]
    fn names_of_other_machines_are_not_local() {
        let here = Uri::from_static("/admin/state");
        for (hosts, local) in [
            (&[][..], true),
            (&["localhost:8080"], true),
            (&["LOCALHOST."], true),
            (&["app.localhost"], true),
            (&["127.0.0.2:8080"], true),
            (&["[::1]:8080"], true),
            (&["[::ffff:127.0.0.1]"], true),
            (&["10.1.2.3"], false),
            (&["gateway"], false),
            (&["gateway.local"], false),
            (&["gateway.internal:8080"], false),
            (&["localhost.example.com"], false),
            (&["example.com"], false),
            (&[""], false),
            (&["localhost", "example.com"], false),
        ] {
            let headers = headers(HOST, hosts);
            assert_eq!(is_called_local(&here, &headers), local, "{hosts:?}");
        }
        let none = HeaderMap::new();
        let over_http2 = Uri::from_static("http://example.com/admin/state");
        assert!(!is_called_local(&over_http2, &none));
    }
}
