use super::write::Writer;
use crate::shared::{BODY_LIMIT, Parts};
use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use std::io;
use tokio::{io::AsyncReadExt, net::tcp::ReadHalf};

/// As much as is read before a head is complete, or ahead of an answer.
const HEAD_LIMIT: usize = 64 * 1024;
const MAX_HEADERS: usize = 128;

pub(super) struct Request {
    pub(super) parts: Parts,
    pub(super) keep_alive: bool,
    pub(super) may_chunk: bool,
}

pub(super) struct Reader<'a> {
    io: ReadHalf<'a>,
    buf: BytesMut,
}

impl<'a> Reader<'a> {
    pub(super) fn new(io: ReadHalf<'a>) -> Self {
        Self {
            io,
            buf: BytesMut::new(),
        }
    }

    /// The next request, whole; none when the client closed the connection before it.
    pub(super) async fn request(&mut self, writer: &mut Writer<'_>) -> io::Result<Option<Request>> {
        let (mut parts, version) = loop {
            if let Some(head) = self.head()? {
                break head;
            }
            if self.buf.len() >= HEAD_LIMIT {
                return Err(invalid("the head is too long"));
            }
            if self.io.read_buf(&mut self.buf).await? == 0 {
                return Ok(None);
            }
        };
        let says = |name: HeaderName, what: &str| {
            let values = parts.headers.get_all(name);
            values
                .iter()
                .filter_map(|value| value.to_str().ok())
                .flat_map(|value| value.split(','))
                .any(|value| value.trim().eq_ignore_ascii_case(what))
        };
        let keep_alive = match version {
            0 => says(header::CONNECTION, "keep-alive"),
            _ => !says(header::CONNECTION, "close"),
        };
        if says(header::EXPECT, "100-continue") {
            writer.go_on().await?;
        }
        if says(header::TRANSFER_ENCODING, "chunked") {
            self.chunked_body(&mut parts).await?;
        } else {
            let length = match parts.headers.get(header::CONTENT_LENGTH) {
                Some(length) => parse(length.as_bytes(), 10)?,
                None => 0,
            };
            self.take_into(&mut parts, length).await?;
        }
        Ok(Some(Request {
            parts,
            keep_alive,
            may_chunk: version > 0,
        }))
    }

    /// Resolves when the client has closed or reset the connection. What it sends before that is
    /// kept for the next request.
    pub(super) async fn gone(&mut self) {
        while self.buf.len() < HEAD_LIMIT {
            if matches!(self.io.read_buf(&mut self.buf).await, Ok(0) | Err(_)) {
                return;
            }
        }
        std::future::pending().await
    }

    fn head(&mut self) -> io::Result<Option<(Parts, u8)>> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        let parsed = request.parse(&self.buf).map_err(invalid)?;
        let httparse::Status::Complete(length) = parsed else {
            return Ok(None);
        };
        let method = request.method.unwrap_or_default();
        let parts = Parts {
            method: Method::from_bytes(method.as_bytes()).map_err(invalid)?,
            path: request.path.unwrap_or_default().to_owned(),
            headers: header_map(request.headers)?,
            body: Bytes::new(),
            too_large: false,
        };
        let version = request.version.unwrap_or(1);
        self.buf.advance(length);
        Ok(Some((parts, version)))
    }

    async fn chunked_body(&mut self, parts: &mut Parts) -> io::Result<()> {
        loop {
            let line = self.line().await?;
            let size = line.split(|&byte| byte == b';').next().unwrap_or_default();
            let size = parse(size, 16)?;
            if size == 0 {
                break;
            }
            self.take_into(parts, size).await?;
            self.line().await?;
        }
        // Trailers, up to the empty line.
        while !self.line().await?.is_empty() {}
        Ok(())
    }

    /// A line without its end.
    async fn line(&mut self) -> io::Result<Bytes> {
        loop {
            if let Some(end) = self.buf.iter().position(|&byte| byte == b'\n') {
                let line = self.buf.split_to(end + 1).freeze();
                return Ok(line.slice(..line.trim_ascii_end().len()));
            }
            if self.buf.len() >= HEAD_LIMIT {
                return Err(invalid("the line is too long"));
            }
            self.fill().await?;
        }
    }

    /// So many bytes of body. What goes beyond the limit is read and thrown away: closing with
    /// bytes unread would reset the connection, and the client would never see its answer.
    async fn take_into(&mut self, parts: &mut Parts, length: u64) -> io::Result<()> {
        let mut left = length;
        let mut body = BytesMut::from(std::mem::take(&mut parts.body));
        while left > 0 {
            if self.buf.is_empty() {
                self.fill().await?;
            }
            let here =
                usize::try_from(left).map_or(self.buf.len(), |left| left.min(self.buf.len()));
            let bytes = self.buf.split_to(here);
            left -= here as u64;
            if body.len() + bytes.len() > BODY_LIMIT {
                parts.too_large = true;
            } else {
                body.extend_from_slice(&bytes);
            }
        }
        parts.body = body.freeze();
        Ok(())
    }

    async fn fill(&mut self) -> io::Result<()> {
        self.buf.reserve(16 * 1024);
        match self.io.read_buf(&mut self.buf).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

fn header_map(headers: &[httparse::Header<'_>]) -> io::Result<HeaderMap> {
    let mut map = HeaderMap::with_capacity(headers.len());
    for header in headers {
        let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(invalid)?;
        let value = HeaderValue::from_bytes(header.value).map_err(invalid)?;
        map.append(name, value);
    }
    Ok(map)
}

fn parse(digits: &[u8], radix: u32) -> io::Result<u64> {
    let digits = std::str::from_utf8(digits).map_err(invalid)?;
    u64::from_str_radix(digits.trim(), radix).map_err(invalid)
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
