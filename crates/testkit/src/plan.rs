//! From a reply and the call that gets it to what is done on the wire.

use crate::{
    Dialect, Fault, Received, Reply,
    bodies::Answer,
    reply::{Content, Cut, End, Framing, Text},
};
use bytes::Bytes;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What is done on the wire, in order.
pub(crate) struct Plan {
    /// The wait before the head.
    pub(crate) delay: Duration,
    /// None: not even a head is sent.
    pub(crate) head: Option<Head>,
    pub(crate) acts: Vec<Act>,
    /// What fills the waits after the head, and how often.
    pub(crate) keep_alive: Option<(Duration, Bytes)>,
    pub(crate) end: End,
}

pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) framing: Framing,
    /// HTTP/1.1: the connection ends with this answer.
    pub(crate) last: bool,
}

#[derive(Clone)]
pub(crate) enum Act {
    Send(Bytes),
    Wait(Duration),
}

/// A body before it is cut and paced.
struct Body {
    status: u16,
    content_type: Option<&'static str>,
    before: Vec<Bytes>,
    /// What [`Cut`] counts.
    units: Vec<Bytes>,
    after: Vec<Bytes>,
}

const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream; charset=utf-8";

impl Plan {
    pub(crate) fn new(reply: &Reply, call: &Received) -> Self {
        let pace = &reply.pace;
        let Some(body) = Body::new(reply, call) else {
            return Self {
                delay: pace.head,
                head: None,
                acts: Vec::new(),
                keep_alive: None,
                end: reply.end,
            };
        };
        let streams = body.content_type == Some(EVENTS)
            || reply.headers.iter().any(|(name, value)| {
                name.eq_ignore_ascii_case("content-type") && value.starts_with("text/event-stream")
            });
        let whole = body.len();
        let (status, content_type) = (body.status, body.content_type);
        let cut = reply.cut.filter(|cut| !answers_plainly(reply, call, cut));
        let acts = acts(body.cut(cut, call), reply);
        let sent: u64 = acts.iter().map(Act::len).sum();
        let framing = match reply.framing {
            Some(framing) => framing,
            None if streams || pace.keep_alive.is_some() => Framing::Chunked,
            // What breaks had promised more.
            None if reply.end != End::Clean => Framing::Length(whole),
            None => Framing::Length(sent),
        };
        let breath = if streams {
            call.dialect.keep_alive()
        } else {
            Bytes::from_static(b"\n")
        };
        Self {
            delay: pace.head,
            head: Some(Head {
                status,
                headers: headers(reply, call, content_type),
                framing,
                last: reply
                    .framing
                    .is_some_and(|framing| framing != Framing::Chunked)
                    || reply.headers.iter().any(|(name, value)| {
                        name.eq_ignore_ascii_case("connection")
                            && value.eq_ignore_ascii_case("close")
                    }),
            }),
            acts,
            keep_alive: pace.keep_alive.map(|every| (every, breath)),
            end: reply.end,
        }
    }

    /// An answer outside of the script.
    pub(crate) fn aside(call: &Received, status: u16, body: &serde_json::Value) -> Self {
        let reply = Reply::raw(status)
            .header("content-type", JSON)
            .header(call.dialect.request_id_header(), request_id(call))
            .body(body.to_string());
        Self::new(&reply, call)
    }
}

impl Act {
    fn len(&self) -> u64 {
        match self {
            Self::Send(bytes) => bytes.len() as u64,
            Self::Wait(_) => 0,
        }
    }
}

/// An error within a stream that nobody asked for is a plain error answer.
fn answers_plainly(reply: &Reply, call: &Received, cut: &Cut) -> bool {
    cut.fault.is_some() && !call.asked.stream && matches!(reply.content, Content::Text(_))
}

