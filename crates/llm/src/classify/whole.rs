//! Failures inside a 200: an error object where an answer was due, a refusal, a filter, an
//! answer that was cut off.

use super::{classify_finish, means::*};
use crate::Verdict;
use serde::Deserialize;
use serde_json::value::RawValue;

/// The few fields of an answer that tell how it ended, in all dialects. Each is kept raw, so
/// that one of an unexpected type says nothing instead of hiding the others.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Whole<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    choices: Option<&'a RawValue>,
    #[serde(borrow)]
    candidates: Option<&'a RawValue>,
    #[serde(borrow, rename = "promptFeedback")]
    prompt_feedback: Option<&'a RawValue>,
    #[serde(borrow)]
    incomplete_details: Option<&'a RawValue>,
    // One name each of the reason why the model stopped. Aliases of one field would clash in an
    // answer that has two of them.
    #[serde(borrow)]
    stop_reason: Option<&'a RawValue>,
    #[serde(borrow, rename = "stopReason")]
    stop_reason_camel: Option<&'a RawValue>,
    #[serde(borrow)]
    finish_reason: Option<&'a RawValue>,
    #[serde(borrow)]
    done_reason: Option<&'a RawValue>,
    #[serde(borrow)]
    object: Option<&'a RawValue>,
    #[serde(borrow)]
    r#type: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Choice<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    finish_reason: Option<&'a RawValue>,
    #[serde(borrow, rename = "finishReason")]
    finish_reason_camel: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Message {
    refusal: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PromptFeedback {
    #[serde(rename = "blockReason")]
    block_reason: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Incomplete {
    reason: Option<String>,
}

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
    let is_error = |name| string(name).is_some_and(|name| name == "error");
    if is_error(whole.r#type) || is_error(whole.object) {
        return Some(Flaw::Error(body));
    }
    let feedback: PromptFeedback = read(whole.prompt_feedback);
    if feedback.block_reason.is_some() {
        return Some(Flaw::Known(POLICY.usable()));
    }
    let incomplete: Incomplete = read(whole.incomplete_details);
    let reasons = [
        whole.stop_reason,
        whole.stop_reason_camel,
        whole.finish_reason,
        whole.done_reason,
    ];
    let reason = || reasons.into_iter().find_map(string);
    let reason = incomplete.reason.or_else(reason);
    if let Some(Err(verdict)) = reason.as_deref().map(classify_finish) {
        return Some(Flaw::Known(verdict));
    }
    of_choices(whole.choices.or(whole.candidates)?)
}

/// What is wrong with the choices, when there is something wrong with each.
fn of_choices(choices: &RawValue) -> Option<Flaw<'_>> {
    let choices: Vec<&RawValue> = serde_json::from_str(choices.get()).ok()?;
    if choices.is_empty() {
        return Some(Flaw::Known(EMPTY));
    }
    let mut first = None;
    for choice in choices {
        let flaw = of_choice(&serde_json::from_str(choice.get()).unwrap_or_default())?;
        first = first.or(Some(flaw));
    }
    first
}

fn of_choice<'a>(choice: &Choice<'a>) -> Option<Flaw<'a>> {
    if let Some(error) = choice.error.filter(|error| is_error(error)) {
        return Some(Flaw::Error(error.get().as_bytes()));
    }
    let message: Message = read(choice.message);
    if message.refusal.is_some_and(|refusal| !refusal.is_empty()) {
        return Some(Flaw::Known(REFUSAL));
    }
    let verdict = classify_finish(&string(
        choice.finish_reason.or(choice.finish_reason_camel),
    )?)
    .err()?;
    Some(Flaw::Known(verdict))
}

/// Some servers send an `error` that is `null`, empty or `false` with every answer.
fn is_error(error: &RawValue) -> bool {
    !matches!(error.get(), "null" | "false" | "\"\"" | "{}" | "[]")
}

fn read<'a, T: Default + Deserialize<'a>>(raw: Option<&'a RawValue>) -> T {
    let found = raw.and_then(|raw| serde_json::from_str(raw.get()).ok());
    found.unwrap_or_default()
}

fn string(raw: Option<&RawValue>) -> Option<String> {
    serde_json::from_str(raw?.get()).ok()
}
