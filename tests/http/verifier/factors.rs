//! Second factors.

use super::*;

#[tokio::test]
async fn an_app_is_set_up_with_its_first_code_and_brings_backup_codes() {
    let ground = Ground::new().await;
    let branding = json!({ "settings": { "branding": { "display_name": "Acme: ID" } } });
    ground.app.root().patch(&ground.issuer, branding).expect(200).await;
    let begun = ground.create(json!({ "type": "totp", "name": "Phone" })).await;
    assert!(begun.text("enrollment_id").starts_with("enr_"));
    assert_eq!(begun.text("secret").len(), 32);
    let uri = begun.text("provisioning_uri");
    assert!(uri.starts_with("otpauth://totp/Acme%20%20ID:ada%40example"), "{uri}");
    assert!(uri.contains(&format!("secret={}", begun.text("secret"))), "{uri}");
    assert_eq!(begun.data()["expires_at"], ground.app.now() + 600_000);
    assert!(ground.list().await.is_empty() && ground.types().await.is_empty(), "nothing is in force");

    let done = ground.complete(&begun, &code(&begun.text("secret"), ground.app.now())).await;
    assert_eq!((&done["success"], &done["error"]), (&json!(true), &Value::Null));
    let codes = done["backup_codes"].as_array().unwrap();
    assert_eq!(codes.len(), 10);
    let is_code =
        |code: &str| code.len() == 10 && code.bytes().all(|b| b.is_ascii_uppercase() || (b'2'..=b'7').contains(&b));
    assert!(codes.iter().all(|code| is_code(code.as_str().unwrap())), "{done}");
    let app = ground.of_kind("totp_app").await;
    assert_eq!((&app["id"], &app["name"]), (&done["verifier_id"], &json!("Phone")));
    assert_eq!(app["totp_app"], json!({ "digits": 6, "period": 30, "algorithm": "SHA1" }));
    assert_eq!(ground.of_kind("backup_codes").await["backup_codes"], json!({ "total": 10, "remaining": 10 }));
    let security = ground.security().await;
    assert_eq!(
        (&security["mfa_enabled"], &security["mfa_methods"]),
        (&json!(true), &json!(["backup_codes", "totp_app"]))
    );
    let created = ("user.verifier.created".to_owned(), json!({ "verifier_type": "totp_app" }));
    let factor = ("user.mfa.factor-created".to_owned(), json!({ "factor_type": "totp_app" }));
    assert_eq!(ground.trail().await, [created, factor]);

    let again = ground.complete(&begun, &code(&begun.text("secret"), ground.app.now())).await;
    assert_eq!((&again["success"], &again["error"]), (&json!(false), &json!("enrollment_expired")));
    ground.app.root().post(&ground.verifiers, json!({ "type": "totp_app" })).expect(409).await;
    let used = ground.verify(app["id"].as_str().unwrap(), &code(&begun.text("secret"), ground.app.now())).await;
    assert_eq!(used["success"], false, "the first code was used");
}

#[tokio::test]
async fn the_issuer_says_what_apps_call_it_and_how_many_codes_there_are() {
    let ground = Ground::new().await;
    let methods = format!("{}/auth-methods", ground.issuer);
    for (method, settings) in
        [("totp_app", json!({ "issuer_label": "Aviato" })), ("backup_codes", json!({ "count": 8 }))]
    {
        let body = json!({ "method": method, "name": method, "settings": settings });
        ground.app.root().post(&methods, body).expect(201).await;
    }
    let begun = ground.create(json!({ "type": "totp_app" })).await;
    assert!(begun.text("provisioning_uri").starts_with("otpauth://totp/Aviato:"), "{begun}");
    let (_, _, codes) = ground.enrolled().await;
    assert_eq!(codes.len(), 8);
}

