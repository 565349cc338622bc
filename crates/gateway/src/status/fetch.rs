use crate::{
    command::{BoxError, in_full, plain},
    http::client,
};
use buttress_client::{HttpVersion, Secret};
use http::{Request, StatusCode, Uri, header::AUTHORIZATION};
use http_body_util::{BodyExt, Full, Limited};
use serde_json::Value;
use std::time::Duration;
use tokio::time::timeout;

/// How long a gateway may take to say how it stands.
const LIMIT: Duration = Duration::from_secs(5);

/// The most that it may say.
const MOST: usize = 16 << 20;

/// So much is shown of why it says nothing.
const LONGEST: usize = 500;

/// What the gateway says of how to present its key is for others: a command line has no headers.
const KEY_HELP: &str = "set BUTTRESS_ADMIN_KEY to the gateway's admin key";

const ADDRESS_HELP: &str = "name the gateway's address: buttress status http://HOST:PORT";

/// How the gateway at this address stands.
pub(super) async fn state(base: &Uri, key: Option<&Secret>) -> Result<Value, BoxError> {
    let asked = async {
        let client = client(LIMIT, HttpVersion::Http1)?;
        let base = base.to_string();
        let url = format!("{}/admin/state", base.trim_end_matches('/'));
        let mut request = Request::get(url);
        if let Some(key) = key {
            request = request.header(AUTHORIZATION, format!("Bearer {}", key.expose()));
        }
        let answer = client.request(request.body(Full::default())?).await;
        let answer = answer.map_err(|error| match error.is_connect() {
            true => format!("{}\n{ADDRESS_HELP}", in_full(&error)).into(),
            false => BoxError::from(error),
        })?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MOST).collect().await?;
        let told: Result<Value, _> = serde_json::from_slice(&body.to_bytes());
        if status.is_success() {
            return Ok(told?);
        }
        let told = told.unwrap_or_default();
        let told = told["error"]
            .as_str()
            .unwrap_or("this is no gateway of this version");
        let told: String = told.chars().take(LONGEST).collect();
        let help = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => format!("\n{KEY_HELP}"),
            _ => String::new(),
        };
        Err(format!("{status}: {}{help}", plain(&told)).into())
    };
    timeout(LIMIT, asked)
        .await
        .unwrap_or_else(|_| Err("it does not answer".into()))
}