impl Body {
    fn new(reply: &Reply, call: &Received) -> Option<Self> {
        let dialect = call.dialect;
        Some(match &reply.content {
            Content::Nothing => return None,
            Content::Raw { status, pieces } => Self {
                status: *status,
                content_type: None,
                before: Vec::new(),
                units: pieces.clone(),
                after: Vec::new(),
            },
            Content::Terminator => Self::events(Vec::new(), vec![dialect.terminator()]),
            Content::Error(fault) => Self::error(*fault, call),
            Content::ErrorFirst(fault) if !call.asked.stream => Self::error(*fault, call),
            Content::ErrorFirst(fault) => Self::events(
                answer(call, "", &[], &Text::NONE, |answer| {
                    dialect.before_first_error(answer)
                }),
                vec![dialect.error_event(*fault, call.model())],
            ),
            Content::Text(text) => match reply.cut {
                Some(
                    cut @ Cut {
                        fault: Some(fault), ..
                    },
                ) if answers_plainly(reply, call, &cut) => Self::error(fault, call),
                _ => Self::text(text, call),
            },
        })
    }

    fn text(text: &Text, call: &Received) -> Self {
        let deltas = split(&text.text, text.deltas);
        answer(call, &text.text, &deltas, text, |answer| {
            if call.asked.stream {
                let events = call.dialect.events(answer);
                Self {
                    units: events.deltas,
                    after: events.after,
                    ..Self::events(events.before, Vec::new())
                }
            } else {
                Self::json(200, call.dialect.whole(answer).to_string().into())
            }
        })
    }

    fn error(fault: Fault, call: &Received) -> Self {
        let (status, body) = call.dialect.error(fault, call.model(), call.index as u64);
        Self::json(status, body.to_string().into())
    }

    /// In halves, so that it can break between them.
    fn json(status: u16, mut bytes: Bytes) -> Self {
        let half = bytes.split_to(bytes.len() / 2);
        Self {
            status,
            content_type: Some(JSON),
            before: Vec::new(),
            units: vec![half, bytes],
            after: Vec::new(),
        }
    }

    const fn events(before: Vec<Bytes>, units: Vec<Bytes>) -> Self {
        Self {
            status: 200,
            content_type: Some(EVENTS),
            before,
            units,
            after: Vec::new(),
        }
    }

    fn len(&self) -> u64 {
        let all = self.before.iter().chain(&self.units).chain(&self.after);
        all.map(|bytes| bytes.len() as u64).sum()
    }

    fn cut(mut self, cut: Option<Cut>, call: &Received) -> Self {
        let Some(cut) = cut else { return self };
        match cut.after {
            None => {
                self.before.clear();
                self.units.clear();
            }
            Some(after) => {
                let next = self.units.get(after).or(self.after.first()).cloned();
                self.units.truncate(after);
                if let Some(mut next) = next.filter(|_| cut.mid_line) {
                    next.truncate(next.len() / 2);
                    self.units.push(next);
                }
            }
        }
        self.after = cut
            .fault
            .map(|fault| call.dialect.error_event(fault, call.model()))
            .into_iter()
            .collect();
        self
    }
}

impl Text {
    const NONE: Self = Self {
        text: String::new(),
        deltas: None,
        finish: crate::Finish::Stop,
        usage: None,
    };
}

