//! Tools, as they are read and written.

use super::{many, schema};
use crate::{
    Feature, InvalidRequest,
    cross::{Crossing, Format, Prompt, Tool, ToolChoice},
    dialect::JSON_TOOL,
    request::{Fields, Str, readable, typed},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};
use std::borrow::Cow;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Declared<'a> {
    #[serde(borrow)]
    name: Str<'a>,
    #[serde(borrow)]
    description: Option<Str<'a>>,
    #[serde(borrow)]
    parameters: Option<&'a RawValue>,
    #[serde(borrow, alias = "parameters_json_schema")]
    parameters_json_schema: Option<&'a RawValue>,
}

/// Each tool is an object whose one field says what it is, and functions stand in one together.
pub(super) fn decode<'a>(
    tools: &'a str,
    crossing: Crossing,
    prompt: &mut Prompt<'a>,
) -> Result<(), InvalidRequest> {
    let problem = "must be a list of objects with `functionDeclarations`";
    let tools: Vec<Fields<'a>> = many("tools", tools, problem)?;
    for (name, value) in tools.into_iter().flat_map(|Fields(fields)| fields) {
        let value = value.get();
        match &*name {
            _ if value == "null" => {}
            "functionDeclarations" | "function_declarations" => {
                let problem = "must be a list of objects with a `name`";
                let declared = many("tools.functionDeclarations", value, problem)?;
                prompt
                    .tools
                    .extend(declared.into_iter().map(Declared::decode));
            }
            _ => return Err(crossing.refuse(Feature::ServerTools)),
        }
    }
    Ok(())
}

/// The functions among the tools, as far as they can be read.
pub(crate) fn functions<'a>(tools: &'a str) -> Vec<Tool<'a>> {
    let tools = readable::<Fields<'a>>(tools).into_iter();
    let fields = tools.flat_map(|Fields(fields)| fields);
    let lists = fields
        .filter(|(name, _)| matches!(&**name, "functionDeclarations" | "function_declarations"));
    let declared = lists.flat_map(|(_, list)| readable::<Declared<'a>>(list.get()));
    declared.map(Declared::decode).collect()
}

impl<'a> Declared<'a> {
    fn decode(self) -> Tool<'a> {
        let json = self.parameters_json_schema.map(Cow::Borrowed);
        Tool {
            name: self.name.0,
            description: self.description.map(|Str(text)| text),
            parameters: json.or_else(|| self.parameters.map(schema::from_gemini)),
            strict: None,
        }
    }
}

/// What is to be done with the tools.
pub(super) struct Choice<'a> {
    choice: ToolChoice<'a>,
    /// Those that may be called, unless all may.
    allowed: Vec<Str<'a>>,
    /// Calls have to follow the schema to the letter.
    validated: bool,
}

impl<'a> Choice<'a> {
    /// Says so of the tools, when all of them are known.
    pub(super) fn apply(self, prompt: &mut Prompt<'a>) {
        // Without tools there is nothing to choose from, and to speak of it is an error.
        if prompt.tools.is_empty() {
            return;
        }
        prompt.tool_choice = Some(self.choice);
        if !self.allowed.is_empty() {
            let allowed = |name: &str| self.allowed.iter().any(|Str(allowed)| allowed == name);
            prompt.tools.retain(|tool| allowed(&tool.name));
            prompt.note("left out the tools that are not allowed");
        }
        for tool in &mut prompt.tools {
            tool.strict = self.validated.then_some(true);
        }
    }
}

