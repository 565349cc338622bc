use crate::{plan::Head, reply::Framing};
use bytes::{Bytes, BytesMut};
use http::StatusCode;
use std::io;
use tokio::{io::AsyncWriteExt, net::tcp::WriteHalf};

pub(super) struct Writer<'a> {
    io: WriteHalf<'a>,
    /// What waits to go out with the next write.
    held: BytesMut,
    framing: Framing,
    /// An HTTP/1.0 client knows no chunks.
    may_chunk: bool,
}

impl<'a> Writer<'a> {
    pub(super) fn new(io: WriteHalf<'a>) -> Self {
        Self {
            io,
            held: BytesMut::new(),
            framing: Framing::UntilClose,
            may_chunk: true,
        }
    }

    /// A new answer begins.
    pub(super) const fn begin(&mut self, may_chunk: bool) {
        self.may_chunk = may_chunk;
    }

    pub(super) fn head(&mut self, head: &Head) {
        self.framing = match head.framing {
            Framing::Chunked if !self.may_chunk => Framing::UntilClose,
            framing => framing,
        };
        let reason = StatusCode::from_u16(head.status)
            .ok()
            .and_then(|status| status.canonical_reason())
            .unwrap_or_default();
        let mut text = format!("HTTP/1.1 {} {reason}\r\n", head.status);
        for (name, value) in &head.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        match self.framing {
            Framing::Length(bytes) => text.push_str(&format!("content-length: {bytes}\r\n")),
            Framing::Chunked => text.push_str("transfer-encoding: chunked\r\n"),
            Framing::UntilClose => text.push_str("connection: close\r\n"),
        }
        text.push_str("\r\n");
        self.held.extend_from_slice(text.as_bytes());
    }

    pub(super) async fn data(&mut self, bytes: Bytes) -> io::Result<()> {
        // An empty chunk would be the last one.
        if bytes.is_empty() {
            return Ok(());
        }
        if self.framing == Framing::Chunked {
            let size = format!("{:x}\r\n", bytes.len());
            self.held.extend_from_slice(size.as_bytes());
            self.held.extend_from_slice(&bytes);
            self.held.extend_from_slice(b"\r\n");
        } else {
            self.held.extend_from_slice(&bytes);
        }
        self.flush().await
    }

    pub(super) async fn finish(&mut self) -> io::Result<()> {
        if self.framing == Framing::Chunked {
            self.held.extend_from_slice(b"0\r\n\r\n");
        }
        self.flush().await
    }

    /// Where a chunk's size must stand. In a body of other framing these are just too many bytes,
    /// or too few.
    pub(super) async fn garbage(&mut self) -> io::Result<()> {
        self.held.extend_from_slice(b"this is no chunk\r\n");
        self.flush().await
    }

    pub(super) async fn go_on(&mut self) -> io::Result<()> {
        self.io.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await
    }

    pub(super) async fn flush(&mut self) -> io::Result<()> {
        self.io.write_all_buf(&mut self.held).await
    }
}
