use super::Text;
use crate::request::Str;
use bytes::Bytes;
use memchr::memmem;
use std::{borrow::Cow, ops::Range};

/// What the last event looked like that said a text and nothing else.
///
/// Nearly all events of a stream are alike: the same bytes, with another piece of text in the same
/// place, and of some servers another number or some padding. Such an event need not be read as a
/// whole. Where one string stands for another one, all else being the same, it is the same JSON,
/// and says the same but for the text.
#[derive(Debug, Default)]
pub(super) struct Shape {
    raw: Vec<u8>,
    /// What may differ, from the first to the last.
    holes: Vec<(Range<usize>, Hole)>,
}

/// What may stand in the place of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hole {
    /// What is said: a string, with its quotes.
    Text,
    /// What is in a string that nobody reads, without escapes.
    Padding,
    /// A number that nobody reads, whole and not negative.
    Number,
}

/// What differs from one event to the next, of OpenAI's. A quote within a string has a backslash
/// before it, so that these can't be but the name of a field and the start of its value.
const VARIES: [(&[u8], Hole); 2] = [
    (b"\"obfuscation\":\"", Hole::Padding),
    (b"\"sequence_number\":", Hole::Number),
];

/// Events like the last one that stand one after the other.
#[derive(Debug)]
pub(super) struct Run {
    /// How long they are together, in bytes.
    pub(super) len: usize,
    /// What they say together.
    pub(super) text: Text,
}

impl Shape {
    /// Larger ones are rare, and not worth to be kept. Nor is a text worth to be looked for that
    /// has no end within as much: what comes bit by bit would be looked through each time.
    const MOST: usize = 4 << 10;

    /// Learns from an event that said this and nothing else.
    pub(super) fn learn(&mut self, raw: &[u8], text: &Text) {
        // Not one that had escapes, and was written anew.
        let Some(said) = place_of(text.as_bytes(), raw) else {
            return;
        };
        let said = said.start - 1..said.end + 1;
        // Whether a CR is the whole end of an event, only what follows it tells.
        if raw.len() > Self::MOST || !raw.ends_with(b"\n") {
            return;
        }
        self.raw.clear();
        self.raw.extend_from_slice(raw);
        self.holes.clear();
        self.holes.push((said, Hole::Text));
        let varies = VARIES.iter().filter_map(|(name, hole)| {
            let start = memmem::find(raw, name)? + name.len();
            let end = start + hole.length(&raw[start..])?;
            Some((start..end, *hole))
        });
        self.holes.extend(varies);
        self.holes.sort_unstable_by_key(|(place, _)| place.start);
    }

    /// The events like the last one with which these bytes begin, at most so many, if there is
    /// one. None of them is larger than `limit`.
    ///
    /// The bytes begin where a frame does. An event ends where the one did that it is like: there
    /// is no end of a line in what may differ.
    pub(super) fn run(&self, bytes: &Bytes, most: usize, limit: usize) -> Option<Run> {
        let (mut len, first) = self.one(bytes, limit)?;
        let mut joined = None;
        for _ in 1..most {
            let Some((next, text)) = self.one(&bytes[len..], limit) else {
                break;
            };
            let joined = joined.get_or_insert_with(|| String::from(&*first));
            joined.push_str(&text);
            len += next;
        }
        let text = match joined {
            Some(joined) => Text::of(joined),
            None => Text::new(first, bytes),
        };
        Some(Run { len, text })
    }

    /// The event like the last one with which these bytes begin: its length, and what it says.
    fn one<'a>(&self, bytes: &'a [u8], limit: usize) -> Option<(usize, Cow<'a, str>)> {
        let mut rest = bytes;
        let mut known = 0;
        let mut text = None;
        for (place, hole) in &self.holes {
            rest = rest.strip_prefix(&self.raw[known..place.start])?;
            let (value, after) = rest.split_at(hole.length(rest)?);
            if *hole == Hole::Text {
                text = Some(value);
            }
            rest = after;
            known = place.end;
        }
        rest = rest.strip_prefix(&self.raw[known..])?;
        let len = bytes.len() - rest.len();
        let Str(text) = serde_json::from_slice(text?).ok()?;
        (!text.is_empty() && len <= limit).then_some((len, text))
    }
}

