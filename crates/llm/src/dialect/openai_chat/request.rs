use super::content::{self, Message};
use crate::{
    Feature, InvalidRequest, Target,
    cross::{Crossing, Prompt},
    request::{Field, Fields, Str, typed},
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;

pub(crate) fn field(name: &str) -> Field {
    match name {
        "model" => Field::Model,
        "stream" => Field::Stream,
        "stream_options" => Field::StreamOptions,
        "max_completion_tokens" => Field::MaxTokens,
        "max_tokens" => Field::MaxTokensLegacy,
        "messages" => Field::Messages,
        "tools" | "functions" => Field::Tools,
        "response_format" => Field::Format,
        _ => Field::Other,
    }
}

/// OpenAI's newer models refuse `max_tokens`, other servers may refuse the newer name.
pub(crate) const fn max_tokens_field(target: &Target) -> &'static str {
    if target.legacy_max_tokens {
        "max_tokens"
    } else {
        "max_completion_tokens"
    }
}

pub(crate) fn decode_request<'a>(
    Fields(fields): Fields<'a>,
    crossing: Crossing,
) -> Result<Prompt<'a>, InvalidRequest> {
    let mut prompt = Prompt::default();
    let mut legacy_max_tokens = None;
    let mut safety_identifier = None;
    for (name, value) in &fields {
        let value = value.get();
        if value == "null" {
            continue;
        }
        match &**name {
            "model" => Str(prompt.model) = typed(name, value, "must be a string")?,
            "messages" => Message::decode_all(value, crossing, &mut prompt)?,
            "max_completion_tokens" => {
                prompt.max_tokens = Some(typed(name, value, "must be a whole number")?);
            }
            "max_tokens" => {
                legacy_max_tokens = Some(typed(name, value, "must be a whole number")?);
            }
            "temperature" => prompt.temperature = Some(typed(name, value, "must be a number")?),
            "top_p" => prompt.top_p = Some(typed(name, value, "must be a number")?),
            "stop" => prompt.stop = stop(name, value)?,
            "user" => prompt.user = Some(text(name, value)?),
            "safety_identifier" => safety_identifier = Some(text(name, value)?),
            "stream" => prompt.stream = typed(name, value, "must be true or false")?,
            "stream_options" => {
                let options: StreamOptions = typed(name, value, "must be an object")?;
                prompt.include_usage = options.include_usage.unwrap_or(false);
            }
            "n" if value != "1" => return Err(crossing.refuse(Feature::ManyAnswers)),
            "tools" | "functions" if value_is_empty(value) => {}
            "tools" | "functions" | "web_search_options" => {
                return Err(crossing.refuse(Feature::Tools));
            }
            "response_format" => response_format(value, crossing, &mut prompt)?,
            "audio" => return Err(crossing.refuse(Feature::Audio)),
            "modalities" if value.contains("audio") => {
                return Err(crossing.refuse(Feature::Audio));
            }
            // Without tools there is nothing to choose from.
            "n" | "modalities" | "tool_choice" | "function_call" | "parallel_tool_calls" => {}
            name => prompt.note(dropped(name)),
        }
    }
    prompt.max_tokens = prompt.max_tokens.or(legacy_max_tokens);
    // The older field's successor.
    prompt.user = safety_identifier.or(prompt.user);
    Ok(prompt)
}

#[derive(Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

fn text<'a>(name: &str, value: &'a str) -> Result<Cow<'a, str>, InvalidRequest> {
    typed(name, value, "must be a string").map(|Str(text)| text)
}

/// One text, or a list of them.
fn stop<'a>(name: &str, value: &'a str) -> Result<Vec<Cow<'a, str>>, InvalidRequest> {
    let problem = "must be a string or a list of strings";
    if value.starts_with('"') {
        return Ok(vec![typed(name, value, problem).map(|Str(text)| text)?]);
    }
    let texts: Vec<Str<'a>> = typed(name, value, problem)?;
    Ok(texts.into_iter().map(|Str(text)| text).collect())
}

fn value_is_empty(list: &str) -> bool {
    serde_json::from_str::<Vec<&RawValue>>(list).is_ok_and(|list| list.is_empty())
}

fn response_format(
    value: &str,
    crossing: Crossing,
    prompt: &mut Prompt<'_>,
) -> Result<(), InvalidRequest> {
    #[derive(Deserialize)]
    struct Format<'a> {
        #[serde(borrow, rename = "type")]
        kind: Str<'a>,
    }
    let format: Format<'_> = typed("response_format", value, "must be an object with a `type`")?;
    match &*format.kind.0 {
        "text" => {}
        // There is no JSON without a schema elsewhere. The prompt has to ask for it, as OpenAI
        // demands that it does anyway.
        "json_object" => prompt.note("dropped response_format"),
        _ => return Err(crossing.refuse(Feature::JsonSchema)),
    }
    Ok(())
}

/// What is left out on the way. A field that is not known here is not named: the caller chose
/// its name.
fn dropped(field: &str) -> &'static str {
    match field {
        "frequency_penalty" => "dropped frequency_penalty",
        "presence_penalty" => "dropped presence_penalty",
        "logit_bias" => "dropped logit_bias",
        "logprobs" => "dropped logprobs",
        "top_logprobs" => "dropped top_logprobs",
        "seed" => "dropped seed",
        "store" => "dropped store",
        "metadata" => "dropped metadata",
        "prediction" => "dropped prediction",
        "prompt_cache_key" => "dropped prompt_cache_key",
        "prompt_cache_retention" => "dropped prompt_cache_retention",
        "reasoning_effort" => "dropped reasoning_effort",
        "service_tier" => "dropped service_tier",
        "verbosity" => "dropped verbosity",
        _ => "dropped an unknown field",
    }
}

#[derive(Serialize)]
struct Written<'a> {
    model: &'a str,
    messages: Vec<content::Written<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop: &'a [Cow<'a, str>],
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<WrittenOptions>,
}

#[derive(Serialize)]
struct WrittenOptions {
    include_usage: bool,
}

/// OpenAI takes no more stop sequences than this.
const MAX_STOP: usize = 4;

pub(crate) fn encode_request(prompt: &mut Prompt<'_>, target: &Target) -> Bytes {
    if prompt.stop.len() > MAX_STOP {
        prompt.stop.truncate(MAX_STOP);
        prompt.note("dropped stop sequences");
    }
    let include_usage = prompt.stream && prompt.include_usage;
    let legacy = target.legacy_max_tokens;
    let request = Written {
        model: &prompt.model,
        messages: content::encode_all(prompt),
        max_completion_tokens: prompt.max_tokens.filter(|_| !legacy),
        max_tokens: prompt.max_tokens.filter(|_| legacy),
        temperature: prompt.temperature,
        top_p: prompt.top_p,
        stop: &prompt.stop,
        user: prompt.user.as_deref(),
        stream: prompt.stream,
        stream_options: include_usage.then_some(WrittenOptions { include_usage }),
    };
    let request = serde_json::to_vec(&request).expect("strings and numbers can be written");
    request.into()
}
