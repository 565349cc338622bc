use super::{
    content::Message,
    messages, strict,
    tools::{self, WrittenChoice, WrittenFormat, WrittenTool},
};
use crate::{
    Feature, InvalidRequest, Target,
    cross::{Crossing, Effort, IdRule, Prompt, Reasoning, Sampling},
    model,
    request::{Field, Fields, Seed, Str, typed},
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
    let mut choice = None;
    let mut no_tools = false;
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
            "seed" => prompt.seed = Some(typed(name, value, "must be a whole number")?),
            "frequency_penalty" => {
                prompt.frequency_penalty = Some(typed(name, value, "must be a number")?);
            }
            "presence_penalty" => {
                prompt.presence_penalty = Some(typed(name, value, "must be a number")?);
            }
            "functions" if is_empty(value) => {}
            "functions" | "function_call" => {
                return Err(crossing.refuse(Feature::LegacyFunctions));
            }
            "tools" => {
                prompt.tools = tools::decode(value, crossing)?;
                no_tools = prompt.tools.is_empty();
            }
            "tool_choice" => {
                choice = Some(tools::decode_choice(value, crossing)?);
            }
            "parallel_tool_calls" => {
                prompt.parallel_tool_calls = Some(typed(name, value, "must be true or false")?);
            }
            "web_search_options" => return Err(crossing.refuse(Feature::ServerTools)),
            "response_format" => prompt.format = tools::decode_format(value)?,
            "reasoning_effort" => {
                prompt.reasoning = reasoning_of(&text(name, value)?);
                if prompt.reasoning.is_none() {
                    prompt.note("dropped reasoning");
                }
            }
            "audio" => return Err(crossing.refuse(Feature::Audio)),
            "modalities" if value.contains("audio") => {
                return Err(crossing.refuse(Feature::Audio));
            }
            "n" | "modalities" => {}
            name => prompt.note(dropped(name)),
        }
    }
    prompt.max_tokens = prompt.max_tokens.or(legacy_max_tokens);
    if let Some(choice) = choice {
        choice.apply(&mut prompt);
    }
    if no_tools {
        // Without tools there is nothing to choose from, and to speak of it is an error.
        (prompt.tool_choice, prompt.parallel_tool_calls) = (None, None);
    }
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

/// What OpenAI's word for how much is to be thought means.
pub(crate) fn reasoning_of(effort: &str) -> Option<Reasoning> {
    Some(match effort {
        "none" => Reasoning::Off,
        "minimal" => Reasoning::Effort(Effort::Minimal),
        "low" => Reasoning::Effort(Effort::Low),
        "medium" => Reasoning::Effort(Effort::Medium),
        "high" => Reasoning::Effort(Effort::High),
        "xhigh" => Reasoning::Effort(Effort::Max),
        // A word of tomorrow's.
        _ => return None,
    })
}

fn is_empty(list: &str) -> bool {
    serde_json::from_str::<Vec<&RawValue>>(list).is_ok_and(|list| list.is_empty())
}

/// What is left out on the way. A field that is not known here is not named: the caller chose
/// its name.
fn dropped(field: &str) -> &'static str {
    match field {
        "logit_bias" => "dropped logit_bias",
        "logprobs" => "dropped logprobs",
        "top_logprobs" => "dropped top_logprobs",
        "store" => "dropped store",
        "metadata" => "dropped metadata",
        "prediction" => "dropped prediction",
        "prompt_cache_key" => "dropped prompt_cache_key",
        "prompt_cache_retention" => "dropped prompt_cache_retention",
        "service_tier" => "dropped service_tier",
        "verbosity" => "dropped verbosity",
        _ => "dropped an unknown field",
    }
}

#[derive(Serialize)]
struct Written<'a> {
    model: &'a str,
    messages: Vec<messages::Written<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    /// What Mistral calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    random_seed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<f64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop: &'a [Cow<'a, str>],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<WrittenTool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<WrittenChoice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<WrittenFormat<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<&'static str>,
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

