//! The live page, in Chromium.

use crate::script::Script;
use buttress_gateway::{
    config::{Config, Options},
    serve,
};

/// Of the names under which it is installed, the one that is here.
fn chromium() -> String {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places =
        std::env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name)));
    let found = places.find(|place| place.is_file());
    let found = found.expect("Chromium (in Debian the package chromium)");
    found.display().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_live_page_in_a_browser() {
    let nothing = |_: &str| None;
    let options = Options::new(&nothing).listen(Some(([127, 0, 0, 1], 0).into()));
    let config = Config::sandbox(&options).unwrap_or_else(|report| panic!("{report}"));
    let running = serve::start(config).await.unwrap();
    let gateway = format!("http://{}/", running.address());
    let script = Script::node("live-page.test.js");
    script.against(&gateway, &[("CHROMIUM", &chromium())]).await;
    running.stop().await.unwrap();
}
