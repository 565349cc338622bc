//! One call: the request out, and the answer in until it can be given.

use crate::{
    carries_key,
    fault::transport_error,
    is_reserved,
    receive::{self, Head, Opened},
    shared::{Asked, Endpoint, Shared},
    stream,
    wait::within,
};
use buttress_core::{Call, Carry, Context, Event, Failure, Witness};
use buttress_llm::{AnswerBody, Encoded, LlmError, LlmRequest, LlmResponse, Target};
use buttress_timeout::Stopwatch;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header::ACCEPT};
use http_body_util::Full;
use std::{sync::Arc, time::SystemTime};

pub(crate) async fn run(asked: Arc<Asked>, request: LlmRequest) -> Result<LlmResponse, LlmError> {
    let Asked { shared, place } = &*asked;
    let call = request.call().cloned();
    let (target, endpoint) = asked.written_for(&request);
    let encoded = request.encode(&target)?;
    let spoken = target.dialect();
    for note in &encoded.notes {
        call.record(Event::Note(note));
    }
    let mut outgoing = outgoing(shared, &target, endpoint, &request, &encoded)?;

    let limits = if request.streams() {
        place.streamed
    } else {
        place.whole
    };
    let mut watch = Stopwatch::start(limits, call.deadline());
    call.record(Event::Attempt);
    if let Some(call) = &call {
        put_own(outgoing.headers_mut(), &told(call));
    }
    let response = within(&mut watch, shared.http.request(outgoing)).await?;
    let response = response.map_err(|error| LlmError::transport(transport_error(&error), error))?;
    watch.headers();

    let (head, body) = response.into_parts();
    let head = Head::new(head, SystemTime::now());
    let mut body = Opened::new(body);
    let streams = request.streams()
        && match head.is_stream() {
            Some(streams) => streams,
            None => body.is_stream(&mut watch).await?,
        };
    let mut answer = if streams {
        stream::open(&asked, spoken, &request, &encoded, head, body, watch).await
    } else {
        let body = if head.status.is_success() {
            receive::whole(body, shared.max_answer, &mut watch).await
        } else {
            Ok(receive::of_failure(body.rest, &mut watch).await)
        };
        head.answer(&asked, spoken, &request, &encoded, body)
    }?;
    call.record(Event::Answered);
    if let AnswerBody::Stream(stream) = &mut answer.body {
        stream.watch(Watched(call));
    }
    Ok(answer)
}

/// Records that a stream broke off.
struct Watched(Option<Call>);

impl Witness for Watched {
    fn settled(self, outcome: Result<(), Failure>) {
        if let Err(failure) = outcome {
            self.0.record(Event::Broke(failure));
        }
    }
}

fn outgoing(
    shared: &Shared,
    target: &Target,
    endpoint: &Endpoint,
    request: &LlmRequest,
    encoded: &Encoded,
) -> Result<Request<Full<Bytes>>, LlmError> {
    let mut outgoing = Request::new(Full::new(encoded.body.clone()));
    *outgoing.method_mut() = Method::POST;
    *outgoing.uri_mut() = endpoint.of(request, target)?;
    *outgoing.headers_mut() = shared.headers.clone();
    if request.dialect() == target.dialect() {
        put_own(outgoing.headers_mut(), request.own_headers());
    }
    let accept = if request.streams() {
        HeaderValue::from_static("text/event-stream")
    } else {
        HeaderValue::from_static("application/json")
    };
    outgoing.headers_mut().insert(ACCEPT, accept);
    Ok(outgoing)
}

/// What those who listen to the call want its provider to be told, such as which trace it is in.
fn told(call: &Call) -> HeaderMap {
    let mut told = HeaderMap::new();
    call.tell(&mut |name, value| {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse()) {
            told.insert(name, value);
        }
    });
    told
}

/// Puts a request's own headers in the place of the client's of the same names, with all values
/// that they have. They have no say in who asks, whom, and how the two bodies are framed.
fn put_own(headers: &mut HeaderMap, own: &HeaderMap) {
    let may_set = |name: &&HeaderName| !is_reserved(name) && !carries_key(name);
    for name in own.keys().filter(may_set) {
        headers.remove(name);
        for value in own.get_all(name) {
            headers.append(name, value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use buttress_core::{Heard, Listener};

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let lines = lines.iter().copied();
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn own_headers_keep_all_their_values() {
        let mut sent = headers(&[("anthropic-beta", "default"), ("user-agent", "buttress")]);
        let own = headers(&[("anthropic-beta", "one"), ("anthropic-beta", "two")]);
        put_own(&mut sent, &own);
        let expected = headers(&[
            ("anthropic-beta", "one"),
            ("anthropic-beta", "two"),
            ("user-agent", "buttress"),
        ]);
        assert_eq!(sent, expected);
    }

    #[test]
    fn a_listener_has_its_word_sent_and_no_more_say_than_a_request() {
        struct Tells;
        impl Listener for Tells {
            fn heard(&self, _: &Heard<'_>) {}
            fn tell(&self, put: &mut dyn FnMut(&str, &str)) {
                put("traceparent", "00-1");
                put("authorization", "other");
                put("two words", "is no name");
                put("x-broken", "is no\nvalue");
            }
        }
        let mut call = Call::new();
        assert!(told(&call).is_empty());
        call.listen(Arc::new(Tells));
        let mut sent = headers(&[("authorization", "Bearer key")]);
        put_own(&mut sent, &told(&call));
        let expected = headers(&[("authorization", "Bearer key"), ("traceparent", "00-1")]);
        assert_eq!(sent, expected);
    }

    #[test]
    fn own_headers_have_no_say_in_who_asks_whom() {
        let set = headers(&[("authorization", "Bearer key"), ("content-type", "a/b")]);
        let mut sent = set.clone();
        for name in [
            "authorization",
            "x-api-key",
            "api-key",
            "host",
            "te",
            "content-type",
        ] {
            let own = headers(&[(name, "other")]);
            put_own(&mut sent, &own);
        }
        assert_eq!(sent, set);
    }
}
