use super::{
    Delta, End, Part, StreamError, StreamItem, Summary, json_tool::JsonTool, shape::Shape,
};
use crate::{
    Dialect, LlmError, Provider, Truncated,
    sse::{Decoder, Event, Unread},
};
use bytes::Bytes;

/// Reads the stream of an answer: what each frame says, and in the end how it ended.
///
/// It is pushed the bytes in whatever pieces they come. A frame's bytes are handed on as they
/// were, so that a caller of the same dialect gets exactly what the provider sent; of an event
/// only the few fields that are needed are read.
///
/// ```
/// use buttress_llm::{Dialect, End, StreamReader};
///
/// let mut reader = StreamReader::new(Dialect::OpenAiChat);
/// reader.push("data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\ndata: {\"cho".into());
/// let item = reader.next_item().expect("a whole frame");
/// assert!(item.is_content());
/// assert!(reader.next_item().is_none());
///
/// // The connection is closed here: that is no end of an answer.
/// reader.close();
/// assert!(reader.next_item().is_none());
/// assert_eq!(reader.summary().end(), End::Truncated);
/// assert!(reader.summary().outcome().is_err());
/// ```
#[derive(Debug)]
pub struct StreamReader {
    decoder: Decoder,
    dialect: Dialect,
    reading: Reading,
    shape: Shape,
    summary: Summary,
    json_tool: Option<JsonTool>,
    /// What was read has not been given out yet.
    held: bool,
    /// The marker at the end was read, or nothing more can be.
    over: bool,
}

/// What a dialect has to remember from one event to the next.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) provider: Provider,
    /// How much content was given out before, in bytes.
    pub(crate) emitted: u64,
    /// The start was told.
    pub(crate) started: bool,
    /// The model is refusing.
    pub(crate) refused: bool,
    /// Of several answers in one stream, those that began and those that finished, bit by bit.
    pub(crate) choices: u64,
    pub(crate) finished: u64,
    /// Which blocks of the answer are calls of tools, in their order.
    pub(crate) tool_blocks: Vec<u32>,
    /// The ids of these, where there is nothing else to tell them apart by.
    pub(crate) tool_ids: Vec<Box<str>>,
}

impl StreamReader {
    /// A reader at the start of an answer in this dialect.
    #[must_use]
    pub fn new(dialect: Dialect) -> Self {
        Self {
            decoder: match dialect {
                // Its last event is the whole answer.
                Dialect::OpenAiResponses => Decoder::new().max_event(16 << 20),
                _ => Decoder::new(),
            },
            dialect,
            reading: Reading {
                provider: dialect.usual_provider(),
                emitted: 0,
                started: false,
                refused: false,
                choices: 0,
                finished: 0,
                tool_blocks: Vec::new(),
                tool_ids: Vec::new(),
            },
            shape: Shape::default(),
            summary: Summary::default(),
            json_tool: None,
            held: false,
            over: false,
        }
    }

    /// Sets who is answering, which helps to judge an error [whose dialect it is].
    #[must_use]
    pub const fn provider(mut self, provider: Provider) -> Self {
        self.reading.provider = provider;
        self
    }

    /// Sets how large one event may be, in bytes [1 MiB; 16 MiB of a response, which is said once
    /// more in its last event]. A larger one ends the stream as a failure of the provider.
    #[must_use]
    pub fn max_event(mut self, bytes: usize) -> Self {
        self.decoder = self.decoder.max_event(bytes);
        self
    }

    /// Sets how much of the answer the [`Summary`] keeps, in bytes of all its texts together
    /// \[0\]. Nothing but its length is kept of the rest. Whether the arguments of tool calls are
    /// JSON is seen only of what is kept.
    #[must_use]
    pub const fn keep(mut self, bytes: usize) -> Self {
        self.summary.room = bytes;
        self
    }

    /// Sets whether a call of the tool by which the request asked for JSON is the text of the
    /// answer: what [`Encoded::json_tool`](crate::Encoded::json_tool) says \[no\]. The bytes of
    /// an item stay as they are.
    #[must_use]
    pub fn json_tool(mut self, json_tool: bool) -> Self {
        self.json_tool = json_tool.then(JsonTool::default);
        self
    }

    /// Says that what is read is held back and not given out until [`give_out`](Self::give_out):
    /// a failure before is judged as one before any content, which may be mended by asking again.
    #[must_use]
    pub const fn hold(mut self) -> Self {
        self.held = true;
        self
    }

    /// Says that what was held back is given out now.
    pub const fn give_out(&mut self) {
        self.held = false;
        self.reading.emitted = self.summary.content_bytes();
    }

