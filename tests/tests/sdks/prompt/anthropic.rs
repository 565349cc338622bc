use super::{Call, Problem, Prompt, answered, called, image, invalid, joined, list, results, text};
use serde_json::Value;

pub(super) fn read(request: &Value) -> Result<Prompt, Problem> {
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
            return invalid(format!("two turns of {role} in a row"));
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
                kind => return invalid(format!("no block: {kind}")),
            }
        }
        if role == "user" && calls.iter().any(|call| call.result.is_none()) {
            return invalid("a call has no result in the next turn");
        }
    }
    if request["max_tokens"].as_u64().is_none() {
        return invalid("max_tokens: Field required");
    }
    let names = list(&request["tools"]).iter();
    prompt.tools = names.map(|tool| text(&tool["name"]).to_owned()).collect();
    let choice = &request["tool_choice"];
    prompt.force(&choice["name"], choice["type"] == "any");
    let format = &request["output_config"]["format"];
    prompt.has_schema = format["schema"]["properties"]["city"].is_object();
    let older = text(&request["model"]).starts_with("claude-3-");
    if format.is_object() && format["schema"]["additionalProperties"] != false {
        return invalid(
            "For 'object' type, 'additionalProperties' must be explicitly set to false",
        );
    }
    if older && !format.is_null() {
        return invalid("output_config: not supported by this model");
    }
    prompt.results = results(calls)?;
    Ok(prompt)
}