/// The longest id of a tool call that OpenAI takes.
pub(super) const MAX_ID: usize = 40;

pub(crate) fn encode_request(
    prompt: &mut Prompt<'_>,
    target: &Target,
    crossing: Crossing,
) -> Result<Bytes, InvalidRequest> {
    if let Some(most) = target.chat.tool_name
        && prompt.tools.iter().any(|tool| tool.name.len() > most)
    {
        // By another name the caller would not know it when it is called.
        let problem = format!("has a tool with a name of more than {most} characters");
        return Err(InvalidRequest::of_field("tools", problem));
    }
    prompt.leave_out(model::refuses(&prompt.model));
    if prompt.stop.len() > MAX_STOP {
        prompt.stop.truncate(MAX_STOP);
        prompt.note("dropped stop sequences");
    }
    prompt.leave_out(&[Sampling::TopK]);
    strict::settle(prompt, crossing);
    if !target.chat.user && prompt.user.take().is_some() {
        prompt.note("dropped user");
    }
    let reasoning_effort = effort(prompt, target);
    let ids = if target.nine_letter_ids {
        IdRule::Exactly(9)
    } else {
        IdRule::UpTo(MAX_ID)
    };
    let mut notes = Vec::new();
    let mut messages = messages::encode_all(prompt, ids, crossing, &mut notes)?;
    if !target.chat.user_after_tool && messages::answer_results(&mut messages) {
        notes.push("added a turn of the model's after what came of a call");
    }
    let chat = target.chat;
    let include_usage = prompt.stream && prompt.include_usage && chat.stream_options;
    let legacy = target.legacy_max_tokens;
    let request = Written {
        model: &prompt.model,
        messages,
        max_completion_tokens: prompt.max_tokens.filter(|_| !legacy),
        max_tokens: prompt.max_tokens.filter(|_| legacy),
        temperature: prompt.temperature,
        top_p: prompt.top_p,
        seed: prompt.seed.filter(|_| chat.seed == Seed::Seed),
        random_seed: prompt.seed.filter(|_| chat.seed == Seed::RandomSeed),
        frequency_penalty: prompt.frequency_penalty,
        presence_penalty: prompt.presence_penalty,
        stop: &prompt.stop,
        tools: tools::encode(prompt),
        tool_choice: prompt.tool_choice.as_ref().map(tools::encode_choice),
        parallel_tool_calls: prompt.parallel_tool_calls,
        response_format: prompt.format.as_ref().map(tools::encode_format),
        reasoning_effort,
        user: prompt.user.as_deref(),
        stream: prompt.stream,
        stream_options: include_usage.then_some(WrittenOptions { include_usage }),
    };
    let request = serde_json::to_vec(&request).expect("strings and numbers can be written");
    notes.into_iter().for_each(|note| prompt.note(note));
    Ok(request.into())
}

/// OpenAI's word for how much is to be thought, where the model is one that thinks.
pub(crate) fn effort(prompt: &mut Prompt<'_>, target: &Target) -> Option<&'static str> {
    let effort = match prompt.reasoning? {
        // It thinks as much as it thinks right unless it is told otherwise.
        Reasoning::Dynamic => return None,
        // Only the newest ones can be told not to think at all.
        Reasoning::Off => {
            prompt.note("dropped reasoning");
            return None;
        }
        Reasoning::Effort(effort) => effort,
        Reasoning::Budget(budget) => {
            let most = prompt.max_tokens.unwrap_or(target.default_max_tokens);
            Effort::of_budget(budget, most)
        }
    };
    if !target.reasons(&prompt.model) {
        prompt.note("dropped reasoning");
        return None;
    }
    Some(match effort {
        Effort::Minimal => "minimal",
        Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
        Effort::Max => {
            // Most of them have no word for more.
            prompt.note("lowered the effort of reasoning");
            "high"
        }
    })
}