    /// Adds the next piece of the stream. Take out all its items before the next one.
    pub fn push(&mut self, piece: Bytes) {
        if !self.over {
            self.decoder.push(piece);
        }
    }

    /// Says that the stream has ended. There may be a last item to take out.
    pub fn close(&mut self) {
        self.decoder.end();
    }

    /// What the stream says next, if all of it is there.
    pub fn next_item(&mut self) -> Option<StreamItem> {
        self.next(1)
    }

    /// The same, but where several events that say a text and nothing else came together, all of
    /// them may be one item.
    pub(crate) fn next_run(&mut self) -> Option<StreamItem> {
        self.next(usize::MAX)
    }

    /// What the stream says next, in at most so many events.
    fn next(&mut self, most: usize) -> Option<StreamItem> {
        if self.over {
            return None;
        }
        let mut item = match self.read_alike(most) {
            Some(item) => item,
            None => self.read_next()?,
        };
        if let (Some(json_tool), Part::Delta(delta)) = (&mut self.json_tool, &mut item.part) {
            json_tool.rewrite(delta);
        }
        self.over |= item.part.is_last();
        self.summary.add(&item.part, self.reading.unfinished());
        if self.dialect.ends_with_its_finish() {
            self.summary.finish_is_the_end();
        }
        if !self.held {
            self.reading.emitted = self.summary.content_bytes();
        }
        Some(item)
    }

    /// Events that are like the last one, at most so many.
    fn read_alike(&mut self, most: usize) -> Option<StreamItem> {
        let limit = self.decoder.limit();
        let run = self.shape.run(self.decoder.at_start()?, most, limit)?;
        let part = Part::Delta(Delta {
            text: Some(run.text),
            ..Delta::default()
        });
        let raw = self.decoder.take(run.len);
        Some(StreamItem { raw, part })
    }

    /// The next frame.
    fn read_next(&mut self) -> Option<StreamItem> {
        Some(match self.decoder.next_unread()? {
            Ok(Unread::Comment(raw)) => StreamItem {
                raw,
                part: Part::Comment,
            },
            Ok(Unread::Event(raw)) => self.read_event(raw),
            // What is larger than anything that makes sense is not read to its end.
            Err(_) => {
                self.over = true;
                StreamItem {
                    raw: Bytes::new(),
                    part: Part::Error(self.reading.broken()),
                }
            }
        })
    }

    fn read_event(&mut self, raw: Bytes) -> StreamItem {
        let event = Event::parse(raw);
        let part = self.dialect.read_event(&mut self.reading, &event);
        if let Part::Delta(delta) = &part
            && let Some(text) = delta.alone()
        {
            self.shape.learn(&event.raw, text);
        }
        StreamItem {
            raw: event.raw,
            part,
        }
    }

    /// What is known of the answer so far, and how it ended if it has.
    #[must_use]
    pub const fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Why there is no whole answer, given that the stream has ended; `None` when there is, and
    /// when the stream told of a failure itself.
    #[must_use]
    pub fn truncated(&self) -> Option<Truncated> {
        match self.summary.end() {
            End::Truncated | End::Empty => Some(Truncated::new(self.reading.emitted)),
            End::Complete | End::Failed => None,
        }
    }

    /// The failure that this item is, if the model stops with it for a reason that leaves nothing
    /// to be given, and nothing was.
    pub(crate) fn useless(&self, item: &StreamItem) -> Option<LlmError> {
        let Part::Delta(Delta { finish, .. }) = &item.part else {
            return None;
        };
        let verdict = finish.as_ref()?.verdict().err()?;
        let useless = !verdict.usable && self.summary.is_complete() && !self.summary.has_content();
        useless.then(|| LlmError::useless(self.reading.provider, verdict, &item.raw))
    }

    /// The dialect that is read.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Whether the marker at the end was read, or nothing more can be.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.over
    }
}

impl Reading {
    /// Whether an answer that began has not finished.
    const fn unfinished(&self) -> bool {
        self.choices & !self.finished != 0
    }

    /// The provider says that it failed, in this event.
    pub(crate) fn error(&self, event: &[u8]) -> StreamError {
        StreamError {
            error: LlmError::in_stream(self.provider, event, self.emitted > 0),
            finish: None,
            last: false,
        }
    }

    /// The bytes are not what they should be: no better than a stream that broke off.
    pub(crate) fn broken(&self) -> StreamError {
        StreamError {
            error: Truncated::new(self.emitted).into(),
            finish: None,
            last: false,
        }
    }
}
