use super::*;
use crate::{Dialect, Kind, LlmError, Text, TransportError, Truncated};
use buttress_core::{Blame, Class, Failure, Judge, Rejected, Witness};
use bytes::Bytes;
use futures_core::Stream;
use std::{
    pin::{Pin, pin},
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

type Heard = Arc<Mutex<Vec<Result<(), Failure>>>>;

struct Ear(Heard);

impl Witness for Ear {
    fn settled(self, outcome: Result<(), Failure>) {
        self.0.lock().unwrap().push(outcome);
    }
}

/// A stream that has all it gives.
struct Given(Vec<Result<StreamEvent, LlmError>>);

impl Stream for Given {
    type Item = Result<StreamEvent, LlmError>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = (!self.0.is_empty()).then(|| self.0.remove(0));
        Poll::Ready(next)
    }
}

fn poll(stream: &mut EventStream) -> Option<Result<StreamEvent, LlmError>> {
    match pin!(stream).poll_next(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(next) => next,
        Poll::Pending => panic!("never pending"),
    }
}

/// The stream of an answer that was judged, and what its witness hears.
fn judged(events: Vec<Result<StreamEvent, LlmError>>) -> (EventStream, Heard) {
    let heard = Heard::default();
    let body = EventStream::new(Given(events)).into();
    let response = LlmResponse::new(Dialect::OpenAiChat, "m".into(), body);
    let response = AtStreamEnd.judge(Ok::<_, LlmError>(response), Ear(Arc::clone(&heard)));
    match response.unwrap().body {
        AnswerBody::Stream(stream) => (stream, heard),
        AnswerBody::Json(_) => panic!("a stream"),
    }
}

fn event() -> Result<StreamEvent, LlmError> {
    Ok(StreamEvent::new(Bytes::from_static(b"data: x\n\n")))
}

#[test]
fn a_stream_settles_at_its_end_and_not_before() {
    let (mut stream, heard) = judged(vec![event()]);
    assert!(poll(&mut stream).unwrap().is_ok());
    assert!(heard.lock().unwrap().is_empty());
    assert!(poll(&mut stream).is_none());
    assert_eq!(*heard.lock().unwrap(), [Ok(())]);
    assert!(poll(&mut stream).is_none());
}

#[test]
fn who_stops_at_the_last_event_has_missed_nothing() {
    let (mut stream, heard) = judged(vec![event().map(StreamEvent::last)]);
    assert!(poll(&mut stream).unwrap().unwrap().is_last());
    drop(stream);
    assert_eq!(*heard.lock().unwrap(), [Ok(())]);
}

#[test]
fn a_stream_that_fails_is_a_failure_and_one_that_is_dropped_is_not() {
    let truncated = || Err(Truncated::new(3).into());
    let (mut stream, heard) = judged(vec![event(), truncated(), event()]);
    assert!(poll(&mut stream).unwrap().is_ok());
    assert!(poll(&mut stream).unwrap().is_err());
    assert!(poll(&mut stream).is_none(), "nothing after an error");
    let failure = Failure::new(Class::Partial, Blame::Service).kind(Kind::Partial.name());
    assert_eq!(*heard.lock().unwrap(), [Err(failure)]);

    let (mut stream, heard) = judged(vec![event(), truncated()]);
    assert!(poll(&mut stream).unwrap().is_ok());
    drop(stream);
    assert!(heard.lock().unwrap().is_empty());
}

#[test]
fn every_layer_is_told() {
    let (mut stream, heard) = judged(vec![]);
    stream.watch(Ear(Arc::clone(&heard)));
    assert!(poll(&mut stream).is_none());
    assert_eq!(heard.lock().unwrap().len(), 2);
}

