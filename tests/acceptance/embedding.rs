//! A host application with the platform under /identity beside routes of its own.

use std::net::{SocketAddr, TcpListener};

use authpi_core::id::OrganizationId;
use authpi_core::transport::MasterKey;
use authpi_core::urls::Urls;
use authpi_core::web::host_api::HostApi;
use authpi_core::web::services::Options;
use authpi_core::{AuthPi, Bootstrap};
use serde_json::json;
use tests::{Caller, Driver, Reply};

const SCOPE: &str = "invoices:read";

struct Host {
    base: String,
    account: String,
    root: Caller,
}

impl Host {
    async fn start(driver: Driver) -> Self {
        Self::start_with(driver, None).await
    }

    /// With an API of its own at this path.
    async fn start_with(driver: Driver, api: Option<&str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let store = authpi_storage::connect("sqlite::memory:").await.unwrap();
        let authpi = AuthPi::builder(store, MasterKey::new([7; 32]), Urls::under(&format!("{base}/identity")).unwrap())
            .transport(authpi_transport::tokio().unwrap())
            .options(Options {
                host: HostApi {
                    audience: api.map(|path| format!("{base}{path}")),
                    scopes: vec![SCOPE.to_owned()],
                    name: Some("Invoices".to_owned()),
                    ..HostApi::default()
                },
                ..Options::default()
            })
            .build()
            .await
            .unwrap();
        let Bootstrap::Pending(pending) = authpi.bootstrap("Main").await.unwrap() else { panic!("a fresh database") };
        let first = pending.commit().await.unwrap();
        let key = (first.key_id.to_string(), first.key_secret.expose().to_owned());
        match driver {
            Driver::Axum => on_axum::serve(listener, authpi),
            Driver::Actix => on_actix::serve(listener, authpi),
        }
        Self { account: first.account_id.to_string(), root: Caller::new(&base, Some(key)), base }
    }

    /// A path below the account, as the host serves it.
    fn path(&self, rest: &str) -> String {
        format!("/identity/v1/accounts/{}{rest}", self.account)
    }

    fn with_key(&self, id: &str, secret: &str) -> Caller {
        Caller::new(&self.base, Some((id.to_owned(), secret.to_owned())))
    }

    async fn issuer(&self) -> String {
        self.root.post(&self.path("/issuers"), json!({ "name": "i" })).expect(201).await.id()
    }

    /// A new organization with a key that holds `scopes`.
    async fn tenant(&self, issuer: &str, scopes: &[&str]) -> (String, Caller) {
        let organizations = self.path(&format!("/issuers/{issuer}/organizations"));
        let organization = self.root.post(&organizations, json!({ "name": "o" })).expect(201).await.id();
        let body = json!({ "name": "k", "restrictions": { "scopes": scopes } });
        let key = self.root.post(&format!("{organizations}/{organization}/api-keys"), body).expect(201).await;
        (organization, self.with_key(&key.id(), &key.text("secret_plain")))
    }
}

mod on_axum {
    use authpi_axum::{Caller, Rejection};
    use axum::Router;
    use axum::extract::Path;
    use axum::routing::get;

    use super::{AuthPi, OrganizationId, SCOPE, SocketAddr, TcpListener, json};

    async fn own(caller: Caller) -> Result<String, Rejection> {
        caller.require(SCOPE)?;
        Ok(json!({ "organization": caller.org() }).to_string())
    }

    async fn of(Path(organization): Path<OrganizationId>, caller: Caller) -> Result<String, Rejection> {
        caller.require_in(organization, SCOPE)?;
        Ok(json!({ "organization": organization }).to_string())
    }

    pub(super) fn serve(listener: TcpListener, authpi: AuthPi) {
        let app = Router::new()
            .route("/invoices", get(own))
            .route("/organizations/{organization}/invoices", get(of))
            .nest("/identity", authpi_axum::routes(&authpi))
            .merge(authpi_axum::well_known(&authpi))
            .with_state(authpi);
        listener.set_nonblocking(true).unwrap();
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let app = app.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    }
}

mod on_actix {
    use actix_web::{App, HttpResponse, HttpServer, web};
    use authpi_actix::{Caller, Rejection};

    use super::{AuthPi, OrganizationId, SCOPE, TcpListener, json};

    async fn own(caller: Caller) -> Result<HttpResponse, Rejection> {
        caller.require(SCOPE)?;
        Ok(HttpResponse::Ok().json(json!({ "organization": caller.org() })))
    }

    async fn of(organization: web::Path<OrganizationId>, caller: Caller) -> Result<HttpResponse, Rejection> {
        caller.require_in(*organization, SCOPE)?;
        Ok(HttpResponse::Ok().json(json!({ "organization": *organization })))
    }

