//! HTTP/1.1 by hand: no server that keeps the protocol can break it the way real ones do.

mod read;
mod write;

use crate::{
    ClosedBy,
    link::Link,
    plan::Head,
    reply::End,
    wire::{Played, Wire, play},
};
use bytes::Bytes;
use read::Reader;
use std::io;
use tokio::net::TcpStream;
use write::Writer;

/// Serves one connection and says who closed it.
pub(crate) async fn serve(mut stream: TcpStream, link: &mut Link) -> ClosedBy {
    let (read, write) = stream.split();
    let mut wire = Http1 {
        reader: Reader::new(read),
        writer: Writer::new(write),
    };
    let end = loop {
        let request = tokio::select! {
            biased;
            request = wire.reader.request(&mut wire.writer) => request,
            () = link.closing.draining() => return ClosedBy::Provider,
        };
        let Ok(Some(request)) = request else {
            return ClosedBy::Client;
        };
        wire.writer.begin(request.may_chunk);
        let keep_alive = request.keep_alive;
        let (index, plan) = link.shared.receive(request.parts, link.connection);
        let last = !keep_alive || plan.head.as_ref().is_some_and(|head| head.last);
        let shared = &link.shared;
        let played = play(plan, &mut wire, &mut link.closing, || {
            shared.log.finished(index);
        });
        match played.await {
            Played::Left => return ClosedBy::Client,
            Played::Stopped => return ClosedBy::Provider,
            Played::Through(End::Clean) if !last => {}
            Played::Through(end) => break end,
        }
    };
    match end {
        End::Reset | End::RefuseStream | End::GoAway => {
            // Closing now sends an RST. Not being able to ask for it leaves a FIN.
            let _ = stream.set_zero_linger();
        }
        End::Garbage => {
            let _ = wire.writer.garbage().await;
        }
        End::Clean | End::Close | End::Stall => {}
    }
    ClosedBy::Provider
}

struct Http1<'a> {
    reader: Reader<'a>,
    writer: Writer<'a>,
}

impl Wire for Http1<'_> {
    async fn head(&mut self, head: &Head) -> io::Result<()> {
        self.writer.head(head);
        Ok(())
    }

    async fn data(&mut self, bytes: Bytes) -> io::Result<()> {
        self.writer.data(bytes).await
    }

    async fn flush(&mut self) -> io::Result<()> {
        self.writer.flush().await
    }

    async fn finish(&mut self) -> io::Result<()> {
        self.writer.finish().await
    }

    async fn gone(&mut self) {
        self.reader.gone().await;
    }
}
