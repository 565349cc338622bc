//! Two providers on loopback sockets that fail the way real ones do.

use buttress::client::{InvalidClient, LlmClient};
use buttress::llm;
use buttress_testkit::{Provider, Reply, Script};
use std::io;

pub(crate) struct Providers {
    claude: Provider,
    gpt: Provider,
}

impl Providers {
    pub(crate) async fn start() -> io::Result<Self> {
        let well = Reply::text("I am well, thank you.");
        Ok(Self {
            claude: Provider::anthropic().start().await?,
            gpt: Provider::openai().forever(well).start().await?,
        })
    }

    /// A client for each. With real ones the base URL goes, and a `key` comes.
    pub(crate) fn clients(&self) -> Result<(LlmClient, LlmClient), InvalidClient> {
        let claude = LlmClient::builder(llm::Provider::Anthropic);
        let claude = claude.base_url(self.claude.base_url()).build()?;
        let gpt = LlmClient::builder(llm::Provider::OpenAi);
        let gpt = gpt.base_url(self.gpt.base_url()).build()?;
        Ok((claude.model("claude-haiku-4-5"), gpt.model("gpt-5-mini")))
    }

    /// The key is limited, the service overloaded, and a stream breaks before its first content.
    pub(crate) fn fail_three_times(&self) {
        let script = Script::new()
            .then(Reply::rate_limited().retry_after(1))
            .then(Reply::overloaded())
            .then(Reply::text("Never heard.").reset_after(0))
            .then(Reply::text("Nothing that a retry could not mend."));
        self.claude.play(script);
    }

    /// A limit that nobody waits for who has somewhere else to go.
    pub(crate) fn limit_for_long(&self) {
        let limited = Reply::rate_limited().retry_after(30);
        self.claude.play(Script::new().forever(limited));
    }
}
