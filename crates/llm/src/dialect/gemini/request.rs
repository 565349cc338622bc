use super::{
    content,
    messages::{self, Content},
    reasoning::{self, Thinking},
    schema,
    tools::{self, WrittenConfig, WrittenTools},
};
use crate::{
    Feature, InvalidRequest, Target,
    cross::{Crossing, Format, Prompt, ToolChoice},
    model,
    request::{Field, Fields, Str, typed},
};
use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt::Write as _};

/// Where a model is asked. A name may be that of a collection's, as the API lists them.
pub(crate) fn path(model: &str, stream: bool) -> String {
    let (collection, name) = match model.split_once('/') {
        Some((collection @ ("models" | "tunedModels"), name)) => (collection, name),
        _ => ("models", model),
    };
    let mut path = format!("/v1beta/{collection}/");
    for byte in name.bytes() {
        // What a caller calls a model must not become another path.
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            let _ = write!(path, "%{byte:02X}");
        }
    }
    path + if stream {
        ":streamGenerateContent?alt=sse"
    } else {
        ":generateContent"
    }
}

pub(crate) fn field(name: &str) -> Field {
    match name {
        "contents" => Field::Messages,
        "generationConfig" | "generation_config" => Field::Generation,
        "tools" => Field::Tools,
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
    let mut choice = None;
    for (name, value) in &fields {
        let value = value.get();
        if value == "null" {
            continue;
        }
        match &**name {
            "contents" => content::decode_all(value, crossing, &mut prompt)?,
            "systemInstruction" | "system_instruction" => {
                content::decode_system(name, value, &mut prompt)?;
            }
            "generationConfig" | "generation_config" => {
                let settings = typed(name, value, "must be an object")?;
                generation(name, settings, crossing, &mut prompt)?;
            }
            "tools" => tools::decode(value, crossing, &mut prompt)?,
            "toolConfig" | "tool_config" => choice = tools::decode_config(name, value)?,
            // A part of the conversation that is not here.
            "cachedContent" | "cached_content" => {
                return Err(crossing.refuse(Feature::UploadedFiles));
            }
            // The address says it.
            "model" => {}
            name => prompt.note(dropped(name)),
        }
    }
    if let Some(choice) = choice {
        choice.apply(&mut prompt);
    }
    Ok(prompt)
}

fn generation<'a>(
    of: &str,
    Fields(settings): Fields<'a>,
    crossing: Crossing,
    prompt: &mut Prompt<'a>,
) -> Result<(), InvalidRequest> {
    let (number, whole) = ("must be a number", "must be a whole number");
    let mut json = false;
    let mut schema = None;
    for (name, value) in settings {
        let value: &'a RawValue = value;
        let field = &format!("{of}.{name}");
        let text = value.get();
        if text == "null" {
            continue;
        }
        match &*name {
            "maxOutputTokens" | "max_output_tokens" => {
                prompt.max_tokens = Some(typed(field, text, whole)?);
            }
            "temperature" => prompt.temperature = Some(typed(field, text, number)?),
            "topP" | "top_p" => prompt.top_p = Some(typed(field, text, number)?),
            // Written with a point now and then.
            "topK" | "top_k" => {
                let top_k: f64 = typed(field, text, number)?;
                if !(0.0..=1e6).contains(&top_k) {
                    return Err(InvalidRequest::of_field(field, whole));
                }
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "it was looked at"
                )]
                let top_k = top_k as u64;
                prompt.top_k = Some(top_k);
            }
            "seed" => prompt.seed = Some(typed(field, text, whole)?),
            "presencePenalty" | "presence_penalty" => {
                prompt.presence_penalty = Some(typed(field, text, number)?);
            }
            "frequencyPenalty" | "frequency_penalty" => {
                prompt.frequency_penalty = Some(typed(field, text, number)?);
            }
            "stopSequences" | "stop_sequences" => {
                let texts: Vec<Str<'a>> = typed(field, text, "must be a list of strings")?;
                prompt.stop = texts.into_iter().map(|Str(text)| text).collect();
            }
            "candidateCount" | "candidate_count" if text == "1" => {}
            "candidateCount" | "candidate_count" => {
                return Err(crossing.refuse(Feature::ManyAnswers));
            }
            "responseMimeType" | "response_mime_type" => {
                let Str(kind) = typed(field, text, "must be a string")?;
                match &*kind {
                    "application/json" => json = true,
                    "" | "text/plain" => {}
                    // One word out of a list.
                    _ => prompt.note("dropped responseMimeType"),
                }
            }
            "responseSchema" | "response_schema" => schema = Some(schema::from_gemini(value)),
            "responseJsonSchema" | "response_json_schema" | "_responseJsonSchema" => {
                schema = Some(Cow::Borrowed(value));
            }
            "thinkingConfig" | "thinking_config" => {
                prompt.reasoning = reasoning::decode(field, text)?;
            }
            "responseModalities" | "response_modalities" => {
                let kinds: Vec<Str<'a>> = typed(field, text, "must be a list of strings")?;
                for Str(kind) in kinds {
                    match &*kind.to_ascii_lowercase() {
                        "audio" => return Err(crossing.refuse(Feature::Audio)),
                        "image" => return Err(crossing.refuse(Feature::Images)),
                        _ => {}
                    }
                }
            }
            "speechConfig" | "speech_config" => return Err(crossing.refuse(Feature::Audio)),
            name => prompt.note(dropped(name)),
        }
    }
    prompt.format = match schema {
        Some(schema) if json => Some(Format::Schema {
            name: None,
            description: None,
            schema,
            strict: None,
        }),
        _ => json.then_some(Format::Json),
    };
    Ok(())
}

