use super::{
    content::{self, Message},
    messages::{self, Written, WrittenTurn},
    reasoning::{self, Thinking},
    schema::{self, Held},
    tools::{self, WrittenChoice, WrittenTool},
};
use crate::{
    Feature, InvalidRequest, Target,
    cross::{Crossing, Format, Prompt, Reasoning, Sampling, ToolChoice},
    model,
    request::{Field, Fields, Str, typed},
};
use bytes::Bytes;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::value::RawValue;
use std::borrow::Cow;

pub(crate) fn field(name: &str) -> Field {
    match name {
        "model" => Field::Model,
        "stream" => Field::Stream,
        "max_tokens" => Field::MaxTokens,
        "messages" => Field::Messages,
        "tools" | "mcp_servers" => Field::Tools,
        "output_config" | "output_format" => Field::Format,
        _ => Field::Other,
    }
}

pub(crate) fn decode_request<'a>(
    Fields(fields): Fields<'a>,
    crossing: Crossing,
) -> Result<Prompt<'a>, InvalidRequest> {
    // Its stream always tells the usage.
    let mut prompt = Prompt {
        include_usage: true,
        ..Prompt::default()
    };
    let mut no_tools = false;
    for (name, value) in &fields {
        let value = value.get();
        if value == "null" {
            continue;
        }
        match &**name {
            "model" => Str(prompt.model) = typed(name, value, "must be a string")?,
            "system" => content::decode_system(value, crossing, &mut prompt)?,
            "messages" => Message::decode_all(value, crossing, &mut prompt)?,
            "max_tokens" => prompt.max_tokens = Some(typed(name, value, "must be a whole number")?),
            "temperature" => prompt.temperature = Some(typed(name, value, "must be a number")?),
            "top_p" => prompt.top_p = Some(typed(name, value, "must be a number")?),
            "stop_sequences" => {
                let texts: Vec<Str<'a>> = typed(name, value, "must be a list of strings")?;
                prompt.stop = texts.into_iter().map(|Str(text)| text).collect();
            }
            "metadata" => {
                let metadata: Metadata<'a> = typed(name, value, "must be an object")?;
                prompt.user = metadata.user_id.map(|Str(id)| id);
            }
            "stream" => prompt.stream = typed(name, value, "must be true or false")?,
            "top_k" => prompt.top_k = Some(typed(name, value, "must be a whole number")?),
            "tools" => {
                tools::decode(value, crossing, &mut prompt)?;
                no_tools = prompt.tools.is_empty();
            }
            "tool_choice" => tools::decode_choice(value, &mut prompt)?,
            "mcp_servers" if is_empty(value) => {}
            "mcp_servers" | "container" => return Err(crossing.refuse(Feature::ServerTools)),
            // To leave it out would leave out all turns but the last.
            "thread" => return Err(crossing.refuse(Feature::Threads)),
            "thinking" => reasoning::decode(value, &mut prompt)?,
            "output_format" => prompt.format = Some(format(name, value)?),
            "output_config" => {
                let config: OutputConfig<'a> = typed(name, value, "must be an object")?;
                if let Some(asked) = config.format {
                    prompt.format = Some(format("output_config.format", asked.get())?);
                }
                let effort = config
                    .effort
                    .and_then(|Str(it)| reasoning::decode_effort(&it));
                prompt.reasoning = effort.map(Reasoning::Effort).or(prompt.reasoning);
            }
            name => prompt.note(dropped(name)),
        }
    }
    if no_tools {
        // Without tools there is nothing to choose from, and to speak of it is an error.
        (prompt.tool_choice, prompt.parallel_tool_calls) = (None, None);
    }
    Ok(prompt)
}

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow)]
    user_id: Option<Str<'a>>,
}

#[derive(Deserialize)]
struct OutputConfig<'a> {
    #[serde(borrow)]
    format: Option<&'a RawValue>,
    #[serde(borrow)]
    effort: Option<Str<'a>>,
}

/// A JSON schema: there is no other form. It is always followed to the letter.
fn format<'a>(name: &str, value: &'a str) -> Result<Format<'a>, InvalidRequest> {
    #[derive(Deserialize)]
    struct Asked<'a> {
        #[serde(borrow)]
        schema: &'a RawValue,
    }
    let asked: Asked<'a> = typed(name, value, "must be an object with a `schema`")?;
    Ok(Format::Schema {
        name: None,
        description: None,
        schema: Cow::Borrowed(asked.schema),
        strict: Some(true),
    })
}

/// The schema in `output_config` or `output_format`, if there is one.
pub(crate) fn answer_schema(value: &str) -> Option<Cow<'_, RawValue>> {
    #[derive(Deserialize)]
    struct Asked<'a> {
        #[serde(borrow)]
        format: Option<Inner<'a>>,
        #[serde(borrow)]
        schema: Option<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Inner<'a> {
        #[serde(borrow)]
        schema: Option<&'a RawValue>,
    }
    let asked: Asked<'_> = serde_json::from_str(value).ok()?;
    let schema = asked.format.map_or(asked.schema, |inner| inner.schema);
    schema.map(Cow::Borrowed)
}