#[test]
fn a_whole_answer_and_an_error_settle_at_once() {
    let heard = Heard::default();
    let ear = || Ear(Arc::clone(&heard));
    let body = AnswerBody::Json(Bytes::from_static(b"{}"));
    let response = LlmResponse::new(Dialect::OpenAiChat, "m".into(), body);
    AtStreamEnd
        .judge(Ok::<_, LlmError>(response), ear())
        .unwrap();
    let rejected = Rejected::new(buttress_core::Cause::CircuitOpen);
    let error = Err(LlmError::from(rejected));
    AtStreamEnd.judge(error, ear()).unwrap_err();
    let rejected = buttress_core::AsFailure::as_failure(&rejected);
    assert_eq!(rejected.class, Class::Rejected);
    assert_eq!(*heard.lock().unwrap(), [Ok(()), Err(rejected)]);
}

/// All that a pipe gives, and the error at its end.
fn pipe(
    pipe: EventPipe,
    text: &str,
    error: Option<TransportError>,
) -> (String, Vec<StreamEvent>, Option<LlmError>) {
    pipe_pieces(pipe, [text.as_bytes()], error)
}

/// The same of a text that comes in pieces.
fn pipe_pieces<'a>(
    mut pipe: EventPipe,
    pieces: impl IntoIterator<Item = &'a [u8]>,
    error: Option<TransportError>,
) -> (String, Vec<StreamEvent>, Option<LlmError>) {
    let mut events = Vec::new();
    let mut failed = None;
    let mut take = |pipe: &mut EventPipe| {
        while let Some(event) = pipe.next_event() {
            assert!(failed.is_none(), "nothing after an error");
            match event {
                Ok(event) => events.push(event),
                Err(error) => failed = Some(error),
            }
        }
    };
    for piece in pieces {
        pipe.push(Bytes::copy_from_slice(piece));
        take(&mut pipe);
    }
    pipe.close(error);
    take(&mut pipe);
    assert!(pipe.is_over());
    let frames: Vec<_> = events
        .iter()
        .flat_map(|event| event.frame.to_vec())
        .collect();
    (String::from_utf8(frames).unwrap(), events, failed)
}

const SAID: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\n";
const FINISHED: &str = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const USAGE: &str = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

fn same() -> EventPipe {
    EventPipe::new(Dialect::OpenAiChat, Dialect::OpenAiChat)
}

#[test]
fn within_a_dialect_the_bytes_pass() {
    let text = [": c\n\n", SAID, FINISHED, USAGE, DONE].concat();
    let (frames, events, error) = pipe(same(), &text, None);
    assert_eq!(frames, text);
    assert!(error.is_none());
    let contents: Vec<_> = events.iter().map(|event| event.content).collect();
    assert_eq!(contents, [false, true, false, false, false]);
    assert_eq!(events[1].text.as_deref(), Some("Hi"));
    assert_eq!(events[3].usage.unwrap().input, Some(1));
    assert!(events[4].is_last() && !events[3].is_last());
}

/// Events that are alike are read together as far as they have come; what follows them is not one
/// of them.
#[test]
fn events_that_are_alike_say_the_same_wherever_they_are_cut() {
    let said = [
        SAID,
        &SAID.replace("Hi", "ä"),
        &SAID.replace("Hi", "\\\"\\n"),
        &SAID.replace("Hi", "…"),
        // The first one begins the answer, and so is like none.
        SAID,
    ];
    let said = said.concat();
    let text = "Hiä\"\n…Hi";
    let error = "data: {\"error\":{\"code\":503}}\n\n";
    let good = [&said, FINISHED, USAGE, DONE].concat();
    let bad = [&said, error, DONE].concat();
    for whole in [&good, &bad] {
        let bytes = whole.as_bytes();
        let cuts = (0..=bytes.len()).map(|at| {
            let (before, after) = bytes.split_at(at);
            vec![before, after]
        });
        for pieces in cuts.chain([bytes.chunks(1).collect()]) {
            let how = pieces[0].len();
            let (frames, events, failed) = pipe_pieces(same(), pieces, None);
            let texts = events.iter().filter_map(|event| event.text.as_deref());
            assert_eq!(texts.collect::<String>(), text, "cut at {how}");
            let finish = events.iter().find_map(|event| event.finish);
            let usage = events.iter().find_map(|event| event.usage);
            let last = events.iter().position(StreamEvent::is_last);
            if whole == &good {
                assert_eq!(&frames, whole, "cut at {how}");
                assert!(failed.is_none(), "cut at {how}");
                assert_eq!(finish, Some(crate::Stop::Stop), "cut at {how}");
                assert_eq!(usage.unwrap().input, Some(1), "cut at {how}");
                assert_eq!(last, Some(events.len() - 1), "cut at {how}");
            } else {
                assert_eq!(frames, said, "cut at {how}");
                assert!(
                    matches!(failed, Some(LlmError::Provider(_))),
                    "cut at {how}"
                );
                assert_eq!((finish, usage, last), (None, None, None), "cut at {how}");
            }
        }
    }
}

