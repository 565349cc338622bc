//! Tools, as they are read and written.

use super::schema;
use crate::{
    Dialect, Feature, InvalidRequest,
    cross::{Crossing, Format, Prompt, Tool, ToolChoice},
    request::{Str, readable, typed},
};
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::value::RawValue;
use std::borrow::Cow;

#[derive(Deserialize)]
struct Declared<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Str<'a>>,
    #[serde(borrow)]
    name: Str<'a>,
    #[serde(borrow)]
    description: Option<Str<'a>>,
    #[serde(borrow)]
    input_schema: Option<&'a RawValue>,
    strict: Option<bool>,
    cache_control: Option<IgnoredAny>,
}

pub(super) fn decode<'a>(
    tools: &'a str,
    crossing: Crossing,
    prompt: &mut Prompt<'a>,
) -> Result<(), InvalidRequest> {
    let problem = "must be a list of objects with a `name` and an `input_schema`";
    let tools: Vec<Declared<'a>> = typed("tools", tools, problem)?;
    for tool in tools {
        if !tool.is_own() {
            return Err(crossing.refuse(Feature::ServerTools));
        }
        if tool.cache_control.is_some() {
            prompt.note("dropped cache_control");
        }
        prompt.tools.push(tool.decode());
    }
    Ok(())
}

/// The functions of the caller's among the tools, as far as they can be read.
pub(crate) fn functions<'a>(tools: &'a str) -> Vec<Tool<'a>> {
    let tools = readable::<Declared<'a>>(tools).into_iter();
    tools
        .filter(Declared::is_own)
        .map(Declared::decode)
        .collect()
}

impl<'a> Declared<'a> {
    /// Whether it is the caller's, and not one of the provider's own.
    fn is_own(&self) -> bool {
        self.kind.as_ref().is_none_or(|Str(kind)| kind == "custom")
    }

    fn decode(self) -> Tool<'a> {
        Tool {
            name: self.name.0,
            description: self.description.map(|Str(text)| text),
            parameters: self.input_schema.map(Cow::Borrowed),
            strict: self.strict,
        }
    }
}

pub(super) fn decode_choice<'a>(
    choice: &'a str,
    prompt: &mut Prompt<'a>,
) -> Result<(), InvalidRequest> {
    #[derive(Deserialize)]
    struct Chosen<'a> {
        #[serde(borrow, rename = "type")]
        kind: Str<'a>,
        #[serde(borrow)]
        name: Option<Str<'a>>,
        disable_parallel_tool_use: Option<bool>,
    }
    let field = "tool_choice";
    let problem = "must be an object with a `type`: auto, any, none, or tool with a `name`";
    let chosen: Chosen<'a> = typed(field, choice, problem)?;
    prompt.tool_choice = Some(match (&*chosen.kind.0, chosen.name) {
        ("auto", _) => ToolChoice::Auto,
        ("any", _) => ToolChoice::Required,
        ("none", _) => ToolChoice::None,
        ("tool", Some(Str(name))) => ToolChoice::One(name),
        _ => return Err(InvalidRequest::of_field(field, problem)),
    });
    prompt.parallel_tool_calls = chosen.disable_parallel_tool_use.map(|not| !not);
    Ok(())
}

#[derive(Serialize)]
pub(super) struct WrittenTool<'a> {
    name: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    input_schema: &'a RawValue,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    strict: bool,
}

/// Makes the schemas that arguments have to follow to the letter what Anthropic takes. Those of
/// OpenAI's are so already, or it would refuse them itself.
pub(super) fn settle_strict(prompt: &mut Prompt<'_>, crossing: Crossing) {
    if crossing.from != Dialect::Gemini {
        return;
    }
    let mut notes = Vec::new();
    for tool in &mut prompt.tools {
        if tool.strict != Some(true) {
            continue;
        }
        let schema = tool.parameters.as_deref().map(schema::held);
        match schema {
            Some(Some(held)) => {
                if held.simplified {
                    notes.push("simplified the schema of a tool");
                }
                tool.parameters = Some(Cow::Owned(held.schema.into_owned()));
            }
            Some(None) | None => {
                tool.strict = None;
                notes.push("dropped strict");
            }
        }
    }
    notes.into_iter().for_each(|note| prompt.note(note));
}

pub(super) fn encode<'a>(prompt: &'a Prompt<'_>) -> Vec<WrittenTool<'a>> {
    let nothing = r#"{"type":"object","properties":{}}"#;
    let nothing: &RawValue = serde_json::from_str(nothing).expect("this is JSON");
    let tools = prompt.tools.iter().map(|tool| WrittenTool {
        name: Cow::Borrowed(&*tool.name),
        description: tool.description.as_deref(),
        input_schema: tool.parameters.as_deref().unwrap_or(nothing),
        strict: tool.strict == Some(true),
    });
    tools.collect()
}

/// The tool by which a model that has no word for a schema is made to follow one.
pub(super) fn json_tool<'a>(format: &'a Format<'_>) -> Option<WrittenTool<'a>> {
    let Format::Schema {
        description,
        schema,
        ..
    } = format
    else {
        return None;
    };
    let purpose = "Give the final answer by calling this tool.";
    Some(WrittenTool {
        name: Cow::Borrowed(JSON_TOOL),
        description: Some(description.as_deref().unwrap_or(purpose)),
        input_schema: schema,
        strict: false,
    })
}

/// What that tool is called.
pub(crate) const JSON_TOOL: &str = "json";

#[derive(Serialize)]
pub(super) struct WrittenChoice<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    disable_parallel_tool_use: bool,
}

pub(super) fn encode_choice<'a>(prompt: &'a Prompt<'_>) -> Option<WrittenChoice<'a>> {
    let one_at_a_time = prompt.parallel_tool_calls == Some(false);
    let choice = match &prompt.tool_choice {
        Some(choice) => choice,
        // There must be a choice to say it in.
        None if one_at_a_time => &ToolChoice::Auto,
        None => return None,
    };
    let (kind, name) = match choice {
        ToolChoice::Auto => ("auto", None),
        ToolChoice::None => ("none", None),
        ToolChoice::Required => ("any", None),
        ToolChoice::One(name) => ("tool", Some(&**name)),
    };
    Some(WrittenChoice {
        kind,
        name,
        disable_parallel_tool_use: one_at_a_time && *choice != ToolChoice::None,
    })
}
