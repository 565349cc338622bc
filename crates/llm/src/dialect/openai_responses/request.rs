use super::{
    content,
    items::{self, IDS, Written},
    tools::{self, WrittenChoice, WrittenText, WrittenTool},
};
use crate::{
    Feature, InvalidRequest, Target,
    cross::{Crossing, Prompt, Reasoning, Sampling},
    dialect::openai_chat,
    model,
    request::{Field, Fields, Str, typed},
};
use bytes::Bytes;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use std::borrow::Cow;

pub(crate) fn field(name: &str) -> Field {
    match name {
        "model" => Field::Model,
        "stream" => Field::Stream,
        "max_output_tokens" => Field::MaxTokens,
        "input" => Field::Messages,
        "tools" => Field::Tools,
        "text" => Field::Format,
        // `stream_options` are others than those of chat completions: usage is always told.
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
    let mut instructions = None;
    let mut asked = false;
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
            "instructions" => instructions = Some(text(name, value)?),
            "input" => {
                asked = true;
                content::decode_input(value, crossing, &mut prompt)?;
            }
            "max_output_tokens" => {
                prompt.max_tokens = Some(typed(name, value, "must be a whole number")?);
            }
            "temperature" => prompt.temperature = Some(typed(name, value, "must be a number")?),
            "top_p" => prompt.top_p = Some(typed(name, value, "must be a number")?),
            "user" => prompt.user = Some(text(name, value)?),
            "safety_identifier" => safety_identifier = Some(text(name, value)?),
            "stream" => prompt.stream = typed(name, value, "must be true or false")?,
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
            "text" => tools::decode_text(value, &mut prompt)?,
            "reasoning" => prompt.reasoning = reasoning(name, value, &mut prompt)?,
            "previous_response_id" | "conversation" | "prompt" => {
                return Err(crossing.refuse(Feature::StoredState));
            }
            // The answer would have to be fetched from where it is kept.
            "background" if value == "true" => {
                return Err(crossing.refuse(Feature::StoredState));
            }
            "background" => {}
            name => prompt.note(dropped(name)),
        }
    }
    if !asked {
        return Err(InvalidRequest::Missing { field: "input" });
    }
    if let Some(instructions) = instructions {
        prompt.system.insert(0, instructions);
    }
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

fn text<'a>(name: &str, value: &'a str) -> Result<Cow<'a, str>, InvalidRequest> {
    typed(name, value, "must be a string").map(|Str(text)| text)
}

fn reasoning(
    name: &str,
    value: &str,
    prompt: &mut Prompt<'_>,
) -> Result<Option<Reasoning>, InvalidRequest> {
    #[derive(Deserialize)]
    struct Asked<'a> {
        #[serde(borrow)]
        effort: Option<Str<'a>>,
        summary: Option<IgnoredAny>,
        generate_summary: Option<IgnoredAny>,
    }
    let asked: Asked<'_> = typed(name, value, "must be an object")?;
    if asked.summary.is_some() || asked.generate_summary.is_some() {
        prompt.note("dropped the summary of reasoning");
    }
    let Some(Str(effort)) = asked.effort else {
        return Ok(None);
    };
    let reasoning = openai_chat::reasoning_of(&effort);
    if reasoning.is_none() {
        prompt.note("dropped reasoning");
    }
    Ok(reasoning)
}

/// What is left out on the way. A field that is not known here is not named: the caller chose
/// its name.
fn dropped(field: &str) -> &'static str {
    match field {
        "include" => "dropped include",
        "max_tool_calls" => "dropped max_tool_calls",
        "metadata" => "dropped metadata",
        "prompt_cache_key" => "dropped prompt_cache_key",
        "prompt_cache_retention" => "dropped prompt_cache_retention",
        "service_tier" => "dropped service_tier",
        "store" => "dropped store",
        "stream_options" => "dropped stream_options",
        "top_logprobs" => "dropped top_logprobs",
        "truncation" => "dropped truncation",
        _ => "dropped an unknown field",
    }
}

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Option<&'a str>,
    input: Vec<Written<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<WrittenTool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<WrittenChoice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<WrittenText<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<WrittenReasoning>,
    #[serde(skip_serializing_if = "Option::is_none")]
    safety_identifier: Option<Cow<'a, str>>,
    store: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
}

#[derive(Serialize)]
struct WrittenReasoning {
    effort: &'static str,
}

/// It takes no smaller limit than this.
const LEAST_TOKENS: u64 = 16;

pub(crate) fn encode_request(
    prompt: &mut Prompt<'_>,
    target: &Target,
    crossing: Crossing,
) -> Bytes {
    prompt.leave_out(model::refuses(&prompt.model));
    prompt.leave_out(&[
        Sampling::TopK,
        Sampling::Seed,
        Sampling::Penalties,
        Sampling::Stop,
    ]);
    if prompt.max_tokens.is_some_and(|most| most < LEAST_TOKENS) {
        prompt.max_tokens = Some(LEAST_TOKENS);
        prompt.note("raised max_tokens");
    }
    openai_chat::settle_strict(prompt, crossing);
    let effort = openai_chat::effort(prompt, target);
    // It stores every answer, with what led to it, unless it is told not to. A caller of another
    // API does not expect that.
    prompt.note("asked not to store the answer");
    let (instructions, system) = match prompt.system.split_first() {
        // There has to be something that is not an instruction.
        Some((first, rest)) if !prompt.turns.is_empty() => (Some(&**first), rest),
        _ => (None, &*prompt.system),
    };
    let request = Request {
        model: &prompt.model,
        instructions,
        input: items::encode_all(system, &prompt.turns),
        max_output_tokens: prompt.max_tokens,
        temperature: prompt.temperature,
        top_p: prompt.top_p,
        tools: tools::encode(prompt),
        tool_choice: prompt.tool_choice.as_ref().map(tools::encode_choice),
        parallel_tool_calls: prompt.parallel_tool_calls,
        text: prompt.format.as_ref().map(tools::encode_format),
        reasoning: effort.map(|effort| WrittenReasoning { effort }),
        // As long as an id of a call, and like it the same for the same.
        safety_identifier: prompt.user.as_deref().map(|user| IDS.fit(user)),
        store: false,
        stream: prompt.stream,
    };
    let request = serde_json::to_vec(&request).expect("strings and numbers can be written");
    request.into()
}
