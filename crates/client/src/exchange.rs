//! One call: the request out, and the answer in until it can be given.

use crate::{
    fault::transport_error,
    receive::{self, Head},
    shared::{Asked, Place, Shared},
    stream,
    wait::within,
};
use buttress_core::{Carry, Context, Event};
use buttress_llm::{Encoded, LlmError, LlmRequest, LlmResponse};
use buttress_timeout::Stopwatch;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, header::ACCEPT};
use http_body_util::Full;
use std::{sync::Arc, time::SystemTime};

pub(crate) async fn run(asked: Arc<Asked>, request: LlmRequest) -> Result<LlmResponse, LlmError> {
    let Asked { shared, place } = &*asked;
    let call = request.call().cloned();
    let encoded = request.encode(&place.target)?;
    for note in &encoded.notes {
        call.record(Event::Note(note));
    }
    let outgoing = outgoing(shared, place, &request, &encoded);

    let limits = if request.streams() {
        place.streamed
    } else {
        place.whole
    };
    let mut watch = Stopwatch::start(limits, call.deadline());
    call.record(Event::Attempt);
    let response = within(&mut watch, shared.http.request(outgoing)).await?;
    let response = response.map_err(|error| LlmError::transport(transport_error(&error), error))?;
    watch.headers();

    let (head, body) = response.into_parts();
    let head = Head::new(head, SystemTime::now());
    let answer = if request.streams() && head.is_stream() {
        stream::open(shared, place, &request, &encoded, head, body, watch).await
    } else {
        let body = receive::whole(body, shared.max_answer, &mut watch).await;
        head.answer(shared, place, &request, body)
    }?;
    call.record(Event::Answered);
    Ok(answer)
}

fn outgoing(
    shared: &Shared,
    place: &Place,
    request: &LlmRequest,
    encoded: &Encoded,
) -> Request<Full<Bytes>> {
    let mut outgoing = Request::new(Full::new(encoded.body.clone()));
    *outgoing.method_mut() = Method::POST;
    *outgoing.uri_mut() = shared.endpoint.clone();
    *outgoing.headers_mut() = shared.headers.clone();
    if request.dialect() == place.target.dialect() {
        for (name, value) in request.own_headers() {
            outgoing.headers_mut().insert(name, value.clone());
        }
    }
    let accept = if request.streams() {
        HeaderValue::from_static("text/event-stream")
    } else {
        HeaderValue::from_static("application/json")
    };
    outgoing.headers_mut().insert(ACCEPT, accept);
    outgoing
}
