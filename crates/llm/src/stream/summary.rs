use super::{Delta, Part, ToolDelta};
use crate::{
    Fallback, Finish, Stop, Usage, Verdict,
    classify::means::{CUT_OFF, EMPTY, MALFORMED_OUTPUT},
};
use buttress_core::Blame;
use serde::de::IgnoredAny;

/// What is known of a streamed answer so far: running, and complete when the stream has ended.
///
/// Its texts are kept only as far as [`StreamReader::keep`](crate::StreamReader::keep) allows,
/// so that a stream which is only passed on takes constant memory.
#[derive(Clone, Default)]
pub struct Summary {
    pub(crate) room: usize,
    content: bool,
    calls_tools: bool,
    content_bytes: u64,
    text: String,
    refusal: String,
    tool_calls: Vec<ToolCallSeen>,
    clipped: bool,
    comments: u64,
    finish: Option<Finish>,
    unfinished: bool,
    terminal_marker: bool,
    usage: Usage,
    error: Option<Verdict>,
}

/// A call of a tool that a streamed answer made.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ToolCallSeen {
    /// The call's id.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// Its arguments, as the model wrote them.
    pub arguments: String,
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// The model said that it stopped, and why. Whether the marker at the end came too does not
    /// matter: some servers send none.
    Complete,
    /// The bytes ended before the model did. The marker at the end makes it no better: many a
    /// proxy writes it after whatever came.
    Truncated,
    /// The provider told of a failure.
    Failed,
    /// The bytes ended, or the marker at the end came, without anything of an answer.
    Empty,
}

impl Summary {
    /// How the stream ended, if it has: until then, how it would have ended here.
    #[must_use]
    pub const fn end(&self) -> End {
        if self.error.is_some() {
            End::Failed
        } else if self.finish.is_some() && !self.unfinished {
            End::Complete
        } else if self.content || self.finish.is_some() {
            End::Truncated
        } else {
            End::Empty
        }
    }

    /// The verdict on the answer, given that the stream has ended.
    ///
    /// # Errors
    /// It is not complete; or it is, by its protocol, and was cut off at a limit, refused or
    /// filtered ([`usable`](Verdict::usable)), or calls a tool with arguments that are not JSON.
    pub fn outcome(&self) -> Result<(), Verdict> {
        let verdict = match (self.end(), self.error) {
            (_, Some(error)) => error,
            (End::Complete, None) => return self.finished(),
            (End::Empty, None) => EMPTY.blame(Blame::Service),
            (_, None) => CUT_OFF,
        };
        Err(if self.content {
            verdict.after_content()
        } else {
            verdict
        })
    }