impl Hole {
    /// How long what these bytes begin with is, if it can stand here.
    fn length(self, bytes: &[u8]) -> Option<usize> {
        match self {
            Self::Text => {
                let bytes = &bytes[..bytes.len().min(Shape::MOST)];
                let mut rest = bytes.strip_prefix(b"\"")?.iter();
                loop {
                    match rest.next()? {
                        b'"' => return Some(bytes.len() - rest.len()),
                        b'\\' => _ = rest.next()?,
                        _ => {}
                    }
                }
            }
            Self::Padding => {
                let plain = |byte: &u8| matches!(byte, b' '..=b'~') && !b"\"\\".contains(byte);
                let mut within = bytes.iter().take(Shape::MOST);
                let end = within.position(|byte| !plain(byte))?;
                (bytes[end] == b'"').then_some(end)
            }
            Self::Number => {
                let mut within = bytes.iter().take(Shape::MOST);
                let end = within.position(|byte| !byte.is_ascii_digit())?;
                let padded = end > 1 && bytes[0] == b'0';
                (end > 0 && !padded && matches!(bytes[end], b',' | b'}')).then_some(end)
            }
        }
    }
}

/// Where in `whole` this part of its memory stands.
fn place_of(part: &[u8], whole: &[u8]) -> Option<Range<usize>> {
    let start = (part.as_ptr() as usize).checked_sub(whole.as_ptr() as usize)?;
    let end = start + part.len();
    (end <= whole.len()).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Dialect,
        stream::{Part, StreamReader},
    };
    use std::str;

    const CHAT: &str = r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"one"},"finish_reason":null}],"obfuscation":"a1"}"#;
    const MESSAGES: &str =
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"one"}}"#;
    const RESPONSES: &str = r#"{"type":"response.output_text.delta","sequence_number":9,"item_id":"i","delta":"one","obfuscation":"a1"}"#;
    const GEMINI: &str =
        r#"{"candidates":[{"content":{"parts":[{"text":"one"}],"role":"model"},"index":0}]}"#;

    fn raw(data: &str) -> Bytes {
        format!("data: {data}\n\n").into()
    }

    /// A reader that has read this event twice: the first one begins the answer.
    fn reader(dialect: Dialect, event: &Bytes) -> StreamReader {
        let mut reader = StreamReader::new(dialect);
        for _ in 0..2 {
            reader.push(event.clone());
            assert!(reader.next_item().unwrap().is_content());
        }
        reader
    }

    /// What this event says, if it is like the one of this shape.
    fn fit(shape: &Shape, event: &Bytes) -> Option<Text> {
        let run = shape.run(event, 1, usize::MAX)?;
        (run.len == event.len()).then_some(run.text)
    }

    /// The shape of this event, in which `one` is said.
    fn shape(event: &Bytes) -> Shape {
        let at = memmem::find(event, b"one").unwrap();
        let text = Text::new(str::from_utf8(&event[at..at + 3]).unwrap().into(), event);
        let mut shape = Shape::default();
        shape.learn(event, &text);
        shape
    }

    #[test]
    fn an_event_like_the_last_one_is_not_read() {
        for (event, next) in [
            (CHAT, CHAT.replace("one", "zwölf").replace("a1", "")),
            (MESSAGES, MESSAGES.replace("one", r#"\"\n\\"#)),
            (
                RESPONSES,
                RESPONSES.replace("one", "!").replace(":9", ":10"),
            ),
            (GEMINI, GEMINI.replace("one", "two, three")),
        ] {
            let text = fit(&shape(&raw(event)), &raw(&next));
            let text = text.unwrap_or_else(|| panic!("{next}"));
            let said = serde_json::to_string(&*text).unwrap();
            assert!(next.contains(&format!(":{said}")), "{text}");
        }
    }

    #[test]
    fn an_event_that_says_something_else_is_read() {
        let shape = shape(&raw(CHAT));
        for (from, to) in [
            ("one", ""),
            ("one", "\\q"),
            ("one", "\\ud800"),
            ("one", "a\nb"),
            ("one", "\", \"refusal\": \"no"),
            ("null", "\"stop\""),
            (":0", ":1"),
            ("content", "refusal"),
            ("a1", "\\u0020"),
            ("a1", "ä"),
            ("}]", "}], \"usage\":{}"),
            ("a1\"}", "a1\"} "),
        ] {
            let other = CHAT.replace(from, to);
            assert_ne!(other, CHAT);
            assert!(fit(&shape, &raw(&other)).is_none(), "{other}");
        }
        assert!(fit(&Shape::default(), &raw(CHAT)).is_none());
        assert!(fit(&Shape::default(), &Bytes::new()).is_none());
    }

    /// Each byte of an event is replaced by each other one: what is taken to be alike is.
    #[test]
    fn what_is_not_read_would_have_been_read_so() {
        let responses = RESPONSES.replace(":9", ":90");
        for (dialect, event) in [
            (Dialect::OpenAiChat, CHAT),
            (Dialect::AnthropicMessages, MESSAGES),
            (Dialect::OpenAiResponses, &responses),
            (Dialect::Gemini, GEMINI),
        ] {
            let event = raw(event);
            let shape = shape(&event);
            let mut alike = 0;
            for at in 0..event.len() {
                for byte in 0..=u8::MAX {
                    let mut other = event.to_vec();
                    other[at] = byte;
                    let other = Bytes::from(other);
                    let Some(text) = fit(&shape, &other) else {
                        continue;
                    };
                    alike += 1;
                    // Of another length, so that it is read.
                    let before = String::from_utf8_lossy(&event).replace("\n\n", " \n\n");
                    let mut reader = reader(dialect, &before.into_bytes().into());
                    reader.push(other.clone());
                    let item = reader.next_item().unwrap();
                    let Part::Delta(delta) = &item.part else {
                        panic!("{other:?}");
                    };
                    assert_eq!(delta.alone(), Some(&text), "{other:?}");
                    assert!(reader.next_item().is_none(), "{other:?}");
                }
            }
            // Any of the three letters by nearly any other one, at least.
            assert!(alike > 3 * 90, "{dialect}: {alike}");
        }
    }
    /// Each is as the last one was, so that nothing but the whole shape can tell where one ends.
    #[test]
    fn events_that_stand_one_after_the_other_are_one_run() {
        for event in [CHAT, MESSAGES, RESPONSES, GEMINI] {
            for end in ["\n", "\r\n"] {
                let event = |text: &str| {
                    let data = event.replace("one", text);
                    format!("event: x{end}data: {data}{end}{end}")
                };
                let learned = event("one").into();
                let shape = shape(&learned);
                let three = [event("a"), event("\\\"b\\n"), event("c")].concat();
                let cut = |rest: &str| Bytes::from([&three, rest].concat());
                for rest in ["", ": ping\n\n", &event("d")[..event("d").len() - 1]] {
                    let run = shape.run(&cut(rest), usize::MAX, usize::MAX);
                    let run = run.unwrap_or_else(|| panic!("{three}"));
                    assert_eq!((run.len, &*run.text), (three.len(), "a\"b\nc"), "{rest}");
                }
                let run = shape.run(&cut(""), 2, usize::MAX).unwrap();
                assert_eq!(&*run.text, "a\"b\n");
                let limit = event("a").len();
                let run = shape.run(&cut(""), usize::MAX, limit).unwrap();
                assert_eq!((run.len, &*run.text), (limit, "a"));
                assert!(shape.run(&cut(""), usize::MAX, limit - 1).is_none());
            }
        }
    }

    #[test]
    fn what_has_no_end_is_not_looked_through_time_and_again() {
        let mut event = raw(CHAT);
        let shape = shape(&event);
        let long = "x".repeat(Shape::MOST);
        for (from, to) in [("one", &long), ("a1", &long)] {
            event = raw(&CHAT.replace(from, to));
            assert!(fit(&shape, &event).is_none());
        }
        let short = &long[..Shape::MOST - 2];
        assert!(fit(&shape, &raw(&CHAT.replace("one", short))).is_some());
    }

    #[test]
    fn where_an_event_ends_is_known_before_what_follows_it() {
        for (end, known) in [("\n", true), ("\r\n", true), ("\r", false)] {
            let event = format!("data: {CHAT}{end}{end}").into();
            let shape = shape(&event);
            assert_eq!(fit(&shape, &event).is_some(), known, "{end:?}");
        }
    }
}
