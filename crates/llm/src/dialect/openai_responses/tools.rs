//! Tools and the form of the answer, as they are read and written.

use crate::{
    Feature, InvalidRequest,
    cross::{Crossing, Format, Prompt, Tool, ToolChoice},
    dialect::openai_chat::{Choice, invalid_choice},
    request::{Str, readable, typed},
};
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::value::RawValue;
use std::borrow::Cow;

#[derive(Deserialize)]
struct Declared<'a> {
    #[serde(borrow, rename = "type")]
    kind: Str<'a>,
    #[serde(borrow)]
    name: Option<Str<'a>>,
    #[serde(borrow)]
    description: Option<Str<'a>>,
    #[serde(borrow)]
    parameters: Option<&'a RawValue>,
    strict: Option<bool>,
}

pub(super) fn decode<'a>(
    tools: &'a str,
    crossing: Crossing,
) -> Result<Vec<Tool<'a>>, InvalidRequest> {
    let problem = "must be a list of objects with a `type`, and functions with a `name`";
    let tools: Vec<Declared<'a>> = typed("tools", tools, problem)?;
    let tools = tools.into_iter().map(|tool| match &*tool.kind.0 {
        "function" => tool
            .decode()
            .ok_or_else(|| InvalidRequest::of_field("tools", problem)),
        "custom" => Err(crossing.refuse(Feature::CustomTools)),
        _ => Err(crossing.refuse(Feature::ServerTools)),
    });
    tools.collect()
}

/// The functions among the tools, as far as they can be read.
pub(crate) fn functions<'a>(tools: &'a str) -> Vec<Tool<'a>> {
    let tools = readable::<Declared<'a>>(tools).into_iter();
    let functions = tools.filter(|tool| tool.kind.0 == "function");
    functions.filter_map(Declared::decode).collect()
}

impl<'a> Declared<'a> {
    /// The function, if it has a name.
    fn decode(self) -> Option<Tool<'a>> {
        Some(Tool {
            name: self.name?.0,
            description: self.description.map(|Str(text)| text),
            parameters: self.parameters.map(Cow::Borrowed),
            // Where nothing is said, a schema is made strict if it can be. Elsewhere one that
            // can't be would be refused for the word.
            strict: self.strict,
        })
    }
}

#[derive(Deserialize)]
struct Chosen<'a> {
    #[serde(borrow, rename = "type")]
    kind: Str<'a>,
    #[serde(borrow)]
    name: Option<Str<'a>>,
    #[serde(borrow)]
    mode: Option<Str<'a>>,
    #[serde(borrow)]
    tools: Option<Vec<AllowedTool<'a>>>,
}

#[derive(Deserialize)]
struct AllowedTool<'a> {
    #[serde(borrow)]
    name: Option<Str<'a>>,
}

pub(super) fn decode_choice<'a>(
    choice: &'a str,
    crossing: Crossing,
) -> Result<Choice<'a>, InvalidRequest> {
    Choice::decode(choice, |chosen: Chosen<'a>| match &*chosen.kind.0 {
        "function" => Choice::one(chosen.name),
        "allowed_tools" => {
            let allowed = chosen.tools.ok_or_else(invalid_choice)?;
            let mode = chosen.mode.ok_or_else(invalid_choice)?;
            Choice::of(mode, allowed.into_iter().map(|tool| tool.name))
        }
        "custom" => Err(crossing.refuse(Feature::CustomTools)),
        _ => Err(crossing.refuse(Feature::ServerTools)),
    })
}