    /// Whether the model said that it stopped, and nothing failed.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        matches!(self.end(), End::Complete)
    }

    /// Whether any content came, see [`StreamItem::is_content`](crate::StreamItem::is_content).
    #[must_use]
    pub const fn has_content(&self) -> bool {
        self.content
    }

    /// Whether it has begun to call a tool.
    #[must_use]
    pub const fn calls_tools(&self) -> bool {
        self.calls_tools
    }

    /// The text, as far as it is kept.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How much content came, in bytes, whether kept or not: text, refusal and calls of tools.
    #[must_use]
    pub const fn content_bytes(&self) -> u64 {
        self.content_bytes
    }

    /// What was said in refusing, as far as it is kept.
    #[must_use]
    pub fn refusal(&self) -> &str {
        &self.refusal
    }

    /// The calls of tools, as far as they are kept.
    #[must_use]
    pub fn tool_calls(&self) -> &[ToolCallSeen] {
        &self.tool_calls
    }

    /// Whether there was more text than was to be kept.
    #[must_use]
    pub const fn is_clipped(&self) -> bool {
        self.clipped
    }

    /// Why the model stopped.
    #[must_use]
    pub const fn finish(&self) -> Option<&Finish> {
        self.finish.as_ref()
    }

    /// Whether the dialect's marker of the end came.
    #[must_use]
    pub const fn terminal_marker(&self) -> bool {
        self.terminal_marker
    }

    /// What the answer was counted as so far.
    #[must_use]
    pub const fn usage(&self) -> &Usage {
        &self.usage
    }

    /// How many comments came. They are not content, and no sign that the model is at work.
    #[must_use]
    pub const fn comments(&self) -> u64 {
        self.comments
    }

    pub(crate) fn add(&mut self, part: &Part, unfinished: bool) {
        self.unfinished = unfinished;
        self.terminal_marker |= part.is_last();
        match part {
            Part::Comment => self.comments += 1,
            Part::Delta(delta) => self.delta(delta),
            // What failed first is why.
            Part::Error(error) => {
                self.error = self.error.or_else(|| Some(error.error.verdict()));
                self.finish = error.finish.clone().or(self.finish.take());
            }
            Part::Done | Part::Ping | Part::Other => {}
        }
    }

    /// Of a dialect that has no marker beside it.
    pub(crate) const fn finish_is_the_end(&mut self) {
        self.terminal_marker |= self.finish.is_some() && !self.unfinished;
    }

    fn delta(&mut self, delta: &Delta) {
        self.content |= delta.is_content();
        self.calls_tools |= !delta.tool_calls.is_empty();
        self.content_bytes += delta.content_bytes();
        if let Some(text) = &delta.text {
            let keep = self.kept(text);
            self.text.push_str(keep);
        }
        if let Some(refusal) = &delta.refusal {
            let keep = self.kept(refusal);
            self.refusal.push_str(keep);
        }
        for call in &delta.tool_calls {
            self.tool_call(call);
        }
        if let Some(finish) = &delta.finish {
            self.finish = Some(finish.clone());
        }
        if let Some(usage) = delta.usage {
            self.usage.update(usage);
        }
    }

    fn tool_call(&mut self, delta: &ToolDelta) {
        let at = delta.index as usize;
        if at >= self.tool_calls.len() {
            // Calls begin in their order; an index that is far out is not worth the memory.
            if self.room == 0 || at > self.tool_calls.len() {
                self.clipped = true;
                return;
            }
            self.tool_calls.push(ToolCallSeen::default());
        }
        let ToolDelta {
            id,
            name,
            arguments,
            ..
        } = delta;
        let [id, name, arguments] = [id, name, arguments].map(|text| match text {
            Some(text) => self.kept(text),
            None => "",
        });
        let call = &mut self.tool_calls[at];
        call.id.push_str(id);
        call.name.push_str(name);
        call.arguments.push_str(arguments);
    }

    /// As much of this text as there is room for.
    fn kept<'a>(&mut self, text: &'a str) -> &'a str {
        let keep = text.floor_char_boundary(self.room);
        self.clipped |= keep < text.len();
        self.room -= keep;
        &text[..keep]
    }

    /// The verdict on an answer that is complete by its protocol.
    fn finished(&self) -> Result<(), Verdict> {
        let Some(finish) = &self.finish else {
            return Ok(());
        };
        if !self.refusal.is_empty() || finish.stop == Stop::ContentFilter {
            return Err(finish
                .verdict()
                .err()
                .unwrap_or(crate::classify::means::REFUSAL));
        }
        if let Err(verdict) = finish.verdict() {
            // It was given all the same, so that nobody else has to be asked.
            return Err(verdict.fallback(match verdict.usable {
                true => verdict.fallback,
                false => Fallback::No,
            }));
        }
        let malformed = |call: &ToolCallSeen| !call.is_valid();
        if !self.clipped && self.tool_calls.iter().any(malformed) {
            return Err(MALFORMED_OUTPUT.fallback(Fallback::No));
        }
        Ok(())
    }
}

impl ToolCallSeen {
    /// Whether the arguments are JSON. None at all are, too.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        let arguments = &self.arguments;
        arguments.is_empty() || serde_json::from_str::<IgnoredAny>(arguments).is_ok()
    }
}

/// Without what was said.
impl std::fmt::Debug for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Summary")
            .field("end", &self.end())
            .field("content", &self.content)
            .field("content_bytes", &self.content_bytes)
            .field("finish", &self.finish)
            .field("usage", &self.usage)
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

/// Without the arguments.
impl std::fmt::Debug for ToolCallSeen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ToolCallSeen")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("arguments", &self.arguments.len())
            .finish()
    }
}
