//! What `curl -i` prints: one head after the other, and a body behind the last.

use super::given::Given;
use crate::cli::ExplainArgs;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::borrow::Cow;

/// The last of the answers that were printed. Those before it were provisional, came from a
/// proxy on the way, or pointed elsewhere.
pub(super) struct Curl<'a> {
    status: Option<u16>,
    headers: HeaderMap,
    body: &'a [u8],
}

/// How curl begins to say that there is no answer.
const NO_ANSWER: &[u8] = b"curl: (";

/// How it begins to tell the progress of the transfer.
const METER: &[u8] = b"% Total";

/// What to do about what `curl -v` prints.
pub(super) const VERBOSE: &str =
    "this looks like what `curl -v` prints; what `curl -sSi … 2>&1` prints can be read";

/// The most headers that are kept of a head.
const MAX_HEADERS: usize = 1000;

/// Whether an input that begins with this line is curl's.
pub(super) fn is_begin(line: &[u8]) -> bool {
    let line = unmarked(line);
    let begins = [&b"HTTP/"[..], NO_ANSWER, METER];
    begins.into_iter().any(|begin| line.starts_with(begin))
}

/// Whether an input that begins with this line tells all that curl does.
pub(super) fn is_verbose(line: &[u8]) -> bool {
    let line = unmarked(line);
    let begins = [&b"* "[..], b"> ", b"< ", b"Note: Unnecessary use of -X"];
    begins.into_iter().any(|begin| line.starts_with(begin))
}

/// The text without the progress of the transfer, which curl prints on its standard error.
///
/// It tells it on one line, beginning anew with a carriage return, and what it prints otherwise
/// may stand right behind. Where a text does not begin so, there is none.
pub(super) fn without_meter(text: &[u8]) -> Cow<'_, [u8]> {
    let mut rest = unmarked(text);
    if !rest.starts_with(METER) {
        return Cow::Borrowed(text);
    }
    // The two lines of its head.
    rest = split_line(rest).1;
    if rest.trim_ascii_start().starts_with(b"Dload") {
        rest = split_line(rest).1;
    }
    let mut kept = Vec::with_capacity(rest.len());
    let mut fresh = true;
    while let Some((first, behind)) = rest.split_first() {
        let row = match first {
            b'\r' => meter_row(behind),
            _ if fresh => meter_row(rest),
            _ => None,
        };
        rest = match row {
            // The end of its line, unless something else stands there.
            Some(behind) => behind.strip_prefix(b"\n").unwrap_or(behind),
            None => {
                kept.push(*first);
                behind
            }
        };
        fresh = row.is_some();
    }
    Cow::Owned(kept)
}

/// What is behind a row of the progress: eight numbers, three times, and the present speed.
fn meter_row(text: &[u8]) -> Option<&[u8]> {
    let mut rest = text;
    for column in 0..12 {
        let blank = rest.iter().take_while(|byte| **byte == b' ').count();
        if column > 0 && blank == 0 {
            return None;
        }
        rest = &rest[blank..];
        let is_time = (8..11).contains(&column);
        let part = |byte: &u8| match byte {
            b'0'..=b'9' => true,
            b'-' | b':' | b'd' | b'h' => is_time,
            b'.' => !is_time,
            _ => false,
        };
        let length = rest.iter().take_while(|byte| part(byte)).count();
        if length == 0 {
            return None;
        }
        rest = &rest[length..];
        if !is_time && let [b'k' | b'M' | b'G' | b'T' | b'P', behind @ ..] = rest {
            rest = behind;
        }
    }
    Some(rest)
}

