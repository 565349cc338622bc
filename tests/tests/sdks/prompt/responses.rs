use super::{
    Problem, Prompt, answered, called_in_text, invalid, joined, list, results, strict, text,
};
use serde_json::Value;

pub(super) fn read(request: &Value) -> Result<Prompt, Problem> {
    let mut prompt = Prompt {
        system: joined(&request["instructions"]),
        ..Prompt::default()
    };
    if let Some(input) = request["input"].as_str() {
        input.clone_into(&mut prompt.user);
    }
    let mut calls = Vec::new();
    for item in list(&request["input"]) {
        let content = &item["content"];
        match (text(&item["type"]), text(&item["role"])) {
            ("" | "message", "system" | "developer") => prompt.system = joined(content),
            ("" | "message", "user") => {
                prompt.user = joined(content);
                for part in list(content) {
                    match text(&part["type"]) {
                        "input_image" => prompt.see(&part["image_url"])?,
                        "input_text" => {}
                        kind => return invalid(format!("no part of the user's: {kind}")),
                    }
                }
            }
            ("" | "message", "assistant") => {
                let mut parts = list(content).iter();
                if let Some(part) = parts.find(|part| part["type"] != "output_text") {
                    return invalid(format!("no part of the model's: {part}"));
                }
            }
            ("function_call", _) => {
                calls.push(called_in_text(&item["call_id"], &item["arguments"])?);
            }
            ("function_call_output", _) => {
                answered(&mut calls, &item["call_id"], &item["output"])?;
            }
            // Nothing is stored.
            (kind, _) => return invalid(format!("no item: {kind}, {}", item["id"])),
        }
    }
    let names = list(&request["tools"]).iter();
    prompt.tools = names.map(|tool| text(&tool["name"]).to_owned()).collect();
    let choice = &request["tool_choice"];
    prompt.force(&choice["name"], choice == "required");
    let format = &request["text"]["format"];
    prompt.has_schema = format["schema"]["properties"]["city"].is_object();
    strict(format)?;
    prompt.results = results(calls)?;
    Ok(prompt)
}
