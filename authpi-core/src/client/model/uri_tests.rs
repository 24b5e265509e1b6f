//! What is accepted implies the stated syntax, and is read the same by the URL standard of browsers.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use url::Url;

use super::*;

#[test]
fn what_clients_register_in_practice_is_accepted() {
    let web = [
        "https://app.example.com/callback",
        "https://app.example.com",
        "https://app.example.com:8443/cb?tenant=%C3%A4&x[]=1",
        "https://xn--bcher-kva.example/cb",
        "https://203.0.113.7/cb",
        "https://[2001:db8::1]:9443/cb",
        "http://localhost:3000/api/auth/callback",
        "http://127.0.0.1/callback",
        "http://[::1]:1/",
        "https://app.example.com/path/with/*/star",
    ];
    for text in web {
        assert!(matches!(ClientUri::parse(text), Ok(ClientUri::Web(_))), "{text}");
    }
    let private = ["com.example.app:/callback", "com.example.app://callback", "com.Example-1.app:///cb?x=1", "a.b:/"];
    for text in private {
        assert_eq!(ClientUri::parse(text), Ok(ClientUri::PrivateUse), "{text}");
    }
}

#[test]
fn each_fault_is_named() {
    let faults = [
        (InvalidUri::Malformed, "callback"),
        (InvalidUri::Malformed, "https:/app.example.com/"),
        (InvalidUri::Malformed, "https:///cb"),
        (InvalidUri::Malformed, "https://app.example.com:/cb"),
        (InvalidUri::Malformed, "https://app.example.com:080/cb"),
        (InvalidUri::Malformed, "https://app.example.com:65536/cb"),
        (InvalidUri::Malformed, "https://app.example.com::80/cb"),
        (InvalidUri::Malformed, "https://app..example.com/cb"),
        (InvalidUri::Malformed, "https://app.example.com./cb"),
        (InvalidUri::Malformed, "https://*.example.com/cb"),
        (InvalidUri::Malformed, "https://app%2eexample.com/cb"),
        (InvalidUri::Malformed, "https://127.1/cb"),
        (InvalidUri::Malformed, "https://0x7f.0.0.1/cb"),
        (InvalidUri::Malformed, "https://xn--0000h/cb"),
        (InvalidUri::Malformed, "https://[::1/cb"),
        (InvalidUri::Malformed, "https://[::1]x/cb"),
        (InvalidUri::Malformed, "https://[fe80::1%25eth0]/cb"),
        (InvalidUri::Malformed, "com.example.app://*/cb"),
        (InvalidUri::Malformed, "com.example.app://:443"),
        (InvalidUri::UserInformation, "https://good.example@evil.example/cb"),
        (InvalidUri::UserInformation, "com.example.app://a@b/cb"),
        (InvalidUri::Fragment, "https://app.example.com/cb#x"),
        (InvalidUri::Fragment, "https://app.example.com/cb#"),
        (InvalidUri::Characters, "https://app.example.com\\@evil.example/cb"),
        (InvalidUri::Characters, "https://app.example.com/a b"),
        (InvalidUri::Characters, "https://app.example.com/\n"),
        (InvalidUri::Characters, " https://app.example.com/"),
        (InvalidUri::Characters, "https://bücher.example/"),
        (InvalidUri::Characters, "https://app.example.com/%4"),
        (InvalidUri::Characters, "https://app.example.com/%zz"),
        (InvalidUri::PlainHttp, "http://app.example.com/cb"),
        (InvalidUri::PlainHttp, "http://localhost.evil.example/cb"),
        (InvalidUri::PlainHttp, "http://LOCALHOST/cb"),
        (InvalidUri::PlainHttp, "http://127.0.0.2/cb"),
        (InvalidUri::Scheme, "javascript:alert(1)"),
        (InvalidUri::Scheme, "data:text/html,x"),
        (InvalidUri::Scheme, "myapp://callback"),
        (InvalidUri::Scheme, "com.example.app:callback"),
        (InvalidUri::Scheme, "com..app:/cb"),
        (InvalidUri::Scheme, "1com.example:/cb"),
        (InvalidUri::Scheme, "HTTPS://app.example.com/cb"),
        (InvalidUri::Scheme, "ftp://app.example.com/cb"),
    ];
    for (fault, text) in faults {
        assert_eq!(ClientUri::parse(text), Err(fault), "{text}");
    }
    let long = format!("https://app.example.com/{}", "a".repeat(MAX_BYTES));
    assert_eq!(ClientUri::parse(&long), Err(InvalidUri::TooLong));
}

#[test]
fn only_the_port_of_a_native_application_on_its_own_machine_is_free() {
    let registered = "http://127.0.0.1/callback";
    assert!(redirect_matches(registered, "http://127.0.0.1:51234/callback", true));
    assert!(redirect_matches("http://[::1]:1/cb?a=b", "http://[::1]:2/cb?a=b", true));
    assert!(!redirect_matches(registered, "http://127.0.0.1:51234/callback", false));
    let others = [
        "http://127.0.0.1:51234/callback/",
        "http://127.0.0.1:51234/Callback",
        "http://127.0.0.1:51234/callback?x",
        "http://127.0.0.1:0/callback",
        "http://127.0.0.1:99999/callback",
        "http://127.0.0.1:1@evil.example/callback",
        "http://127.0.0.1.evil.example/callback",
        "http://localhost:51234/callback",
        "https://127.0.0.1:51234/callback",
        "http://[::1]:51234/callback",
    ];
    for presented in others {
        assert!(!redirect_matches(registered, presented, true), "{presented}");
    }
    assert!(!redirect_matches("http://localhost/cb", "http://localhost:1/cb", true));
    assert!(!redirect_matches("https://app.example.com/cb", "https://app.example.com:443/cb", true));
    assert!(redirect_matches("com.example.app:/cb", "com.example.app:/cb", true));
    assert!(!redirect_matches("com.example.app:/cb", "com.example.app:/CB", true));
}