#[test]
fn a_chunk_that_nobody_asked_for_is_left_out() {
    let text = [SAID, FINISHED, USAGE, DONE].concat();
    let (frames, ..) = pipe(same().hide_usage(true), &text, None);
    assert_eq!(frames, [SAID, FINISHED, DONE].concat());
}

/// Some servers close without the last marker.
#[test]
fn what_was_not_sent_is_told_at_an_end_without_its_marker() {
    let text = [SAID, FINISHED, USAGE].concat();
    let crossing = |to| EventPipe::new(Dialect::OpenAiChat, to);
    let hidden = same().hide_usage(true);
    for (through, ends) in [
        (hidden, "\"stop\"}]}\n\n"),
        (
            crossing(Dialect::AnthropicMessages),
            "\"message_stop\"}\n\n",
        ),
        (crossing(Dialect::Gemini), "}\n\n"),
        (crossing(Dialect::OpenAiResponses), "}\n\n"),
    ] {
        let (frames, events, error) = pipe(through, &text, None);
        assert!(error.is_none(), "{frames}");
        assert!(frames.ends_with(ends), "{frames}");
        let finish = events.iter().find_map(|event| event.finish);
        assert_eq!(finish, Some(crate::Stop::Stop), "{frames}");
        let usage = events.iter().find_map(|event| event.usage);
        assert_eq!(usage.unwrap().input, Some(1), "{frames}");
        let last: Vec<_> = events.iter().map(StreamEvent::is_last).collect();
        assert_eq!(last.iter().filter(|last| **last).count(), 1, "{frames}");
        assert!(last.ends_with(&[true]), "{frames}");
    }
}

#[test]
fn a_broken_stream_ends_with_what_broke_it() {
    let (frames, _, error) = pipe(same(), SAID, Some(TransportError::Reset));
    assert_eq!(frames, SAID);
    let Some(LlmError::Truncated(error)) = error else {
        panic!("truncated: {error:?}")
    };
    assert_eq!(error.emitted, 2);
    assert_eq!(error.transport, Some(TransportError::Reset));

    let told = "data: {\"error\":{\"message\":\"m\",\"code\":503}}\n\n";
    let (frames, _, error) = pipe(same(), &[SAID, told].concat(), None);
    assert_eq!(frames, SAID);
    assert!(matches!(error, Some(LlmError::Provider(_))), "{error:?}");

    // The marker of the end would hide the error.
    let (frames, _, error) = pipe(same(), &[SAID, DONE].concat(), None);
    assert_eq!(frames, SAID);
    assert!(matches!(error, Some(LlmError::Truncated(it)) if it.emitted == 2));

    for text in ["", DONE, ": c\n\n"] {
        let (_, _, error) = pipe(same(), text, None);
        assert!(
            matches!(error, Some(LlmError::Truncated(it)) if it.emitted == 0),
            "{text:?}"
        );
    }
}

#[test]
fn an_answer_whose_end_was_told_is_whole_however_the_connection_ends() {
    for text in [[SAID, FINISHED].concat(), [SAID, FINISHED, DONE].concat()] {
        let (frames, _, error) = pipe(same(), &text, Some(TransportError::Reset));
        assert_eq!(frames, text);
        assert!(error.is_none());
    }
}

