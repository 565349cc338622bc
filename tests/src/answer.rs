//! What a caller got, read in its own dialect.

use crate::{Mode, SLACK, wire::Open};
use buttress_testkit::Dialect;
use http::HeaderMap;
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;

/// A whole answer, or all of a stream.
#[derive(Clone, Debug)]
pub struct Answer {
    pub mode: Mode,
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
    /// Whether the body ended as HTTP wants it.
    pub clean: bool,
    /// When the request was sent, the head of the answer came, and its end.
    pub sent: Instant,
    pub head: Instant,
    pub end: Instant,
}

/// One event of a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub name: Option<String>,
    pub data: String,
}

impl Answer {
    /// Reads an answer to its end.
    pub async fn read(mode: Mode, mut open: Open) -> Self {
        let mut body = Vec::new();
        let clean = loop {
            match open.piece().await {
                Ok(Some(piece)) => body.extend_from_slice(&piece),
                Ok(None) => break true,
                Err(_) => break false,
            }
        };
        Self {
            mode,
            status: open.status,
            headers: open.headers.clone(),
            body: String::from_utf8(body).expect("text"),
            clean,
            sent: open.sent,
            head: open.head,
            end: Instant::now(),
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|it| it.to_str().expect("text"))
    }

    pub fn route(&self) -> Option<&str> {
        self.header("x-buttress-route")
    }

    pub fn attempts(&self) -> u32 {
        let attempts = self.header("x-buttress-attempts").expect("attempts");
        attempts.parse().expect("a number")
    }

    pub fn waited(&self) -> Duration {
        let waited = self.header("x-buttress-waited-ms").expect("waited-ms");
        Duration::from_millis(waited.parse().expect("a number"))
    }

    pub fn retry_after(&self) -> Option<u64> {
        let wait = self.header("retry-after");
        wait.map(|wait| wait.parse().expect("whole seconds"))
    }

    /// From the request to the head of the answer.
    pub fn took(&self) -> Duration {
        self.head - self.sent
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {:?}", self.body))
    }

    fn is_stream(&self) -> bool {
        let content_type = self.header("content-type").unwrap_or_default();
        content_type.starts_with("text/event-stream")
    }

    /// The events of a stream, comments left out.
    pub fn events(&self) -> Vec<Event> {
        assert!(self.is_stream(), "{:?}", self.headers);
        // Gemini ends its lines as HTTP does.
        let body = self.body.replace("\r\n", "\n");
        let blocks = body.split("\n\n").filter(|block| !block.is_empty());
        blocks.filter_map(Event::parse).collect()
    }

    /// The JSON of the events of a stream.
    fn data(&self) -> Vec<Value> {
        let events = self.events().into_iter();
        let json = events.filter(|event| event.data != "[DONE]").map(|event| {
            let data: Value = serde_json::from_str(&event.data).expect("JSON in every event");
            if self.mode.caller != Dialect::OpenAi {
                let name = event.name.as_deref();
                assert_eq!(data["type"].as_str(), name, "an event is named by its type");
            }
            data
        });
        json.collect()
    }

    /// The text of the answer, as far as it came.
    pub fn text(&self) -> String {
        const GEMINI: &str = "/candidates/0/content/parts/0/text";
        let caller = self.mode.caller;
        if !self.is_stream() {
            let body = self.json();
            let pointer = match caller {
                Dialect::OpenAi => "/choices/0/message/content",
                Dialect::Responses => "/output/0/content/0/text",
                Dialect::Gemini => GEMINI,
                _ => "/content/0/text",
            };
            let text = body.pointer(pointer).and_then(Value::as_str);
            return text
                .unwrap_or_else(|| panic!("no text in {body}"))
                .to_owned();
        }
        let pointer = match caller {
            Dialect::OpenAi => "/choices/0/delta/content",
            Dialect::Responses => "/delta",
            Dialect::Gemini => GEMINI,
            _ => "/delta/text",
        };
        let data = self.data();
        let texts = data.iter().filter_map(|data| data.pointer(pointer));
        texts.filter_map(Value::as_str).collect()
    }

    /// Why the model stopped, if the answer says it.
    pub fn finish(&self) -> Option<String> {
        let told = match self.is_stream() {
            true => self.data(),
            false => vec![self.json()],
        };
        let pointer = match self.mode.caller {
            Dialect::OpenAi => "/choices/0/finish_reason",
            Dialect::Gemini => "/candidates/0/finishReason",
            Dialect::Responses if self.is_stream() => "/response/status",
            Dialect::Responses => "/status",
            _ if self.is_stream() => "/delta/stop_reason",
            _ => "/stop_reason",
        };
        let told = told.iter().filter_map(|data| data.pointer(pointer));
        let mut told = told.filter_map(Value::as_str);
        told.find(|told| *told != "in_progress").map(str::to_owned)
    }

    /// Whether a stream has its dialect's end.
    pub fn has_end(&self) -> bool {
        let events = self.events();
        let is_end = |event: &Event| match self.mode.caller {
            Dialect::OpenAi => event.data == "[DONE]",
            Dialect::Gemini => event.data.contains("\"finishReason\""),
            Dialect::Responses => event.name.as_deref() == Some("response.completed"),
            _ => event.name.as_deref() == Some("message_stop"),
        };
        let end = events.iter().position(is_end);
        if let Some(end) = end {
            assert_eq!(end, events.len() - 1, "nothing comes after the end");
        }
        end.is_some()
    }

