//! The form of an answer, asked for in words where a place has no word for it.

use super::{
    Field, Fields, LlmRequest, Target,
    fields::range_of,
    instruct::{behind, instruct},
    splice::Splice,
};
use crate::{
    Dialect,
    cross::{Format, Prompt},
};
use serde_json::value::RawValue;
use std::{borrow::Cow, ops::Range, str};

/// What a place has to say of which form an answer should be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Structured {
    /// A JSON schema. The default.
    #[default]
    Schema,
    /// That it should be JSON. The schema is told in words, at the end of the system prompt.
    Json,
    /// Nothing: all is told in words.
    Words,
}

const JSON: &str = "When you answer, answer with nothing but one JSON object, without a code fence \
    and without any words around it.";

/// The schema follows.
const SCHEMA: &str = "When you answer, answer with nothing but one JSON value that is valid \
    against this JSON Schema, without a code fence and without any words around it:";

/// What the request asks for, told in words.
struct Words {
    instruction: String,
    note: &'static str,
}

impl Words {
    /// Nothing where the place has a word for it.
    fn of(wanted: Wanted<'_>, structured: Structured) -> Option<Self> {
        match (wanted, structured) {
            (_, Structured::Schema) | (Wanted::Json, Structured::Json) => None,
            (Wanted::Schema(schema), _) => Some(Self {
                instruction: format!("{SCHEMA}\n{schema}"),
                note: "asked for the schema in words",
            }),
            (Wanted::Json, Structured::Words) => Some(Self {
                instruction: JSON.to_owned(),
                note: "asked for JSON in words",
            }),
        }
    }
}

/// The form that the answer should have.
#[derive(Clone, Copy)]
enum Wanted<'a> {
    Json,
    Schema(&'a RawValue),
}

impl Prompt<'_> {
    /// Tells in words of which form the answer should be, where this place has no word for it.
    pub(super) fn settle_format(&mut self, target: &Target) {
        let structured = match target.structured_of(&self.model) {
            // Anthropic has schemas, and no JSON without one.
            Structured::Json if target.dialect == Dialect::AnthropicMessages => Structured::Words,
            structured => structured,
        };
        let wanted = match &self.format {
            None => return,
            Some(Format::Json) => Wanted::Json,
            Some(Format::Schema { schema, .. }) => Wanted::Schema(schema),
        };
        let Some(words) = Words::of(wanted, structured) else {
            return;
        };
        self.format = (structured == Structured::Json).then_some(Format::Json);
        self.note(words.note);
        match self.system.last_mut() {
            Some(last) => *last = Cow::Owned(behind(last, &words.instruction)),
            None => self.system.push(words.instruction.into()),
        }
    }
}

impl LlmRequest {
    /// Tells it in words where the request's own dialect is spoken. What is changed here comes
    /// after all else that is put in front of the first field.
    pub(super) fn tell_format(
        &self,
        target: &Target,
        splice: &mut Splice<'_>,
        notes: &mut Vec<&'static str>,
    ) {
        let structured = target.structured_of(self.model_at(target));
        if structured == Structured::Schema || !self.wants_json() {
            return;
        }
        let schema = self.answer_schema();
        let wanted = schema.as_deref().map_or(Wanted::Json, Wanted::Schema);
        let text = str::from_utf8(&self.body).unwrap_or_default();
        let (Some(words), Ok(Fields(fields))) =
            (Words::of(wanted, structured), serde_json::from_str(text))
        else {
            return;
        };
        instruct(self.dialect, text, &fields, &words.instruction, splice);
        for (name, value) in &fields {
            let at = range_of(value.get(), text);
            match (self.dialect.field(name), self.dialect) {
                (Field::Format, Dialect::OpenAiChat) if structured == Structured::Json => {
                    splice.replace(at, r#"{"type":"json_object"}"#);
                }
                (Field::Format, Dialect::OpenAiChat) => splice.replace(with_name(text, at), ""),
                (Field::Format | Field::Generation, dialect) => {
                    plain(dialect, name, value.get(), at.start, structured, splice);
                }
                _ => {}
            }
        }
        notes.push(words.note);
    }
}

/// Takes what the field with the form of the answer asks for back, as far as the place has no word
/// for it.
fn plain(
    dialect: Dialect,
    name: &str,
    value: &str,
    at: usize,
    structured: Structured,
    splice: &mut Splice<'_>,
) {
    let is_json = structured == Structured::Json;
    if name == "output_format" {
        splice.replace(at..at + value.len(), "null");
        return;
    }
    let settings = serde_json::from_str(value).map_or_else(|_| Vec::new(), |Fields(it)| it);
    for (setting, there) in settings {
        let range = range_of(there.get(), value);
        let range = at + range.start..at + range.end;
        match (dialect, &*setting) {
            (Dialect::OpenAiResponses, "format") if is_json => {
                splice.replace(range, r#"{"type":"json_object"}"#);
            }
            (Dialect::OpenAiResponses, "format") => splice.replace(range, r#"{"type":"text"}"#),
            (Dialect::AnthropicMessages, "format") => splice.replace(range, "null"),
            (
                Dialect::Gemini,
                "responseSchema"
                | "response_schema"
                | "responseJsonSchema"
                | "response_json_schema"
                | "_responseJsonSchema",
            ) => splice.replace(range, "null"),
            (Dialect::Gemini, "responseMimeType" | "response_mime_type") if !is_json => {
                splice.replace(range, r#""text/plain""#);
            }
            _ => {}
        }
    }
}

/// Where this value stands together with its name, and with the comma to one side of them. The
/// name is one of those that are known, so there is no quote within it.
fn with_name(text: &str, value: Range<usize>) -> Range<usize> {
    let before = text[..value.start].trim_end_matches(|char: char| char != '"');
    let name = before[..before.len().saturating_sub(1)]
        .rfind('"')
        .unwrap_or(0);
    let after = text[value.end..].trim_start();
    if let Some(rest) = after.strip_prefix(',') {
        return name..text.len() - rest.trim_start().len();
    }
    let before = text[..name].trim_end();
    before.strip_suffix(',').unwrap_or(before).len()..value.end
}

#[cfg(test)]
mod tests;
