//! Requests that are not let through to any route.

use super::{
    answer::{self, failed},
    app::App,
    live::Alike,
    log::shortened,
    request_id::RequestId,
};
use axum::response::Response;
use buttress::llm::{Dialect, ErrorAnswer, Kind};
use http::{HeaderMap, StatusCode, Uri};

/// Whom to answer, and how: what the head of a request tells.
pub(super) struct Asked<'a> {
    path: &'a str,
    model: Option<&'a str>,
    dialect: Dialect,
    id: RequestId,
    /// Which knows what was logged lately.
    app: Option<&'a App>,
}

impl<'a> Asked<'a> {
    /// By the head of a request. The dialect is the one of its path or its headers.
    pub(super) fn of(uri: &'a Uri, headers: &HeaderMap) -> Self {
        let path = uri.path();
        let anthropic =
            path.starts_with("/v1/messages") || headers.contains_key("anthropic-version");
        Self {
            path,
            model: None,
            dialect: if anthropic {
                Dialect::AnthropicMessages
            } else if is_of_gemini(path) || headers.contains_key("x-goog-api-key") {
                Dialect::Gemini
            } else if path.starts_with("/v1/responses") {
                Dialect::OpenAiResponses
            } else {
                Dialect::OpenAiChat
            },
            id: RequestId::of(headers),
            app: None,
        }
    }

    /// Of this gateway, whose log a client in a loop does not fill.
    pub(super) const fn at(mut self, app: &'a App) -> Self {
        self.app = Some(app);
        self
    }

    /// Sets the dialect, where it is known.
    pub(super) const fn speaking(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        self
    }

    /// Sets the model that is asked for.
    pub(super) const fn for_model(mut self, model: &'a str) -> Self {
        self.model = Some(model);
        self
    }

    /// The dialect in which it is answered.
    pub(super) const fn dialect(&self) -> Dialect {
        self.dialect
    }

    pub(super) const fn path(&self) -> &'a str {
        self.path
    }

    pub(super) const fn id(&self) -> &RequestId {
        &self.id
    }

    /// Refuses the request.
    pub(super) fn refuse(&self, status: StatusCode, kind: Kind, message: &str) -> Response {
        let answer = ErrorAnswer::new(self.dialect, status.as_u16(), kind, message);
        self.refused(answer, kind)
    }

    /// Refuses a request to a path that is not there.
    pub(super) fn unknown_url(&self, message: &str) -> Response {
        self.refused(
            ErrorAnswer::unknown_url(self.dialect, message),
            Kind::NotFound,
        )
    }

    /// Of what a caller sent only the path and the model are logged: the rest may hold a key.
    fn refused(&self, answer: ErrorAnswer, kind: Kind) -> Response {
        const WORDS: &str = "refused";
        let alike = || Alike {
            words: WORDS,
            kind: Some(kind.as_str()),
            status: Some(answer.status),
            route: None,
        };
        let repeats = |app: &App| app.serving().recent.repeats(alike());
        if let Some(before) = self.app.map_or(Some(0), repeats) {
            let kept_back = (before > 0).then_some(before);
            tracing::info!(
                request_id = self.id.as_str(),
                path = shortened(self.path),
                model = self.model.map(shortened),
                status = answer.status,
                kind = kind.as_str(),
                kept_back,
                "{WORDS}"
            );
        }
        let mut response = failed(answer);
        self.id.tell(response.headers_mut());
        // A request that did not arrive in time, or found no room, may do better the next time:
        // nothing was begun, and the SDKs send it again when nobody tells them not to.
        let again = [StatusCode::REQUEST_TIMEOUT, StatusCode::SERVICE_UNAVAILABLE];
        if !again.contains(&response.status()) {
            answer::give_up(response.headers_mut());
        }
        response
    }
}

