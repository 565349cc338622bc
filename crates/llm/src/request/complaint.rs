//! What a model is told of an answer that is wrong.

use crate::{
    Said,
    cross::{Block, IdRule, Role, ToolCall, ToolResult, Turn, object},
};
use serde_json::{Value, value::RawValue};
use std::{
    borrow::Cow,
    collections::{BTreeMap, HashSet},
    fmt::{self, Write as _},
};

/// What is wrong with an answer, in words for the model.
///
/// ```
/// use buttress_llm::Complaint;
///
/// let schema = r#"{"type": "object", "required": ["n"]}"#;
/// let complaint = Complaint::new("Do not guess.");
/// let complaint = complaint.invalid(["`n` is missing"], Some(schema));
/// let complaint = complaint.call(1, "There is no tool of this name.");
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

    /// The text of the answer is not valid, as it violates this schema, or is no JSON: for each
    /// reason a line, up to 20.
    #[must_use]
    pub fn invalid<V: fmt::Display>(
        mut self,
        violations: impl IntoIterator<Item = V>,
        schema: Option<&str>,
    ) -> Self {
        let follow = "It has to follow this JSON Schema:";
        let words = listed("Your answer is not valid:", violations, follow, schema);
        self.say(&format!("{words}\n{AGAIN}"));
        self
    }

    /// The answer came to an end at its limit on tokens, or of the model's window.
    #[must_use]
    pub fn cut_off(mut self) -> Self {
        self.say("Your answer was cut off, as it was too long. Give it again, shorter and whole.");
        self
    }

    /// The arguments of that one of its calls, counted from 0, are not valid, as they violate the
    /// schema of the tool, or are no JSON.
    #[must_use]
    pub fn invalid_call<V: fmt::Display>(
        self,
        at: usize,
        violations: impl IntoIterator<Item = V>,
        schema: Option<&str>,
    ) -> Self {
        let follow = "They have to follow this JSON Schema:";
        let words = listed(
            "Not run: the arguments are not valid:",
            violations,
            follow,
            schema,
        );
        self.call(at, format!("{words}\nCall it again with valid arguments."))
    }

    fn say(&mut self, words: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(words);
    }

    /// This is wrong with that one of its calls of tools, counted from 0: it is told as what came
    /// of the call.
    #[must_use]
    pub fn call(mut self, at: usize, text: impl Into<String>) -> Self {
        self.calls.insert(at, text.into());
        self
    }
}

/// Asks for JSON.
const AGAIN: &str = "Give the whole answer again, corrected: nothing but the JSON, without a code \
    fence and without any words around it.";

/// More reasons than a model needs to be told at once.
const MOST: usize = 20;

/// Reasons, and the schema.
fn listed<V: fmt::Display>(
    head: &str,
    violations: impl IntoIterator<Item = V>,
    follow: &str,
    schema: Option<&str>,
) -> String {
    let mut words = head.to_owned();
    let mut violations = violations.into_iter();
    // Writing to a string does not fail.
    for violation in violations.by_ref().take(MOST) {
        let _ = write!(words, "\n- {violation}");
    }
    match violations.count() {
        0 => {}
        more => _ = write!(words, "\n- and {more} more"),
    }
    if let Some(schema) = schema {
        let _ = write!(words, "\n{follow}\n{schema}");
    }
    words
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_told_the_reasons_and_the_schema() {
        let complaint = Complaint::default()
            .invalid(["`n` is missing", "`m` is no integer"], Some("{}"))
            .cut_off()
            .invalid_call(1, ["x"], None);
        let text = "Your answer is not valid:\n- `n` is missing\n- `m` is no integer\n\
            It has to follow this JSON Schema:\n{}\n";
        let cut =
            "\nYour answer was cut off, as it was too long. Give it again, shorter and whole.";
        assert_eq!(complaint.text, format!("{text}{AGAIN}{cut}"));
        let call =
            "Not run: the arguments are not valid:\n- x\nCall it again with valid arguments.";
        assert_eq!(complaint.of_call(1), call);
        assert_eq!(complaint.of_call(0), NOT_RUN);
        assert_eq!(Complaint::new("a").call(0, " ").of_call(0), NOT_RUN);
        assert_eq!(Complaint::new(" ").of_all(), WRONG);
        assert_eq!(Complaint::new("a").call(7, "b").of_all(), "a\nb");
    }

    #[test]
    fn not_all_reasons_are_told_where_there_are_many() {
        let complaint = Complaint::default().invalid(0..100, None);
        assert!(complaint.text.contains("\n- 19\n- and 80 more\n"));
        assert!(!complaint.text.contains("- 20"));
    }
}
