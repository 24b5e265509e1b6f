//! /{issuer_id}/assets/…: what the hosted pages load

use authpi_core::pages::html::assets;
use authpi_core::pages::html::theme::Theme;
use serde_json::json;
use tests::App;

use super::DRIVER;

const FOR_GOOD: &str = "public, max-age=31536000, immutable";

/// The id at the end of a management path.
fn id(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

#[tokio::test]
async fn files_are_served_for_good_under_their_version_and_for_once_under_another() {
    let app = App::start(DRIVER).await;
    let issuer = app.issuer().await;
    for asset in assets::ALL {
        let path = format!("/{}/{}", id(&issuer), asset.path());
        let found = app.anonymous().get(&path).expect(200).await;
        assert_eq!(found.bytes, asset.content.as_bytes());
        assert_eq!(found.header("content-type"), asset.media);
        assert_eq!(found.header("cache-control"), FOR_GOOD);
        assert_eq!(found.header("x-content-type-options"), "nosniff");
        assert_eq!(found.header("content-security-policy"), "default-src 'none'; frame-ancestors 'none'; sandbox");
        let other = path.replace(asset.version(), "of_another_release");
        let found = app.anonymous().get(&other).expect(200).await;
        assert_eq!((found.bytes.as_ref(), found.header("cache-control")), (asset.content.as_bytes(), "no-cache"));
    }
    app.anonymous().get(&format!("/{}/assets/1/mail.html", id(&issuer))).expect(404).await;
}

#[tokio::test]
async fn the_colours_are_those_of_the_issuer_also_while_it_is_suspended() {
    let app = App::start(DRIVER).await;
    let issuer = app.issuer().await;
    let colors = json!({ "primary_color": "#0a7", "background_color": "#102030" });
    app.root().patch(&issuer, json!({ "settings": { "branding": colors } })).expect(200).await;
    app.advance(std::time::Duration::from_secs(2));
    let theme = Theme::of(Some("#0a7"), Some("#102030"));
    let path = format!("/{}/assets/{}/theme.css", id(&issuer), theme.version());
    let found = app.anonymous().get(&path).expect(200).await;
    assert_eq!(String::from_utf8_lossy(&found.bytes), theme.css());
    assert_eq!(found.header("content-type"), "text/css; charset=utf-8");
    assert_eq!(found.header("cache-control"), FOR_GOOD);
    app.root().patch(&issuer, json!({ "status": "suspended" })).expect(200).await;
    app.advance(std::time::Duration::from_secs(2));
    app.anonymous().get(&path).expect(200).await;
    let plain = path.replace(&theme.version(), &Theme::of(None, None).version());
    assert_eq!(app.anonymous().get(&plain).expect(200).await.header("cache-control"), "no-cache");
}

#[tokio::test]
async fn an_issuer_that_is_not_there_has_no_colours() {
    let app = App::start(DRIVER).await;
    app.anonymous().get("/i_0000000000000000000000000/assets/1/theme.css").expect(404).await;
}

#[tokio::test]
async fn the_style_sheet_of_an_issuer_is_a_file_that_ordinary_pages_load_and_sensitive_ones_do_not() {
    let app = App::start(DRIVER).await;
    let issuer = app.issuer().await;
    let body = json!({ "email": "ada@example.com", "password": "violet anvil 42 teapot drum" });
    app.root().post(&format!("{issuer}/users"), body).expect(201).await;
    let browser = app.browser(&issuer);
    let page = browser.login().await;
    let loaded = async |view: &str| {
        let path = format!("/login?flow={}{view}", page.id);
        let reply = browser.send(browser.call(http::Method::GET, &path)).await;
        assert!(reply.header("content-security-policy").contains("style-src 'self';"), "{reply}");
        let html = String::from_utf8(reply.bytes).unwrap().replace("&#x2f;", "/");
        html.split('"').find(|text| text.ends_with("/custom.css")).map(str::to_owned)
    };
    assert_eq!(loaded("").await, None, "it has none");
    let css = ".card { color: #333; content: \"→\" }";
    let set = async |css: &str| {
        let branding = json!({ "settings": { "branding": { "custom_css": css } } });
        app.root().patch(&issuer, branding).expect(200).await;
        app.advance(std::time::Duration::from_secs(2));
    };
    set(css).await;
    let path = loaded("").await.unwrap();
    assert!(path.starts_with(&format!("/{}/assets/", id(&issuer))), "{path}");
    let found = app.anonymous().get(&path).expect(200).await;
    assert_eq!(String::from_utf8_lossy(&found.bytes), css);
    for (name, value) in [
        ("content-type", "text/css; charset=utf-8"),
        ("cache-control", FOR_GOOD),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'; sandbox"),
    ] {
        assert_eq!(found.header(name), value);
    }
    page.step("identify", json!({ "identifier": "ada@example.com" })).await;
    assert_eq!(loaded("").await.as_deref(), Some(&*path), "the page for the password");
    assert_eq!(loaded("&view=reset").await, None, "credentials are changed without it");

    set(".card { color: #444 }").await;
    let newer = loaded("").await.unwrap();
    assert_ne!(newer, path);
    let found = app.anonymous().get(&path).expect(200).await;
    assert_eq!((found.bytes.as_ref(), found.header("cache-control")), (&b".card { color: #444 }"[..], "no-cache"));
    let other = app.issuer().await;
    app.anonymous().get(&path.replace(id(&issuer), id(&other))).expect(404).await;
}
