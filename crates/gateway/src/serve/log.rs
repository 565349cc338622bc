//! One line in the log for each call, when it has ended.

use super::{
    live::{Alike, Ended, Outcome, Recent},
    request_id::RequestId,
};
use crate::command::in_full;
use buttress::{
    Call, Journey,
    llm::{Kind, LlmError},
};
use buttress_queue::{Degraded, NotQueued, TaskId};
use http::StatusCode;
use std::{fmt::Write, sync::Arc, time::Duration};
use tokio::time::Instant;
use tracing::Level;

/// What is known of a call, for its line in the log. It tells the line once; a call that is
/// dropped before is one whose caller has left.
///
/// Nothing of a prompt, an answer or a key gets here.
#[derive(Debug)]
pub(super) struct CallLog {
    id: RequestId,
    began: Instant,
    model: Box<str>,
    call: Call,
    /// Where what happened lately is kept.
    recent: Option<Arc<Recent>>,
    route: Option<Arc<str>>,
    /// Whether the head of a stream is on its way, and its line is told when it ends.
    streams: bool,
    told: bool,
}

/// How a call ended.
struct End<'a> {
    outcome: Outcome,
    status: Option<u16>,
    error: Option<&'a LlmError>,
    /// How the stream ended, if it came to one.
    stream: Option<&'static str>,
    /// What became of it in the queue, if it was to be queued.
    queued: Option<&'a Result<TaskId, NotQueued>>,
}

impl CallLog {
    /// A call for this model, which was asked for at that time.
    pub(super) fn new(id: RequestId, began: Instant, model: &str, call: Call) -> Self {
        Self {
            id,
            began,
            model: shortened(model).into(),
            call,
            recent: None,
            route: None,
            streams: false,
            told: false,
        }
    }

    /// Puts it down there as well when it has ended.
    pub(super) fn kept_in(mut self, recent: &Arc<Recent>) -> Self {
        self.call.listen(Arc::clone(recent) as _);
        self.recent = Some(Arc::clone(recent));
        self
    }

    pub(super) const fn id(&self) -> &RequestId {
        &self.id
    }

    pub(super) const fn call(&self) -> &Call {
        &self.call
    }

    /// This route gives the answer.
    pub(super) fn route(&mut self, route: Option<Arc<str>>) {
        self.route = route;
    }

    /// The answer is a stream, whose end is still to come.
    pub(super) const fn streams(&mut self) {
        self.streams = true;
    }

    /// The whole answer is there, or the end of the stream.
    pub(super) fn answered(&mut self) {
        let end = End {
            outcome: Outcome::Answered,
            status: Some(StatusCode::OK.as_u16()),
            error: None,
            stream: self.streams.then_some("complete"),
            queued: None,
        };
        // A call that had to be recovered is worth a line; one that went well at once is not.
        match self.call.attempts() > 1 {
            true => self.tell(Level::INFO, "recovered", &end),
            false => self.tell(Level::DEBUG, "answered", &end),
        }
    }

    /// The call is answered with this status because of this error.
    pub(super) fn given_up(&mut self, status: u16, error: &LlmError) {
        let end = End {
            outcome: Outcome::Failed,
            status: Some(status),
            error: Some(error),
            stream: None,
            queued: None,
        };
        self.tell(level(error), "given up", &end);
    }

    /// The call is answered with this status and word that it is queued, or could not be, because
    /// of this error.
    pub(super) fn degraded(&mut self, status: u16, degraded: &Degraded<LlmError>) {
        let end = End {
            outcome: Outcome::Failed,
            status: Some(status),
            error: Some(&degraded.error),
            stream: None,
            queued: Some(&degraded.queued),
        };
        match degraded.is_queued() {
            true => self.tell(Level::WARN, "queued", &end),
            // Nobody will answer it any more.
            false => self.tell(Level::ERROR, "given up, and not queued", &end),
        }
    }

    /// The stream broke, and its caller was told so in it.
    pub(super) fn broke_off(&mut self, error: &LlmError) {
        let end = End {
            outcome: Outcome::Failed,
            status: Some(StatusCode::OK.as_u16()),
            error: Some(error),
            stream: Some("broken"),
            queued: None,
        };
        self.tell(level(error), "broke off", &end);
    }

    /// Whether its line is written: nothing of the call is still to come.
    pub(super) const fn is_told(&self) -> bool {
        self.told
    }