/// The schema in the object of all settings, if there is one.
pub(crate) fn answer_schema(settings: &str) -> Option<Cow<'_, RawValue>> {
    let Fields(settings) = serde_json::from_str(settings).ok()?;
    let mut schema = None;
    for (name, value) in settings {
        match &*name {
            _ if value.get() == "null" => {}
            "responseSchema" | "response_schema" => schema = Some(schema::from_gemini(value)),
            "responseJsonSchema" | "response_json_schema" | "_responseJsonSchema" => {
                schema = Some(Cow::Borrowed(value));
            }
            _ => {}
        }
    }
    schema
}

/// What is left out on the way. A field that is not known here is not named: the caller chose
/// its name.
fn dropped(field: &str) -> &'static str {
    match field {
        "safetySettings" | "safety_settings" => "dropped safetySettings",
        "labels" => "dropped labels",
        "store" => "dropped store",
        "serviceTier" | "service_tier" => "dropped serviceTier",
        "responseLogprobs" | "response_logprobs" | "logprobs" => "dropped logprobs",
        "mediaResolution" | "media_resolution" => "dropped mediaResolution",
        "imageConfig" | "image_config" => "dropped imageConfig",
        _ => "dropped an unknown field",
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    system_instruction: Option<Content<'a>>,
    contents: Vec<Content<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tools: Option<[WrittenTools<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_config: Option<WrittenConfig<'a>>,
    #[serde(skip_serializing_if = "Generation::is_empty")]
    generation_config: Generation<'a>,
}

#[derive(Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Generation<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<f64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop_sequences: &'a [Cow<'a, str>],
    #[serde(skip_serializing_if = "Option::is_none")]
    response_mime_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_json_schema: Option<Raw<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_config: Option<Thinking>,
}

/// What is not looked into, and compared like its text.
#[derive(Serialize)]
#[serde(transparent)]
struct Raw<'a>(&'a RawValue);

impl PartialEq for Raw<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

impl Generation<'_> {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Gemini takes no more stop sequences than this.
const MAX_STOP: usize = 5;

pub(crate) fn encode_request(
    prompt: &mut Prompt<'_>,
    target: &Target,
) -> Result<Bytes, InvalidRequest> {
    messages::tidy(prompt);
    if prompt.turns.is_empty() {
        let problem = "must have a message of the user's that is not empty";
        return Err(InvalidRequest::of_field("messages", problem));
    }
    sampling(prompt);
    if prompt.user.take().is_some() {
        prompt.note("dropped user");
    }
    if prompt.parallel_tool_calls == Some(false) {
        prompt.note("dropped parallel_tool_calls");
    }
    let newest = model::gemini(&prompt.model).is_none_or(|version| version >= (3, 0));
    format(prompt, newest);
    let thinking_config = reasoning::encode(prompt, target);
    let mut notes = Vec::new();
    let tools = tools::encode(prompt, &mut notes);
    let contents = messages::encode_turns(prompt, newest, &mut notes)?;
    let format = prompt.format.as_ref().filter(|_| !prompt.json_tool);
    let request = Request {
        system_instruction: messages::encode_system(&prompt.system),
        contents,
        tools: tools.map(|tools| [tools]),
        tool_config: tools::encode_config(prompt),
        generation_config: Generation {
            max_output_tokens: prompt.max_tokens,
            temperature: prompt.temperature,
            top_p: prompt.top_p,
            top_k: prompt.top_k,
            seed: prompt.seed,
            presence_penalty: prompt.presence_penalty,
            frequency_penalty: prompt.frequency_penalty,
            stop_sequences: &prompt.stop,
            response_mime_type: format.map(|_| "application/json"),
            response_json_schema: format.and_then(|format| match format {
                Format::Json => None,
                Format::Schema { schema, .. } => Some(Raw(schema)),
            }),
            thinking_config,
        },
    };
    let request = serde_json::to_vec(&request).expect("strings and numbers can be written");
    notes.into_iter().for_each(|note| prompt.note(note));
    Ok(request.into())
}

/// Before the third generation, tools and a form of the answer did not go together: there the
/// model has to call a tool with the schema for its arguments, or another one.
fn format(prompt: &mut Prompt<'_>, newest: bool) {
    if newest || prompt.tools.is_empty() || prompt.tool_choice == Some(ToolChoice::None) {
        return;
    }
    match &prompt.format {
        None => {}
        Some(Format::Json) => {
            prompt.format = None;
            prompt.note("dropped response_format");
        }
        Some(Format::Schema { .. }) => {
            prompt.json_tool = true;
            prompt.tool_choice = Some(ToolChoice::Required);
            prompt.note("asked for the schema by a tool");
        }
    }
}

/// Makes the stop sequences what Gemini takes.
fn sampling(prompt: &mut Prompt<'_>) {
    let before = prompt.stop.len();
    prompt.stop.retain(|text| !text.is_empty());
    prompt.stop.truncate(MAX_STOP);
    if prompt.stop.len() < before {
        prompt.note("dropped stop sequences");
    }
}