#[tokio::test]
async fn setting_an_app_up_ends_after_ten_minutes_or_five_wrong_codes() {
    let ground = Ground::new().await;
    let late = ground.create(json!({ "type": "totp_app" })).await;
    ground.app.advance(Duration::from_mins(10));
    let expired = ground.complete(&late, &code(&late.text("secret"), ground.app.now())).await;
    assert_eq!(expired["error"], "enrollment_expired");

    let first = ground.create(json!({ "type": "totp_app" })).await;
    let second = ground.create(json!({ "type": "totp_app" })).await;
    let right = code(&second.text("secret"), ground.app.now());
    let replaced = ground.complete(&first, &code(&first.text("secret"), ground.app.now())).await;
    assert_eq!(replaced["error"], "enrollment_expired", "the later one took its place");
    for _ in 0..5 {
        assert_eq!(ground.complete(&second, "no code").await["error"], "invalid_code");
    }
    assert_eq!(ground.complete(&second, &right).await["error"], "enrollment_expired");
    let unknown = json!({ "enrollment_id": "whatever", "code": "1" });
    let path = format!("{}/complete-enrollment", ground.verifiers);
    let answer = ground.app.root().post(&path, unknown).expect(200).await;
    assert_eq!((&answer.data()["success"], &answer.data()["error"]), (&json!(false), &json!("enrollment_expired")));
    let missing = ground.app.root().act(&path).expect(400).await;
    assert_eq!(missing.refusal().1, ["code required", "enrollment_id required"]);
    assert!(ground.list().await.is_empty() && ground.types().await.is_empty());
}

#[tokio::test]
async fn five_wrong_codes_lock_for_a_quarter_of_an_hour() {
    let ground = Ground::new().await;
    let (id, secret, _) = ground.enrolled().await;
    ground.app.advance(Duration::from_mins(1));
    for left in (1..=4).rev() {
        let wrong = ground.verify(&id, "no code").await;
        assert_eq!(wrong, json!({ "success": false, "remaining": left, "error": "invalid_code" }));
    }
    assert_eq!(ground.security().await["failed_attempts"], 4);
    let locked = json!({ "success": false, "remaining": 0, "error": "locked" });
    assert_eq!(ground.verify(&id, "no code").await, locked);
    let until = ground.app.now() + 900_000;
    assert_eq!(ground.of_kind("totp_app").await["status"], "locked");
    assert_eq!(ground.security().await["locked_until"], until);
    assert_eq!(ground.verify(&id, &code(&secret, ground.app.now())).await, locked, "even the right code");
    let (kind, data) = ground.trail().await.pop().unwrap();
    let told = json!({ "factor_type": "totp_app", "attempts": 5, "locked_until": until });
    assert_eq!((kind.as_str(), data), ("user.mfa.verification.failed", told));

    ground.app.advance(Duration::from_mins(15));
    assert_eq!(ground.of_kind("totp_app").await["status"], "active");
    assert_eq!(ground.verify(&id, "no code").await["remaining"], 4, "the count begins anew");
    let accepted = ground.verify(&id, &code(&secret, ground.app.now())).await;
    assert_eq!(accepted, json!({ "success": true, "remaining": null, "error": null }));
    let succeeded = ("user.mfa.verification.succeeded".to_owned(), json!({ "factor_type": "totp_app" }));
    assert_eq!(ground.trail().await.pop(), Some(succeeded));
    assert_eq!(ground.security().await["failed_attempts"], 0);
    assert_eq!(ground.of_kind("totp_app").await["last_used_at"], ground.app.now());
    let lockout = json!({ "settings": { "security": { "lockout": { "max_attempts": 1, "duration_seconds": 60 } } } });
    ground.app.root().patch(&ground.issuer, lockout).expect(200).await;
    assert_eq!(ground.verify(&id, "no code").await, locked, "as the issuer wants it");
}