    pub(super) fn serve(listener: TcpListener, authpi: AuthPi) {
        std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let app = move || {
                    App::new()
                        .app_data(authpi.clone())
                        .route("/invoices", web::get().to(own))
                        .route("/organizations/{organization}/invoices", web::get().to(of))
                        .configure(authpi_actix::well_known(&authpi))
                        .service(web::scope("/identity").configure(authpi_actix::configure(&authpi)))
                };
                let server = HttpServer::new(app).workers(1).disable_signals();
                server.listen(listener).unwrap().run().await.unwrap();
            });
        });
    }
}

#[track_caller]
fn documented(reply: &Reply, error: &str) {
    assert_eq!(reply.body["error"], error, "{reply}");
    assert!(reply.body["error_description"].is_string(), "{reply}");
    assert_eq!(reply.body["retryable"], false, "{reply}");
    assert_eq!(reply.header("content-type"), "application/json; charset=utf-8");
}

async fn the_extractor_guards_the_hosts_routes(driver: Driver) {
    let host = Host::start(driver).await;
    let issuer = host.issuer().await;
    let (ours, reader) = host.tenant(&issuer, &[SCOPE]).await;
    let (theirs, stranger) = host.tenant(&issuer, &[SCOPE]).await;
    let (_, powerless) = host.tenant(&issuer, &["invoices:write"]).await;
    let in_ours = format!("/organizations/{ours}/invoices");
    for path in ["/invoices", &in_ours] {
        for caller in [Caller::new(&host.base, None), host.with_key("key_nobody", "wrong")] {
            let refused = caller.get(path).expect(401).await;
            documented(&refused, "unauthorized_client");
            assert!(refused.header("www-authenticate").starts_with("Basic"));
        }
        documented(&powerless.get(path).expect(403).await, "insufficient_scope");
        assert_eq!(reader.get(path).expect(200).await.body["organization"], ours.as_str());
    }
    assert_eq!(stranger.get("/invoices").expect(200).await.body["organization"], theirs.as_str());
    documented(&stranger.get(&in_ours).expect(403).await, "insufficient_scope");
    documented(&host.root.get(&in_ours).expect(403).await, "insufficient_scope");

    let path = host.path(&format!("/issuers/{issuer}/organizations/{ours}"));
    host.root.patch(&path, json!({ "status": "suspended" })).expect(200).await;
    documented(&reader.get("/invoices").expect(401).await, "unauthorized_client");
}

#[tokio::test]
async fn the_extractor_guards_the_hosts_routes_on_axum() {
    the_extractor_guards_the_hosts_routes(Driver::Axum).await;
}

#[tokio::test]
async fn the_extractor_guards_the_hosts_routes_on_actix() {
    the_extractor_guards_the_hosts_routes(Driver::Actix).await;
}

/// A client of an issuer with a token for `resource`.
async fn machine_token(host: &Host, issuer: &str, scopes: &[&str], resource: Option<&str>) -> String {
    let settings = json!({ "scopes": scopes, "openid": { "application_type": "m2m" } });
    let body = json!({ "name": "Job", "confidential": true, "settings": settings });
    let made = host.root.post(&host.path(&format!("/issuers/{issuer}/clients")), body).expect(201).await;
    let (id, secret) = (made.id(), made.text("secret"));
    let mut form = vec![("grant_type", "client_credentials"), ("client_id", &*id), ("client_secret", &*secret)];
    form.extend(resource.map(|resource| ("resource", resource)));
    let nobody = Caller::new(&host.base, None);
    let path = format!("/identity/{issuer}/token");
    let reply = nobody.call(http::Method::POST, &path).form(&form).expect(200).await;
    reply.body["access_token"].as_str().unwrap().to_owned()
}