    fn tell(&mut self, level: Level, words: &'static str, end: &End<'_>) {
        if std::mem::replace(&mut self.told, true) {
            return;
        }
        self.keep(words, end);
        let journey = self.call.journey();
        let mut kept_back = None;
        if let (Outcome::Failed | Outcome::Left, Some(recent)) = (end.outcome, &self.recent) {
            let mut steps = journey.steps().iter().rev();
            let alike = Alike {
                words,
                kind: end.error.map(|error| error.kind().as_str()),
                status: end.status,
                route: steps.find_map(|step| step.route.clone()),
            };
            let Some(before) = recent.repeats(alike) else {
                return;
            };
            kept_back = (before > 0).then_some(before);
        }
        let (task, store_error) = match end.queued {
            Some(Ok(task)) => (Some(task), None),
            Some(Err(error)) => (None, Some(in_full(error))),
            None => (None, None),
        };
        // The level of an event is part of what is compiled in.
        macro_rules! line {
            ($level:expr) => {
                tracing::event!(
                    $level,
                    request_id = self.id.as_str(),
                    model = &*self.model,
                    route = self.route.as_deref(),
                    status = end.status,
                    stream = end.stream,
                    kind = end.error.map(|error| error.kind().as_str()),
                    error = end.error.map(tracing::field::display),
                    task = task.map(tracing::field::display),
                    store_error = store_error.as_deref(),
                    attempts = self.call.attempts(),
                    waited_ms = millis(self.call.total_waited()),
                    duration_ms = millis(self.began.elapsed()),
                    journey = one_line(&journey),
                    kept_back,
                    "{words}"
                )
            };
        }
        match level {
            Level::ERROR => line!(Level::ERROR),
            Level::WARN => line!(Level::WARN),
            Level::INFO => line!(Level::INFO),
            _ => line!(Level::DEBUG),
        }
    }

    fn keep(&self, words: &'static str, end: &End<'_>) {
        let Some(recent) = &self.recent else {
            return;
        };
        let took = self.began.elapsed();
        let attempts = self.call.attempts();
        let well = end.outcome == Outcome::Answered && attempts <= 1;
        if well && !self.call.went_on() {
            return recent.well(took);
        }
        recent.told(&Ended {
            id: self.id.as_str(),
            model: &self.model,
            words,
            kind: end.error.map(|error| error.kind().as_str()),
            outcome: end.outcome,
            attempts,
            waited: self.call.total_waited(),
            took,
            journey: &self.call.journey(),
        });
    }
}

impl Drop for CallLog {
    fn drop(&mut self) {
        let end = End {
            outcome: Outcome::Left,
            status: self.streams.then(|| StatusCode::OK.as_u16()),
            error: None,
            stream: self.streams.then_some("left"),
            queued: None,
        };
        self.tell(Level::INFO, "the caller left", &end);
    }
}

/// Of what a caller wrote this much is logged, at most.
pub(super) fn shortened(text: &str) -> &str {
    const MOST: usize = 128;
    text.get(..text.floor_char_boundary(MOST)).unwrap_or(text)
}

