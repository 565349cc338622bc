//! Tools and the form of the answer, as they are read and written.

use super::choice::{Choice, invalid};
use crate::{
    Feature, InvalidRequest,
    cross::{Crossing, Format, Prompt, Tool, ToolChoice},
    request::{Str, readable, typed},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;

#[derive(Deserialize)]
struct Declared<'a> {
    #[serde(borrow, rename = "type")]
    kind: Str<'a>,
    #[serde(borrow)]
    function: Option<Function<'a>>,
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(borrow)]
    name: Str<'a>,
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
    let problem = "must be a list of objects with a `type` and a `function`";
    let tools: Vec<Declared<'a>> = typed("tools", tools, problem)?;
    let tools = tools.into_iter().map(|tool| match &*tool.kind.0 {
        "function" => match tool.function {
            Some(function) => Ok(function.decode()),
            None => Err(InvalidRequest::of_field("tools", problem)),
        },
        "custom" => Err(crossing.refuse(Feature::CustomTools)),
        _ => Err(crossing.refuse(Feature::ServerTools)),
    });
    tools.collect()
}

/// The functions among the tools, as far as they can be read.
pub(crate) fn functions<'a>(tools: &'a str) -> Vec<Tool<'a>> {
    let tools = readable::<Declared<'a>>(tools).into_iter();
    let functions = tools.filter(|tool| tool.kind.0 == "function");
    let functions = functions.filter_map(|tool| tool.function);
    functions.map(Function::decode).collect()
}

impl<'a> Function<'a> {
    fn decode(self) -> Tool<'a> {
        Tool {
            name: self.name.0,
            description: self.description.map(|Str(text)| text),
            parameters: self.parameters.map(Cow::Borrowed),
            strict: self.strict,
        }
    }
}

#[derive(Deserialize)]
struct Chosen<'a> {
    #[serde(borrow, rename = "type")]
    kind: Str<'a>,
    #[serde(borrow)]
    function: Option<Named<'a>>,
    #[serde(borrow)]
    allowed_tools: Option<Allowed<'a>>,
}

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    name: Str<'a>,
}

#[derive(Deserialize)]
struct Allowed<'a> {
    #[serde(borrow)]
    mode: Str<'a>,
    #[serde(borrow)]
    tools: Vec<AllowedTool<'a>>,
}

#[derive(Deserialize)]
struct AllowedTool<'a> {
    #[serde(borrow)]
    function: Option<Named<'a>>,
}

pub(super) fn decode_choice<'a>(
    choice: &'a str,
    crossing: Crossing,
) -> Result<Choice<'a>, InvalidRequest> {
    Choice::decode(choice, |chosen: Chosen<'a>| match &*chosen.kind.0 {
        "function" => Choice::one(chosen.function.map(|named| named.name)),
        "allowed_tools" => {
            let allowed = chosen.allowed_tools.ok_or_else(invalid)?;
            let tools = allowed.tools.into_iter();
            let names = tools.map(|tool| tool.function.map(|named| named.name));
            Choice::of(allowed.mode, names)
        }
        "custom" => Err(crossing.refuse(Feature::CustomTools)),
        _ => Err(invalid()),
    })
}

/// Reads `response_format`.
pub(super) fn decode_format<'a>(format: &'a str) -> Result<Option<Format<'a>>, InvalidRequest> {
    #[derive(Deserialize)]
    struct Asked<'a> {
        #[serde(borrow, rename = "type")]
        kind: Str<'a>,
        #[serde(borrow)]
        json_schema: Option<Schema<'a>>,
    }
    #[derive(Deserialize)]
    struct Schema<'a> {
        #[serde(borrow)]
        name: Option<Str<'a>>,
        #[serde(borrow)]
        description: Option<Str<'a>>,
        #[serde(borrow)]
        schema: Option<&'a RawValue>,
        strict: Option<bool>,
    }
    let field = "response_format";
    let problem = "must be an object with a `type`: text, json_object, or json_schema";
    let asked: Asked<'a> = typed(field, format, problem)?;
    match (&*asked.kind.0, asked.json_schema) {
        ("text", _) => Ok(None),
        ("json_object", _) => Ok(Some(Format::Json)),
        ("json_schema", Some(asked)) => Ok(Some(match asked.schema {
            Some(schema) => Format::Schema {
                name: asked.name.map(|Str(name)| name),
                description: asked.description.map(|Str(text)| text),
                schema: Cow::Borrowed(schema),
                strict: asked.strict,
            },
            // Without a schema it is what is left.
            None => Format::Json,
        })),
        ("json_schema", None) => Err(InvalidRequest::of_field(field, "lacks its json_schema")),
        _ => Err(InvalidRequest::of_field(field, problem)),
    }
}

/// The schema in `response_format`, if there is one.
pub(crate) fn answer_schema(format: &str) -> Option<Cow<'_, RawValue>> {
    decode_format(format).ok()??.into_schema()
}

#[derive(Serialize)]
pub(super) struct WrittenTool<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    function: WrittenFunction<'a>,
}

#[derive(Serialize)]
struct WrittenFunction<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

pub(super) fn encode<'a>(prompt: &'a Prompt<'_>) -> Vec<WrittenTool<'a>> {
    let tools = prompt.tools.iter().map(|tool| WrittenTool {
        kind: "function",
        function: WrittenFunction {
            name: &tool.name,
            description: tool.description.as_deref(),
            parameters: tool.parameters.as_deref(),
            strict: tool.strict,
        },
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
        function: WrittenName<'a>,
    },
}

#[derive(Serialize)]
pub(super) struct WrittenName<'a> {
    name: &'a str,
}

pub(super) fn encode_choice<'a>(choice: &'a ToolChoice<'_>) -> WrittenChoice<'a> {
    match choice {
        ToolChoice::Auto => WrittenChoice::Mode("auto"),
        ToolChoice::None => WrittenChoice::Mode("none"),
        ToolChoice::Required => WrittenChoice::Mode("required"),
        ToolChoice::One(name) => WrittenChoice::One {
            kind: "function",
            function: WrittenName { name },
        },
    }
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum WrittenFormat<'a> {
    JsonObject,
    JsonSchema { json_schema: WrittenSchema<'a> },
}

#[derive(Serialize)]
pub(super) struct WrittenSchema<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    schema: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

pub(super) fn encode_format<'a>(format: &'a Format<'_>) -> WrittenFormat<'a> {
    match format {
        Format::Json => WrittenFormat::JsonObject,
        Format::Schema {
            name,
            description,
            schema,
            strict,
        } => WrittenFormat::JsonSchema {
            json_schema: WrittenSchema {
                // OpenAI demands one, and nobody else has any.
                name: name.as_deref().unwrap_or("response"),
                description: description.as_deref(),
                schema,
                strict: *strict,
            },
        },
    }
}
