use super::{Call, Problem, Prompt, called, image, invalid, joined, list, results, text};
use crate::write::SIGNATURE;
use serde_json::Value;

/// What a call may have that the model did not make.
const UNSIGNED: &str = "skip_thought_signature_validator";

pub(super) fn read(request: &Value) -> Result<Prompt, Problem> {
    let mut prompt = Prompt {
        system: joined(&request["systemInstruction"]["parts"]),
        ..Prompt::default()
    };
    let mut calls: Vec<Call> = Vec::new();
    // Contents of the same role that follow each other are one turn.
    for turn in list(&request["contents"]).chunk_by(|one, next| one["role"] == next["role"]) {
        let parts: Vec<_> = turn.iter().flat_map(|it| list(&it["parts"])).collect();
        match text(&turn[0]["role"]) {
            "user" => {
                prompt.user = parts.iter().map(|part| text(&part["text"])).collect();
                given(&mut calls, &parts)?;
                for part in parts {
                    let data = &part["inlineData"];
                    if data.is_object() {
                        // The Python SDK writes it like this.
                        let kind = data.get("mimeType").unwrap_or(&data["mime_type"]);
                        let image = image(text(kind), text(&data["data"]));
                        prompt.images.push(image);
                    }
                }
            }
            "model" => calls.extend(made(&parts)?),
            role => return invalid(format!("no role: {role}")),
        }
    }
    let tools = list(&request["tools"]).iter();
    let declared = tools.flat_map(|tool| list(&tool["functionDeclarations"]));
    let names = declared.map(|tool| text(&tool["name"]).to_owned());
    prompt.tools = names.collect();
    let calling = &request["toolConfig"]["functionCallingConfig"];
    let any = calling["mode"] == "ANY";
    prompt.force(&calling["allowedFunctionNames"][0], any);
    let config = &request["generationConfig"];
    let schema = |name| config[name]["properties"]["city"].is_object();
    prompt.has_schema = config["responseMimeType"] == "application/json"
        && (schema("responseSchema") || schema("responseJsonSchema"));
    prompt.results = results(calls)?;
    Ok(prompt)
}

/// The calls of a turn, the first of which has to be signed. They are told apart by their names
/// and their order.
fn made(parts: &[&Value]) -> Result<Vec<Call>, Problem> {
    let made = parts.iter().filter(|part| part["functionCall"].is_object());
    let calls = made.enumerate().map(|(at, part)| {
        let signature = text(&part["thoughtSignature"]);
        if at == 0 && ![SIGNATURE, UNSIGNED].contains(&signature) {
            return invalid(format!("thought_signature: {signature:?}"));
        }
        called(&part["functionCall"]["name"], &part["functionCall"]["args"])
    });
    calls.collect()
}

/// The results of all calls of the turn before.
fn given(calls: &mut [Call], parts: &[&Value]) -> Result<(), Problem> {
    let given = parts.iter().map(|part| &part["functionResponse"]);
    let given: Vec<_> = given.filter(|given| given.is_object()).collect();
    let open = calls.iter_mut().filter(|call| call.result.is_none());
    let open: Vec<_> = open.collect();
    if open.len() != given.len() {
        return invalid("as many function responses as function calls, please");
    }
    for (call, given) in open.into_iter().zip(given) {
        if given["name"] != *call.id {
            return invalid(format!("a result without a call: {given}"));
        }
        let said = &given["response"];
        let said = ["output", "result"]
            .iter()
            .find_map(|name| said[name].as_str());
        call.result = said.map(Into::into);
    }
    Ok(())
}