    /// The error that a failing answer is, or that a stream ends with: its `type`, and the whole.
    /// Of Gemini's it is the `status`.
    fn error(&self) -> Option<(String, Value)> {
        let body = match self.is_stream() {
            true => {
                let data = self.data();
                let at = data.iter().position(|data| data.get("error").is_some())?;
                assert_eq!(at, data.len() - 1, "nothing comes after an error");
                data[at].clone()
            }
            false => self.json(),
        };
        let error = body.get("error")?.as_object().expect("an object");
        assert!(error["message"].as_str().is_some_and(|it| !it.is_empty()));
        match self.mode.caller {
            Dialect::OpenAi | Dialect::Responses => {
                assert!(error.contains_key("param") && error.contains_key("code"));
            }
            Dialect::Gemini => {
                let code = error["code"].as_u64().expect("a code");
                assert!(self.is_stream() || code == u64::from(self.status), "{body}");
                let status = error["status"].as_str().expect("a status");
                return Some((status.to_owned(), body));
            }
            _ => assert_eq!(body["type"], "error"),
        }
        Some((error["type"].as_str().expect("a type").to_owned(), body))
    }

    /// The error that the caller was told of.
    pub fn told_error(&self) -> Value {
        self.error().expect("an error").1
    }

    /// It is a whole and good answer with this text, from this route.
    #[track_caller]
    pub fn assert_good(&self, text: &str, route: &str) {
        assert_eq!(self.status, 200, "{}", self.body);
        assert!(self.clean, "cut off: {:?}", self.body);
        assert_eq!(self.is_stream(), self.mode.stream, "{:?}", self.headers);
        assert_eq!(self.text(), text);
        let finish = match self.mode.caller {
            Dialect::Gemini => "STOP",
            Dialect::Responses => "completed",
            _ => self.mode.caller("stop", "end_turn"),
        };
        assert_eq!(self.finish().as_deref(), Some(finish), "{}", self.body);
        if self.mode.stream {
            assert!(self.has_end(), "{}", self.body);
            assert!(self.error().is_none(), "{}", self.body);
        }
        assert_eq!(self.route(), Some(route));
        assert_eq!(self.header("x-should-retry"), None);
        assert_eq!(self.retry_after(), None);
    }

    /// The call was given up: this status, and an error of this type in the caller's dialect.
    #[track_caller]
    pub fn assert_given_up(&self, status: u16, error: &str) {
        assert_eq!(self.status, status, "{}", self.body);
        assert!(self.clean, "cut off: {:?}", self.body);
        assert_eq!(self.header("content-type"), Some("application/json"));
        self.assert_told(error);
        assert_eq!(self.header("x-should-retry"), Some("false"));
    }

    /// A stream that broke after this text: it ends with an error, and with nothing that could be
    /// taken for a proper end.
    #[track_caller]
    pub fn assert_broken_off(&self, text: &str, error: &str, route: &str) {
        assert_eq!(self.status, 200, "{}", self.body);
        assert_eq!(self.text(), text);
        self.assert_told(error);
        assert_eq!(self.finish(), None, "a finish was made up: {}", self.body);
        assert!(!self.has_end(), "an end was made up: {}", self.body);
        assert_eq!(self.route(), Some(route));
    }

    /// The caller was told of an error of this type: a caller of Gemini's, of one that means the
    /// same to it as this one does to OpenAI's.
    #[track_caller]
    fn assert_told(&self, error: &str) {
        let told = self.error().expect("an error").0;
        let expected: &[&str] = match (self.mode.caller, error) {
            (Dialect::Gemini, "invalid_request_error") => {
                &["INVALID_ARGUMENT", "UNAUTHENTICATED", "NOT_FOUND"]
            }
            (Dialect::Gemini, "requests" | "insufficient_quota") => &["RESOURCE_EXHAUSTED"],
            (Dialect::Gemini, "service_unavailable_error") => &["UNAVAILABLE"],
            (Dialect::Gemini, "server_error") => &["INTERNAL", "UNAVAILABLE"],
            (Dialect::Gemini, "timeout") => &["DEADLINE_EXCEEDED"],
            _ => &[error],
        };
        assert!(expected.contains(&&*told), "{told}: {}", self.body);
    }

    /// The head came as soon as this had happened.
    #[track_caller]
    pub fn assert_at_once_after(&self, event: Instant) {
        let late = self.head.saturating_duration_since(event);
        assert!(late < SLACK, "came {late:?} later");
    }
}

impl Event {
    fn parse(block: &str) -> Option<Self> {
        let (mut name, mut data) = (None, None);
        for line in block.lines() {
            if let Some(value) = line.strip_prefix("event: ") {
                name = Some(value.to_owned());
            } else if let Some(value) = line.strip_prefix("data: ") {
                assert!(data.is_none(), "data in several lines: {block:?}");
                data = Some(value.to_owned());
            } else {
                assert!(line.starts_with(':'), "not an event: {block:?}");
            }
        }
        Some(Self { name, data: data? })
    }
}
