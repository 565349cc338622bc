//! What a model is told of an answer that is wrong.

use crate::{
    Said,
    cross::{Block, IdRule, Role, ToolCall, ToolResult, Turn, object},
};
use serde_json::{Value, value::RawValue};
use std::{
    borrow::Cow,
    collections::{BTreeMap, HashSet},
    fmt,
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
pub(super) const NOT_RUN: &str = "Not run, because another part of your answer was wrong. Call it again if it \
    is still needed.";

/// In front of arguments that can't stand where arguments do.
pub(super) const LEFT_OUT: &str = "The arguments could not be read as a JSON object, and are left out \
    above. They were: ";

/// What is said where there is no complaint.
pub(super) const WRONG: &str = "Your answer is not what was asked for. Give it again.";

impl Complaint {
    /// What was said, as far as it can be said again, and the complaint of it. These tools were
    /// declared.
    pub(super) fn turns<'a>(
        &'a self,
        said: &'a Said,
        declared: &HashSet<Cow<'_, str>>,
    ) -> Vec<Turn<'a>> {
        let mut answer = Vec::new();
        if !said.text.trim().is_empty() {
            answer.push(Block::Text(Cow::Borrowed(&*said.text)));
        }
        let mut reply = Vec::new();
        let mut ids = HashSet::new();
        for (at, call) in said.calls.iter().enumerate() {
            let id = match call.id.is_empty() || !ids.insert(&*call.id) {
                // The same each time it is made.
                true => {
                    let id = format!("{}#{at}", said.id);
                    Cow::Owned(IdRule::Exactly(24).fit(&id).into_owned())
                }
                false => Cow::Borrowed(&*call.id),
            };
            // What others can't read either is none, such as half a character in an escape.
            let arguments = object(&call.arguments)
                .filter(|it| serde_json::from_str::<Value>(it.get()).is_ok());
            answer.push(Block::ToolCall(ToolCall {
                id: id.clone(),
                name: match declared.contains(&*call.name) {
                    true => Cow::Borrowed(&*call.name),
                    false => plain_name(&call.name),
                },
                arguments: Cow::Borrowed(arguments.map_or("{}", RawValue::get)),
            }));
            let mut words = self.of_call(at).to_owned();
            if arguments.is_none() {
                words.extend(["\n", LEFT_OUT, &call.arguments]);
            }
            // Nothing of the user's follows: there are providers that take nothing but the model's
            // behind results.
            if at + 1 == said.calls.len() && !blank(&self.text) {
                words.extend(["\n", &self.text]);
            }
            reply.push(Block::ToolResult(ToolResult {
                id,
                name: None,
                content: vec![Block::Text(words.into())],
                is_error: true,
            }));
        }
        if reply.is_empty() {
            reply.push(Block::Text(self.of_all()));
        }
        let turn = |role, content| Turn { role, content };
        let answer = (!answer.is_empty()).then(|| turn(Role::Assistant, answer));
        let reply = turn(Role::User, reply);
        answer.into_iter().chain([reply]).collect()
    }

    /// What is told as the result of this call.
    fn of_call(&self, at: usize) -> &str {
        let text = self.calls.get(&at).filter(|text| !blank(text));
        text.map_or(NOT_RUN, |text| text)
    }

    /// What is told where there are no calls.
    fn of_all(&self) -> Cow<'_, str> {
        let texts = [&self.text].into_iter().chain(self.calls.values());
        let texts: Vec<_> = texts
            .map(|text| &**text)
            .filter(|text| !blank(text))
            .collect();
        match texts[..] {
            [] => Cow::Borrowed(WRONG),
            [one] => Cow::Borrowed(one),
            _ => Cow::Owned(texts.join("\n")),
        }
    }
}

fn blank(text: &str) -> bool {
    text.trim().is_empty()
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

/// Without its words, which may tell of the answer.
impl fmt::Debug for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Complaint")
            .field("text", &self.text.len())
            .field("calls", &self.calls.len())
            .finish()
    }
}
