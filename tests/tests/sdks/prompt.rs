//! Reading a request as the provider of its dialect does.

use buttress_testkit::Dialect;
use serde_json::Value;

#[derive(Debug, Default)]
pub struct Prompt {
    pub system: String,
    /// The last words of the user.
    pub user: String,
    /// The names of the tools.
    pub tools: Vec<String>,
    /// The tool that has to be called.
    pub forced: Option<String>,
    pub has_schema: bool,
    /// Type and size of each.
    pub images: Vec<String>,
    /// What the tools said, in the order in which they were called.
    pub results: Vec<String>,
}

/// Why a provider refuses a request.
#[derive(Debug)]
pub enum Problem {
    Invalid(String),
    /// It is part of a conversation that the provider is to remember.
    Thread,
}

/// A call of a tool, and its result.
struct Call {
    id: String,
    result: Option<String>,
}

impl Prompt {
    pub fn read(dialect: Dialect, request: &Value) -> Result<Self, Problem> {
        match dialect {
            Dialect::OpenAi => openai(request),
            _ => anthropic(request),
        }
    }

    /// This tool has to be called, or any.
    fn force(&mut self, name: &Value, any: bool) {
        let only = self.tools.first().filter(|_| any);
        self.forced = name.as_str().or(only.map(String::as_str)).map(Into::into);
    }
}

fn openai(request: &Value) -> Result<Prompt, Problem> {
    let mut prompt = Prompt::default();
    let mut calls = Vec::new();
    for message in list(&request["messages"]) {
        let content = &message["content"];
        match text(&message["role"]) {
            "system" | "developer" => prompt.system = joined(content),
            "user" => {
                prompt.user = joined(content);
                let images = list(content)
                    .iter()
                    .filter(|part| part["type"] == "image_url");
                for part in images {
                    let url = text(&part["image_url"]["url"]);
                    let data = url
                        .strip_prefix("data:")
                        .and_then(|url| url.split_once(";base64,"));
                    let (kind, data) = data.ok_or(Problem::Invalid(format!("no image: {url}")))?;
                    prompt.images.push(image(kind, data));
                }
            }
            "assistant" => {
                for call in list(&message["tool_calls"]) {
                    let arguments = text(&call["function"]["arguments"]);
                    let arguments = serde_json::from_str(arguments).unwrap_or_default();
                    calls.push(called(&call["id"], &arguments)?);
                }
            }
            "tool" => answered(&mut calls, &message["tool_call_id"], content)?,
            role => return Err(Problem::Invalid(format!("no role: {role}"))),
        }
    }
    for tool in list(&request["tools"]) {
        prompt
            .tools
            .push(text(&tool["function"]["name"]).to_owned());
    }
    let choice = &request["tool_choice"];
    prompt.force(&choice["function"]["name"], choice == "required");
    prompt.has_schema =
        request["response_format"]["json_schema"]["schema"]["properties"]["city"].is_object();
    prompt.results = results(calls)?;
    Ok(prompt)
}

fn anthropic(request: &Value) -> Result<Prompt, Problem> {
    let mut prompt = Prompt {
        system: joined(&request["system"]),
        ..Prompt::default()
    };
    if !request["thread"].is_null() {
        return Err(Problem::Thread);
    }
    let mut calls: Vec<Call> = Vec::new();
    let mut last = "";
    for message in list(&request["messages"]) {
        let (role, content) = (text(&message["role"]), &message["content"]);
        if role == last {
            return Err(Problem::Invalid(format!("two turns of {role} in a row")));
        }
        last = role;
        if role == "user" {
            prompt.user = joined(content);
        }
        for block in list(content) {
            match text(&block["type"]) {
                "tool_use" => calls.push(called(&block["id"], &block["input"])?),
                "tool_result" => answered(&mut calls, &block["tool_use_id"], &block["content"])?,
                "image" => {
                    let source = &block["source"];
                    let image = image(text(&source["media_type"]), text(&source["data"]));
                    prompt.images.push(image);
                }
                "text" => {}
                kind => return Err(Problem::Invalid(format!("no block: {kind}"))),
            }
        }
        if role == "user" && calls.iter().any(|call| call.result.is_none()) {
            return Err(Problem::Invalid(
                "a call has no result in the next turn".to_owned(),
            ));
        }
    }
    if request["max_tokens"].as_u64().is_none() {
        return Err(Problem::Invalid("max_tokens: Field required".to_owned()));
    }
    for tool in list(&request["tools"]) {
        prompt.tools.push(text(&tool["name"]).to_owned());
    }
    let choice = &request["tool_choice"];
    prompt.force(&choice["name"], choice["type"] == "any");
    let older = text(&request["model"]).starts_with("claude-3-");
    prompt.has_schema =
        request["output_config"]["format"]["schema"]["properties"]["city"].is_object();
    if older && !request["output_config"]["format"].is_null() {
        return Err(Problem::Invalid(
            "output_config: not supported by this model".to_owned(),
        ));
    }
    prompt.results = results(calls)?;
    Ok(prompt)
}

fn called(id: &Value, arguments: &Value) -> Result<Call, Problem> {
    let id = text(id).to_owned();
    match (id.is_empty(), arguments["city"].is_string()) {
        (false, true) => Ok(Call { id, result: None }),
        _ => Err(Problem::Invalid(format!("no call: {id}, {arguments}"))),
    }
}

fn answered(calls: &mut [Call], id: &Value, content: &Value) -> Result<(), Problem> {
    let mut open = calls.iter_mut().filter(|call| call.result.is_none());
    let call = open.find(|call| Some(&*call.id) == id.as_str());
    let call = call.ok_or_else(|| Problem::Invalid(format!("a result without a call: {id}")))?;
    call.result = Some(joined(content));
    Ok(())
}

fn results(calls: Vec<Call>) -> Result<Vec<String>, Problem> {
    let results = calls.into_iter().map(|call| {
        let result = call.result;
        result.ok_or_else(|| Problem::Invalid(format!("a call without a result: {}", call.id)))
    });
    results.collect()
}

/// Type and number of bytes, of base64.
fn image(kind: &str, data: &str) -> String {
    let padding = data.bytes().rev().take_while(|byte| *byte == b'=').count();
    format!("{kind} of {} bytes", data.len() / 4 * 3 - padding)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A text, or the texts of parts.
fn joined(content: &Value) -> String {
    let parts = list(content).iter().map(|part| text(&part["text"]));
    text(content).to_owned() + &parts.collect::<String>()
}