/// Gemini's other version is where OpenAI has its models, whose names may have colons in them.
fn is_of_gemini(path: &str) -> bool {
    let verbs = [":generateContent", ":streamGenerateContent", ":countTokens"];
    path.starts_with("/v1beta/")
        || path.starts_with("/v1/models/") && verbs.iter().any(|verb| path.ends_with(verb))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{Config, Options},
        serve::{router, running, written::Written},
    };
    use axum::body::Body;
    use buttress::client::Secret;
    use http::Request;
    use std::sync::Arc;
    use tokio::time::advance;
    use tower::ServiceExt;
    use tracing::Level;

    #[test]
    fn a_refusal_is_logged_with_its_status_and_path() {
        let log = Written::default();
        let headers = HeaderMap::from_iter([(
            http::HeaderName::from_static("x-request-id"),
            "req-1".parse().unwrap(),
        )]);
        let guard = log.begin(Level::INFO);
        let uri = Uri::from_static("/v1/messages?beta=secret");
        let asked = Asked::of(&uri, &headers).for_model("m");
        asked.refuse(StatusCode::UNAUTHORIZED, Kind::Auth, "no");
        let uri = Uri::from_static("/v1/embeddings");
        Asked::of(&uri, &headers).unknown_url("nothing here");
        drop(guard);
        let log = log.text();
        let lines: Vec<_> = log.lines().collect();
        assert_eq!(lines.len(), 2, "{log}");
        assert!(lines.iter().all(|line| line.contains("INFO")), "{log}");
        assert!(!log.contains("secret"), "{log}");
        let first =
            "request_id=\"req-1\" path=\"/v1/messages\" model=\"m\" status=401 kind=\"auth\"";
        assert!(lines[0].contains(first), "{log}");
        assert!(
            lines[1].contains("path=\"/v1/embeddings\" status=404"),
            "{log}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_in_a_loop_does_not_fill_the_log() {
        let source = "[[routes]]\nprovider = 'ollama'";
        let options = Options::new(&|_: &str| None);
        let (mut config, _) = Config::parse("buttress.toml", source, &options).unwrap();
        config.server.client_key = Some(Secret::new("the-key"));
        let app = running::app(config).await.unwrap();
        let router = router::router(Arc::clone(&app));
        let ask = async |key: &str, body: &'static str| {
            let request = Request::post("/v1/chat/completions")
                .header("content-type", "application/json")
                .header("authorization", key)
                .body(Body::from(body));
            let answer = router.clone().oneshot(request.unwrap()).await;
            answer.unwrap().status()
        };
        let log = Written::default();
        let _guard = log.begin(Level::INFO);
        for _ in 0..25 {
            assert_eq!(ask("Bearer wrong", "").await, StatusCode::UNAUTHORIZED);
        }
        assert_eq!(log.lines().len(), 10);
        // Nor does it hide what is wrong with the requests of others.
        assert_eq!(ask("Bearer the-key", "{").await, StatusCode::BAD_REQUEST);
        assert_eq!(log.lines().len(), 11);
        advance(std::time::Duration::from_secs(10)).await;
        ask("Bearer wrong", "").await;
        let last = log.lines().pop().unwrap();
        assert!(last.ends_with("kept_back=15"), "{last}");
    }

    #[test]
    fn a_path_tells_the_dialect() {
        for (path, dialect) in [
            ("/v1/chat/completions", Dialect::OpenAiChat),
            ("/v1/responses/resp_1", Dialect::OpenAiResponses),
            ("/v1/messages", Dialect::AnthropicMessages),
            ("/v1beta/models/g:embedContent", Dialect::Gemini),
            ("/v1/models/g:generateContent", Dialect::Gemini),
            ("/v1/models/g:streamGenerateContent", Dialect::Gemini),
            ("/v1/models/ft:gpt-4o:somebody::1", Dialect::OpenAiChat),
        ] {
            let uri = Uri::from_static(path);
            assert_eq!(Asked::of(&uri, &HeaderMap::new()).dialect(), dialect);
        }
    }

    #[test]
    fn only_a_request_that_did_not_get_in_may_be_sent_again() {
        let uri = Uri::from_static("/");
        let retry = |status| {
            let answer = Asked::of(&uri, &HeaderMap::new()).refuse(status, Kind::Timeout, "no");
            assert!(answer.headers().contains_key("x-buttress-request-id"));
            !answer.headers().contains_key("x-should-retry")
        };
        assert!(retry(StatusCode::REQUEST_TIMEOUT));
        assert!(retry(StatusCode::SERVICE_UNAVAILABLE));
        assert!(!retry(StatusCode::PAYLOAD_TOO_LARGE));
    }
}