pub(super) fn decode_config<'a>(
    name: &str,
    config: &'a str,
) -> Result<Option<Choice<'a>>, InvalidRequest> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Config<'a> {
        #[serde(borrow, alias = "function_calling_config")]
        function_calling_config: Option<Calling<'a>>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Calling<'a> {
        #[serde(borrow)]
        mode: Option<Str<'a>>,
        #[serde(borrow, alias = "allowed_function_names")]
        allowed_function_names: Option<Vec<Str<'a>>>,
    }
    let problem = "must be an object with a `functionCallingConfig`";
    let config: Config<'a> = typed(name, config, problem)?;
    let Some(calling) = config.function_calling_config else {
        return Ok(None);
    };
    let mode = calling.mode.map(|Str(mode)| mode.to_ascii_uppercase());
    let mut allowed = calling.allowed_function_names.unwrap_or_default();
    let choice = match mode.as_deref() {
        None | Some("MODE_UNSPECIFIED") => return Ok(None),
        // Of the latter the model may call a tool, and if it does, then as the schema says.
        Some("AUTO" | "VALIDATED") => ToolChoice::Auto,
        Some("NONE") => ToolChoice::None,
        Some("ANY") if allowed.len() == 1 => {
            let Str(name) = allowed.remove(0);
            ToolChoice::One(name)
        }
        Some("ANY") => ToolChoice::Required,
        Some(_) => {
            let field = format!("{name}.functionCallingConfig.mode");
            let problem = "must be AUTO, ANY, NONE or VALIDATED";
            return Err(InvalidRequest::of_field(field, problem));
        }
    };
    Ok(Some(Choice {
        choice,
        allowed,
        validated: mode.as_deref() == Some("VALIDATED"),
    }))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WrittenTools<'a> {
    function_declarations: Vec<Written<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters_json_schema: Option<&'a RawValue>,
}

impl<'a> Written<'a> {
    fn new(
        name: &'a str,
        description: Option<&'a str>,
        schema: Option<&'a RawValue>,
        notes: &mut Vec<&'static str>,
    ) -> Self {
        let schema = schema.map(schema::for_gemini);
        let (parameters, parameters_json_schema) = match schema {
            None | Some(schema::Written::Nothing) => (None, None),
            Some(schema::Written::Simple { schema, simplified }) => {
                if simplified {
                    notes.push("simplified the schema of a tool");
                }
                (Some(schema), None)
            }
            Some(schema::Written::Json(schema)) => (None, Some(schema)),
        };
        Self {
            name,
            description,
            parameters,
            parameters_json_schema,
        }
    }
}

pub(super) fn encode<'a>(
    prompt: &'a Prompt<'_>,
    notes: &mut Vec<&'static str>,
) -> Option<WrittenTools<'a>> {
    let mut function_declarations = Vec::with_capacity(prompt.tools.len());
    for tool in &prompt.tools {
        let description = tool.description.as_deref();
        let parameters = tool.parameters.as_deref();
        let tool = Written::new(&tool.name, description, parameters, notes);
        function_declarations.push(tool);
    }
    if prompt.json_tool
        && let Some(Format::Schema {
            description,
            schema,
            ..
        }) = &prompt.format
    {
        let purpose = "Give the final answer by calling this tool.";
        let description = description.as_deref().unwrap_or(purpose);
        let tool = Written::new(JSON_TOOL, Some(description), Some(schema), notes);
        function_declarations.push(tool);
    }
    (!function_declarations.is_empty()).then_some(WrittenTools {
        function_declarations,
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WrittenConfig<'a> {
    function_calling_config: WrittenCalling<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenCalling<'a> {
    mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed_function_names: Option<[&'a str; 1]>,
}

/// One tool that has to be called to the letter makes the calls of all of them so: there is no
/// word for one alone. Where a tool has to be called, it is so anyway.
pub(super) fn encode_config<'a>(prompt: &'a Prompt<'_>) -> Option<WrittenConfig<'a>> {
    let strict = prompt.tools.iter().any(|tool| tool.strict == Some(true));
    let (mode, name) = match &prompt.tool_choice {
        None if strict => ("VALIDATED", None),
        None => return None,
        Some(ToolChoice::Auto) if strict => ("VALIDATED", None),
        Some(ToolChoice::Auto) => ("AUTO", None),
        Some(ToolChoice::None) => ("NONE", None),
        Some(ToolChoice::Required) => ("ANY", None),
        Some(ToolChoice::One(name)) => ("ANY", Some([&**name])),
    };
    Some(WrittenConfig {
        function_calling_config: WrittenCalling {
            mode,
            allowed_function_names: name,
        },
    })
}
