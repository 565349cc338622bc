use buttress_llm::{StreamEvent, Summary};

/// When a streamed answer is given out: until then it is held back, and whatever fails is an
/// ordinary error, which another attempt or another route can mend.
///
/// The later it is, the more failures of streams the caller never sees, and the longer it waits
/// for the first word. Time limits run as ever: those for the first content and between contents
/// speak of what the provider sends, and not of what is given out.
///
/// What is held back is bounded, see [`LlmClient::commit`](crate::LlmClient::commit): when it is
/// full it is given out, and with it the chance of another attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Commit {
    /// With the first content: text, a refusal, or a call of a tool. The default.
    #[default]
    Content,
    /// When there are about so many tokens of content, at four bytes a token, or a call of a tool.
    Tokens(u32),
    /// With the first call of a tool, or when the answer is complete without one: what an agent
    /// says before it acts is told when it acts.
    ToolCall,
    /// When the answer is complete: a stream that breaks is never seen.
    Complete,
}

impl Commit {
    /// Whether this event, up to which the answer is this, is where it is given out.
    pub(crate) fn is_at(self, event: &StreamEvent, answer: &Summary) -> bool {
        match self {
            _ if event.is_last() => true,
            Self::Content => event.content,
            Self::Tokens(tokens) => {
                answer.calls_tools() || answer.content_bytes() >= 4 * u64::from(tokens.max(1))
            }
            Self::ToolCall => answer.calls_tools(),
            Self::Complete => false,
        }
    }
}
