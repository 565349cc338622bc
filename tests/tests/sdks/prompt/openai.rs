use super::{
    Problem, Prompt, answered, called_in_text, invalid, joined, list, results, strict, text,
};
use serde_json::Value;

pub(super) fn read(request: &Value) -> Result<Prompt, Problem> {
    let mut prompt = Prompt::default();
    let mut calls = Vec::new();
    for message in list(&request["messages"]) {
        let content = &message["content"];
        match text(&message["role"]) {
            "system" | "developer" => prompt.system = joined(content),
            "user" => {
                prompt.user = joined(content);
                for part in list(content) {
                    if part["type"] == "image_url" {
                        prompt.see(&part["image_url"]["url"])?;
                    }
                }
            }
            "assistant" => {
                for call in list(&message["tool_calls"]) {
                    let call = called_in_text(&call["id"], &call["function"]["arguments"])?;
                    calls.push(call);
                }
            }
            "tool" => answered(&mut calls, &message["tool_call_id"], content)?,
            role => return invalid(format!("no role: {role}")),
        }
    }
    let names = list(&request["tools"]).iter();
    let names = names.map(|tool| text(&tool["function"]["name"]).to_owned());
    prompt.tools = names.collect();
    let choice = &request["tool_choice"];
    prompt.force(&choice["function"]["name"], choice == "required");
    let format = &request["response_format"]["json_schema"];
    prompt.has_schema = format["schema"]["properties"]["city"].is_object();
    strict(format)?;
    prompt.results = results(calls)?;
    Ok(prompt)
}