async fn the_extractor_takes_access_tokens_for_the_hosts_api_and_says_where_to_get_them(driver: Driver) {
    let host = Host::start_with(driver, Some("/api")).await;
    let issuer = host.issuer().await;
    let nobody = Caller::new(&host.base, None);
    let api = format!("{}/api", host.base);
    let metadata = format!("{}/.well-known/oauth-protected-resource/api", host.base);
    let published = nobody.get("/.well-known/oauth-protected-resource/api").expect(200).await;
    let expected = json!({ "resource": api, "bearer_methods_supported": ["header"], "scopes_supported": [SCOPE], "resource_name": "Invoices" });
    assert_eq!(published.body, expected);
    nobody.get("/.well-known/oauth-protected-resource").expect(404).await;
    nobody.get("/.well-known/oauth-protected-resource/other").expect(404).await;

    let token = machine_token(&host, &issuer, &[SCOPE], Some(&api)).await;
    nobody.clone().bearing(&token).get("/invoices").expect(200).await;
    let challenges = |reply: &Reply| -> Vec<String> {
        let all = reply.headers.get_all("www-authenticate");
        all.iter().map(|value| value.to_str().unwrap().to_owned()).collect()
    };
    let bare = nobody.get("/invoices").expect(401).await;
    documented(&bare, "unauthorized_client");
    let bearer = format!("Bearer realm=\"core\", resource_metadata=\"{metadata}\"");
    assert_eq!(challenges(&bare), ["Basic realm=\"core\"".to_owned(), bearer]);

    let url = format!("{}/identity/{issuer}", host.base);
    for elsewhere in [None, Some(&*url), Some("urn:elsewhere"), Some(&*host.base)] {
        let token = machine_token(&host, &issuer, &[SCOPE], elsewhere).await;
        let refused = nobody.clone().bearing(&token).get("/invoices").expect(401).await;
        documented(&refused, "invalid_token");
        let bearer = format!("Bearer error=\"invalid_token\", resource_metadata=\"{metadata}\"");
        assert_eq!(challenges(&refused), [bearer], "{elsewhere:?}");
    }
    let token = machine_token(&host, &issuer, &["other:read"], Some(&api)).await;
    let refused = nobody.clone().bearing(&token).get("/invoices").expect(403).await;
    documented(&refused, "insufficient_scope");
    let error = "error=\"insufficient_scope\", scope=\"invoices:read\"";
    assert_eq!(challenges(&refused), [format!("Bearer {error}, resource_metadata=\"{metadata}\"")]);
    let (_, powerless) = host.tenant(&issuer, &[]).await;
    assert!(challenges(&powerless.get("/invoices").expect(403).await).is_empty(), "a key is no bearer token");
}

#[tokio::test]
async fn the_extractor_takes_access_tokens_for_the_hosts_api_and_says_where_to_get_them_on_axum() {
    the_extractor_takes_access_tokens_for_the_hosts_api_and_says_where_to_get_them(Driver::Axum).await;
}

#[tokio::test]
async fn the_extractor_takes_access_tokens_for_the_hosts_api_and_says_where_to_get_them_on_actix() {
    the_extractor_takes_access_tokens_for_the_hosts_api_and_says_where_to_get_them(Driver::Actix).await;
}

async fn both_apis_work_under_the_prefix(driver: Driver) {
    let host = Host::start(driver).await;
    let issuer = host.issuer().await;
    let me = host.root.get("/identity/v1/me").expect(200).await;
    assert_eq!(me.data()["accounts"][0]["account_id"], host.account);
    host.root.get(&host.path("/issuers?limit=1&q=i")).expect(200).await;
    for garbage in ["/issuers/%ff", "/issuers/a%2Fb", "/issuers/%00", "/issuers/%zz", "/issuers/a%20b", "/issuers/%"] {
        let refused = host.root.get(&host.path(garbage)).expect(400).await;
        documented(&refused, "invalid_request");
    }
    for unknown in ["/identity/v1/nothing", "/identity/v1/me/", "/identity/v1/ME", "/identity/nothing"] {
        documented(&host.root.get(unknown).expect(404).await, "not_found");
    }
    for outside in ["/v1/me", "/identityv1/me", "/nothing"] {
        assert_eq!(host.root.get(outside).expect(404).await.body["error"], json!(null), "{outside} is the host's own");
    }
    let nobody = Caller::new(&host.base, None);
    let url = format!("{}/identity/{issuer}", host.base);
    let found = nobody.get(&format!("/identity/{issuer}/.well-known/openid-configuration")).expect(200).await;
    assert_eq!(found.body["issuer"], url);
    assert_eq!(found.body["jwks_uri"], format!("{url}/jwks.json"));
    nobody.get(&format!("/identity/{issuer}/jwks.json")).expect(200).await;
    // RFC 8414 §3.1: the well-known part comes before the path of the issuer.
    let at_root = format!("/.well-known/oauth-authorization-server/identity/{issuer}");
    assert_eq!(nobody.get(&at_root).expect(200).await.bytes, found.bytes);
    for missing in ["identity/i_0000000000000000000000000", "identity", "elsewhere/nobody"] {
        nobody.get(&format!("/.well-known/oauth-authorization-server/{missing}")).expect(404).await;
    }
}

#[tokio::test]
async fn both_apis_work_under_the_prefix_on_axum() {
    both_apis_work_under_the_prefix(Driver::Axum).await;
}

#[tokio::test]
async fn both_apis_work_under_the_prefix_on_actix() {
    both_apis_work_under_the_prefix(Driver::Actix).await;
}

async fn the_bare_prefix_is_not_found_in_the_documented_shape(driver: Driver) {
    let host = Host::start(driver).await;
    for path in ["/identity", "/identity/"] {
        documented(&host.root.get(path).expect(404).await, "not_found");
    }
}

#[tokio::test]
async fn the_bare_prefix_is_not_found_in_the_documented_shape_on_actix() {
    the_bare_prefix_is_not_found_in_the_documented_shape(Driver::Actix).await;
}
