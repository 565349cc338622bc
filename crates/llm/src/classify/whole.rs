//! Failures inside a 200: an error object where an answer was due, a refusal, a filter, an
//! answer that was cut off.

use super::{classify_finish, means::*};
use crate::{Lax, Verdict};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;
use std::str;

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
    #[serde(borrow, rename = "promptFeedback")]
    prompt_feedback: Option<PromptFeedback<'a>>,
    #[serde(borrow)]
    incomplete_details: Option<Incomplete<'a>>,
    #[serde(borrow)]
    status: Lax<'a>,
    /// What a response of OpenAI's says. Others call something else so.
    #[serde(borrow)]
    output: Option<&'a RawValue>,
    // One name each of the reason why the model stopped. Aliases of one field would clash in an
    // answer that has two of them.
    #[serde(borrow)]
    stop_reason: Lax<'a>,
    #[serde(borrow, rename = "stopReason")]
    stop_reason_camel: Lax<'a>,
    #[serde(borrow)]
    finish_reason: Lax<'a>,
    #[serde(borrow)]
    done_reason: Lax<'a>,
    #[serde(borrow)]
    object: Lax<'a>,
    #[serde(borrow)]
    r#type: Lax<'a>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow, rename = "usageMetadata")]
    usage_metadata: Option<&'a RawValue>,
    #[serde(rename = "modelVersion")]
    model_version: Option<IgnoredAny>,
    #[serde(rename = "responseId")]
    response_id: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Choice<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    finish_reason: Lax<'a>,
    #[serde(borrow, rename = "finishReason")]
    finish_reason_camel: Lax<'a>,
    #[serde(borrow)]
    message: Option<Message<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow)]
    refusal: Lax<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PromptFeedback<'a> {
    #[serde(borrow, rename = "blockReason")]
    block_reason: Lax<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Incomplete<'a> {
    #[serde(borrow)]
    reason: Lax<'a>,
}

/// What is wrong with an answer that came with a status of success.
pub(super) enum Flaw<'a> {
    /// Here is an error object in it.
    Error(&'a [u8]),
    /// It means this.
    Known(Verdict),
}

/// What a body says that came with a status of success.
#[derive(Default)]
pub(super) struct Reading<'a> {
    pub(super) flaw: Option<Flaw<'a>>,
    /// The count of tokens, in the words of its dialect.
    pub(super) usage: Option<&'a RawValue>,
}

/// Looks for what is wrong with an answer that came with a status of success.
pub(super) fn read(body: &[u8]) -> Reading<'_> {
    let body = body.trim_ascii();
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    let flaw = match body.first() {
        None => Flaw::Known(CUT_OFF),
        Some(b'<') => Flaw::Known(PAGE),
        // Only an error comes as a list or as JSON in a string.
        Some(b'[' | b'"') => Flaw::Error(body),
        // Checked as a whole, which is faster than string by string.
        Some(_) => match str::from_utf8(body).map(serde_json::from_str::<Whole<'_>>) {
            Ok(Ok(whole)) => {
                let usage = whole.usage.or(whole.usage_metadata);
                let flaw = whole.flaw(body);
                return Reading { flaw, usage };
            }
            // JSON, in a shape that nobody has thought of.
            Ok(Err(error)) if error.is_data() => return Reading::default(),
            _ => Flaw::Known(CUT_OFF),
        },
    };
    Reading {
        flaw: Some(flaw),
        usage: None,
    }
}

impl<'a> Whole<'a> {
    fn flaw(self, body: &'a [u8]) -> Option<Flaw<'a>> {
        if let Some(error) = self.error.filter(|error| is_error(error)) {
            // The whole body: its neighbours may say more.
            let nested = error.get().starts_with('{');
            return Some(Flaw::Error(if nested {
                error.get().as_bytes()
            } else {
                body
            }));
        }
        let is_error = |word: &Lax<'_>| word.0.as_deref() == Some("error");
        if is_error(&self.r#type) || is_error(&self.object) {
            return Some(Flaw::Error(body));
        }
        let is_response = self.object.as_str() == "response";
        if is_response && matches!(self.status.as_str(), "failed" | "cancelled") {
            return Some(Flaw::Error(body));
        }
        if self
            .prompt_feedback
            .is_some_and(|feedback| feedback.block_reason.0.is_some())
        {
            return Some(Flaw::Known(POLICY.usable()));
        }
        let incomplete = self.incomplete_details.unwrap_or_default();
        let reasons = [
            incomplete.reason,
            self.stop_reason,
            self.stop_reason_camel,
            self.finish_reason,
            self.done_reason,
        ];
        let mut reasons = reasons.into_iter().filter_map(|reason| reason.0);
        if let Some(Err(verdict)) = reasons.next().as_deref().map(classify_finish) {
            return Some(Flaw::Known(verdict));
        }
        if is_response {
            return self.output.and_then(of_output);
        }
        let about_none = self.usage_metadata.is_some()
            || self.model_version.is_some()
            || self.response_id.is_some()
            || self.object.as_str() == "chat.completion";
        match self.choices.or(self.candidates) {
            Some(choices) => of_choices(choices),
            // All that stands around an answer, and none.
            None => about_none.then_some(Flaw::Known(EMPTY)),
        }
    }
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

/// What is wrong with what a response says. It is looked into only where the word is there: it is
/// most of the answer.
fn of_output(output: &RawValue) -> Option<Flaw<'_>> {
    #[derive(Deserialize)]
    struct Item<'a> {
        #[serde(borrow)]
        content: Option<Vec<Message<'a>>>,
    }
    let output = output.get();
    memchr::memmem::find(output.as_bytes(), b"\"refusal\"")?;
    let items: Vec<Item<'_>> = serde_json::from_str(output).ok()?;
    let mut parts = items
        .iter()
        .filter_map(|item| item.content.as_ref())
        .flatten();
    let refused = parts.any(|part| !part.refusal.as_str().is_empty());
    refused.then_some(Flaw::Known(REFUSAL))
}

/// Some servers send an `error` that is `null`, empty or `false` with every answer.
pub(crate) fn is_error(error: &RawValue) -> bool {
    !matches!(error.get(), "null" | "false" | "\"\"" | "{}" | "[]")
}
