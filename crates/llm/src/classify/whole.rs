//! Failures inside a 200: an error object where an answer was due, a refusal, a filter, an
//! answer that was cut off.

use super::{classify_finish, means::*};
use crate::Verdict;
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;
use std::fmt;

/// The few fields of an answer that tell how it ended, in all dialects. Read in one pass, in
/// which the text of the answer is only skipped.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Whole<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    choices: Option<Vec<Choice<'a>>>,
    #[serde(borrow)]
    candidates: Option<Vec<Choice<'a>>>,
    #[serde(rename = "promptFeedback")]
    prompt_feedback: Option<PromptFeedback>,
    incomplete_details: Option<Incomplete>,
    // One name each of the reason why the model stopped. Aliases of one field would clash in an
    // answer that has two of them.
    stop_reason: Word,
    #[serde(rename = "stopReason")]
    stop_reason_camel: Word,
    finish_reason: Word,
    done_reason: Word,
    object: Word,
    r#type: Word,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Choice<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    finish_reason: Word,
    #[serde(rename = "finishReason")]
    finish_reason_camel: Word,
    message: Option<Message>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Message {
    refusal: Word,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PromptFeedback {
    #[serde(rename = "blockReason")]
    block_reason: Word,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Incomplete {
    reason: Word,
}

/// A string, if it is one: anything else says nothing, and hides nothing.
#[derive(Default)]
struct Word(Option<String>);

/// What is wrong with an answer that came with a status of success.
pub(super) enum Flaw<'a> {
    /// Here is an error object in it.
    Error(&'a [u8]),
    /// It means this.
    Known(Verdict),
}

/// Looks for what is wrong with an answer that came with a status of success.
pub(super) fn flaw(body: &[u8]) -> Option<Flaw<'_>> {
    let body = body.trim_ascii();
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    let whole = match body.first() {
        None => return Some(Flaw::Known(CUT_OFF)),
        Some(b'<') => return Some(Flaw::Known(PAGE)),
        // Only an error comes as a list or as JSON in a string.
        Some(b'[' | b'"') => return Some(Flaw::Error(body)),
        Some(_) => match serde_json::from_slice::<Whole<'_>>(body) {
            Ok(whole) => whole,
            // JSON, in a shape that nobody has thought of.
            Err(error) if error.is_data() => return None,
            Err(_) => return Some(Flaw::Known(CUT_OFF)),
        },
    };
    if let Some(error) = whole.error.filter(|error| is_error(error)) {
        // The whole body: its neighbours may say more.
        let nested = error.get().starts_with('{');
        return Some(Flaw::Error(if nested {
            error.get().as_bytes()
        } else {
            body
        }));
    }
    let is_error = |word: &Word| word.0.as_deref() == Some("error");
    if is_error(&whole.r#type) || is_error(&whole.object) {
        return Some(Flaw::Error(body));
    }
    if whole
        .prompt_feedback
        .is_some_and(|feedback| feedback.block_reason.0.is_some())
    {
        return Some(Flaw::Known(POLICY.usable()));
    }
    let incomplete = whole.incomplete_details.unwrap_or_default();
    let reasons = [
        incomplete.reason,
        whole.stop_reason,
        whole.stop_reason_camel,
        whole.finish_reason,
        whole.done_reason,
    ];
    let mut reasons = reasons.into_iter().filter_map(|reason| reason.0);
    if let Some(Err(verdict)) = reasons.next().as_deref().map(classify_finish) {
        return Some(Flaw::Known(verdict));
    }
    of_choices(whole.choices.or(whole.candidates)?)
}

/// What is wrong with the choices, when there is something wrong with each.
fn of_choices(choices: Vec<Choice<'_>>) -> Option<Flaw<'_>> {
    let mut first = None;
    for choice in choices {
        let flaw = of_choice(choice)?;
        first = first.or(Some(flaw));
    }
    Some(first.unwrap_or(Flaw::Known(EMPTY)))
}

fn of_choice(choice: Choice<'_>) -> Option<Flaw<'_>> {
    if let Some(error) = choice.error.filter(|error| is_error(error)) {
        return Some(Flaw::Error(error.get().as_bytes()));
    }
    let refusal = choice.message.and_then(|message| message.refusal.0);
    if refusal.is_some_and(|refusal| !refusal.is_empty()) {
        return Some(Flaw::Known(REFUSAL));
    }
    let reason = choice.finish_reason.0.or(choice.finish_reason_camel.0)?;
    classify_finish(&reason).err().map(Flaw::Known)
}

/// Some servers send an `error` that is `null`, empty or `false` with every answer.
fn is_error(error: &RawValue) -> bool {
    !matches!(error.get(), "null" | "false" | "\"\"" | "{}" | "[]")
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Words)
    }
}

struct Words;

impl<'de> Visitor<'de> for Words {
    type Value = Word;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_str<E>(self, word: &str) -> Result<Word, E> {
        Ok(Word(Some(word.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Word, E> {
        Ok(Word(None))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Word, E> {
        Ok(Word(None))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Word, E> {
        Ok(Word(None))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Word, E> {
        Ok(Word(None))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Word, E> {
        Ok(Word(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Word, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Word(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Word, A::Error> {
        while fields.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Word(None))
    }
}
