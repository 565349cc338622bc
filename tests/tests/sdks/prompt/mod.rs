//! Reading a request as the provider of its dialect does.

mod anthropic;
mod gemini;
mod openai;
mod responses;

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
    /// It makes no sense, which some tell by a status of its own.
    Unprocessable,
    /// It is part of a conversation that the provider is to remember.
    Thread,
}

fn invalid<T>(problem: impl Into<String>) -> Result<T, Problem> {
    Err(Problem::Invalid(problem.into()))
}

/// A call of a tool, and its result.
struct Call {
    id: String,
    result: Option<String>,
}

impl Prompt {
    pub fn read(dialect: Dialect, request: &Value) -> Result<Self, Problem> {
        match dialect {
            Dialect::OpenAi => openai::read(request),
            Dialect::Responses => responses::read(request),
            Dialect::Gemini => gemini::read(request),
            _ => anthropic::read(request),
        }
    }

    /// This tool has to be called, or any.
    fn force(&mut self, name: &Value, any: bool) {
        let only = self.tools.first().filter(|_| any);
        self.forced = name.as_str().or(only.map(String::as_str)).map(Into::into);
    }

    /// An image, written into its address.
    fn see(&mut self, url: &Value) -> Result<(), Problem> {
        let data = text(url)
            .strip_prefix("data:")
            .and_then(|url| url.split_once(";base64,"));
        let Some((kind, data)) = data else {
            return invalid(format!("no image: {url}"));
        };
        self.images.push(image(kind, data));
        Ok(())
    }
}

fn called(id: &Value, arguments: &Value) -> Result<Call, Problem> {
    let id = text(id).to_owned();
    match (id.is_empty(), arguments["city"].is_string()) {
        (false, true) => Ok(Call { id, result: None }),
        _ => invalid(format!("no call: {id}, {arguments}")),
    }
}

/// A call whose arguments are JSON within a text.
fn called_in_text(id: &Value, arguments: &Value) -> Result<Call, Problem> {
    let arguments = serde_json::from_str(text(arguments)).unwrap_or_default();
    called(id, &arguments)
}

fn answered(calls: &mut [Call], id: &Value, content: &Value) -> Result<(), Problem> {
    let mut open = calls.iter_mut().filter(|call| call.result.is_none());
    let Some(call) = open.find(|call| Some(&*call.id) == id.as_str()) else {
        return invalid(format!("a result without a call: {id}"));
    };
    call.result = Some(joined(content));
    Ok(())
}

fn results(calls: Vec<Call>) -> Result<Vec<String>, Problem> {
    let results = calls.into_iter().map(|call| match call.result {
        Some(result) => Ok(result),
        None => invalid(format!("a call without a result: {}", call.id)),
    });
    results.collect()
}

/// Both of OpenAI's APIs follow to the letter what is closed, and leaves nothing to the model.
fn strict(format: &Value) -> Result<(), Problem> {
    let schema = &format["schema"];
    let names = schema["properties"].as_object().into_iter().flatten();
    let mut names = names.map(|(name, _)| name);
    let required = list(&schema["required"]);
    let whole = names.all(|name| required.iter().any(|it| it == name))
        && schema["additionalProperties"] == false;
    match format["strict"] == true && !whole {
        true => invalid("Invalid schema for response_format"),
        false => Ok(()),
    }
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
