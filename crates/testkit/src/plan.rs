//! From a reply and the call that gets it to what is done on the wire.

use crate::{
    Received, Reply,
    body::{Body, EVENTS, JSON},
    reply::{End, Framing, Pace},
};
use bytes::Bytes;
use std::time::Duration;

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

impl Plan {
    pub(crate) fn new(reply: &Reply, call: &Received) -> Self {
        let pace = &reply.pace;
        // An error within a stream that nobody asked for is a plain error answer.
        let plain = reply.fault_in_stream().filter(|_| !call.asked.stream);
        let (body, cut) = match plain {
            Some(fault) => (Some(Body::error(fault, call)), None),
            None => (Body::new(&reply.content, call), reply.cut),
        };
        let Some(body) = body else {
            return Self {
                delay: pace.head,
                head: None,
                acts: Vec::new(),
                keep_alive: None,
                end: reply.end,
            };
        };
        let streams =
            body.content_type == Some(EVENTS) || reply.has("content-type", "text/event-stream");
        let whole = body.len();
        let (status, content_type) = (body.status, body.content_type);
        let body = match cut {
            Some(cut) => body.cut(cut, call),
            // In one piece, where nothing happens between the halves: one write for all.
            None if content_type == Some(JSON) && pace.between.is_zero() => body.joined(),
            None => body,
        };
        let acts = acts(body, pace);
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
        // A length of the script's own may be a wrong one: nothing can follow it.
        let framed = matches!(reply.framing, Some(Framing::Length(_)));
        let last = framed || framing == Framing::UntilClose || reply.has("connection", "close");
        Self {
            delay: pace.head,
            head: Some(Head {
                status,
                headers: headers(reply, call, content_type),
                framing,
                last,
            }),
            acts,
            keep_alive: pace.keep_alive.map(|every| (every, breath)),
            end: reply.end,
        }
    }

    /// An answer outside of the script.
    pub(crate) fn aside(call: &Received, status: u16, body: &serde_json::Value) -> Self {
        let reply = Reply::raw(status).header("content-type", JSON);
        let reply = match call.dialect.request_id_header() {
            Some(name) => reply.header(name, request_id(call)),
            None => reply,
        };
        Self::new(&reply.body(body.to_string()), call)
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

/// Puts the waits between what is sent.
fn acts(body: Body, pace: &Pace) -> Vec<Act> {
    let mut acts = Vec::new();
    if !pace.body.is_zero() {
        acts.push(Act::Wait(pace.body));
    }
    acts.extend(body.before.into_iter().map(Act::Send));
    for (place, unit) in body.units.into_iter().enumerate() {
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
        let name = call.dialect.request_id_header();
        ours.extend(name.map(|name| (name, request_id(call))));
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
    call.dialect.request_id(call.index as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

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
