use super::content::{self, Message};
use crate::{
    Feature, InvalidRequest, Target,
    cross::{Crossing, Prompt},
    request::{Field, Fields, Str, typed},
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

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
            "tools" | "mcp_servers" if content::is_empty(value) => {}
            "tools" | "mcp_servers" | "container" => return Err(crossing.refuse(Feature::Tools)),
            "output_format" => return Err(crossing.refuse(Feature::JsonSchema)),
            "output_config" => {
                let config: OutputConfig<'_> = typed(name, value, "must be an object")?;
                if config.format.is_some() {
                    return Err(crossing.refuse(Feature::JsonSchema));
                }
                prompt.note("dropped output_config");
            }
            // Without tools there is nothing to choose from.
            "tool_choice" => {}
            name => prompt.note(dropped(name)),
        }
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
}

/// What is left out on the way. A field that is not known here is not named: the caller chose
/// its name.
fn dropped(field: &str) -> &'static str {
    match field {
        "top_k" => "dropped top_k",
        "thinking" => "dropped thinking",
        "service_tier" => "dropped service_tier",
        "cache_control" => "dropped cache_control",
        "context_management" => "dropped context_management",
        "inference_geo" => "dropped inference_geo",
        _ => "dropped an unknown field",
    }
}

#[derive(Serialize)]
struct Written<'a> {
    model: &'a str,
    max_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<content::Written<'a>>,
    messages: Vec<content::WrittenTurn<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
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

pub(crate) fn encode_request(
    prompt: &mut Prompt<'_>,
    target: &Target,
) -> Result<Bytes, InvalidRequest> {
    sampling(prompt);
    content::tidy(prompt);
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
    let request = Written {
        model: &prompt.model,
        max_tokens,
        system: content::encode_system(&prompt.system),
        messages: content::encode_turns(&prompt.turns),
        temperature: prompt.temperature,
        top_p: prompt.top_p,
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

/// Makes the sampling parameters what Anthropic takes.
fn sampling(prompt: &mut Prompt<'_>) {
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
