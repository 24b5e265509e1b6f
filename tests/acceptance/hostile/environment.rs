//! Proxies that the environment names are none of ours.

use tests::Wire;
use tokio::process::Command;

use super::{NAME, Scene};

/// Set in the process whose environment is bad.
const INSIDE: &str = "AUTHPI_TEST_INSIDE";

#[tokio::test]
async fn proxies_of_the_environment_are_not_used() {
    if std::env::var_os(INSIDE).is_some() {
        let scene = Scene::friendly().await;
        assert_eq!(scene.post(&scene.url(NAME)).await, "http_200");
        assert_eq!(scene.post(&scene.url("unknown.example")).await, "dns");
        return;
    }
    let proxy = Wire::trap("127.0.0.1:0").await;
    // The same test once more, in a process of its own with another environment.
    let mut inside = Command::new(std::env::current_exe().unwrap());
    inside.args(["hostile::environment::proxies_of_the_environment_are_not_used", "--exact"]).env(INSIDE, "1");
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
        inside.env(name, format!("http://{}", proxy.address));
    }
    let output = inside.env_remove("NO_PROXY").env_remove("no_proxy").output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    assert!(proxy.is_untouched().await, "the proxy was asked");
}
