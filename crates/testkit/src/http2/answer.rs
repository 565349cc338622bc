use crate::{
    ClosedBy,
    plan::Head,
    reply::End,
    shared::{BODY_LIMIT, Parts, Shared},
    wire::{Closing, Played, Wire, play},
};
use bytes::{Bytes, BytesMut};
use h2::{Reason, RecvStream, SendStream, server::SendResponse};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use std::{future::poll_fn, io};
use tokio::sync::mpsc;

/// Answers one request. What is to be done with the whole connection goes to `breaks`.
pub(super) async fn answer(
    request: Request<RecvStream>,
    respond: SendResponse<Bytes>,
    shared: &Shared,
    connection: u64,
    mut closing: Closing,
    breaks: mpsc::Sender<End>,
) {
    let Ok(parts) = receive(request).await else {
        return;
    };
    let (index, plan) = shared.receive(parts, connection);
    let mut wire = Http2 {
        respond,
        body: None,
    };
    let finished = || shared.log.finished(index);
    match play(plan, &mut wire, &mut closing, finished).await {
        Played::Through(End::Clean | End::Stall) => {}
        Played::Through(End::RefuseStream) => wire.respond.send_reset(Reason::REFUSED_STREAM),
        Played::Through(end @ (End::Close | End::Reset | End::Garbage | End::GoAway)) => {
            // An error is as good: the connection is closed already.
            let _ = breaks.send(end).await;
            // Letting go of the stream would reset it before the connection breaks.
            std::future::pending::<()>().await;
        }
        Played::Left => shared.log.closed(index, ClosedBy::Client),
        Played::Stopped => wire.respond.send_reset(Reason::CANCEL),
    }
}

async fn receive(request: Request<RecvStream>) -> Result<Parts, h2::Error> {
    let (head, mut stream) = request.into_parts();
    let mut body = BytesMut::new();
    let mut too_large = false;
    while let Some(bytes) = stream.data().await {
        let bytes = bytes?;
        stream.flow_control().release_capacity(bytes.len())?;
        if body.len() + bytes.len() > BODY_LIMIT {
            too_large = true;
        } else {
            body.extend_from_slice(&bytes);
        }
    }
    let path = head.uri.path_and_query();
    Ok(Parts {
        method: head.method,
        path: path.map_or_else(String::new, |path| path.as_str().to_owned()),
        headers: head.headers,
        body: body.freeze(),
        too_large,
    })
}

struct Http2 {
    respond: SendResponse<Bytes>,
    /// There once the head is sent.
    body: Option<SendStream<Bytes>>,
}

impl Wire for Http2 {
    async fn head(&mut self, head: &Head) -> io::Result<()> {
        let response = self.respond.send_response(response(head), false);
        self.body = Some(response.map_err(io::Error::other)?);
        Ok(())
    }

    async fn data(&mut self, mut bytes: Bytes) -> io::Result<()> {
        let Some(body) = &mut self.body else {
            return Ok(());
        };
        while !bytes.is_empty() {
            body.reserve_capacity(bytes.len());
            let room = poll_fn(|cx| body.poll_capacity(cx)).await;
            let room = room
                .ok_or(io::ErrorKind::BrokenPipe)?
                .map_err(io::Error::other)?;
            body.send_data(bytes.split_to(room.min(bytes.len())), false)
                .map_err(io::Error::other)?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    async fn finish(&mut self) -> io::Result<()> {
        match &mut self.body {
            Some(body) => body.send_data(Bytes::new(), true).map_err(io::Error::other),
            None => Ok(()),
        }
    }

    async fn gone(&mut self) {
        // Both know: the reset of a stream, and the end of the connection.
        let _ = match &mut self.body {
            Some(body) => poll_fn(|cx| body.poll_reset(cx)).await,
            None => poll_fn(|cx| self.respond.poll_reset(cx)).await,
        };
    }
}

/// A status or header that HTTP/2 cannot carry is left out; the status is 500 then.
fn response(head: &Head) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() =
        StatusCode::from_u16(head.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in &head.headers {
        // The connection belongs to all streams: no header speaks for it.
        if name.eq_ignore_ascii_case("connection") {
            continue;
        }
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = HeaderValue::from_bytes(value.as_bytes());
        if let (Ok(name), Ok(value)) = (name, value) {
            response.headers_mut().append(name, value);
        }
    }
    if let crate::reply::Framing::Length(bytes) = head.framing {
        response
            .headers_mut()
            .insert(http::header::CONTENT_LENGTH, bytes.into());
    }
    response
}