#[tokio::test]
async fn of_parallel_uses_of_one_code_one_is_accepted() {
    let ground = Ground::new().await;
    let (id, secret, codes) = ground.enrolled().await;
    let set = ground.of_kind("backup_codes").await["id"].as_str().unwrap().to_owned();
    ground.app.advance(Duration::from_mins(1));
    for (verifier, code) in [(&id, &code(&secret, ground.app.now())), (&set, &codes[0])] {
        let answers = join_all((0..16).map(|_| ground.verify(verifier, code))).await;
        assert_eq!(answers.iter().filter(|answer| answer["success"] == true).count(), 1, "{answers:?}");
    }
}

#[tokio::test]
async fn a_code_is_good_one_step_early_and_late_and_never_backwards() {
    let ground = Ground::new().await;
    let (id, secret, _) = ground.enrolled().await;
    ground.app.advance(Duration::from_mins(5));
    let now = ground.app.now();
    for (shown_at, good) in [(now - 60_000, false), (now + 60_000, false), (now + 30_000, true), (now, false)] {
        assert_eq!(ground.verify(&id, &code(&secret, shown_at)).await["success"], good, "{}", shown_at - now);
    }
}

#[tokio::test]
async fn backup_codes_are_good_for_once_until_there_are_new_ones() {
    let ground = Ground::new().await;
    let (app, _, codes) = ground.enrolled().await;
    let set = ground.of_kind("backup_codes").await["id"].as_str().unwrap().to_owned();
    let typed = format!(" {}-{} ", codes[0][..5].to_lowercase(), &codes[0][5..]);
    assert_eq!(ground.verify(&set, &typed).await, json!({ "success": true, "remaining": 9, "error": null }));
    assert_eq!(
        ground.verify(&set, &codes[0]).await,
        json!({ "success": false, "remaining": 4, "error": "invalid_code" })
    );
    for (used, left) in codes[1..7].iter().zip((3..9).rev()) {
        assert_eq!(ground.verify(&set, used).await["remaining"], left);
    }
    let low = ("user.mfa.backup-codes.low".to_owned(), json!({ "remaining": 3 }));
    let trail = ground.trail().await;
    assert_eq!(trail.iter().filter(|event| **event == low).count(), 1, "{trail:?}");
    assert_eq!(ground.of_kind("backup_codes").await["backup_codes"], json!({ "total": 10, "remaining": 3 }));

    let regenerate = format!("{}/{set}/regenerate", ground.verifiers);
    ground.app.root().act(&regenerate).header("if-match", "\"1\"").expect(412).await;
    let new = ground.app.root().act(&regenerate).expect(200).await;
    let new_codes = new.data()["codes"].as_array().unwrap();
    assert_eq!(new_codes.len(), 10);
    assert_eq!(ground.verify(&set, &codes[9]).await["success"], false, "the old ones are worth nothing");
    assert_eq!(ground.verify(&set, new_codes[0].as_str().unwrap()).await["remaining"], 9);
    let made = ("user.mfa.backup-codes.regenerated".to_owned(), json!({ "count": 10 }));
    assert!(ground.trail().await.contains(&made));
    ground.app.root().act(&format!("{}/{app}/regenerate", ground.verifiers)).expect(409).await;
    let events = Value::from(ground.app.events("").await).to_string();
    assert!(codes.iter().all(|code| !events.contains(code.as_str())), "codes are told once");
}

#[tokio::test]
async fn with_the_last_factor_go_its_backup_codes_and_the_trust_in_devices() {
    let ground = Ground::new().await;
    let (app, _, _) = ground.enrolled().await;
    let devices = format!("{}/trusted-devices", ground.user);
    ground.app.root().post(&devices, json!({ "fingerprint": "f" })).expect(201).await;
    let path = format!("{}/{app}", ground.verifiers);
    ground.app.root().delete(&path).header("if-match", "\"1\"").expect(412).await;
    ground.app.root().delete(&path).expect(204).await;
    ground.app.root().delete(&path).expect(404).await;
    assert!(ground.list().await.is_empty());
    assert_eq!(ground.app.root().get(&devices).expect(200).await.data(), &json!([]));
    let trail = ground.trail().await.split_off(3);
    let expected = [
        ("user.verifier.deleted".to_owned(), json!({ "verifier_type": "totp_app" })),
        ("user.mfa.factor-deleted".to_owned(), json!({ "factor_type": "totp_app" })),
        ("user.verifier.deleted".to_owned(), json!({ "verifier_type": "backup_codes" })),
    ];
    assert_eq!(trail[..3], expected);
    assert_eq!(trail[3..].iter().map(|(kind, _)| kind.as_str()).collect::<Vec<_>>(), ["user.device.revoked"]);
    assert_eq!(ground.security().await["mfa_enabled"], false);
    ground.enrolled().await;
}

