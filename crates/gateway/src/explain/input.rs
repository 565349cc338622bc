//! What comes in, in pieces of bounded size.

use std::io::{self, BufRead, Read};

/// The most that is read of one answer.
pub(super) const MAX: usize = 32 << 20;

/// Why more than that is not read.
pub(super) const TOO_LARGE: &str = "larger than 32 MiB";

/// Lines of an input, and what is left behind them.
pub(super) struct Input<'a> {
    input: &'a mut dyn BufRead,
    /// The number of the line that was read last.
    line: usize,
    /// A line that was read too early.
    held: Option<Piece>,
}

/// A document, or one line: with its end if it has one.
pub(super) struct Piece {
    /// The number of its first line.
    pub(super) line: usize,
    /// Its bytes; or why they were left out.
    pub(super) text: Result<Vec<u8>, &'static str>,
}

impl Piece {
    /// Its bytes, if they are there.
    pub(super) fn bytes(&self) -> &[u8] {
        self.text.as_deref().unwrap_or_default()
    }

    /// Whether it may be an object.
    pub(super) fn is_object(&self) -> bool {
        let bytes = self.bytes();
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        bytes.trim_ascii_start().starts_with(b"{")
    }

    pub(super) fn is_blank(&self) -> bool {
        matches!(&self.text, Ok(text) if text.trim_ascii().is_empty())
    }
}

impl<'a> Input<'a> {
    pub(super) fn new(input: &'a mut dyn BufRead) -> Self {
        Self {
            input,
            line: 0,
            held: None,
        }
    }

    /// The next document: a line that is not blank. An opening brace alone on its line begins one
    /// of several lines, as pretty-printers write it: it ends with the next line that begins with
    /// a closing one.
    pub(super) fn document(&mut self) -> io::Result<Option<Piece>> {
        let first = loop {
            match self.next_line()? {
                Some(line) if line.is_blank() => {}
                Some(line) => break line,
                None => return Ok(None),
            }
        };
        let (line, mut text) = match first.text {
            Ok(text) if text.trim_ascii() == b"{" => (first.line, text),
            text => return Ok(Some(Piece { text, ..first })),
        };
        let mut fits = true;
        while let Some(next) = self.next_line()? {
            // The one before has not ended; this may well be a good one.
            if next.bytes().starts_with(b"{") {
                self.held = Some(next);
                break;
            }
            match &next.text {
                Ok(bytes) if text.len() + bytes.len() <= MAX => text.extend_from_slice(bytes),
                _ => fits = false,
            }
            if next.bytes().starts_with(b"}") {
                break;
            }
        }
        let text = if fits { Ok(text) } else { Err(TOO_LARGE) };
        Ok(Some(Piece { line, text }))
    }

    /// A line, the blank ones included.
    pub(super) fn next_line(&mut self) -> io::Result<Option<Piece>> {
        if let Some(held) = self.held.take() {
            return Ok(Some(held));
        }
        let mut text = Vec::new();
        let most = MAX as u64 + 1;
        if Read::take(&mut *self.input, most).read_until(b'\n', &mut text)? == 0 {
            return Ok(None);
        }
        self.line += 1;
        let text = if text.len() > MAX {
            self.skip_line(&text)?;
            Err(TOO_LARGE)
        } else {
            Ok(text)
        };
        let line = self.line;
        Ok(Some(Piece { line, text }))
    }

    /// All that is left, behind what was read of it already; or why not.
    pub(super) fn rest(&mut self, first: Piece) -> io::Result<Result<Vec<u8>, &'static str>> {
        let mut text = match first.text {
            Ok(text) => text,
            Err(why) => return Ok(Err(why)),
        };
        let room = (MAX - text.len()) as u64;
        let read = Read::take(&mut *self.input, room + 1).read_to_end(&mut text)?;
        Ok(if read as u64 > room {
            Err(TOO_LARGE)
        } else {
            Ok(text)
        })
    }

    /// Some more bytes, none at the end.
    pub(super) fn some(&mut self) -> io::Result<Vec<u8>> {
        loop {
            match self.input.fill_buf() {
                Ok(some) => {
                    let some = some.to_vec();
                    self.input.consume(some.len());
                    return Ok(some);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Passes over what is left of a line of which this was read.
    fn skip_line(&mut self, read: &[u8]) -> io::Result<()> {
        if read.last() == Some(&b'\n') {
            return Ok(());
        }
        self.input.skip_until(b'\n').map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn documents(mut text: &[u8]) -> Vec<(usize, Result<String, &'static str>)> {
        let mut input = Input::new(&mut text);
        let documents = std::iter::from_fn(|| input.document().unwrap());
        let read = |text: Vec<u8>| String::from_utf8(text).unwrap();
        documents
            .map(|piece| (piece.line, piece.text.map(read)))
            .collect()
    }

    fn ok(line: usize, text: &str) -> (usize, Result<String, &'static str>) {
        (line, Ok(text.to_owned()))
    }

    #[test]
    fn a_document_is_a_line_or_what_a_pretty_printer_writes() {
        let text = b"{\"a\":1}\n\n \r\n{\n  \"a\": {\n  }\n}\n{}\nx";
        let expected = [
            ok(1, "{\"a\":1}\n"),
            ok(4, "{\n  \"a\": {\n  }\n}\n"),
            ok(8, "{}\n"),
            ok(9, "x"),
        ];
        assert_eq!(documents(text), expected);
        assert_eq!(documents(b""), []);
    }

    #[test]
    fn a_document_that_does_not_end_takes_no_other_with_it() {
        let expected = [ok(1, "{\n"), ok(2, "{}\n"), ok(3, "{\nx\n")];
        assert_eq!(documents(b"{\n{}\n{\nx\n"), expected);
    }

    #[test]
    fn a_line_that_is_too_long_is_left_out_and_the_next_is_read() {
        let mut text = vec![b'x'; MAX + 10];
        text.extend_from_slice(b"\nshort\n");
        let documents = documents(&text);
        assert_eq!(documents, [(1, Err(TOO_LARGE)), ok(2, "short\n")]);
        let mut just = vec![b'x'; MAX];
        just.extend_from_slice(b"\nshort\n");
        assert_eq!(self::documents(&just)[1..], [ok(2, "short\n")]);
        let just = vec![b'x'; MAX];
        assert!(self::documents(&just)[0].1.is_ok());
    }
}