fn is_empty(list: &str) -> bool {
    serde_json::from_str::<Vec<IgnoredAny>>(list).is_ok_and(|list| list.is_empty())
}

/// What is left out on the way. A field that is not known here is not named: the caller chose
/// its name.
fn dropped(field: &str) -> &'static str {
    match field {
        "service_tier" => "dropped service_tier",
        "cache_control" => "dropped cache_control",
        "context_management" => "dropped context_management",
        "inference_geo" => "dropped inference_geo",
        _ => "dropped an unknown field",
    }
}

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    max_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<Written<'a>>,
    messages: Vec<WrittenTurn<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<WrittenTool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<WrittenChoice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<Thinking>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_config: Option<WrittenConfig<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop_sequences: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<WrittenMetadata<'a>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
}

#[derive(Serialize)]
struct WrittenMetadata<'a> {
    user_id: &'a str,
}

#[derive(Serialize)]
struct WrittenConfig<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<WrittenFormat<'a>>,
}

#[derive(Serialize)]
struct WrittenFormat<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    schema: &'a RawValue,
}

pub(crate) fn encode_request(
    prompt: &mut Prompt<'_>,
    target: &Target,
    crossing: Crossing,
) -> Result<Bytes, InvalidRequest> {
    sampling(prompt);
    messages::tidy(prompt);
    if prompt.turns.is_empty() {
        let problem = "must have a message of the user's that is not empty";
        return Err(InvalidRequest::of_field("messages", problem));
    }
    let max_tokens = match prompt.max_tokens {
        Some(tokens) => tokens,
        None => {
            prompt.note("added max_tokens");
            target.default_max_tokens
        }
    };
    let schema = follow(prompt, target);
    tools::settle_strict(prompt, crossing);
    let (thinking, effort) = reasoning::encode(prompt, max_tokens, target);
    let mut tools = tools::encode(prompt);
    if prompt.json_tool {
        tools.extend(prompt.format.as_ref().and_then(tools::json_tool));
    }
    let format = schema.as_deref().map(|schema| WrittenFormat {
        kind: "json_schema",
        schema,
    });
    let request = Request {
        model: &prompt.model,
        max_tokens,
        system: messages::encode_system(&prompt.system),
        messages: messages::encode_turns(&prompt.turns, crossing)?,
        temperature: prompt.temperature,
        top_p: prompt.top_p,
        top_k: prompt.top_k,
        tools,
        tool_choice: tools::encode_choice(prompt),
        thinking,
        output_config: (format.is_some() || effort.is_some())
            .then_some(WrittenConfig { effort, format }),
        stop_sequences: prompt.stop.iter().map(|text| &**text).collect(),
        metadata: prompt
            .user
            .as_deref()
            .map(|user_id| WrittenMetadata { user_id }),
        stream: prompt.stream,
    };
    let request = serde_json::to_vec(&request).expect("strings and numbers can be written");
    Ok(request.into())
}

/// The schema that the answer has to follow, where the model can be told it as such. Where it
/// can't, it has to call a tool with these arguments, or another one if there are any.
fn follow<'a>(prompt: &mut Prompt<'a>, target: &Target) -> Option<Cow<'a, RawValue>> {
    let schema = match prompt.format.as_ref()? {
        // There is no JSON without a schema. The prompt has to ask for it, as OpenAI demands
        // that it does anyway.
        Format::Json => {
            prompt.note("dropped response_format");
            return None;
        }
        Format::Schema { schema, .. } => schema,
    };
    let held = match schema {
        _ if !target.follows_schemas(&prompt.model) => None,
        Cow::Borrowed(schema) => schema::held(schema),
        Cow::Owned(schema) => schema::held(schema).map(|held| Held {
            schema: Cow::Owned(held.schema.into_owned()),
            ..held
        }),
    };
    if let Some(held) = held {
        if held.simplified {
            prompt.note("simplified the schema of the answer");
        }
        return Some(held.schema);
    }
    prompt.json_tool = true;
    prompt.note("asked for the schema by a tool");
    prompt.tool_choice = Some(if prompt.tools.is_empty() {
        ToolChoice::One(tools::JSON_TOOL.into())
    } else {
        ToolChoice::Required
    });
    None
}

/// Makes the sampling parameters what Anthropic takes.
fn sampling(prompt: &mut Prompt<'_>) {
    prompt.leave_out(&[Sampling::Seed, Sampling::Penalties]);
    prompt.leave_out(model::refuses(&prompt.model));
    if prompt
        .temperature
        .is_some_and(|temperature| temperature > 1.0)
    {
        prompt.temperature = Some(1.0);
        prompt.note("clamped temperature");
    }
    // Newer models refuse a request that has both.
    if prompt.temperature.is_some() && prompt.top_p.take().is_some() {
        prompt.note("dropped top_p");
    }
    let before = prompt.stop.len();
    prompt.stop.retain(|text| !text.trim().is_empty());
    if prompt.stop.len() < before {
        prompt.note("dropped stop sequences");
    }
}