impl<'a> Curl<'a> {
    /// Reads what was printed, which [began](is_begin) as curl's.
    pub(super) fn read(text: &'a [u8]) -> Result<Self, &'static str> {
        let text = unmarked(text);
        if text.starts_with(NO_ANSWER) {
            return Ok(Self {
                status: None,
                headers: HeaderMap::new(),
                body: text,
            });
        }
        let (line, mut behind) = split_line(text);
        let mut status = status_of(line).ok_or("no status line, such as `HTTP/1.1 429`")?;
        loop {
            let (headers, body) = head(behind);
            let (line, next) = split_line(body);
            match status_of(line) {
                Some(later) => (status, behind) = (later, next),
                None => {
                    let status = Some(status);
                    return Ok(Self {
                        status,
                        headers,
                        body,
                    });
                }
            }
        }
    }

    pub(super) fn into_given(self, args: &ExplainArgs) -> Given {
        Given {
            body: self.body.to_vec(),
            ..Given::new(args, self.status, self.headers)
        }
    }
}

/// The text without a byte order mark and space before it.
fn unmarked(text: &[u8]) -> &[u8] {
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    text.trim_ascii_start()
}

/// The status of a status line: `HTTP/1.1 429 Too Many Requests`, `HTTP/2 429`.
fn status_of(line: &[u8]) -> Option<u16> {
    let rest = line.strip_prefix(b"HTTP/")?;
    let mut words = rest.split(|byte| *byte == b' ');
    let version = words.next()?;
    let known = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
    if version.is_empty() || !version.iter().all(known) {
        return None;
    }
    let digits = words.next().filter(|digits| digits.len() == 3)?;
    let status = str::from_utf8(digits).ok()?.parse().ok()?;
    (100..=999).contains(&status).then_some(status)
}

/// Reads headers as far as the blank line, and gives what is behind it. What is no header is
/// passed over.
fn head(mut text: &[u8]) -> (HeaderMap, &[u8]) {
    let mut headers = HeaderMap::new();
    let mut last: Option<(HeaderName, Vec<u8>)> = None;
    let mut keep = |header: Option<(HeaderName, Vec<u8>)>| {
        if let Some((name, value)) = header
            && headers.len() < MAX_HEADERS
            && let Ok(value) = HeaderValue::from_bytes(value.trim_ascii())
        {
            // It has bounds of its own, which are wider.
            let _ = headers.try_append(name, value);
        }
    };
    while !text.is_empty() {
        let (line, behind) = split_line(text);
        text = behind;
        if line.is_empty() {
            break;
        }
        // A value that goes on in the next line, as it once was allowed to.
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            if let Some((_, value)) = &mut last {
                value.push(b' ');
                value.extend_from_slice(line.trim_ascii());
            }
            continue;
        }
        keep(last.take());
        let mut parts = line.splitn(2, |byte| *byte == b':');
        if let (Some(name), Some(value)) = (parts.next(), parts.next())
            && let Ok(name) = HeaderName::from_bytes(name)
        {
            last = Some((name, value.to_vec()));
        }
    }
    keep(last);
    (headers, text)
}

