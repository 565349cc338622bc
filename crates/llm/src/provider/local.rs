//! Servers that one runs oneself.

use super::Profile;
use crate::{
    Prefill,
    classify::{Rule, means::*},
};

pub(super) const VLLM: Profile = Profile {
    base_url: Some("http://localhost:8000/v1"),
    prefill: Prefill::FinalMessage,
    ..Profile::compatible("vllm")
};

pub(super) const LLAMA_CPP: Profile = Profile {
    base_url: Some("http://localhost:8080/v1"),
    ..Profile::compatible("llamacpp").rules(&[Rule::new(NOT_READY)
        .status(&[0, 503])
        .says(&[&["loading model"]])])
};

pub(super) const OLLAMA: Profile = Profile {
    base_url: Some("http://localhost:11434/v1"),
    ..Profile::compatible("ollama").rules(&[
        Rule::new(NOT_FOUND)
            .status(&[400])
            .says(&[&["model", "not found"]]),
        Rule::new(OVERLOADED).says(&[&["server busy"]]),
    ])
};
