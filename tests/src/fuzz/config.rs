//! Configurations: any text.

use buttress_gateway::config::{Config, Options};

pub(super) const WORDS: &[&str] = &[
    "[[routes]]\n",
    "[[providers]]\n",
    "provider = \"openai\"\n",
    "model = \"m\"\n",
    "name = \"a\"\n",
    "kind = \"openai-compatible\"\n",
    "base_url = \"http://localhost:1/v1\"\n",
    "[retry]\n",
    "[breaker]\nwindow = \"1s\"\n",
    "[chains]\n",
    "[stream]\n",
    "commit = ",
    "deadline = \"1h\"\n",
    "\"55%\"",
    "1e400",
    "'''",
    "= {",
    "é",
];

pub(super) fn run(bytes: &[u8]) {
    let source = String::from_utf8_lossy(bytes);
    let keys = |name: &str| name.ends_with("_KEY").then(|| "a-key".to_owned());
    let options = Options::new(&keys);
    match Config::parse("buttress.toml", &source, &options) {
        Ok((config, warnings)) => {
            let _ = (config.to_string(), warnings.to_string(), config.models());
            assert!(!config.routes.is_empty());
        }
        Err(report) => {
            assert!(!report.is_empty());
            assert!(!report.to_string().is_empty() && !report.styled().is_empty());
            for diagnostic in report.diagnostics() {
                let _ = report.place(diagnostic);
            }
        }
    }
}
