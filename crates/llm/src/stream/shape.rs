use super::Text;
use crate::request::Str;
use bytes::Bytes;
use memchr::memmem;
use std::ops::Range;

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

impl Shape {
    /// Larger ones are rare, and not worth to be kept.
    const MOST: usize = 4 << 10;

    /// Learns from an event that said this and nothing else.
    pub(super) fn learn(&mut self, raw: &[u8], text: &Text) {
        // Not one that had escapes, and was written anew.
        let Some(said) = place_of(text.as_bytes(), raw) else {
            return;
        };
        let said = said.start - 1..said.end + 1;
        if raw.len() > Self::MOST {
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

    /// What this event says, if it is like the last one.
    pub(super) fn fit(&self, raw: &Bytes) -> Option<Text> {
        let mut rest: &[u8] = raw;
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
        if *rest != self.raw[known..] {
            return None;
        }
        let Str(text) = serde_json::from_slice(text?).ok()?;
        (!text.is_empty()).then(|| Text::new(text, raw))
    }
}

impl Hole {
    /// How long what these bytes begin with is, if it can stand here.
    fn length(self, bytes: &[u8]) -> Option<usize> {
        match self {
            Self::Text => {
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
                let end = bytes.iter().position(|byte| !plain(byte))?;
                (bytes[end] == b'"').then_some(end)
            }
            Self::Number => {
                let end = bytes.iter().position(|byte| !byte.is_ascii_digit())?;
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
            let text = shape(&raw(event)).fit(&raw(&next));
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
            assert!(shape.fit(&raw(&other)).is_none(), "{other}");
        }
        assert!(Shape::default().fit(&raw(CHAT)).is_none());
        assert!(Shape::default().fit(&Bytes::new()).is_none());
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
                    let Some(text) = shape.fit(&other) else {
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
}