#[test]
fn no_spelling_reaches_what_the_deployment_serves() {
    let base = Urls::under("https://example.com/identity").unwrap();
    let inside = [
        "https://example.com/identity",
        "https://example.com/identity/i_1/authorize",
        "https://EXAMPLE.com:443/identity/",
        "https://example.com/app/../identity/x",
        "https://example.com/%69dentity/x",
        "https://example.com//identity/x",
        "https://example.com/.%2f/identity?x",
    ];
    for text in inside {
        assert!(lies_under(text, &base), "{text}");
    }
    let outside = [
        "https://example.com/app/callback",
        "https://example.com/identity2",
        "https://example.com:8443/identity",
        "https://id.example.com/identity",
    ];
    for text in outside {
        assert!(!lies_under(text, &base), "{text}");
    }
    assert!(lies_under("https://id.example.com/anything", &Urls::under("https://id.example.com").unwrap()));
}

#[test]
fn an_origin_is_written_as_browsers_send_it() {
    let is_origin = |text| WebUri::parse(text).is_ok_and(|uri| uri.is_serialized_origin());
    for text in ["https://app.example.com", "https://app.example.com:8443", "http://localhost:3000", "http://[::1]:1"] {
        assert!(is_origin(text), "{text}");
    }
    for text in ["https://App.example.com", "https://app.example.com/", "https://app.example.com:443", "http://a.b", ""]
    {
        assert!(!is_origin(text), "{text}");
    }
}

/// Texts that come close to being a URI, with everything that could slip through.
fn close_to_a_uri() -> impl Strategy<Value = String> {
    let scheme = prop::sample::select(vec!["https", "http", "com.example.app", "HTTPS", "javascript", "a..b", ""]);
    let separator = prop::sample::select(vec!["://", ":/", ":", ":///", ":\\\\", "//"]);
    let authority = prop_oneof![
        prop::sample::select(vec!["localhost", "127.0.0.1", "[::1]", "example.com", "127.1", "xn--0000h", "a@b", ""])
            .prop_map(str::to_owned),
        "[a-zA-Z0-9.@:%\\[\\]*_-]{0,12}",
    ];
    let port = prop::sample::select(vec!["", ":", ":80", ":0", ":65536", ":8o", ":443"]);
    let rest = "[ -~äé\\t\\n]{0,12}";
    (scheme, separator, authority, port, rest)
        .prop_map(|(scheme, separator, authority, port, rest)| [scheme, separator, &authority, port, &rest].concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn accepted_implies_the_stated_syntax(text in prop_oneof![close_to_a_uri(), any::<String>()]) {
        let Ok(uri) = ClientUri::parse(&text) else { return Ok(()) };
        prop_assert!(text.len() <= MAX_BYTES);
        prop_assert!(text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'#')));
        let read = Url::parse(&text).expect("browsers cannot read it");
        prop_assert!(read.username().is_empty() && read.password().is_none() && read.fragment().is_none());
        match uri {
            ClientUri::PrivateUse => {
                let (scheme, rest) = text.split_once(':').unwrap();
                prop_assert!(scheme.contains('.') && rest.starts_with('/'));
                prop_assert!(!read.host_str().unwrap_or_default().contains('*'));
            }
            ClientUri::Web(uri) => {
                prop_assert!(uri.scheme == "https" || LOOPBACK.contains(&uri.host));
                prop_assert_eq!(read.scheme(), uri.scheme);
                prop_assert_eq!(read.port_or_known_default(), Some(uri.port()));
                prop_assert!(!uri.host.contains('*'));
                let port = uri.port.map(|port| format!(":{port}")).unwrap_or_default();
                prop_assert_eq!(format!("{}://{}{port}{}", uri.scheme, uri.host, uri.rest), text.clone());
                if !uri.host.starts_with('[') {
                    prop_assert_eq!(read.host_str().unwrap(), uri.host.to_ascii_lowercase());
                }
            }
        }
    }

    #[test]
    fn a_match_differs_in_the_port_at_most(registered in close_to_a_uri(), presented in close_to_a_uri(), native: bool) {
        if redirect_matches(&registered, &presented, native) && registered != presented {
            prop_assert!(native);
            let (one, other) = (WebUri::parse(&registered).unwrap(), WebUri::parse(&presented).unwrap());
            prop_assert_eq!(one.scheme, "http");
            prop_assert_eq!((one.host, one.rest), (other.host, other.rest));
        }
    }
}

#[test]
fn the_origin_of_a_page_is_scheme_host_and_port() {
    let uris =
        ["https://A.example:443/cb?x", "http://localhost:3000/cb", "https://b.example:8443", "com.example.app:/cb"];
    let origins: Vec<_> = uris.iter().filter_map(|uri| origin(uri)).collect();
    assert_eq!(origins, ["https://a.example", "http://localhost:3000", "https://b.example:8443"]);
}