/// Reads `text`: the form of the answer, and how much is to be said.
pub(super) fn decode_text<'a>(
    text: &'a str,
    prompt: &mut Prompt<'a>,
) -> Result<(), InvalidRequest> {
    #[derive(Deserialize)]
    struct Text<'a> {
        #[serde(borrow)]
        format: Option<Asked<'a>>,
        verbosity: Option<IgnoredAny>,
    }
    #[derive(Deserialize)]
    struct Asked<'a> {
        #[serde(borrow, rename = "type")]
        kind: Str<'a>,
        #[serde(borrow)]
        name: Option<Str<'a>>,
        #[serde(borrow)]
        description: Option<Str<'a>>,
        #[serde(borrow)]
        schema: Option<&'a RawValue>,
        strict: Option<bool>,
    }
    let problem = "must be an object, and its `format` one with a `type`";
    let text: Text<'a> = typed("text", text, problem)?;
    if text.verbosity.is_some() {
        prompt.note("dropped verbosity");
    }
    let Some(asked) = text.format else {
        return Ok(());
    };
    let field = "text.format";
    prompt.format = match (&*asked.kind.0, asked.schema) {
        ("text", _) => None,
        ("json_object", _) => Some(Format::Json),
        ("json_schema", Some(schema)) => Some(Format::Schema {
            name: asked.name.map(|Str(name)| name),
            description: asked.description.map(|Str(text)| text),
            schema: Cow::Borrowed(schema),
            strict: asked.strict,
        }),
        ("json_schema", None) => {
            return Err(InvalidRequest::of_field(field, "lacks its schema"));
        }
        _ => {
            let problem = "must have a `type`: text, json_object, or json_schema";
            return Err(InvalidRequest::of_field(field, problem));
        }
    };
    Ok(())
}

/// The schema in `text`, if there is one.
pub(crate) fn answer_schema(text: &str) -> Option<Cow<'_, RawValue>> {
    let mut prompt = Prompt::default();
    decode_text(text, &mut prompt).ok()?;
    prompt.format?.into_schema()
}

#[derive(Serialize)]
pub(super) struct WrittenTool<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    parameters: &'a RawValue,
    strict: bool,
}

pub(super) fn encode<'a>(prompt: &'a Prompt<'_>) -> Vec<WrittenTool<'a>> {
    let nothing = r#"{"type":"object","properties":{}}"#;
    let nothing: &RawValue = serde_json::from_str(nothing).expect("this is JSON");
    let tools = prompt.tools.iter().map(|tool| WrittenTool {
        kind: "function",
        name: &tool.name,
        description: tool.description.as_deref(),
        parameters: tool.parameters.as_deref().unwrap_or(nothing),
        // Strict is what is left unsaid here, and nowhere else: with it, arguments that may be
        // left out would have to be there.
        strict: tool.strict == Some(true),
    });
    tools.collect()
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum WrittenChoice<'a> {
    Mode(&'static str),
    One {
        #[serde(rename = "type")]
        kind: &'static str,
        name: &'a str,
    },
}

pub(super) fn encode_choice<'a>(choice: &'a ToolChoice<'_>) -> WrittenChoice<'a> {
    match choice {
        ToolChoice::Auto => WrittenChoice::Mode("auto"),
        ToolChoice::None => WrittenChoice::Mode("none"),
        ToolChoice::Required => WrittenChoice::Mode("required"),
        ToolChoice::One(name) => WrittenChoice::One {
            kind: "function",
            name,
        },
    }
}

#[derive(Serialize)]
pub(super) struct WrittenText<'a> {
    format: WrittenFormat<'a>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum WrittenFormat<'a> {
    JsonObject,
    JsonSchema {
        name: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<&'a str>,
        schema: &'a RawValue,
        #[serde(skip_serializing_if = "Option::is_none")]
        strict: Option<bool>,
    },
}

pub(super) fn encode_format<'a>(format: &'a Format<'_>) -> WrittenText<'a> {
    let format = match format {
        Format::Json => WrittenFormat::JsonObject,
        Format::Schema {
            name,
            description,
            schema,
            strict,
        } => WrittenFormat::JsonSchema {
            // It demands one, and nobody else has any.
            name: name.as_deref().unwrap_or("response"),
            description: description.as_deref(),
            schema,
            strict: *strict,
        },
    };
    WrittenText { format }
}