fn answer<T>(
    call: &Received,
    whole: &str,
    deltas: &[&str],
    text: &Text,
    build: impl FnOnce(&Answer<'_>) -> T,
) -> T {
    let tokens = |bytes: usize| (bytes as u64).div_ceil(4);
    let (input_tokens, output_tokens) = text
        .usage
        .unwrap_or_else(|| (tokens(call.body.len()), tokens(whole.len())));
    build(&Answer {
        serial: call.index as u64,
        created: seconds(call.wall),
        model: call.model(),
        deltas,
        finish: text.finish,
        input_tokens,
        output_tokens,
        include_usage: call.asked.include_usage,
    })
}

/// Puts the waits between what is sent.
fn acts(body: Body, reply: &Reply) -> Vec<Act> {
    let pace = &reply.pace;
    let mut acts = Vec::new();
    if !pace.body.is_zero() {
        acts.push(Act::Wait(pace.body));
    }
    acts.extend(body.before.into_iter().map(Act::Send));
    // In one piece unless it breaks or is paced: one write for head and body.
    let units = if body.content_type == Some(JSON) && reply.cut.is_none() && pace.between.is_zero()
    {
        vec![body.units.concat().into()]
    } else {
        body.units
    };
    for (place, unit) in units.into_iter().enumerate() {
        if place > 0 && !pace.between.is_zero() {
            acts.push(Act::Wait(pace.between));
        }
        acts.push(Act::Send(unit));
    }
    acts.extend(body.after.into_iter().map(Act::Send));
    match pace.dribble {
        Some((bytes, every)) => dribble(acts, bytes, every),
        None => acts,
    }
}

fn dribble(acts: Vec<Act>, bytes: usize, every: Duration) -> Vec<Act> {
    let mut bits = Vec::new();
    for act in acts {
        let Act::Send(mut rest) = act else {
            bits.push(act);
            continue;
        };
        while !rest.is_empty() {
            if matches!(bits.last(), Some(Act::Send(_))) {
                bits.push(Act::Wait(every));
            }
            bits.push(Act::Send(rest.split_to(bytes.min(rest.len()))));
        }
    }
    bits
}

/// Ours, except where the reply has its own.
fn headers(
    reply: &Reply,
    call: &Received,
    content_type: Option<&'static str>,
) -> Vec<(String, String)> {
    // A date has four digits for its year.
    let in_range = |wait: Duration| wait.min(Duration::from_secs(100 * 365 * 24 * 60 * 60));
    let now = call.wall + in_range(reply.pace.head);
    let mut ours = vec![("date", httpdate::fmt_http_date(now))];
    if let Some(content_type) = content_type {
        ours.push(("content-type", content_type.into()));
        ours.push((call.dialect.request_id_header(), request_id(call)));
    }
    if let Some(wait) = reply.retry_date {
        let date = httpdate::fmt_http_date(now + in_range(wait));
        ours.push(("retry-after", date));
    }
    ours.into_iter()
        .filter(|(ours, _)| {
            let given = |(name, _): &(String, String)| name.eq_ignore_ascii_case(ours);
            !reply.headers.iter().any(given)
        })
        .map(|(name, value)| (name.to_owned(), value))
        .chain(reply.headers.iter().cloned())
        .collect()
}

fn request_id(call: &Received) -> String {
    let dialect: Dialect = call.dialect;
    dialect.request_id(call.index as u64)
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// Into so many parts of about as many characters each, or else into words that keep the space
/// before them.
fn split(text: &str, parts: Option<usize>) -> Vec<&str> {
    let starts: Vec<usize> = match parts {
        Some(parts) => {
            let parts = parts.clamp(1, text.len().max(1));
            let mut starts: Vec<_> = (0..parts)
                .map(|part| text.floor_char_boundary(part * text.len() / parts))
                .collect();
            starts.dedup();
            starts.retain(|_| !text.is_empty());
            starts
        }
        None => {
            let bytes = text.as_bytes();
            (0..bytes.len())
                .filter(|&at| at == 0 || bytes[at] == b' ' && bytes[at - 1] != b' ')
                .collect()
        }
    };
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(&start, end)| &text[start..end])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_split_into_words_or_into_so_many_parts() {
        assert_eq!(
            split("Hello, big  world", None),
            ["Hello,", " big", "  world"]
        );
        assert_eq!(split("abcdefg", Some(3)), ["ab", "cd", "efg"]);
        assert_eq!(split("äöü", Some(9)), ["ä", "ö", "ü"]);
        assert_eq!(split("whole", Some(0)), ["whole"]);
        assert!(split("", None).is_empty());
        assert!(split("", Some(3)).is_empty());
    }

    #[test]
    fn dribbling_waits_between_bits_and_not_around_them() {
        let every = Duration::from_millis(5);
        let acts = vec![Act::Send(Bytes::from("abc")), Act::Send(Bytes::from("d"))];
        let bits: Vec<_> = dribble(acts, 2, every)
            .into_iter()
            .map(|act| match act {
                Act::Send(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
                Act::Wait(wait) => format!("{wait:?}"),
            })
            .collect();
        assert_eq!(bits, ["ab", "5ms", "c", "5ms", "d"]);
    }
}