#[tokio::test]
async fn a_credential_can_be_renamed_and_sent_back() {
    let ground = Ground::new().await;
    let (app, _, _) = ground.enrolled().await;
    let path = format!("{}/{app}", ground.verifiers);
    let before = ground.app.root().get(&path).expect(200).await;
    let same = ground.app.root().patch(&path, before.data().clone()).expect(200).await;
    assert_eq!((same.data(), same.header("etag")), (before.data(), before.header("etag")));
    ground.app.advance(Duration::from_secs(1));
    let named = ground.app.root().patch(&path, json!({ "name": "Phone" })).expect(200).await;
    assert_eq!((&named.data()["name"], &named.data()["updated_at"]), (&json!("Phone"), &json!(ground.app.now())));
    let stale = ground.app.root().patch(&path, json!({ "name": "x" })).header("if-match", before.header("etag"));
    stale.expect(412).await;
    let cleared = ground.app.root().patch(&path, json!({ "name": null })).expect(200).await;
    assert_eq!(cleared.data()["name"], Value::Null);
    let renamed = json!({ "verifier_type": "totp_app", "changes": ["name"] });
    let updates: Vec<_> =
        ground.trail().await.into_iter().filter(|(kind, _)| kind == "user.verifier.updated").collect();
    assert_eq!(updates, vec![("user.verifier.updated".to_owned(), renamed); 2]);
    let refused = ground.app.root().patch(&path, json!({ "name": "", "secret": "x" })).expect(400).await;
    assert_eq!(refused.refusal().1, ["name too_short", "secret unknown_field"]);
}

#[tokio::test]
async fn what_cannot_be_set_up_here_is_refused() {
    let ground = Ground::new().await;
    for (body, problems) in [
        (json!({}), vec!["type required"]),
        (json!({ "type": "password" }), vec!["password required"]),
        (json!({ "type": "shoe_size" }), vec!["type invalid_enum_value"]),
        (json!({ "type": "totp_app", "password": "x" }), vec!["password not_allowed"]),
        (json!({ "type": "totp_app", "name": "x".repeat(201) }), vec!["name too_long"]),
        (json!({ "type": "password", "password": "correct horse battery", "name": "x" }), vec!["name not_allowed"]),
    ] {
        let refused = ground.app.root().post(&ground.verifiers, body.clone()).expect(400).await;
        assert_eq!(refused.refusal().1, problems, "{body}");
    }
    for kind in ["webauthn", "passkey", "backup_codes", "oauth2", "sso"] {
        let refused = ground.app.root().post(&ground.verifiers, json!({ "type": kind })).expect(400).await;
        assert!(refused.refusal().1.contains(&"type not_allowed".to_owned()), "{kind}: {refused}");
    }
    let made = ground.create(json!({ "type": "password", "password": "correct horse battery" })).await;
    let verify = format!("{}/{}/verify", ground.verifiers, made.text("enrollment_id"));
    ground.app.root().post(&verify, json!({ "code": "correct horse battery" })).expect(409).await;
    assert_eq!(ground.app.root().act(&verify).expect(400).await.refusal().1, ["code required"]);
    let nobody = format!("{}/users/usr_{}/verifiers", ground.issuer, "0".repeat(25));
    ground.app.root().get(&nobody).expect(404).await;
    ground.app.root().post(&nobody, json!({ "type": "totp_app" })).expect(404).await;
}
