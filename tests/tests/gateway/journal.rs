//! Sessions that resume: a step that was paid for is not paid for again.

use crate::{OPENAI, before, mode, read};
use buttress_testkit::{Dialect, Provider, Reply};
use buttress_tests::{Answer, Gateway, Mode, Setup};
use tempfile::TempDir;

const SESSION: (&str, &str) = ("x-buttress-session", "order-1729");

async fn counting() -> Provider {
    let reply =
        |call: &buttress_testkit::Received| Reply::text(format!("Answer {}.", call.index()));
    Provider::openai().forever(reply).start().await.unwrap()
}

async fn recording(provider: &Provider, folder: &TempDir) -> Setup {
    let file = folder.path().join("journal.db");
    before(provider)
        .await
        .with(&format!("journal.url = 'sqlite:{}'", file.display()))
}

async fn ask(gateway: &Gateway, mode: Mode, text: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = mode.request();
    match mode.caller {
        Dialect::OpenAi | Dialect::Anthropic => request["messages"][0]["content"] = text.into(),
        _ => request["input"] = text.into(),
    }
    let answer = gateway
        .post(&mode.path(), headers, request.to_string())
        .await;
    read(mode, answer).await
}

#[tokio::test]
async fn an_agent_that_begins_again_gets_what_it_paid_for() {
    use Dialect::{Anthropic, OpenAi, Responses};
    for mode in [OpenAi, Anthropic, Responses]
        .map(|caller| [mode(caller, false), mode(caller, true)])
        .concat()
    {
        let folder = TempDir::new().unwrap();
        let provider = counting().await;
        let setup = recording(&provider, &folder).await;
        let gateway = setup.clone().start().await;
        let first = ask(&gateway, mode, "one", &[SESSION]).await;
        first.assert_good("Answer 0.", "only");
        // Whoever records may die, too.
        gateway.stop().await;
        let gateway = setup.start().await;
        let again = ask(&gateway, mode, "one", &[SESSION]).await;
        assert_eq!(again.body, first.body, "{mode:?}");
        assert_eq!(again.route(), Some("journal"));
        assert_eq!(again.attempts(), 0);
        assert_eq!(provider.call_count(), 1);
        // Then it goes on live; and another session is none of its business.
        ask(&gateway, mode, "two", &[SESSION])
            .await
            .assert_good("Answer 1.", "only");
        let other = ask(&gateway, mode, "one", &[("x-buttress-session", "another")]).await;
        other.assert_good("Answer 2.", "only");
        ask(&gateway, mode, "one", &[])
            .await
            .assert_good("Answer 3.", "only");
    }
}

#[tokio::test]
async fn a_request_that_changed_at_a_step_is_noticed() {
    let step = ("x-buttress-step", "7");
    for (setting, expected) in [("branch", 200), ("refuse", 409)] {
        let folder = TempDir::new().unwrap();
        let provider = counting().await;
        let setup = recording(&provider, &folder).await;
        let gateway = setup
            .with(&format!("journal.on_change = '{setting}'"))
            .start()
            .await;
        ask(&gateway, OPENAI, "one", &[SESSION, step])
            .await
            .assert_good("Answer 0.", "only");
        let changed = ask(&gateway, OPENAI, "two", &[SESSION, step]).await;
        assert_eq!(changed.status, expected, "{}", changed.body);
        let same = ask(&gateway, OPENAI, "one", &[SESSION, step]).await;
        same.assert_good("Answer 0.", "journal");
    }
}

#[tokio::test]
async fn headers_that_say_no_session_are_refused() {
    let folder = TempDir::new().unwrap();
    let provider = counting().await;
    let gateway = recording(&provider, &folder).await.start().await;
    for headers in [
        &[("x-buttress-step", "1")][..],
        &[SESSION, ("x-buttress-step", "first")],
        &[("x-buttress-session", "")],
    ] {
        let answer = ask(&gateway, OPENAI, "one", headers).await;
        answer.assert_given_up(400, "invalid_request_error");
    }
    assert_eq!(provider.call_count(), 0);
}

#[tokio::test]
async fn an_error_is_not_recorded() {
    let folder = TempDir::new().unwrap();
    let provider = Provider::openai().reply(Reply::error(buttress_testkit::Fault::InvalidRequest));
    let provider = provider
        .then(Reply::text("At last."))
        .start()
        .await
        .unwrap();
    let gateway = recording(&provider, &folder).await.start().await;
    assert_eq!(ask(&gateway, OPENAI, "one", &[SESSION]).await.status, 400);
    ask(&gateway, OPENAI, "one", &[SESSION])
        .await
        .assert_good("At last.", "only");
}