#[test]
fn between_dialects_the_events_are_written_anew() {
    let cross = || EventPipe::new(Dialect::OpenAiChat, Dialect::AnthropicMessages);
    // Two pings of nothing, no empty events; the missing marker is added, and is the last.
    let text = ["data:\n\n", SAID, FINISHED].concat();
    let (frames, events, error) = pipe(cross(), &text, None);
    assert!(error.is_none());
    assert!(frames.starts_with("event: message_start\n"));
    assert!(frames.ends_with("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"));
    assert!(events.iter().all(|event| !event.frame.is_empty()));
    assert!(events.last().unwrap().is_last());

    let (frames, _, error) = pipe(cross(), SAID, None);
    assert!(!frames.contains("message_stop"));
    assert!(matches!(error, Some(LlmError::Truncated(_))));
}

#[test]
fn thinking_is_progress_and_no_content() {
    let mut pipe = EventPipe::new(Dialect::AnthropicMessages, Dialect::AnthropicMessages);
    pipe.push(
        "event: ping\ndata: {\"type\":\"ping\"}\n\n\
         data: {\"type\":\"content_block_delta\",\"index\":0,\
         \"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"Hmm\"}}\n\n\
         data: {\"type\":\"content_block_delta\",\"index\":1,\
         \"delta\":{\"type\":\"text_delta\",\"text\":\"Yes\"}}\n\n"
            .into(),
    );
    let mut next = || pipe.next_event().unwrap().unwrap();
    let (ping, thinking, text) = (next(), next(), next());
    assert!(!ping.progress && !ping.content);
    assert!(thinking.progress && !thinking.content);
    assert!(text.progress && text.content);
}

#[test]
fn all_the_text_is_given_or_an_error() {
    let text = |body: AnswerBody| {
        let response = LlmResponse::new(Dialect::OpenAiChat, "m".into(), body);
        match pin!(response.into_text()).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(text) => text,
            Poll::Pending => panic!("never pending"),
        }
    };
    let whole = r#"{"choices": [{"message": {"content": "Hi there"}, "finish_reason": "stop"}]}"#;
    assert_eq!(text(Bytes::from(whole).into()).unwrap(), "Hi there");
    assert!(text(Bytes::from("{}").into()).is_err());

    let says = |text: &str| {
        let mut event = event();
        let text = Text::new(text.to_owned().into(), &Bytes::new());
        event.as_mut().unwrap().text = Some(text);
        event
    };
    let stream = |events| EventStream::new(Given(events)).into();
    assert_eq!(text(stream(vec![says("Hi"), event()])).unwrap(), "Hi");
    let broken = LlmError::transport(TransportError::Reset, "gone");
    assert!(text(stream(vec![says("Hi"), Err(broken)])).is_err());
}

#[test]
fn thinking_that_is_not_sent_is_progress_all_the_same() {
    let mut pipe = EventPipe::new(Dialect::AnthropicMessages, Dialect::OpenAiChat);
    let mut push = |event: &str| {
        pipe.push(format!("data: {event}\n\n").into());
        let told = pipe.next_event().map(Result::unwrap);
        (told, pipe.take_progress(), pipe.take_progress())
    };
    let (start, progress, _) = push(r#"{"type":"message_start","message":{"id":"m"}}"#);
    assert!(start.is_some() && !progress);
    let thinking = r#"{"type":"content_block_delta","index":0,"delta":{"thinking":"hm"}}"#;
    let (told, progress, again) = push(thinking);
    assert!(told.is_none() && progress && !again);
}

#[test]
fn what_is_not_sent_yet_is_told_with_what_is() {
    // Gemini's callers hear of a call when all of it is there.
    let mut pipe = EventPipe::new(Dialect::OpenAiChat, Dialect::Gemini);
    let call = r#"{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{}"}}]}"#;
    for (delta, finish) in [(call, "null"), ("{}", "\"tool_calls\"")] {
        let choice = format!(r#"{{"index":0,"delta":{delta},"finish_reason":{finish}}}"#);
        pipe.push(format!("data: {{\"choices\":[{choice}]}}\n\n").into());
        let told = pipe.next_event().map(Result::unwrap);
        let calls = told.is_some_and(|event| event.content && event.beyond_text);
        assert_eq!(calls, finish != "null", "{finish}");
    }
}