/// The first line without its end, and what is behind it.
fn split_line(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| *byte == b'\n');
    let (line, behind) = match end {
        Some(end) => (&text[..end], &text[end + 1..]),
        None => (text, &[][..]),
    };
    (line.strip_suffix(b"\r").unwrap_or(line), behind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Option<u16>, Vec<(String, String)>, &str) {
        let curl = Curl::read(text.as_bytes()).unwrap();
        let headers = curl.headers.iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.to_string(), value)
        });
        (
            curl.status,
            headers.collect(),
            str::from_utf8(curl.body).unwrap(),
        )
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn every_version_and_line_end_is_read() {
        for (text, status) in [
            (
                "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\n\r\n{\"a\": 1}\n",
                429,
            ),
            ("HTTP/2 529 \nretry-after:7\n\n{\"a\": 1}\n", 529),
            ("HTTP/3 503\nretry-after: \t7 \n\n{\"a\": 1}\n", 503),
            (
                "\u{feff}\r\nHTTP/1.0 500 x\r\nRETRY-AFTER: 7\r\n\r\n{\"a\": 1}\n",
                500,
            ),
        ] {
            let expected = (Some(status), pairs(&[("retry-after", "7")]), "{\"a\": 1}\n");
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn the_last_head_counts() {
        let text = "HTTP/1.1 200 Connection established\r\nvia: p\r\n\r\n\
                    HTTP/1.1 100 Continue\r\n\r\n\
                    HTTP/1.1 307 Temporary Redirect\r\nlocation: /\r\n\r\n\
                    HTTP/2 401 \r\nserver: x\r\n\r\nno";
        assert_eq!(read(text), (Some(401), pairs(&[("server", "x")]), "no"));
    }

    #[test]
    fn there_may_be_no_body_and_no_end_of_the_head() {
        let expected = (Some(429), pairs(&[("a", "1")]), "");
        for text in [
            "HTTP/2 429\r\na: 1\r\n\r\n",
            "HTTP/2 429\na: 1\n\n",
            "HTTP/2 429\na: 1\n",
            "HTTP/2 429\na: 1",
        ] {
            assert_eq!(read(text), expected);
        }
        assert_eq!(read("HTTP/2 429"), (Some(429), Vec::new(), ""));
    }

    #[test]
    fn what_is_no_header_is_passed_over() {
        let text = "HTTP/1.1 429 \nnonsense\nb c: 1\na: 1\n  and 2\na: 3\n: 4\nd: \u{1}\n\n";
        assert_eq!(read(text).1, pairs(&[("a", "1 and 2"), ("a", "3")]));
        let many = "x: 1\n".repeat(100_000);
        assert_eq!(read(&format!("HTTP/2 429\n{many}\nbody")).2, "body");
    }

    #[test]
    fn a_body_that_speaks_of_http_is_a_body() {
        let text = "HTTP/1.1 502 Bad Gateway\n\nHTTP/1.1 is what we speak\n";
        assert_eq!(read(text).2, "HTTP/1.1 is what we speak\n");
    }

    #[test]
    fn curl_tells_when_there_is_no_answer() {
        let text = "curl: (7) Failed to connect to localhost port 1: Connection refused\n";
        assert!(is_begin(text.as_bytes()));
        assert_eq!(read(text), (None, Vec::new(), text));
    }

    #[test]
    fn the_progress_of_the_transfer_is_passed_over() {
        let head = "  % Total    % Received % Xferd  Average Speed   Time    Time     Time  Current\n\
                    \x20                                Dload  Upload   Total   Spent    Left  Speed\n";
        let none =
            "\r  0     0    0     0    0     0      0      0 --:--:-- --:--:-- --:--:--     0";
        let all =
            "\r100 1.2M  100 98.6k    0     0  73245      0  0:00:12  1:00:00 --:--:-- 72.0k\n";
        let answer = "HTTP/1.1 429 x\r\na: 1\r\n\r\n";
        let failed = "curl: (7) Failed\n";
        for (text, expected) in [
            (
                format!("{head}{none}{all}{answer}no"),
                format!("{answer}no"),
            ),
            // What stands on the same line.
            (
                format!("{head}{none}{answer}no{all}"),
                format!("{answer}no"),
            ),
            (format!("{head}{none}{none}\n{failed}"), failed.to_owned()),
            // What only looks like it.
            (
                format!("{head}{none}{all}{answer}\r100 1.2M 7 8"),
                format!("{answer}\r100 1.2M 7 8"),
            ),
            (format!("{answer}{none}"), format!("{answer}{none}")),
        ] {
            assert!(is_begin(text.as_bytes()));
            let kept = without_meter(text.as_bytes());
            assert_eq!(String::from_utf8_lossy(&kept), expected);
        }
    }

    #[test]
    fn a_head_without_a_status_is_refused() {
        for text in [
            "HTTP/",
            "HTTP/1.1",
            "HTTP/1.1 4x9",
            "HTTP/1.1 042",
            "HTTP/x 429",
            "HTTP/2 4290",
        ] {
            assert!(is_begin(text.as_bytes()));
            assert!(Curl::read(text.as_bytes()).is_err(), "{text}");
        }
    }
}
