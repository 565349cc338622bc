//! A request for a better answer than the last one.

use super::{
    Complaint, Field, Fields, LlmRequest,
    carry_on::{list_of, longer},
    fields::range_of,
    splice::Splice,
};
use crate::{
    Dialect, Said,
    cross::{Block, Prompt, Role, Turn},
};
use serde_json::value::RawValue;
use std::{borrow::Cow, str};

impl LlmRequest {
    /// The request for a better answer than this one: the conversation as it was, then what was
    /// said, then the complaint as the user's. What was called has the complaint for its result, or
    /// that it was not run.
    ///
    /// All else is its caller's, byte for byte. It is made of the first request each time, so that
    /// what was asked does not grow with each correction.
    ///
    /// An answer without any text or call is left out, as providers refuse it. Thinking is, too, and
    /// Anthropic's models are told not to think about an answer of which calls are given back, since
    /// they would have to be given their thinking. Arguments that are no JSON object, and names and
    /// ids of calls that can't be sent, are told in words or replaced.
    ///
    /// ```
    /// use buttress_llm::{Complaint, Dialect, LlmRequest, Said};
    ///
    /// let body = r#"{"model": "m", "messages": [{"role": "user", "content": "One?"}], "own": 1}"#;
    /// let request = LlmRequest::parse(Dialect::OpenAiChat, body.into())?;
    /// let answer = br#"{"choices": [{"message": {"content": "Two."}}]}"#;
    /// let said = Said::read(Dialect::OpenAiChat, answer).unwrap();
    ///
    /// let correction = request.correcting(&said, &Complaint::new("No.")).unwrap();
    /// let corrected = concat!(
    ///     r#"{"model": "m", "messages": [{"role": "user", "content": "One?"},"#,
    ///     r#"{"role":"assistant","content":"Two."},{"role":"user","content":"No."}], "own": 1}"#,
    /// );
    /// assert_eq!(correction.body(), corrected);
    /// # Ok::<_, buttress_llm::InvalidRequest>(())
    /// ```
    ///
    /// # Errors
    /// It can't be corrected: why not, in stable words. The answer goes into a conversation that the
    /// provider keeps, and would stay there; it is given later; or it is one of several.
    pub fn correcting(&self, said: &Said, complaint: &Complaint) -> Result<Self, &'static str> {
        let text = str::from_utf8(&self.body).unwrap_or_default();
        let Fields(fields) = serde_json::from_str(text)
            .map_err(|_| "a request that can't be read is not corrected")?;
        can_be_corrected(self.dialect, &fields)?;

        let dialect = self.dialect;
        let mut splice = Splice::default();
        let list = fields
            .iter()
            .find(|(name, _)| dialect.field(name) == Field::Messages);
        let mut turns = list.map_or_else(Vec::new, |(_, list)| list_of(dialect, list));
        let tools = match said.calls.is_empty() {
            true => Vec::new(),
            false => self.tool_parameters(),
        };
        let declared = tools.into_iter().map(|tool| tool.name).collect();
        let mut more = complaint.turns(said, &declared);
        // What the model had been given the beginning of is one turn with it.
        if let [
            Turn {
                role: Role::Assistant,
                content,
            },
            _,
        ] = &more[..]
            && let [Block::Text(said)] = &content[..]
            && let Some(last) = turns.last().and_then(|last| longer(last, said, false))
        {
            turns.pop();
            turns.push(last.into());
            more.remove(0);
        }
        let prompt = Prompt {
            turns: more,
            ..Prompt::default()
        };
        let more = dialect.encode_turns(&prompt);
        let more = more.map_err(|_| "an answer that can't be written is not corrected")?;
        let more = str::from_utf8(&more).unwrap_or_default();
        turns.extend(list_of_turns(more).map(Cow::Borrowed));
        let turns = format!("[{}]", turns.join(","));
        match list {
            Some((_, list)) => splice.replace(range_of(list.get(), text), turns),
            None => {
                let front = text.find('{').map_or(0, |brace| brace + 1);
                let comma = if fields.is_empty() { "" } else { "," };
                let name = dialect.messages_field();
                splice.insert(front, format!("\"{name}\":{turns}{comma}"));
            }
        }
        if dialect == Dialect::AnthropicMessages && !said.calls.is_empty() {
            for (name, value) in &fields {
                if name == "thinking" && demands_thinking(value.get()) {
                    splice.replace(range_of(value.get(), text), r#"{"type":"disabled"}"#);
                }
            }
        }
        let mut request = self
            .with_body(splice.apply(&self.body))
            .ok_or("an answer that is nested too deep is not corrected")?;
        request.said = None;
        Ok(request)
    }

    /// Whether an answer to it could be [corrected](Self::correcting).
    ///
    /// # Errors
    /// It can't, for this reason, in stable words.
    pub fn correctable(&self) -> Result<(), &'static str> {
        let text = str::from_utf8(&self.body).unwrap_or_default();
        let read = serde_json::from_str(text);
        let Fields(fields) = read.map_err(|_| "a request that can't be read is not corrected")?;
        can_be_corrected(self.dialect, &fields)
    }
}

fn can_be_corrected(
    dialect: Dialect,
    fields: &[(Cow<'_, str>, &RawValue)],
) -> Result<(), &'static str> {
    for (name, value) in fields {
        let value = value.get();
        match (dialect, &**name) {
            _ if value == "null" => {}
            (Dialect::OpenAiResponses, "conversation") | (Dialect::AnthropicMessages, "thread") => {
                return Err("an answer in a conversation that is kept is not corrected");
            }
            (Dialect::OpenAiResponses, "background") if value == "true" => {
                return Err("an answer that is given later is not corrected");
            }
            (Dialect::OpenAiChat, "n") if value != "1" => return Err(SEVERAL),
            (Dialect::Gemini, "generationConfig" | "generation_config") => {
                let settings = serde_json::from_str(value);
                let settings = settings.map_or_else(|_| Vec::new(), |Fields(it)| it);
                let several = settings.iter().any(|(name, value)| {
                    matches!(&**name, "candidateCount" | "candidate_count")
                        && !matches!(value.get(), "null" | "1")
                });
                if several {
                    return Err(SEVERAL);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

const SEVERAL: &str = "one of several answers is not corrected";

/// Whether one of Anthropic's models that thinks so has to be given what it thought before it
/// called a tool. Those that think as they see fit do not.
fn demands_thinking(thinking: &str) -> bool {
    let fields = serde_json::from_str(thinking).map_or_else(|_| Vec::new(), |Fields(it)| it);
    let mut kinds = fields.iter().filter(|(name, _)| name == "type");
    kinds.any(|(_, kind)| kind.get() == r#""enabled""#)
}

fn list_of_turns(list: &str) -> impl Iterator<Item = &str> {
    let turns: Vec<&RawValue> = serde_json::from_str(list).unwrap_or_default();
    turns.into_iter().map(RawValue::get)
}

#[cfg(test)]
mod tests;