fn level(error: &LlmError) -> Level {
    match error.kind() {
        // The caller's own affair.
        Kind::InvalidRequest | Kind::ContextLength | Kind::ContentPolicy => Level::INFO,
        _ => Level::WARN,
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A journey on one line: its steps, with a semicolon between them.
fn one_line(journey: &Journey) -> String {
    let mut line = String::new();
    for step in journey.steps() {
        let gap = if line.is_empty() { "" } else { "; " };
        let step = step.to_string();
        let _ = write!(line, "{gap}{}", step.trim_start());
    }
    match journey.dropped() {
        0 => {}
        dropped => {
            let _ = write!(line, "; and {dropped} more");
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::written::Written;
    use buttress::llm::{InvalidRequest, TransportError};
    use buttress::{
        Context as _,
        core::Event,
        degrade::LlmDegrade,
        llm::{Dialect, LlmRequest},
        queue::{Degradable, Degrade, Memory, Queue, Settings},
    };
    use http::HeaderMap;
    use serde_json::{Value, json};
    use tower::{ServiceExt, service_fn};

    /// What is logged meanwhile, as text and as JSON.
    fn logged(log: impl Fn()) -> (String, Vec<Value>) {
        let text = Written::default();
        let guard = text.begin(Level::DEBUG);
        log();
        drop(guard);

        let json = Written::default();
        let fmt = tracing_subscriber::fmt().with_max_level(Level::DEBUG);
        let subscriber = fmt.json().with_writer(json.clone());
        tracing::subscriber::with_default(subscriber.finish(), &log);

        let lines = json.lines();
        let lines = lines.iter().map(|line| serde_json::from_str(line).unwrap());
        (text.text(), lines.collect())
    }

    /// How many calls ended in this way lately.
    fn ended(recent: &Recent, how: &str) -> u64 {
        let (history, ..) = recent.calls();
        let counts = history[how].as_array().unwrap();
        counts.iter().filter_map(Value::as_u64).sum()
    }

    fn begun(model: &str) -> CallLog {
        let id = HeaderMap::from_iter([(
            http::HeaderName::from_static("x-request-id"),
            "req-1".parse().unwrap(),
        )]);
        let call = Call::new();
        CallLog::new(RequestId::of(&id), Instant::now(), model, call)
    }

    /// Two attempts, with a wait in between.
    fn tried(log: &CallLog) {
        let wait = Duration::from_millis(40);
        let route = log.call.for_route("a".into(), None);
        route.record(Event::Entered);
        route.record(Event::Attempt);
        route.record(Event::Retry { wait });
        route.waited(wait);
        route.record(Event::Attempt);
    }

    #[test]
    fn a_call_is_one_line_with_all_of_it() {
        let (text, json) = logged(|| {
            let mut log = begun("gpt\n\u{1b}[31m");
            tried(&log);
            log.route(Some("a".into()));
            log.answered();
        });
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(!text.contains('\u{1b}'), "{text:?}");
        assert!(
            text.contains("INFO") && text.contains("recovered"),
            "{text}"
        );
        assert!(text.contains("request_id=\"req-1\""), "{text}");
        assert_eq!(json.len(), 1);
        let fields = &json[0]["fields"];
        let expected = [
            ("message", json!("recovered")),
            ("request_id", json!("req-1")),
            ("route", json!("a")),
            ("status", json!(200)),
            ("attempts", json!(2)),
            ("waited_ms", json!(40)),
            ("stream", Value::Null),
            ("kind", Value::Null),
            ("error", Value::Null),
        ];
        for (field, value) in expected {
            assert_eq!(fields[field], value, "{field}");
        }
        assert!(fields["duration_ms"].is_u64());
        let journey = fields["journey"].as_str().unwrap();
        let steps: Vec<_> = journey.split("; ").collect();
        assert_eq!(steps.len(), 4, "{journey}");
        assert!(
            steps[2].ends_with("a: trying again after 40ms"),
            "{journey}"
        );
        assert!(!journey.starts_with(' '), "{journey:?}");
    }

    #[test]
    fn what_went_well_at_once_is_for_those_who_look_closer() {
        let (_, json) = logged(|| {
            let mut log = begun("m");
            log.call.record(Event::Attempt);
            log.answered();
        });
        assert_eq!(json[0]["level"], "DEBUG");
        assert_eq!(json[0]["fields"]["message"], "answered");
    }

    #[test]
    fn a_failure_is_told_by_its_kind() {
        let error = LlmError::from(TransportError::Refused);
        let (text, json) = logged(|| begun("m").given_up(502, &error));
        assert_eq!(text.lines().count(), 1, "{text}");
        let fields = &json[0]["fields"];
        assert_eq!(json[0]["level"], "WARN");
        assert_eq!(fields["message"], "given up");
        assert_eq!(
            (&fields["status"], &fields["kind"]),
            (&json!(502), &json!("transient"))
        );
        assert_eq!(fields["error"], "connection refused");
    }

    /// A call that nobody answers, where so many tasks can be kept.
    async fn degraded(max_tasks: u64) -> Box<Degraded<LlmError>> {
        let mut settings = Settings::new();
        settings.max_tasks = max_tasks;
        let queue = Queue::new(Memory::new(settings));
        let down = service_fn(async |_: LlmRequest| Err::<(), _>(TransportError::Refused.into()));
        let body = r#"{"model": "m", "messages": []}"#;
        let request = LlmRequest::parse(Dialect::OpenAiChat, body.into()).unwrap();
        let degrade = Degrade::new(down, queue, LlmDegrade::new());
        match degrade.oneshot(request).await {
            Ok(Degradable::Degraded(degraded)) => degraded,
            other => panic!("{other:?}"),
        }
    }

    /// One line for each call, which is not written for each of thousands.
    #[tokio::test]
    async fn what_became_of_a_call_in_the_queue_is_in_its_line_and_in_no_other() {
        let log = Written::default();
        let guard = log.begin(Level::INFO);
        let (kept, full) = (degraded(1).await, degraded(0).await);
        drop(guard);
        assert_eq!(log.text(), "");
        let (_, json) = logged(|| {
            begun("m").degraded(200, &kept);
            begun("m").degraded(503, &full);
        });
        let [kept_line, full_line] = &*json else {
            panic!("{json:?}");
        };
        assert_eq!(kept_line["level"], "WARN");
        assert_eq!(kept_line["fields"]["message"], "queued");
        let task = kept.id().unwrap().to_string();
        assert_eq!(kept_line["fields"]["task"], task);
        assert_eq!(kept_line["fields"]["store_error"], Value::Null);

        assert_eq!(full_line["level"], "ERROR");
        let fields = &full_line["fields"];
        assert_eq!(fields["message"], "given up, and not queued");
        assert_eq!(fields["error"], "connection refused");
        let why = fields["store_error"].as_str().unwrap();
        assert!(why.contains("full"), "{why}");
        assert_eq!(fields["task"], Value::Null);
    }

    #[test]
    fn a_stream_is_told_when_it_ends_and_how() {
        let error = LlmError::from(TransportError::Reset);
        let (_, json) = logged(|| {
            let stream = || {
                let mut log = begun("m");
                log.streams();
                log
            };
            stream().answered();
            stream().broke_off(&error);
            drop(stream());
            // Before its head was there.
            drop(begun("m"));
        });
        let told = json.iter().map(|line| {
            let field = |name: &str| line["fields"][name].clone();
            (field("message"), field("stream"), field("status"))
        });
        let told: Vec<_> = told.collect();
        let expected = [
            (json!("answered"), json!("complete"), json!(200)),
            (json!("broke off"), json!("broken"), json!(200)),
            (json!("the caller left"), json!("left"), json!(200)),
            (json!("the caller left"), Value::Null, Value::Null),
        ];
        assert_eq!(told, expected);
    }

    /// A provider that hangs is seen by its callers' leaving, and by nothing else.
    #[tokio::test]
    async fn who_left_has_no_answer() {
        let recent = Arc::new(Recent::new([&"a".into()]));
        let begun = || begun("m").kept_in(&recent);
        let log = begun();
        log.call.for_route("a".into(), None).record(Event::Attempt);
        drop(log);
        let mut stream = begun();
        stream.streams();
        drop(stream);
        begun().answered();
        begun().given_up(502, &TransportError::Refused.into());
        let counts = ["well", "recovered", "failed", "left"].map(|how| ended(&recent, how));
        assert_eq!(counts, [1, 0, 1, 2]);
        let (_, journeys, _) = recent.calls();
        let told = journeys.as_array().unwrap().iter();
        let told: Vec<_> = told.map(|told| told["outcome"].as_str().unwrap()).collect();
        assert_eq!(told, ["failed", "left", "left"]);
    }

    /// Of each route that fails there are lines, and of none too many.
    #[test]
    fn one_route_s_lines_do_not_hide_another_s() {
        let unavailable = LlmError::from(TransportError::Refused);
        let wrong = LlmError::from(InvalidRequest::TooDeep);
        let (_, json) = logged(|| {
            let recent = Arc::new(Recent::new([&"a".into(), &"b".into()]));
            let tried = |route: &str| {
                let log = begun("m").kept_in(&recent);
                log.call
                    .for_route("first".into(), None)
                    .record(Event::Attempt);
                log.call
                    .for_route(route.into(), None)
                    .record(Event::Attempt);
                log
            };
            for route in ["a", "b"] {
                for _ in 0..25 {
                    tried(route).given_up(502, &unavailable);
                    tried(route).given_up(400, &wrong);
                    drop(tried(route));
                }
            }
        });
        for (words, level, route) in [
            ("given up", "WARN", "a"),
            ("given up", "WARN", "b"),
            ("given up", "INFO", "a"),
            ("given up", "INFO", "b"),
            ("the caller left", "INFO", "a"),
            ("the caller left", "INFO", "b"),
        ] {
            let alike = json.iter().filter(|line| {
                let journey = line["fields"]["journey"].as_str().unwrap();
                line["fields"]["message"] == words
                    && line["level"] == level
                    && journey.ends_with(&format!("{route}: called"))
            });
            assert_eq!(alike.count(), 10, "{words} {level} {route}");
        }
        assert_eq!(json.len(), 60);
    }

    #[test]
    fn of_a_long_name_the_beginning_is_logged() {
        assert_eq!(shortened("gpt"), "gpt");
        let long = "é".repeat(100);
        assert_eq!(shortened(&long), "é".repeat(64));
        assert_eq!(shortened(&format!("a{long}")).len(), 127);
    }
}
