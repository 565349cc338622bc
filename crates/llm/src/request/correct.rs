//! A request for a better answer than the last one.

use super::{
    Field, Fields, LlmRequest,
    carry_on::{list_of, longer},
    fields::range_of,
    splice::Splice,
};
use crate::{
    Dialect, Said, ToolCallSeen,
    cross::{Block, IdRule, Prompt, Role, ToolCall, ToolResult, Turn, object},
};
use serde_json::{Value, value::RawValue};
use std::{
    borrow::Cow,
    collections::{BTreeMap, HashSet},
    fmt, str,
};

/// What is wrong with an answer, in words for the model.
///
/// ```
/// use buttress_llm::Complaint;
///
/// let complaint = Complaint::new("Your answer is not valid: `n` must be an integer.");
/// let complaint = complaint.call(1, "`city` is missing.");
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Complaint {
    text: String,
    calls: BTreeMap<usize, String>,
}

impl Complaint {
    /// This is wrong with the answer; nothing, where only calls of tools are wrong.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            calls: BTreeMap::new(),
        }
    }

    /// This is wrong with that one of its calls of tools, counted from 0: it is told as what came
    /// of the call.
    #[must_use]
    pub fn call(mut self, at: usize, text: impl Into<String>) -> Self {
        self.calls.insert(at, text.into());
        self
    }
}

/// What came of a call with which nothing is wrong.
const NOT_RUN: &str = "Not run, because another part of your answer was wrong. Call it again if it \
    is still needed.";

/// In front of arguments that can't stand where arguments do.
const LEFT_OUT: &str = "The arguments could not be read as a JSON object, and are left out \
    above. They were: ";

/// What is said where there is no complaint.
const WRONG: &str = "Your answer is not what was asked for. Give it again.";

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
        can_be_corrected(&fields)?;

        let dialect = self.dialect;
        let mut splice = Splice::default();
        let list = fields
            .iter()
            .find(|(name, _)| dialect.field(name) == Field::Messages);
        let mut turns = list.map_or_else(Vec::new, |(_, list)| list_of(dialect, list));
        let mut more = self.turns_of(said, complaint);
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

    /// What was said, and the complaint.
    fn turns_of<'a>(&self, said: &'a Said, complaint: &'a Complaint) -> Vec<Turn<'a>> {
        let mut answer = Vec::new();
        if !said.text.trim().is_empty() {
            answer.push(Block::Text(Cow::Borrowed(&*said.text)));
        }
        let declared = match said.calls.is_empty() {
            true => HashSet::new(),
            false => {
                let tools = self.tool_parameters().into_iter();
                tools.map(|tool| tool.name.into_owned()).collect()
            }
        };
        let mut ids = HashSet::new();
        let mut replies = Vec::new();
        for (at, call) in said.calls.iter().enumerate() {
            let id = match call.id.is_empty() || !ids.insert(&*call.id) {
                true => IdRule::Exactly(24)
                    .fit(&format!("{}#{at}", said.id))
                    .into_owned()
                    .into(),
                false => Cow::Borrowed(&*call.id),
            };
            // One that others can't read either, such as half a character in an escape, is none.
            let arguments = object(&call.arguments)
                .filter(|it| serde_json::from_str::<Value>(it.get()).is_ok());
            answer.push(Block::ToolCall(ToolCall {
                id: id.clone(),
                name: match declared.contains(&call.name) {
                    true => Cow::Borrowed(&*call.name),
                    false => plain_name(&call.name),
                },
                arguments: Cow::Borrowed(arguments.map_or("{}", RawValue::get)),
            }));
            let last = at + 1 == said.calls.len();
            replies.push(Block::ToolResult(ToolResult {
                id,
                name: None,
                content: vec![Block::Text(
                    came_of(
                        call,
                        complaint.calls.get(&at),
                        arguments.is_none(),
                        last,
                        complaint,
                    )
                    .into(),
                )],
                is_error: true,
            }));
        }
        if replies.is_empty() {
            let parts = [&complaint.text]
                .into_iter()
                .chain(complaint.calls.values());
            let parts: Vec<_> = parts
                .map(|it| &**it)
                .filter(|it| !it.trim().is_empty())
                .collect();
            let words = match &parts[..] {
                [] => Cow::Borrowed(WRONG),
                [one] => Cow::Borrowed(*one),
                many => Cow::Owned(many.join("\n")),
            };
            replies.push(Block::Text(words));
        }
        let turn = |role, content| Turn { role, content };
        let answer = (!answer.is_empty()).then(|| turn(Role::Assistant, answer));
        answer
            .into_iter()
            .chain([turn(Role::User, replies)])
            .collect()
    }
}

/// What is told as the result of a call. Nothing of the user's follows: there are providers that
/// take nothing but the model's behind results.
fn came_of(
    call: &ToolCallSeen,
    wrong: Option<&String>,
    malformed: bool,
    last: bool,
    complaint: &Complaint,
) -> String {
    let mut words = wrong.map_or(NOT_RUN, |it| it).to_owned();
    if malformed {
        words = format!("{words}\n{LEFT_OUT}{}", call.arguments);
    }
    if last && !complaint.text.trim().is_empty() {
        words = format!("{words}\n{}", complaint.text);
    }
    words
}

/// A name that every provider takes, for one that no tool has.
fn plain_name(name: &str) -> Cow<'_, str> {
    const MOST: usize = 64;
    let is_plain = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '-');
    if name.is_empty() {
        return Cow::Borrowed("unnamed");
    }
    if name.len() <= MOST && name.chars().all(is_plain) {
        return Cow::Borrowed(name);
    }
    let plain = name.chars().take(MOST);
    plain
        .map(|char| if is_plain(char) { char } else { '_' })
        .collect()
}

fn can_be_corrected(fields: &[(Cow<'_, str>, &RawValue)]) -> Result<(), &'static str> {
    for (name, value) in fields {
        let value = value.get();
        match &**name {
            "conversation" | "thread" if value != "null" => {
                return Err("an answer in a conversation that is kept is not corrected");
            }
            "background" if value == "true" => {
                return Err("an answer that is given later is not corrected");
            }
            "n" if !matches!(value, "null" | "1") => return Err(SEVERAL),
            "generationConfig" | "generation_config" => {
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

/// Without its words, which may tell of the answer.
impl fmt::Debug for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Complaint")
            .field("text", &self.text.len())
            .field("calls", &self.calls.len())
            .finish()
    }
}

#[cfg(test)]
mod tests;
